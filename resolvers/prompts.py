"""Words between machines about jobs that are due: told after a commit, heard by a worker elsewhere.

The jobs themselves stand in the database, which every worker also looks through: a word that is
lost costs some seconds and never the job.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models.database import Database
from models.stores.queue import VISIBLE_SECONDS, Delivery, JobQueue, Prompt

LATE_SECONDS: Final = 5.0
"""A job that is due for so long without anybody having heard of it is taken all the same."""
WAIT_SECONDS: Final = 5
_PAUSE_SECONDS: Final = 1.0
_REMEMBERED: Final = 10_000
_MOST: Final = 100
_DUE: Final = text(
    "SELECT id, ledger_id, attempts FROM jobs WHERE state = 'WAITING' "
    "AND run_at <= clock_timestamp() ORDER BY run_at DESC, id DESC LIMIT :most"
)
_log: Final = structlog.get_logger("queue")


class Teller:
    """Tells the queue of jobs that were just committed, beside whoever committed them."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue
        self._told: OrderedDict[tuple[object, int], None] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def tell(self) -> None:
        """There is new work; nobody waits for the queue to hear of it."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._once()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                # Workers find the jobs by themselves a little later.
                _log.warning("queue.not_told", error=type(error).__name__)

    async def _once(self) -> None:
        rows = await self._database.call(_DUE, {"most": _MOST})
        found = [Prompt(row.id, row.ledger_id, row.attempts) for row in rows]
        fresh = [one for one in found if (one.job_id, one.attempts) not in self._told]
        if not fresh:
            return
        await self._queue.send(fresh)
        for one in fresh:
            self._told[one.job_id, one.attempts] = None
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    async def close(self) -> None:
        """Let what is being said be said."""
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), _PAUSE_SECONDS)
            self._task.cancel()


class Listener:
    """Hears of jobs for a worker that has room."""

    def __init__(self, queue: JobQueue, heard: asyncio.Event) -> None:
        self._queue = queue
        self._heard = heard
        self._waiting: deque[Delivery] = deque()

    def take(self) -> Delivery | None:
        """A word that was heard and not taken yet."""
        return self._waiting.popleft() if self._waiting else None

    async def run(self, room: Callable[[], int]) -> None:
        """Listen while there is room, until cancelled."""
        while True:
            free = room() - len(self._waiting)
            if free <= 0:
                await asyncio.sleep(_PAUSE_SECONDS / 20)
                continue
            try:
                heard = await self._queue.receive(seconds=WAIT_SECONDS, most=free)
            except OSError as error:
                _log.warning("queue.away", error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self._waiting += heard
            if heard:
                self._heard.set()

    async def hold(self, delivery: Delivery) -> None:
        """The job of a word goes on; that others hear of it too would do no harm."""
        with suppress(OSError):
            await self._queue.hold(delivery, VISIBLE_SECONDS)

    async def done(self, delivery: Delivery) -> None:
        """A word needs no further hearing: the job's row says how it stands."""
        with suppress(OSError):
            await self._queue.done(delivery)
