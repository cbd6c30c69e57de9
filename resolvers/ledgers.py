"""Writing to a ledger: one transaction, idempotent on request, versioned, in the change feed."""

from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError

from models.base import table, utc_now
from models.changes import Change
from models.database import (
    LOCK_TIMEOUT,
    Database,
    Transaction,
    sqlstate,
)
from models.jobs import Job
from models.ledgers import Ledger, Membership
from models.sealing import derive
from models.statements import Inserted, Prepared
from resolvers.access import Actor
from resolvers.errors import (
    Forbidden,
    NotFound,
    StaleObject,
)
from resolvers.events import feed_rows, image_of
from resolvers.ledger_drafts import Drafted, Drafts
from resolvers.ledger_states import Ahead, State, states
from resolvers.ledger_writes import Ask, LedgerWrite, Outcome, Step
from resolvers.repeats import Repeat, claim, held, keep, look, recall, store
from resolvers.totals import move_totals
from resolvers.turns import Turn, busy
from resolvers.wire import wire

__all__ = ["Broker", "LedgerWrite", "Ledgers", "Notice", "Outcome", "Step", "require_version"]

T = TypeVar("T")

_LATELY: Final = 100
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
_LINKS: Final = Prepared(
    select(_CHANGES.c.hash).where(
        _CHANGES.c.ledger_id == bindparam("ledger"), _CHANGES.c.version == bindparam("made")
    )
)
_MOVE_ON: Final = Prepared(
    update(_LEDGERS)
    .where(_LEDGERS.c.id == bindparam("ledger"))
    .values(
        version=bindparam("made", type_=_LEDGERS.c.version.type),
        books=_LEDGERS.c.books + bindparam("counted", type_=_LEDGERS.c.books.type),
        head_hash=bindparam("last", type_=_LEDGERS.c.head_hash.type),
    ),
    part="ledgers",
)


