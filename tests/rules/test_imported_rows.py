"""Rules on the rows that a file brings: in their order, and never over what somebody said."""

from typing import Any

import pytest
from sqlalchemy import select

from graph.context import Services
from models import ids as ids_of
from models.base import table
from models.categories import Category
from resolvers.inputs import parse
from resolvers.transactions import TransactionCreate, create_transactions, update_transactions
from resolvers.transactions.inputs import TransactionUpdate
from resolvers.transactions.writes import Patch
from tests.imports.world import World
from tests.rules.world import cat, rule_in, says
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

FILE = """Date,Payee,Text,Amount,Category
2026-01-01,EDEKA 4711,Card,-12.00,
2026-01-02,AMZN Mktp,Card,-30.00,Salary
2026-01-03,Landlord,Rent,-650.00,
2026-01-04,Employer,Pay,2000.00,
"""


async def known(world: World) -> dict[str, Any]:
    """The starter set by key."""
    c = table(Category)
    async with world.database.read(world.actor.user_id) as tx:
        rows = await tx.rows(select(c.c.key, c.c.id).where(c.c.ledger_id == world.actor.ledger_id))
    return {row.key: row.id for row in rows}


async def test_the_first_rule_decides_a_field_and_tags_gather(world: World) -> None:
    giro, ids = await world.account(), await known(world)
    food, salary, rent = ids["groceries"], ids["salary"], ids["rent"]
    await rule_in(
        world, says("PAYEE", "amzn", "STARTS"), actions={"payee": "Amazon", "tags": ["web"]}
    )
    # It sees what the rule before has made of the payee.
    await rule_in(world, says("PAYEE", "Amazon", "EQUALS"), actions={"categoryId": cat(food), "tags": ["shop", "web"]})  # fmt: skip
    await rule_in(
        world, says("PAYEE", "edeka"), actions={"categoryId": cat(food), "notes": "first"}
    )
    await rule_in(world, says("PAYEE", "edeka"), actions={"categoryId": cat(rent), "notes": "second", "tags": ["t"]})  # fmt: skip
    await rule_in(world, says("TEXT", "rent"), active=False, actions={"categoryId": cat(rent)})
    stops = {"field": "AMOUNT", "direction": "IN"}
    await rule_in(world, stops, stop=True, actions={"categoryId": cat(salary)})
    await rule_in(world, says("TEXT", "pay"), actions={"tags": ["late"]})
    run = await world.bring_in(FILE, giro)
    assert run.counts["new"] == 4
    rows = {row.date.day: row for row in await world.booked(giro)}
    assert [(one.category_id, one.payee, one.tags, one.notes, one.locked) for one in rows.values()] == [
        (food, "EDEKA 4711", ("t",), "first", ()),
        # The file names a category of the books for this very row: that stands.
        (salary, "Amazon", ("web", "shop"), None, ()),
        (None, "Landlord", (), None, ()),
        (salary, "Employer", (), None, ()),
    ]  # fmt: skip
    # The second time the file holds nothing new, whatever its payees are called by now.
    again = await world.bring_in(FILE, giro)
    assert (again.counts["new"], again.counts["duplicate"]) == (0, 4)
    assert {row.date.day: row for row in await world.booked(giro)} == rows


async def test_what_lies_in_the_books_is_left_alone(world: World) -> None:
    giro, ids = await world.account(), await known(world)
    await world.bring_in(FILE, giro)
    before = await world.booked(giro)
    await rule_in(world, says("TEXT", "card"), actions={"categoryId": cat(ids["rent"])})
    await world.bring_in(FILE + "2026-01-05,New,Card,-1.00,\n", giro)
    after = await world.booked(giro)
    assert after[:4] == before
    assert after[4].category_id == ids["rent"]


async def test_what_a_hand_has_emptied_stays_empty_when_a_banks_row_joins_it(world: World) -> None:
    giro = await world.account()
    raw = {
        "accountId": ids_of.encode("acct", giro),
        "date": "2026-01-01",
        "amount": "-12",
        "description": "Food",
    }
    for locked in ((), ("PAYEE",)):
        (row,) = await world.write(
            lambda write: create_transactions(write, [parse(TransactionCreate, raw)])
        )
        update = TransactionUpdate.model_validate({"lockedFields": list(locked)})
        await world.write(
            lambda write, row=row, update=update: update_transactions(
                write, [Patch(row.id, update)]
            )
        )
        await world.bring_in("Date,Payee,Text,Amount\n2026-01-02,EDEKA,Card,-12.00\n", giro)
        (found,) = await world.booked(giro)
        assert (found.id, found.payee) == (row.id, None if locked else "EDEKA")
        await world.throw_away(found)
        await world.person()
        world.actors.reverse()
        giro = await world.account()
        raw["accountId"] = ids_of.encode("acct", giro)


async def test_a_dry_run_and_a_waiting_one_change_nothing(world: World) -> None:
    giro = await world.account()
    await rule_in(world, says("TEXT", "card"), actions={"payee": "x"})
    await world.bring_in(FILE, giro, dryRun=True)
    assert await world.booked(giro) == []


async def test_the_cost_does_not_grow_with_rows_and_rules(world: World, services: Services) -> None:
    counts = []
    for size in (1, 12):
        await world.person()
        world.actors.reverse()
        giro, ids = await world.account(), await known(world)
        for index in range(size):
            await rule_in(
                world, says("TEXT", f"card {index}"), actions={"categoryId": cat(ids["rent"])}
            )
        file = "Date,Text,Amount\n" + "".join(
            f"2026-01-{n + 1:02},card {n},-1.00\n" for n in range(size)
        )
        with counted(services.database) as seen:
            await world.bring_in(file, giro)
        counts.append(len(seen))
        assert {row.category_id for row in await world.booked(giro)} == {ids["rent"]}
        world.actors.reverse()
    assert counts[0] == counts[1]
