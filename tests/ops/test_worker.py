"""The worker on a real database: claims, leases, fences, pauses and what is given up."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.database import Database, Transaction
from models.embedded.parts import Endpoints
from models.embedded.postgres import APP
from models.ids import new_id
from models.stores.broker import LocalBroker
from models.stores.keys import LocalKeys
from resolvers import jobs
from resolvers.errors import Unavailable
from resolvers.jobs import MAX_ATTEMPTS, Job, JobLost, Worker, fence
from resolvers.ticks import enqueue_due_trash
from tests.ops.conftest import engine

INSERT = text(
    "INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at) VALUES "
    "(:id, :kind, :id, :id, :id, clock_timestamp() + make_interval(secs => :later), now()) "
    "RETURNING id"
)
ROW = text("SELECT * FROM jobs WHERE id = :id")


class Bench:
    """A database with the jobs of one test: its kind is its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.broker = LocalBroker()
        self.kind = f"test-{uuid4().hex}"

    async def add(self, *, later: float = 0) -> UUID:
        values = {"id": new_id(), "kind": self.kind, "later": later}
        return (await self.database.call(INSERT, values))[0].id

    async def row(self, job_id: UUID) -> Any:
        return (await self.database.call(ROW, {"id": job_id}))[0]

    async def set(self, job_id: UUID, what: str) -> None:
        statement = text(f"UPDATE jobs SET {what} WHERE id = :id RETURNING id")
        await self.database.call(statement, {"id": job_id})

    def worker(self, handler: Callable[[Job], Awaitable[None]], **options: Any) -> Worker:
        return Worker(self.database, self.broker, {self.kind: handler}, **options)


@asynccontextmanager
async def bench(endpoints: Endpoints):
    database = Database(engine(endpoints, APP, endpoints.app_password), LocalKeys(os.urandom(32)))
    try:
        yield Bench(database)
    finally:
        await database.close()


def run(endpoints: Endpoints, test: Callable[[Bench], Awaitable[None]]) -> None:
    async def body() -> None:
        async with asyncio.timeout(30), bench(endpoints) as one:
            await test(one)

    asyncio.run(body())


async def nothing(_: Job) -> None:
    return None


