"""Monthly summary: what came in, what went out, and what was left of it."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import numpy as np

from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.analytics.figures import Figure, Head, figure, head_of, total
from resolvers.analytics.intervals import index_of_days, intervals
from resolvers.analytics.request import ReportRequest, account_of
from resolvers.flows import Counting, count_flows, load_flows
from resolvers.money import percent
from resolvers.segments.parts import Ints, Mask


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """One month, as far as the span holds it."""

    month: str
    """2026-01."""
    income: Figure
    """Positive where more came in than was paid back."""
    expenses: Figure
    """Positive where more was spent than refunded."""
    net: Figure
    """Income less expenses."""
    savings_rate: Decimal | None
    """Net in percent of income; None without income or where a rate is missing."""
    transaction_count: int
    """Transactions that count: a split one once, transfers never."""


@dataclass(frozen=True, slots=True)
class MonthlySummary:
    """The months of a span, the oldest first."""

    head: Head
    months: tuple[MonthSummary, ...]


async def monthly_summary(tx: Tx, actor: Actor, request: ReportRequest) -> MonthlySummary:
    """Income, expenses, net and savings rate of each month of a span.

    Raises VALIDATION_ERROR for an unknown account and for an impossible or endless span.
    """
    span = request.span(actor)
    months = intervals(span, "MONTH")
    await account_of(tx, actor, request)
    flows = await load_flows(tx, actor.ledger_id, span, account_id=request.account_id)
    counting = await count_flows(tx, flows, request.currency_for(actor))
    index = index_of_days(flows.parts.day, months)
    size = len(months)
    incomes = counting.sums(index, size, of=flows.income)
    spent = counting.sums(index, size, of=~flows.income)
    counts = _transactions(counting, index, size)
    found = []
    for at, month in enumerate(months):
        sides = _Sides(counting, index, at)
        income = figure(counting, incomes[at], partial(sides.mask, income=True))
        expenses = figure(counting, spent[at], partial(sides.mask, income=False), sign=-1)
        net = figure(counting, total((incomes[at], spent[at])), sides.all)
        rate = None
        if income.minor is not None and net.minor is not None:
            rate = percent(net.minor, income.minor)
        found.append(MonthSummary(month.label, income, expenses, net, rate, counts[at]))
    return MonthlySummary(head_of(counting, span), tuple(found))


@dataclass(frozen=True, slots=True)
class _Sides:
    """The rows of one month."""

    counting: Counting
    index: Ints
    month: int

    def all(self) -> Mask:
        """Both sides."""
        found: Mask = self.index == self.month
        return found

    def mask(self, *, income: bool) -> Mask:
        """One side."""
        found: Mask = self.all() & (self.counting.flows.income == income)
        return found


def _transactions(counting: Counting, index: Ints, size: int) -> list[int]:
    """Different transactions of each month: the parts of one lie side by side."""
    hi, lo = counting.flows.parts.id_hi, counting.flows.parts.id_lo
    first = np.ones(len(index), dtype=np.bool_)
    first[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
    return counting.counts(index, size, of=first)
