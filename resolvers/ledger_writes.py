"""One write in progress: what its work sees of the ledger, and what it leaves for the commit."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from models.database import Transaction
from models.ids import new_id
from models.sealing import LedgerRing
from resolvers.access import Actor
from resolvers.events import Record
from resolvers.ledger_states import Ahead
from resolvers.repeats import Repeat
from resolvers.standings import Standing

T = TypeVar("T")
Step = Callable[[Transaction], Awaitable[None]]


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
    """Where the chain of the feed ends: before this write, and at last behind it."""
    unheard: bool | None = None
    """Whether moved money leaves somebody to be told, as of the lock; None where nobody looked."""
    totals: dict[UUID, bytes] = field(default_factory=dict)
    """Sealed running totals of accounts that were read under the lock."""
    ahead: tuple[Ahead, Sequence[tuple[Any, ...]]] | None = None
    """What was read ahead under the lock, and its columns in the rows that were found."""
    known: Standing | None = None
    """What is remembered of the ledger: what a draft goes by, and what a write adds to."""
    drafted: bool = False
    """Whether this is a draft, which reads nothing and goes by what is ``known``."""
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


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a write beside its work."""

    target: UUID
    ledgers: Sequence[UUID]
    repeat: Repeat | None
    answer: Hashable
    first: Step | None
    own_affair: bool
    ahead: Ahead | None
