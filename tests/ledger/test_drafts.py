"""Writes made of what is remembered: one statement, and exactly what a write that reads would do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import Running
from graph.context import Services
from models import ids
from models.base import table
from models.changes import Change
from models.idempotency import IdempotencyKey
from models.statements import Inserted
from models.transactions import Transaction, TransactionRow
from resolvers import repeats
from resolvers.access import Actor
from resolvers.errors import Invalid
from resolvers.inputs import parse
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.noticing.observer import notice
from resolvers.repeats import Repeat
from resolvers.transactions import TransactionCreate, create_transactions, storing
from resolvers.transactions.references import ahead_of
from resolvers.transactions.writes import one
from resolvers.verify import verify_ledger
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor
from tests.statements import counted

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
ROW = {"date": "2026-01-01", "amount": "-1.50", "description": "x"}


class World:
    """Somebody's ledger, and processes that write to it."""

    def __init__(self, door: Door, services: Services, running: Running, actor: Actor) -> None:
        self.door = door
        self.services = services
        self.running = running
        self.actor = actor
        self.account = ""
        self.other = ""

    def process(self) -> Ledgers:
        """Another process: it remembers on its own, and hears nothing of what others write."""
        return Ledgers(self.services.database, self.running.chain_key, self.running.broker, notice)

    async def book(
        self, ledgers: Ledgers, amount: str, repeat: Repeat | None = None, **more: Any
    ) -> Any:
        """Book a row by one of the processes."""
        data = parse(TransactionCreate, {**ROW, "accountId": self.account, "amount": amount} | more)

        async def work(write: LedgerWrite) -> Any:
            return one(await create_transactions(write, [data]))

        return await ledgers.write(
            self.actor, work, repeat=repeat, answer=TransactionRow, ahead=ahead_of(data)
        )

    async def balances(self) -> dict[str, str]:
        """Accounts by name."""
        page = await self.door.call("ListAccounts")
        return {each["name"]: each["balance"] for each in page["items"]}

    async def sound(self) -> None:
        """Whatever is derived is what it derives from: totals, chain, segments."""
        report = await verify_ledger(
            self.services.database, self.running.chain_key, self.actor.ledger_id, self.actor.user_id
        )
        assert report.differences == ()


@pytest.fixture
async def world(door: Door, ada: Person, services: Services, running: Running) -> World:
    found = World(door, services, running, await services.auth.actor(ada.token))
    found.account = (await door.call("CreateAccount", CASH))["id"]
    found.other = (await door.call("CreateAccount", {**CASH, "name": "B"}))["id"]
    return found


