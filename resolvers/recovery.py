"""What mailed tokens buy: a new password for who forgot it, and the proof of an address."""

from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, select, text, update

from models.auth import MailedToken
from models.base import table, utc_now
from models.database import Transaction
from models.stores.sessions import SessionCache
from models.users import User, UserRow
from resolvers.access import Actor
from resolvers.auth_inputs import Secret
from resolvers.errors import AppError, ErrorCode, Invalid
from resolvers.failures import Failures
from resolvers.inputs import Input
from resolvers.ledgers import Ledgers, LedgerWrite, Outcome
from resolvers.mails import MAIL_RESET, MAIL_VERIFY, enqueue_mail, leave_mail, token_hash
from resolvers.notifications import leave_security
from resolvers.passwords import Passwords
from resolvers.repeats import Repeat
from resolvers.sessions import end_sessions, void_resets
from resolvers.users import actor_of, get_user, user_by_email

_M: Final = table(MailedToken)
_U: Final = table(User)
_BY_HASH: Final = text("SELECT user_id FROM mailed_token(:hash)")


class ForgotInput(Input):
    """Who forgot a password."""

    email: Annotated[str, Field(max_length=1_024)]


class ResetInput(Input):
    """The mailed token and what the password shall be."""

    token: Secret
    password: Secret


class VerifyInput(Input):
    """The mailed token."""

    token: Secret


class Recovery:
    """The ways back in, and the way to a proved address."""

    def __init__(
        self,
        ledgers: Ledgers,
        passwords: Passwords,
        sessions: SessionCache,
        failures: Failures,
    ) -> None:
        self._failures = failures
        self._ledgers = ledgers
        self._database = ledgers.database
        self._passwords = passwords
        self._sessions = sessions

    async def forgot(self, data: ForgotInput) -> None:
        """Have a token mailed; one answer and one time whether anybody has the address."""
        user_id = await user_by_email(self._database, data.email)
        await enqueue_mail(self._database, MAIL_RESET, user_id)
        await self._ledgers.broker.wake_workers()

    async def resend(self, actor: Actor, repeat: Repeat | None = None) -> Outcome[None]:
        """Mail the proof of the own address once more, unless it is proved."""

        async def work(tx: Transaction) -> None:
            await leave_mail(tx, MAIL_VERIFY, actor.user_id)

        outcome = await self._ledgers.once(actor, work, repeat=repeat, answer=None)
        await self._ledgers.broker.wake_workers()
        return outcome

    async def reset(self, data: ResetInput) -> None:
        """Set a new password and end every session.

        Raises INVALID_TOKEN for a token that is unknown, used or too old, VALIDATION_ERROR for a
        weak password, which leaves the token good.
        """
        user = await self._owner("RESET", data.token)
        about = [user.email, user.name, *user.email.split("@")]
        problems = await self._passwords.problems(data.password, about)
        if problems:
            raise Invalid(problems)
        stored = await self._passwords.hash(data.password)
        actor = actor_of(user)

        async def work(tx: Transaction) -> list[UUID]:
            await _spend(tx, user, "RESET", data.token)
            await void_resets(tx, actor)
            await self._failures.clear(tx, user.email)
            await tx.run(update(_U).where(_U.c.id == user.id).values(password_hash=stored))
            await leave_security(tx, "PASSWORD_RESET", actor.ledger_id, actor.user_id, None)
            return await end_sessions(tx, actor, "RESET")

        await self._sessions.deny(await self._database.change(user.id, work))

    async def verify(self, data: VerifyInput) -> None:
        """Note that the address is proved; raises INVALID_TOKEN."""
        actor = actor_of(await self._owner("VERIFY", data.token))

        async def work(write: LedgerWrite) -> None:
            old = await get_user(write.tx, actor.user_id)
            await _spend(write.tx, old, "VERIFY", data.token)
            if old.email_verified:
                return
            changes = {"version": old.version + 1, "updated_at": write.now}
            proved = update(_U).where(_U.c.id == old.id)
            await write.tx.run(proved.values(email_verified_at=write.now, **changes))
            new = replace(old, email_verified=True, version=old.version + 1, updated_at=write.now)
            write.record("user", "UPDATE", old, new)

        await self._ledgers.write(actor, work)

    async def _owner(self, purpose: str, token: str) -> UserRow:
        """Whose good token it is; raises INVALID_TOKEN."""
        found = await self._database.call(_BY_HASH, {"hash": token_hash(token)})
        if not found:
            raise invalid_token()
        async with self._database.read(found[0].user_id) as tx:
            user = await get_user(tx, found[0].user_id)
            if await tx.first(select(_M.c.id).where(*_good(user, purpose, token))) is None:
                raise invalid_token()
        return user


def _good(user: UserRow, purpose: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _M.c.ledger_id == user.ledger_id,
        _M.c.hash == token_hash(token),
        _M.c.purpose == purpose,
        _M.c.used_at.is_(None),
        _M.c.expires_at > utc_now(),
    )


async def _spend(tx: Transaction, user: UserRow, purpose: str, token: str) -> None:
    """Use a token up; of two at once one finds it spent and is told INVALID_TOKEN."""
    used = update(_M).where(*_good(user, purpose, token)).values(used_at=utc_now())
    if await tx.run(used) != 1:
        raise invalid_token()


def invalid_token() -> AppError:
    """The one answer to every token that buys nothing."""
    return AppError(
        "The mailed token is unknown, used or too old; ask for a new one.",
        code=ErrorCode.INVALID_TOKEN,
    )
