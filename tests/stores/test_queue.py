"""One contract of work that goes on, held by the table of jobs alone and with SQS before it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app import Running
from models.database import Database
from models.ids import new_id
from models.stores.aws import AwsAway
from models.stores.broker import LocalBroker
from models.stores.queue import Delivery, JobQueue, Prompt
from models.stores.sqs import SqsQueue
from resolvers.jobs import MAX_ATTEMPTS, Job, Worker
from resolvers.prompts import Teller
from tests.stores.conftest import client_of

pytestmark = pytest.mark.anyio

_ADD = text(
    "INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at) "
    "VALUES (:id, :kind, :id, :id, :id, clock_timestamp(), clock_timestamp()) RETURNING id"
)
_ROW = text("SELECT state, attempts FROM jobs WHERE id = :id")


@pytest.fixture
def sqs(cloud_url: str) -> Iterator[tuple[SqsQueue, str]]:
    """A FIFO queue whose messages go to another one after three receipts."""
    with client_of("sqs", cloud_url, read_seconds=10) as aws:
        made = []
        fifo = {"FifoQueue": "true"}
        for more in (None, 3):
            if more is not None:
                found = aws.client.get_queue_attributes(
                    QueueUrl=made[0], AttributeNames=["QueueArn"]
                )
                target = {"deadLetterTargetArn": found["Attributes"]["QueueArn"]}
                target |= {"maxReceiveCount": str(more)}
                fifo = {**fifo, "RedrivePolicy": json.dumps(target)}
            name = f"pt-{uuid4()}.fifo"
            made.append(aws.client.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"])
        yield SqsQueue(aws, made[1]), made[0]


class Work:
    """Jobs of a kind of their own, and how they are told of."""

    def __init__(self, database: Database, queue: JobQueue | None) -> None:
        self.database, self.queue = database, queue
        self.kind = f"test-{uuid4().hex}"
        self.broker = LocalBroker()
        self.teller = None if queue is None else Teller(database, queue)

    async def add(self) -> UUID:
        job_id = new_id()
        await self.database.call(_ADD, {"id": job_id, "kind": self.kind})
        self.broker.work.set()
        if self.teller is not None:
            self.teller.tell()
        return job_id

    async def state(self, job_id: UUID) -> tuple[str, int]:
        (row,) = await self.database.call(_ROW, {"id": job_id})
        return row.state, row.attempts

    @asynccontextmanager
    async def working(self, handler: Callable[[Job], Awaitable[None]], **more: Any) -> Any:
        """A worker that runs meanwhile."""
        options = {"late_seconds": 1.0, "first_pause_seconds": 0.01, **more}
        stop = asyncio.Event()
        worker = Worker(
            self.database, self.broker, {self.kind: handler}, queue=self.queue, **options
        )
        running = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            await running

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():  # noqa: ASYNC110 - the table of jobs tells nobody
                await asyncio.sleep(0.02)


@pytest.fixture(params=["postgresql", "sqs"])
def work(request: pytest.FixtureRequest, running: Running) -> Work:
    queue = None if request.param == "postgresql" else request.getfixturevalue("sqs")[0]
    return Work(running.services.database, queue)


async def test_every_job_runs_once_by_one_of_two_workers(work: Work) -> None:
    seen: Counter[UUID] = Counter()

    async def handler(job: Job) -> None:
        seen[job.id] += 1

    async def all_done() -> bool:
        return len(seen) == 12

    async with work.working(handler), work.working(handler):
        wanted = {await work.add() for _ in range(12)}
        await work.until(all_done)
    assert seen == Counter(wanted)
    assert {await work.state(one) for one in wanted} == {("DONE", 1)}


async def test_a_job_whose_worker_went_silent_is_taken_over(work: Work) -> None:
    job_id = await work.add()
    silent = Worker(work.database, work.broker, {work.kind: nothing}, lease_seconds=0.2)
    assert (await silent.claim()) is not None
    if work.queue is not None:
        # It also heard of the job, and neither does it nor says so.
        await work.queue.receive(seconds=2, most=10)
    seen: list[Job] = []

    async def handler(job: Job) -> None:
        seen.append(job)

    async with work.working(handler):
        await work.until(lambda: _is(work, job_id, "DONE"))
    assert [(job.id, job.epoch) for job in seen] == [(job_id, 2)]


async def test_a_failing_job_is_tried_again_and_dies_in_the_end(work: Work) -> None:
    flaky, hopeless = await work.add(), await work.add()

    async def handler(job: Job) -> None:
        if job.id == hopeless or job.attempts < 3:
            raise ValueError

    async with work.working(handler, late_seconds=0.1):
        await work.until(lambda: _is(work, flaky, "DONE"))
        await work.until(lambda: _is(work, hopeless, "DEAD"))
    assert await work.state(flaky) == ("DONE", 3)
    assert await work.state(hopeless) == ("DEAD", MAX_ATTEMPTS)


async def test_a_stop_gives_back_what_is_not_finished(work: Work) -> None:
    began = asyncio.Event()

    async def endless(_: Job) -> None:
        began.set()
        await asyncio.sleep(600)

    job_id = await work.add()
    async with work.working(endless, stop_seconds=0.05):
        await asyncio.wait_for(began.wait(), 20)
    assert await work.state(job_id) == ("WAITING", 0)
    async with work.working(nothing):
        await work.until(lambda: _is(work, job_id, "DONE"))


async def nothing(_: Job) -> None:
    return None


async def _is(work: Work, job_id: UUID, state: str) -> bool:
    return (await work.state(job_id))[0] == state


class TestSqs:
    async def test_a_job_told_twice_is_heard_once(self, sqs: Any) -> None:
        queue, _ = sqs
        ledger = uuid4()
        prompts = [Prompt(uuid4(), ledger if n % 2 else uuid4(), 0) for n in range(13)]
        await queue.send(prompts)
        await queue.send(prompts)
        heard: list[UUID] = []
        while some := await queue.receive(seconds=1, most=10):
            heard += [one.job_id for one in some]
            assert all([await queue.done(one) for one in some])
        assert sorted(heard) == sorted(one.job_id for one in prompts)
        # Another attempt of the same job is news.
        await queue.send([Prompt(prompts[0].job_id, ledger, 1)])
        (again,) = await queue.receive(seconds=2, most=10)
        assert again.job_id == prompts[0].job_id

    async def test_what_is_held_is_hidden_and_old_receipts_settle_nothing(self, sqs: Any) -> None:
        queue, _ = sqs
        await queue.send([Prompt(uuid4(), uuid4(), 0)])
        (first,) = await queue.receive(seconds=2, most=1)
        assert await queue.receive(seconds=0, most=1) == []
        assert await queue.hold(first, 30) is True
        assert await queue.receive(seconds=0, most=1) == []
        assert await queue.hold(first, 0) is True
        (second,) = await queue.receive(seconds=2, most=1)
        assert (second.job_id, first.received, second.received) == (first.job_id, 1, 2)
        await queue.done(first)
        assert await queue.done(second) is True
        assert await queue.receive(seconds=0, most=1) == []
        assert await queue.done(Delivery(first.job_id, 1, "nonsense")) is False

    async def test_a_message_that_nobody_can_settle_ends_in_the_dead_letters(
        self, sqs: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue, dead = sqs
        client = queue._sqs.client
        strange = {"MessageBody": "no job", "MessageGroupId": "x", "MessageDeduplicationId": "x"}
        client.send_message(QueueUrl=queue._url, **strange)
        monkeypatch.setattr("models.stores.sqs.VISIBLE_SECONDS", 0)
        for _ in range(5):
            assert await queue.receive(seconds=0, most=1) == []
        left = client.receive_message(QueueUrl=dead, WaitTimeSeconds=2)["Messages"]
        assert [one["Body"] for one in left] == ["no job"]

    async def test_jobs_run_without_the_queue_a_little_later(self, running: Running) -> None:
        with client_of("sqs", "http://127.0.0.1:9", read_seconds=1) as nowhere:
            queue = SqsQueue(nowhere, "http://127.0.0.1:9/1/none.fifo")
            with pytest.raises(AwsAway):
                await queue.send([Prompt(uuid4(), uuid4(), 0)])
            work = Work(running.services.database, queue)
            job_id = await work.add()
            async with work.working(nothing, late_seconds=0.1):
                await work.until(lambda: _is(work, job_id, "DONE"))

    async def test_a_write_tells_the_workers_of_other_machines(
        self, running: Running, sqs: Any
    ) -> None:
        queue, _ = sqs
        work = Work(running.services.database, queue)
        work.broker.tell_others = work.teller.tell if work.teller else None
        job_id = new_id()
        await work.database.call(_ADD, {"id": job_id, "kind": work.kind})
        await work.broker.wake_workers()
        heard: list[UUID] = []
        async with asyncio.timeout(20):
            while job_id not in heard:
                heard += [one.job_id for one in await queue.receive(seconds=2, most=10)]
        if work.teller is not None:
            await work.teller.close()
