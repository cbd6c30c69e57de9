"""How often a write goes to the database: it reads what it needs, and leaves one statement."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import ARRAY, String, bindparam, func, select, update

from app import Running
from graph.context import Services
from models import ids
from models.base import table
from models.categories import Category
from models.statements import Prepared
from resolvers.ledgers import LedgerWrite
from resolvers.repeats import Repeat
from tests.doors import GraphQLDoor, Person, Refused
from tests.groups.world import circle
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


async def ledger_of(services: Services, person: Person) -> UUID:
    """A person's own ledger."""
    return (await services.auth.actor(person.token)).ledger_id


async def test_a_create_reads_what_it_needs_and_leaves_everything_in_one_statement(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    other = (await door.call("CreateAccount", {**CASH, "name": "B"}))["id"]
    food = (await door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    row = {**ROW, "accountId": account, "categoryId": food}
    await door.call("CreateTransaction", row)
    # What is remembered of a ledger makes it one statement (test_drafts.py).
    ledger = await ledger_of(services, ada)
    services.ledgers.drafts.standings.forget(ledger)
    with counted(services.database) as seen:
        made = await door.call("CreateTransaction", row)
    # One behind the lock, with account and category, and one for all that is left.
    (read, writes) = seen
    assert read.lstrip().startswith("SELECT")
    for part in ("INSERT INTO transactions", "segments", "UPDATE accounts", "INSERT INTO changes"):
        assert part in writes, part
    assert made["amount"] == "-1.50"
    transfer = {**ROW, "accountId": account, "transferAccountId": other}
    services.ledgers.drafts.standings.forget(ledger)
    with counted(services.database) as seen:
        await door.call("CreateTransaction", transfer)
    # Both sides and both changes go with the rest.
    assert len(seen) == 2
    assert "INSERT INTO transactions" in seen[-1]
    page = await door.call("ListAccounts")
    balances = {one["name"]: one["balance"] for one in page["items"]}
    assert balances == {"A": "-4.50", "B": "1.50"}


async def test_a_key_costs_a_create_no_statement_of_its_own(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    row = {**ROW, "accountId": account}
    await door.call("CreateTransaction", row, key="first")
    services.ledgers.drafts.standings.forget(await ledger_of(services, ada))
    with counted(services.database) as seen:
        made = await door.call("CreateTransaction", row, key="second")
    assert len(seen) == 2
    assert "INSERT INTO idempotency_keys" in seen[-1]
    with counted(services.database) as seen:
        assert await door.call("CreateTransaction", row, key="second") == made
    assert door.replayed
    assert len(seen) == 1
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransaction", {**row, "amount": "-2"}, key="second")
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert len((await door.call("ListTransactions"))["items"]) == 2


async def test_a_key_whose_time_is_over_is_free_again(client: Any, ada: Person, root: Any) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    row = {**ROW, "accountId": account}
    for key in ("old", "other"):
        await door.call("CreateTransaction", row, key=key)
    mine = ids.decode("user", ada.id)
    await root.execute(
        "UPDATE idempotency_keys k SET created_at = created_at - interval '25 hours'"
        " FROM memberships m WHERE m.ledger_id = k.ledger_id AND m.user_id = $1",
        mine,
    )
    await door.call("CreateTransaction", {**row, "amount": "-2"}, key="old")
    assert not door.replayed
    kept = await root.fetch(
        "SELECT key FROM idempotency_keys k JOIN memberships m USING (ledger_id) WHERE user_id = $1",
        mine,
    )
    assert [one["key"] for one in kept] == ["old"]


@pytest.mark.parametrize("personal_first", [False, True], ids=["group-first", "personal-first"])
async def test_a_key_works_once_behind_whichever_lock_it_is_taken(
    client: Any, ada: Person, running: Running, services: Services, personal_first: bool
) -> None:
    world = await circle(running, GraphQLDoor(client, ada))
    actor = await services.auth.actor(ada.token)
    group = ids.decode("grp", world.group)
    repeat = Repeat("one key", "same", {"a": 1})
    ledgers = [actor.ledger_id, group] if personal_first else [group, actor.ledger_id]
    within = asyncio.Event()

    async def write(number: int) -> Any:
        async def work(_: LedgerWrite) -> str:
            within.set()
            await asyncio.sleep(0.1)
            return str(number)

        return await services.ledgers.write(
            actor, work, ledger_id=ledgers[number], repeat=repeat, answer=str
        )

    first = asyncio.create_task(write(0))
    await within.wait()
    second = await write(1)
    one = await first
    # The key of one lies before its lock, that of the other behind it: the database may let one of
    # them begin again, and only one has happened.
    assert {one.replayed, second.replayed} == {False, True}
    assert one.value == second.value


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


async def test_who_waits_for_a_busy_ledger_is_told_so_and_the_next_one_gets_it(
    client: Any,
    ada: Person,
    services: Services,
    root: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = GraphQLDoor(client, ada)
    actor = await services.auth.actor(ada.token)
    words = services.database._begun_write
    assert "'lock_timeout', '3000'" in words
    short = words.replace("'lock_timeout', '3000'", "'lock_timeout', '50'")
    monkeypatch.setattr(services.database, "_begun_write", short)
    async with root.transaction():
        await root.execute("SELECT FROM ledgers WHERE id = $1 FOR UPDATE", actor.ledger_id)
        with pytest.raises(Refused) as refused:
            await door.call("CreateAccount", CASH)
    assert refused.value.code == "CONFLICT"
    assert (await door.call("CreateAccount", CASH))["name"] == "A"


async def test_who_is_removed_while_waiting_for_the_lock_commits_nothing(
    client: Any, ada: Person, bob: Person, running: Running, root: asyncpg.Connection
) -> None:
    world = await circle(running, GraphQLDoor(client, ada))
    await world.bring(bob)
    ledger_id = ids.decode("grp", world.group)
    before = await root.fetchval("SELECT version FROM ledgers WHERE id = $1", ledger_id)
    async with root.transaction():
        await root.execute("SELECT FROM ledgers WHERE id = $1 FOR UPDATE", ledger_id)
        waiting = asyncio.create_task(
            GraphQLDoor(client, bob).call("UpdateGroup", {"name": "Ours"}, id=world.group)
        )
        for _ in range(1_000):
            if await root.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                break
            await asyncio.sleep(0.01)
        await root.execute(
            "DELETE FROM memberships WHERE ledger_id = $1 AND user_id = $2",
            ledger_id,
            ids.decode("user", bob.id),
        )
    with pytest.raises(Refused) as refused:
        await waiting
    assert refused.value.code == "NOT_FOUND"
    after = await root.fetchval("SELECT version FROM ledgers WHERE id = $1", ledger_id)
    assert after == before
