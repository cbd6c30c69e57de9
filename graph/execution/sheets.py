"""Sheets: objects that lie side by side as columns, and are made only where one is looked at whole.

A resolver may give a sheet where it would give a list of objects of one class, and where a plan
has told it what is looked at of an object, a sheet of one where it would give that.  Plain columns,
columns of resolvers that say what they look at, and edges that came along are then taken as they
are; whatever else asks for the objects goes through them as through any list.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeGuard


class Sheet(Protocol):
    """What a class of sheets has to offer."""

    kind: type
    """The class of the objects."""
    columns: Mapping[str, Sequence[Any]]
    """Attributes by name: finished values, none of which is awaited, raised or Undefined."""
    along: Mapping[str, "Linked"]
    """Objects of edges, by the attribute that names them."""

    def __len__(self) -> int:
        """How many objects."""

    def __iter__(self) -> Iterator[Any]:
        """The objects, each made once."""


class Linked(Protocol):
    """The objects of an edge of a sheet: each of them once, and which of them each row has."""

    follows: Any
    """The narrowed batch that would have loaded them."""
    sheet: Sheet
    places: Sequence[int]
    """For each row the place of its object; one behind the last is none."""


_SHEETS: Final[set[type]] = set()
_LINKED: Final[set[type]] = set()


def columnar(sheet: type, linked: type) -> None:
    """Tell the executor which classes are sheets and links."""
    _SHEETS.add(sheet)
    _LINKED.add(linked)


def is_sheet(value: Any) -> TypeGuard[Sheet]:
    """Whether objects lie as columns."""
    return type(value) in _SHEETS


def is_linked(value: Any) -> TypeGuard[Linked]:
    """Whether a column is objects of a sheet by their places."""
    return type(value) in _LINKED
