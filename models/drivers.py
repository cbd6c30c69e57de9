"""Connections: the driver's own, kept for a moment between one reading and the next.

They belong to SQLAlchemy's pool, which bounds all connections of the process.  Going through it
costs a switch of greenlets, and ending a transaction costs a round trip; a reading that follows
another within a moment takes over its connection and ends the old transaction in the same words
that begin its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from models.frames import NONSENSE, Ahead, PacketError, frames_of

_KEPT_SECONDS: Final = 0.05
_BABBLED: Final = (asyncpg.InternalClientError, PacketError)
"""What the driver raises when what it reads is no word of the server's."""
DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, *_BABBLED)


@dataclass(slots=True)
class Held:
    """A connection of the pool that a reading has."""

    pooled: PoolProxiedConnection
    driver: Any
    """The driver's own connection."""
    left_at: float = 0.0
    sound: bool = True
    """Whether nothing has failed on it: else it is not kept."""

    @property
    def begun(self) -> bool:
        """Whether it stands in a transaction: that of the reading before, which is over."""
        return not self.driver.is_closed() and bool(self.driver.is_in_transaction())

    def say_ahead(self, words: Ahead | None) -> None:
        """Have something go out with the next statement, in its round trip; None takes it back."""
        frames = frames_of(self.driver)
        if frames is not None:
            frames.ahead = words
        elif words is not None and not self.driver.is_closed():
            # On one that is closed the statement fails by itself; on any other it would run alone.
            raise RuntimeError("Nothing can be said ahead on this connection.")


class Drivers:
    """Hands connections to readings, the last used first."""

    def __init__(self, engine: AsyncEngine, *, keeps: bool) -> None:
        """Without ``keeps`` every reading ends its transaction at once.

        A pooler between us and the server would keep a connection of the server for each.
        """
        self._engine = engine
        dbapi: Any = engine.dialect.loaded_dbapi
        self._refusals: type[Exception] = dbapi.Error
        self._keeps = keeps
        self._kept: list[Held] = []
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.give_way: Callable[[], None] | None = None
        """Told when somebody waits for a connection of a full pool."""

    @property
    def spare(self) -> bool:
        """Whether a connection may be kept for longer, out of a pool that has room."""
        return self._keeps and self._roomy

    @property
    def kept(self) -> int:
        """How many connections are kept that nobody uses."""
        return len(self._kept)

    async def take(self, *, clean: bool = False) -> Held:
        """A connection; unless it has to be ``clean``, in the transaction of the reading before."""
        held = self._kept_one(begun=not clean)
        if held is not None:
            return held
        # Out of a pool with room, one of each kind: ending a transaction would be a round trip each
        # time that a call comes between two readings.
        if not (clean and self._kept and self._roomy):
            held = self._kept_one(begun=clean)
            if held is not None and (not clean or await self._cleaned(held)):
                return held
        try:
            async with self.room():
                return await self._fresh()
        except DRIVER_ERRORS as error:
            raise_told(error)
            raise
        except (self._refusals, *NONSENSE) as error:
            # A connection that could not be opened comes as the dialect's own error, or as whatever
            # it stumbles over when a server babbles instead of greeting.
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=True
            ) from error

    @property
    def _roomy(self) -> bool:
        pool: Any = self._engine.pool
        return not self._waiting and pool.checkedout() < pool.size() // 2

    async def _cleaned(self, held: Held) -> bool:
        """End the transaction that a connection stands in; one that cannot goes back to the pool."""
        try:
            if held.begun:
                await held.driver.execute("ROLLBACK")
        except BaseException as error:
            held.driver.terminate()
            await self.release(held)
            if not isinstance(error, (*DRIVER_ERRORS, *NONSENSE)):
                raise
            return False
        return True

    def _kept_one(self, *, begun: bool) -> Held | None:
        """The one of its kind that was used last."""
        for index in reversed(range(len(self._kept))):
            held = self._kept[index]
            if held.driver.is_closed():
                # Cut while it was kept: its place in the pool is free again.
                del self._kept[index]
                held.pooled.invalidate()
                held.pooled.close()
            elif held.driver.is_in_transaction() == begun:
                del self._kept[index]
                return held
        return None

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Around everybody who waits for a connection of the pool: nothing is kept from them."""
        pool: Any = self._engine.pool
        if pool.checkedout() >= pool.size():
            if self._kept:
                await self.release(self._kept.pop(0))
            elif self.give_way is not None:
                self.give_way()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _fresh(self) -> Held:
        while True:
            pooled = await self._engine.raw_connection()
            driver: Any = pooled.driver_connection
            if not driver.is_closed():
                return Held(pooled, driver)
            pooled.invalidate()
            pooled.close()

    async def leave(self, held: Held) -> None:
        """Keep a connection for the next reading, in the transaction of the one that is over."""
        if not (self._keeps and held.sound) or self._waiting or held.driver.is_closed():
            await self.release(held)
            return
        loop = asyncio.get_running_loop()
        held.left_at = loop.time()
        self._kept.append(held)
        if self._timer is None:
            self._timer = loop.call_later(_KEPT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Give back what nobody took; the oldest come first."""
        self._timer = None
        loop = asyncio.get_running_loop()
        due = loop.time() - _KEPT_SECONDS
        while self._kept and self._kept[0].left_at <= due:
            task = loop.create_task(self.release(self._kept.pop(0)))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        if self._kept:
            wait = max(0.001, self._kept[0].left_at - due)
            self._timer = loop.call_later(wait, self._sweep)

    async def release(self, held: Held) -> None:
        """Give a connection back to its pool, out of any transaction; a broken one is not kept."""
        pooled, driver = held.pooled, held.driver
        try:
            if not driver.is_closed() and held.begun:
                await driver.execute("ROLLBACK")
        except BaseException as error:
            driver.terminate()
            if not isinstance(error, Exception):
                raise
        finally:
            if driver.is_closed():
                pooled.invalidate()
            pooled.close()

    async def rest(self) -> None:
        """Give back all that is kept."""
        while self._kept:
            await self.release(self._kept.pop())
        await asyncio.gather(*self._ending)


def raise_told(error: BaseException, driver: Any = None) -> None:
    """A failure of the driver as SQLAlchemy tells it, so that both ways fail alike."""
    if isinstance(error, DRIVER_ERRORS):
        if driver is not None and isinstance(error, _BABBLED):
            # Nobody knows what comes next on this line.
            driver.terminate()
        lost = driver is None or driver.is_closed()
        kind = DBAPIError
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            kind = IntegrityError
        raise kind(None, None, error, hide_parameters=True, connection_invalidated=lost) from error


def raise_heard(error: BaseException, driver: Any) -> None:
    """The same of one statement: whatever its answer trips the driver up with is a lost line."""
    raise_told(error, driver)
    # Given up in the middle: what the server still does is nobody else's business.
    driver.terminate()
    if isinstance(error, NONSENSE):
        raise DBAPIError(
            None, None, error, hide_parameters=True, connection_invalidated=True
        ) from error
