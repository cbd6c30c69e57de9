"""What is looked at of rows, as lists and loaders are told it, and loaders that read no more.

Who asks says which attributes of the rows are looked at and which batches load by them.  A list
may leave out the rest, and read along what it can join; what it read along it hands back by batch.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, bindparam, select

from models.base import among_named
from models.cuts import Cell, Cut, Linked, columns_of
from models.database import Transaction as Tx
from models.statements import Prepared

T = TypeVar("T")
Key = tuple[UUID, UUID]
"""Ledger and id."""
_REMEMBERED: Final = 128


class Follows(Protocol):
    """A batch that loads by rows, and what is looked at of its values; it can be hashed."""

    @property
    def batch(self) -> Any:
        """The batch function."""

    @property
    def attributes(self) -> frozenset[str]:
        """What is looked at of its values."""


class Shown(Protocol):
    """What is looked at of the rows of a list."""

    @property
    def attributes(self) -> frozenset[str] | None:
        """Attributes of the rows; None for all."""

    @property
    def follows(self) -> Sequence[Follows]:
        """Batches that load by them."""


@dataclass(frozen=True, slots=True)
class RowKind(Generic[T]):
    """Rows of one table: their class, where their attributes come from, and which are there."""

    row: type[T]
    cells: Callable[[Any], Mapping[str, Cell]]
    """Attributes by name, of a table or of an alias of it."""
    living: Callable[[Any], Sequence[ColumnElement[bool]]] = lambda _: ()
    """Conditions of what can be found by its id."""


class ByIds(Generic[T]):
    """Loads rows by their ids with the attributes that are looked at: a statement for each set."""

    def __init__(self, kind: RowKind[T], source: Table) -> None:
        self._kind = kind
        self._source = source
        self._known = frozenset(kind.cells(source))
        self._prepared = lru_cache(maxsize=_REMEMBERED)(self._prepare)

    def _prepare(self, attributes: frozenset[str]) -> tuple[Prepared, Cut[T]]:
        source = self._source
        cut = Cut(self._kind.row, self._kind.cells(source), attributes)
        found = select(*cut.columns).where(
            source.c.ledger_id == bindparam("ledger_id"),
            among_named(source.c.id, "ids"),
            *self._kind.living(source),
        )
        return Prepared(found), cut

    async def load(
        self, tx: Tx, keys: Sequence[Key], attributes: frozenset[str] | None
    ) -> list[T | None]:
        """Rows in the order of their keys; None for what is not there."""
        statement, cut = self._prepared(
            self._known if attributes is None or not attributes <= self._known else attributes
        )
        found: dict[Key, T] = {}
        for ledger_id in {key[0] for key in keys}:
            wanted = [key[1] for key in keys if key[0] == ledger_id]
            rows = await tx.rows(statement, {"ledger_id": ledger_id, "ids": wanted})
            columns = columns_of(rows, len(cut.columns))
            ring = None
            if cut.sealed and rows:
                await tx.unlock([ledger_id])
                ring = tx.ring(ledger_id)
            opened = cut.rows(ledger_id, ring, columns)
            found.update(
                ((ledger_id, one), row) for one, row in zip(columns[0], opened, strict=True)
            )
        return [found.get(key) for key in keys]


Batch = Callable[[Tx, Sequence[Key]], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Join:
    """A batch of rows that a list can read along: by which of its own attributes, and from where."""

    batch: Any
    own: str
    kind: RowKind[Any]
    source: Any
    """The table, or an alias of it that no other join uses."""

    def cut(self, follows: Follows) -> Cut[Any] | None:
        """The columns that are looked at; None where they are not known."""
        cells = self.kind.cells(self.source)
        if not follows.attributes <= cells.keys():
            return None
        return Cut(self.kind.row, cells, follows.attributes)


def along_of(
    cut: Cut[T],
    follows: Follows,
    ledger_id: UUID,
    ring: Any,
    own: Sequence[UUID | None],
    found: Sequence[Any],
) -> Linked:
    """Joined rows, each once.

    ``own`` are the ids by which they were joined, ``found`` the columns of the cut beside them.
    """
    size = len(own)
    ids = found[0]
    somewhere = dict(zip(own, range(size), strict=True))
    there = [at for at in somewhere.values() if ids[at] is not None]
    place_of = dict(zip(map(own.__getitem__, there), range(size), strict=False))
    if len(there) == len(somewhere):
        places = list(map(place_of.__getitem__, own))
    else:
        places = list(map(place_of.get, own, repeat(len(there))))
    columns = [list(map(column.__getitem__, there)) for column in found]
    return Linked(follows, cut.sheet(ledger_id, ring, columns, {}), places, ledger_id, own)
