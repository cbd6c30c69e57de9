"""Sliding windows against an exact model: in Redis, in this process, and in PostgreSQL."""

import asyncio
import itertools
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app import Running
from models.embedded.parts import Endpoints
from models.limits import DatabaseWindows, SharedWindows
from models.stores.limits import LocalWindows, RedisWindows, Share, Verdict
from models.stores.redis import Cache, CacheDown

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
_KEYS = itertools.count(1)


def fresh_key() -> str:
    return f"{{test{os.getpid()}-{next(_KEYS)}}}:user"


@dataclass
class Model:
    """Every hit with its moment: what a window is."""

    limit: int
    span_ms: int
    tick_ms: int = 1
    hits: deque[tuple[int, int]] = field(default_factory=deque)

    def take(self, now: int, units: int) -> tuple[bool, int, int]:
        """Whether it passes, what is used then, and how long a refused one waits."""
        while self.hits and self.hits[0][0] <= now - self.span_ms:
            self.hits.popleft()
        used = sum(amount for _, amount in self.hits)
        over = used + units - self.limit
        if over <= 0:
            # Kept as late as it can have been.
            self.hits.append((now - now % self.tick_ms + self.tick_ms - 1, units))
            return True, used + units, 0
        for at, amount in self.hits:
            over -= amount
            if over <= 0:
                return False, used, at + self.span_ms - now
        return False, used, self.span_ms


@pytest.fixture(scope="module")
async def cache(parts: Endpoints, anyio_backend: str) -> AsyncIterator[Cache]:
    """Redis for who has the time that a busy machine takes."""
    patient = Cache(
        socket=parts.redis_socket,
        username=parts.redis_username,
        password=parts.redis_password,
        timeout_seconds=5.0,
    )
    yield patient
    await patient.close()


async def test_a_kept_connection_that_was_cut_costs_no_count(cache: Cache) -> None:
    windows, share = RedisWindows(cache), Share(fresh_key(), 100, 3_600)
    assert cache.ways is not None
    calls, kept = cache.calls, len(cache.ways._free)
    for number in range(1, 4):
        assert (await windows.take([share])).standings[0].used == number
    assert cache.calls == calls + 3
    assert len(cache.ways._free) == max(kept, 1), "one after the other on the same connection"
    for number in range(4, 7):
        for way in cache.ways._free:
            way._writer.transport.abort()
        await asyncio.sleep(0.05)
        assert (await windows.take([share])).standings[0].used == number
    windows._script.sha = "0" * 40
    assert (await windows.take([share])).standings[0].used == 7
    together = await asyncio.gather(*[windows.take([share]) for _ in range(30)])
    assert sorted(one.standings[0].used for one in together) == list(range(8, 38))
    assert (await windows.take([share])).standings[0].used == 38


async def test_an_answer_that_nobody_waited_for_is_nobody_elses(cache: Cache) -> None:
    windows = RedisWindows(cache)
    first, second = Share(fresh_key(), 100, 3_600, 5), Share(fresh_key(), 100, 3_600)
    for ticks in range(6):
        task = asyncio.create_task(windows.take([first]))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await windows.take([second])).standings[0].used == ticks + 1


STEPS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 90_000), st.integers(0, HOUR_MS), st.sampled_from([1, 59_999])),
        st.integers(1, 6),
    ),
    max_size=60,
)


@given(steps=STEPS, limit=st.integers(1, 12), start=st.integers(0, 10**13))
@settings(max_examples=40)
async def test_redis_and_this_process_count_as_the_model_does(
    cache: Cache, steps: list[tuple[int, int]], limit: int, start: int
) -> None:
    now = start
    model = Model(limit, HOUR_MS)
    redis, key = RedisWindows(cache), fresh_key()
    local = LocalWindows(lambda: now)
    for pause, units in steps:
        now += pause
        share = Share(key, limit, 3_600, units)
        passes, used, wait = model.take(now, units)
        for verdict in (await redis.take([share], now_ms=now), local.take([share])):
            found = verdict.standings[0]
            assert (verdict.admitted, found.used, found.wait_ms) == (passes, used, wait)


@given(steps=STEPS, limit=st.integers(1, 12))
@settings(max_examples=20)
async def test_a_day_is_counted_never_too_early(
    cache: Cache, steps: list[tuple[int, int]], limit: int
) -> None:
    """A bucket of a day places its hits to 24 ms: late if not exactly."""
    now, redis, key = 10**12, RedisWindows(cache), fresh_key()
    model = Model(limit, 86_400_000, tick_ms=24)
    for pause, units in steps:
        now += pause * 24
        passes, used, wait = model.take(now, units)
        verdict = await redis.take([Share(key, limit, 86_400, units)], now_ms=now)
        found = verdict.standings[0]
        assert (verdict.admitted, found.used, found.wait_ms) == (passes, used, wait)


