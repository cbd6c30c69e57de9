"""Inviting, cancelling, and what else becomes of pending invitations."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, text, update

from models.ids import encode, new_id
from models.invitations import InvitationRow
from resolvers.errors import Conflict, Gone, NotFound
from resolvers.groups import get_group, members_of, require_owner
from resolvers.invitations.inputs import InvitationCreate
from resolvers.invitations.mail import MAIL_INVITE
from resolvers.invitations.rows import V, in_group
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.users import email_key, get_user

LIFETIME: Final = timedelta(days=14)
_BUMP: Final = text("SELECT bump_inbox(:key)")


async def create_invitation(write: LedgerWrite, data: InvitationCreate) -> InvitationRow:
    """Ask an address into the group; the same for those that have an account and those that have none.

    Raises CONFLICT for a present member (whom the inviter sees) and for an address that is asked
    already.
    """
    require_owner(write, "invite people")
    key = email_key(data.email)
    for member in (await members_of(write.tx, [write.ledger_id]))[0]:
        if member.email is not None and email_key(member.email) == key:
            raise Conflict(f"{member.name} is a member already.", details={"field": "email"})
    for old in await in_group(write.tx, write.ledger_id, V.c.email_key == key):
        if old.status != "PENDING":
            continue
        if old.expires_at > write.now:
            raise Conflict(
                "This address is invited already; cancel that invitation to send another.",
                details={"field": "email", "id": encode("inv", old.id)},
            )
        await settle(write, old, "EXPIRED")
    group = await get_group(write.tx, write.ledger_id)
    user = await get_user(write.tx, write.actor.user_id)
    row = InvitationRow(
        ledger_id=write.ledger_id,
        id=new_id(),
        email=data.email,
        email_key=key,
        role=data.role,
        status="PENDING",
        group_name=group.name,
        invited_by=user.id,
        inviter_name=user.name,
        expires_at=write.now + LIFETIME,
        answered_at=None,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.tx.run(insert(V).values(**_cells(row)))
    await _bump(write, row)
    write.record("invitation", "CREATE", None, row)
    write.enqueue(MAIL_INVITE, row.id)
    return row


def _cells(row: InvitationRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


async def _bump(write: LedgerWrite, row: InvitationRow) -> None:
    """Tell the invitee's validators that her box has changed."""
    await write.tx.run(_BUMP, {"key": row.email_key})


async def _store(write: LedgerWrite, old: InvitationRow, **changes: Any) -> InvitationRow:
    new = replace(old, **changes, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(V)
        .where(V.c.ledger_id == write.ledger_id, V.c.id == old.id)
        .values(**changes, version=new.version, updated_at=new.updated_at)
    )
    await _bump(write, new)
    write.record("invitation", "UPDATE", old, new)
    return new


async def settle(write: LedgerWrite, old: InvitationRow, status: str) -> InvitationRow:
    """Give a pending invitation its end."""
    answered = write.now if status in {"ACCEPTED", "DECLINED"} else None
    return await _store(write, old, status=status, answered_at=answered)


async def of_group(write: LedgerWrite, invitation_id: UUID | None) -> InvitationRow:
    """An invitation of the group that is written; raises NOT_FOUND."""
    found = await in_group(write.tx, write.ledger_id, V.c.id == invitation_id)
    if not found:
        raise NotFound("There is no such invitation.")
    return found[0]


async def cancel_invitation(
    write: LedgerWrite, invitation_id: UUID | None, *, expected_version: int | None = None
) -> InvitationRow:
    """Take an invitation back; CONFLICT for one that is answered, GONE for one too old."""
    require_owner(write, "cancel invitations")
    old = await of_group(write, invitation_id)
    require_version(old, expected_version)
    if old.status == "EXPIRED" or (old.status == "PENDING" and old.expires_at <= write.now):
        raise Gone("The invitation has expired.")
    if old.status != "PENDING":
        raise Conflict(f"The invitation is {old.status.lower()} already.")
    return await settle(write, old, "CANCELLED")


async def cancel_all(write: LedgerWrite) -> None:
    """Take back every pending invitation of a group that closes."""
    for old in await in_group(write.tx, write.ledger_id, V.c.status == "PENDING"):
        await settle(write, old, "CANCELLED")


async def rename_pending(write: LedgerWrite, name: str) -> None:
    """Let pending invitations say the group's new name."""
    for old in await in_group(write.tx, write.ledger_id, V.c.status == "PENDING"):
        await _store(write, old, group_name=name)
