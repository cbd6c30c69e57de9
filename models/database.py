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
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Executable, Row, event, func, select, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.base import table
from models.ledgers import LedgerKey
from models.sealing import KEY_CACHE_SECONDS, KeyMissing, LedgerRing, RingCache
from models.stores.keys import KeyProvider

T = TypeVar("T")
_log: Final = structlog.get_logger("database")
Params = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_RETRIED: Final = frozenset({"40001", "40P01"})
_ATTEMPTS: Final = 4
LOCK_TIMEOUT: Final = "55P03"
UNIQUE_VIOLATION: Final = "23505"


def sqlstate(error: DBAPIError) -> str | None:
    """The five-character SQLSTATE behind a driver's error."""
    return getattr(error.orig, "sqlstate", None)


def constraint_of(error: DBAPIError) -> str | None:
    """Name of the violated constraint, where the server told it."""
    cause = getattr(error.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None)


def key_context(ledger_id: UUID, key_no: int) -> bytes:
    """What a wrapped data key is bound to, so that it cannot serve another ledger."""
    return b"ledger" + ledger_id.bytes + key_no.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class VisibleVersion:
    """Where one ledger that a person can see stands."""

    ledger_id: UUID
    version: int
    books: int
    inbox: int = 0
    """With the personal ledger: how often the received invitations have changed."""


class Transaction:
    """One open database transaction acting as one person.

    Statements take turns, since many edges of one answer share the connection.
    """

    def __init__(self, connection: AsyncConnection, database: "Database") -> None:
        self._connection = connection
        self._database = database
        self._turn = asyncio.Lock()
        self._began = monotonic()
        self._rings: dict[UUID, LedgerRing] = {}
        self.leftovers: list[Upkeep] = []

    @property
    def keys(self) -> KeyProvider:
        """Who wraps data keys."""
        return self._database.keys

    def afterwards(self, work: "Upkeep") -> None:
        """Leave upkeep for when this reading has ended; nobody waits for it, and it may be lost."""
        self.leftovers.append(work)

    async def rows(self, statement: Executable, params: Params = None) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        async with self._turn:
            return (await self._connection.execute(statement, params)).all()

    async def first(self, statement: Executable, params: Params = None) -> Row[Any] | None:
        """The first row, or None."""
        async with self._turn:
            return (await self._connection.execute(statement, params)).first()

    async def scalar(self, statement: Executable, params: Params = None) -> Any:
        """First column of the first row, or None."""
        async with self._turn:
            return (await self._connection.execute(statement, params)).scalar()

    async def run(self, statement: Executable, params: Params = None) -> int:
        """Run a statement for its effect; the count of rows it touched."""
        async with self._turn:
            return (await self._connection.execute(statement, params)).rowcount

    async def unlock(self, ledger_ids: Iterable[UUID]) -> None:
        """Load the data keys of ledgers, so that ``ring`` needs no waiting."""
        missing = []
        for ledger_id in set(ledger_ids) - self._rings.keys():
            ring = self._database.rings.get(ledger_id)
            if ring is None:
                missing.append(ledger_id)
            else:
                self._rings[ledger_id] = ring
        if not missing:
            return
        keys = table(LedgerKey)
        found = await self.rows(
            select(
                keys.c.ledger_id,
                keys.c.key_no,
                keys.c.wrapped,
                (keys.c.created_at < func.now() - self._database.key_pause).label("known"),
            ).where(keys.c.ledger_id.in_(missing))
        )
        opened: dict[UUID, dict[int, AESGCM]] = {}
        known: dict[UUID, int] = {}
        for row in found:
            ledger_id, key_no = row.ledger_id, row.key_no
            plain = await self._database.keys.unwrap(row.wrapped, key_context(ledger_id, key_no))
            opened.setdefault(ledger_id, {})[key_no] = AESGCM(plain)
            if row.known:
                known[ledger_id] = max(key_no, known.get(ledger_id, 0))
        for ledger_id, ring_keys in opened.items():
            # A new key seals only when no process can still hold a ring without it.  The ring is as
            # old as what this transaction sees.
            sealing = known.get(ledger_id, min(ring_keys))
            ring = LedgerRing(ledger_id, ring_keys, self._began, sealing)
            self._rings[ledger_id] = ring
            self._database.rings.put(ring)

    def ring(self, ledger_id: UUID) -> LedgerRing:
        """The opened keys of a ledger that ``unlock`` has loaded; raises KeyMissing."""
        ring = self._rings.get(ledger_id)
        if ring is None:
            raise KeyMissing("The ledger's keys are gone or out of reach.")
        return ring


