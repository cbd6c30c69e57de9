"""Amounts of many days and currencies turned into one currency, each rounded once, half to even.

The unit that is rounded is the part: a transaction, or one part of a split.  Every figure is a sum
of converted parts, so subtotals sum to totals and a figure is the sum of the rows that explain it.
"""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import gcd
from typing import Final

import numpy as np

from resolvers.money import INT64_MAX, digits_of, overflow
from resolvers.rates.book import MissingRate, Rate, RateBook, StaleRate
from resolvers.segments.parts import SAFE, Ints, Mask, Parts

MAX_TOLD: Final = 1_000
"""How many missing or stale rates an answer lists; the oldest first."""


@dataclass(slots=True)
class Converter:
    """One currency that all others become; remembers what was missing or stale on the way."""

    book: RateBook
    to: str
    missing: set[MissingRate] = field(default_factory=set)
    stale: set[StaleRate] = field(default_factory=set)
    _known: dict[tuple[str, int], tuple[int, int] | None] = field(default_factory=dict)

    def rate(self, currency: str, day: date) -> Rate | None:
        """The rate of a day; tells nobody."""
        return self.book.find(currency, self.to, day)

    def minor(self, minor: int, currency: str, day: date) -> int | None:
        """One amount, or None where there is no rate.  Zero is zero in every currency."""
        if not minor or currency == self.to:
            return minor
        ratio = self._ratio(currency, day.toordinal())
        return None if ratio is None else _rounded(minor, *ratio)

    def parts(self, parts: Parts) -> tuple[Ints, Mask]:
        """Amounts of parts, and which of them could not be converted (those are zero)."""
        values = parts.minor.copy()
        unknown = np.zeros(len(parts), dtype=np.bool_)
        for at, currency in enumerate(parts.currencies):
            if currency == self.to:
                continue
            chosen = np.flatnonzero((parts.currency == at) & (parts.minor != 0))
            if len(chosen):
                values[chosen], unknown[chosen] = self._column(
                    parts.minor[chosen], parts.day[chosen], currency
                )
        return values, unknown

    def _column(self, minor: Ints, day: Ints, currency: str) -> tuple[Ints, Mask]:
        days, which = np.unique(day, return_inverse=True)
        ratios = [self._ratio(currency, one) for one in days.tolist()]
        known = np.array([ratio is not None for ratio in ratios], dtype=np.bool_)
        pairs = [ratio or (0, 1) for ratio in ratios]
        largest = max(abs(int(minor.max())), abs(int(minor.min())))
        if all(largest * over < SAFE and under < SAFE for over, under in pairs):
            over = np.array([one for one, _ in pairs], dtype=np.int64)[which]
            under = np.array([one for _, one in pairs], dtype=np.int64)[which]
            product = minor * over
            whole = product // under
            twice = 2 * (product - whole * under)
            whole += (twice > under) | ((twice == under) & (whole & 1 == 1))
        else:
            places = which.tolist()
            whole = np.array(
                [_rounded(one, *pairs[at]) for one, at in zip(minor.tolist(), places, strict=True)],
                dtype=np.int64,
            )
        return whole, ~known[which]

    def _ratio(self, currency: str, ordinal: int) -> tuple[int, int] | None:
        """Minor units of the target for one of the currency, as an exact quotient."""
        key = (currency, ordinal)
        if key not in self._known:
            day = date.fromordinal(ordinal)
            rate = self.rate(currency, day)
            if rate is None:
                self.missing.add(MissingRate(currency, self.to, day))
                self._known[key] = None
            else:
                if rate.stale:
                    self.stale.add(StaleRate(currency, self.to, day, rate.day))
                self._known[key] = _scaled(rate.value, digits_of(self.to) - digits_of(currency))
        return self._known[key]

    def told_missing(self) -> tuple[MissingRate, ...]:
        """What was missing, by currency and day."""
        return tuple(sorted(self.missing)[:MAX_TOLD])

    def told_stale(self) -> tuple[StaleRate, ...]:
        """What was stale, by currency and day."""
        return tuple(sorted(self.stale)[:MAX_TOLD])


def _scaled(value: Fraction, shift: int) -> tuple[int, int]:
    """A rate as a quotient between minor units, in lowest terms."""
    over, under = value.numerator, value.denominator
    if shift > 0:
        over *= 10**shift
    else:
        under *= 10**-shift
    common = gcd(over, under)
    return over // common, under // common


def _rounded(minor: int, over: int, under: int) -> int:
    """``minor * over / under``, half to even; raises OVERFLOW beyond 64 bits."""
    whole, rest = divmod(minor * over, under)
    if 2 * rest > under or (2 * rest == under and whole & 1):
        whole += 1
    if abs(whole) > INT64_MAX:
        raise overflow("A converted amount is beyond the range of 64-bit minor units.")
    return whole
