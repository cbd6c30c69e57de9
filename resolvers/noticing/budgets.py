"""Budgets that pass a threshold: seen from what is marked as past already.

A mark stands for a threshold that a budget, or an item of it, is past in one period.  A write of
money that finds one more past tells the highest and marks it; one that falls back takes the mark
and an unread notification away, so that passing it again is told again.  A write of the plan
itself only brings the marks up to date: who plans sees what she does.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import delete, insert, select, tuple_, update

from models import ids
from models.base import among, table
from models.budgets import BudgetItemRow, BudgetRow
from models.changes import Change, content_place
from models.ledgers import Ledger
from models.notifications import BudgetMark
from resolvers.budgets import analyses_of, budgets_by_id
from resolvers.budgets.analysis import Analysis, Figures, cycle_of
from resolvers.budgets.rows import B
from resolvers.categories import categories_by_id
from resolvers.ledgers import LedgerWrite
from resolvers.notifications.words import budget_passed, day, money
from resolvers.notifications.writes import add_notification, withdraw_unread

MONEY: Final = frozenset({"transaction", "share"})
"""Kinds of objects that budgets are compared with."""
TOLD_AT_ONCE: Final = 20
"""A statement of many years tells of its newest periods; of the others the marks are kept."""
PERIODS_MARKED: Final = 120
_PAGE: Final = 1_000
_K: Final = table(BudgetMark)
_CH: Final = table(Change)
_L: Final = table(Ledger)


@dataclass(frozen=True, slots=True)
class _Subject:
    """An item, or the sum of several, in one period."""

    budget: BudgetRow
    item: BudgetItemRow | None
    name: str
    index: int
    first: date
    last: date
    figures: Figures

    @property
    def id(self) -> UUID:
        """The item's id, or the budget's."""
        return self.budget.id if self.item is None else self.item.id

    def past(self, percent: int) -> bool | None:
        """Whether so much is used; None where a rate is missing."""
        figures = self.figures
        if figures.actual_minor is None or figures.carried_minor is None:
            return None
        plan = figures.budgeted_minor + figures.carried_minor
        # Not by the rounded percent: 99.96 of 100 is not used up.
        return figures.actual_minor > 0 and 100 * figures.actual_minor >= percent * plan


async def tell_of_money(write: LedgerWrite) -> None:
    """Look at every budget of the periods in which money was written since the last look."""
    mine = _L.c.id == write.ledger_id
    seen = int(await write.tx.scalar(select(_L.c.noticed_version).where(mine)))
    days = await _days_since(write, seen)
    if days:
        found = await write.tx.rows(select(B.c.id).where(B.c.ledger_id == write.ledger_id))
        budgets = await _budgets(write, [row.id for row in found])
        wanted = {budget: _days_of(budget, days, write.today) for budget in budgets}
        await _compare(write, wanted, aloud=True)
    await write.tx.run(update(_L).where(mine).values(noticed_version=write.version - 1))


async def mark_plans(write: LedgerWrite, budget_ids: Collection[UUID]) -> None:
    """Bring the marks of changed plans up to date without a word."""
    budgets = await _budgets(write, budget_ids)
    if not budgets:
        return
    others = select(B.c.id).where(B.c.ledger_id == write.ledger_id, B.c.id.not_in(list(budget_ids)))
    if await write.tx.first(others.limit(1)) is None:
        # Nobody has looked until now, and nothing before this plan is of interest.
        mine = _L.c.id == write.ledger_id
        await write.tx.run(update(_L).where(mine).values(noticed_version=write.version))
    marked = await write.tx.rows(
        select(_K.c.budget_id, _K.c.period)
        .where(_K.c.ledger_id == write.ledger_id, among(_K.c.budget_id, budget_ids))
        .distinct()
    )
    wanted: dict[BudgetRow, set[date]] = {}
    for budget in budgets:
        cycle = cycle_of(budget)
        days = wanted.setdefault(budget, set())
        newest = cycle.index_of(cycle.nearest(write.today))
        for index in range(max(0, newest - PERIODS_MARKED + 1), newest + 1):
            days.add(cycle.at(index).first)
        days |= {
            cycle.at(row.period).first
            for row in marked
            if row.budget_id == budget.id and cycle.holds(cycle.at(row.period).first)
        }
    await _compare(write, wanted, aloud=False)


async def _budgets(write: LedgerWrite, wanted: Collection[UUID]) -> list[BudgetRow]:
    found = await budgets_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
    return [budget for budget in found if budget is not None and budget.alert_percents]


async def _days_since(write: LedgerWrite, seen: int) -> set[date]:
    """Days of the money that was written, as it was before and as it is after."""
    days: set[date] = set()
    place = (seen, 2**31 - 1)
    while True:
        found = await write.tx.rows(
            select(_CH.c.version, _CH.c.seq, _CH.c.entity_id, _CH.c.content)
            .where(
                _CH.c.ledger_id == write.ledger_id,
                tuple_(_CH.c.version, _CH.c.seq) > tuple_(*place),
                among(_CH.c.entity, MONEY),
            )
            .order_by(_CH.c.version, _CH.c.seq)
            .limit(_PAGE)
        )
        for row in found:
            place = (row.version, row.seq)
            opened = write.ring.unseal(content_place(*place), row.entity_id, row.content)
            said = from_json(opened)
            for image in (said.get("before"), said.get("after")):
                if image is not None:
                    days.add(date.fromisoformat(image["date"]))
        if len(found) < _PAGE:
            return days


def _days_of(budget: BudgetRow, days: Iterable[date], today: date) -> set[date]:
    """One day for each period that is concerned; what is carried over moves the present one too."""
    cycle = cycle_of(budget)
    wanted = {day for day in days if cycle.holds(day)}
    if wanted and any(item.carry != "NONE" for item in budget.items) and cycle.holds(today):
        wanted.add(today)
    return {cycle.containing(day).first for day in wanted}


async def _compare(
    write: LedgerWrite, wanted: Mapping[BudgetRow, Collection[date]], *, aloud: bool
) -> None:
    keys = [(budget, first) for budget, days in wanted.items() for first in days]
    if not keys:
        return
    analyses = await analyses_of(write.tx, keys)
    names = await _names(write, {budget for budget, _ in keys})
    subjects = [
        subject
        for (budget, first), analysis in zip(keys, analyses, strict=True)
        for subject in _subjects(budget, first, analysis, names)
    ]
    marks: dict[tuple[UUID, int], dict[int, UUID | None]] = {}
    for row in await write.tx.rows(
        select(_K).where(
            _K.c.ledger_id == write.ledger_id,
            among(_K.c.budget_id, {budget.id for budget, _ in keys}),
        )
    ):
        marks.setdefault((row.subject_id, row.period), {})[row.percent] = row.notification_id
    held = [(one, marks.get((one.id, one.index), {})) for one in subjects]
    held.sort(key=lambda pair: pair[0].first)
    news = [subject for subject, known in held if _new(subject, known)]
    # The newest are told, the oldest of them first, so that lists begin with the newest.
    told = news[-TOLD_AT_ONCE:] if aloud else []
    for subject, known in held:
        await _settle(write, subject, known, aloud=subject in told)


def _new(subject: _Subject, held: Mapping[int, UUID | None]) -> list[int]:
    """Thresholds that are past and not marked yet, rising."""
    return sorted(
        one for one in set(subject.budget.alert_percents) if one not in held and subject.past(one)
    )


async def _names(write: LedgerWrite, budgets: Collection[BudgetRow]) -> dict[UUID, str]:
    """Names of the categories of spending; what is earned has no threshold to fear."""
    wanted = {item.category_id for budget in budgets for item in budget.items}
    found = await categories_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
    return {one.id: one.name for one in found if one is not None and one.kind == "EXPENSE"}


def _subjects(
    budget: BudgetRow, first: date, analysis: Analysis, names: Mapping[UUID, str]
) -> list[_Subject]:
    """The items of spending, and their sum where it says more than the only one of them."""
    index = cycle_of(budget).index_of(first)
    place = (index, analysis.from_, analysis.to)
    found = [
        _Subject(budget, one.item, names[one.item.category_id], *place, one.figures)
        for one in analysis.items
        if one.item.category_id in names
    ]
    if len(found) > 1:
        found.append(_Subject(budget, None, budget.name, *place, analysis.figures))
    return found


async def _settle(
    write: LedgerWrite, subject: _Subject, held: Mapping[int, UUID | None], *, aloud: bool
) -> None:
    """Mark what is past and forget what is not any more."""
    percents = set(subject.budget.alert_percents)
    gone = [one for one in held if one not in percents or subject.past(one) is False]
    new = _new(subject, held)
    mine = (_K.c.ledger_id == write.ledger_id, _K.c.subject_id == subject.id)
    if gone:
        period = _K.c.period == subject.index
        await write.tx.run(delete(_K).where(*mine, period, _K.c.percent.in_(gone)))
    for one in gone:
        told = held[one]
        if told is not None:
            await withdraw_unread(write, told)
    if not new:
        return
    told = await _tell(write, subject, new[-1]) if aloud else None
    await write.tx.run(
        insert(_K),
        [
            {
                "ledger_id": write.ledger_id,
                "subject_id": subject.id,
                "period": subject.index,
                "percent": one,
                "budget_id": subject.budget.id,
                "notification_id": told,
            }
            for one in new
        ],
    )


async def _tell(write: LedgerWrite, subject: _Subject, percent: int) -> UUID | None:
    budget, figures, locale = subject.budget, subject.figures, write.actor.locale
    plan = figures.budgeted_minor + (figures.carried_minor or 0)
    span = f"{day(subject.first, locale)} to {day(subject.last, locale)}"
    used = money(figures.actual_minor or 0, budget.currency, locale)
    words = budget_passed(
        subject.name, budget.name, percent, used, money(plan, budget.currency, locale), span
    )
    item = subject.item
    row = await add_notification(
        write,
        "BUDGET_EXCEEDED" if percent >= 100 else "BUDGET_THRESHOLD",
        words,
        {
            "budgetId": ids.encode("bdgt", budget.id),
            "itemId": None if item is None else ids.encode("item", item.id),
            "categoryId": None if item is None else ids.encode("cat", item.category_id),
            "percent": percent,
            "from": subject.first.isoformat(),
            "to": subject.last.isoformat(),
        },
    )
    return None if row is None else row.id