@pytest.mark.case("R01")
async def test_a_flood_gets_a_thousand_an_hour_and_a_steady_caller_every_one(cache: Cache) -> None:
    redis, start = RedisWindows(cache), 1_700_000_000_000
    flood, passed = fresh_key(), []
    for number in range(4 * 3_600 // 10):
        now = start + number * 10_000  # each stands for ten seconds of a flood
        share = Share(flood, 1_000, 3_600, 100)
        if (await redis.take([share], now_ms=now)).admitted:
            passed.append(now)
    assert len(passed) == 4 * 10
    for at in passed:
        assert sum(at <= other < at + HOUR_MS for other in passed) <= 10
    steady = fresh_key()
    for number in range(2_000):
        share = Share(steady, 1_000, 3_600)
        verdict = await redis.take([share], now_ms=start + number * 3_600)
        assert verdict.admitted, number
    fast = await redis.take([Share(steady, 1_000, 3_600)], now_ms=start + 1_999 * 3_600 + 3_599)
    assert (fast.admitted, fast.standings[0].wait_ms) == (False, 1)


async def test_all_shares_are_taken_or_none(cache: Cache) -> None:
    tag = f"{{pair{os.getpid()}-{next(_KEYS)}}}"
    wide, narrow = Share(f"{tag}:wide", 10, 60), Share(f"{tag}:narrow", 2, 60)
    for windows in (RedisWindows(cache), LocalWindows()):
        verdicts = []
        for _ in range(4):
            found = windows.take([wide, narrow])
            verdicts.append(found if isinstance(windows, LocalWindows) else await found)
        assert [one.admitted for one in verdicts] == [True, True, False, False]
        assert [one.used for one in verdicts[-1].standings] == [2, 2]
        assert verdicts[-1].standings[0].wait_ms == 0
        assert 0 < verdicts[-1].standings[1].wait_ms <= 60_000


async def test_a_window_that_is_over_leaves_nothing_behind(cache: Cache) -> None:
    key = fresh_key()
    await RedisWindows(cache).take([Share(key, 5, 60)])
    left = await cache.client.pttl(f"pt:{key}")
    assert 60_000 < left <= 61_000


@pytest.mark.case("R01")
async def test_many_at_once_at_the_edge_get_exactly_the_limit(
    cache: Cache, running: Running
) -> None:
    database = DatabaseWindows(running.services.database)
    for windows in (RedisWindows(cache), database):
        share = Share(fresh_key(), 7, 3_600)
        verdicts = await asyncio.gather(*(windows.take([share]) for _ in range(40)))
        assert sum(one.admitted for one in verdicts) == 7
        assert {one.standings[0].used for one in verdicts if not one.admitted} == {7}


async def test_two_processes_share_what_redis_counts(cache: Cache, running: Running) -> None:
    database = DatabaseWindows(running.services.database)
    both = [SharedWindows(RedisWindows(cache), database, processes=2) for _ in range(2)]
    share = Share(fresh_key(), 10, 3_600)
    verdicts = [await both[number % 2].take([share]) for number in range(14)]
    assert [one.admitted for one in verdicts] == [True] * 10 + [False] * 4


async def test_the_database_counts_as_the_model_does(running: Running) -> None:
    database, key = running.services.database, fresh_key()
    windows = DatabaseWindows(database)
    share = Share(key, 5, 900, 2)
    first, second, third = [await windows.take([share]) for _ in range(3)]
    assert [one.admitted for one in (first, second, third)] == [True, True, False]
    assert third.standings[0].used == 4
    assert 890_000 < third.standings[0].wait_ms <= 900_000
    look = (await windows.take([Share(key, 5, 900, 0)])).standings[0]
    assert (look.used, look.wait_ms) == (4, 0)


async def test_the_application_reaches_the_counters_by_their_gate_only(running: Running) -> None:
    async with running.services.database.read(None) as tx:
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            asked = text(f"SELECT has_table_privilege('limit_hits', '{right}')")
            assert await tx.scalar(asked) is False


class Away:
    """Redis as it is for who cannot reach it."""

    async def take(self, _: object) -> None:
        raise CacheDown


@pytest.mark.case("R03")
async def test_without_redis_a_process_admits_its_part_and_signing_in_is_counted_whole(
    running: Running,
) -> None:
    database = DatabaseWindows(running.services.database)

    def processes() -> list[SharedWindows]:
        return [SharedWindows(Away(), database, processes=2) for _ in range(2)]  # type: ignore[arg-type]

    two, share = processes(), Share(fresh_key(), 10, 3_600)
    passed = [(await two[number % 2].take([share])).admitted for number in range(20)]
    assert passed == [True] * 10 + [False] * 10
    two, share = processes(), Share(fresh_key(), 10, 3_600)
    passed = [(await two[0].take([share], guarded=True)).admitted for _ in range(7)]
    passed += [(await two[1].take([share], guarded=True)).admitted for _ in range(7)]
    assert passed == [True] * 10 + [False] * 4


class Switched:
    """Redis that can be taken away."""

    def __init__(self, cache: Cache) -> None:
        self._windows = RedisWindows(cache)
        self.away = False

    async def take(self, shares: Sequence[Share]) -> Verdict:
        if self.away:
            raise CacheDown
        return await self._windows.take(shares)


@pytest.mark.case("R03")
@pytest.mark.parametrize("guarded", [False, True])
async def test_what_passed_while_redis_was_away_counts_when_it_is_back(
    cache: Cache, running: Running, *, guarded: bool
) -> None:
    redis, database = Switched(cache), DatabaseWindows(running.services.database)
    two = [SharedWindows(redis, database, processes=2) for _ in range(2)]  # type: ignore[arg-type]
    shares = [Share(key := fresh_key(), 40, 3_600), Share(f"{key}2", 1_000, 3_600, 3)]
    passed = []
    for away in (False, True, False, True, False):
        redis.away = away
        for number in range(10):
            verdict = await two[number % 2].take(shares, guarded=guarded)
            passed.append(verdict.admitted)
    # The last one that passes did so before the other process had said what it owes.
    assert passed == [True] * 41 + [False] * 9
    seen = await redis.take([replace(share, units=0) for share in shares])
    assert [one.used for one in seen.standings] == [41, 123]


@pytest.mark.case("R03")
async def test_what_redis_forgets_this_process_still_knows(cache: Cache, running: Running) -> None:
    windows = SharedWindows(RedisWindows(cache), DatabaseWindows(running.services.database))
    share = Share(fresh_key(), 5, 3_600)
    passed = [(await windows.take([share])).admitted for _ in range(4)]
    await cache.client.delete(f"pt:{share.key}")
    passed += [(await windows.take([share])).admitted for _ in range(4)]
    assert passed == [True] * 5 + [False] * 3


@pytest.mark.case("R03")
async def test_a_hung_redis_is_asked_once_and_opens_nothing(
    parts: Endpoints, running: Running
) -> None:
    cache = Cache(
        socket=parts.redis_socket,
        username=parts.redis_username,
        password=parts.redis_password,
    )
    windows = SharedWindows(RedisWindows(cache), DatabaseWindows(running.services.database))
    share = Share(fresh_key(), 5, 3_600)
    assert (await windows.take([share], guarded=True)).admitted
    pid = int((await cache.client.info("server"))["process_id"])
    asked = cache.calls
    os.kill(pid, signal.SIGSTOP)
    try:
        passed = [(await windows.take([share], guarded=True)).admitted for _ in range(8)]
        # One call hung; no other of them waited.
        assert cache.calls == asked + 1
        assert passed == [True] * 4 + [False] * 4
    finally:
        os.kill(pid, signal.SIGCONT)
    # Found out beside the callers, of whom none waits.
    for _ in range(200):
        assert (await windows.take([Share(fresh_key(), 5, 60)])).admitted
        if not cache.down:
            break
        await asyncio.sleep(0.05)
    assert not cache.down
    assert not (await windows.take([share], guarded=True)).admitted
    await cache.close()


def test_keys_are_let_go_once_their_hits_are_over() -> None:
    now = 0
    windows = LocalWindows(lambda: now)
    for number in range(1_000):
        windows.take([Share(f"old{number}", 5, 60)])
    now = 61_000
    for number in range(600):
        windows.take([Share(f"new{number}", 5, 60)])
    assert len(windows) == 600


def test_refused_elsewhere_is_given_back() -> None:
    windows = LocalWindows()
    one, three = Share("a", 10, 60, 1), Share("a", 10, 60, 3)
    windows.take([one])
    windows.take([three])
    windows.give_back([one])
    assert windows.take([Share("a", 10, 60, 0)]).standings[0].used == 3


@pytest.mark.case("R04")
def test_a_step_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = LocalWindows()
    share = Share("a", 1, 60)
    assert windows.take([share]).admitted
    for step in (timedelta(hours=1), timedelta(hours=-1)):
        monkeypatch.setattr("time.time", lambda step=step: step.total_seconds())
        assert not windows.take([share]).admitted
