"""Items of budgets: one planned amount a category."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from models.budgets import BudgetItemRow
from models.categories import CategoryRow
from models.ids import new_id
from resolvers.budgets.inputs import MAX_ITEMS, BudgetItemCreate, BudgetItemUpdate
from resolvers.budgets.rows import I, get_budget, get_item, items_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict, FieldError, Invalid
from resolvers.inputs import not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.money import MAX_MINOR, format_minor, parse_minor
from resolvers.wire import reference, wire


def _minor(path: str, text: str, currency: str, wrong: list[FieldError]) -> int:
    """Minor units of a plan, or 0 and a field error."""
    try:
        minor = parse_minor(text, currency)
    except ValueError as error:
        wrong.append(FieldError(path, "INVALID", str(error)))
        return 0
    if minor < 0:
        wrong.append(FieldError(path, "INVALID", "A plan is zero or more, income or expense."))
    return minor


async def _known(write: LedgerWrite, wanted: Sequence[UUID]) -> set[UUID]:
    found = await categories_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
    return {row.id for row in found if row is not None}


async def draft_items(
    write: LedgerWrite,
    budget_id: UUID,
    currency: str,
    inputs: Sequence[BudgetItemCreate],
    path: str,
) -> list[BudgetItemRow]:
    """New items of one budget, checked together; ``path`` goes before their fields."""
    wrong: list[FieldError] = []
    known = await _known(write, [data.category_id for data in inputs])
    seen: set[UUID] = set()
    rows = []
    for index, data in enumerate(inputs):
        place = path.format(index)
        if data.category_id not in known:
            wrong.append(FieldError(f"{place}categoryId", "NOT_FOUND", "There is no such object."))
        elif data.category_id in seen:
            message = "Another item of this budget has the category."
            wrong.append(FieldError(f"{place}categoryId", "DUPLICATE", message))
        seen.add(data.category_id)
        rows.append(
            BudgetItemRow(
                ledger_id=write.ledger_id,
                id=new_id(),
                budget_id=budget_id,
                category_id=data.category_id,
                amount_minor=_minor(f"{place}amount", data.amount, currency, wrong),
                currency=currency,
                carry=data.carry,
                version=1,
                created_at=write.now,
                updated_at=write.now,
            )
        )
    if wrong:
        raise Invalid(wrong)
    return rows


async def insert_items(write: LedgerWrite, rows: Sequence[BudgetItemRow]) -> None:
    """Store new items."""
    if not rows:
        return
    await write.tx.run(insert(I), [_cells(write, row) for row in rows])
    write.figures = True
    for row in rows:
        write.record("budgetItem", "CREATE", None, row)


def _cells(write: LedgerWrite, row: BudgetItemRow) -> dict[str, Any]:
    return {
        "ledger_id": row.ledger_id,
        "id": row.id,
        "budget_id": row.budget_id,
        "category_id": row.category_id,
        "amount": write.ring.seal_minor("budget_items.amount", row.id, row.amount_minor),
        "carry": row.carry,
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _require_free(items: Sequence[BudgetItemRow], category_id: UUID, own: UUID | None) -> None:
    for item in items:
        if item.category_id == category_id and item.id != own:
            raise Conflict(
                "Another item of this budget has the category.",
                details={"field": "categoryId", "id": reference("item", item.id)},
            )


async def create_item(
    write: LedgerWrite, budget_id: UUID | None, data: BudgetItemCreate
) -> BudgetItemRow:
    """Plan an amount for one more category of a budget."""
    budget = await get_budget(write.tx, write.actor, budget_id)
    row = (await draft_items(write, budget.id, budget.currency, [data], ""))[0]
    _require_free(budget.items, row.category_id, None)
    if len(budget.items) >= MAX_ITEMS:
        raise Conflict(f"A budget has at most {MAX_ITEMS} items.", details={"allowed": MAX_ITEMS})
    await insert_items(write, [row])
    return row


async def update_item(
    write: LedgerWrite,
    budget_id: UUID | None,
    item_id: UUID | None,
    data: BudgetItemUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> BudgetItemRow:
    """Change an item; what was carried so far follows, since it is computed anew each time."""
    old = await get_item(write.tx, write.actor, budget_id, item_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "category_id", "amount", "carry")
    category_id = data.category_id or old.category_id
    if category_id != old.category_id and not await _known(write, [category_id]):
        wrong.append(FieldError("categoryId", "NOT_FOUND", "There is no such object."))
    minor = old.amount_minor
    if data.amount is not None:
        minor = _minor("amount", data.amount, old.currency, wrong)
    if wrong:
        raise Invalid(wrong)
    if category_id != old.category_id:
        budget = await get_budget(write.tx, write.actor, old.budget_id)
        _require_free(budget.items, category_id, old.id)
    new = replace(old, category_id=category_id, amount_minor=minor, carry=data.carry or old.carry)
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await _store(write, [(old, new)])
    return new


async def _store(
    write: LedgerWrite, changed: Sequence[tuple[BudgetItemRow, BudgetItemRow]]
) -> None:
    if not changed:
        return
    names = ("category_id", "amount", "carry", "version", "updated_at")
    statement = (
        update(I)
        .where(I.c.ledger_id == write.ledger_id, I.c.id == bindparam("which"))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    values = []
    for _, new in changed:
        cells = _cells(write, new)
        values.append({"which": new.id} | {f"new_{name}": cells[name] for name in names})
    await write.tx.run(statement, values)
    write.figures = True
    for old, new in changed:
        write.record("budgetItem", "UPDATE", old, new)


async def delete_item(
    write: LedgerWrite,
    budget_id: UUID | None,
    item_id: UUID | None,
    *,
    expected_version: int | None = None,
) -> BudgetItemRow:
    """Plan nothing for a category any more."""
    old = await get_item(write.tx, write.actor, budget_id, item_id)
    require_version(old, expected_version)
    await remove_items(write, [old])
    return old


async def remove_items(write: LedgerWrite, rows: Sequence[BudgetItemRow]) -> None:
    """Delete items."""
    if not rows:
        return
    wanted = [row.id for row in rows]
    await write.tx.run(delete(I).where(I.c.ledger_id == write.ledger_id, I.c.id.in_(wanted)))
    write.figures = True
    for row in rows:
        write.record("budgetItem", "DELETE", row, None)


async def move_items(write: LedgerWrite, old: CategoryRow, target: CategoryRow) -> None:
    """Plan for another category what was planned for one that goes.

    Where a budget plans for both, the two items become one of their sum: what is spent there
    comes together, too.
    """
    mine = (I.c.ledger_id == write.ledger_id, I.c.category_id.in_([old.id, target.id]))
    found = await write.tx.rows(select(I.c.id).where(*mine).order_by(I.c.id))
    rows = await items_by_id(write.tx, [(write.ledger_id, row.id) for row in found])
    items = [row for row in rows if row is not None]
    kept = {row.budget_id: row for row in items if row.category_id == target.id}
    gone: list[BudgetItemRow] = []
    changed: list[tuple[BudgetItemRow, BudgetItemRow]] = []
    for row in items:
        if row.category_id != old.id:
            continue
        other = kept.get(row.budget_id)
        if other is None:
            before, after = row, replace(row, category_id=target.id)
        else:
            total = row.amount_minor + other.amount_minor
            if total > MAX_MINOR:
                limit = format_minor(MAX_MINOR, row.currency)
                raise Conflict(f"Two items of a budget would sum to more than {limit}.")
            gone.append(row)
            before, after = other, replace(other, amount_minor=total)
        stamped = replace(after, version=before.version + 1, updated_at=write.now)
        changed.append((before, stamped))
    await remove_items(write, gone)
    await _store(write, changed)
