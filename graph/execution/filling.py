"""Filling: the columns of a selection become the cells of its rows, by code written for their number.

One loop that sets all cells of a row takes half as long as a loop for each column.  Such a loop
depends on nothing but how many columns there are, so that is all its text is made of; the names of
the cells, which are words of a client, are handed to it as values.  For two columns it is::

    def fill(rows, names, columns):
        k0, k1, = names
        for row, row[k0], row[k1], in zip(rows, *columns, strict=True):
            pass
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

_WIDE: Final = 64
"""More columns are filled in turns."""

_Make = Callable[[Sequence[str], Sequence[Sequence[Any]]], list[dict[str, Any]]]
_Fill = Callable[[Sequence[dict[str, Any]], Sequence[str], Sequence[Sequence[Any]]], None]


def fill(
    rows: Sequence[dict[str, Any]], names: Sequence[str], columns: Sequence[Sequence[Any]]
) -> None:
    """Put the columns into the rows, in their order and under their names."""
    if 0 < len(names) <= _WIDE:
        _written(len(names))(rows, names, columns)
        return
    for start in range(0, len(names), _WIDE):
        some = names[start : start + _WIDE]
        _written(len(some))(rows, some, columns[start : start + _WIDE])


def rows_of(
    names: Sequence[str], columns: Sequence[Sequence[Any]], size: int
) -> list[dict[str, Any]]:
    """So many new rows with the columns in them: made with their cells, which is quicker still."""
    if 0 < len(names) <= _WIDE:
        return _making(len(names))(names, columns)
    rows: list[dict[str, Any]] = [{} for _ in range(size)]
    fill(rows, names, columns)
    return rows


@lru_cache(maxsize=_WIDE)
def _making(count: int) -> _Make:
    """What makes rows of so many columns."""
    keys = "".join(f"k{one}, " for one in range(count))
    cells = "".join(f"c{one}, " for one in range(count))
    row = ", ".join(f"k{one}: c{one}" for one in range(count))
    lines = (
        "def make(names, columns):",
        f"    {keys}= names",
        f"    return [{{{row}}} for {cells}in zip(*columns, strict=True)]",
    )
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - made of numbers alone
    made: _Make = scope["make"]
    return made


@lru_cache(maxsize=_WIDE)
def _written(count: int) -> _Fill:
    """The loop for so many columns."""
    keys = "".join(f"k{one}, " for one in range(count))
    cells = "".join(f"row[k{one}], " for one in range(count))
    lines = (
        "def fill(rows, names, columns):",
        f"    {keys}= names",
        f"    for row, {cells}in zip(rows, *columns, strict=True):",
        "        pass",
    )
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - made of numbers alone
    made: _Fill = scope["fill"]
    return made
