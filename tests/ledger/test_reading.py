"""Reads on the driver: a moment of their own, whatever happened on the connection before."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import FrozenInstanceError, fields
from uuid import uuid4

import pytest
from sqlalchemy import JSON, bindparam, literal, select, text, type_coerce
from sqlalchemy.exc import DBAPIError

from graph.context import Services
from models import frames
from models.accounts import AccountRow
from models.base import maker
from models.categories import CategoryRow
from models.database import Database
from models.statements import Forms, Prepared
from models.transactions import TransactionRow

pytestmark = pytest.mark.anyio

NOW = text("SELECT clock_timestamp() - now() < interval '0.5 seconds' AS fresh")


async def begin_and_wait(database: Database) -> None:
    reading = await database.open_read(None)
    try:
        await reading.rows(text("SELECT pg_sleep(0.01)"))
    finally:
        await reading.end()


@pytest.mark.parametrize("ticks", range(8))
async def test_a_read_that_was_given_up_leaves_nothing_behind(
    services: Services, ticks: int
) -> None:
    tasks = [asyncio.create_task(begin_and_wait(services.database)) for _ in range(4)]
    for _ in range(ticks):
        await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    await asyncio.sleep(0.6)
    for _ in range(12):
        async with services.database.read(None) as tx:
            # An old transaction would tell its own beginning.
            assert await tx.scalar(NOW) is True


async def test_the_next_reading_is_a_moment_and_a_person_of_its_own(services: Services) -> None:
    database = services.database
    first, second = uuid4(), uuid4()
    who = text("SELECT current_setting('app.user_id') AS id")
    fresh = text("SELECT pg_current_snapshot()::text")
    async with database.read(first) as tx:
        before, seen = (await tx.rows(who))[0], await tx.scalar(fresh)
    await database.change(None, lambda tx: tx.scalar(text("SELECT pg_current_xact_id()::text")))
    async with database.read(second) as tx:
        after = (await tx.rows(who))[0]
        assert await tx.scalar(fresh) != seen
    assert (before.id, after.id) == (str(first), str(second))
    async with database.read(None) as tx:
        assert (await tx.rows(who))[0].id == ""
    # A call is in no transaction of anybody's.
    assert (await database.call(text("SELECT current_setting('app.user_id', true) AS id")))[0].id in {"", None}  # fmt: skip


async def test_what_is_kept_goes_back_when_nobody_takes_it(services: Services) -> None:
    drivers, pool = services.database.drivers, services.database.engine.pool
    async with services.database.read(None):
        pass
    assert drivers.kept > 0
    for _ in range(100):
        if not drivers.kept:
            break
        await asyncio.sleep(0.01)
    await drivers.rest()
    assert (drivers.kept, pool.checkedout()) == (0, 0)


async def test_writers_do_not_wait_for_what_is_kept(services: Services) -> None:
    database = services.database
    size = database.engine.pool.size()

    async def hold(gate: asyncio.Event) -> None:
        async with database.read(None):
            await gate.wait()

    gate = asyncio.Event()
    readers = [asyncio.create_task(hold(gate)) for _ in range(size)]
    await asyncio.sleep(0.05)
    gate.set()
    await asyncio.gather(*readers)
    assert database.drivers.kept > 0
    together = [database.change(None, lambda tx: tx.scalar(text("SELECT 1"))) for _ in range(size)]
    assert await asyncio.gather(*together) == [1] * size


async def test_kept_connections_that_were_cut_are_not_read_from(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = services.database
    # A busy machine lets a moment go by.
    monkeypatch.setattr("models.drivers._KEPT_SECONDS", 60.0)

    async def nothing() -> None:
        async with database.read(None) as tx:
            await tx.scalar(text("SELECT pg_sleep(0.01)"))

    await asyncio.gather(*(nothing() for _ in range(4)))
    assert database.drivers.kept > 1
    for held in database.drivers._kept:
        held.driver.terminate()
    async with database.read(None) as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    await database.drivers.rest()
    assert database.drivers.kept == 0


async def test_a_connection_that_was_cut_is_noticed_at_the_first_statement_and_replaced(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = services.database
    monkeypatch.setattr("models.drivers._KEPT_SECONDS", 60.0)
    me = uuid4()
    who = text("SELECT pg_backend_pid(), current_setting('app.user_id')")

    async def kept() -> int:
        await database.drivers.rest()
        async with database.read(me) as tx:
            return (await tx.rows(who))[0][0]

    for _ in range(2):
        cut = await kept()
        reading = await database.open_read(me)
        os.kill(cut, signal.SIGTERM)
        # Nobody hears of it: the loop stands still meanwhile.
        time.sleep(0.3)  # noqa: ASYNC251 - that is what this is for
        [(pid, seen)] = await reading.rows(who)
        assert (pid != cut, seen) == (True, str(me))
        await reading.end()
    # It may be known by then, too.
    cut = await kept()
    reading = await database.open_read(me)
    reading._held.driver.terminate()
    [(pid, seen)] = await reading.rows(who)
    assert (pid != cut, seen) == (True, str(me))
    await reading.end()
    # In the middle of a moment nothing takes its place.
    cut = await kept()
    reading = await database.open_read(me)
    assert (await reading.rows(who))[0][0] == cut
    os.kill(cut, signal.SIGTERM)
    with pytest.raises(DBAPIError) as told:
        await reading.rows(text("SELECT pg_sleep(5)"))
    assert told.value.connection_invalidated
    await reading.end()
    await database.drivers.rest()
    assert database.engine.pool.checkedout() == 0


async def test_a_moment_begins_in_the_packet_of_its_first_statement(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = services.database
    one = text("SELECT current_setting('app.user_id'), pg_current_snapshot()::text")
    me = uuid4()
    async with database.read(me) as tx:
        await tx.rows(one)
    said = []
    write = frames._Mouth.write
    monkeypatch.setattr(
        frames._Mouth, "write", lambda self, data: (said.append(1), write(self, data))[1]
    )
    async with database.read(me) as tx:
        first = (await tx.rows(one))[0]
        assert (first[0], len(said)) == (str(me), 1)
        await database.call(text("SELECT 1"))
        await database.change(None, lambda tx: tx.scalar(text("SELECT pg_current_xact_id()::text")))
        # The same moment until it ends.
        assert (await tx.rows(one))[0] == first


async def test_a_moment_in_which_nothing_was_read_leaves_nothing(services: Services) -> None:
    database = services.database
    who = text("SELECT current_setting('app.user_id', true)")
    reading = await database.open_read(uuid4())
    await reading.end()
    assert (await database.call(who))[0][0] in {"", None}
    # Not even where values do not fit, which the driver says before it says anything.
    reading = await database.open_read(uuid4())
    with pytest.raises(DBAPIError):
        await reading.rows(text("SELECT CAST(:n AS integer)"), {"n": "no number"})
    await reading.end()
    assert (await database.call(who))[0][0] in {"", None}


async def test_a_moment_only_reads_whatever_is_said_first(services: Services) -> None:
    async with services.database.read(None) as tx:
        with pytest.raises(DBAPIError, match="read-only"):
            await tx.run(text("CREATE TABLE never (id integer)"))


async def test_nothing_is_read_after_the_end(services: Services) -> None:
    reading = await services.database.open_read(None)
    await reading.end()
    with pytest.raises(RuntimeError):
        await reading.rows(select(literal(1)))


async def test_rows_have_their_columns_as_attributes(services: Services) -> None:
    pair = select(literal(1).label("one"), type_coerce('{"a": 2}', JSON).label("two"))
    prepared = Prepared(select((bindparam("n", type_=literal(1).type) + 1).label("next")))
    async with services.database.read(None) as tx:
        row = (await tx.rows(text("SELECT 1 AS one, 'x' AS two")))[0]
        assert (row.one, row.two, row[0], tuple(row)) == (1, "x", 1, (1, "x"))
        assert row._asdict() == {"one": 1, "two": "x"}
        assert not hasattr(row, "three")
        found = (await tx.rows(pair))[0]
        assert (found.one, found._asdict()["one"]) == (1, 1)
        assert [await tx.scalar(prepared, {"n": n}) for n in (1, 5)] == [2, 6]
        many = select(literal(1).label("x")).where(literal(2).in_([1, 2, 3]))
        assert [one.x for one in await tx.rows(many)] == [1]
        none = select(literal(1).label("x")).where(literal(4).in_([1, 2]))
        assert await tx.first(none) is None


def test_forms_keep_their_statements() -> None:
    forms = Forms()
    first = forms.get("a", lambda: select(literal(1)))
    assert forms.get("a", lambda: select(literal(2))) is first
    assert forms.get("b", lambda: select(literal(2))) is not first


@pytest.mark.parametrize("kind", [AccountRow, CategoryRow, TransactionRow])
def test_rows_made_by_position_are_the_rows_made_by_name(kind: type) -> None:
    names = [one.name for one in fields(kind)]
    made = maker(kind)(*range(len(names)))
    assert made == kind(**dict(zip(names, range(len(names)), strict=True)))
    with pytest.raises(FrozenInstanceError):
        made.id = 1
