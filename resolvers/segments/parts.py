"""Parts of transactions as columns: what sums, groups and filters are computed on.

A part is a transaction, or one part of a split one.  Arrays of numpy wrap around in silence, so
every sum here asks first whether it can leave 64 bits, and goes to Python's integers if so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from models.ids import from_bytes
from models.segments import RECORD, columns_of
from resolvers.money import checked_sum

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4)."""
_FEW: Final = 256
_MOST_BITS: Final = 16
SAFE: Final = 2**62
"""Magnitudes below this can be added once and doubled without leaving 64 bits."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Columns of equal length, one entry a part; ids are two words each."""

    id_hi: Words
    id_lo: Words
    minor: Ints
    category_hi: Words
    category_lo: Words
    day: Ints
    """Ordinals of dates."""
    flags: Ints
    book: Ints
    """Places in ``books``."""
    currency: Ints
    """Places in ``currencies``."""
    books: tuple[UUID, ...]
    currencies: tuple[str, ...]

    def __len__(self) -> int:
        """How many parts."""
        return len(self.minor)

    def where(self, wanted: Mask) -> "Parts":
        """The parts that a mask chooses."""
        if wanted.all():
            return self
        cut = {f.name: getattr(self, f.name)[wanted] for f in fields(self)[:-2]}
        return Parts(**cut, books=self.books, currencies=self.currencies)

    @classmethod
    def of(cls, packed: Sequence[tuple[UUID, str, bytes]]) -> "Parts":
        """Columns of packed records, given as book, currency and bytes."""
        books = tuple(dict.fromkeys(book for book, _, _ in packed))
        currencies = tuple(dict.fromkeys(currency for _, currency, _ in packed))
        book_at = {book: index for index, book in enumerate(books)}
        currency_at = {currency: index for index, currency in enumerate(currencies)}
        records = columns_of(b"".join(content for _, _, content in packed))
        lengths = [len(content) // RECORD.itemsize for _, _, content in packed]
        return cls(
            id_hi=records["id_hi"].astype(np.uint64),
            id_lo=records["id_lo"].astype(np.uint64),
            minor=records["minor"].astype(np.int64),
            category_hi=records["category_hi"].astype(np.uint64),
            category_lo=records["category_lo"].astype(np.uint64),
            day=records["day"].astype(np.int64),
            flags=records["flags"].astype(np.int64),
            book=np.repeat(_ints(book_at[book] for book, _, _ in packed), lengths),
            currency=np.repeat(_ints(currency_at[one] for _, one, _ in packed), lengths),
            books=books,
            currencies=currencies,
        )


def _ints(values: Any) -> Ints:
    return np.array(list(values), dtype=np.int64)


def uuid_at(hi: Words, lo: Words, index: int) -> UUID:
    """The id at one place of two columns."""
    return UUID(int=int(hi[index]) << 64 | int(lo[index]))


def uuids_at(hi: Words, lo: Words, places: Sequence[int]) -> list[UUID]:
    """The ids at some places of two columns."""
    words = np.empty((len(places), 2), dtype=">u8")
    words[:, 0], words[:, 1] = hi[places], lo[places]
    packed = words.tobytes()
    return [from_bytes(packed[start : start + 16]) for start in range(0, len(packed), 16)]


def words_of(ids: Sequence[UUID]) -> tuple[Words, Words]:
    """Ids as two columns."""
    packed = np.frombuffer(b"".join(one.bytes for one in ids), dtype=">u8").astype(np.uint64)
    return packed[0::2], packed[1::2]


def _table(known: Words) -> tuple[Ints, np.uint64] | None:
    """Places of few words by the upper bits of a product, where no two words share these bits.

    Looking a column up in it takes a seventh of searching for each of its entries.
    """
    if len(known) > _FEW:
        return None
    for bits in range(len(known).bit_length() + 1, _MOST_BITS + 1):
        shift = np.uint64(64 - bits)
        slots = (known * _MULTIPLIER) >> shift
        if len(np.unique(slots)) == len(slots):
            places = np.full(1 << bits, -1, dtype=np.int64)
            places[slots] = np.arange(len(known))
            return places, shift
    return None


def find(hi: Words, lo: Words, known_hi: Words, known_lo: Words) -> Ints:
    """For each id its place among known ones (each there once), or -1."""
    if not len(known_lo):
        return np.full(len(lo), -1, dtype=np.int64)
    table = _table(known_lo)
    if table is not None:
        slots, shift = table
        at = slots[(lo * _MULTIPLIER) >> shift]
        same = (known_lo[at] == lo) & (known_hi[at] == hi) & (at >= 0)
        return np.where(same, at, -1)
    order = np.lexsort((known_hi, known_lo))
    low, high = known_lo[order], known_hi[order]
    at = np.searchsorted(low, lo)
    at[at == len(low)] = 0
    found = np.where((low[at] == lo) & (high[at] == hi), order[at], -1).astype(np.int64)
    if len(np.unique(low)) == len(low):
        return found
    # Two known ids share a word: chance never does this, but nothing forbids it.
    places = {
        (int(h), int(w)): index for index, (h, w) in enumerate(zip(known_hi, known_lo, strict=True))
    }
    return _ints(places.get((int(h), int(w)), -1) for h, w in zip(hi, lo, strict=True))


def fits(values: Ints) -> bool:
    """Whether any sum of some of the values stays within 64 bits."""
    if not len(values):
        return True
    largest = max(abs(int(values.max())), abs(int(values.min())))
    return largest * len(values) < SAFE


def sum_of(values: Ints) -> int:
    """Exact sum; raises OVERFLOW beyond 64 bits."""
    if fits(values):
        return int(values.sum())
    return checked_sum(values.tolist())


def sums_by(index: Ints, values: Ints, size: int) -> list[int]:
    """Exact sums of the values with the same index, 0 to ``size`` - 1; raises OVERFLOW."""
    if fits(values):
        sums = np.zeros(size, dtype=np.int64)
        np.add.at(sums, index, values)
        found: list[int] = sums.tolist()
        return found
    exact = [0] * size
    for place, value in zip(index.tolist(), values.tolist(), strict=True):
        exact[place] += value
    return [checked_sum((one,)) for one in exact]


def counts_by(index: Ints, size: int) -> list[int]:
    """How many entries have each index."""
    found: list[int] = np.bincount(index, minlength=size).tolist()
    return found
