"""Writing group transactions: rows and parts sealed, sums kept, every member's books told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from models.categories import CategoryRow
from models.groups import GroupTransactionRow, MemberRow
from models.ids import encode, new_id
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict
from resolvers.groups.balances import apply_effect
from resolvers.groups.drafts import Draft, blank, draft_create, draft_update, people_of
from resolvers.groups.inputs import GroupTransactionCreate, GroupTransactionUpdate
from resolvers.groups.rows import MEMBER_COLUMNS, M, get_group, member_row
from resolvers.groups.transactions import (
    PLAIN,
    P,
    X,
    get_group_transaction,
    group_transactions_by_id,
    open_group_transactions,
)
from resolvers.inputs import require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.wire import wire

SYNC_SHARE: Final = "sync_share"
"""The job that brings a group transaction into the books of one who takes part in it."""


async def _members(write: LedgerWrite) -> dict[UUID, MemberRow]:
    rows = await write.tx.rows(
        select(*MEMBER_COLUMNS)
        .where(M.c.ledger_id == write.ledger_id)
        .order_by(M.c.name.collate("C"), M.c.id)
    )
    return {row.id: member_row(row) for row in rows}


async def _category(write: LedgerWrite, category_id: UUID | None) -> CategoryRow | None:
    if category_id is None:
        return None
    return (await categories_by_id(write.tx, [(write.ledger_id, category_id)]))[0]


async def create_group_transaction(
    write: LedgerWrite, data: GroupTransactionCreate
) -> GroupTransactionRow:
    """Record an expense or a settlement."""
    group = await get_group(write.tx, write.ledger_id)
    fresh = blank(group, new_id(), write.actor.user_id, write.now)
    draft = Draft(fresh, True, await _members(write), write.actor.user_id)
    row = draft_create(data, draft, await _category(write, data.category_id), write.today)
    await write.tx.run(insert(X).values(**_cells(write, row)))
    await _insert_parts(write, row)
    await _tell(write, "CREATE", None, row)
    return row


async def update_group_transaction(
    write: LedgerWrite,
    transaction_id: UUID | None,
    data: GroupTransactionUpdate,
    *,
    expected_version: int | None = None,
    unchanged: Mapping[str, Any] | None = None,
) -> GroupTransactionRow:
    """Change a group transaction; what former members paid and owe in it stays as it is."""
    old = await get_group_transaction(write.tx, write.ledger_id, transaction_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    members = await _members(write)
    wanted = data.category_id if data.given("category_id") else old.category_id
    draft = Draft(old, False, members, write.actor.user_id)
    new = draft_update(data, draft, await _category(write, wanted))
    if new == old:
        return old
    _spare_former(members, old, new)
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await _store(write, new)
    if (old.paid_by, old.shares) != (new.paid_by, new.shares):
        await write.tx.run(
            delete(P).where(P.c.ledger_id == write.ledger_id, P.c.transaction_id == new.id)
        )
        await _insert_parts(write, new)
    await _tell(write, "UPDATE", old, new)
    return new


async def delete_group_transaction(
    write: LedgerWrite, transaction_id: UUID | None, *, expected_version: int | None = None
) -> GroupTransactionRow:
    """Take a group transaction out of all books; it can be restored."""
    old = await get_group_transaction(write.tx, write.ledger_id, transaction_id)
    require_version(old, expected_version)
    _spare_former(await _members(write), old, None)
    gone = replace(old, deleted_at=write.now, version=old.version + 1, updated_at=write.now)
    await _store(write, gone)
    await _tell(write, "DELETE", old, gone)
    return gone


async def restore_group_transaction(
    write: LedgerWrite, transaction_id: UUID | None
) -> GroupTransactionRow:
    """Bring a deleted group transaction back; CONFLICT for one that is not deleted."""
    if transaction_id is not None:
        key = (write.ledger_id, transaction_id)
        if (await group_transactions_by_id(write.tx, [key]))[0] is not None:
            raise Conflict("This group transaction is not deleted.")
    old = await get_group_transaction(write.tx, write.ledger_id, transaction_id, deleted=True)
    new = replace(old, deleted_at=None, version=old.version + 1, updated_at=write.now)
    _spare_former(await _members(write), None, new)
    await _store(write, new)
    await _tell(write, "RESTORE", old, new)
    return new


def _spare_former(
    members: Mapping[UUID, MemberRow],
    old: GroupTransactionRow | None,
    new: GroupTransactionRow | None,
) -> None:
    """Refuse to give somebody who has left a new debt or claim behind her back."""
    before, after = _amounts(old), _amounts(new)
    changed = [
        member
        for user_id in before.keys() | after.keys()
        if before.get(user_id) != after.get(user_id)
        and (member := members[user_id]).left_at is not None
    ]
    if changed:
        names = ", ".join(sorted(member.name for member in changed))
        raise Conflict(
            f"{names} left the group: what former members paid and owe stays as it is. "
            "Ask them back first.",
            details={"userIds": sorted(encode("user", member.id) for member in changed)},
        )


def _amounts(row: GroupTransactionRow | None) -> dict[UUID, tuple[str, int, int]]:
    """Currency, paid and owed of each who takes part."""
    if row is None:
        return {}
    paid = {one.user_id: one.amount_minor for one in row.paid_by}
    owed = {one.user_id: one.amount_minor for one in row.shares}
    return {
        user_id: (row.currency, paid.get(user_id, 0), owed.get(user_id, 0))
        for user_id in paid.keys() | owed.keys()
    }


def _cells(write: LedgerWrite, row: GroupTransactionRow) -> dict[str, Any]:
    cells = {name: getattr(row, name) for name in PLAIN}
    sealed = write.ring.seal_minor("group_transactions.amount", row.id, row.amount_minor)
    return {**cells, "amount": sealed}


async def _store(write: LedgerWrite, row: GroupTransactionRow) -> None:
    await write.tx.run(
        update(X)
        .where(X.c.ledger_id == write.ledger_id, X.c.id == row.id)
        .values(**_cells(write, row))
    )


async def _insert_parts(write: LedgerWrite, row: GroupTransactionRow) -> None:
    paid = {one.user_id: one.amount_minor for one in row.paid_by}
    owed = {one.user_id: one for one in row.shares}
    parts = []
    payers, sharers = list(paid), list(owed)
    for user_id in dict.fromkeys([*payers, *sharers]):
        part_id, share = new_id(), owed.get(user_id)
        parts.append(
            {
                "ledger_id": write.ledger_id,
                "id": part_id,
                "transaction_id": row.id,
                "user_id": user_id,
                "paid_position": payers.index(user_id) if user_id in paid else None,
                "position": sharers.index(user_id) if user_id in owed else None,
                "paid": _sealed(write, "paid", part_id, paid.get(user_id)),
                "owed": _sealed(write, "owed", part_id, share.amount_minor if share else None),
                "weight": share.weight if share else None,
            }
        )
    await write.tx.run(insert(P), parts)


def _sealed(write: LedgerWrite, name: str, part_id: UUID, minor: int | None) -> bytes | None:
    if minor is None:
        return None
    return write.ring.seal_minor(f"group_parts.{name}", part_id, minor)


async def _tell(
    write: LedgerWrite,
    op: str,
    old: GroupTransactionRow | None,
    new: GroupTransactionRow,
) -> None:
    """Sums, feed, and a job for everybody else whose books it touches; the own follow at once."""
    await apply_effect(write, old, new)
    after = None if op == "DELETE" else new
    write.record("group_transaction", op, None if op == "RESTORE" else old, after)
    people = people_of(new) | (people_of(old) if old is not None else set())
    for user_id in sorted(people - {write.actor.user_id}):
        write.enqueue(SYNC_SHARE, new.id, actor_id=user_id)


async def move_group_transactions(
    write: LedgerWrite, old: CategoryRow, target: CategoryRow
) -> None:
    """Give the group transactions of a category that goes another one."""
    found = await write.tx.rows(
        select(X).where(X.c.ledger_id == write.ledger_id, X.c.category_id == old.id)
    )
    for row in await open_group_transactions(write.tx, found):
        new = replace(row, category_id=target.id, version=row.version + 1, updated_at=write.now)
        await _store(write, new)
        if row.deleted_at is None:
            await _tell(write, "UPDATE", row, new)
