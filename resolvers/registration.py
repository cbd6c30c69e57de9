"""Signing up where an address must be proved first: nobody learns who has an account.

A registration does the same whether its address is known: it keeps what was said, sealed, and
leaves a mail.  The mail to somebody unknown carries a token that founds the account and signs in;
somebody known is told that there is one already.  Since each token founds the account with what
was said together with it, nobody can lay a password under the address of another.
"""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update

from models.auth import Registration
from models.base import table, utc_now
from models.database import Database, Transaction
from models.ids import new_id
from models.jobs import Job as JobTable
from models.sealing import derive, open_bytes, seal_bytes
from models.stores.mail import Mailer
from resolvers.auth import Auth, RegisterInput, SignIn
from resolvers.inputs import parse
from resolvers.jobs import Handler, Job, fence
from resolvers.ledgers import Ledgers
from resolvers.mails import compose, deliver, token_hash
from resolvers.recovery import invalid_token
from resolvers.users import email_key, user_by_email

MAIL_REGISTER: Final = "mail_register"
LIVES: Final = timedelta(hours=24)
MAILS_AN_HOUR: Final = 3
"""How many of these mails one address gets, from wherever they are asked for."""
_G: Final = table(Registration)
_J: Final = table(JobTable)
_SUBJECT: Final = "Complete your registration"
_WORDS: Final = """\
Somebody, hopefully you, signed up with this address.

Complete it within 24 hours here:

{url}/#verify-email={token}

Or send {{"token": "{token}"}}
to POST {url}/v1/auth/verify-email

If it was not you, do nothing: there is no account until you do.
"""
_KNOWN_SUBJECT: Final = "You have an account already"
_KNOWN_WORDS: Final = """\
Somebody, hopefully you, signed up with this address, which has an account already.

Sign in as usual, or choose a new password here:

{url}/#forgot-password

If it was not you, do nothing: nobody was told that you have an account.
"""


class Registrations:
    """Sign-ups from their first word to their account."""

    def __init__(self, ledgers: Ledgers, auth: Auth, key: bytes) -> None:
        self._ledgers = ledgers
        self._database = ledgers.database
        self._auth = auth
        self._key = key

    async def begin(self, data: RegisterInput) -> None:
        """Keep a sign-up and have its mail written: the same work for every address.

        Raises VALIDATION_ERROR for a weak password.
        """
        hashed = await self._auth.hash_of(data)
        said = data.model_copy(update={"password": hashed}).model_dump_json(by_alias=True)
        row_id, now = new_id(), utc_now()
        row = {
            "id": row_id,
            "address": _address(self._key, data.email),
            "content": seal_bytes(derive(self._key, "content"), said.encode(), row_id.bytes),
            "created_at": now,
            "expires_at": now + LIVES,
        }
        # The job acts as nobody: whether there is somebody is found out when the mail is written.
        job = {"id": new_id(), "kind": MAIL_REGISTER, "subject_id": row_id}
        job |= {"ledger_id": new_id(), "actor_id": new_id(), "run_at": now, "created_at": now}

        async def work(tx: Transaction) -> None:
            await tx.run(insert(_G).values(row))
            await tx.run(insert(_J).values(job))

        await self._database.change(None, work)
        await self._ledgers.broker.wake_workers()

    async def finish(self, token: str, *, user_agent: str | None = None) -> SignIn | None:
        """Found the account of a mailed token and sign in; None for a token of something else.

        Raises CONFLICT when the address got an account meanwhile, INVALID_TOKEN for the second of
        two at once.
        """
        async with self._database.read(None) as tx:
            row = await tx.first(
                select(_G).where(_G.c.hash == token_hash(token), _G.c.expires_at > utc_now())
            )
        if row is None:
            return None
        data = _opened(self._key, row)

        async def spend(tx: Transaction) -> None:
            if await tx.run(delete(_G).where(_G.c.id == row.id)) != 1:
                raise invalid_token()
            # Other sign-ups of this address have lost their race.
            await tx.run(delete(_G).where(_G.c.address == row.address))

        return await self._auth.found(data, data.password, user_agent=user_agent, proved=spend)


def registration_handler(
    database: Database, mailer: Mailer, key: bytes, public_url: str, sender: str = ""
) -> Handler:
    """The handler that writes the mail of a sign-up; ``key`` as of Registrations."""

    async def send(job: Job) -> None:
        async with database.read(None) as tx:
            row = await tx.first(select(_G).where(_G.c.id == job.subject_id))
        if row is None:
            return
        data = _opened(key, row)
        known = await user_by_email(database, data.email) is not None
        token = secrets.token_urlsafe(32)
        if not await database.change(None, _keeping(job, row, token)):
            return
        subject, words = (_KNOWN_SUBJECT, _KNOWN_WORDS) if known else (_SUBJECT, _WORDS)
        text = words.format(url=public_url, token=token)
        await deliver(mailer, compose(data.email, subject, text, public_url, sender), job)

    return send


def _keeping(job: Job, row: Row[Any], token: str) -> Callable[[Transaction], Awaitable[bool]]:
    """Work that keeps the token's hash; False when the address had its share of mails."""

    async def work(tx: Transaction) -> bool:
        await fence(tx, job)
        now = utc_now()
        await tx.run(delete(_G).where(_G.c.expires_at < now))
        recent = await tx.scalar(
            select(func.count()).where(
                _G.c.address == row.address,
                _G.c.hash.is_not(None),
                _G.c.created_at > now - timedelta(hours=1),
                _G.c.id != row.id,
            )
        )
        if recent >= MAILS_AN_HOUR:
            return False
        kept = update(_G).where(_G.c.id == row.id)
        return await tx.run(kept.values(hash=token_hash(token), expires_at=now + LIVES)) == 1

    return work


def _address(key: bytes, email: str) -> bytes:
    """What equal addresses have in common and tells nothing else."""
    return hmac.digest(derive(key, "address"), email_key(email).encode(), sha256)


def _opened(key: bytes, row: Row[Any]) -> RegisterInput:
    """What was said; the password is its hash."""
    said = open_bytes(derive(key, "content"), row.content, row.id.bytes)
    return parse(RegisterInput, json.loads(said))
