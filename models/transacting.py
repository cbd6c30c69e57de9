"""Transactions: what statements run on, for a person who reads or for one who changes."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Executable, Row, func, select
from sqlalchemy.exc import DBAPIError

from models.base import table
from models.drivers import Held
from models.ledgers import LedgerKey
from models.sealing import KeyMissing, LedgerRing
from models.statements import Inserted, Prepared
from models.stores.keys import KeyProvider

if TYPE_CHECKING:
    from models.database import Database

Statement = Executable | Prepared
Params = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_QUEUED: Final = 12


def key_context(ledger_id: UUID, key_no: int) -> bytes:
    """What a wrapped data key is bound to, so that it cannot serve another ledger."""
    return b"ledger" + ledger_id.bytes + key_no.to_bytes(4, "big")


class Transaction(ABC):
    """One open database transaction acting as one person.

    Statements take turns, since many edges of one answer share the connection.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._began = monotonic()
        self._rings: dict[UUID, LedgerRing] = {}
        self.leftovers: list[Upkeep] = []

    @property
    def audit_key(self) -> bytes:
        """What keys the chain of audit entries."""
        return self._database.audit_key

    @property
    def keys(self) -> KeyProvider:
        """Who wraps data keys."""
        return self._database.keys

    def afterwards(self, work: "Upkeep") -> None:
        """Leave upkeep for when this reading has ended; nobody waits for it, and it may be lost."""
        self.leftovers.append(work)

    @abstractmethod
    async def rows(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """All rows of a statement."""

    @abstractmethod
    async def first(self, statement: Statement, params: Params = None) -> Row[Any] | None:
        """The first row, or None."""

    @abstractmethod
    async def scalar(self, statement: Statement, params: Params = None) -> Any:
        """First column of the first row, or None."""

    @abstractmethod
    async def run(self, statement: Statement, params: Params = None) -> int:
        """Run a statement for its effect; the count of rows it touched."""

    async def later(self, statement: Prepared, params: Params = None) -> None:
        """Run a statement for its effect, before the next one at the latest.

        It may go with others in one round trip, so it must not touch a row that one of those does:
        rows are inserted, and anything else is said once.
        """
        await self.run(statement, params)

    async def aside(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """Rows of a statement that sees nothing of what is left for later."""
        return await self.rows(statement, params)

    async def unlock(self, ledger_ids: Iterable[UUID]) -> None:
        """Load the data keys of ledgers, so that ``ring`` needs no waiting."""
        missing = []
        for ledger_id in ledger_ids:
            if ledger_id in self._rings:
                continue
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


class _Driven(Transaction):
    """A transaction on the driver itself; who opened it ends it."""

    def __init__(self, held: Held, database: "Database") -> None:
        super().__init__(database)
        self._held = held
        self._over = False

    async def rows(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        turn = self._turn
        await turn.acquire()
        try:
            await self._stand()
            return await self._database.fetch(self._held, statement, params)
        finally:
            turn.release()

    async def first(self, statement: Statement, params: Params = None) -> Row[Any] | None:
        """The first row, or None."""
        found = await self.rows(statement, params)
        return found[0] if found else None

    async def scalar(self, statement: Statement, params: Params = None) -> Any:
        """First column of the first row, or None."""
        found = await self.rows(statement, params)
        return found[0][0] if found else None

    async def run(self, statement: Statement, params: Params = None) -> int:
        """Run a statement for its effect; the count of rows it touched."""
        async with self._turn:
            await self._stand()
            return await self._database.execute(self._held, statement, params)

    async def _stand(self) -> None:
        """Be ready for a statement."""
        if self._over:
            raise RuntimeError("The transaction is over.")


class Writing(_Driven):
    """A transaction that may change."""

    def __init__(self, held: Held, database: "Database") -> None:
        super().__init__(held, database)
        self._queued: list[tuple[Prepared, Sequence[Mapping[str, Any]]]] = []

    async def later(self, statement: Prepared, params: Params = None) -> None:
        """Keep a statement for the next round trip."""
        rows: Sequence[Mapping[str, Any]]
        if type(params) is dict:
            rows = [params]
        else:
            rows = [params or {}] if params is None or isinstance(params, Mapping) else params
        if not isinstance(statement, Inserted) and (
            len(rows) > 1 or any(one is statement for one, _ in self._queued)
        ):
            await self.run(statement, params)
        elif rows:
            if len(self._queued) == _QUEUED:
                await self.send()
            self._queued.append((statement, rows))

    async def aside(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """Rows of a statement; what was kept stays where it is."""
        async with self._turn:
            await super()._stand()
            return await self._database.fetch(self._held, statement, params)

    async def send(self) -> None:
        """Run what was kept."""
        async with self._turn:
            await self._stand()

    async def _stand(self) -> None:
        await super()._stand()
        if self._queued:
            queued, self._queued = self._queued, []
            await self._database.execute_joined(self._held, queued)

    async def end(self) -> None:
        """Nothing runs in it any more; what is under way is waited for."""
        self._over = True
        async with self._turn:
            pass


class Reading(_Driven):
    """A transaction that only reads; it begins with its first statement."""

    def __init__(self, held: Held, database: "Database", user_id: UUID | None) -> None:
        super().__init__(held, database)
        self._user_id = user_id
        self._opened = False

    async def rows(self, statement: Statement, params: Params = None) -> Sequence[Row[Any]]:
        """All rows of a statement.

        A connection that was cut while nobody used it shows it at the first statement: nothing was
        read on it yet, so another one takes its place, once.
        """
        turn = self._turn
        await turn.acquire()
        try:
            await self._stand()
            try:
                found = await self._database.fetch(self._held, statement, params)
            except DBAPIError as error:
                if self._opened or not error.connection_invalidated:
                    raise
                await self._take_another()
                found = await self._database.fetch(self._held, statement, params)
            self._opened = True
            return found
        finally:
            turn.release()

    async def run(self, statement: Statement, params: Params = None) -> int:
        """Run a statement for what it does to this moment; the count of rows it touched."""
        touched = await super().run(statement, params)
        self._opened = True
        return touched

    async def _stand(self) -> None:
        await super()._stand()
        if not self._opened:
            self._database.begin_ahead(self._held, self._user_id)

    async def _take_another(self) -> None:
        """Begin on another connection; whatever cut this one has cut those that are kept, too."""
        drivers = self._database.drivers
        # Until there is another one, there is nothing to give back.
        self._over = True
        await drivers.release(self._held)
        await drivers.rest()
        self._held = await drivers.take()
        self._over = False
        self._database.begin_ahead(self._held, self._user_id)

    async def end(self) -> None:
        """End the moment and give the connection back; nothing was changed, so nothing is lost."""
        if not self._over:
            self._over = True
            turn = self._turn
            await turn.acquire()
            try:
                if not self._opened:
                    self._held.say_ahead(None)
                await self._database.drivers.leave(self._held)
            finally:
                turn.release()
            if self.leftovers:
                self._database.keep_up(self._user_id, self.leftovers)
