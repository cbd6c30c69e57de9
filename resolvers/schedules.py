"""Schedules: which days a repeating thing falls on, computed from its start and never drifting.

The n-th date is always counted from the start (RFC 5545's way), so a month without a 31st gives
its last day and the next month has its 31st again.  Start and end bound the dates of the plan; a
weekend may move the first or last of them a day or two across.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Protocol

from resolvers.inputs import LAST_DAY

_DAYS: Final = {"DAILY": 1, "WEEKLY": 7}
_MONTHS: Final = {"MONTHLY": 1, "YEARLY": 12}
_SATURDAY: Final = 5
MOVED_AT_MOST: Final = timedelta(days=2)
"""How far a weekend moves a date."""


class Plan(Protocol):
    """What repeats: a template, or anything with the same parts."""

    @property
    def frequency(self) -> str:
        """DAILY, WEEKLY, MONTHLY or YEARLY."""

    @property
    def interval(self) -> int:
        """Every so many days, weeks, months or years."""

    @property
    def day_of_month(self) -> int | None:
        """Which day of the month, clamped to its end; the start's if absent."""

    @property
    def weekend_policy(self) -> str:
        """NONE, BEFORE, AFTER or SKIP."""

    @property
    def start_date(self) -> date:
        """No planned date lies before it."""

    @property
    def end_date(self) -> date | None:
        """No planned date lies after it."""


def occurrences(plan: Plan, first: date, last: date) -> Iterator[date]:
    """The dates from ``first`` to ``last``, both included, in order and each once."""
    told: date | None = None
    for planned in _planned(plan, first - MOVED_AT_MOST):
        if planned > last + MOVED_AT_MOST:
            return
        day = _moved(planned, plan.weekend_policy)
        if day is not None and day != told and first <= day <= last:
            told = day
            yield day


def all_until(plan: Plan, last: date) -> Iterator[date]:
    """The dates from the very first one on."""
    return occurrences(plan, plan.start_date - MOVED_AT_MOST, last)


def next_date(plan: Plan, after: date) -> date | None:
    """The first date later than ``after``; None when the plan has ended."""
    return next(occurrences(plan, after + timedelta(days=1), LAST_DAY), None)


def _planned(plan: Plan, since: date) -> Iterator[date]:
    """Dates before any weekend moves them, from ``since`` on or a little earlier."""
    end = LAST_DAY if plan.end_date is None else min(plan.end_date, LAST_DAY)
    number = _number_at(plan, since)
    while (day := _numbered(plan, number)) <= end:
        if day >= plan.start_date:
            yield day
        number += 1


def _number_at(plan: Plan, day: date) -> int:
    """The number of the last planned date not later than a day's period; found without counting."""
    start = plan.start_date
    if plan.frequency in _DAYS:
        passed = (day - start).days // (_DAYS[plan.frequency] * plan.interval)
    else:
        months = (day.year - start.year) * 12 + day.month - start.month
        passed = months // (_MONTHS[plan.frequency] * plan.interval)
    return max(0, passed)


def _numbered(plan: Plan, number: int) -> date:
    start = plan.start_date
    if plan.frequency in _DAYS:
        return start + timedelta(days=number * plan.interval * _DAYS[plan.frequency])
    months = start.month - 1 + number * plan.interval * _MONTHS[plan.frequency]
    year, month = start.year + months // 12, months % 12 + 1
    wanted = plan.day_of_month or start.day
    return date(year, month, min(wanted, monthrange(year, month)[1]))


def _moved(day: date, policy: str) -> date | None:
    """Where a weekend moves a date; None where it is left out."""
    weekday = day.weekday()
    if policy == "NONE" or weekday < _SATURDAY:
        return day
    if policy == "SKIP":
        return None
    if policy == "BEFORE":
        return day - timedelta(days=weekday - _SATURDAY + 1)
    return day + timedelta(days=_SATURDAY + 2 - weekday)
