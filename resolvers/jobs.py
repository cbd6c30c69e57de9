"""The worker: claims jobs of the outbox under a lease, runs their handlers and fences zombies.

A job runs at least once.  Each claim raises its ``epoch``; every later change of the row names the
epoch it was claimed with, and a handler calls ``fence`` inside its own write transaction, so that
a worker that lost its lease can commit nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models.database import Database, Transaction
from models.endings import stop
from models.stores.queue import Delivery, JobQueue
from resolvers.access import Actor
from resolvers.errors import AppError
from resolvers.prompts import LATE_SECONDS, Listener
from resolvers.ticks import TICKS
from resolvers.users import actor_of, get_user

LEASE_SECONDS: Final = 15.0
HEARTBEAT_SECONDS: Final = 5.0
POLL_SECONDS: Final = 1.0
TICK_SECONDS: Final = 60.0
MAX_ATTEMPTS: Final = 5
LAST_WORDS_ATTEMPTS: Final = 20
"""How often a job that is given up may try to say so."""
CONCURRENCY: Final = 2
FIRST_PAUSE_SECONDS: Final = 2.0
"""Wait before the second attempt; it doubles with each further one."""
STOP_SECONDS: Final = 5.0
"""How long a running handler may go on after the stop signal."""

_log: Final = structlog.get_logger("jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job: what to do, for whom, and the epoch that proves the claim."""

    id: UUID
    kind: str
    ledger_id: UUID
    actor_id: UUID
    subject_id: UUID
    epoch: int
    attempts: int
    """Counts this one."""


Handler = Callable[[Job], Awaitable[None]]
Observer = Callable[[str, str, float], None]
"""Told the kind, the outcome and the seconds of every run."""


class JobLost(Exception):
    """The lease of a job was lost: another worker has it now."""


class Hopeless(Exception):
    """No further attempt can help: the job dies at once.  Its words are what is remembered of it."""


class Later(Exception):
    """Another attempt makes sense after a while of its own; dies after as many as any other."""

    def __init__(self, reason: str, pause_seconds: float) -> None:
        super().__init__(reason)
        self.pause_seconds = pause_seconds


class Signals(Protocol):
    """What tells this process' worker that there is work."""

    work: asyncio.Event


_TAKE: Final = """
    UPDATE jobs SET state = 'RUNNING', epoch = epoch + 1, attempts = attempts + 1,
      lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = (
      SELECT id FROM jobs
      WHERE state IN ('WAITING', 'RUNNING')
        AND run_at <= clock_timestamp() - make_interval(secs => :late)
        AND (state = 'WAITING' OR lease_until < clock_timestamp()) AND kind = ANY(:kinds)
        {which}
      ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, kind, ledger_id, actor_id, subject_id, epoch, attempts
    """
_CLAIM: Final = text(_TAKE.format(which=""))
_CLAIM_THIS: Final = text(_TAKE.format(which="AND id = :id"))
_BEAT: Final = text(
    """
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND epoch = :epoch AND state = 'RUNNING'
    RETURNING id
    """
)
# A key share keeps a claim away (it takes the row FOR UPDATE) and lets the heartbeat pass, which
# changes no key: a handler that writes all the time still keeps its lease.
_FENCE: Final = text(
    "SELECT 1 FROM jobs WHERE id = :id AND epoch = :epoch AND state = 'RUNNING' FOR KEY SHARE"
)
_SETTLE: Final = text(
    """
    UPDATE jobs SET state = :state, lease_until = NULL, last_error = :error,
      attempts = attempts - :refund, run_at = clock_timestamp() + make_interval(secs => :pause)
    WHERE id = :id AND epoch = :epoch AND state = 'RUNNING'
    RETURNING id
    """
)


async def fence(tx: Transaction, job: Job) -> None:
    """Hold the job's claim until this transaction ends; raises JobLost when it is gone.

    A handler calls it inside each transaction it writes in.
    """
    if await tx.first(_FENCE, {"id": job.id, "epoch": job.epoch}) is None:
        raise JobLost


async def actor_of_job(database: Database, job: Job) -> Actor:
    """The person as whom a job acts; raises UNAUTHENTICATED when she is gone."""
    async with database.read(job.actor_id) as tx:
        return actor_of(await get_user(tx, job.actor_id))


