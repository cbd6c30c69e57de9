"""Cuts: rows of which only some columns are fetched, opened and filled.

A list shows a few of thirty columns.  Fetching, opening and storing the others costs more than all
the rest, so a statement names what is looked at, and rows are made of that alone: instances of the
same class in which every other attribute is unset.  Looking at one of those raises AttributeError;
no wrong value is ever seen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, Generic, TypeVar
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
        return list(map(ring.unseal_text, repeat(place), ids, cells))

    return Cell(column, opened)


def words(column: ColumnElement[Any]) -> Cell:
    """A list that the row holds as a tuple."""
    return Cell(column, turns=tuple)


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
        self._make = maker(kind, ("ledger_id", *self.names))

    def place(self, name: str) -> int:
        """Which of the columns an attribute is."""
        return self.names.index(name)

    def rows(self, ledger_id: UUID, ring: LedgerRing | None, found: Sequence[Column]) -> list[T]:
        """Rows out of their columns; a cut with sealed ones needs the ring."""
        columns = list(found)
        if ring is not None:
            for at, opens in self._opens:
                columns[at] = opens(ring, columns[0], columns[at])
        for at, turns in self._turns:
            columns[at] = list(map(turns, columns[at]))
        return list(map(self._make, repeat(ledger_id), *columns))


def columns_of(rows: Sequence[Sequence[Any]], width: int) -> list[Column]:
    """Rows as columns, of which there are so many."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
