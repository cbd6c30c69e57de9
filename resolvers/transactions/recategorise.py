"""Deleting a category that is in use: everything on it moves to another one first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import or_, select, update

from models.base import table
from models.categories import Category, CategoryRow
from models.transactions import TransactionRow
from resolvers.categories import (
    children_by_parent,
    descendants,
    get_category,
    remove_category,
    uses_of,
)
from resolvers.errors import Conflict, NotFound, invalid
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.transactions.rows import S, T, transactions_by_id
from resolvers.transactions.storing import stamp_rows, update_rows

_C = table(Category)
_WORDS = {"budgetItems": "budget items", "groupTransactions": "group transactions"}

Follow = Callable[[LedgerWrite, CategoryRow, CategoryRow], Awaitable[None]]
"""Moves from the first category to the second what another noun has on it."""


async def delete_category(
    write: LedgerWrite,
    category_id: UUID | None,
    *,
    move_to: UUID | None = None,
    follow: Sequence[Follow] = (),
    expected_version: int | None = None,
) -> CategoryRow:
    """Delete a category; one in use needs ``move_to`` or is a CONFLICT with the counts.

    ``follow`` moves what transactions do not know: items of budgets, templates.
    """
    old = await get_category(write.tx, write.ledger_id, category_id)
    require_version(old, expected_version)
    target = None if move_to is None else await _target(write, old, move_to)
    uses = await uses_of(write.tx, old)
    if any(uses.values()):
        if target is None:
            words = {**{name: name for name in uses}, **_WORDS}
            told = ", ".join(f"{count} {words[name]}" for name, count in uses.items() if count)
            raise Conflict(
                f"The category is in use ({told}); name another with moveTo.", details=uses
            )
        await _move(write, old, target, follow)
    await remove_category(write, old)
    return old


async def _target(write: LedgerWrite, old: CategoryRow, move_to: UUID) -> CategoryRow:
    """Where everything goes: of the same kind, and not the category itself or below it."""
    try:
        target = await get_category(write.tx, write.ledger_id, move_to)
    except NotFound as error:
        raise invalid("moveTo", "There is no such object.", "NOT_FOUND") from error
    if target.kind != old.kind:
        raise invalid("moveTo", f"The category is of kind {old.kind}, the target {target.kind}.")
    if target.id in await descendants(write.tx, write.ledger_id, old.id):
        raise invalid("moveTo", "The target is the category itself or lies below it.")
    return target


async def _move(
    write: LedgerWrite, old: CategoryRow, target: CategoryRow, follow: Sequence[Follow]
) -> None:
    await _move_transactions(write, old, target)
    for one in follow:
        await one(write, old, target)
    children = (await children_by_parent(write.tx, [(old.ledger_id, old.id)]))[0]
    for child in children:
        moved = replace(
            child, parent_id=old.parent_id, version=child.version + 1, updated_at=write.now
        )
        await write.tx.run(
            update(_C)
            .where(_C.c.ledger_id == write.ledger_id, _C.c.id == child.id)
            .values(parent_id=moved.parent_id, version=moved.version, updated_at=write.now)
        )
        write.record("category", "UPDATE", child, moved)


async def _move_transactions(write: LedgerWrite, old: CategoryRow, target: CategoryRow) -> None:
    part = select(S.c.transaction_id).where(
        S.c.ledger_id == write.ledger_id, S.c.category_id == old.id
    )
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.deleted_at.is_(None),
            or_(T.c.category_id == old.id, T.c.id.in_(part)),
        )
    )
    rows = await transactions_by_id(write.tx, [(write.ledger_id, row.id) for row in found])
    changed: list[tuple[TransactionRow, TransactionRow]] = []
    split: list[tuple[TransactionRow, TransactionRow]] = []
    for row in rows:
        if row is None:
            continue
        splits = tuple(
            replace(p, category_id=target.id) if p.category_id == old.id else p for p in row.splits
        )
        direct = row.category_id == old.id
        new = replace(
            row,
            category_id=target.id if direct else row.category_id,
            category_kind=target.kind if direct else row.category_kind,
            splits=splits,
            version=row.version + 1,
            updated_at=write.now,
        )
        (split if row.splits else changed).append((row, new))
    await stamp_rows(write, changed, "UPDATE", category_id=target.id)
    await update_rows(write, split)
    # Rows in the trash follow without an entry in the feed: nobody sees them there.
    for cells in (T, S):
        await write.tx.run(
            update(cells)
            .where(cells.c.ledger_id == write.ledger_id, cells.c.category_id == old.id)
            .values(category_id=target.id)
        )