def _unobserved(_kind: str, _outcome: str, _seconds: float) -> None:
    """Nobody counts."""


class Worker:
    """Runs jobs until it is told to stop; several processes may run one each."""

    def __init__(
        self,
        database: Database,
        broker: Signals,
        handlers: Mapping[str, Handler],
        *,
        last_words: Mapping[str, Handler] | None = None,
        observe: Observer = _unobserved,
        queue: JobQueue | None = None,
        concurrency: int = CONCURRENCY,
        late_seconds: float = LATE_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._database = database
        self._broker = broker
        self._handlers = dict(handlers)
        self._last_words = dict(last_words or {})
        self._observe = observe
        self._concurrency = concurrency
        self._lease = lease_seconds
        self._heartbeat = heartbeat_seconds
        self._pause = first_pause_seconds
        self._stop_seconds = stop_seconds
        self._listener = None if queue is None else Listener(queue, broker.work)
        self._late = 0.0 if queue is None else late_seconds
        self._running: set[asyncio.Task[None]] = set()
        self._next_tick = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and run until ``stop`` is set; then give back what is not finished."""
        stopping = asyncio.create_task(stop.wait())
        listening = None
        if self._listener is not None:
            room = self._listener.run(lambda: self._concurrency - len(self._running))
            listening = asyncio.create_task(room)
        try:
            while not stop.is_set():
                try:
                    await self._tick()
                    claimed = await self._fill()
                except (SQLAlchemyError, OSError, TimeoutError) as error:
                    _log.warning("jobs.database_away", error=type(error).__name__)
                    claimed = False
                if not claimed:
                    await self._rest(stopping)
        finally:
            stopping.cancel()
            if listening is not None:
                listening.cancel()
            await self._finish()

    async def run_due(self) -> int:
        """Run what is due now, one after the other, and return how many ran (for tests)."""
        count = 0
        while (job := await self.claim()) is not None:
            await self._work(job)
            count += 1
        return count

    async def claim(self, only: UUID | None = None) -> Job | None:
        """Take the job that is due the longest, or whose worker went silent; None when idle.

        ``only`` takes that one or none.
        """
        while True:
            values = {"lease": self._lease, "kinds": list(self._handlers), "late": self._late}
            statement = _CLAIM
            if only is not None:
                statement, values = _CLAIM_THIS, {**values, "late": 0.0, "id": only}
            found = await self._database.call(statement, values)
            if not found:
                return None
            job = Job(**found[0]._asdict())
            if job.attempts <= MAX_ATTEMPTS:
                return job
            # Its workers died with it, time and again: it must not take the next one along.
            if await self._give_up(job):
                await self._settle(job, "DEAD", error="LEASE_LOST")
                _log.error("job.dead", **_facts(job), error="LEASE_LOST")

    async def _give_up(self, job: Job) -> bool:
        """Have what the job was for end too, so that nobody waits for it for ever.

        False when that failed: the lease runs out, and the next claim tries it again, some times.
        """
        try:
            if job.kind in self._last_words:
                await self._last_words[job.kind](job)
        except JobLost:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it raises is a failed attempt
            _log.warning("job.not_given_up", **_facts(job), exc_info=error)
            return job.attempts > MAX_ATTEMPTS + LAST_WORDS_ATTEMPTS
        return True

    async def _tick(self) -> None:
        if monotonic() < self._next_tick:
            return
        self._next_tick = monotonic() + TICK_SECONDS
        for kind, enqueue_due in TICKS.items():
            if kind in self._handlers:
                await enqueue_due(self._database)

    async def _fill(self) -> bool:
        """Start one job if there is room and work."""
        if len(self._running) >= self._concurrency:
            return False
        # Cleared before the look, so that a signal during it is not lost.
        self._broker.work.clear()
        word = self._listener.take() if self._listener is not None else None
        job = await self.claim(None if word is None else word.job_id)
        if word is not None and job is None:
            await self._unheard(word)
            return True
        if job is None:
            return False
        task = asyncio.create_task(self._work(job, word), name=f"job {job.kind}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def _unheard(self, word: Delivery) -> None:
        """Done, dead, not due or in other hands: the job's row says all that is needed."""
        if self._listener is not None:
            await self._listener.done(word)

    async def _rest(self, stopping: "asyncio.Task[bool]") -> None:
        """Wait for the stop, for room, or (with room) for a signal, at most for a second."""
        waits: set[asyncio.Task[Any]] = {stopping, *self._running}
        signal = None
        if len(self._running) < self._concurrency:
            signal = asyncio.create_task(self._broker.work.wait())
            waits.add(signal)
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if signal is not None:
            signal.cancel()

    async def _finish(self) -> None:
        if not self._running:
            return
        running = set(self._running)
        _, late = await asyncio.wait(running, timeout=self._stop_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, job: Job, word: Delivery | None = None) -> None:
        """Run one job under its heartbeat and write down how it ended."""
        started = monotonic()
        outcome = "failed"
        try:
            await self._guarded(job, word)
            outcome = "done" if await self._settle(job, "DONE") else "lost"
        except asyncio.CancelledError:
            outcome = "released"
            await asyncio.shield(self._settle(job, "WAITING", refund=1))
            raise
        except JobLost:
            outcome = "lost"
            _log.warning("job.lost", **_facts(job))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt
            outcome = await self._failed(job, error)
        finally:
            if word is not None:
                await self._unheard(word)
            seconds = monotonic() - started
            self._observe(job.kind, outcome, seconds)
            _log.info("job.ran", **_facts(job), outcome=outcome, seconds=round(seconds, 3))

    async def _guarded(self, job: Job, word: Delivery | None) -> None:
        handler = asyncio.ensure_future(self._handlers[job.kind](job))
        heart = asyncio.create_task(self._beat(job, word))
        both: tuple[asyncio.Future[None], ...] = (handler, heart)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not handler.done():
                heart.result()
            await handler
        finally:
            handler.cancel()
            await asyncio.gather(handler, return_exceptions=True)
            await stop([heart])

    async def _beat(self, job: Job, word: Delivery | None) -> None:
        """Prolong the lease; raises JobLost once it is another's or the database is away too long."""
        values = {"id": job.id, "epoch": job.epoch}
        certain_until = monotonic() + self._lease
        while True:
            await asyncio.sleep(self._heartbeat)
            try:
                if not await self._database.call(_BEAT, {**values, "lease": self._lease}):
                    raise JobLost
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if monotonic() > certain_until:
                    raise JobLost from error
            else:
                certain_until = monotonic() + self._lease
            if word is not None and self._listener is not None:
                await self._listener.hold(word)

    async def _failed(self, job: Job, error: Exception) -> str:
        name = error.code.value if isinstance(error, AppError) else type(error).__name__
        pause = self._pause * 2 ** (job.attempts - 1)
        if isinstance(error, Hopeless | Later):
            name = str(error)
        if isinstance(error, Later):
            pause = error.pause_seconds
        try:
            if job.attempts >= MAX_ATTEMPTS or isinstance(error, Hopeless):
                if not await self._give_up(job):
                    return "failed"
                await self._settle(job, "DEAD", error=name)
                _log.error("job.dead", **_facts(job), error=name, exc_info=error)
                return "dead"
            pause *= random.uniform(0.8, 1.2)  # noqa: S311
            await self._settle(job, "WAITING", error=name, pause=pause)
        except (SQLAlchemyError, OSError, TimeoutError):
            # The lease runs out by itself, and another claim follows.
            _log.warning("jobs.database_away", **_facts(job))
        _log.warning("job.failed", **_facts(job), error=name, exc_info=error)
        return "failed"

    async def _settle(
        self,
        job: Job,
        state: str,
        *,
        error: str | None = None,
        pause: float = 0.0,
        refund: int = 0,
    ) -> bool:
        """Write the end of a run; False when the claim was lost meanwhile."""
        values = {"id": job.id, "epoch": job.epoch, "state": state, "error": error}
        found = await self._database.call(_SETTLE, {**values, "pause": pause, "refund": refund})
        return bool(found)


def _facts(job: Job) -> dict[str, Any]:
    return {"job": str(job.id), "kind": job.kind, "attempt": job.attempts, "epoch": job.epoch}
