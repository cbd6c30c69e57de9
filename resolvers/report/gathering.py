"""Gathering what a report tells: the figures of the API's own reports, and the newest rows."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from models.database import Transaction as Tx
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import list_accounts
from resolvers.analytics import (
    BudgetPerformance,
    CategoryBreakdown,
    MonthlySummary,
    NetWorth,
    ReportRequest,
    budget_performance,
    category_breakdown,
    monthly_summary,
    net_worth,
)
from resolvers.analytics import CategoryShare as Share
from resolvers.budgets import Analysis, budgets_by_id
from resolvers.categories import list_categories
from resolvers.errors import invalid
from resolvers.money import checked_sum, percent
from resolvers.paging import PageRequest
from resolvers.report.facts import (
    AccountLine,
    BudgetFacts,
    BudgetLine,
    CategoryShare,
    Entry,
    Facts,
    Month,
    WorthPoint,
)
from resolvers.transactions import TransactionFilter, count_transactions, walk_transactions
from resolvers.transactions.rows import T
from resolvers.users import get_user

MOST_ENTRIES: Final = 2_000
_MOST_NAMES: Final = 5_000
_MOST_PAIRS: Final = 8
_LONGEST: Final = timedelta(days=36_525)
_DAYS: Final = (("DAY", 45), ("WEEK", 400), ("MONTH", 3_700), ("QUARTER", 11_000))
"""The longest span of days that is drawn day by day, week by week, and so on."""
_SKIPPED_FROM: Final = 24
"""From so many months on, those in which nothing happened are left out."""


async def gather(tx: Tx, actor: Actor, wanted: TransactionFilter) -> Facts:
    """The facts of a report over the filter's days (all of them by default), in one moment.

    Figures follow the days and the account of the filter, as the API's reports do; the list of
    transactions follows all of it.
    """
    user = await get_user(tx, actor.user_id)
    first, last = await _span(tx, actor, wanted)
    interval: Any = next((name for name, days in _DAYS if (last - first).days <= days), "YEAR")
    request = ReportRequest(first, last, wanted.account_id, interval=interval)
    worth = await net_worth(tx, actor, request)
    months = await monthly_summary(tx, actor, request)
    spent = await category_breakdown(tx, actor, request)
    earned = await category_breakdown(
        tx, actor, ReportRequest(first, last, wanted.account_id, kind="INCOME")
    )
    budgets = await budget_performance(tx, actor, ReportRequest(last, last, wanted.account_id))
    names = await _names(tx, actor)
    within = wanted.model_copy(update={"from_": first, "to": last})
    entries, more = await _entries(tx, actor, within, names)
    income, expenses = earned.total.minor, spent.total.minor
    net = None if income is None or expenses is None else checked_sum((income, -expenses))
    return Facts(
        owner=user.name,
        locale=user.locale,
        currency=worth.head.currency,
        first=first,
        last=last,
        made=actor.today,
        income=income,
        expenses=expenses,
        net=net,
        savings_rate=None if income is None or net is None else percent(net, income),
        count=sum(one.transaction_count for one in months.months),
        worth=tuple(WorthPoint(one.date, one.net_minor) for one in worth.points),
        categories=tuple(_shares(spent.categories)),
        spent=expenses,
        months=tuple(_months(months)),
        budgets=tuple(await _budgets(tx, actor, budgets, names)),
        accounts=tuple(await _accounts(tx, actor, worth, wanted.account_id)),
        entries=tuple(entries),
        more_entries=more,
        receivable=worth.receivable_minor,
        missing=_pairs(worth, months, spent, budgets, kind="missing_rates"),
        stale=_pairs(worth, months, spent, budgets, kind="stale_rates"),
        conditions=tuple(_conditions(wanted, names)),
    )


async def _span(tx: Tx, actor: Actor, wanted: TransactionFilter) -> tuple[date, date]:
    """The days of a report: from the first transaction to today, where nothing else is said."""
    last = wanted.to or actor.today
    first = wanted.from_
    if first is None:
        oldest = await tx.scalar(
            select(func.min(T.c.date)).where(
                T.c.ledger_id == actor.ledger_id, T.c.deleted_at.is_(None)
            )
        )
        first = min(oldest or date(last.year, 1, 1), last)
        first = max(first, last - min(_LONGEST, last - date(1900, 1, 1)))
    if last - first > _LONGEST:
        raise invalid("from", "A report reaches over at most a hundred years.")
    if first > last:
        raise invalid("to", "The last day is before the first one.")
    return first, last


class _Names:
    """What ids are called."""

    def __init__(self, accounts: dict[UUID, str], categories: dict[UUID, str]) -> None:
        self.accounts = accounts
        self.categories = categories


async def _names(tx: Tx, actor: Actor) -> _Names:
    accounts = await list_accounts(tx, actor, PageRequest(_MOST_NAMES))
    categories = await list_categories(tx, actor.ledger_id, PageRequest(_MOST_NAMES))
    return _Names(
        {one.id: one.name for one in accounts.items},
        {one.id: one.name for one in categories.items},
    )


def _shares(found: Sequence[Share], level: int = 0) -> Iterable[CategoryShare]:
    """Categories with what lies below them, two levels deep."""
    for one in found:
        name = None if one.category_id is None else one.name
        yield CategoryShare(name, one.amount.minor, one.percent, level)
        if level == 0:
            yield from _shares(one.children, 1)


def _months(found: MonthlySummary) -> Iterable[Month]:
    sparse = len(found.months) > _SKIPPED_FROM
    for one in found.months:
        if one.transaction_count or not sparse:
            yield Month(
                first=date.fromisoformat(f"{one.month}-01"),
                income=one.income.minor,
                expenses=one.expenses.minor,
                net=one.net.minor,
                savings_rate=one.savings_rate,
                count=one.transaction_count,
            )


async def _budgets(
    tx: Tx, actor: Actor, found: BudgetPerformance, names: _Names
) -> list[BudgetFacts]:
    keys = [(actor.ledger_id, one.budget_id) for one in found.budgets]
    rows = await budgets_by_id(tx, keys)
    return [
        _budget(row.name, one, names)
        for row, one in zip(rows, found.budgets, strict=True)
        if row is not None
    ]


def _budget(name: str, one: Analysis, names: _Names) -> BudgetFacts:
    items = tuple(
        _line(names.categories.get(item.item.category_id, ""), item.figures) for item in one.items
    )
    return BudgetFacts(name, one.currency, one.from_, one.to, _line(name, one.figures), items)


def _line(name: str, figures: Any) -> BudgetLine:
    carried = figures.carried_minor
    return BudgetLine(
        name=name,
        planned=None if carried is None else checked_sum((figures.budgeted_minor, carried)),
        actual=figures.actual_minor,
        remaining=figures.remaining_minor,
        percent=figures.percent_used,
    )


async def _accounts(tx: Tx, actor: Actor, worth: NetWorth, only: UUID | None) -> list[AccountLine]:
    """Accounts with what they held on the last day; archived ones only if they held anything."""
    held = {one.account_id: one.balance_minor for one in worth.points[-1].holdings}
    rows = await list_accounts(tx, actor, PageRequest(_MOST_NAMES))
    return [
        AccountLine(one.name, one.type, one.currency, held.get(one.id, 0))
        for one in rows.items
        if (only is None or one.id == only) and (one.id in held or not one.archived)
    ]


async def _entries(
    tx: Tx, actor: Actor, wanted: TransactionFilter, names: _Names
) -> tuple[list[Entry], int]:
    """The newest transactions of a filter, and how many more there are."""
    rows: list[TransactionRow] = []
    async for page in walk_transactions(tx, actor, wanted, descending=True):
        rows += page
        if len(rows) >= MOST_ENTRIES:
            break
    rows = rows[:MOST_ENTRIES]
    more = 0
    if len(rows) == MOST_ENTRIES:
        more = await count_transactions(tx, actor, wanted) - MOST_ENTRIES
    return [_entry(row, names) for row in rows], more


def _entry(row: TransactionRow, names: _Names) -> Entry:
    used = [row.category_id, *(part.category_id for part in row.splits)]
    told = dict.fromkeys(names.categories[one] for one in used if one in names.categories)
    return Entry(
        day=row.date,
        text=row.description,
        who=row.payee if row.payee != row.description else None,
        category=", ".join(told) or None,
        account=names.accounts.get(row.account_id, ""),
        minor=row.amount_minor,
        currency=row.currency,
        transfer=row.transfer_id is not None,
    )


def _pairs(
    *found: NetWorth | MonthlySummary | CategoryBreakdown | BudgetPerformance, kind: str
) -> tuple[str, ...]:
    """Pairs of currencies whose rates were missing or old, each once."""
    told = sorted(
        {f"{rate.from_} → {rate.to}" for one in found for rate in getattr(one.head, kind)}
    )
    return (*told[:_MOST_PAIRS], "…") if len(told) > _MOST_PAIRS else tuple(told)


def _conditions(wanted: TransactionFilter, names: _Names) -> Iterable[str]:
    """What narrows the list of transactions beyond its days, as it was asked."""
    if wanted.account_id is not None:
        yield names.accounts.get(wanted.account_id, "–")
    if wanted.category_id is not None:
        yield names.categories.get(wanted.category_id, "–")
    if wanted.kind is not None:
        yield wanted.kind
    if wanted.status is not None:
        yield wanted.status
    if wanted.min_amount is not None:
        yield f"≥ {wanted.min_amount}"
    if wanted.max_amount is not None:
        yield f"≤ {wanted.max_amount}"
    if wanted.search:
        yield f"“{wanted.search}”"
    if wanted.tag is not None:
        yield f"#{wanted.tag}"
