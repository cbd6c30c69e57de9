"""Writing to a ledger: one transaction, idempotent on request, versioned, in the change feed."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Generic, Protocol, TypeVar, cast
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError

from models.base import table, utc_now
from models.changes import Change
from models.database import LOCK_TIMEOUT, Database, Transaction, sqlstate
from models.ids import new_id
from models.jobs import Job
from models.ledgers import Ledger, Membership
from models.sealing import LedgerRing, derive
from models.statements import Inserted, Prepared
from resolvers.access import Actor
from resolvers.errors import (
    Conflict,
    Forbidden,
    NotFound,
    StaleObject,
)
from resolvers.events import Record, feed_rows, image_of
from resolvers.ledger_states import State, states
from resolvers.repeats import Repeat, claim, look, store
from resolvers.totals import move_totals
from resolvers.wire import wire

T = TypeVar("T")

_TURN_SECONDS: Final = 10
_LEDGERS: Final = table(Ledger)
_MEMBERSHIPS: Final = table(Membership)
_CHANGES: Final = table(Change)
_JOBS: Final = table(Job)
_ADD_JOBS: Final = Inserted(
    _JOBS, ("id", "kind", "ledger_id", "actor_id", "subject_id", "run_at", "created_at")
)
_ADD_CHANGES: Final = Inserted(
    _CHANGES,
    (
        "ledger_id", "version", "seq", "entity", "entity_id", "op", "actor_id", "at", "content",
        "content_mac", "prev_hash", "hash",
    ),
)  # fmt: skip
_MOVE_ON: Final = Prepared(
    update(_LEDGERS)
    .where(_LEDGERS.c.id == bindparam("ledger"))
    .values(
        version=bindparam("made", type_=_LEDGERS.c.version.type),
        books=_LEDGERS.c.books + bindparam("counted", type_=_LEDGERS.c.books.type),
        head_hash=bindparam("last", type_=_LEDGERS.c.head_hash.type),
    )
)
Step = Callable[[Transaction], Awaitable[None]]


class Broker(Protocol):
    """Tells other processes that a ledger has moved on; a lost message loses nothing."""

    async def publish(self, ledger_id: UUID, version: int) -> None:
        """Ledger is at version."""

    async def wake_workers(self) -> None:
        """There is new work."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a write gave, and whether it is an earlier write's stored answer."""

    value: T
    replayed: bool
    written: tuple[UUID, int] | None = None
    """Ledger and version that the value is of; None for a stored answer."""


@dataclass(slots=True)
class LedgerWrite:
    """One write in progress: the locked ledger and everything that leaves with its commit."""

    tx: Transaction
    actor: Actor
    ledger_id: UUID
    ring: LedgerRing
    now: datetime
    today: date
    role: str
    version: int
    """The version that this write makes."""
    head: bytes
    """Where the chain of the feed ends so far."""
    unheard: bool | None = None
    """Whether moved money leaves somebody to be told, as of the lock; None where nobody looked."""
    totals: dict[UUID, bytes] = field(default_factory=dict)
    """Sealed running totals of accounts that were read under the lock."""
    figures: bool = False
    """Whether any figure can have changed (moves ``books``)."""
    records: list[Record] = field(default_factory=list)
    moves: dict[UUID, int] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    beside: dict[UUID, "LedgerWrite"] = field(default_factory=dict)
    """Writes to other ledgers in the same database transaction, by ledger."""
    last: list[Step] = field(default_factory=list)
    """Steps after everything is stored: those that take the writer's own rights away."""

    def record(self, entity: str, op: str, before: Any, after: Any) -> None:
        """Put one changed object into the feed; rows are dataclasses with an ``id``."""
        row = after if after is not None else before
        self.records.append(Record(entity, row.id, op, before, after))

    def purged(self, entity: str, entity_id: UUID) -> None:
        """Tell that an object has left the trash for good: its second tombstone."""
        self.records.append(Record(entity, entity_id, "DELETE", None, None))

    def move(self, account_id: UUID, delta_minor: int) -> None:
        """Add to an account's running total when the write ends."""
        self.figures = True
        self.moves[account_id] = self.moves.get(account_id, 0) + delta_minor

    def enqueue(
        self,
        kind: str,
        subject_id: UUID,
        *,
        run_at: datetime | None = None,
        actor_id: UUID | None = None,
    ) -> None:
        """Leave work that starts only if this write commits; it acts as the writer by default."""
        self.jobs.append(
            {
                "id": new_id(),
                "kind": kind,
                "ledger_id": self.ledger_id,
                "actor_id": actor_id or self.actor.user_id,
                "subject_id": subject_id,
                "run_at": run_at or self.now,
                "created_at": self.now,
            }
        )


