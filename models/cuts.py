"""Cuts: rows of which only some columns are fetched, opened and filled.

A list shows a few of thirty columns.  Fetching, opening and storing the others costs more than all
the rest, so a statement names what is looked at, and rows are made of that alone: instances of the
same class in which every other attribute is unset.  Looking at one of those raises AttributeError;
no wrong value is ever seen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, overload
from uuid import UUID

from sqlalchemy import ColumnElement

from models.base import maker
from models.sealing import LedgerRing

T = TypeVar("T")

Column = Sequence[Any]
"""The values of one column, a row each."""
Opens = Callable[[LedgerRing, Column, Column], Column]
"""Ring, ids and cells to what the cells hold."""
_NAMES: Final = ("ledger_id", "id")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where an attribute of a row comes from."""

    column: ColumnElement[Any]
    opens: Opens | None = None
    """Opens a sealed column."""
    turns: Callable[[Any], Any] | None = None
    """Makes a value out of the driver's."""


def minors(column: ColumnElement[Any], place: str) -> Cell:
    """A sealed amount."""
    return Cell(column, lambda ring, ids, cells: ring.unseal_minors(place, ids, cells))


def sealed(column: ColumnElement[Any], place: str) -> Cell:
    """Sealed text, or nothing."""

    def opened(ring: LedgerRing, ids: Column, cells: Column) -> Column:
        if cells.count(None) == len(cells):
            return cells
        return list(map(ring.unseal_text, repeat(place), ids, cells))

    return Cell(column, opened)


def words(column: ColumnElement[Any]) -> Cell:
    """A list that the row holds as a tuple."""
    return Cell(column, turns=tuple)


class Sheet(Sequence[T]):
    """Rows of one class as columns; a row is made when somebody looks at one."""

    __slots__ = ("_made", "_make", "_size", "along", "columns", "kind")

    def __init__(
        self,
        kind: type[T],
        make: Callable[..., T],
        columns: Mapping[str, Column],
        along: "Mapping[str, Linked]" = MappingProxyType({}),
    ) -> None:
        """``make`` takes a value of each column, in their order."""
        self.kind = kind
        self.columns = columns
        self.along = along
        """Rows that these rows name, by the attribute that names them."""
        self._make = make
        self._made: list[T] | None = None
        self._size = len(next(iter(columns.values())))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows())

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        return self._rows()[at]

    def _rows(self) -> list[T]:
        if self._made is None:
            self._made = list(map(self._make, *self.columns.values()))
        return self._made


@dataclass(slots=True)
class Linked:
    """Rows that other rows name: each once, and where in the sheet the one of each row lies."""

    follows: Any
    """What would have loaded them."""
    sheet: Sheet[Any]
    places: Sequence[int]
    """One behind the last is none."""
    ledger_id: UUID
    named: Sequence[UUID | None]
    """Their ids, as each row names them."""

    def by_key(self) -> dict[tuple[UUID, UUID], Any]:
        """The rows by ledger and id; None for what is not there."""
        rows = [*self.sheet, None]
        return {
            (self.ledger_id, one): rows[place]
            for one, place in zip(self.named, self.places, strict=True)
            if one is not None
        }


class Cut(Generic[T]):
    """Rows of one kind in one ledger, with some of their attributes.

    Ledger and id are always there.
    """

    def __init__(self, kind: type[T], cells: Mapping[str, Cell], names: Iterable[str]) -> None:
        self.names = ("id", *sorted(set(names).difference(_NAMES)))
        some = [cells[name] for name in self.names]
        self.columns = tuple(one.column for one in some)
        self.sealed = any(one.opens is not None for one in some)
        self._opens = [(at, one.opens) for at, one in enumerate(some) if one.opens is not None]
        self._turns = [(at, one.turns) for at, one in enumerate(some) if one.turns is not None]
        self._kind = kind
        self._named = ("ledger_id", *self.names)
        self._make = maker(kind, self._named)

    def place(self, name: str) -> int:
        """Which of the columns an attribute is."""
        return self.names.index(name)

    def rows(self, ledger_id: UUID, ring: LedgerRing | None, found: Sequence[Column]) -> list[T]:
        """Rows out of their columns; a cut with sealed ones needs the ring."""
        return list(map(self._make, repeat(ledger_id), *self._opened(ring, found)))

    def sheet(
        self,
        ledger_id: UUID,
        ring: LedgerRing | None,
        found: Sequence[Column],
        along: Mapping[str, Linked],
    ) -> Sheet[T]:
        """The same as a sheet."""
        columns = [[ledger_id] * len(found[0]), *self._opened(ring, found)]
        return Sheet(self._kind, self._make, dict(zip(self._named, columns, strict=True)), along)

    def _opened(self, ring: LedgerRing | None, found: Sequence[Column]) -> list[Column]:
        columns = list(found)
        if ring is not None:
            for at, opens in self._opens:
                columns[at] = opens(ring, columns[0], columns[at])
        for at, turns in self._turns:
            columns[at] = list(map(turns, columns[at]))
        return columns


def columns_of(rows: Sequence[Sequence[Any]], width: int) -> list[Column]:
    """Rows as columns, of which there are so many."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
