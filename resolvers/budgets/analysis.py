"""How reality compares with a budget, computed from the transactions each time it is asked for.

Nothing is stored, so a row that is entered late, changed or deleted is right everywhere at once,
and a period in which nothing happened breaks no chain of what is carried over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, and_, select

from models.base import table
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import Category
from models.database import Transaction as Tx
from models.transactions import Split, Transaction
from resolvers.errors import invalid
from resolvers.inputs import LAST_DAY
from resolvers.money import checked_sum, percent
from resolvers.periods import Cycle, Period, PeriodKind

_C: Final = table(Category)
_T: Final = table(Transaction)
_S: Final = table(Split)
_LINKED: Final = _T.alias("linked")


@dataclass(frozen=True, slots=True, order=True)
class MissingRate:
    """A rate that a sum would need and nobody has published."""

    from_: str
    to: str
    date: date


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


@dataclass(frozen=True, slots=True)
class _Part:
    """A transaction, or a part of a split one: what counts for one category."""

    day: date
    currency: str
    minor: int
    category_id: UUID | None
    spent: bool = False
    """Without a category: whether it is spending by its sign, a refund by what it refunds."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """The categories of a ledger: what lies above each, and its kind."""

    above: Mapping[UUID, UUID | None]
    kinds: Mapping[UUID, str]

    def nearest(self, category_id: UUID | None, wanted: Mapping[UUID, Any]) -> UUID | None:
        """The category itself or the next one above it that is among the wanted."""
        while category_id is not None and category_id not in wanted:
            category_id = self.above.get(category_id)
        return category_id


@dataclass(slots=True)
class Tally:
    """What came together for an item, by number of the period."""

    sums: dict[int, int] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    """Periods with a row in a currency that cannot be converted."""

    def add(self, index: int, minor: int | None) -> None:
        """Count one part; None is one that cannot be converted."""
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

    Two statements for each ledger, however many budgets: categories, and the rows of the widest
    range that any of them needs.
    """
    found: dict[tuple[BudgetRow, date], Analysis] = {}
    for ledger_id in {budget.ledger_id for budget, _ in keys}:
        mine = [key for key in keys if key[0].ledger_id == ledger_id]
        spans = [_span(budget, day) for budget, day in mine]
        tree = await _tree(tx, ledger_id)
        parts = await _parts(tx, ledger_id, min(s[0] for s in spans), max(s[1] for s in spans))
        for key in mine:
            found[key] = _analyse(*key, parts, tree)
    return [found[key] for key in keys]


def _span(budget: BudgetRow, day: date) -> tuple[date, date]:
    """First and last day of the rows that an analysis reads."""
    period = cycle_of(budget).containing(day)
    carries = any(item.carry != "NONE" for item in budget.items)
    return budget.start_date if carries else period.first, period.last


async def _tree(tx: Tx, ledger_id: UUID) -> _Tree:
    rows = await tx.rows(
        select(_C.c.id, _C.c.parent_id, _C.c.kind).where(_C.c.ledger_id == ledger_id)
    )
    return _Tree({row.id: row.parent_id for row in rows}, {row.id: row.kind for row in rows})


async def _parts(tx: Tx, ledger_id: UUID, first: date, last: date) -> list[_Part]:
    """Living rows of a range without transfers, split ones as their parts, opened once."""
    source = _T.outerjoin(
        _S, and_(_S.c.ledger_id == _T.c.ledger_id, _S.c.transaction_id == _T.c.id)
    ).outerjoin(
        _LINKED, and_(_LINKED.c.ledger_id == _T.c.ledger_id, _LINKED.c.id == _T.c.refund_of)
    )
    rows = await tx.rows(
        select(
            _T.c.id,
            _T.c.date,
            _T.c.currency,
            _T.c.amount,
            _T.c.category_id,
            _LINKED.c.id.label("linked_id"),
            _LINKED.c.amount.label("linked_amount"),
            _LINKED.c.category_id.label("refunded"),
            _S.c.id.label("part_id"),
            _S.c.amount.label("part_amount"),
            _S.c.category_id.label("part_category"),
        )
        .select_from(source)
        .where(
            _T.c.ledger_id == ledger_id,
            _T.c.deleted_at.is_(None),
            _T.c.transfer_id.is_(None),
            _T.c.date.between(first, last),
        )
    )
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)

    def part(row: Row[Any]) -> _Part:
        if row.part_id is not None:
            minor = ring.unseal_minor("splits.amount", row.part_id, row.part_amount)
            return _Part(row.date, row.currency, minor, row.part_category)
        minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
        # A refund nets the category of what it refunds, on its own date.
        category_id, spent = row.refunded or row.category_id, minor < 0
        if row.linked_id is not None and category_id is None:
            linked = ring.unseal_minor("transactions.amount", row.linked_id, row.linked_amount)
            spent = linked <= 0
        return _Part(row.date, row.currency, minor, category_id, spent)

    return [part(row) for row in rows]


def _analyse(budget: BudgetRow, day: date, parts: Iterable[_Part], tree: _Tree) -> Analysis:
    """One budget over the opened rows, which may reach beyond what it needs."""
    cycle = cycle_of(budget)
    period = cycle.containing(day)
    items = {item.category_id: item for item in budget.items}
    tallies = {item.id: Tally() for item in budget.items}
    unbudgeted = Tally()
    missing: set[MissingRate] = set()
    # Rows are many, days and categories few.
    index_of = cache(cycle.index_of)
    nearest = cache(lambda category_id: tree.nearest(category_id, items))
    for part in parts:
        if not budget.start_date <= part.day <= period.last:
            continue
        index = index_of(part.day)
        place = nearest(part.category_id)
        now = index == period.index
        if place is not None and (now or items[place].carry != "NONE"):
            tally, sign = tallies[items[place].id], _sign(tree.kinds[place])
        elif place is None and now and _spent(part, tree):
            tally, sign = unbudgeted, -1
        else:
            continue
        # Zero is zero in every currency: it needs no rate.
        if part.currency == budget.currency or not part.minor:
            tally.add(index, sign * part.minor)
        else:
            tally.add(index, None)
            missing.add(MissingRate(part.currency, budget.currency, part.day))
    analysed = tuple(_item(item, tallies[item.id], period) for item in budget.items)
    expenses = [one.figures for one in analysed if _sign(tree.kinds[one.item.category_id]) < 0]
    return Analysis(
        budget_id=budget.id,
        currency=budget.currency,
        from_=period.first,
        to=period.last,
        figures=_total(budget.currency, expenses),
        items=analysed,
        unbudgeted_minor=unbudgeted.actual(period.index),
        missing_rates=tuple(sorted(missing)),
    )


def _sign(kind: str) -> int:
    """Spending and income are both positive in a report; refunds and returns net them."""
    return -1 if kind == "EXPENSE" else 1


def _spent(part: _Part, tree: _Tree) -> bool:
    """Whether a part that no item covers is spending: by its category, if it has one."""
    if part.category_id is None:
        return part.spent
    return tree.kinds[part.category_id] == "EXPENSE"


def _item(item: BudgetItemRow, tally: Tally, period: Period) -> ItemAnalysis:
    figures = Figures(
        currency=item.currency,
        budgeted_minor=item.amount_minor,
        carried_minor=tally.carried(item, period.index),
        actual_minor=tally.actual(period.index),
    )
    return ItemAnalysis(item, figures)


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
