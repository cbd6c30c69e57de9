"""Net worth: what all accounts held at the ends of intervals, in one currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select

from models.accounts import Account
from models.base import table
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.analytics.figures import Head, total
from resolvers.analytics.intervals import ends_of_month, intervals
from resolvers.analytics.request import ReportRequest, account_of
from resolvers.groups.shares import receivables
from resolvers.money import checked_sum
from resolvers.paging import Page, PageRequest, slice_page
from resolvers.rates import Converter, Rate, rate_book
from resolvers.segments import Months, Parts, read_parts, read_totals
from resolvers.segments.parts import sums_by

_A: Final = table(Account)
_ALWAYS: Final = date.min


@dataclass(frozen=True, slots=True)
class Holding:
    """One account in a point: its balance, and what of it is in the sum."""

    ledger_id: UUID
    account_id: UUID
    date: date
    balance_minor: int
    currency: str
    counted_minor: int | None
    counted_currency: str
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class WorthPoint:
    """All accounts at the end of one day, in minor units; None where a rate is missing."""

    date: date
    currency: str
    assets_minor: int | None
    liabilities_minor: int | None
    """What is owed, positive: the balances below zero, on whatever kind of account."""
    holdings: tuple[Holding, ...]
    """Accounts that hold or owe anything; their counted balances sum to the net worth."""

    @property
    def net_minor(self) -> int | None:
        """Assets less liabilities."""
        if self.assets_minor is None or self.liabilities_minor is None:
            return None
        return checked_sum((self.assets_minor, -self.liabilities_minor))

    def page(self, request: PageRequest) -> Page[Holding]:
        """A page of the accounts in the order in which they were opened."""
        return slice_page(
            self.holdings, lambda one: (one.account_id,), descending=False, request=request
        )


@dataclass(frozen=True, slots=True)
class NetWorth:
    """Net worth at the ends of the intervals of a span, the oldest first."""

    head: Head
    points: tuple[WorthPoint, ...]
    receivable_minor: int | None
    """What groups owe the person at the end of the span, less what she owes there."""


async def net_worth(tx: Tx, actor: Actor, request: ReportRequest) -> NetWorth:
    """Balances of all accounts, archived ones too, at the end of each interval of a span.

    Each is converted at the rate of the point's day.  Raises VALIDATION_ERROR for an unknown
    account and for an impossible or endless span.
    """
    span = request.span(actor, until_today=True)
    days = [one.last for one in intervals(span, request.interval)]
    one_account = await account_of(tx, actor, request)
    book = None if one_account is None else one_account.id
    balances, currencies = await balances_at_ends(tx, actor.ledger_id, days, book)
    owed = {} if book is not None else await receivables(tx, actor.ledger_id, span.last)
    currency = request.currency_for(actor)
    known = {*currencies.values(), currency, *owed}
    converter = Converter(await rate_book(tx, actor.ledger_id, known), currency)
    points = tuple(
        _point(actor.ledger_id, day, balances[at], currencies, converter)
        for at, day in enumerate(days)
    )
    receivable = total(converter.minor(minor, code, span.last) for code, minor in owed.items())
    head = Head(currency, span.first, span.last, converter.told_missing(), converter.told_stale())
    return NetWorth(head, points, receivable)


def _point(
    ledger_id: UUID,
    day: date,
    balances: Mapping[UUID, int],
    currencies: Mapping[UUID, str],
    converter: Converter,
) -> WorthPoint:
    holdings = tuple(
        Holding(
            ledger_id=ledger_id,
            account_id=account_id,
            date=day,
            balance_minor=minor,
            currency=currencies[account_id],
            counted_minor=converter.minor(minor, currencies[account_id], day),
            counted_currency=converter.to,
            rate=converter.rate(currencies[account_id], day),
        )
        for account_id, minor in sorted(balances.items())
        if minor
    )
    assets = total(one.counted_minor for one in holdings if one.balance_minor > 0)
    owed = total(one.counted_minor for one in holdings if one.balance_minor < 0)
    return WorthPoint(day, converter.to, assets, None if owed is None else -owed, holdings)


async def balances_at_ends(
    tx: Tx, ledger_id: UUID, days: Sequence[date], book: UUID | None = None
) -> tuple[list[dict[UUID, int]], dict[UUID, str]]:
    """Balances by account at the ends of days (in order), and the currencies of the accounts.

    Whole months enter by their sums; only months in which a day ends are opened.
    """
    where = [_A.c.ledger_id == ledger_id, _A.c.deleted_at.is_(None)]
    if book is not None:
        where.append(_A.c.id == book)
    accounts = await tx.rows(
        select(_A.c.id, _A.c.currency, _A.c.opening, _A.c.opening_date).where(*where)
    )
    totals = await read_totals(tx, ledger_id, days[-1], book=book)
    cut = {day.replace(day=1) for day in days if day != ends_of_month(day)[1]}
    parts = None
    if cut:
        months = Months(days[0], days[-1], tuple(sorted(cut)))
        parts = await read_parts(tx, ledger_id, months, book=book)
    ring = tx.ring(ledger_id)
    events: dict[UUID, list[tuple[date, int]]] = {}
    for row in accounts:
        opening = ring.unseal_minor("accounts.opening", row.id, row.opening)
        events[row.id] = [(row.opening_date or _ALWAYS, opening)]
    for (account_id, month, _), minor in totals.items():
        if account_id in events and month not in cut:
            events[account_id].append((ends_of_month(month)[1], minor))
    for account_id, day, minor in _daily(parts):
        if account_id in events:
            events[account_id].append((day, minor))
    found: list[dict[UUID, int]] = [{} for _ in days]
    for account_id, mine in events.items():
        for at, minor in enumerate(_running(sorted(mine), days)):
            found[at][account_id] = minor
    return found, {row.id: row.currency for row in accounts}


def _daily(parts: Parts | None) -> list[tuple[UUID, date, int]]:
    """Sums of parts by account and day."""
    if parts is None or not len(parts):
        return []
    first = int(parts.day.min())
    width = int(parts.day.max()) - first + 1
    sums = sums_by(parts.book * width + parts.day - first, parts.minor, len(parts.books) * width)
    return [
        (parts.books[at // width], date.fromordinal(first + at % width), minor)
        for at, minor in enumerate(sums)
        if minor
    ]


def _running(events: Sequence[tuple[date, int]], days: Sequence[date]) -> list[int]:
    """What has come together by the end of each day."""
    found, so_far, at = [], 0, 0
    for day in days:
        while at < len(events) and events[at][0] <= day:
            so_far += events[at][1]
            at += 1
        found.append(checked_sum((so_far,)))
    return found