def test_a_due_job_runs_once_and_a_later_one_waits(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        due, later = await b.add(), await b.add(later=60)
        seen: list[UUID] = []

        async def handler(job: Job) -> None:
            seen.append(job.id)

        assert await b.worker(handler).run_due() == 1
        assert seen == [due]
        row = await b.row(due)
        assert (row.state, row.epoch, row.attempts, row.lease_until) == ("DONE", 1, 1, None)
        assert (await b.row(later)).state == "WAITING"

    run(migrated, body)


def test_many_workers_never_take_the_same_job(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        wanted = {await b.add() for _ in range(40)}
        workers = [b.worker(nothing) for _ in range(4)]

        async def take(worker: Worker) -> list[UUID]:
            found = []
            while (job := await worker.claim()) is not None:
                found.append(job.id)
            return found

        taken = [one for part in await asyncio.gather(*map(take, workers)) for one in part]
        assert len(taken) == 40
        assert set(taken) == wanted

    run(migrated, body)


def test_unknown_kinds_are_left_to_others(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        other = Worker(b.database, b.broker, {"something-else": nothing})
        assert await other.run_due() == 0
        assert (await b.row(job_id)).state == "WAITING"

    run(migrated, body)


@pytest.mark.case("X07")
def test_a_failing_job_pauses_longer_each_time_and_dies_after_five(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        outcomes: list[str] = []

        async def fails(_: Job) -> None:
            raise Unavailable("canary 12.34")

        worker = b.worker(fails, observe=lambda _k, outcome, _s: outcomes.append(outcome))
        pauses = []
        for _ in range(MAX_ATTEMPTS):
            assert await worker.run_due() == 1
            row = await b.row(job_id)
            assert row.last_error == "UNAVAILABLE"
            if row.state == "WAITING":
                left = await b.database.call(
                    text(
                        "SELECT extract(epoch FROM run_at - clock_timestamp())::float AS s "
                        "FROM jobs WHERE id = :id"
                    ),
                    {"id": job_id},
                )
                pauses.append(left[0].s)
                await b.set(job_id, "run_at = clock_timestamp()")
        assert outcomes == ["failed"] * 4 + ["dead"]
        assert [0.8 < p / 2**n < 2.5 for n, p in enumerate(pauses)] == [True] * 4
        assert (await b.row(job_id)).state == "DEAD"
        assert await worker.run_due() == 0

    run(migrated, body)


@pytest.mark.case("X05")
def test_a_lapsed_lease_passes_on_and_the_old_worker_is_fenced(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        worker = b.worker(nothing)
        zombie = await worker.claim()
        assert zombie is not None
        assert await worker.claim() is None
        await b.set(job_id, "lease_until = clock_timestamp() - interval '1 second'")
        heir = await worker.claim()
        assert heir is not None
        assert (heir.id, heir.epoch, heir.attempts) == (job_id, zombie.epoch + 1, 2)

        async def write(job: Job) -> Callable[[Transaction], Awaitable[None]]:
            async def work(tx: Transaction) -> None:
                await fence(tx, job)
                await tx.run(
                    text("UPDATE jobs SET last_error = :e WHERE id = :id"),
                    {"e": f"written by {job.epoch}", "id": job.id},
                )

            return work

        with pytest.raises(JobLost):
            await b.database.change(None, await write(zombie))
        assert (await b.row(job_id)).last_error is None
        await b.database.change(None, await write(heir))
        assert (await b.row(job_id)).last_error == f"written by {heir.epoch}"
        assert not await worker._settle(zombie, "DONE")
        assert (await b.row(job_id)).state == "RUNNING"

    run(migrated, body)


@pytest.mark.case("X05")
def test_a_fence_keeps_others_off_until_its_transaction_ends(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        worker = b.worker(nothing)
        job = await worker.claim()
        assert job is not None

        async def work(tx: Transaction) -> None:
            await fence(tx, job)
            # The lease is over, but the row is held: nobody else may take it now.
            assert await worker.claim() is None

        await b.set(job_id, "lease_until = clock_timestamp() - interval '1 second'")
        await b.database.change(None, work)
        assert await worker.claim() is not None

    run(migrated, body)


@pytest.mark.case("X05")
def test_a_handler_that_lost_its_lease_is_cancelled(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        ends: list[str] = []
        outcomes: list[str] = []

        async def slow(_: Job) -> None:
            await b.set(job_id, "epoch = epoch + 1")
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        observe = lambda _k, outcome, _s: outcomes.append(outcome)  # noqa: E731
        await b.worker(slow, heartbeat_seconds=0.05, observe=observe).run_due()
        assert ends == ["cancelled"]
        assert outcomes == ["lost"]
        assert (await b.row(job_id)).state == "RUNNING"

    run(migrated, body)


def test_a_heartbeat_prolongs_the_lease(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        rival = b.worker(nothing)
        rivals: list[Job | None] = []

        async def slow(job: Job) -> None:
            async def work(tx: Transaction) -> None:
                await fence(tx, job)
                await asyncio.sleep(0.3)

            await b.database.change(None, work)
            await asyncio.sleep(1.5)
            rivals.append(await rival.claim())

        await b.worker(slow, lease_seconds=1.0, heartbeat_seconds=0.2).run_due()
        assert rivals == [None]
        assert (await b.row(job_id)).state == "DONE"

    run(migrated, body)


@pytest.mark.case("X07")
def test_a_job_that_kills_its_workers_is_given_up(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        job_id = await b.add()
        worker = b.worker(nothing)
        for _ in range(MAX_ATTEMPTS):
            assert await worker.claim() is not None
            await b.set(job_id, "lease_until = clock_timestamp() - interval '1 second'")
        assert await worker.claim() is None
        row = await b.row(job_id)
        assert (row.state, row.last_error) == ("DEAD", "LEASE_LOST")

    run(migrated, body)


def test_a_signal_wakes_the_worker_and_the_stop_releases_leases(
    migrated: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 60)

    async def body(b: Bench) -> None:
        started, stop = asyncio.Event(), asyncio.Event()

        async def endless(_: Job) -> None:
            started.set()
            await asyncio.sleep(60)

        worker = b.worker(endless, stop_seconds=0.1)
        task = asyncio.create_task(worker.run(stop))
        await asyncio.sleep(0.1)
        job_id = await b.add()
        await b.broker.wake_workers()
        async with asyncio.timeout(10):
            await started.wait()
        stop.set()
        async with asyncio.timeout(10):
            await task
        row = await b.row(job_id)
        assert (row.state, row.attempts, row.lease_until) == ("WAITING", 0, None)

    run(migrated, body)


def test_no_more_jobs_run_at_once_than_allowed(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        stop, most, now, done = asyncio.Event(), 0, 0, 0

        async def counted(_: Job) -> None:
            nonlocal most, now, done
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.05)
            now -= 1
            done += 1
            if done == 6:
                stop.set()

        for _ in range(6):
            await b.add()
        await b.worker(counted, concurrency=2).run(stop)
        assert (most, done) == (2, 6)

    run(migrated, body)


@pytest.mark.case("X09")
def test_a_worker_outlives_a_database_that_is_away() -> None:
    class Away:
        calls = 0

        async def call(self, *_: object) -> list[object]:
            self.calls += 1
            raise OSError("gone")

    async def body() -> None:
        stop, away, broker = asyncio.Event(), Away(), LocalBroker()
        worker = Worker(away, broker, {"any": nothing})  # type: ignore[arg-type]
        task = asyncio.create_task(worker.run(stop))
        while away.calls < 2:
            await broker.wake_workers()
            await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(body())


def test_the_tick_finds_no_trash_in_an_empty_database(migrated: Endpoints) -> None:
    async def body(b: Bench) -> None:
        assert await enqueue_due_trash(b.database) == 0

    run(migrated, body)