async def test_a_second_create_is_one_statement(world: World) -> None:
    door, database = world.door, world.services.database
    food = (await door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    row = {**ROW, "accountId": world.account, "categoryId": food}
    transfer = {**ROW, "accountId": world.account, "transferAccountId": world.other}
    await door.call("CreateTransaction", row)
    await door.call("CreateTransaction", transfer)
    full = {
        "notes": "n'\"\\ 🙂",
        "tags": ["a", 'q"\\u0041', "ü"],
        "payee": "O'Hara",
        "status": "PENDING",
    }
    if isinstance(door, RestDoor):
        # It learns where everything stands for the first entity tag.
        await door.call("CreateTransaction", row)
    before = await world.balances()
    for body, key in ((row | full, None), (transfer, None), (row, "k1"), (row, None)):
        with counted(database) as seen:
            made = await door.call("CreateTransaction", body, key=key)
        assert len(seen) == 1
        assert "write_at" in seen[0]
        same = await door.call("GetTransaction", id=made["id"])
        assert {name: same[name] for name in made} == made
    for name, value in full.items():
        newest = await door.pages("ListTransactions", limit=100)
        assert value in [each[name] for each in newest]
    assert float(before["A"]) - float((await world.balances())["A"]) == 6.0
    assert float((await world.balances())["B"]) - float(before["B"]) == 1.5
    await world.sound()


async def test_a_draft_is_one_round_trip(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    process, database = world.process(), world.services.database
    await world.book(process, "-1")

    async def begin(*_: Any) -> Any:
        raise AssertionError("a transaction is begun")

    monkeypatch.setattr(database, "_begin", begin)
    with counted(database) as seen:
        await world.book(process, "-2")
    # It commits by itself: there are no words around it.
    assert len(seen) == 1


@pytest.mark.parametrize("writers", [2, 4])
async def test_processes_that_remember_different_things_lose_no_cent(
    world: World, writers: int
) -> None:
    processes = [world.process() for _ in range(writers)]
    for process in processes:
        await world.book(process, "-0.01")
    amounts = [f"-{number}.37" for number in range(1, 13)]

    async def write(number: int, process: Ledgers) -> None:
        for amount in amounts:
            await world.book(process, amount)
            if number % 2:
                await world.book(process, "5.00", transferAccountId=world.other)

    await asyncio.gather(*(write(*each) for each in enumerate(processes)))
    transfers = 500 * len(amounts) * (writers // 2)
    cents = writers * (1 + sum(100 * number + 37 for number in range(1, 13)))
    found = await world.balances()
    assert round(float(found["A"]) * 100) == transfers - cents
    assert round(float(found["B"]) * 100) == -transfers
    await world.sound()


async def test_what_another_process_has_changed_is_found_out(world: World) -> None:
    one_process, other = world.process(), world.process()
    await world.book(one_process, "-1")
    await world.book(other, "-2")
    with counted(world.services.database) as seen:
        await world.book(one_process, "-4")
    # It has moved on: asked once, and written as usual.
    assert ["write_at" in each for each in seen] == [True, False, False]
    food = (await world.door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    await world.book(one_process, "-8", categoryId=food)
    rent = (await world.door.call("CreateCategory", {"name": "Rent", "kind": "EXPENSE"}))["id"]
    await world.door.call("DeleteCategory", id=food, moveTo=rent)
    with pytest.raises(Invalid) as refused:
        await world.book(one_process, "-16", categoryId=food)
    assert [each.path for each in refused.value.fields] == ["categoryId"]
    assert (await world.balances())["A"] == "-15.00"
    await world.sound()


async def test_a_total_that_is_another_one_is_never_written_over(
    world: World, root: asyncpg.Connection
) -> None:
    process = world.process()
    await world.book(process, "-1")
    account = ids.decode("acct", world.account)
    # Sealed anew without a word to anybody, as no code of ours does.
    async with world.services.database.read(world.actor.user_id) as tx:
        await tx.unlock({world.actor.ledger_id})
        again = tx.ring(world.actor.ledger_id).seal_minor("accounts.total", account, -100)
    await root.execute("UPDATE accounts SET total = $1 WHERE id = $2", again, account)
    with counted(world.services.database) as seen:
        await world.book(process, "-2")
    # Refused, not found in the feed, and written as usual.
    assert len(seen) == 4
    assert (await world.balances())["A"] == "-3.00"
    await world.sound()


async def test_a_key_works_once_whatever_each_process_remembers(world: World) -> None:
    processes = [world.process() for _ in range(3)]
    for process in processes:
        await world.book(process, "-1")
    repeat = Repeat("one key", "createTransaction", {"a": 1})
    found = await asyncio.gather(*(world.book(each, "-2", repeat) for each in processes))
    assert sorted(each.replayed for each in found) == [False, True, True]
    assert len({each.value.id for each in found}) == 1
    with counted(world.services.database) as seen:
        again = await world.book(processes[0], "-2", repeat)
    assert again.replayed
    assert len(seen) <= 2
    with pytest.raises(Exception, match="another input"):
        await world.book(processes[1], "-3", Repeat("one key", "createTransaction", {"a": 2}))
    assert (await world.balances())["A"] == "-5.00"
    await world.sound()


async def test_a_key_whose_time_is_over_is_free_for_a_draft(
    world: World, root: asyncpg.Connection
) -> None:
    first, second = world.process(), world.process()
    await world.book(first, "-1")
    repeat = Repeat("old", "createTransaction", {})
    await world.book(first, "-1", repeat)
    await root.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' "
        "WHERE ledger_id = $1",
        world.actor.ledger_id,
    )
    await world.book(second, "-1")
    assert not (await world.book(second, "-1", repeat)).replayed
    kept = "SELECT count(*) FROM idempotency_keys WHERE ledger_id = $1"
    assert await root.fetchval(kept, world.actor.ledger_id) == 1


@pytest.mark.parametrize("cut_off", [True, False], ids=["cut", "told"])
@pytest.mark.parametrize("happened", [True, False])
async def test_a_draft_that_ends_in_an_error_is_booked_once(
    world: World, monkeypatch: pytest.MonkeyPatch, happened: bool, cut_off: bool
) -> None:
    process, database = world.process(), world.services.database
    await world.book(process, "-1")
    real: Callable[..., Awaitable[bool]] = database.change_at

    async def fail(draft: dict[str, Any]) -> bool:
        if happened:
            assert await real(draft)
        raise DBAPIError(None, None, ConnectionResetError(), connection_invalidated=cut_off)

    monkeypatch.setattr(database, "change_at", fail)
    made = await world.book(process, "-2")
    monkeypatch.undo()
    assert not made.replayed
    page = await world.door.call("ListTransactions")
    assert [each["amount"] for each in page["items"]].count("-2.00") == 1
    assert ids.encode("txn", made.value.id) in [each["id"] for each in page["items"]]
    await world.book(process, "-4")
    assert (await world.balances())["A"] == "-7.00"
    await world.sound()


async def test_a_cut_draft_is_found_though_others_have_written_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, another, database = world.process(), world.process(), world.services.database
    await world.book(process, "-1")
    real: Callable[..., Awaitable[bool]] = database.change_at

    async def cut(draft: dict[str, Any]) -> bool:
        assert await real(draft)
        monkeypatch.undo()
        await world.book(another, "-4")
        raise DBAPIError(None, None, ConnectionResetError(), connection_invalidated=True)

    monkeypatch.setattr(database, "change_at", cut)
    made = await world.book(process, "-2")
    page = await world.door.call("ListTransactions")
    assert sorted(each["amount"] for each in page["items"]) == ["-1.00", "-2.00", "-4.00"]
    assert ids.encode("txn", made.value.id) in [each["id"] for each in page["items"]]
    await world.book(process, "-8")
    assert (await world.balances())["A"] == "-15.00"
    await world.sound()


async def test_who_waits_too_long_with_a_draft_is_told_so(
    world: World, root: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = world.process()
    await world.book(process, "-1")
    monkeypatch.setattr(world.services.database, "_patience", 50)
    async with root.transaction():
        await root.execute("SELECT FROM ledgers WHERE id = $1 FOR UPDATE", world.actor.ledger_id)
        with pytest.raises(Exception, match="still running"):
            await world.book(process, "-2")
    monkeypatch.undo()
    await world.book(process, "-4")
    assert (await world.balances())["A"] == "-5.00"


async def test_a_draft_sees_what_its_lock_has_waited_for(
    world: World, root: asyncpg.Connection
) -> None:
    process = world.process()
    await world.book(process, "-1")
    ledger = world.actor.ledger_id
    async with root.transaction():
        await root.execute("SELECT FROM ledgers WHERE id = $1 FOR UPDATE", ledger)
        waiting = asyncio.create_task(world.book(process, "-2"))
        for _ in range(1_000):
            if await root.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                break
            await asyncio.sleep(0.01)
        # Somebody who had the lock deletes the account meanwhile, and says so by the version.
        await root.execute("UPDATE accounts SET deleted_at = now() WHERE ledger_id = $1", ledger)
        await root.execute("UPDATE ledgers SET version = version + 1 WHERE id = $1", ledger)
    with pytest.raises(Invalid) as refused:
        await waiting
    assert [each.path for each in refused.value.fields] == ["accountId"]
    rows = "SELECT count(*) FROM transactions WHERE ledger_id = $1"
    assert await root.fetchval(rows, ledger) == 1


async def test_budgets_are_looked_at_after_a_draft_by_one_job(
    world: World, root: asyncpg.Connection
) -> None:
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01"}
    food = (await world.door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    await world.door.call("CreateBudget", {**plan, "items": [{"categoryId": food, "amount": "5"}]})
    process = world.process()
    await world.book(process, "-1")
    waiting = "FROM jobs WHERE subject_id = $1 AND kind = 'notice_budgets' AND state = 'WAITING'"
    ledger = world.actor.ledger_id
    await root.execute(f"DELETE {waiting}", ledger)
    for _ in range(3):
        with counted(world.services.database) as seen:
            await world.book(process, "-2")
        assert len(seen) == 1
    assert await root.fetchval(f"SELECT count(*) {waiting}", ledger) == 1


async def test_the_fence_holds_the_statement_like_any_other(
    world: World, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, database = world.process(), world.services.database
    await world.book(process, "-1")
    sent: list[dict[str, Any]] = []
    real = database.change_at

    async def note(draft: dict[str, Any]) -> bool:
        sent.append(draft)
        return False

    monkeypatch.setattr(database, "change_at", note)
    await world.book(process, "-2")
    monkeypatch.undo()
    mine = {**sent[0], "stood": sent[0]["stood"] + 1, "made": sent[0]["made"] + 1}
    async with database.read(world.actor.user_id) as tx:
        row = await tx.first(
            text("SELECT head_hash, version FROM ledgers WHERE id = :id"),
            {"id": world.actor.ledger_id},
        )
    assert row is not None
    mine["ended"] = row.head_hash
    stranger = await world.services.auth.actor(bob.token)
    # As somebody else: there is no such ledger.
    assert not await real({**mine, "who": stranger.user_id})
    # Into a ledger of her own, with rows of another one.
    async with database.read(stranger.user_id) as tx:
        theirs = await tx.first(
            text("SELECT head_hash, version FROM ledgers WHERE id = :id"),
            {"id": stranger.ledger_id},
        )
    assert theirs is not None
    crossed = {
        **mine, "who": stranger.user_id, "wanted": stranger.ledger_id, "totals": "[]",
        "stood": theirs.version, "ended": theirs.head_hash,
    }  # fmt: skip
    with pytest.raises(DBAPIError, match="row-level security"):
        await real(crossed)
    # Nobody's identity stays behind.
    left = await database.call(text("SELECT current_setting('app.user_id', true)"))
    assert left[0][0] in {None, ""}


@pytest.mark.parametrize(
    ("statement", "model"),
    [
        pytest.param(storing._ADD, Transaction, id="transactions"),
        pytest.param(repeats._KEEP, IdempotencyKey, id="keys"),
    ],
)
def test_rows_say_every_column_that_the_statement_fills(statement: Inserted, model: Any) -> None:
    # The function takes rows as the table has them: what is not said would be null.
    assert set(statement._names) == {column.name for column in table(model).columns}


def test_changes_say_every_column_that_the_statement_fills() -> None:
    from resolvers.ledgers import _ADD_CHANGES  # noqa: PLC0415

    assert set(_ADD_CHANGES._names) == {column.name for column in table(Change).columns}


async def test_the_entity_tag_of_what_was_drafted_is_that_of_a_read(
    client: Any, ada: Person, services: Services
) -> None:
    door = RestDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    headers = ada.headers
    for number in range(3):
        with counted(services.database) as seen:
            made = await client.post(
                "/v1/transactions", json={**ROW, "accountId": account}, headers=headers
            )
        if number == 2:
            assert len(seen) == 1
        path = f"/v1/transactions/{made.json()['data']['id']}"
        read = await client.get(path, headers=headers)
        assert read.headers["etag"] == made.headers["etag"]
        known = {**headers, "If-None-Match": made.headers["etag"]}
        assert (await client.get(path, headers=known)).status_code == 304
    # A group that moved on lets the tag of a draft be of an earlier time: it matches nothing.
    await door.call("CreateGroup", {"name": "Ours"})
    made = await client.post(
        "/v1/transactions", json={**ROW, "accountId": account}, headers=headers
    )
    path = f"/v1/transactions/{made.json()['data']['id']}"
    known = {**headers, "If-None-Match": made.headers["etag"]}
    assert (await client.get(path, headers=known)).status_code in {200, 304}


async def test_what_cannot_be_drafted_is_written_as_usual(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    food = (await door.call("CreateCategory", {"name": "Food", "kind": "EXPENSE"}))["id"]
    row = {**ROW, "accountId": account}
    bought = await door.call("CreateTransaction", row)
    parts = [{"categoryId": food, "amount": "-1"}, {"categoryId": food, "amount": "-0.5"}]
    await door.call("CreateTransaction", {**row, "splits": parts})
    await door.call("CreateTransaction", {**row, "externalId": "e1"})
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransaction", {**row, "externalId": "e1"})
    assert refused.value.code == "CONFLICT"
    await door.call("CreateTransaction", {**row, "amount": "1", "refundOf": bought["id"]})
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransaction", {**row, "categoryId": account})
    assert refused.value.paths == {"categoryId": "NOT_FOUND"}
    page = await door.call("ListAccounts")
    assert page["items"][0]["balance"] == "-3.50"
