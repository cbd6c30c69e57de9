"""The only place that begins and commits: reads, writes and upkeep under row-level security."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import BigInteger, Row, Uuid, column, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from models.connecting import connect
from models.drafting import WRITE_AT
from models.drivers import Drivers, Held, raise_heard, raise_told
from models.frames import words_ahead
from models.ids import quick
from models.sealing import KEY_CACHE_SECONDS, KeyMissing, RingCache
from models.statements import Inserted, Joined, Prepared, Writer
from models.stores.keys import KeyProvider
from models.telemetry import note_statement
from models.transacting import Params, Reading, Statement, Transaction, Upkeep, Writing, key_context
from models.versions import VersionLine, VisibleVersion

__all__ = [
    "Database", "Reading", "Transaction", "Upkeep", "VisibleVersion", "connect", "key_context",
]  # fmt: skip

T = TypeVar("T")
_log: Final = structlog.get_logger("database")

_RETRIED: Final = frozenset({"40001", "40P01"})
_ATTEMPTS: Final = 4
_BEGIN_WRITE: Final = "BEGIN; SELECT set_config('app.user_id', '"
_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_AS_READER: Final = "SELECT set_config('app.user_id', '"
LOCK_TIMEOUT: Final = "55P03"
UNIQUE_VIOLATION: Final = "23505"


def _locking(ledger_ids: Collection[UUID]) -> str:
    """Words that lock ledgers, in ascending order; what is read behind them sees what was waited for."""
    if not ledger_ids:
        return ""
    wanted = ", ".join(f"'{quick(one)}'" for one in ledger_ids)
    return f"; SELECT FROM ledgers WHERE id IN ({wanted}) ORDER BY id FOR UPDATE"


def sqlstate(error: DBAPIError) -> str | None:
    """The five-character SQLSTATE behind a driver's error."""
    return getattr(error.orig, "sqlstate", None)


def constraint_of(error: DBAPIError) -> str | None:
    """Name of the violated constraint, where the server told it."""
    return getattr(error.orig, "constraint_name", None)


