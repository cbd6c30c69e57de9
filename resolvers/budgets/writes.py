"""Budgets made, changed and deleted."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, update

from models.budgets import BudgetRow
from models.ids import new_id
from resolvers.budgets.inputs import DEFAULT_ALERTS, BudgetCreate, BudgetUpdate
from resolvers.budgets.items import draft_items, insert_items, remove_items
from resolvers.budgets.rows import B, get_budget
from resolvers.errors import FieldError, Invalid
from resolvers.inputs import not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.wire import wire


def _check_dates(period: str, start: date, end: date | None) -> list[FieldError]:
    if end is None and period == "CUSTOM":
        return [FieldError("endDate", "REQUIRED", "A CUSTOM budget needs its last day.")]
    if end is not None and end < start:
        return [FieldError("endDate", "INVALID", "The end lies before the start.")]
    return []


async def create_budget(write: LedgerWrite, data: BudgetCreate) -> BudgetRow:
    """Make a budget with the items that come with it."""
    wrong = _check_dates(data.period, data.start_date, data.end_date)
    if wrong:
        raise Invalid(wrong)
    budget_id = new_id()
    currency = data.currency or write.actor.base_currency
    items = await draft_items(write, budget_id, currency, data.items or (), "items.{}.")
    alerts = DEFAULT_ALERTS if data.alert_percents is None else data.alert_percents
    row = BudgetRow(
        ledger_id=write.ledger_id,
        id=budget_id,
        name=data.name,
        period=data.period,
        start_date=data.start_date,
        end_date=data.end_date,
        currency=currency,
        alert_percents=tuple(alerts),
        items=tuple(items),
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.tx.run(insert(B).values(**cells_of(row)))
    write.figures = True
    write.record("budget", "CREATE", None, row)
    await insert_items(write, items)
    return row


def cells_of(row: BudgetRow) -> dict[str, Any]:
    """A budget as its table holds it."""
    return {
        "ledger_id": row.ledger_id,
        "id": row.id,
        "name": row.name,
        "period": row.period,
        "start_date": row.start_date,
        "end_date": row.end_date,
        "currency": row.currency,
        "alert_percents": list(row.alert_percents),
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


async def update_budget(
    write: LedgerWrite,
    budget_id: UUID | None,
    data: BudgetUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> BudgetRow:
    """Change a budget.  Its currency is fixed while it has items, whose amounts are in it."""
    old = await get_budget(write.tx, write.actor, budget_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "name", "period", "start_date", "currency", "alert_percents")
    period = data.period or old.period
    start = data.start_date or old.start_date
    end = data.end_date if data.given("end_date") else old.end_date
    wrong += _check_dates(period, start, end)
    if wrong:
        raise Invalid(wrong)
    currency = data.currency or old.currency
    if old.items:
        require_unchanged({"currency": currency}, {"currency": old.currency})
    alerts = old.alert_percents if data.alert_percents is None else tuple(data.alert_percents)
    new = replace(
        old,
        name=data.name or old.name,
        period=period,
        start_date=start,
        end_date=end,
        currency=currency,
        alert_percents=alerts,
    )
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(B).where(B.c.ledger_id == write.ledger_id, B.c.id == old.id).values(**cells_of(new))
    )
    write.figures = True
    write.record("budget", "UPDATE", old, new)
    return new


async def delete_budget(
    write: LedgerWrite, budget_id: UUID | None, *, expected_version: int | None = None
) -> BudgetRow:
    """Delete a budget with its items; nothing that happened is touched."""
    old = await get_budget(write.tx, write.actor, budget_id)
    require_version(old, expected_version)
    await remove_items(write, old.items)
    await write.tx.run(delete(B).where(B.c.ledger_id == write.ledger_id, B.c.id == old.id))
    write.figures = True
    write.record("budget", "DELETE", old, None)
    return old