Notice = Callable[[LedgerWrite], Awaitable[None]]


class Ledgers:
    """The write path of every ledger."""

    def __init__(
        self, database: Database, chain_key: bytes, broker: Broker, notice: Notice | None = None
    ) -> None:
        """``notice`` sees every write that changed something, and may add to it."""
        self.database = database
        self._notice = notice
        self.broker = broker
        self._chain_key = chain_key
        self._print_key = derive(chain_key, "idempotency")
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def write(
        self,
        actor: Actor,
        work: Callable[[LedgerWrite], Awaitable[T]],
        *,
        ledger_id: UUID | None = None,
        repeat: Repeat | None = None,
        answer: Hashable = None,
        first: Step | None = None,
        also: Iterable[UUID] = (),
        own_affair: bool = False,
    ) -> Outcome[T]:
        """Run work under the ledger's lock and commit it with its feed, versions and jobs.

        ``answer`` is the type of the result, needed to store it under an idempotency key.
        ``first`` runs in the same transaction before the lock (it founds or enters a ledger).
        ``also`` names further ledgers to write, found in ``beside``; all are locked at once, in
        ascending order.  ``own_affair`` lets a viewer write down her own leaving or her new name.
        Raises CONFLICT when the ledger or the key is busy for longer than the lock timeout,
        IDEMPOTENCY_KEY_REUSED when the key stands for another input.
        """
        target = ledger_id or actor.ledger_id
        ledgers = sorted({target, *also})
        done: list[LedgerWrite] = []
        # Locked as it begins, unless something has to come before.
        at_once = repeat is None and first is None and not own_affair

        async def attempt(tx: Transaction) -> Outcome[T]:
            key_id: UUID | None = None
            if repeat is not None:
                await tx.unlock({actor.ledger_id})
                key_id, stored = await claim(tx, actor, repeat, self._print_key)
                if stored is not None:
                    return Outcome(cast("T", image_of(answer).validate_json(stored)), True)
            if first is not None:
                await first(tx)
            await tx.unlock({*ledgers, actor.ledger_id})
            found = await states(tx, actor.user_id, ledgers, locked=at_once, own_affair=own_affair)
            writes = self._writes(tx, actor, ledgers, found, own_affair=own_affair)
            write = writes.pop(target)
            write.beside = writes
            value = await work(write)
            every = [write, *writes.values()]
            for one in every:
                await self._flush(one)
            if key_id is not None:
                await store(tx, actor, key_id, image_of(answer).dump_json(value))
            for step in write.last:
                await step(tx)
            done[:] = every
            made = write.version if write.records else write.version - 1
            return Outcome(value, False, (target, made))

        try:
            async with AsyncExitStack() as turns:
                for one in ledgers:
                    await turns.enter_async_context(self._turn(one))
                outcome = await self.database.change(actor.user_id, attempt, lock=ledgers * at_once)
        except DBAPIError as error:
            if sqlstate(error) == LOCK_TIMEOUT:
                raise _busy() from error
            raise
        for write in done:
            if write.records:
                await self.broker.publish(write.ledger_id, write.version)
        if any(write.jobs for write in done):
            await self.broker.wake_workers()
        return outcome

    async def once(
        self,
        actor: Actor,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        repeat: Repeat | None,
        answer: Hashable,
    ) -> Outcome[T]:
        """Run work that belongs to no feed, such as the end of a session, and commit it.

        With a key it happens once, as every write; the failures are the same.
        """

        async def attempt(tx: Transaction) -> Outcome[T]:
            if repeat is None:
                return Outcome(await work(tx), False)
            await tx.unlock({actor.ledger_id})
            key_id, stored = await claim(tx, actor, repeat, self._print_key)
            if key_id is None:
                return Outcome(cast("T", image_of(answer).validate_json(stored or b"")), True)
            value = await work(tx)
            await store(tx, actor, key_id, image_of(answer).dump_json(value))
            return Outcome(value, False)

        try:
            return await self.database.change(actor.user_id, attempt)
        except DBAPIError as error:
            if sqlstate(error) == LOCK_TIMEOUT:
                raise _busy() from error
            raise

    async def answered(
        self, actor: Actor, *, repeat: Repeat | None, answer: Hashable
    ) -> Outcome[Any] | None:
        """What a key was answered with, for writes whose proof is used up by then; else None."""
        if repeat is None:
            return None
        async with self.database.read(actor.user_id) as tx:
            await tx.unlock({actor.ledger_id})
            stored = await look(tx, actor, repeat, self._print_key)
        return None if stored is None else Outcome(image_of(answer).validate_json(stored), True)

    @asynccontextmanager
    async def _turn(self, ledger_id: UUID) -> AsyncIterator[None]:
        """Writers of one ledger queue here, before they take a connection from everyone else."""
        turn = self._turns.get(ledger_id)
        if turn is None:
            turn = self._turns[ledger_id] = asyncio.Lock()
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await turn.acquire()
        except TimeoutError as error:
            raise _busy() from error
        try:
            yield
        finally:
            turn.release()

    @staticmethod
    def _writes(
        tx: Transaction,
        actor: Actor,
        ledgers: Sequence[UUID],
        found: Mapping[UUID, State],
        *,
        own_affair: bool,
    ) -> dict[UUID, LedgerWrite]:
        """The writes that begin; raises what forbids one of them."""
        now = utc_now()
        writes = {}
        for ledger_id in ledgers:
            state = found.get(ledger_id)
            if state is None:
                raise NotFound("There is no such group.")
            if state.version is None or (state.role == "VIEWER" and not own_affair):
                raise Forbidden("A viewer may look but not change anything.")
            writes[ledger_id] = LedgerWrite(
                tx=tx,
                actor=actor,
                ledger_id=ledger_id,
                ring=tx.ring(ledger_id),
                now=now,
                today=actor.today,
                role=state.role,
                version=state.version + 1,
                head=state.head,
                unheard=state.unheard,
            )
        return writes

    async def _flush(self, write: LedgerWrite) -> None:
        """Totals, feed, versions and jobs: what every write leaves behind."""
        moves = {key: delta for key, delta in write.moves.items() if delta}
        if moves:
            await move_totals(write.tx, write.ring, moves, write.totals)
        if write.records and self._notice is not None:
            await self._notice(write)
        if write.records:
            await self._append(write)
        if write.jobs:
            await write.tx.later(_ADD_JOBS, write.jobs)

    async def _append(self, write: LedgerWrite) -> None:
        rows, last = feed_rows(
            self._chain_key,
            write.ring,
            write.records,
            version=write.version,
            actor_id=write.actor.user_id,
            at=write.now,
            head=write.head,
        )
        await write.tx.later(_ADD_CHANGES, rows)
        counted = 1 if write.figures else 0
        await write.tx.later(
            _MOVE_ON,
            {
                "ledger": write.ledger_id,
                "made": write.version,
                "counted": counted,
                "last": last,
            },
        )


def _busy() -> Conflict:
    return Conflict(
        "Another write to the same ledger is still running; repeat this one.",
        retry_after_seconds=1,
    )


def require_version(row: Any, expected: int | None) -> None:
    """Raise STALE_OBJECT, with the current object, unless it is the version the caller has seen."""
    if expected is not None and row.version != expected:
        raise StaleObject(
            f"You have version {expected}, the current one is {row.version}.",
            details={"current": wire(row), "expectedVersion": expected, "version": row.version},
        )
