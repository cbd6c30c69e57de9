"""Keyset pages: stable under writes, as fast deep down as on top.

A page goes on after the sort key of a row and not after a number of rows, so nothing is skipped
or repeated when rows come and go in between.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, literal_column, tuple_

from models.database import Transaction
from models.statements import Forms
from resolvers.errors import FieldError, Invalid

T = TypeVar("T")
U = TypeVar("U")

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 100
_USUAL: Final = frozenset({1, 10, 20, 25, 50, 100})
"""Sizes that stand in the text of a prepared statement: the server plans it anew for each run as long
as it does not know how many rows are wanted."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted.  ``after`` and ``before`` are opened sort keys."""

    first: int | None = None
    after: tuple[Any, ...] | None = None
    last: int | None = None
    before: tuple[Any, ...] | None = None

    @property
    def size(self) -> int:
        """How many rows at most."""
        wanted = self.last if self.last is not None else self.first
        return DEFAULT_SIZE if wanted is None else wanted

    @property
    def backward(self) -> bool:
        """Whether the page is taken from the end."""
        return self.last is not None


def page_request(
    first: int | None,
    after: tuple[Any, ...] | None,
    last: int | None,
    before: tuple[Any, ...] | None,
    *,
    name: str = "first",
) -> PageRequest:
    """A checked request; ``first`` with ``last`` and sizes outside 0-100 are refused."""
    wrong = []
    if first is not None and last is not None:
        wrong.append(FieldError("last", "INVALID", "Give first or last, not both."))
    for path, value in ((name, first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_SIZE:
            wrong.append(FieldError(path, "INVALID", f"A page holds 0 to {MAX_SIZE} rows."))
    if wrong:
        raise Invalid(wrong)
    return PageRequest(first, after, last, before)


@dataclass(slots=True)
class Page(Generic[T]):
    """Rows of one page with their sort keys and what lies on either side."""

    items: Sequence[T]
    keys: Sequence[tuple[Any, ...]]
    has_next: bool
    has_previous: bool

    def map(self, change: Callable[[Sequence[T]], Sequence[U]]) -> "Page[U]":
        """The same page over changed rows."""
        return Page(change(self.items), self.keys, self.has_next, self.has_previous)


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: columns of one direction, the last of them unique."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False


@dataclass(slots=True)
class Listing:
    """A list as a family of prepared statements.

    ``form`` tells two lists of a family apart that need different statements; ``build`` writes
    one with named parameters, and only for a form that is new; ``values`` are those parameters.
    """

    forms: Forms
    form: Hashable
    build: Callable[[], Select[Any]]
    values: Mapping[str, Any]


class Along(Protocol):
    """What is read along with a page, and only with the rows that are on it."""

    @property
    def keyed(self) -> tuple[int, ...]:
        """Where the sort columns stand among those of the statement."""

    def around(self, page: Select[Any], *, down: bool) -> Select[Any]:
        """The statement of a page with more columns, in the order of its sort columns."""


async def fetch_page(
    tx: Transaction,
    listed: Select[Any] | Listing,
    order: Order,
    request: PageRequest,
    along: Along | None = None,
) -> Page[Row[Any]]:
    """One page of a statement in one query.

    Unless something is read ``along``, the sort columns are read behind all others.
    """
    size, backward = request.size, request.backward
    if size == 0:
        return Page((), (), has_next=False, has_previous=False)
    keyed = None if along is None else along.keyed
    if isinstance(listed, Listing):
        sides = (request.after is None, request.before is None, backward)
        form = (listed.form, order.descending, sides, size if size in _USUAL else None)
        statement = listed.forms.get(form, lambda: _page(listed.build(), order, request, along))
        values: dict[str, Any] = {**listed.values, "page_size": size + 1}
        for name, side in (("after", request.after), ("before", request.before)):
            if side is not None:
                values.update({f"{name}_{index}": one for index, one in enumerate(side)})
        found = list(await tx.rows(statement, values))
    else:
        found = list(await tx.rows(_page(listed, order, request, along, named=False)))
    more = len(found) > size
    found = found[:size]
    if backward:
        found.reverse()
    keys = list(
        map(itemgetter(*keyed) if keyed else itemgetter(slice(-len(order.columns), None)), found)
    )
    if backward:
        return Page(found, keys, request.before is not None, more)
    return Page(found, keys, more, request.after is not None)


def _page(
    statement: Select[Any],
    order: Order,
    request: PageRequest,
    along: Along | None,
    *,
    named: bool = True,
) -> Select[Any]:
    """The statement of a page, with its bounds as named parameters or as values."""

    def bound(name: str, side: tuple[Any, ...]) -> ColumnElement[Any]:
        if not named:
            return tuple_(*side)
        return tuple_(
            *(
                bindparam(f"{name}_{index}", type_=column.type)
                for index, column in enumerate(order.columns)
            )
        )

    key = tuple_(*order.columns)
    if request.after is not None:
        after = bound("after", request.after)
        statement = statement.where(key < after if order.descending else key > after)
    if request.before is not None:
        before = bound("before", request.before)
        statement = statement.where(key > before if order.descending else key < before)
    down = order.descending != request.backward
    statement = statement.order_by(*(c.desc() if down else c.asc() for c in order.columns))
    if along is None:
        statement = statement.add_columns(
            *(column.label(f"key_{index}") for index, column in enumerate(order.columns))
        )
    size: ColumnElement[Any] | int = request.size + 1
    if named:
        usual = request.size in _USUAL
        size = literal_column(str(size)) if usual else bindparam("page_size", type_=Integer)
    statement = statement.limit(size)
    return statement if along is None else along.around(statement, down=down)


def slice_page(
    items: Sequence[T],
    key: Callable[[T], tuple[Any, ...]],
    *,
    descending: bool,
    request: PageRequest,
) -> Page[T]:
    """The same page out of rows that are in memory already (sealed sort keys)."""
    if request.size == 0:
        return Page((), (), has_next=False, has_previous=False)
    ordered = sorted(items, key=key, reverse=descending)

    def behind(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
        return one < other if descending else one > other

    after, before = request.after, request.before
    inside = [
        item
        for item in ordered
        if (after is None or behind(key(item), after))
        and (before is None or behind(before, key(item)))
    ]
    more = len(inside) > request.size
    if request.backward:
        taken = inside[-request.size :]
        return Page(taken, [key(i) for i in taken], before is not None, more)
    taken = inside[: request.size]
    return Page(taken, [key(i) for i in taken], more, after is not None)