Upkeep = Callable[[Transaction], Awaitable[None]]
"""Short work that changes no figure and no version: it may be skipped, lost or done twice."""


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
        key_pause_seconds: float = KEY_CACHE_SECONDS + 60,
    ) -> None:
        """``trust_addresses`` counts every address as proved (the local profile).

        ``key_pause_seconds`` is how long a new data key waits before it seals: longer than any
        process remembers a ring without it.
        """
        self.engine = engine
        self.keys = keys
        self.rings = RingCache()
        self.key_pause = timedelta(seconds=key_pause_seconds)
        trusted = ", set_config('app.trust_addresses', 'on', true)" if trust_addresses else ""
        self._set_actor = text(f"SELECT set_config('app.user_id', :user, true){trusted}")
        self._write_setup = text(
            f"SELECT set_config('app.user_id', :user, true){trusted}, "
            f"set_config('lock_timeout', '{int(lock_timeout_ms)}', true), "
            f"set_config('statement_timeout', '{int(statement_timeout_ms)}', true)"
        )
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._maintaining = asyncio.Semaphore(1)
        self._upkeep: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close all connections."""
        for task in self._upkeep:
            task.cancel()
        await self.settle()
        await self.engine.dispose()

    async def settle(self) -> None:
        """Wait for upkeep that is under way."""
        await asyncio.gather(*self._upkeep, return_exceptions=True)

    @asynccontextmanager
    async def _opened(
        self, engine: AsyncEngine, setup: Executable, user_id: UUID | None
    ) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction as one person.

        A connection that was cut while it lay in the pool shows it at the first statement: nothing
        has happened on it yet, so another one takes its place, once.
        """
        for last in (False, True):
            opening = AsyncExitStack()
            try:
                async with opening:
                    connection = await opening.enter_async_context(engine.connect())
                    await opening.enter_async_context(connection.begin())
                    await connection.execute(setup, {"user": str(user_id or "")})
                    standing = opening.pop_all()
            except DBAPIError as error:
                if last or not error.connection_invalidated:
                    raise
                continue
            async with standing:
                yield connection
            return

    @asynccontextmanager
    async def read(self, user_id: UUID | None) -> AsyncIterator[Transaction]:
        """One consistent read-only moment, seen as one person (or as nobody)."""
        async with self._opened(self._reading, self._set_actor, user_id) as connection:
            tx = Transaction(connection, self)
            yield tx
        if tx.leftovers:
            task = asyncio.create_task(self.maintain(user_id, tx.leftovers))
            self._upkeep.add(task)
            task.add_done_callback(self._upkeep.discard)

    async def maintain(self, user_id: UUID | None, works: Iterable[Upkeep]) -> None:
        """Upkeep, each piece in a short transaction of its own, one piece at a time.

        It holds no ledger's lock and moves no version; what fails is told and left for next time.
        """
        async with self._maintaining:
            for work in works:
                try:
                    async with self._opened(self.engine, self._write_setup, user_id) as connection:
                        await work(Transaction(connection, self))
                except (DBAPIError, PoolTimeout, KeyMissing) as error:
                    _log.warning("upkeep.skipped", exc_info=error)

    async def change(self, user_id: UUID | None, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run work in one READ COMMITTED transaction and commit it.

        Serialization failures and deadlocks run the work again; it must hold no other effect.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self._opened(self.engine, self._write_setup, user_id) as connection:
                    return await work(Transaction(connection, self))
            except DBAPIError as error:
                if sqlstate(error) not in _RETRIED or attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("the loop returns or raises")

    async def call(self, statement: Executable, params: Params = None) -> Sequence[Row[Any]]:
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

    async def _call(self, statement: Executable, params: Params) -> Sequence[Row[Any]]:
        async with self._autocommit.connect() as connection:
            return (await connection.execute(statement, params)).all()

    async def visible_versions(self, user_id: UUID) -> list[VisibleVersion]:
        """Version and books of every ledger that a person can see, in order of ledger."""
        found = await self.call(_VISIBLE_VERSIONS, {"user": user_id})
        return [VisibleVersion(r.ledger_id, r.version, r.books, r.inbox) for r in found]

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
_VISIBLE_VERSIONS: Final = text(
    "SELECT ledger_id, version, books, inbox FROM visible_versions(:user) ORDER BY ledger_id"
)


def connect(
    *,
    host: str,
    port: int,
    name: str,
    user: str,
    password: str,
    pooler: str = "session",
    pool_size: int = 10,
) -> AsyncEngine:
    """An engine on a PostgreSQL server.

    ``pooler="transaction"`` is for PgBouncer in transaction mode: no statement outlives its
    transaction there, so nothing is cached and every prepared name is unique.
    """
    arguments: dict[str, Any] = {
        "host": host,
        "port": port,
        "database": name,
        "user": user,
        "password": password,
        "server_settings": {"application_name": "pockettrend"},
    }
    if pooler == "transaction":
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__pt_{uuid4()}__",
        }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        hide_parameters=True,  # bound values are people's data: they stay out of errors and logs
    )
    event.listen(engine.sync_engine, "checkout", _leave_closed)
    return engine


def _leave_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Take no connection from the pool that the server has closed: the driver knows of it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("closed by the server while it lay in the pool")
