"""Forgotten passwords: a mailed token buys a new one, and every session ends."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import Row, select, text, update

from models.auth import MailedToken
from models.base import table, utc_now
from models.database import Transaction
from models.stores.sessions import SessionCache
from models.users import User
from resolvers.auth import Secret, end_sessions, user_by_email
from resolvers.errors import AppError, ErrorCode, Invalid
from resolvers.inputs import Input
from resolvers.ledgers import Ledgers
from resolvers.mails import MAIL_RESET, enqueue_mail, token_hash
from resolvers.passwords import Passwords
from resolvers.users import get_user

_M: Final = table(MailedToken)
_U: Final = table(User)
_BY_HASH: Final = text("SELECT user_id, ledger_id FROM mailed_token(:hash)")


class ForgotInput(Input):
    """Who forgot a password."""

    email: Annotated[str, Field(max_length=1_024)]


class ResetInput(Input):
    """The mailed token and what the password shall be."""

    token: Secret
    password: Secret


class Recovery:
    """The ways back in."""

    def __init__(self, ledgers: Ledgers, passwords: Passwords, sessions: SessionCache) -> None:
        self._ledgers = ledgers
        self._database = ledgers.database
        self._passwords = passwords
        self._sessions = sessions

    async def forgot(self, data: ForgotInput) -> None:
        """Have a token mailed; one answer and one time whether anybody has the address."""
        user_id = await user_by_email(self._database, data.email)
        await enqueue_mail(self._database, MAIL_RESET, user_id)
        await self._ledgers.broker.wake_workers()

    async def reset(self, data: ResetInput) -> None:
        """Set a new password and end every session.

        Raises INVALID_TOKEN for a token that is unknown, used or too old, VALIDATION_ERROR for a
        weak password, which leaves the token good.
        """
        hashed = token_hash(data.token)
        owner = await self._owner(hashed)
        user_id = owner.user_id
        mine = (_M.c.ledger_id == owner.ledger_id, _M.c.user_id == user_id)
        good = (*mine, _M.c.purpose == "RESET", _M.c.used_at.is_(None), _M.c.expires_at > utc_now())
        async with self._database.read(user_id) as tx:
            if await tx.first(select(_M.c.id).where(*good, _M.c.hash == hashed)) is None:
                raise invalid_token()
            user = await get_user(tx, user_id)
        about = [user.email, user.name, *user.email.split("@")]
        problems = await self._passwords.problems(data.password, about)
        if problems:
            raise Invalid(problems)
        stored = await self._passwords.hash(data.password)

        async def work(tx: Transaction) -> list[UUID]:
            now = utc_now()
            used = update(_M).where(*good, _M.c.hash == hashed).values(used_at=now)
            if await tx.run(used) != 1:
                raise invalid_token()
            # Other mails under way are for the password that is gone.
            await tx.run(update(_M).where(*good).values(used_at=now))
            await tx.run(update(_U).where(_U.c.id == user_id).values(password_hash=stored))
            return await end_sessions(tx, user, "RESET")

        await self._sessions.deny(await self._database.change(user_id, work))

    async def _owner(self, hashed: bytes) -> Row[tuple[UUID, UUID]]:
        found = await self._database.call(_BY_HASH, {"hash": hashed})
        if not found:
            raise invalid_token()
        return found[0]


def invalid_token() -> AppError:
    """The one answer to every token that buys nothing."""
    return AppError(
        "The mailed token is unknown, used or too old; ask for a new one.",
        code=ErrorCode.INVALID_TOKEN,
    )
