"""The mail that asks somebody into a group: who invites, into what, and a token; no figures."""

import secrets
from datetime import timedelta
from email.message import EmailMessage
from typing import Final

from sqlalchemy import ColumnElement, func, select, update

from models.base import utc_now
from models.database import Database, Transaction
from models.ids import encode
from models.invitations import InvitationRow
from models.stores.mail import Mailer
from resolvers.invitations.rows import COLUMNS, V, invitation_row
from resolvers.jobs import Handler, Job, fence
from resolvers.mails import compose, deliver, token_hash

MAIL_INVITE: Final = "mail_invite"
MAILS_A_DAY: Final = 3
"""How many mails of one group an address gets in a day, however often it is asked in anew."""
_TEXT: Final = """\
{inviter} invites you to the group "{group}" as {role}.

Answer until {until} here:

{url}/#invitation={token}&id={id}

Or, signed in with any account, send {{"token": "{token}"}}
to PUT {url}/v1/invitations/{id}/accept (or /decline)

If you do not know {inviter}, do nothing.
"""
_ROLES: Final = {"OWNER": "an owner", "MEMBER": "a member", "VIEWER": "a viewer"}


def invitation_mail_handler(
    database: Database, mailer: Mailer, public_url: str, sender: str
) -> Handler:
    """The handler that makes a token, keeps its hash and mails it, acting as the inviter."""

    async def send(job: Job) -> None:
        token = secrets.token_urlsafe(32)

        async def work(tx: Transaction) -> InvitationRow | None:
            await fence(tx, job)
            return await _keep(tx, job, token)

        row = await database.change(job.actor_id, work)
        if row is not None:
            await deliver(mailer, _message(row, token, public_url, sender), job)

    return send


async def _keep(tx: Transaction, job: Job, token: str) -> InvitationRow | None:
    """Write the token's hash; None for what needs no mail any more, or had its share."""
    this: tuple[ColumnElement[bool], ...] = (
        V.c.ledger_id == job.ledger_id,
        V.c.id == job.subject_id,
    )
    found = await tx.first(select(*COLUMNS).where(*this))
    if found is None or found.status != "PENDING" or found.expires_at <= utc_now():
        return None
    recent = await tx.scalar(
        select(func.count()).where(
            V.c.ledger_id == job.ledger_id,
            V.c.email_key == found.email_key,
            V.c.id != found.id,
            V.c.token_hash.is_not(None),
            V.c.created_at > utc_now() - timedelta(days=1),
        )
    )
    if recent >= MAILS_A_DAY:
        return None
    kept = update(V).where(*this, V.c.status == "PENDING").values(token_hash=token_hash(token))
    return invitation_row(found) if await tx.run(kept) else None


def _message(row: InvitationRow, token: str, public_url: str, sender: str) -> EmailMessage:
    body = _TEXT.format(
        inviter=row.inviter_name,
        group=row.group_name,
        role=_ROLES[row.role],
        until=row.expires_at.strftime("%Y-%m-%d %H:%M UTC"),
        url=public_url,
        token=token,
        id=encode("inv", row.id),
    )
    subject = f"{row.inviter_name} invites you to {row.group_name}"
    return compose(row.email, subject, body, public_url, sender)
