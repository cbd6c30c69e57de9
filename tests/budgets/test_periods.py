"""Periods: every day lies in exactly one, they adjoin, and short months do not drift."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.budgets import BudgetItemRow
from resolvers.budgets.analysis import Tally
from resolvers.periods import Cycle, Period

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
KINDS = st.sampled_from(["WEEKLY", "BIWEEKLY", "MONTHLY", "QUARTERLY", "YEARLY"])


@given(
    kind=KINDS, start=DAYS, offset=st.integers(0, 40_000), length=st.none() | st.integers(0, 40_000)
)
def test_every_day_lies_in_exactly_one_period(
    kind: str, start: date, offset: int, length: int | None
) -> None:
    end = None if length is None else start + timedelta(days=length)
    cycle = Cycle(kind, start, end)
    day = cycle.nearest(start + timedelta(days=offset))
    period = cycle.containing(day)
    assert period.first <= day <= period.last
    assert period == cycle.containing(period.first) == cycle.containing(period.last)
    if period.index:
        before = cycle.at(period.index - 1)
        assert before.last + timedelta(days=1) == period.first
    else:
        assert period.first == start
    if period.last == end:
        assert not cycle.holds(period.last + timedelta(days=1))
    else:
        after = cycle.containing(period.last + timedelta(days=1))
        assert (after.index, after.first) == (period.index + 1, period.last + timedelta(days=1))


@given(kind=KINDS, start=DAYS, offset=st.integers(0, 2_000))
def test_the_periods_before_reach_back_to_the_start(kind: str, start: date, offset: int) -> None:
    cycle = Cycle(kind, start)
    period = cycle.containing(start + timedelta(days=offset))
    chain = [period, *cycle.before(period)]
    assert [one.index for one in chain] == list(range(period.index, -1, -1))
    assert chain[-1].first == start
    for later, earlier in pairwise(chain):
        assert earlier.last + timedelta(days=1) == later.first


@pytest.mark.parametrize(
    ("kind", "start", "begins"),
    [
        ("WEEKLY", "2026-01-01", ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("BIWEEKLY", "2025-12-25", ["2025-12-25", "2026-01-08", "2026-01-22"]),
        ("MONTHLY", "2024-01-31", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        ("MONTHLY", "2025-12-25", ["2025-12-25", "2026-01-25"]),
        ("QUARTERLY", "2025-11-30", ["2025-11-30", "2026-02-28", "2026-05-30"]),
        ("YEARLY", "2024-02-29", ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
    ],
)  # fmt: skip
def test_the_day_of_the_start_is_kept_where_the_month_has_it(
    kind: str, start: str, begins: list[str]
) -> None:
    cycle = Cycle(kind, date.fromisoformat(start))
    assert [cycle.at(n).first.isoformat() for n in range(len(begins))] == begins


def test_a_custom_period_stands_alone() -> None:
    cycle = Cycle("CUSTOM", date(2026, 3, 5), date(2026, 3, 9))
    whole = Period(0, date(2026, 3, 5), date(2026, 3, 9))
    assert {cycle.containing(date(2026, 3, day)) for day in range(5, 10)} == {whole}
    assert list(cycle.before(whole)) == []
    for outside in (date(2026, 3, 4), date(2026, 3, 10)):
        with pytest.raises(ValueError, match="outside"):
            cycle.containing(outside)
    with pytest.raises(ValueError, match="end"):
        Cycle("CUSTOM", date(2026, 1, 1))


@given(
    carry=st.sampled_from(["NONE", "SURPLUS", "BOTH"]),
    amount=st.integers(0, 1_000),
    sums=st.dictionaries(st.integers(0, 30), st.integers(-3_000, 3_000), max_size=12),
    index=st.integers(0, 30),
)
def test_carrying_over_is_what_walking_through_the_periods_gives(
    carry: str, amount: int, sums: dict[int, int], index: int
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = UUID(int=1)
    item = BudgetItemRow(one, one, one, one, amount, "EUR", carry, 1, at, at)
    left = 0
    for period in range(index):
        left += amount - sums.get(period, 0)
        if carry == "NONE" or (carry == "SURPLUS" and left < 0):
            left = 0
    tally = Tally(sums)
    assert tally.carried(item, index) == left
    assert tally.actual(index) == sums.get(index, 0)
    tally.add(index, None)
    assert tally.actual(index) is None
    assert tally.carried(item, index) == left
    assert tally.carried(item, index + 1) == (0 if carry == "NONE" else None)
