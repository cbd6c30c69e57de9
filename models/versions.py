"""Where people's books stand, for reads that may be answered without being made.

Whoever asks again whether something has changed needs one small statement and nothing else.  It goes
over a connection that is kept for this while there is much of it, without a task and a turn in the
pool for each.  Who asks while a statement is under way waits for its end and goes with the next one,
together with all others who wait: nobody joins a statement that was sent before she asked, so that
what is written before a question is in its answer.

Whatever goes wrong here is nobody's failure: who asked is told to go the way of every other read.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from asyncpg.protocol import NO_TIMEOUT
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.drivers import DRIVER_ERRORS, Drivers, Held
from models.frames import NONSENSE, Frames, frames_of
from models.telemetry import note_listeners

_log: Final = structlog.get_logger("database")

_DENSE_SECONDS: Final = 0.1
"""Whoever comes so soon after another is one of many."""
_WATCH_SECONDS: Final = 0.05
_IDLE_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 1.0
"""A statement of a fifth of a millisecond that takes so long will not come."""
_TOGETHER: Final = 64
_NOBODY: Final = UUID(int=0)
_ONE: Final = (
    "SELECT ledger_id, version, books, inbox FROM visible_versions($1::uuid) ORDER BY ledger_id"
)
_MANY: Final = (
    "SELECT asked.who, v.ledger_id, v.version, v.books, v.inbox "
    "FROM unnest($1::uuid[]) AS asked (who), LATERAL visible_versions(asked.who) AS v "
    "ORDER BY asked.who, v.ledger_id"
)


class VisibleVersion(NamedTuple):
    """Where one ledger that a person can see stands."""

    ledger_id: UUID
    version: int
    books: int
    inbox: int = 0
    """With the personal ledger: how often the received invitations have changed."""


Rows = Sequence[Any]
"""Rows of the driver with the fields of ``VisibleVersion``."""
Then = Callable[[Rows | None, float, str], None]
"""Told rows, seconds and text of the statement; None where they have to be asked for otherwise."""


class VersionLine:
    """A kept connection on which all ask who want to know where their books stand."""

    def __init__(self, drivers: Drivers, *, watch: Callable[[str, Sequence[Any]], None]) -> None:
        """``watch`` is told the text and the values of every statement."""
        self._drivers = drivers
        self._watch = watch
        self._held: Held | None = None
        self._statements: tuple[Any, Any] | None = None
        self._running: Any = None
        """The driver's coroutine of the statement under way."""
        self._waits: Any = None
        """The future that it waits for."""
        self._frames: Frames | None = None
        self._completed: Any = None
        self._asked: dict[int, tuple[UUID, list[Then]]] = {}
        """Those whose statement is under way."""
        self._waiting: dict[int, tuple[UUID, list[Then]]] = {}
        self._sent_at = self._last_at = 0.0
        self._text = ""
        self._wanted = False
        self._closed = False
        self._opening: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.statements = 0
        """How many were sent."""
        drivers.give_way = self._give_way

    @property
    def open(self) -> bool:
        """Whether it has a connection."""
        return self._held is not None

    def ask(self, user_id: UUID, then: Then) -> bool:
        """Have somebody told soon; False where that cannot be, and then nobody is."""
        now = monotonic()
        last, self._last_at = self._last_at, now
        if self._held is None:
            if now - last < _DENSE_SECONDS:
                self._open()
            return False
        if self._held.driver.is_closed():
            self._leave()
            return False
        if self._wanted or (self._running is not None and now - self._sent_at > _WATCH_SECONDS):
            return False
        waiting = self._waiting.get(user_id.int)
        if waiting is not None:
            waiting[1].append(then)
        elif len(self._waiting) >= _TOGETHER:
            return False
        else:
            self._waiting[user_id.int] = (user_id, [then])
        if self._running is None:
            self._send(now)
        return True

    def _send(self, now: float) -> None:
        """Ask for all who wait."""
        if self._held is None or self._statements is None:
            raise AssertionError("there is nothing to ask on")
        asked, self._waiting = self._waiting, {}
        self._asked, self._sent_at = asked, now
        one, many = self._statements
        arguments: tuple[Any, ...]
        if len(asked) == 1:
            [(user_id, _)] = asked.values()
            statement, self._text, arguments = one, _ONE, (user_id,)
        else:
            people = [user_id for user_id, _ in asked.values()]
            statement, self._text, arguments = many, _MANY, (people,)
        self._watch(self._text, arguments)
        self.statements += 1
        # What the driver's own statement does, less what watches over a single caller: the watch
        # of this line takes the place of a timer for each.
        protocol = self._held.driver._protocol  # noqa: SLF001 - tests fail if it is no more
        self._running = protocol.bind_execute(
            statement._state, arguments, "", 0, False, NO_TIMEOUT  # noqa: SLF001
        )  # fmt: skip
        self._step()

    def _step(self) -> None:
        """Go on with the statement under way, which waits for one thing: the server's answer."""
        try:
            waits = self._running.send(None)
        except StopIteration as done:
            self._answered(done.value)
        except Exception as error:  # noqa: BLE001 - sorted out below
            self._broke(error)
        else:
            waits._asyncio_future_blocking = False  # noqa: SLF001 - as a task does
            # Nobody cancels it, and it has no timer: this would only cost a turn of the loop.
            waits.remove_done_callback(self._completed)
            self._waits = waits

    def _heard(self) -> None:
        """The server has said something, or is gone: if that is all of it, go on."""
        waits = self._waits
        if waits is not None and waits.done():
            self._waits = None
            self._step()

    def _answered(self, rows: list[Any]) -> None:
        """Tell those who asked, after what the next ones ask is on its way."""
        now = monotonic()
        seconds, text = now - self._sent_at, self._text
        asked, self._asked, self._running, self._waits = self._asked, {}, None, None
        note_listeners(text, seconds)
        if self._waiting:
            self._send(now)
        elif self._wanted:
            self._leave()
        if len(asked) == 1:
            [(_, thens)] = asked.values()
            for then in thens:
                then(rows, seconds, text)
            return
        mine: dict[int, list[Any]] = {one: [] for one in asked}
        for who, *row in rows:
            mine[who.int].append(VisibleVersion._make(row))
        for one, (_, thens) in asked.items():
            for then in thens:
                then(mine[one], seconds, text)

    def _broke(self, error: Exception) -> None:
        """Send everybody the other way; that way tells of what is wrong."""
        held = self._held
        if held is not None:
            held.sound = False
            if not isinstance(error, DRIVER_ERRORS):
                held.driver.terminate()
        if not isinstance(error, (*DRIVER_ERRORS, *NONSENSE, OSError)):
            _log.error("versions.broke", exc_info=error)
        self._leave()

    def _leave(self) -> None:
        """Give the connection back, and send those who wait the other way."""
        held, self._held, self._statements = self._held, None, None
        if self._frames is not None:
            self._frames.then = None
            self._frames = None
        if self._running is not None:
            self._running.close()
        if self._waits is not None and self._waits.done() and not self._waits.cancelled():
            # Nobody else hears how it ended.
            self._waits.exception()
        refused = [*self._asked.values(), *self._waiting.values()]
        self._asked, self._waiting, self._running, self._wanted = {}, {}, None, False
        self._waits = None
        if held is not None:
            self._keep(asyncio.get_running_loop().create_task(self._drivers.release(held)))
        for _, thens in refused:
            for then in thens:
                then(None, 0.0, "")

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _give_way(self) -> None:
        """Somebody waits for a connection of a full pool."""
        if self._held is None:
            return
        if self._running is None:
            self._leave()
        else:
            self._wanted = True

    def _open(self) -> None:
        """Get a connection, beside those who ask."""
        if not self._closed and (self._opening is None or self._opening.done()):
            self._opening = asyncio.get_running_loop().create_task(self._begin())

    async def _begin(self) -> None:
        if not self._drivers.spare:
            return
        try:
            held = await self._drivers.take(clean=True)
        except (DBAPIError, PoolTimeout):
            return
        try:
            statements = await held.driver.prepare(_ONE), await held.driver.prepare(_MANY)
            # Preparing alone leaves the server in a transaction, with a snapshot of now.
            await statements[0].fetch(_NOBODY)
            completed = held.driver._protocol._on_waiter_completed  # noqa: SLF001
            frames = frames_of(held.driver)
            if frames is None:
                raise OSError("the line was lost meanwhile")
        except BaseException as error:
            held.sound = False
            held.driver.terminate()
            await self._drivers.release(held)
            if not isinstance(error, (*DRIVER_ERRORS, *NONSENSE, OSError)):
                raise
            return
        self._held, self._statements, self._wanted = held, statements, False
        self._frames, frames.then, self._completed = frames, self._heard, completed
        self._timer = asyncio.get_running_loop().call_later(_WATCH_SECONDS, self._look)

    def _look(self) -> None:
        """Let nobody wait behind what does not come, and give back what nobody uses."""
        self._timer = None
        if self._held is None:
            return
        now = monotonic()
        if self._held.driver.is_closed():
            self._leave()
        elif self._running is not None and now - self._sent_at > _LATE_SECONDS:
            # What the server still does is nobody else's business.
            self._held.driver.terminate()
            self._leave()
        elif self._running is None and now - self._last_at > _IDLE_SECONDS:
            self._leave()
        else:
            if self._running is not None and now - self._sent_at > _WATCH_SECONDS:
                waiting, self._waiting = self._waiting, {}
                for _, thens in waiting.values():
                    for then in thens:
                        then(None, 0.0, "")
            self._timer = asyncio.get_running_loop().call_later(_WATCH_SECONDS, self._look)

    async def close(self) -> None:
        """Give back what it has, for good."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._held is not None and self._running is not None:
            self._held.driver.terminate()
        self._leave()
        await asyncio.gather(*self._leaving, return_exceptions=True)
