"""Sessions kept in the process: right as long as what other processes tell is heard."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app import Running
from models.embedded.parts import Endpoints
from models.stores.broker import LocalBroker
from models.stores.redis import Cache
from models.stores.sessions import AnnouncedSessions, RedisSessions, RememberedSessions
from tests.doors import Person

pytestmark = pytest.mark.anyio


@dataclass
class Process:
    """What one process knows of sessions."""

    cache: Cache
    broker: LocalBroker
    sessions: RememberedSessions

    async def close(self) -> None:
        await self.broker.close()
        await self.cache.close()


def process(parts: Endpoints, secret: bytes) -> Process:
    cache = Cache(
        socket=parts.redis_socket, username=parts.redis_username, password=parts.redis_password
    )
    broker = LocalBroker(cache)
    behind = AnnouncedSessions(RedisSessions(cache, secret), broker)
    return Process(cache, broker, RememberedSessions(behind, broker))


@pytest.fixture
async def pair(parts: Endpoints) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes that hear each other."""
    secret = os.urandom(32)
    here, there = process(parts, secret), process(parts, secret)
    for one in (here, there):
        one.broker.keep()
        await until(lambda one=one: one.broker.stands)
    yield here, there
    await here.close()
    await there.close()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def kept(one: Process) -> UUID:
    """A session that a process keeps."""
    session_id = uuid4()
    await one.sessions.put(session_id, b"somebody")
    assert await one.sessions.get(session_id) == b"somebody"
    await until(lambda: session_id in one.sessions._kept)
    return session_id


async def test_who_is_kept_is_asked_of_nobody(pair: tuple[Process, Process]) -> None:
    here, _ = pair
    session_id = await kept(here)
    asked = here.cache.calls
    assert [await here.sessions.get(session_id) for _ in range(5)] == [b"somebody"] * 5
    assert here.cache.calls == asked


@pytest.mark.parametrize("how", ["ended", "changed"])
async def test_another_process_is_heard(pair: tuple[Process, Process], how: str) -> None:
    here, there = pair
    session_id = await kept(here)
    tell = there.sessions.deny if how == "ended" else there.sessions.forget
    await tell([session_id])
    await until(lambda: session_id not in here.sessions._kept)
    assert await here.sessions.get(session_id) is None
    if how == "ended":
        await there.sessions.put(session_id, b"somebody")
        assert await here.sessions.get(session_id) is None


async def test_what_was_asked_before_a_signal_is_not_kept(pair: tuple[Process, Process]) -> None:
    here, there = pair
    session_id = await kept(here)
    here.sessions._kept.clear()
    read = here.sessions._cache.get

    async def slow(wanted: UUID) -> bytes | None:
        found = await read(wanted)
        await there.sessions.deny([wanted])
        await until(lambda: here.sessions._signals > before)
        return found

    before = here.sessions._signals
    here.sessions._cache.get = slow  # type: ignore[method-assign]
    assert await here.sessions.get(session_id) == b"somebody"
    here.sessions._cache.get = read  # type: ignore[method-assign]
    assert await here.sessions.get(session_id) is None


async def test_without_the_line_redis_is_asked(pair: tuple[Process, Process]) -> None:
    here, _ = pair
    session_id = await kept(here)
    await here.broker.close()
    await until(lambda: not here.broker.stands)
    asked = here.cache.calls
    assert await here.sessions.get(session_id) == b"somebody"
    assert here.cache.calls == asked + 1
    # Whoever asks has it stand again, and what was kept before is forgotten.
    await until(lambda: here.broker.stands)
    assert session_id not in here.sessions._kept


async def test_a_line_that_hangs_is_not_believed(
    pair: tuple[Process, Process], parts: Endpoints
) -> None:
    here, _ = pair
    session_id = await kept(here)
    pid = int((await here.cache.client.info("server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: not here.broker.stands)
        assert await here.sessions.get(session_id) is None
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: here.broker.stands)


async def test_a_revoked_session_is_out_at_once_though_it_is_kept(
    client: object, ada: Person, running: Running
) -> None:
    auth, broker = running.services.auth, running.broker
    broker.keep()
    await until(lambda: broker.stands)
    actor = await auth.actor(ada.token)
    assert await auth.actor(ada.token) == actor
    assert running.cache is not None
    asked = running.cache.calls
    assert await auth.actor(ada.token) == actor
    assert running.cache.calls == asked
    await auth.logout(actor, None)
    with pytest.raises(Exception, match="session has ended"):
        await auth.actor(ada.token)


class Heard:
    """Notes where ledgers are said to be."""

    def __init__(self) -> None:
        self.moves: list[tuple[UUID, int]] = []

    def moved(self, ledger_id: UUID, version: int) -> None:
        self.moves.append((ledger_id, version))

    def ended(self, session_id: UUID) -> None:
        pass

    def changed(self, session_id: UUID) -> None:
        pass

    def joined(self) -> None:
        pass


async def test_who_writes_on_is_heard_at_once_here_and_once_elsewhere(
    pair: tuple[Process, Process],
) -> None:
    near, far = Heard(), Heard()
    pair[0].broker.listen(near)
    pair[1].broker.listen(far)
    one, other = uuid4(), uuid4()
    for version in range(1, 6):
        await pair[0].broker.publish(one, version)
    await pair[0].broker.publish(other, 1)
    assert near.moves == [*((one, version) for version in range(1, 6)), (other, 1)]
    await until(lambda: len([move for move in far.moves if move[0] in {one, other}]) > 1)
    assert [move for move in far.moves if move[0] in {one, other}] == [(one, 5), (other, 1)]


async def test_who_closes_says_what_is_left(pair: tuple[Process, Process]) -> None:
    far, one = Heard(), uuid4()
    pair[1].broker.listen(far)
    await pair[0].broker.publish(one, 7)
    await pair[0].broker.close()
    await until(lambda: (one, 7) in far.moves)


async def test_a_cache_that_says_nothing_does_not_keep_who_closes(tmp_path: Path) -> None:
    mute, silence = tmp_path / "mute", asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    async with await asyncio.start_unix_server(say_nothing, mute):
        cache = Cache(socket=str(mute), username=None, password=None)
        broker = LocalBroker(cache)
        broker.keep()
        await broker.publish(uuid4(), 1)
        async with asyncio.timeout(5):
            await broker.close()
        await cache.close()
        silence.set()
