"""Periods that repeat from an anchor: each day from the start lies in exactly one of them."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

PeriodKind = Literal["WEEKLY", "BIWEEKLY", "MONTHLY", "QUARTERLY", "YEARLY", "CUSTOM"]

_DAYS: Final = {"WEEKLY": 7, "BIWEEKLY": 14}
_MONTHS: Final = {"MONTHLY": 1, "QUARTERLY": 3, "YEARLY": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """One period, both ends included; ``index`` counts from 0 at the start."""

    index: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Cycle:
    """How periods repeat: a kind, the day on which the first one begins, and an optional end."""

    kind: PeriodKind
    start: date
    end: date | None = None

    def __post_init__(self) -> None:
        """A span of one's own needs both ends."""
        if self.kind == "CUSTOM" and self.end is None:
            raise ValueError("A custom period needs an end.")

    def holds(self, day: date) -> bool:
        """Whether any period contains the day."""
        return self.start <= day and (self.end is None or day <= self.end)

    def nearest(self, day: date) -> date:
        """The day itself, or the nearest one that a period contains."""
        day = max(day, self.start)
        return day if self.end is None else min(day, self.end)

    def index_of(self, day: date) -> int:
        """Number of the period that contains a day; raises ValueError outside start and end."""
        if not self.holds(day):
            raise ValueError("The day lies outside all periods.")
        if self.kind == "CUSTOM":
            return 0
        if self.kind in _DAYS:
            return (day - self.start).days // _DAYS[self.kind]
        months = 12 * (day.year - self.start.year) + day.month - self.start.month
        # The start's day of the month may be shortened differently in each month.
        if day < self._month(months):
            months -= 1
        return months // _MONTHS[self.kind]

    def at(self, index: int) -> Period:
        """The period with a number; the last one ends with the cycle."""
        if self.kind == "CUSTOM" and self.end is not None:
            return Period(0, self.start, self.end)
        last = self._begin(index + 1) - timedelta(days=1)
        if self.end is not None:
            last = min(last, self.end)
        return Period(index, self._begin(index), last)

    def containing(self, day: date) -> Period:
        """The period that contains a day; raises ValueError outside start and end."""
        return self.at(self.index_of(day))

    def before(self, period: Period) -> Iterator[Period]:
        """The periods before one, the nearest first, back to the start."""
        for index in range(period.index - 1, -1, -1):
            yield self.at(index)

    def _begin(self, index: int) -> date:
        if self.kind in _DAYS:
            return self.start + timedelta(days=_DAYS[self.kind] * index)
        return self._month(_MONTHS[self.kind] * index)

    def _month(self, months: int) -> date:
        """The start moved by months, its day shortened where the month is (31 January: 28 Feb)."""
        year, month = divmod(self.start.year * 12 + self.start.month - 1 + months, 12)
        day = min(self.start.day, monthrange(year, month + 1)[1])
        return date(year, month + 1, day)