class Broker(Protocol):
    """Tells other processes that a ledger has moved on; a lost message loses nothing."""

    async def publish(self, ledger_id: UUID, version: int) -> None:
        """Ledger is at version."""

    async def wake_workers(self) -> None:
        """There is new work."""


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
        self._turns: WeakValueDictionary[UUID, Turn] = WeakValueDictionary()
        self._lately: deque[Turn] = deque(maxlen=_LATELY)
        self.drafts = Drafts(database, self._print_key, self._flush)

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
        ahead: Ahead | None = None,
    ) -> Outcome[T]:
        """Run work under the ledger's lock and commit it with its feed, versions and jobs.

        ``answer`` is the type of the result, needed to store it under an idempotency key.
        ``first`` runs in the same transaction before the lock (it founds or enters a ledger).
        ``also`` names further ledgers to write, found in ``beside``; all are locked at once, in
        ascending order.  ``own_affair`` lets a viewer write down her own leaving or her new name.
        ``ahead`` is read with the ledger's state where that is one statement anyway.
        Raises CONFLICT when the ledger or the key is busy for longer than the lock timeout,
        IDEMPOTENCY_KEY_REUSED when the key stands for another input.
        """
        target = ledger_id or actor.ledger_id
        ledgers = sorted({target, *also})
        # Locked as it begins, unless something has to come before.
        at_once = first is None and not own_affair
        ask = Ask(target, ledgers, repeat, answer, first, own_affair, ahead)
        if repeat is not None and ledgers != [actor.ledger_id]:
            # The lock that is taken is not the one that the key lies behind.
            at_once = False
        turns = [self._turn(one) for one in ledgers]
        taken = 0
        try:
            for turn in turns:
                await turn.take()
                taken += 1
            drafted = await self.drafts.attempt(actor, work, ask) if at_once else None
            if drafted is not None and drafted.done:
                outcome, done = drafted.outcome, [drafted.write]
            else:
                outcome, done = await self._attempts(
                    actor, work, ask, at_once=at_once, drafted=drafted
                )
            self.drafts.remember(ask, done)
        finally:
            for turn in turns[:taken]:
                turn.give()
        woken = False
        for write in done:
            if write.records:
                await self.broker.publish(write.ledger_id, write.version)
            if write.jobs:
                woken = True
        if woken:
            await self.broker.wake_workers()
        return outcome

    async def _attempts(
        self,
        actor: Actor,
        work: Callable[[LedgerWrite], Awaitable[T]],
        ask: Ask,
        *,
        at_once: bool,
        drafted: Drafted | None = None,
    ) -> tuple[Outcome[T], list[LedgerWrite]]:
        """The write in its transaction, tried again where the database asks for it."""
        done: list[LedgerWrite] = []

        async def attempt(tx: Transaction) -> Outcome[T]:
            done.clear()
            found = await self._enter(tx, actor, ask, at_once=at_once)
            if isinstance(found, bytes):
                return Outcome(cast("T", image_of(ask.answer).validate_json(found)), True)
            writes, key_id = found
            write = writes.pop(ask.target)
            if drafted is not None and await _in_chain(tx, drafted.write):
                # The draft has happened after all.
                done[:] = [drafted.write]
                return drafted.outcome
            write.beside = writes
            value = await work(write)
            every = [write, *writes.values()]
            for one in every:
                await self._flush(one)
            if ask.repeat is not None:
                image = image_of(ask.answer).dump_json(value)
                if key_id is None:
                    await keep(tx, actor, ask.repeat, self._print_key, image)
                else:
                    await store(tx, actor, key_id, image)
            for step in write.last:
                await step(tx)
            done[:] = every
            made = write.version if write.records else write.version - 1
            return Outcome(value, False, (ask.target, made))

        lock = ask.ledgers if at_once else ()
        try:
            return await self.database.change(actor.user_id, attempt, lock=lock), done
        except DBAPIError as error:
            if sqlstate(error) == LOCK_TIMEOUT:
                raise busy() from error
            raise

    async def _enter(
        self, tx: Transaction, actor: Actor, ask: Ask, *, at_once: bool
    ) -> "bytes | tuple[dict[UUID, LedgerWrite], UUID | None]":
        """The writes that begin, with the id of a key that was taken before; or what a key has."""
        key_id: UUID | None = None
        repeat, ledgers = ask.repeat, ask.ledgers
        if repeat is not None and not at_once:
            await tx.unlock({actor.ledger_id})
            key_id, stored = await claim(tx, actor, repeat, self._print_key)
            if stored is not None:
                return stored
        if ask.first is not None:
            await ask.first(tx)
        await tx.unlock({*ledgers, actor.ledger_id})
        ahead = [] if ask.ahead is None or len(ledgers) > 1 or not at_once else [ask.ahead]
        keys = [] if repeat is None or not at_once else [held(repeat)]
        found = await states(
            tx,
            actor.user_id,
            ledgers,
            locked=at_once,
            own_affair=ask.own_affair,
            ahead=[*keys, *ahead],
        )
        mine = found.get(ask.target)
        if keys and repeat is not None and mine is not None:
            stored = await recall(tx, actor, repeat, self._print_key, mine.ahead[0][0])
            if stored is not None:
                return stored
        writes = self._writes(tx, actor, ledgers, found, own_affair=ask.own_affair)
        if ahead and mine is not None:
            write = writes[ask.target]
            write.ahead = ahead[0], mine.ahead[-1]
            if ask.target == actor.ledger_id:
                write.known = self.drafts.standing_of(write, planned=mine.planned)
        return writes, key_id

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
                raise busy() from error
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

    def _turn(self, ledger_id: UUID) -> Turn:
        """Writers of one ledger queue here, before they take a connection from everyone else."""
        turn = self._turns.get(ledger_id)
        if turn is None:
            turn = self._turns[ledger_id] = Turn()
            # Who writes again soon finds it still there.
            self._lately.append(turn)
        return turn

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
            write.totals |= await move_totals(write.tx, write.ring, moves, write.totals)
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
        write.head = last
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


def require_version(row: Any, expected: int | None) -> None:
    """Raise STALE_OBJECT, with the current object, unless it is the version the caller has seen."""
    if expected is not None and row.version != expected:
        raise StaleObject(
            f"You have version {expected}, the current one is {row.version}.",
            details={"current": wire(row), "expectedVersion": expected, "version": row.version},
        )


async def _in_chain(tx: Transaction, write: LedgerWrite) -> bool:
    """Whether the feed holds what a write leaves: no other write has its hash."""
    found = await tx.rows(_LINKS, {"ledger": write.ledger_id, "made": write.version})
    return any(link.hash == write.head for link in found)
