"""Tasks that have to be over are over, whatever took their cancellation for something else."""

import asyncio

import pytest

from models.embedded.parts import Endpoints
from models.endings import stop
from models.stores.broker import LocalBroker
from models.stores.redis import Cache

pytestmark = pytest.mark.anyio


async def test_a_cancellation_that_is_taken_for_a_timeout_is_said_again() -> None:
    taken = 0

    async def deaf() -> None:
        nonlocal taken
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                taken += 1
                if taken > 1:
                    raise

    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await stop(tasks)
    assert taken == 2
    assert [task.cancelled() for task in tasks] == [True, False]


async def test_a_listener_that_missed_its_end_is_ended(
    parts: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to Python 3.11 ``asyncio.wait_for`` loses a cancellation that meets the end of a write."""
    cache = Cache(
        socket=parts.redis_socket, username=parts.redis_username, password=parts.redis_password
    )
    broker = LocalBroker(cache)
    missed = 0
    listen = broker._listen

    async def losing(there: Cache) -> None:
        nonlocal missed
        try:
            await listen(there)
        except asyncio.CancelledError:
            missed += 1
            if missed > 1:
                raise

    monkeypatch.setattr(broker, "_listen", losing)
    broker.keep()
    for _ in range(500):
        if broker.stands:
            break
        await asyncio.sleep(0.01)
    assert broker.stands
    async with asyncio.timeout(10):
        await broker.close()
    assert missed >= 1
    await cache.close()
