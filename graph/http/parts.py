"""The parts behind us: how each is touched to see whether it is well, and its gauges."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, Protocol

from sqlalchemy import text

from graph.http.headers import Draining
from graph.http.health import Check
from graph.http.metrics import Gather, Metrics
from models.database import Database
from models.replica import Replica
from models.stores.files import FileStore
from models.stores.redis import Cache

_TOUCH: Final = text("SELECT 1")
_QUEUE: Final = text("SELECT id FROM jobs LIMIT 1")
_ACTIVITY: Final = text("SELECT day, month FROM activity()")
_PEOPLE_SECONDS: Final = 300.0
"""People are counted over a month of sessions: not at every scrape."""
_JOBS: Final = text(
    "SELECT state, count(*) AS number, coalesce(extract(epoch FROM clock_timestamp() - min(run_at) "
    "FILTER (WHERE state = 'WAITING')), 0)::float AS waits FROM jobs GROUP BY state"
)


class Probed(Protocol):
    """Something that can be touched."""

    async def probe(self) -> None:
        """Raises OSError when it is not well."""


def part_checks(
    database: Database,
    cache: Cache | None,
    files: FileStore,
    prompts: Probed | None = None,
    replica: Replica | None = None,
) -> dict[str, Check]:
    """How each part is touched; a part that is not there is not among them."""

    async def touch() -> object:
        return await database.call(_TOUCH)

    async def queue() -> object:
        if prompts is not None:
            await prompts.probe()
        return await database.call(_QUEUE)

    checks: dict[str, Check] = {"database": touch, "queue": queue, "storage": files.probe}
    if replica is not None:
        near = replica.near

        async def touch_replica() -> object:
            return await near.call(_TOUCH)

        checks["replica"] = touch_replica
    if cache is not None:
        there = cache

        async def ping() -> object:
            return await there.call(_ping)

        checks["cache"] = ping
    return checks


async def _ping(redis: Any) -> object:
    return await redis.ping()


def part_gauges(
    database: Database,
    parts: Mapping[str, Check],
    draining: Draining,
    *,
    cache: Cache | None = None,
    replica: Replica | None = None,
) -> Gather:
    """What each scrape asks the parts."""
    people: tuple[float, Any] = (-_PEOPLE_SECONDS, None)

    async def gather(metrics: Metrics) -> None:
        metrics.draining.set(draining.on)
        pool: Any = database.engine.pool
        metrics.pool_size.set(pool.size())
        kept = database.drivers.kept
        metrics.pool_used.set(pool.checkedout() - kept)
        metrics.pool_idle.set(pool.checkedin() + kept)
        ups = await asyncio.gather(*(_is_up(check) for check in parts.values()))
        for name, up in zip(parts, ups, strict=True):
            metrics.parts_up.labels(name).set(up)
        rows = await database.call(_JOBS)
        counts = {row.state: row.number for row in rows}
        nonlocal people
        if monotonic() - people[0] > _PEOPLE_SECONDS:
            people = (monotonic(), (await database.call(_ACTIVITY))[0])
        moments = {} if replica is None else dict(replica.moments)
        metrics.figures.look(cache, moments, people[1])
        metrics.set_jobs(counts, max((row.waits for row in rows), default=0.0))

    return gather


async def _is_up(check: Check) -> bool:
    try:
        await check()
    except Exception:  # noqa: BLE001 - down is down
        return False
    return True
