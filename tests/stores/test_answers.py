"""Cached answers: bounded, fading, sealed for one person and one name, and never waited for."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from models.embedded.parts import Endpoints
from models.stores.answers import BODY_BYTES, Answers
from models.stores.redis import Cache

pytestmark = pytest.mark.anyio

SECRET = b"s" * 32
BODY = b'{"amount":"-73194682.55"}'
DEAR = 1.0


@pytest.fixture
async def cache(parts: Endpoints) -> AsyncIterator[Cache]:
    found = Cache(
        socket=parts.redis_socket,
        username=parts.redis_username,
        password=parts.redis_password,
        timeout_seconds=5,
    )
    yield found
    await found.close()


def named(number: int) -> bytes:
    return number.to_bytes(20, "big")


async def test_the_bodies_of_a_process_are_bounded_and_the_last_used_stay() -> None:
    answers = Answers(near_bytes=3_000)
    for number in range(3):
        answers.put(uuid4(), named(number), "op", b"x" * 600, 0.001)
    assert answers.near(named(0)) == b"x" * 600
    for number in range(3, 5):
        answers.put(uuid4(), named(number), "op", b"x" * 600, 0.001)
    # Three of a thousand bytes with what surrounds them; the first was used after the two others.
    assert [number for number in range(5) if answers.near(named(number)) is not None] == [0, 3, 4]
    assert answers.held_bytes <= 3_000
    answers.put(uuid4(), named(9), "op", b"x" * (BODY_BYTES + 1), 0.001)
    assert answers.near(named(9)) is None


@pytest.mark.case("E08")
async def test_bodies_fade_though_nobody_asks() -> None:
    answers = Answers(kept_seconds=0.04)
    answers.put(uuid4(), named(1), "op", BODY, 0.001)
    assert answers.held_bytes > 0
    async with asyncio.timeout(10):
        while answers.held_bytes:  # noqa: ASYNC110 - what is waited for is the absence of a reader
            await asyncio.sleep(0.005)
    assert answers.near(named(1)) is None


async def test_another_process_finds_it_sealed_and_nobody_else_can_open_it(cache: Cache) -> None:
    owner, other, name = uuid4(), uuid4(), uuid4().bytes + b"name"
    mine = Answers(cache, SECRET)
    mine.put(owner, name, "op", BODY, DEAR)
    await mine.settle()
    (key,) = [key async for key in cache.client.scan_iter(f"pt:{{{owner}}}:*")]
    sealed = await cache.client.get(key)
    assert b"73194682" not in sealed
    assert 0 < await cache.client.ttl(key) < 300
    assert await Answers(cache, SECRET).shared(owner, name, "op") == BODY
    assert await Answers(cache, b"t" * 32).shared(owner, name, "op") is None
    # Laid under another person's key, or another name of hers, it does not open.
    for whose, what in ((other, name), (owner, name[::-1])):
        await cache.client.set(f"pt:{{{whose}}}:answer:{what.hex()}", sealed, ex=9)
        assert await Answers(cache, SECRET).shared(whose, what, "op") is None


async def test_what_is_cheap_to_make_costs_redis_nothing(cache: Cache) -> None:
    answers = Answers(cache, SECRET)
    before = cache.calls
    answers.put(uuid4(), named(1), "cheap", BODY, 0.0005)
    await answers.settle()
    assert await answers.shared(uuid4(), named(2), "cheap") is None
    assert cache.calls == before
    # What has not been made here yet may be dear.
    assert await answers.shared(uuid4(), named(2), "unknown") is None
    assert cache.calls == before + 1


async def test_without_redis_the_process_does(tmp_path) -> None:
    owner: UUID = uuid4()
    for cache in (None, Cache(socket=str(tmp_path / "nobody"))):
        answers = Answers(cache, SECRET)
        assert await answers.shared(owner, named(1), "op") is None
        answers.put(owner, named(1), "op", BODY, DEAR)
        await answers.settle()
        assert answers.near(named(1)) == BODY
        if cache is not None:
            await cache.close()
