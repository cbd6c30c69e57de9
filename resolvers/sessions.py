"""The own sessions: which ones stand, ending some, and changing the password that opens them."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from models import ids
from models.auth import MailedToken, PersonalToken, Session, SessionRow
from models.base import table, utc_now
from models.database import Transaction
from models.stores.sessions import SessionCache
from models.users import User
from resolvers.access import Actor
from resolvers.audit import note
from resolvers.auth_inputs import Secret
from resolvers.errors import Conflict, Invalid, NotFound, invalid
from resolvers.inputs import Input
from resolvers.ledgers import Ledgers, Outcome
from resolvers.notifications import leave_security
from resolvers.passwords import Passwords
from resolvers.repeats import Repeat
from resolvers.users import actor_of, get_user

_S: Final = table(Session)
_M: Final = table(MailedToken)
_T: Final = table(PersonalToken)
_U: Final = table(User)
MOST_SHOWN: Final = 100


class PasswordChange(Input):
    """The present password and the next one."""

    current: Secret
    new: Secret


class Sessions:
    """What a signed-in person does about her sessions."""

    def __init__(self, ledgers: Ledgers, passwords: Passwords, cache: SessionCache) -> None:
        self._ledgers = ledgers
        self._database = ledgers.database
        self._passwords = passwords
        self._cache = cache

    async def revoke(
        self, actor: Actor, wanted: str, repeat: Repeat | None = None
    ) -> Outcome[list[UUID]]:
        """End one session, here or elsewhere; raises NOT_FOUND when it does not stand."""
        session_id = ids.decode("ses", wanted)

        async def work(tx: Transaction) -> list[UUID]:
            if session_id is None:
                raise NotFound("There is no such session.")
            ended = await end_sessions(tx, actor, "REVOKED", only=session_id)
            if not ended:
                raise NotFound("There is no such session.")
            for one in ended:
                told = {"session": ids.encode("ses", one)}
                here = actor.session_id
                await note(tx, actor.ledger_id, "SESSION_REVOKED", session_id=here, **told)
            return ended

        return await self._denied(actor, work, repeat)

    async def revoke_others(
        self, actor: Actor, repeat: Repeat | None = None
    ) -> Outcome[list[UUID]]:
        """End all sessions but the present one; which ones that were."""

        async def work(tx: Transaction) -> list[UUID]:
            ended = await end_sessions(tx, actor, "REVOKED", keep=actor.session_id)
            if ended:
                here = (actor.ledger_id, actor.user_id, actor.session_id)
                await leave_security(tx, "SESSIONS_REVOKED", *here)
            return ended

        return await self._denied(actor, work, repeat)

    async def _denied(
        self,
        actor: Actor,
        work: Callable[[Transaction], Awaitable[list[UUID]]],
        repeat: Repeat | None,
    ) -> Outcome[list[UUID]]:
        """Do what ends sessions, and let the cache deny those that it ended."""
        outcome = await self._ledgers.once(actor, work, repeat=repeat, answer=list[UUID])
        await self._cache.deny(outcome.value)
        return outcome

    async def change_password(
        self, actor: Actor, data: PasswordChange, repeat: Repeat | None = None
    ) -> Outcome[list[UUID]]:
        """Set another password; the present session stays, all others end.

        Raises VALIDATION_ERROR for a wrong present password and for a weak new one.
        """
        # The present password is not the same any more when the request comes again.
        before = await self._ledgers.answered(actor, repeat=repeat, answer=list[UUID])
        if before is not None:
            return before
        async with self._database.read(actor.user_id) as tx:
            user = await get_user(tx, actor.user_id)
            held = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == user.id))
        if not await self._passwords.verify(held, data.current):
            raise invalid("current", "Not the present password.", "WRONG")
        about = [user.email, user.name, *user.email.split("@")]
        problems = await self._passwords.problems(data.new, about, path="new")
        if problems:
            raise Invalid(problems)
        stored = await self._passwords.hash(data.new)

        async def work(tx: Transaction) -> list[UUID]:
            # Changed by somebody else meanwhile: then what was verified is no longer right.
            same = (_U.c.id == user.id, _U.c.password_hash == held)
            if await tx.run(update(_U).where(*same).values(password_hash=stored)) != 1:
                raise Conflict("The password was changed a moment ago.")
            await void_resets(tx, actor)
            here = (actor.ledger_id, actor.user_id, actor.session_id)
            await leave_security(tx, "PASSWORD_CHANGED", *here)
            return await end_sessions(tx, actor, "PASSWORD", keep=actor.session_id)

        return await self._denied(actor, work, repeat)

    async def shut_out(self, user_id: UUID, *, tokens: bool) -> tuple[int, int]:
        """An operator ends every session of a person, and personal tokens if meant; how many.

        She may sign in again: who has her password too is kept out by a reset of it.
        """

        async def work(tx: Transaction) -> tuple[list[UUID], int]:
            actor = actor_of(await get_user(tx, user_id))
            ended, gone = await end_sessions(tx, actor, "OPERATOR"), 0
            if tokens:
                mine = (_T.c.ledger_id == actor.ledger_id, _T.c.revoked_at.is_(None))
                gone = await tx.run(update(_T).where(*mine).values(revoked_at=utc_now()))
            await note(tx, actor.ledger_id, "SESSIONS_ENDED", sessions=len(ended), tokens=gone)
            return ended, gone

        ended, gone = await self._database.change(user_id, work)
        await self._cache.deny(ended)
        return len(ended), gone


async def list_sessions(tx: Transaction, actor: Actor) -> list[SessionRow]:
    """The sessions that stand, the last used first."""
    mine = (_S.c.ledger_id == actor.ledger_id, _S.c.user_id == actor.user_id)
    stands = (_S.c.revoked_at.is_(None), _S.c.expires_at > utc_now())
    columns = (_S.c.id, _S.c.user_agent, _S.c.created_at, _S.c.last_used_at, _S.c.expires_at)
    newest = select(*columns).where(*mine, *stands).order_by(_S.c.last_used_at.desc(), _S.c.id)
    return [SessionRow(**row._asdict()) for row in await tx.rows(newest.limit(MOST_SHOWN))]


async def session_stands(tx: Transaction, actor: Actor) -> bool:
    """Whether the session of an actor has neither ended nor been ended."""
    mine = (_S.c.ledger_id == actor.ledger_id, _S.c.id == actor.session_id)
    stands = (_S.c.revoked_at.is_(None), _S.c.expires_at > utc_now())
    return await tx.first(select(_S.c.id).where(*mine, *stands)) is not None


async def end_sessions(
    tx: Transaction,
    actor: Actor,
    reason: str,
    *,
    keep: UUID | None = None,
    only: UUID | None = None,
) -> list[UUID]:
    """End a person's sessions; the ids are for the cache to deny after the commit."""
    chosen = [_S.c.ledger_id == actor.ledger_id, _S.c.user_id == actor.user_id]
    if keep is not None:
        chosen.append(_S.c.id != keep)
    if only is not None:
        chosen.append(_S.c.id == only)
    ended = update(_S).where(*chosen, _S.c.revoked_at.is_(None))
    told = ended.values(revoked_at=utc_now(), revoked_reason=reason).returning(_S.c.id)
    return [row.id for row in await tx.rows(told)]


async def void_resets(tx: Transaction, actor: Actor) -> None:
    """Let no mail that is under way replace the password that was just set."""
    mine = (_M.c.ledger_id == actor.ledger_id, _M.c.user_id == actor.user_id)
    open_ones = (_M.c.purpose == "RESET", _M.c.used_at.is_(None))
    await tx.run(update(_M).where(*mine, *open_ones).values(used_at=utc_now()))
