"""How reality compares with a budget, computed from the transactions each time it is asked for.

Nothing is stored, so a row that is entered late, changed or deleted is right everywhere at once,
and a period in which nothing happened breaks no chain of what is carried over.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final, cast
from uuid import UUID

import numpy as np

from models.budgets import BudgetItemRow, BudgetRow
from models.database import Transaction as Tx
from resolvers.errors import invalid
from resolvers.flows import Counting, Flows, RowSet, Span, counted, load_flows
from resolvers.inputs import LAST_DAY
from resolvers.money import checked_sum, percent
from resolvers.periods import Cycle, Period, PeriodKind
from resolvers.rates import Converter, MissingRate, StaleRate, rate_book
from resolvers.segments.parts import Ints, Mask

_UNBUDGETED: Final = -1


@dataclass(frozen=True, slots=True)
class Figures:
    """Plan and reality in minor units; None where a rate is missing."""

    currency: str
    budgeted_minor: int
    carried_minor: int | None
    actual_minor: int | None

    @property
    def remaining_minor(self) -> int | None:
        """What is left: below zero when overspent."""
        if self.carried_minor is None or self.actual_minor is None:
            return None
        return checked_sum((self.budgeted_minor, self.carried_minor, -self.actual_minor))

    @property
    def percent_used(self) -> Decimal | None:
        """Reality as a share of plan and carry; None where there is nothing to share."""
        if self.carried_minor is None or self.actual_minor is None:
            return None
        return percent(self.actual_minor, self.budgeted_minor + self.carried_minor)


@dataclass(frozen=True, slots=True)
class ItemAnalysis:
    """One item in one period."""

    item: BudgetItemRow
    figures: Figures
    rows: RowSet
    """What ``actual`` is made of."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A budget in one period; the totals are those of its EXPENSE items."""

    budget_id: UUID
    currency: str
    from_: date
    to: date
    figures: Figures
    items: tuple[ItemAnalysis, ...]
    unbudgeted_minor: int | None
    missing_rates: tuple[MissingRate, ...]
    stale_rates: tuple[StaleRate, ...]
    rows: RowSet
    """What ``actual`` is made of."""
    unbudgeted_rows: RowSet


@dataclass(slots=True)
class Tally:
    """What came together for an item, by number of the period."""

    sums: dict[int, int] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    """Periods with a row in a currency that cannot be converted."""

    def add(self, index: int, minor: int | None) -> None:
        """Count some parts; None is what cannot be converted."""
        if minor is None:
            self.unknown.add(index)
        else:
            self.sums[index] = self.sums.get(index, 0) + minor

    def actual(self, index: int) -> int | None:
        """The sum of a period, as far as it can be told."""
        return None if index in self.unknown else checked_sum((self.sums.get(index, 0),))

    def carried(self, item: BudgetItemRow, index: int) -> int | None:
        """What the periods before one leave to it, by the item's policy."""
        if item.carry == "NONE":
            return 0
        if any(one < index for one in self.unknown):
            return None
        left, reached = 0, 0
        for one in sorted(one for one in self.sums if one < index):
            # Periods without a row only add their plan, so they need no steps of their own.
            left += item.amount_minor * (one + 1 - reached) - self.sums[one]
            reached = one + 1
            if item.carry == "SURPLUS":
                left = max(left, 0)
        return checked_sum((left, item.amount_minor * (index - reached)))


def cycle_of(budget: BudgetRow) -> Cycle:
    """The periods of a budget."""
    return Cycle(cast("PeriodKind", budget.period), budget.start_date, budget.end_date)


def day_within(budget: BudgetRow, wanted: date | None, today: date) -> date:
    """The day whose period is meant: today or the nearest one, unless a day is named.

    Raises VALIDATION_ERROR for a named day outside the budget.
    """
    cycle = cycle_of(budget)
    if wanted is None:
        return cycle.nearest(today)
    if not cycle.holds(wanted) or wanted > LAST_DAY:
        last = budget.end_date or LAST_DAY
        raise invalid("date", f"The budget runs from {budget.start_date} to {last}.")
    return wanted


async def analyses_of(tx: Tx, keys: Sequence[tuple[BudgetRow, date]]) -> list[Analysis]:
    """Analyses of budgets for the periods that contain a day.

    A handful of statements for each ledger, however many budgets, days and transactions.
    """
    wanted: dict[BudgetRow, set[Period]] = {}
    for budget, day in keys:
        wanted.setdefault(budget, set()).add(cycle_of(budget).containing(day))
    found: dict[tuple[BudgetRow, Period], Analysis] = {}
    for ledger_id in {budget.ledger_id for budget in wanted}:
        mine = {one: periods for one, periods in wanted.items() if one.ledger_id == ledger_id}
        found |= await analyse(tx, ledger_id, mine)
    return [found[budget, cycle_of(budget).containing(day)] for budget, day in keys]


