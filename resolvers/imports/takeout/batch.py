"""Objects of a takeout on their way in: what is the same for all of them, and one batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from models.stores.files import FileStore
from models.transactions import TransactionRow
from resolvers.errors import Invalid, invalid
from resolvers.imports.takeout.document import Piece
from resolvers.imports.takeout.objects import Names
from resolvers.imports.takeout.survey import Survey
from resolvers.inputs import Input, parse
from resolvers.ledgers import LedgerWrite
from resolvers.statements.lines import Line

K = TypeVar("K", bound=Input)
Key = Callable[[UUID, Line], bytes]


class Cargo(Protocol):
    """What is brought: objects, and the bytes of files."""

    @property
    def files(self) -> set[UUID]:
        """The uploads whose bytes are there."""

    def pieces(self) -> Iterator[Piece]:
        """All objects, the same at every reading."""

    def file(self, old: UUID, size: int, digest: str) -> bytes | None:
        """The bytes of an upload, or None where they are not there or not what they were."""


@dataclass(slots=True)
class Trip:
    """A takeout on its way in: what stays the same over its batches."""

    cargo: Cargo
    survey: Survey
    names: Names
    files: FileStore
    key: Key
    """The content key of a row that was imported, by its account."""
    book: bool
    """False in a dry run."""
    merge: UUID | None = None
    """The import, where what is brought joins what is here: nothing that is here is changed."""
    seen: set[Any] = field(default_factory=set)
    """What may be there once only, of the step that is running."""


@dataclass(slots=True)
class Batch:
    """Objects of one step that are stored by one write, and what became of those left out."""

    trip: Trip
    write: LedgerWrite
    pieces: Sequence[Piece]
    book: bool
    """Whether it is stored: not in a dry run, not where an earlier worker stored it."""
    failures: dict[int, str] = field(default_factory=dict)
    """Reason by place in the batch."""
    made: dict[int, UUID] = field(default_factory=dict)
    """The id here by place in the batch."""
    found: dict[int, tuple[str, str, UUID]] = field(default_factory=dict)
    """What was here already, by place: decision, reason and the transaction."""
    notes: dict[int, str] = field(default_factory=dict)
    """Prints of transactions that were booked, by place: what taking them back compares with."""

    def once(self, *what: Any) -> None:
        """Raise VALIDATION_ERROR for what the step has had already."""
        if what in self.trip.seen:
            raise invalid("id", "The takeout holds it twice.", "DUPLICATE")
        self.trip.seen.add(what)

    def rows(self, model: type[K], make: Callable[[Names, K], Any]) -> list[tuple[K, Any]]:
        """Objects with their rows; what cannot be one is a failure."""
        found = []
        for place, piece in enumerate(self.pieces):
            try:
                one = parse(model, piece.value)
                row = make(self.trip.names, one)
                self.once(getattr(one, "id", None) or row.id)
            except Invalid as error:
                self.failures[place] = error.message
            else:
                found.append((one, row))
                self.made[place] = row.id
        return found


def line_of(row: TransactionRow) -> Line:
    """A transaction as the row of a file that it would be."""
    return Line(
        position=0, line=0, day=row.date, minor=row.amount_minor, currency=row.currency,
        amount=None, description=row.description, payee=row.payee, notes=None, category=None,
        external_id=None, decision=None, code=None, reason=None,
    )  # fmt: skip
