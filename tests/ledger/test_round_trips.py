"""How often a write goes to the database: it reads what it needs, and leaves one statement."""

from typing import Any

import pytest
from sqlalchemy import ARRAY, String, bindparam, func, select, update

from graph.context import Services
from models.base import table
from models.categories import Category
from models.statements import Prepared
from tests.doors import GraphQLDoor, Person
from tests.statements import counted

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
ROW = {"date": "2026-01-01", "amount": "-1.50", "description": "x"}
_C = table(Category)
_RENAME = Prepared(
    update(_C)
    .where(
        _C.c.name == bindparam("old"), _C.c.name == func.any(bindparam("olds", type_=ARRAY(String)))
    )
    .values(name=bindparam("new"))
)
_NAMES = Prepared(select(_C.c.name).where(_C.c.kind == bindparam("kind")).order_by(_C.c.name))


async def test_a_create_reads_what_it_needs_and_leaves_everything_in_one_statement(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    other = (await door.call("CreateAccount", {**CASH, "name": "B"}))["id"]
    food = (await door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    row = {**ROW, "accountId": account, "categoryId": food}
    await door.call("CreateTransaction", row)
    with counted(services.database) as seen:
        made = await door.call("CreateTransaction", row)
    reads, writes = seen[:-1], seen[-1]
    assert len(reads) == 3
    assert all(one.lstrip().startswith("SELECT") for one in reads)
    for part in ("INSERT INTO transactions", "segments", "UPDATE accounts", "INSERT INTO changes"):
        assert part in writes, part
    assert made["amount"] == "-1.50"
    transfer = {**ROW, "accountId": account, "transferAccountId": other}
    with counted(services.database) as seen:
        await door.call("CreateTransaction", transfer)
    # No category to read; both sides and both changes go with the rest.
    assert len(seen) == 3
    assert "INSERT INTO transactions" in seen[-1]
    page = await door.call("ListAccounts")
    balances = {one["name"]: one["balance"] for one in page["items"]}
    assert balances == {"A": "-4.50", "B": "1.50"}


async def test_statements_left_for_later_happen_in_order_and_before_what_reads_them(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    actor = await services.auth.actor(ada.token)
    await door.call("CreateCategory", {"name": "One", "kind": "EXPENSE"})

    async def work(tx: Any) -> list[Any]:
        await tx.later(_RENAME, {"old": "One", "olds": ["One", "x"], "new": "Two"})
        unseen = await tx.aside(_NAMES, {"kind": "EXPENSE"})
        # The same rows once more: the first is sent before.
        await tx.later(_RENAME, {"old": "Two", "olds": ["Two"], "new": "Three"})
        return [unseen, await tx.rows(_NAMES, {"kind": "EXPENSE"})]

    before, after = await services.database.change(actor.user_id, work)
    names = [{row.name for row in rows} & {"One", "Two", "Three"} for rows in (before, after)]
    assert names == [{"One"}, {"Three"}]


async def test_what_is_left_at_the_end_is_committed_and_nothing_of_a_failed_write(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    actor = await services.auth.actor(ada.token)
    await door.call("CreateCategory", {"name": "One", "kind": "EXPENSE"})

    async def rename(tx: Any, old: str, new: str) -> None:
        await tx.later(_RENAME, {"old": old, "olds": [old], "new": new})
        if new == "Never":
            raise ValueError

    await services.database.change(actor.user_id, lambda tx: rename(tx, "One", "Two"))
    with pytest.raises(ValueError):
        await services.database.change(actor.user_id, lambda tx: rename(tx, "Two", "Never"))
    async with services.database.read(actor.user_id) as tx:
        names = {row.name for row in await tx.rows(_NAMES, {"kind": "EXPENSE"})}
    assert names & {"One", "Two", "Never"} == {"Two"}


async def test_many_rows_with_any_text_in_their_lists_go_in_one_statement(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    tags = [
        [],
        ["plain"],
        ['quo"ted', "back\\slash", "comma,brace}{", "NULL", "ünïcode 🙂", "x y"],
    ]
    rows = [
        {**ROW, "accountId": account, "tags": tags[number % 3], "notes": "n" if number else None}
        for number in range(9)
    ]
    with counted(services.database) as seen:
        await door.call("CreateTransactions", transactions=rows)
    assert len([one for one in seen if "INSERT INTO transactions" in one]) == 1
    assert "INSERT INTO changes" in seen[-1]
    listed = await door.pages("ListTransactions", limit=100)
    wanted = sorted(sorted(rows[number]["tags"]) for number in range(9))
    assert sorted(sorted(one["tags"]) for one in listed) == wanted
    assert sorted(one["notes"] or "" for one in listed) == [""] + ["n"] * 8