async def analyse(
    tx: Tx,
    ledger_id: UUID,
    wanted: Mapping[BudgetRow, Collection[Period]],
    *,
    account_id: UUID | None = None,
) -> dict[tuple[BudgetRow, Period], Analysis]:
    """Analyses of some periods of a ledger's budgets, over all accounts or one."""
    spans = [_span(budget, periods) for budget, periods in wanted.items()]
    if not spans:
        return {}
    whole = Span(min(one.first for one in spans), max(one.last for one in spans))
    flows = await load_flows(tx, ledger_id, whole, account_id=account_id)
    currencies = {budget.currency for budget in wanted}
    book = await rate_book(tx, ledger_id, currencies | set(flows.parts.currencies))
    found: dict[tuple[BudgetRow, Period], Analysis] = {}
    for budget, periods in wanted.items():
        comparison = _compared(budget, periods, flows, Converter(book, budget.currency))
        for period in periods:
            found[budget, period] = comparison.analysis(period)
    return found


def _span(budget: BudgetRow, periods: Collection[Period]) -> Span:
    """First and last day of the rows that analyses read."""
    carries = any(item.carry != "NONE" for item in budget.items)
    first = budget.start_date if carries else min(one.first for one in periods)
    return Span(first, max(one.last for one in periods))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A budget over all parts that matter to some of its periods."""

    budget: BudgetRow
    counting: Counting
    item: Ints
    """Place of the item that each part counts for; -1 for unbudgeted spending."""
    index: Ints
    """Number of the period of each part."""
    signs: Sequence[int]
    """Of the items: spending and income are both positive, refunds and returns net them."""
    tallies: Sequence[Tally]
    """Of the items, and last of unbudgeted spending."""

    def analysis(self, period: Period) -> Analysis:
        """The figures of one period."""
        budget, counting = self.budget, self.counting
        now = self.index == period.index
        items = tuple(
            ItemAnalysis(
                item=item,
                figures=Figures(
                    currency=item.currency,
                    budgeted_minor=item.amount_minor,
                    carried_minor=self.tallies[at].carried(item, period.index),
                    actual_minor=self.tallies[at].actual(period.index),
                ),
                rows=counting.rows(partial(self._of, now, at), sign=self.signs[at]),
            )
            for at, item in enumerate(budget.items)
        )
        expenses = [at for at, sign in enumerate(self.signs) if sign < 0]
        carries = any(item.carry != "NONE" for item in budget.items)
        first = budget.start_date if carries else period.first
        converter = counting.converter
        return Analysis(
            budget_id=budget.id,
            currency=budget.currency,
            from_=period.first,
            to=period.last,
            figures=_total(budget.currency, [items[at].figures for at in expenses]),
            items=items,
            unbudgeted_minor=self.tallies[-1].actual(period.index),
            missing_rates=tuple(
                one for one in converter.told_missing() if first <= one.date <= period.last
            ),
            stale_rates=tuple(
                one for one in converter.told_stale() if first <= one.date <= period.last
            ),
            rows=counting.rows(lambda: now & np.isin(self.item, expenses), sign=-1),
            unbudgeted_rows=counting.rows(partial(self._of, now, _UNBUDGETED), sign=-1),
        )

    def _of(self, now: Mask, item: int) -> Mask:
        found: Mask = now & (self.item == item)
        return found


def _compared(
    budget: BudgetRow, periods: Collection[Period], flows: Flows, converter: Converter
) -> _Comparison:
    """Sort the parts of a budget's days by item and period; only what matters is converted."""
    cycle = cycle_of(budget)
    flows = flows.where(flows.within(_span(budget, periods)))
    first = cycle.index_of(_span(budget, periods).first)
    last = max(period.index for period in periods)
    starts = [cycle.at(number).first.toordinal() for number in range(first, last + 1)]
    index = np.searchsorted(np.array(starts, dtype=np.int64), flows.parts.day, side="right")
    index = index + (first - 1)
    places = {item.category_id: at for at, item in enumerate(budget.items)}
    item = flows.tree.nearest(places)[flows.category]
    carried = np.array([*(one.carry != "NONE" for one in budget.items), False], dtype=np.bool_)
    now = np.isin(index, [period.index for period in periods])
    matters = carried[item] | (now & ((item != _UNBUDGETED) | ~flows.income))
    counting = counted(flows.where(matters), converter)
    item, index = item[matters], index[matters]
    tree = flows.tree
    signs = [1 if tree.income[tree.places[one.category_id]] else -1 for one in budget.items]
    tallies = _tallies(counting, item, index, [*signs, -1])
    return _Comparison(budget, counting, item, index, signs, tallies)


def _tallies(counting: Counting, item: Ints, index: Ints, signs: Sequence[int]) -> list[Tally]:
    """What came together for each item and period; unbudgeted spending is the last."""
    tallies = [Tally() for _ in signs]
    pairs, which = np.unique(np.stack((item, index)), axis=1, return_inverse=True)
    sums = counting.sums(which.reshape(-1), pairs.shape[1])
    for (place, number), minor in zip(pairs.T.tolist(), sums, strict=True):
        tallies[place].add(number, None if minor is None else signs[place] * minor)
    return tallies


def _total(currency: str, figures: Sequence[Figures]) -> Figures:
    return Figures(
        currency=currency,
        budgeted_minor=checked_sum(one.budgeted_minor for one in figures),
        carried_minor=_sum([one.carried_minor for one in figures]),
        actual_minor=_sum([one.actual_minor for one in figures]),
    )


def _sum(amounts: Sequence[int | None]) -> int | None:
    """The sum, or None when one of the amounts cannot be told."""
    known = [one for one in amounts if one is not None]
    return checked_sum(known) if len(known) == len(amounts) else None
