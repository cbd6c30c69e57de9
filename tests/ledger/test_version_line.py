"""The line on which people ask where their books stand: what it joins, and whom it keeps waiting."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from graph.context import Services
from models import ids
from models.database import Database
from models.versions import Rows, VersionLine
from tests.doors import Person
from tests.statements import counted

pytestmark = pytest.mark.anyio


class Told:
    """What somebody was told, in the end."""

    def __init__(self) -> None:
        self.rows: Rows | None = None
        self.times = 0
        self._told = asyncio.Event()

    def __call__(self, rows: Rows | None, _seconds: float, _text: str) -> None:
        self.rows, self.times = rows, self.times + 1
        self._told.set()

    async def versions(self) -> list[tuple[Any, ...]] | None:
        async with asyncio.timeout(10):
            await self._told.wait()
        return None if self.rows is None else [tuple(row) for row in self.rows]


def person_id(person: Person) -> UUID:
    found = ids.decode("user", person.id)
    assert found is not None
    return found


@pytest.fixture
async def line(services: Services, ada: Person) -> AsyncIterator[VersionLine]:
    """The line, with a connection."""
    found = services.database.versions
    async with asyncio.timeout(10):
        while not found.open:
            found.ask(person_id(ada), Told())
            await asyncio.sleep(0.01)
    yield found
    async with asyncio.timeout(10):
        # Nobody uses it: it is given back by itself.
        while found.open:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def known(database: Database, person: Person) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.visible_versions(person_id(person))]


async def test_who_asks_meanwhile_goes_with_the_next_statement(
    services: Services, line: VersionLine, ada: Person, bob: Person
) -> None:
    database, told = services.database, [Told() for _ in range(6)]
    with counted(database) as seen:
        for one, person in zip(told, [ada, bob, ada, bob, ada, bob], strict=True):
            assert line.ask(person_id(person), one)
        found = [await one.versions() for one in told]
    assert len(seen) == 2, "the first is on its way alone, all others come together"
    hers, his = await known(database, ada), await known(database, bob)
    assert hers != his
    assert found == [hers, his, hers, his, hers, his]
    assert [one.times for one in told] == [1] * 6


async def test_an_answer_is_never_older_than_its_question(
    services: Services, line: VersionLine, ada: Person, client: Any
) -> None:
    row = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    for number in range(5):
        early, late = Told(), Told()
        assert line.ask(person_id(ada), early)
        body = row | {"name": f"A{number}"}
        made = await client.post("/v1/accounts", json=body, headers=ada.headers)
        assert made.status_code == 201
        assert line.ask(person_id(ada), late)
        assert await late.versions() == await known(services.database, ada)
        assert await early.versions() is not None


async def test_nobody_waits_behind_a_statement_that_does_not_come(
    line: VersionLine, ada: Person, bob: Person, root: asyncpg.Connection
) -> None:
    first, second, third = Told(), Told(), Told()
    async with root.transaction():
        await root.execute("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE")
        assert line.ask(person_id(ada), first)
        assert line.ask(person_id(bob), second)
        assert await second.versions() is None, "sent the other way"
        assert not line.ask(person_id(bob), third), "and who comes then does not begin to wait"
        assert await first.versions() is None, "in the end nobody waits for it any more"
        assert not line.open


async def test_a_cut_line_sends_everybody_the_other_way(
    services: Services, line: VersionLine, ada: Person, root: asyncpg.Connection
) -> None:
    cut = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE application_name = 'pockettrend' AND pid <> pg_backend_pid()"
    )
    async with root.transaction():
        await root.execute("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE")
        told = Told()
        assert line.ask(person_id(ada), told)
        await root.fetchval(cut)
        assert await told.versions() is None
    assert not line.open
    assert await known(services.database, ada)


async def test_it_gives_way_to_who_waits_for_a_connection(
    services: Services, line: VersionLine, ada: Person
) -> None:
    database = services.database
    await database.drivers.rest()
    pool: Any = database.engine.pool
    held = [await database.open_read(None) for _ in range(pool.size() - 1)]
    assert line.open
    async with asyncio.timeout(5):
        last = await database.open_read(None)
    assert not line.open
    assert not line.ask(person_id(ada), Told())
    for one in [*held, last]:
        await one.end()
    await database.drivers.rest()
