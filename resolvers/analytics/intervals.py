"""Calendar intervals: how a span is cut into days, weeks, months, quarters or years."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np

from resolvers.errors import invalid
from resolvers.flows import Span
from resolvers.segments.parts import Ints

IntervalKind = Literal["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]
MAX_INTERVALS: Final = 1_500
_DAY: Final = timedelta(days=1)
_MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


@dataclass(frozen=True, slots=True)
class Interval:
    """One calendar interval as far as the span holds it."""

    label: str
    """2026-01-31, 2026-W05, 2026-01, 2026-Q1 or 2026."""
    first: date
    last: date
    whole: bool
    """Whether the span holds all of it."""


def ends_of_month(day: date) -> tuple[date, date]:
    """First and last day of a day's month."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def back(day: date, months: int) -> date:
    """The first day of the month that lies so many months before a day's."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(max(year, 1), month + 1, 1)


def _begin(day: date, kind: IntervalKind) -> date:
    if kind == "DAY":
        return day
    if kind == "WEEK":
        return day - timedelta(days=day.weekday())
    month = (day.month - 1) // _MONTHS[kind] * _MONTHS[kind] + 1
    return date(day.year, month, 1)


def _next(begin: date, kind: IntervalKind) -> date:
    if kind == "DAY":
        return begin + _DAY
    if kind == "WEEK":
        return begin + 7 * _DAY
    year, month = divmod(begin.year * 12 + begin.month - 1 + _MONTHS[kind], 12)
    return date(year, month + 1, 1)


def _label(begin: date, kind: IntervalKind) -> str:
    if kind == "DAY":
        return begin.isoformat()
    if kind == "WEEK":
        year, week, _ = begin.isocalendar()
        return f"{year}-W{week:02d}"
    if kind == "MONTH":
        return f"{begin:%Y-%m}"
    return f"{begin.year}-Q{(begin.month + 2) // 3}" if kind == "QUARTER" else f"{begin.year}"


def intervals(span: Span, kind: IntervalKind) -> list[Interval]:
    """The intervals that a span touches, the first and last as far as it reaches.

    Weeks begin on Monday and bear the numbers of ISO 8601.  Raises VALIDATION_ERROR for more than
    1,500 of them.
    """
    found: list[Interval] = []
    begin = _begin(span.first, kind)
    while begin <= span.last:
        if len(found) == MAX_INTERVALS:
            message = f"At most {MAX_INTERVALS:,} intervals; choose a longer one or a shorter span."
            raise invalid("interval", message)
        after = _next(begin, kind)
        first, last = max(begin, span.first), min(after - _DAY, span.last)
        whole = first == begin and last == after - _DAY
        found.append(Interval(_label(begin, kind), first, last, whole))
        begin = after
    return found


def index_of_days(days: Ints, wanted: Sequence[Interval]) -> Ints:
    """For each day of a span the place of its interval."""
    starts = np.array([one.first.toordinal() for one in wanted], dtype=np.int64)
    return np.searchsorted(starts, days, side="right") - 1
