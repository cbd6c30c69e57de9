"""Rows of a file with exact money, packed: a batch is taken apart when its turn comes.

As objects the rows of a large file take a kilobyte each, for as long as the import lasts; packed they
take some thirty bytes.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import orjson

CHUNK: Final = 500
"""Rows that are packed together."""
_FIELDS: Final = (
    "position", "line", "day", "minor", "currency", "amount", "description", "payee", "notes",
    "category", "external_id", "decision", "reason", "code",
)  # fmt: skip
_CELLS: Final = attrgetter(*_FIELDS)
_DAY: Final = _FIELDS.index("day")


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a file with exact money, or with the reason why it is not booked.

    ``minor`` is in minor units of ``currency``, which is empty where the file names none that
    exists; ``decision`` is None while the ledger decides.
    """

    position: int
    line: int
    day: date | None
    minor: int | None
    currency: str
    amount: str | None
    description: str
    payee: str | None
    notes: str | None
    category: str | None
    external_id: str | None
    decision: str | None
    reason: str | None
    code: str | None
    """Stable word for ``reason``; ROUNDED is a remark about a row that is booked all the same."""


@dataclass(slots=True)
class Lines:
    """All rows of a file in its order, and what has to be known of all of them at once."""

    chunks: list[bytes] = field(default_factory=list)
    """``CHUNK`` rows each, less in the last."""
    count: int = 0
    first: int = date.max.toordinal()
    """The first day of a row that the ledger decides, and the last one; as ordinals."""
    last: int = 0
    amounts: dict[str, "array[int]"] = field(default_factory=dict)
    """Minor units of rows that the ledger decides by their currency, as often as they come."""

    @classmethod
    def packed(cls, lines: Iterable[Line]) -> "Lines":
        """Pack rows; no more than a chunk of them is there at a time."""
        made, rest = cls(), iter(lines)
        while chunk := list(islice(rest, CHUNK)):
            made.count += len(chunk)
            for line in chunk:
                if line.decision is None:
                    made._heed(line)
            made.chunks.append(zlib.compress(orjson.dumps([_CELLS(line) for line in chunk]), 1))
        return made

    def _heed(self, line: Line) -> None:
        if line.day is None or line.minor is None:
            raise AssertionError("only a row with day and amount is for the ledger to decide")
        day = line.day.toordinal()
        self.first = min(self.first, day)
        self.last = max(self.last, day)
        amounts = self.amounts.get(line.currency)
        if amounts is None:
            amounts = self.amounts[line.currency] = array("q")
        amounts.append(line.minor)

    def __len__(self) -> int:
        return self.count

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day of rows that the ledger decides."""
        return (date.fromordinal(self.first), date.fromordinal(self.last)) if self.amounts else None

    @property
    def currencies(self) -> frozenset[str]:
        """Of rows that the ledger decides."""
        return frozenset(self.amounts)

    def batch(self, start: int, end: int) -> list[Line]:
        """Some rows, from position ``start`` to before ``end``."""
        end = min(end, self.count)
        if start >= end:
            return []
        first = start // CHUNK
        chunks = self.chunks[first : (end - 1) // CHUNK + 1]
        lines = [line for chunk in chunks for line in _unpacked(chunk)]
        return lines[start - first * CHUNK : end - first * CHUNK]


def _unpacked(chunk: bytes) -> Iterator[Line]:
    rows: Sequence[list[Any]] = orjson.loads(zlib.decompress(chunk))
    for cells in rows:
        day = cells[_DAY]
        if day is not None:
            cells[_DAY] = date.fromisoformat(day)
        yield Line(*cells)
