"""Schedules: no month is skipped, nothing drifts, weekends move as told; dateutil as the oracle."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, pairwise

import pytest
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule
from hypothesis import assume, given
from hypothesis import strategies as st

from resolvers.schedules import all_until, next_date, occurrences

ORACLE = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
DAYS = st.dates(date(1900, 1, 1), date(2190, 12, 31))
SATURDAY = 5


@dataclass(frozen=True)
class Plan:
    frequency: str = "MONTHLY"
    interval: int = 1
    day_of_month: int | None = None
    weekend_policy: str = "NONE"
    start_date: date = date(2026, 1, 31)
    end_date: date | None = None


@st.composite
def plans(draw: st.DrawFn, policies: tuple[str, ...] = ("NONE", "BEFORE", "AFTER", "SKIP")) -> Plan:
    frequency = draw(st.sampled_from(sorted(ORACLE)))
    day = draw(st.none() | st.integers(1, 31)) if frequency in {"MONTHLY", "YEARLY"} else None
    start = draw(DAYS)
    end = draw(st.none() | st.integers(0, 5_000).map(lambda n: start + timedelta(days=n)))
    return Plan(
        frequency, draw(st.integers(1, 40)), day, draw(st.sampled_from(policies)), start, end
    )


def some(plan: Plan, count: int) -> list[date]:
    return list(islice(all_until(plan, date(2200, 12, 31)), count))


def test_the_31st_clamps_and_comes_back() -> None:
    assert [str(day) for day in some(Plan(), 5)] == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31",
    ]  # fmt: skip


def test_a_leap_day_comes_back_with_its_year() -> None:
    plan = Plan("YEARLY", start_date=date(2024, 2, 29))
    assert [str(day) for day in some(plan, 5)] == [
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
    ]  # fmt: skip


def test_a_day_of_the_month_before_the_start_begins_one_period_later() -> None:
    plan = Plan(interval=3, day_of_month=10, start_date=date(2026, 1, 15))
    assert [str(day) for day in some(plan, 2)] == ["2026-04-10", "2026-07-10"]


@pytest.mark.parametrize(
    ("policy", "days"),
    [
        # 2026-08-01 is a Saturday, 2026-11-01 a Sunday.
        ("NONE", ["2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01"]),
        ("BEFORE", ["2026-07-31", "2026-09-01", "2026-10-01", "2026-10-30"]),
        ("AFTER", ["2026-08-03", "2026-09-01", "2026-10-01", "2026-11-02"]),
        ("SKIP", ["2026-09-01", "2026-10-01"]),
    ],
)
def test_weekends(policy: str, days: list[str]) -> None:
    plan = Plan(weekend_policy=policy, start_date=date(2026, 8, 1), end_date=date(2026, 11, 1))
    assert [str(day) for day in some(plan, 9)] == days


def test_days_that_a_weekend_puts_together_are_one() -> None:
    plan = Plan("DAILY", weekend_policy="AFTER", start_date=date(2026, 7, 30))
    assert [str(day) for day in some(plan, 4)] == [
        "2026-07-30", "2026-07-31", "2026-08-03", "2026-08-04",
    ]  # fmt: skip


def test_a_plan_that_never_leaves_the_weekend_has_no_date() -> None:
    plan = Plan("WEEKLY", weekend_policy="SKIP", start_date=date(2026, 8, 1))
    assert next_date(plan, date(2026, 1, 1)) is None


@given(plans())
def test_dates_rise_and_keep_their_weekend_rule(plan: Plan) -> None:
    days = some(plan, 60)
    assert all(one < two for one, two in pairwise(days))
    for day in days:
        if plan.weekend_policy != "NONE":
            assert day.weekday() < SATURDAY
        assert plan.start_date - timedelta(days=2) <= day
        assert plan.end_date is None or day <= plan.end_date + timedelta(days=2)


@given(plans(("NONE", "BEFORE", "AFTER")).filter(lambda plan: plan.frequency == "MONTHLY"))
def test_no_month_is_skipped(plan: Plan) -> None:
    plan = Plan("MONTHLY", 1, plan.day_of_month, plan.weekend_policy, plan.start_date)
    for one, two in pairwise(some(plan, 40)):
        # A month apart, with at most two days of a weekend at either end.
        assert 28 - 4 <= (two - one).days <= 31 + 4


@given(plans(("NONE",)))
def test_the_oracle_agrees(plan: Plan) -> None:
    start = plan.start_date
    day = plan.day_of_month or start.day
    by_month_day: dict[str, object] = {}
    if plan.frequency in {"MONTHLY", "YEARLY"}:
        # The oracle skips months without the day; asked for "that day or the last", it clamps.
        by_month_day = {"bymonthday": list(range(28, day + 1)) if day > 28 else [day]}
        by_month_day["bysetpos"] = -1
        if plan.frequency == "YEARLY":
            by_month_day["bymonth"] = start.month
    rule = rrule(
        ORACLE[plan.frequency],
        dtstart=start,
        interval=plan.interval,
        until=plan.end_date,
        **by_month_day,
    )
    expected = [found.date() for found in islice(rule, 40) if found.year <= 2200]
    # At a clamped end the oracle takes the last of its days within the bounds, we take none.
    last = monthrange(start.year, start.month)[1]
    assume(day <= 28 or start.day <= min(day, last))
    if plan.end_date is not None and day > 28:
        inside = plan.end_date.day >= monthrange(plan.end_date.year, plan.end_date.month)[1]
        assume(inside or plan.end_date.day < 28)
    assert some(plan, 40)[: len(expected)] == expected


@given(plans(), st.integers(0, 3_000), st.integers(0, 400))
def test_a_window_is_a_piece_of_the_whole(plan: Plan, offset: int, width: int) -> None:
    first = plan.start_date + timedelta(days=offset - 10)
    last = first + timedelta(days=width)
    whole = [day for day in all_until(plan, last) if day >= first]
    assert list(occurrences(plan, first, last)) == whole


@given(plans(), st.integers(-50, 3_000))
def test_the_next_date_is_the_first_later_one(plan: Plan, offset: int) -> None:
    after = plan.start_date + timedelta(days=offset)
    found = next_date(plan, after)
    if found is not None:
        assert found > after
        assert list(occurrences(plan, after + timedelta(days=1), found)) == [found]
