"""Amounts compared and sorted: over segments for living rows, over opened rows for the trash.

Amounts are sealed, so the database cannot compare them.  Living rows lie packed in segments, which
open a month at a time; what else a filter wants of them the database decides and answers as ids.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, func, select

from models.database import Transaction as Tx
from models.transactions import RefundedRow
from resolvers.inputs import FIRST_DAY, LAST_DAY
from resolvers.money import INT64_MAX, digits_of
from resolvers.paging import PageRequest
from resolvers.segments import Months, Parts, read_parts
from resolvers.segments.parts import Ints, Mask, Words, find, uuids_at, words_of
from resolvers.transactions.inputs import TransactionFilter
from resolvers.transactions.rows import CATEGORY_KIND, SOURCE, Key, T, refunded_by_id
from resolvers.wire import counts_as

Bounds = tuple[Decimal | None, Decimal | None]
_SEGMENTS_KNOW: Final = frozenset(
    {"from_", "to", "account_id", "min_amount", "max_amount", "deleted"}
)
"""Conditions that need no word of the database beside the segments."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Transactions as columns: what is compared and sorted."""

    id_hi: Words
    id_lo: Words
    day: Ints
    minor: Ints
    currency: Ints
    """Places in ``currencies``."""
    currencies: tuple[str, ...]

    def __len__(self) -> int:
        """How many transactions."""
        return len(self.minor)

    def where(self, wanted: Mask) -> "Scanned":
        """The transactions that a mask chooses."""
        return Scanned(
            self.id_hi[wanted],
            self.id_lo[wanted],
            self.day[wanted],
            self.minor[wanted],
            self.currency[wanted],
            self.currencies,
        )

    def within(self, bounds: Bounds) -> "Scanned":
        """Those whose magnitude, in their own currency, lies between two bounds."""
        low, high = bounds
        if low is None and high is None:
            return self
        lows, highs = [], []
        for code in self.currencies:
            digits = digits_of(code)
            lows.append(0 if low is None else min(ceil(_minor(low, digits)), INT64_MAX))
            highs.append(INT64_MAX if high is None else min(floor(_minor(high, digits)), INT64_MAX))
        size = np.abs(self.minor)
        at_least = np.array(lows, dtype=np.int64)[self.currency]
        at_most = np.array(highs, dtype=np.int64)[self.currency]
        return self.where((size >= at_least) & (size <= at_most))

    def page(
        self, request: PageRequest, *, by_amount: bool, descending: bool
    ) -> tuple[list[tuple[Any, UUID]], bool, bool]:
        """Keys (amount or date, and id) of a page, and whether rows follow and lie before."""
        if request.size == 0:
            return [], False, False
        values = self.minor if by_amount else self.day
        from_the_top = descending != request.backward
        up = self._chosen(values, request, descending=descending)
        up = _outermost(up, values[up], request.size + 1, highest=from_the_top)
        order = up[np.lexsort((self.id_lo[up], self.id_hi[up], values[up]))]
        more = len(order) > request.size
        taken = (order[-request.size :] if from_the_top else order[: request.size]).tolist()
        if descending:
            taken.reverse()
        ids = uuids_at(self.id_hi, self.id_lo, taken)
        sorted_by: list[Any] = values[taken].tolist()
        if not by_amount:
            sorted_by = list(map(date.fromordinal, sorted_by))
        keys = list(zip(sorted_by, ids, strict=True))
        if request.backward:
            return keys, request.before is not None, more
        return keys, more, request.after is not None

    def _chosen(self, values: Ints, request: PageRequest, *, descending: bool) -> Ints:
        """Places of the transactions between the two ends of a page."""
        above, below = request.after, request.before
        if descending:
            above, below = below, above
        chosen = np.ones(len(self), dtype=np.bool_)
        for key, over in ((above, True), (below, False)):
            if key is not None:
                chosen &= self._beyond(values, key, over=over)
        return np.flatnonzero(chosen)

    def _beyond(self, values: Ints, key: tuple[Any, ...], *, over: bool) -> Mask:
        """Which transactions lie above a key, or below it."""
        value = key[0].toordinal() if isinstance(key[0], date) else int(key[0])
        hi, lo = (np.uint64(word[0]) for word in words_of([key[1]]))
        if over:
            deep = (self.id_hi > hi) | ((self.id_hi == hi) & (self.id_lo > lo))
            found: Mask = (values > value) | ((values == value) & deep)
        else:
            deep = (self.id_hi < hi) | ((self.id_hi == hi) & (self.id_lo < lo))
            found = (values < value) | ((values == value) & deep)
        return found


def _outermost(places: Ints, values: Ints, size: int, *, highest: bool) -> Ints:
    """Places of the highest or lowest values: so many, and all that are as high or low.

    What lies further in is on no page of that size, and sorting it would be most of the work.
    """
    if len(places) <= size:
        return places
    at = len(values) - size if highest else size - 1
    bound = np.partition(values, at)[at]
    found: Ints = places[values >= bound if highest else values <= bound]
    return found


