"""Groups: who is asked into one, and what others record in it."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from models import ids
from models.base import among
from models.groups import GroupRow, ShareRow
from models.invitations import InvitationRow
from resolvers.errors import Unauthenticated
from resolvers.events import Record
from resolvers.groups.rows import groups_by_id
from resolvers.groups.transactions import X
from resolvers.invitations import invitations_by_id
from resolvers.jobs import Handler, Job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.money import format_minor
from resolvers.notifications import add_notification
from resolvers.notifications.words import Words, group_expense, invitation, money, settlement
from resolvers.users import actor_of, get_user, user_by_email

TOLD_AT_ONCE: Final = 20
"""Somebody who comes back to a busy group is told of the newest."""


async def tell_of_shares(write: LedgerWrite, records: Iterable[Record]) -> None:
    """Tell a member of what others have recorded with a part of hers in it.

    A share enters her books by her own write when she recorded it herself, which tells nothing.
    """
    new = [
        record.after
        for record in records
        if record.op == "CREATE" and isinstance(record.after, ShareRow)
    ]
    if not new:
        return
    found = await write.tx.rows(
        select(X.c.id, X.c.created_by).where(
            among(X.c.ledger_id, {one.group_id for one in new}), among(X.c.id, {o.id for o in new})
        )
    )
    by_others = {row.id for row in found if row.created_by != write.actor.user_id}
    shares = [one for one in new if one.id in by_others]
    shares.sort(key=lambda one: (one.date, one.id))
    wanted = [one.group_id for one in shares]
    groups = {one.id: one for one in await groups_by_id(write.tx, wanted) if one is not None}
    for share in shares[-TOLD_AT_ONCE:]:
        group = groups.get(share.group_id)
        if group is not None:
            await _tell(write, share, group)


async def _tell(write: LedgerWrite, share: ShareRow, group: GroupRow) -> None:
    minor = share.owed_minor or share.paid_minor
    data = {
        "groupId": ids.encode("grp", share.group_id),
        "groupTransactionId": ids.encode("gtxn", share.id),
        "paid": format_minor(share.paid_minor, share.currency),
        "owed": format_minor(share.owed_minor, share.currency),
        "currency": share.currency,
        "date": share.date.isoformat(),
    }
    amount = money(minor, share.currency, write.actor.locale)
    words: Words
    if share.kind == "SETTLEMENT":
        words = settlement(group.name, amount, received=bool(share.owed_minor))
    else:
        words = group_expense(share.description, group.name, amount, paid_only=not share.owed_minor)
    kind = "SETTLEMENT" if share.kind == "SETTLEMENT" else "GROUP_EXPENSE"
    await add_notification(write, kind, words, data)


def invitation_handler(ledgers: Ledgers) -> Handler:
    """The handler that tells whoever has the address that she is asked into a group.

    Only once her address is proved: as in the received box, which decides what she may see.
    """
    database = ledgers.database

    async def tell(job: Job) -> None:
        async with database.read(job.actor_id) as tx:
            sent = (await invitations_by_id(tx, [job.subject_id]))[0]
        invitee = None if sent is None else await user_by_email(database, sent.email)
        if invitee is None:
            return
        try:
            async with database.read(invitee) as tx:
                actor = actor_of(await get_user(tx, invitee))
                received = (await invitations_by_id(tx, [job.subject_id]))[0]
        except Unauthenticated:
            return
        if received is None or received.status != "PENDING":
            return
        row = received

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            words = invitation(row.inviter_name, row.group_name, row.role)
            # One invitation is told once, so its id will do.
            await add_notification(write, "INVITATION", words, _data(row), once=row.id)

        await ledgers.write(actor, work)

    return tell


def _data(row: InvitationRow) -> dict[str, str]:
    return {
        "invitationId": ids.encode("inv", row.id),
        "groupId": ids.encode("grp", row.ledger_id),
        "groupName": row.group_name,
        "inviterName": row.inviter_name,
        "role": row.role,
    }
