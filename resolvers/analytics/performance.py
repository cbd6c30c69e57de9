"""Budget performance: every budget in each of its periods that a span touches."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select

from models.budgets import BudgetRow
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.analytics.figures import Head
from resolvers.analytics.request import ReportRequest, account_of
from resolvers.budgets import Analysis, analyse, cycle_of
from resolvers.budgets.rows import B, budgets_by_id
from resolvers.errors import invalid
from resolvers.flows import Span
from resolvers.periods import Period
from resolvers.rates import MissingRate, StaleRate

MAX_ANALYSES: Final = 500


@dataclass(frozen=True, slots=True)
class BudgetPerformance:
    """Analyses by budget (by name) and period, the oldest first.

    Each is in its budget's own currency: plans are not converted.
    """

    head: Head
    budgets: tuple[Analysis, ...]


async def budget_performance(tx: Tx, actor: Actor, request: ReportRequest) -> BudgetPerformance:
    """Analyses of all budgets: of each period that the span touches, without one of today's.

    ``request.currency`` leaves only budgets kept in it.  Raises VALIDATION_ERROR for an unknown
    account, an impossible span, and for more than 500 analyses.
    """
    span = request.span(actor)
    await account_of(tx, actor, request)
    where = [B.c.ledger_id == actor.ledger_id]
    if request.currency is not None:
        where.append(B.c.currency == request.currency)
    rows = await tx.rows(select(B.c.id).where(*where).order_by(B.c.name.collate("C"), B.c.id))
    keys = [(actor.ledger_id, row.id) for row in rows]
    budgets = [one for one in await budgets_by_id(tx, keys) if one is not None]
    if request.from_ is None and request.to is None:
        wanted = {one: [_current(one, actor.today)] for one in budgets}
    else:
        wanted = _touched(budgets, span)
    found = await analyse(tx, actor.ledger_id, wanted, account_id=request.account_id)
    told = tuple(found[one, period] for one, periods in wanted.items() for period in periods)
    missing: set[MissingRate] = {rate for one in told for rate in one.missing_rates}
    stale: set[StaleRate] = {rate for one in told for rate in one.stale_rates}
    head = Head(
        request.currency_for(actor),
        span.first,
        span.last,
        tuple(sorted(missing)),
        tuple(sorted(stale)),
    )
    return BudgetPerformance(head, told)


def _current(budget: BudgetRow, today: date) -> Period:
    cycle = cycle_of(budget)
    return cycle.containing(cycle.nearest(today))


def _touched(budgets: list[BudgetRow], span: Span) -> dict[BudgetRow, list[Period]]:
    """The periods of budgets that a span touches; budgets without one are left out."""
    found: dict[BudgetRow, list[Period]] = {}
    count = 0
    for budget in budgets:
        cycle = cycle_of(budget)
        first = max(span.first, cycle.start)
        last = span.last if cycle.end is None else min(span.last, cycle.end)
        if first > last:
            continue
        begin, end = cycle.index_of(first), cycle.index_of(last)
        count += end - begin + 1
        if count > MAX_ANALYSES:
            message = f"The span touches more than {MAX_ANALYSES} periods of budgets."
            raise invalid("from", message)
        found[budget] = [cycle.at(number) for number in range(begin, end + 1)]
    return found
