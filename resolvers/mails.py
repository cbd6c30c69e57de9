"""Mailed tokens: made when their mail is written, known to us by their hash only."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert

from models.auth import MailedToken
from models.base import table, utc_now
from models.database import Database, Transaction
from models.ids import new_id
from models.stores.mail import MailDelayed, Mailer, MailRefused
from models.users import UserRow
from resolvers.errors import Unauthenticated
from resolvers.jobs import Handler, Hopeless, Job, Later, fence
from resolvers.users import get_user

MAIL_RESET: Final = "mail_reset"
MAIL_VERIFY: Final = "mail_verify"
_M: Final = table(MailedToken)
_KEPT: Final = timedelta(hours=1)
_FIRST_PAUSE: Final = 60.0
_PATIENCE: Final = 4
"""A server that says "later" means minutes: 1, 4, 16 and 64 of them."""
# For somebody unknown the row is written all the same, so that both take the same time.
_ENQUEUE: Final = text(
    """
    INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at)
    SELECT CAST(:id AS uuid), CAST(:kind AS text),
      coalesce((SELECT ledger_id FROM users WHERE id = CAST(:actor AS uuid)), CAST(:id AS uuid)),
      CAST(:actor AS uuid), CAST(:actor AS uuid), clock_timestamp(), clock_timestamp()
    """
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One kind of mail: what its token is for, how long that is good, and the words around it."""

    purpose: str
    lives: timedelta
    subject: str
    text: str


LETTERS: Final = {
    MAIL_RESET: Letter(
        "RESET",
        timedelta(minutes=30),
        "Choose a new password",
        """\
Somebody, hopefully you, asked for a new password for this address.

Choose it within 30 minutes here:

{url}/#reset-password={token}

Or send {{"token": "{token}", "password": "..."}}
to POST {url}/v1/auth/reset-password

If it was not you, do nothing: the password stays as it is.
""",
    ),
    MAIL_VERIFY: Letter(
        "VERIFY",
        timedelta(hours=24),
        "Is this your address?",
        """\
Somebody, hopefully you, signed up with this address.

Tell us within 24 hours that it is yours:

{url}/#verify-email={token}

Or send {{"token": "{token}"}}
to POST {url}/v1/auth/verify-email

If it was not you, do nothing.
""",
    ),
}


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


async def enqueue_mail(database: Database, kind: str, user_id: UUID | None) -> None:
    """Leave a mail to the worker; nobody's costs the same and reaches nobody."""
    actor = user_id or new_id()

    async def work(tx: Transaction) -> None:
        await leave_mail(tx, kind, actor)

    await database.change(actor, work)


async def leave_mail(tx: Transaction, kind: str, actor_id: UUID) -> None:
    """Leave a mail to the worker once this transaction commits."""
    await tx.run(_ENQUEUE, {"id": new_id(), "kind": kind, "actor": actor_id})


def mail_handler(
    database: Database, mailer: Mailer, public_url: str, kind: str, sender: str = ""
) -> Handler:
    """The handler that makes a token, keeps its hash and mails it.

    ``sender`` is an address; without one it is ``no-reply@`` the public address' host.
    """
    letter = LETTERS[kind]

    async def send(job: Job) -> None:
        try:
            async with database.read(job.actor_id) as tx:
                user = await get_user(tx, job.actor_id)
        except Unauthenticated:
            return
        if letter.purpose == "VERIFY" and user.email_verified:
            return
        token = secrets.token_urlsafe(32)

        async def work(tx: Transaction) -> bool:
            await fence(tx, job)
            return await _keep(tx, job, user, letter, token)

        # How often somebody may ask is a limit of the request: resolvers/limits.py.
        if await database.change(user.id, work):
            words = letter.text.format(url=public_url, token=token)
            message = compose(user.email, letter.subject, words, public_url, sender)
            await deliver(mailer, message, job)

    return send


async def deliver(mailer: Mailer, message: EmailMessage, job: Job) -> None:
    """Hand a mail of a job over, with the patience that mail servers ask for.

    Five attempts within an hour and a half; a refusal for good ends the job at once.
    """
    try:
        await mailer.send(message)
    except MailRefused as error:
        raise Hopeless(str(error)) from None
    except MailDelayed as error:
        raise Later(str(error), _FIRST_PAUSE * _PATIENCE ** (job.attempts - 1)) from None


async def _keep(tx: Transaction, job: Job, user: UserRow, letter: Letter, token: str) -> bool:
    """Write the token's hash; False when the token of this job is used already."""
    now = utc_now()
    mine = (_M.c.ledger_id == user.ledger_id, _M.c.user_id == user.id)
    await tx.run(delete(_M).where(*mine, _M.c.expires_at < now - _KEPT))
    fresh = {"hash": token_hash(token), "issued_at": now, "expires_at": now + letter.lives}
    values = {"ledger_id": user.ledger_id, "id": job.id, "user_id": user.id}
    added = insert(_M).values(**values, purpose=letter.purpose, **fresh)
    kept = added.on_conflict_do_update(
        index_elements=["ledger_id", "id"], set_=fresh, where=_M.c.used_at.is_(None)
    )
    return await tx.run(kept) == 1


def compose(email: str, subject: str, words: str, public_url: str, sender: str) -> EmailMessage:
    """A mail of ours to one address; a header that would hold another is refused (ValueError)."""
    host = urlsplit(public_url).hostname or "localhost"
    local, _, domain = email.rpartition("@")
    message = EmailMessage()
    known = Address(addr_spec=sender) if sender else Address(username="no-reply", domain=host)
    message["From"] = Address("Pocket Trend", known.username, known.domain)
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-generated"
    # Unfolded: a soft line break would cut the link in two for who reads the file.
    message.set_content(words, cte="8bit")
    return message
