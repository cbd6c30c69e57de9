"""Deleting a category that is in use: everything on it moves to another one first."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

from sqlalchemy import or_, select, update

from models.base import table
from models.categories import Category, CategoryRow
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
from resolvers.transactions.storing import update_rows

_C = table(Category)


async def delete_category(
    write: LedgerWrite,
    category_id: UUID | None,
    *,
    take_along: Callable[[LedgerWrite, UUID, UUID], Awaitable[None]],
    move_to: UUID | None = None,
    expected_version: int | None = None,
) -> CategoryRow:
    """Delete a category; one in use needs ``move_to`` or is a CONFLICT with the counts.

    ``take_along`` moves its templates (templates know transactions, not the other way round).
    """
    old = await get_category(write.tx, write.actor, category_id)
    require_version(old, expected_version)
    uses = await uses_of(write.tx, old)
    if any(uses.values()):
        if move_to is None:
            told = ", ".join(f"{count} {name}" for name, count in uses.items() if count)
            raise Conflict(
                f"The category is in use ({told}); name another with moveTo.", details=uses
            )
        await _move(write, old, move_to)
        await take_along(write, old.id, move_to)
    await remove_category(write, old)
    return old


async def _move(write: LedgerWrite, old: CategoryRow, move_to: UUID) -> None:
    try:
        target = await get_category(write.tx, write.actor, move_to)
    except NotFound as error:
        raise invalid("moveTo", "There is no such object.", "NOT_FOUND") from error
    if target.kind != old.kind:
        raise invalid("moveTo", f"The category is of kind {old.kind}, the target {target.kind}.")
    if target.id in await descendants(write.tx, write.ledger_id, old.id):
        raise invalid("moveTo", "The target is the category itself or lies below it.")
    await _move_transactions(write, old, target)
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
    changed = []
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
        changed.append((row, new))
    await update_rows(write, changed)
    # Rows in the trash follow without an entry in the feed: nobody sees them there.
    for cells in (T, S):
        await write.tx.run(
            update(cells)
            .where(cells.c.ledger_id == write.ledger_id, cells.c.category_id == old.id)
            .values(category_id=target.id)
        )
