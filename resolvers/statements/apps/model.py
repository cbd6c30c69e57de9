"""What other apps export: movements of several accounts that the file itself names."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from resolvers.statements.model import Question

Path = tuple[str, ...]
"""A category with what it lies below, from the top: ``("Housing", "Rent")``."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split movement."""

    category: Path
    amount: Decimal
    notes: str | None = None


@dataclass(slots=True)
class Movement:
    """One movement of money on one account, signed from its holder's view.

    ``currency`` is None where the app does not say it; ``transfer`` names the account of the other
    side, and ``pair`` is that side's place among all movements once it was found.
    """

    line: int
    account: str
    day: date
    amount: Decimal
    description: str
    currency: str | None = None
    payee: str | None = None
    notes: str | None = None
    category: Path = ()
    tags: Sequence[str] = ()
    status: str = "POSTED"
    external_id: str | None = None
    transfer: str | None = None
    parts: Sequence[Part] = ()
    pair: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """An account as the app tells it."""

    name: str
    type: str | None = None
    currency: str | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned for a category in the newest month."""

    month: date
    category: Path
    amount: Decimal


@dataclass(slots=True)
class Export:
    """A whole export: its movements in file order, and what the app says beside them."""

    app: str
    movements: list[Movement]
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    income: set[Path] = field(default_factory=set)
    """Categories that the app calls income."""
    plans: list[Plan] = field(default_factory=list)
    questions: tuple[Question, ...] = ()
    warnings: list[str] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    """Records that could not be read: line and reason."""
    skipped: list[tuple[int, str]] = field(default_factory=list)
    headers: tuple[str, ...] = ()
    date_format: str | None = None


def pair_sides(movements: Sequence[Movement]) -> None:
    """Find the two sides of each transfer: opposite accounts and amounts on one day.

    Each side belongs to one pair; of several equal ones the first in the file.
    """
    waiting: dict[tuple[str, str, Decimal, date], deque[int]] = {}
    for place, one in enumerate(movements):
        if one.transfer is None or one.transfer == one.account:
            continue
        others = waiting.get((one.transfer, one.account, -one.amount, one.day))
        if others:
            best = others.popleft()
            one.pair, movements[best].pair = best, place
        else:
            key = (one.account, one.transfer, one.amount, one.day)
            waiting.setdefault(key, deque()).append(place)
