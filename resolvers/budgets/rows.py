"""Budgets and items read from the database: pages, batches, opened amounts."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, func, select

from models.base import table
from models.budgets import Budget, BudgetItem, BudgetItemRow, BudgetRow
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.paging import Order, Page, PageRequest, fetch_page

B: Final = table(Budget)
I: Final = table(BudgetItem)  # noqa: E741 - beside B, as T and S of transactions

Key = tuple[UUID, UUID]

_ITEM_COLUMNS: Final = (
    I.c.ledger_id, I.c.id, I.c.budget_id, I.c.category_id, I.c.amount, I.c.carry, I.c.version,
    I.c.created_at, I.c.updated_at, B.c.currency,
)  # fmt: skip
ITEMS: Final = select(*_ITEM_COLUMNS).select_from(
    I.join(B, and_(B.c.ledger_id == I.c.ledger_id, B.c.id == I.c.budget_id))
)


async def _open_items(tx: Tx, rows: Iterable[Row[Any]]) -> list[BudgetItemRow]:
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    return [
        BudgetItemRow(
            ledger_id=row.ledger_id,
            id=row.id,
            budget_id=row.budget_id,
            category_id=row.category_id,
            amount_minor=tx.ring(row.ledger_id).unseal_minor(
                "budget_items.amount", row.id, row.amount
            ),
            currency=row.currency,
            carry=row.carry,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in found
    ]


async def _open_budgets(tx: Tx, rows: Sequence[Row[Any]]) -> list[BudgetRow]:
    """Database rows with their items: one more statement for each ledger, however many rows."""
    items: dict[Key, list[BudgetItemRow]] = {}
    for ledger_id in {row.ledger_id for row in rows}:
        wanted = [row.id for row in rows if row.ledger_id == ledger_id]
        found = await tx.rows(
            ITEMS.where(I.c.ledger_id == ledger_id, I.c.budget_id.in_(wanted)).order_by(I.c.id)
        )
        for item in await _open_items(tx, found):
            items.setdefault((ledger_id, item.budget_id), []).append(item)
    return [
        BudgetRow(
            ledger_id=row.ledger_id,
            id=row.id,
            name=row.name,
            period=row.period,
            start_date=row.start_date,
            end_date=row.end_date,
            currency=row.currency,
            alert_percents=tuple(row.alert_percents),
            items=tuple(items.get((row.ledger_id, row.id), ())),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


async def list_budgets(tx: Tx, actor: Actor, request: PageRequest) -> Page[BudgetRow]:
    """A page of the person's budgets by name."""
    statement = select(B).where(B.c.ledger_id == actor.ledger_id)
    page = await fetch_page(tx, statement, Order((B.c.name.collate("C"), B.c.id)), request)
    rows = await _open_budgets(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_budgets(tx: Tx, actor: Actor) -> int:
    """How many budgets the person has."""
    statement = select(func.count()).select_from(B).where(B.c.ledger_id == actor.ledger_id)
    return int(await tx.scalar(statement))


async def budgets_by_id(tx: Tx, keys: Sequence[Key]) -> list[BudgetRow | None]:
    """Budgets in the order of their keys; None for what is not there."""
    found: dict[Key, BudgetRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(select(B).where(B.c.ledger_id == ledger_id, B.c.id.in_(wanted)))
        found.update({(ledger_id, row.id): row for row in await _open_budgets(tx, rows)})
    return [found.get(key) for key in keys]


async def get_budget(tx: Tx, actor: Actor, budget_id: UUID | None) -> BudgetRow:
    """One budget of the person; raises NOT_FOUND."""
    if budget_id is not None:
        row = (await budgets_by_id(tx, [(actor.ledger_id, budget_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such budget.")


async def list_items(tx: Tx, budget: BudgetRow, request: PageRequest) -> Page[BudgetItemRow]:
    """A page of a budget's items in the order in which they were made."""
    statement = ITEMS.where(I.c.ledger_id == budget.ledger_id, I.c.budget_id == budget.id)
    page = await fetch_page(tx, statement, Order((I.c.id,)), request)
    rows = await _open_items(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_items(tx: Tx, budget: BudgetRow) -> int:
    """How many items a budget has."""
    where = (I.c.ledger_id == budget.ledger_id, I.c.budget_id == budget.id)
    return int(await tx.scalar(select(func.count()).select_from(I).where(*where)))


async def items_by_id(tx: Tx, keys: Sequence[Key]) -> list[BudgetItemRow | None]:
    """Items in the order of their keys; None for what is not there."""
    found: dict[Key, BudgetItemRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(ITEMS.where(I.c.ledger_id == ledger_id, I.c.id.in_(wanted)))
        found.update({(ledger_id, row.id): row for row in await _open_items(tx, rows)})
    return [found.get(key) for key in keys]


async def get_item(
    tx: Tx, actor: Actor, budget_id: UUID | None, item_id: UUID | None
) -> BudgetItemRow:
    """One item of the person, of that budget if one is named; raises NOT_FOUND."""
    if item_id is not None:
        row = (await items_by_id(tx, [(actor.ledger_id, item_id)]))[0]
        if row is not None and budget_id in {None, row.budget_id}:
            return row
    raise NotFound("There is no such item in this budget.")
