"""Forecast: how months and net worth go on, from what is booked, scheduled and budgeted.

Three things are known of the future: transactions that are dated in it, dates of templates that
have no transaction yet, and what budgets plan beyond both.  A plan counts only as far as nothing
booked or scheduled fills it already, and an amount that two budgets plan for counts once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import select

from models.accounts import Account
from models.base import table
from models.budgets import BudgetRow
from models.database import Transaction as Tx
from models.templates import TemplateRow
from resolvers.access import Actor
from resolvers.analytics.figures import Head, total
from resolvers.analytics.intervals import Interval, ends_of_month, index_of_days, intervals
from resolvers.analytics.worth import balances_at_ends
from resolvers.budgets import cycle_of
from resolvers.budgets.rows import B, budgets_by_id
from resolvers.errors import invalid
from resolvers.flows import Counting, Span, Tree, counted, load_flows
from resolvers.flows.tree import NONE
from resolvers.money import checked_sum
from resolvers.rates import Converter, rate_book
from resolvers.schedules import occurrences
from resolvers.templates.rows import M, done_dates, open_templates

_A: Final = table(Account)
_DAY: Final = timedelta(days=1)
MAX_MONTHS: Final = 24


@dataclass(frozen=True, slots=True)
class Expected:
    """What one side of a month is expected to be, in minor units; None where a rate is missing."""

    booked_minor: int | None
    """Transactions dated in the month, those of the future included."""
    scheduled_minor: int | None
    """Dates of templates that have no transaction yet."""
    planned_minor: int | None
    """What budgets plan beyond both."""

    @property
    def minor(self) -> int | None:
        """All of it."""
        return total((self.booked_minor, self.scheduled_minor, self.planned_minor))


@dataclass(frozen=True, slots=True)
class ForecastMonth:
    """One month of the future; the first is the rest of the present one with what is booked."""

    month: str
    currency: str
    income: Expected
    expenses: Expected

    @property
    def net_minor(self) -> int | None:
        """Income less expenses."""
        income, expenses = self.income.minor, self.expenses.minor
        return None if income is None or expenses is None else checked_sum((income, -expenses))

    def net_of(self, source: str) -> int | None:
        """What one source (a field of ``Expected``) adds to the net."""
        income, expenses = getattr(self.income, source), getattr(self.expenses, source)
        return None if income is None or expenses is None else checked_sum((income, -expenses))


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """Net worth at the end of a month to come."""

    date: date
    currency: str
    net_minor: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The present month and those after it."""

    head: Head
    months: tuple[ForecastMonth, ...]
    points: tuple[ForecastPoint, ...]


@dataclass(frozen=True, slots=True)
class _Coming:
    """One date of a template to come."""

    day: date
    minor: int
    currency: str
    category: int
    """Place in the tree, -1 for none."""
    income: bool


async def forecast(tx: Tx, actor: Actor, months: int, currency: str | None = None) -> Forecast:
    """Net worth, income and expenses of this month and of ``months`` (1 to 24) after it.

    Amounts of the future are converted at the newest rates.  Raises VALIDATION_ERROR.
    """
    if not 1 <= months <= MAX_MONTHS:
        raise invalid("months", f"1 to {MAX_MONTHS} months.")
    today, ledger_id = actor.today, actor.ledger_id
    begin, end = ends_of_month(today)
    for _ in range(months):
        end = ends_of_month(end + _DAY)[1]
    span = Span(begin, end)
    cuts = intervals(span, "MONTH")
    flows = await load_flows(tx, ledger_id, span)
    balances, currencies = await balances_at_ends(tx, ledger_id, [one.last for one in cuts])
    budgets = await _budgets(tx, ledger_id)
    coming = await _coming(tx, ledger_id, flows.tree, Span(today, end))
    known = {
        *flows.parts.currencies,
        *currencies.values(),
        *(one.currency for one in budgets),
        *(one.currency for one in coming),
    }
    wanted = currency or actor.base_currency
    converter = Converter(await rate_book(tx, ledger_id, known | {wanted}), wanted)
    future = _Future(counted(flows, converter), converter, cuts, coming, today)
    made = tuple(future.month(at, _plans(budgets, flows.tree, one)) for at, one in enumerate(cuts))
    points = []
    more: int | None = 0
    for at, one in enumerate(cuts):
        held = total(
            converter.minor(minor, currencies[account], today)
            for account, minor in balances[at].items()
        )
        beyond = (made[at].net_of("scheduled_minor"), made[at].net_of("planned_minor"))
        more = total((more, *beyond))
        points.append(ForecastPoint(one.last, wanted, total((held, more))))
    head = Head(wanted, span.first, span.last, converter.told_missing(), converter.told_stale())
    return Forecast(head, made, tuple(points))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a budget's item plans for one month."""

    place: int
    minor: Fraction
    currency: str
    nested: frozenset[int]
    """Places below it that items of their own plan for."""