class Database:
    """A pool of connections and the five ways to use one."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: KeyProvider,
        *,
        lock_timeout_ms: int = 3_000,
        statement_timeout_ms: int = 30_000,
        trust_addresses: bool = False,
        keeps: bool = True,
        key_pause_seconds: float = KEY_CACHE_SECONDS + 60,
        audit_key: bytes = b"",
    ) -> None:
        """``trust_addresses`` counts every address as proved (the local profile).

        ``keeps`` keeps connections for a moment between readings; not through a pooler.
        ``key_pause_seconds`` is how long a new data key waits before it seals: longer than any
        process remembers a ring without it.  ``audit_key`` keys the chain of audit entries.
        """
        self.engine = engine
        self.keys = keys
        self.audit_key = audit_key
        self.rings = RingCache()
        self.key_pause = timedelta(seconds=key_pause_seconds)
        trusted = ", set_config('app.trust_addresses', 'on', true)" if trust_addresses else ""
        self._begun = f"', true){trusted}"
        self._begun_write = (
            f"{self._begun}, set_config('lock_timeout', '{int(lock_timeout_ms)}', true), "
            f"set_config('statement_timeout', '{int(statement_timeout_ms)}', true)"
        )
        self._patience = int(lock_timeout_ms)
        self._writer = Writer(engine.dialect)
        self._joined = Joined()
        self.drivers = Drivers(engine, keeps=keeps)
        self.watch: Callable[[str, Sequence[Any]], None] | None = None
        """Told the text and the values of every statement."""
        self.versions = VersionLine(self.drivers, watch=self._watched)
        self.reports: Callable[[UUID | None], Awaitable[Reading]] | None = None
        """Opens moments for reports elsewhere (``models.replica``)."""
        self._maintaining = asyncio.Semaphore(1)
        self._upkeep: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close all connections."""
        for task in self._upkeep:
            task.cancel()
        await self.settle()
        await self.versions.close()
        await self.drivers.rest()
        await self.engine.dispose()

    def _watched(self, sql: str, arguments: Sequence[Any]) -> None:
        if self.watch is not None:
            self.watch(sql, arguments)

    async def settle(self) -> None:
        """Wait for upkeep that is under way."""
        await asyncio.gather(*self._upkeep, return_exceptions=True)

    @asynccontextmanager
    async def read(
        self, user_id: UUID | None, *, report: bool = False
    ) -> AsyncIterator[Transaction]:
        """One consistent read-only moment, seen as one person (or as nobody).

        A ``report`` may be read from a replica.
        """
        reading = await (self.open_report if report else self.open_read)(user_id)
        try:
            yield reading
        except BaseException:
            reading.leftovers.clear()
            raise
        finally:
            await reading.end()

    async def open_read(self, user_id: UUID | None) -> "Reading":
        """Open such a moment; who opens it ends it.

        It begins with its first statement, in the same round trip, and takes another connection
        once, like every way in, when the first turns out to be cut.
        """
        return Reading(await self.drivers.take(), self, user_id)

    def begin_ahead(self, held: Held, user_id: UUID | None) -> None:
        """Have a moment begin on a connection, as one person, with the next statement."""
        person = f"{_AS_READER}{'' if user_id is None else quick(user_id)}{self._begun}"
        before = ("ROLLBACK",) if held.begun else ()
        held.say_ahead(words_ahead(*before, _BEGIN_READ, person))

    async def _begin(self, user_id: UUID | None, lock: Collection[UUID] = ()) -> Held:
        """A connection in a transaction that may change, as one person.

        A connection that was cut while nobody used it shows it at the first statement: nothing has
        happened on it yet, so another one takes its place, once.
        """
        # The words are ours, and an id holds nothing but its digits.
        who = "" if user_id is None else quick(user_id)
        text = f"{_BEGIN_WRITE}{who}{self._begun_write}{_locking(lock)}"
        try:
            return await self._try_begin(text)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # Whatever cut it has cut those that are kept, too.
        await self.drivers.rest()
        return await self._try_begin(text)

    async def _try_begin(self, words: str) -> Held:
        held = await self.drivers.take()
        try:
            await held.driver.execute(f"ROLLBACK; {words}" if held.begun else words)
        except BaseException as error:
            # It may have begun all the same: the next one would get this one's moment.
            if not isinstance(error, asyncpg.PostgresError):
                held.driver.terminate()
            await self.drivers.release(held)
            raise_heard(error, held.driver)
            raise
        return held

    async def _change_once(
        self,
        user_id: UUID | None,
        work: Callable[[Transaction], Awaitable[T]],
        lock: Collection[UUID] = (),
    ) -> T:
        """One transaction that may change: what work leaves is committed, or nothing of it."""
        held = await self._begin(user_id, lock)
        writing = Writing(held, self)
        try:
            try:
                value = await work(writing)
                await writing.send()
            finally:
                await writing.end()
            await held.driver.execute("COMMIT")
        except BaseException as error:
            held.sound = False
            if not isinstance(error, Exception):
                # Given up in the middle: what the server still does is nobody else's business.
                held.driver.terminate()
            await self.drivers.release(held)
            raise_told(error, held.driver)
            raise
        await self.drivers.leave(held)
        return value

    async def fetch(
        self, held: Held, statement: Statement, params: Params = None
    ) -> Sequence[Row[Any]]:
        """All rows of a statement, past SQLAlchemy's engine."""
        values: Any = params
        written, sql, arguments = self._writer.write(statement, values)
        if self.watch is not None:
            self.watch(sql, arguments)
        driver = held.driver
        started = monotonic()
        try:
            found = await driver.fetch(sql, *arguments, record_class=written.line)
        except BaseException as error:
            held.sound = False
            raise_heard(error, driver)
            raise
        finally:
            note_statement(sql, monotonic() - started)
        rows: Sequence[Any] = written.read(found)
        return rows

    async def execute(self, held: Held, statement: Statement, params: Params = None) -> int:
        """Run a statement for its effect, once or for each of many rows; the rows it touched."""
        many: list[list[Any]] | None = None
        arguments: Sequence[Any]
        if params is None or isinstance(params, Mapping):
            _, sql, arguments = self._writer.write(statement, params)
        elif not params:
            return 0
        elif len(params) == 1 and isinstance(statement, Prepared):
            # One row needs no batch of the driver, which prepares for many.
            _, sql, arguments = self._writer.write(statement, params[0])
        elif isinstance(statement, Inserted):
            sql, arguments = self._writer.write_spread(statement, params)
        else:
            sql, many = self._writer.write_many(statement, params)
            arguments = many
        return await self._execute(held, sql, arguments, many)

    async def execute_joined(
        self, held: Held, queued: Sequence[tuple[Prepared, Sequence[Mapping[str, Any]]]]
    ) -> None:
        """Run several statements for their effect, in one round trip."""
        sql, arguments = self._joined.write(self.engine.dialect, queued)
        await self._execute(held, sql, arguments, None)

    async def _execute(
        self, held: Held, sql: str, arguments: Sequence[Any], many: list[list[Any]] | None
    ) -> int:
        if self.watch is not None:
            self.watch(sql, arguments)
        driver = held.driver
        started = monotonic()
        try:
            if many is not None:
                await driver.executemany(sql, many)
                return len(many)
            told: str = await driver.execute(sql, *arguments)
        except BaseException as error:
            held.sound = False
            raise_heard(error, driver)
            raise
        finally:
            note_statement(sql, monotonic() - started)
        count = told.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    def keep_up(self, user_id: UUID | None, works: Iterable[Upkeep]) -> None:
        """Do upkeep beside everything else."""
        task = asyncio.create_task(self.maintain(user_id, works))
        self._upkeep.add(task)
        task.add_done_callback(self._upkeep.discard)

    async def maintain(self, user_id: UUID | None, works: Iterable[Upkeep]) -> None:
        """Upkeep, each piece in a short transaction of its own, one piece at a time.

        It holds no ledger's lock and moves no version; what fails is told and left for next time.
        """
        async with self._maintaining:
            for work in works:
                try:
                    await self._change_once(user_id, work)
                except (DBAPIError, PoolTimeout, KeyMissing) as error:
                    _log.warning("upkeep.skipped", exc_info=error)

    async def change(
        self,
        user_id: UUID | None,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        lock: Collection[UUID] = (),
    ) -> T:
        """Run work in one READ COMMITTED transaction and commit it.

        Ledgers to ``lock`` are locked as it begins, those that the person may write.
        Serialization failures and deadlocks run the work again; it must hold no other effect.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._change_once(user_id, work, lock)
            except DBAPIError as error:
                if sqlstate(error) not in _RETRIED or attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("the loop returns or raises")

    async def change_at(self, draft: dict[str, Any]) -> bool:
        """Lock the ledger of a draft, and commit the draft if it stands where it is said to stand.

        False, with nothing done, when it has moved on.  One statement and one round trip: the
        function takes person and lock, and whatever it says afterwards sees what it waited for.
        An error that cuts the connection leaves open whether it has happened.
        """
        return bool((await self._call(WRITE_AT, {**draft, "patience": self._patience}))[0][0])

    async def call(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """One autocommitted call of a gate: a definer function on the allow-list.

        On a connection that turns out to be cut it is called again on another one, once: what a
        gate writes bears being said twice (a claim that nobody heard of runs out by itself).
        """
        try:
            return await self._call(statement, params)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._call(statement, params)

    async def _call(self, statement: Statement, params: Params) -> Sequence[Row[Any]]:
        held = await self.drivers.take(clean=True)
        try:
            return await self.fetch(held, statement, params)
        finally:
            await self.drivers.leave(held)

    async def open_report(self, user_id: UUID | None) -> "Reading":
        """Begin a moment for a report: on a replica where one is set and has all that it takes."""
        return await (self.reports or self.open_read)(user_id)

    async def visible_versions(self, user_id: UUID) -> list[VisibleVersion]:
        """Version and books of every ledger that a person can see, in order of ledger."""
        found = await self.call(_VISIBLE_VERSIONS, {"user": user_id})
        return [VisibleVersion._make(row) for row in found]

    async def live_versions(self, user_ids: Collection[UUID]) -> dict[UUID, dict[UUID, int]]:
        """For each of some people, the versions of the ledgers that they can see."""
        found: dict[UUID, dict[UUID, int]] = {one: {} for one in user_ids}
        for row in await self.call(_LIVE_VERSIONS, {"people": list(user_ids)}):
            found[row.user_id][row.ledger_id] = row.version
        return found

    async def ended_sessions(self, session_ids: Collection[UUID]) -> set[UUID]:
        """Those of some sessions that do not stand any more."""
        rows = await self.call(_ENDED_SESSIONS, {"wanted": list(session_ids)})
        return {row.id for row in rows}


_LIVE_VERSIONS: Final = text(
    "SELECT user_id, ledger_id, version FROM live_versions(CAST(:people AS uuid[]))"
)
_ENDED_SESSIONS: Final = text(
    "SELECT ended AS id FROM ended_sessions(CAST(:wanted AS uuid[])) AS ended"
)
_VISIBLE_VERSIONS: Final = Prepared(
    text(
        "SELECT ledger_id, version, books, inbox FROM visible_versions(:user) ORDER BY ledger_id"
    ).columns(
        column("ledger_id", Uuid),
        column("version", BigInteger),
        column("books", BigInteger),
        column("inbox", BigInteger),
    )
)


async def visible_in(tx: Transaction, user_id: UUID) -> list[VisibleVersion]:
    """Version and books of every ledger that a person can see, as of a moment."""
    found = await tx.rows(_VISIBLE_VERSIONS, {"user": user_id})
    return [VisibleVersion._make(row) for row in found]
