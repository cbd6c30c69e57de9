"""What a process remembers of ledgers that it has just written: a next write need not read it again.

Nothing here is believed: a write that counts on it names the version, the end of the chain and the
sealed totals that it remembers, and happens only where the database finds the very same.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from models.database import VisibleVersion
from resolvers.repeats import Repeat

_LEDGERS: Final = 1_000
_NAMES: Final = 200
_KEYS: Final = 50


@dataclass(slots=True)
class Standing:
    """A person's own ledger as her last write left it."""

    ledger_id: UUID
    user_id: UUID
    version: int
    head: bytes
    planned: bool
    """Whether there are budgets, so that money that moves is looked at."""
    books: dict[UUID, tuple[str, bytes]] = field(default_factory=dict)
    """Living accounts with currency and sealed total."""
    labels: dict[UUID, str] = field(default_factory=dict)
    """Categories with their kind."""
    keys: set[str] = field(default_factory=set)
    """Idempotency keys that have an answer: the database is asked for it."""
    seen: Sequence[VisibleVersion] = ()
    """Where everything stood that the person can see, when it was looked at last."""

    def moves_on(self, version: int, head: bytes, *, figures: bool) -> None:
        """A write that was made out of this has been committed."""
        if self.seen:
            self.seen = [
                one._replace(version=version, books=one.books + figures)
                if one.ledger_id == self.ledger_id
                else one
                for one in self.seen
            ]
        self.version, self.head = version, head


class Standings:
    """The last written ledgers of this process."""

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, Standing] = OrderedDict()

    def get(self, ledger_id: UUID, user_id: UUID, repeat: Repeat | None = None) -> Standing | None:
        """What is remembered of a person's own ledger, unless a key has its answer already."""
        found = self._known.get(ledger_id)
        if found is None or found.user_id != user_id:
            return None
        if repeat is not None and repeat.key in found.keys:
            return None
        return found

    def keep(self, standing: Standing) -> None:
        """Remember a ledger as the write that has just been committed left it."""
        ledger_id = standing.ledger_id
        if len(standing.books) > _NAMES or len(standing.labels) > _NAMES:
            self._known.pop(ledger_id, None)
            return
        if len(standing.keys) > _KEYS:
            standing.keys.clear()
        self._known[ledger_id] = standing
        self._known.move_to_end(ledger_id)
        if len(self._known) > _LEDGERS:
            self._known.popitem(last=False)

    def forget(self, ledger_id: UUID) -> None:
        """Somebody else has written, or something that is remembered has changed."""
        self._known.pop(ledger_id, None)

    # What the broker tells.

    def moved(self, ledger_id: UUID, version: int) -> None:
        """A ledger is at a version: what is remembered of an earlier one is of no use."""
        found = self._known.get(ledger_id)
        if found is not None and found.version < version:
            del self._known[ledger_id]

    def ended(self, session_id: UUID) -> None:
        """A signal for others."""

    def changed(self, session_id: UUID) -> None:
        """A signal for others."""

    def joined(self) -> None:
        """The line stands again; what was missed is found out by the database."""
