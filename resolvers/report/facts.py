"""What a report tells, in minor units and days: every figure as the reports of the API give it."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

Paper = Literal["A4", "LETTER"]


@dataclass(frozen=True, slots=True)
class WorthPoint:
    """Net worth at the end of a day; None where a rate is missing."""

    day: date
    minor: int | None


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """What was spent on one category with all below it; level 1 lies in the one above it."""

    name: str | None
    minor: int | None
    percent: Decimal | None
    level: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """One month's sums; ``first`` is its first day."""

    first: date
    income: int | None
    expenses: int | None
    net: int | None
    savings_rate: Decimal | None
    count: int


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """Plan and reality of one category."""

    name: str
    planned: int | None
    actual: int | None
    remaining: int | None
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """A budget in the period that holds the report's last day."""

    name: str
    currency: str
    first: date
    last: date
    total: BudgetLine
    items: tuple[BudgetLine, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account and what it held on the last day, in its own currency."""

    name: str
    type: str
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction."""

    day: date
    text: str
    who: str | None
    category: str | None
    account: str
    minor: int
    currency: str
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a report shows."""

    owner: str
    locale: str
    currency: str
    first: date
    last: date
    made: date
    income: int | None
    expenses: int | None
    net: int | None
    savings_rate: Decimal | None
    count: int
    worth: tuple[WorthPoint, ...] = ()
    categories: tuple[CategoryShare, ...] = ()
    spent: int | None = 0
    months: tuple[Month, ...] = ()
    budgets: tuple[BudgetFacts, ...] = ()
    accounts: tuple[AccountLine, ...] = ()
    entries: tuple[Entry, ...] = ()
    more_entries: int = 0
    """Transactions beyond those shown."""
    receivable: int | None = 0
    """What groups owe the person, less what she owes them."""
    missing: tuple[str, ...] = ()
    """Pairs of currencies without a rate on some day."""
    stale: tuple[str, ...] = ()
    """Pairs whose last published rate is older than the day it is used for."""
    conditions: tuple[str, ...] = field(default=())
    """What the list of transactions leaves out, in words."""