@dataclass(frozen=True, slots=True)
class _Future:
    """Everything that is known of the months to come."""

    counting: Counting
    converter: Converter
    cuts: Sequence[Interval]
    coming: Sequence[_Coming]
    today: date

    def month(self, at: int, plans: Sequence[_Plan]) -> ForecastMonth:
        """One month from its three sources."""
        cut = self.cuts[at]
        sides = []
        for income in (True, False):
            sign = 1 if income else -1
            booked = self._booked(at, income, sign)
            rows = [one for one in self.coming if cut.first <= one.day <= cut.last]
            mine = [one for one in rows if one.income == income]
            scheduled = total(sign * one if one is not None else None for one in self._values(mine))
            tree = self.counting.flows.tree
            planned = total(
                self._short(at, plan, sign, mine)
                for plan in plans
                if tree.income[plan.place] == income
            )
            sides.append(Expected(booked, scheduled, planned))
        return ForecastMonth(cut.label, self.converter.to, *sides)

    def _values(self, rows: Iterable[_Coming]) -> list[int | None]:
        return [self.converter.minor(one.minor, one.currency, self.today) for one in rows]

    def _booked(self, at: int, income: bool, sign: int) -> int | None:
        flows = self.counting.flows
        index = index_of_days(flows.parts.day, self.cuts)
        chosen = (index == at) & (flows.income == income)
        found = self.counting.sums(np.zeros(len(index), dtype=np.int64), 1, of=chosen)[0]
        return None if found is None else sign * found

    def _short(self, at: int, plan: _Plan, sign: int, coming: Sequence[_Coming]) -> int | None:
        """What of a plan nothing booked or scheduled fills yet; never below zero."""
        flows = self.counting.flows
        scope = flows.tree.below(plan.place)
        for inner in plan.nested:
            scope -= flows.tree.below(inner)
        index = index_of_days(flows.parts.day, self.cuts)
        chosen = (index == at) & np.isin(flows.category, sorted(scope))
        booked = self.counting.sums(np.zeros(len(index), dtype=np.int64), 1, of=chosen)[0]
        scheduled = total(self._values([one for one in coming if one.category in scope]))
        filled = total((booked, scheduled))
        planned = self.converter.minor(round(plan.minor), plan.currency, self.today)
        if filled is None or planned is None:
            return None
        return max(0, planned - sign * filled)


def _plans(budgets: Sequence[BudgetRow], tree: Tree, month: Interval) -> list[_Plan]:
    """What budgets plan for a month, by the share of each period's days that lie in it.

    A category that one budget plans for, alone or within another, is left to it.
    """
    taken: set[int] = set()
    found = []
    for budget in budgets:
        share = _share(budget, month)
        if not share:
            continue
        places = {tree.places[item.category_id]: item for item in budget.items}
        free = {
            place: item
            for place, item in places.items()
            if not taken.intersection(tree.path(place)) and not taken & tree.below(place)
        }
        for place, item in free.items():
            nested = frozenset(one for one in places if one != place and place in tree.path(one))
            found.append(_Plan(place, item.amount_minor * share, budget.currency, nested))
        taken |= set(free)
    return found


def _share(budget: BudgetRow, month: Interval) -> Fraction:
    """How many periods of a budget a month holds, parts of periods by their days."""
    cycle = cycle_of(budget)
    day, share = max(month.first, cycle.start), Fraction(0)
    last = month.last if cycle.end is None else min(month.last, cycle.end)
    while day <= last:
        period = cycle.containing(day)
        inside = min(period.last, last)
        share += Fraction((inside - day).days + 1, (period.last - period.first).days + 1)
        day = inside + _DAY
    return share


async def _budgets(tx: Tx, ledger_id: UUID) -> list[BudgetRow]:
    rows = await tx.rows(
        select(B.c.id).where(B.c.ledger_id == ledger_id).order_by(B.c.name.collate("C"), B.c.id)
    )
    found = await budgets_by_id(tx, [(ledger_id, row.id) for row in rows])
    return [one for one in found if one is not None]


async def _coming(tx: Tx, ledger_id: UUID, tree: Tree, span: Span) -> list[_Coming]:
    """Dates of templates from today on that have no transaction yet."""
    living = select(_A.c.id).where(_A.c.ledger_id == ledger_id, _A.c.deleted_at.is_(None))
    rows = await tx.rows(
        select(M).where(M.c.ledger_id == ledger_id, M.c.account_id.in_(living)).order_by(M.c.id)
    )
    templates = await open_templates(tx, rows)
    if not templates:
        return []
    done = await done_dates(tx, [(ledger_id, one.id) for one in templates])
    return [
        _Coming(day, one.amount_minor, one.currency, place, income)
        for one in templates
        for place, income in [_side(one, tree)]
        for day in occurrences(one, _open_from(one, span.first), span.last)
        if day not in done[ledger_id, one.id]
    ]


def _open_from(template: TemplateRow, first: date) -> date:
    """The first day for which a template may still book: its days up to then are settled."""
    settled = template.settled_until
    return first if settled is None else max(first, settled + _DAY)


def _side(template: TemplateRow, tree: Tree) -> tuple[int, bool]:
    if template.category_id is None:
        return NONE, template.amount_minor > 0
    place = tree.places[template.category_id]
    return place, tree.income[place]
