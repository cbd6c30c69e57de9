"""Members: who comes, who goes, and in which role.

Rights change by definer functions of the database alone; what is stored here is the group's own
record, which keeps the names of those who left.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, text, update

from models.database import Transaction as Tx
from models.groups import MemberRow
from models.users import UserRow
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, invalid
from resolvers.groups.balances import nets_in, open_amounts
from resolvers.groups.inputs import MAX_MEMBERS, MemberUpdate
from resolvers.groups.rows import (
    M,
    count_members,
    get_member,
    members_by_id,
    profiles_by_id,
    require_owner,
)
from resolvers.inputs import not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.wire import wire

FAREWELL: Final = "group_farewell"
"""The job that says a group's last word to the books of somebody who left."""
DELETED_NAME: Final = "Deleted user"
_ADD: Final = text("SELECT add_member(:group, :who, :role)")
_ROLE: Final = text("SELECT change_role(:group, :who, :role)")
_REMOVE: Final = text("SELECT remove_member(:group, :who)")


def _cells(row: MemberRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


async def enter(
    write: LedgerWrite, user_id: UUID, name: str, email: str | None, role: str
) -> MemberRow:
    """Write down that somebody has come, or come back; her rights are given elsewhere."""
    if await count_members(write.tx, write.ledger_id) >= MAX_MEMBERS:
        raise Conflict(f"A group has at most {MAX_MEMBERS} members.")
    old = (await members_by_id(write.tx, [(write.ledger_id, user_id)]))[0]
    row = MemberRow(
        ledger_id=write.ledger_id,
        id=user_id,
        name=name,
        email=email,
        role=role,
        joined_at=write.now,
        left_at=None,
        version=1 if old is None else old.version + 1,
        created_at=write.now if old is None else old.created_at,
        updated_at=write.now,
    )
    if old is None:
        await write.tx.run(insert(M).values(**_cells(row)))
        write.record("member", "CREATE", None, row)
    else:
        await _store(write, row)
        write.record("member", "RESTORE", None, row)
        # What was changed while she was away has not reached her own books.
        write.enqueue(FAREWELL, write.ledger_id, actor_id=user_id)
    return row


async def _store(write: LedgerWrite, row: MemberRow) -> None:
    await write.tx.run(
        update(M).where(M.c.ledger_id == write.ledger_id, M.c.id == row.id).values(**_cells(row))
    )


async def add_member(write: LedgerWrite, user_id: UUID, role: str) -> MemberRow:
    """Add somebody with whom a group is shared already; others are unknown, whoever they are."""
    require_owner(write, "add members")
    profile = (await profiles_by_id(write.tx, [user_id]))[0]
    if profile is None:
        raise invalid("userId", "There is no such object.", "NOT_FOUND")
    values = {"group": write.ledger_id, "who": user_id, "role": role}
    told = await write.tx.scalar(_ADD, values)
    if told == "PRESENT":
        raise Conflict("This person is a member already.", details={"field": "userId"})
    if told != "DONE":
        raise invalid("userId", "There is no such object.", "NOT_FOUND")
    return await enter(write, user_id, profile.name, profile.email, role)


async def update_member(
    write: LedgerWrite,
    user_id: UUID | None,
    data: MemberUpdate,
    *,
    expected_version: int | None = None,
    unchanged: Mapping[str, Any] | None = None,
) -> MemberRow:
    """Change a member's role; a group keeps at least one owner."""
    require_owner(write, "change roles")
    old = await get_member(write.tx, write.ledger_id, user_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "role")
    if wrong:
        raise Invalid(wrong)
    if data.role is None or data.role == old.role:
        return old
    new = replace(old, role=data.role, version=old.version + 1, updated_at=write.now)
    await _store(write, new)
    write.record("member", "UPDATE", old, new)

    async def change(tx: Tx) -> None:
        values = {"group": write.ledger_id, "who": old.id, "role": new.role}
        _require_done(await tx.scalar(_ROLE, values))

    # Last, since an owner who makes herself a viewer can write nothing any more.
    write.last.append(change)
    return new


def _require_done(told: str) -> None:
    """Raise what a definer function has told."""
    if told == "LAST_OWNER":
        raise Conflict(
            "A group keeps at least one owner: make somebody else an owner first, "
            "or delete the group."
        )
    if told == "UNKNOWN":
        raise NotFound("There is no such member.")
    if told != "DONE":
        raise Forbidden("Only an owner of the group may do this.")


async def remove_member(
    write: LedgerWrite, user_id: UUID | None, *, expected_version: int | None = None
) -> MemberRow:
    """Remove a member, or leave; CONFLICT with the amounts while she owes or is owed.

    The group keeps her name.  Her own books keep what was booked; a job brings them the rest.
    """
    if user_id != write.actor.user_id:
        require_owner(write, "remove others")
    old = await get_member(write.tx, write.ledger_id, user_id)
    require_version(old, expected_version)
    nets = await nets_in(write.tx, [write.ledger_id], [old.id])
    if any(one.net_minor for one in nets):
        raise Conflict("This member owes or is owed; settle first.", details=open_amounts(nets))
    gone = replace(
        old, email=None, left_at=write.now, version=old.version + 1, updated_at=write.now
    )
    await _store(write, gone)
    write.record("member", "DELETE", old, None)
    write.enqueue(FAREWELL, write.ledger_id, actor_id=old.id)

    async def leave(tx: Tx) -> None:
        values = {"group": write.ledger_id, "who": old.id}
        _require_done(await tx.scalar(_REMOVE, values))

    # Last, since whoever leaves can write nothing any more.
    write.last.append(leave)
    return old


async def rename_member(write: LedgerWrite, user: UserRow) -> MemberRow | None:
    """Show a person's present name and address in a group; None where she is no member."""
    old = (await members_by_id(write.tx, [(write.ledger_id, user.id)]))[0]
    if old is None or old.left_at is not None:
        return None
    if (old.name, old.email) == (user.name, user.email):
        return old
    new = replace(
        old,
        name=user.name,
        email=user.email,
        version=old.version + 1,
        updated_at=write.now,
    )
    await _store(write, new)
    write.record("member", "UPDATE", old, new)
    return new


async def forget_member(write: LedgerWrite, user_id: UUID) -> None:
    """Leave no more of a person in a group's record than that somebody was there.

    For the deletion of an account: call it in a write to each of the person's ledgers of groups
    (``own_affair``), before she leaves it.
    """
    old = (await members_by_id(write.tx, [(write.ledger_id, user_id)]))[0]
    if old is None or old.name == DELETED_NAME:
        return
    new = replace(old, name=DELETED_NAME, email=None, version=old.version + 1, updated_at=write.now)
    await _store(write, new)
    write.record("member", "UPDATE", old, new)
