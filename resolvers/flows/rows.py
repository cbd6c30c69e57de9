"""Flows counted in one currency, and the rows that explain a figure made of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np

from models.database import Transaction as Tx
from models.segments import PART, POSITION_SHIFT
from resolvers.flows.load import Flows
from resolvers.flows.shares import NO_BOOK
from resolvers.flows.tree import NONE
from resolvers.paging import Page, PageRequest
from resolvers.rates import Converter, Rate, rate_book
from resolvers.segments.parts import Ints, Mask, counts_by, sums_by, uuid_at


@dataclass(frozen=True, slots=True)
class CountedRow:
    """One part as it counts in a figure: its own amount, and what of it is in the sum."""

    ledger_id: UUID
    transaction_id: UUID | None
    share_id: UUID | None
    """The own share of a group's expense; a row is this or a transaction."""
    position: int | None
    """Which part of a split; None for a whole transaction."""
    date: date
    account_id: UUID | None
    category_id: UUID | None
    """The category that it counts for: a refund's is that of what it gives back."""
    amount_minor: int
    currency: str
    counted_minor: int | None
    """In the figure's currency and with its sign; None where a rate is missing."""
    counted_currency: str
    rate: Rate | None


@dataclass
class Counting:
    """Flows with their amounts in one currency."""

    flows: Flows
    converter: Converter
    values: Ints
    unknown: Mask

    @property
    def currency(self) -> str:
        """The currency of all values."""
        return self.converter.to

    def sums(self, index: Ints, size: int, *, of: Mask | None = None) -> list[int | None]:
        """Sums of the parts with the same index; None for one that a missing rate leaves open."""
        chosen = np.ones(len(index), dtype=np.bool_) if of is None else of
        sums: list[int | None] = [*sums_by(index[chosen], self.values[chosen], size)]
        if self.unknown.any():
            for at in np.unique(index[chosen & self.unknown]).tolist():
                sums[at] = None
        return sums

    def counts(self, index: Ints, size: int, *, of: Mask) -> list[int]:
        """How many parts have the same index."""
        return counts_by(index[of], size)

    def rows(self, wanted: Callable[[], Mask], *, sign: int = 1) -> "RowSet":
        """The rows that a figure is made of; the mask is computed when somebody asks."""
        return RowSet(self, wanted, sign)

    @cached_property
    def order(self) -> Ints:
        """Places by day, id and part, the newest last."""
        parts = self.flows.parts
        position = parts.flags >> POSITION_SHIFT
        return np.lexsort((position, parts.id_lo, parts.id_hi, parts.day))


@dataclass(frozen=True, slots=True)
class RowSet:
    """The parts whose counted amounts sum to a figure, newest first."""

    counting: Counting
    wanted: Callable[[], Mask]
    sign: int

    def count(self) -> int:
        """How many parts."""
        return int(self.wanted().sum())

    def page(self, request: PageRequest) -> Page[CountedRow]:
        """A page of them; keys are day, id and part."""
        if request.size == 0:
            return Page((), (), has_next=False, has_previous=False)
        order = self.counting.order
        rows = order[self.wanted()[order]].tolist()
        # Newest first, so the page lies before the row that it goes on after.
        end = bisect_left(rows, request.after, key=self._key) if request.after else len(rows)
        begin = bisect_right(rows, request.before, key=self._key) if request.before else 0
        inside = rows[begin:end]
        more = len(inside) > request.size
        taken = inside[: request.size] if request.backward else inside[-request.size :]
        taken.reverse()
        behind, ahead = request.before is not None, request.after is not None
        ends = (behind, more) if request.backward else (more, ahead)
        return Page([self._row(at) for at in taken], [self._key(at) for at in taken], *ends)

    def _key(self, at: int) -> tuple[Any, ...]:
        parts = self.counting.flows.parts
        day = date.fromordinal(int(parts.day[at]))
        position = int(parts.flags[at]) >> POSITION_SHIFT
        return day, uuid_at(parts.id_hi, parts.id_lo, at), position

    def _row(self, at: int) -> CountedRow:
        flows, counting = self.counting.flows, self.counting
        parts, place = flows.parts, int(flows.category[at])
        day, part_id, position = self._key(at)
        currency, book = parts.currencies[parts.currency[at]], parts.books[parts.book[at]]
        unknown = bool(counting.unknown[at])
        return CountedRow(
            ledger_id=flows.ledger_id,
            transaction_id=None if book == NO_BOOK else part_id,
            share_id=part_id if book == NO_BOOK else None,
            position=position if parts.flags[at] & PART else None,
            date=day,
            account_id=None if book == NO_BOOK else book,
            category_id=None if place == NONE else flows.tree.ids[place],
            amount_minor=int(parts.minor[at]),
            currency=currency,
            counted_minor=None if unknown else self.sign * int(counting.values[at]),
            counted_currency=counting.currency,
            rate=counting.converter.rate(currency, day),
        )


def counted(flows: Flows, converter: Converter) -> Counting:
    """Flows in the converter's currency."""
    values, unknown = converter.parts(flows.parts)
    return Counting(flows, converter, values, unknown)


async def count_flows(tx: Tx, flows: Flows, currency: str) -> Counting:
    """Flows in one currency; own rates are read only where there is something to convert."""
    book = await rate_book(tx, flows.ledger_id, [*flows.parts.currencies, currency])
    return counted(flows, Converter(book, currency))
