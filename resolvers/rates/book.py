"""Which rate an amount of a day is converted with, and what is said where there is none.

The rate of a day is the last one published on it or up to seven days before it.  Own rates count
as published on their day and win there.  After the last publication of all the last rate serves on,
and every figure made with it lists it as stale.  Where nothing is left there is no rate: a sum over
such an amount is told as unknown and never guessed.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from models.ecb import Published
from models.rates import RateRow

DAYS_BACK: Final = 7
_BACK: Final = timedelta(days=DAYS_BACK)
_REMEMBERED: Final = 100_000
"""How many pairs and days a book remembers: ten years of workdays in forty pairs."""


@dataclass(frozen=True, slots=True, order=True)
class MissingRate:
    """A rate that a sum would need and nobody has published."""

    from_: str
    to: str
    date: dt.date


@dataclass(frozen=True, slots=True, order=True)
class StaleRate:
    """A rate older than seven days, used because none has been published since."""

    from_: str
    to: str
    date: dt.date
    rate_date: dt.date


@dataclass(frozen=True, slots=True)
class Rate:
    """An exact rate with the day and the source it is of."""

    value: Fraction
    day: dt.date
    source: str
    """ECB, OWN, or SAME for a currency in itself."""
    stale: bool = False

    @property
    def text(self) -> str:
        """The rate as a plain decimal with at most twelve digits after the point."""
        exact = Decimal(self.value.numerator) / Decimal(self.value.denominator)
        shown = f"{exact:.12f}".rstrip("0")
        return shown.removesuffix(".")

    def __mul__(self, other: "Rate") -> "Rate":
        """Two rates one after the other: as old as the older one."""
        source = "OWN" if "OWN" in {self.source, other.source} else self.source
        stale = self.stale or other.stale
        return Rate(self.value * other.value, min(self.day, other.day), source, stale)

    def inverse(self) -> "Rate":
        """The way back."""
        return Rate(1 / self.value, self.day, self.source, self.stale)


class RateBook:
    """Published rates with the own ones of a ledger above them."""

    def __init__(self, published: Published, own: Iterable[RateRow] = ()) -> None:
        self._published = published
        self._own: dict[tuple[str, str], dict[dt.date, Fraction]] = {}
        for row in own:
            value = Fraction(row.rate)
            self._own.setdefault((row.from_currency, row.to_currency), {})[row.day] = value
            self._own.setdefault((row.to_currency, row.from_currency), {})[row.day] = 1 / value
        self._own_days = {pair: sorted(days) for pair, days in self._own.items()}
        self._found: dict[tuple[str, str, dt.date], Rate | None] = {}

    def find(self, from_: str, to: str, day: dt.date) -> Rate | None:
        """The rate of a day, or None."""
        key = (from_, to, day)
        if key in self._found:
            return self._found[key]
        # Published rates never change: where nothing of one's own is near, all share what was found.
        legs = {key[:2], ("EUR", to), ("EUR", from_)}
        shared = published_book(self._published)
        alone = self is shared or not legs.isdisjoint(self._own)
        found = self._look(from_, to, day) if alone else shared.find(from_, to, day)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[key] = found
        return found

    def _look(self, from_: str, to: str, day: dt.date) -> Rate | None:
        if from_ == to:
            return Rate(Fraction(1), day, "SAME")
        found = self._pair(from_, to, day)
        if "EUR" in {from_, to}:
            return found
        there, back = self._pair("EUR", to, day), self._pair("EUR", from_, day)
        crossed = None if there is None or back is None else there * back.inverse()
        return _better(found, crossed)

    def _pair(self, from_: str, to: str, day: dt.date) -> Rate | None:
        """What is said of a pair itself: own rates, and the bank's if one side is the euro."""
        bank = None
        if from_ == "EUR":
            bank = self._euro(to, day)
        elif to == "EUR":
            bank = self._euro(from_, day)
            bank = bank.inverse() if bank is not None else None
        return _better(self._owned(from_, to, day), bank)

    def _euro(self, currency: str, day: dt.date) -> Rate | None:
        last = self._published.last_day
        found = self._published.on_or_before(currency, min(day, last), DAYS_BACK)
        if found is None:
            return None
        value, when = found
        return Rate(Fraction(value), when, "ECB", stale=day - when > _BACK)

    def _owned(self, from_: str, to: str, day: dt.date) -> Rate | None:
        days = self._own_days.get((from_, to))
        at = bisect_right(days, day) - 1 if days else -1
        if days is None or at < 0:
            return None
        when = days[at]
        stale = day - when > _BACK
        if stale and (at + 1 < len(days) or self._published_after(from_, to, when)):
            return None
        return Rate(self._own[from_, to][when], when, "OWN", stale=stale)

    def _published_after(self, from_: str, to: str, day: dt.date) -> bool:
        """Whether the bank went on with a pair after a day, so that an own rate is not the last."""
        ends = [self._published.ends(one) for one in (from_, to)]
        known = [end for end in ends if end is not None]
        return len(known) == len(ends) and min(known) > day


@lru_cache(maxsize=2)
def published_book(published: Published) -> RateBook:
    """The book of published rates alone: one for the whole process."""
    return RateBook(published)


def _better(one: Rate | None, other: Rate | None) -> Rate | None:
    """Fresh before stale, newer before older, own before the bank's."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda rate: (not rate.stale, rate.day, rate.source == "OWN"))