def _minor(bound: Decimal, digits: int) -> Fraction:
    """A bound in minor units, exact: it may be finer than they are."""
    exact: Fraction = Fraction(bound) * 10**digits
    return exact


async def scan(
    tx: Tx,
    ledger_id: UUID,
    wanted: TransactionFilter,
    conditions: Callable[[], Awaitable[Sequence[ColumnElement[bool]]]],
    bounds: Bounds,
) -> Scanned:
    """The transactions that a filter leaves; ``conditions`` are what the database can decide."""
    if wanted.deleted:
        return await _scan_rows(tx, ledger_id, wanted, await conditions(), bounds)
    first, last = wanted.from_ or FIRST_DAY, wanted.to or LAST_DAY
    if first > last:
        return _whole(Parts.of([]))
    parts = await read_parts(tx, ledger_id, Months(first, last), book=wanted.account_id)
    found = _whole(parts)
    found = found.where((found.day >= first.toordinal()) & (found.day <= last.toordinal()))
    found = found.within(bounds)
    others = (name for name in type(wanted).model_fields if name not in _SEGMENTS_KNOW)
    if all(getattr(wanted, name) is None for name in others):
        return found
    return await _agreed(tx, ledger_id, found, wanted, await conditions())


def _whole(parts: Parts) -> Scanned:
    """Transactions out of their parts, which lie side by side."""
    fresh = np.ones(len(parts), dtype=np.bool_)
    fresh[1:] = (parts.id_hi[1:] != parts.id_hi[:-1]) | (parts.id_lo[1:] != parts.id_lo[:-1])
    starts = np.flatnonzero(fresh)
    # At most a hundred parts of at most 10^14 each: far within 64 bits.
    minor = np.add.reduceat(parts.minor, starts) if len(starts) else parts.minor
    return Scanned(
        parts.id_hi[starts],
        parts.id_lo[starts],
        parts.day[starts],
        minor,
        parts.currency[starts],
        parts.currencies,
    )


async def _agreed(
    tx: Tx,
    ledger_id: UUID,
    found: Scanned,
    wanted: TransactionFilter,
    conditions: Sequence[ColumnElement[bool]],
) -> Scanned:
    """What the database leaves of them, and of that what is of the wanted kind."""
    packed = func.string_agg(func.uuid_send(T.c.id), b"").label("packed")
    rows = await tx.rows(
        select(CATEGORY_KIND.label("kind"), T.c.refund_of, packed)
        .select_from(SOURCE)
        .where(*conditions)
        .group_by(CATEGORY_KIND, T.c.refund_of)
    )
    by_kind = wanted.kind in {"INCOME", "EXPENSE"}
    refunded: dict[Key, RefundedRow] = {}
    if by_kind:
        refunded = await refunded_by_id(
            tx, [(ledger_id, row.refund_of) for row in rows if row.refund_of]
        )
    keep = np.zeros(len(found), dtype=np.bool_)
    words = [np.frombuffer(row.packed, dtype=">u8").astype(np.uint64) for row in rows]
    if not words:
        return found.where(keep)
    group = np.repeat(np.arange(len(rows)), [len(one) // 2 for one in words])
    flat = np.concatenate(words)
    places = find(found.id_hi, found.id_lo, flat[0::2], flat[1::2])
    keep = places >= 0
    if by_kind:
        targets = [refunded.get((ledger_id, row.refund_of)) for row in rows]
        # Both answers of each group: for money in, and for all else.
        fits = np.array(
            [
                [counts_as(row.kind, target, minor) == wanted.kind for minor in (0, 1)]
                for row, target in zip(rows, targets, strict=True)
            ]
        )
        side = (found.minor > 0).astype(np.int64)
        keep = keep & fits[group[places], side]
    return found.where(keep)


async def _scan_rows(
    tx: Tx,
    ledger_id: UUID,
    wanted: TransactionFilter,
    conditions: Sequence[ColumnElement[bool]],
    bounds: Bounds,
) -> Scanned:
    """The same over the trash, which no segment holds: every row that is left is opened."""
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    rows = await tx.rows(
        select(T.c.id, T.c.date, T.c.amount, T.c.currency).select_from(SOURCE).where(*conditions)
    )
    currencies = tuple(dict.fromkeys(row.currency for row in rows))
    hi, lo = words_of([row.id for row in rows])
    minors = [ring.unseal_minor("transactions.amount", row.id, row.amount) for row in rows]
    found = Scanned(
        hi,
        lo,
        np.array([row.date.toordinal() for row in rows], dtype=np.int64),
        np.array(minors, dtype=np.int64),
        np.array([currencies.index(row.currency) for row in rows], dtype=np.int64),
        currencies,
    ).within(bounds)
    if wanted.kind is None:
        return found
    return await _agreed(tx, ledger_id, found, wanted, conditions)
