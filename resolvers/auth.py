"""Signing up, in and out: sessions, refresh-token families and their revocation."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from models.auth import RefreshToken, Session
from models.base import table, utc_now
from models.database import (
    UNIQUE_VIOLATION,
    Database,
    Transaction,
    constraint_of,
    key_context,
    sqlstate,
)
from models.ids import new_id
from models.ledgers import LedgerKey
from models.sealing import derive, new_key, open_bytes, seal_bytes
from models.stores.sessions import SessionCache
from models.users import User, UserRow
from resolvers.access import Actor
from resolvers.categories import create_starter_set
from resolvers.errors import Conflict, Invalid, InvalidCredentials, Unauthenticated
from resolvers.events import image_of
from resolvers.inputs import CurrencyCode, Input, Name
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.mails import MAIL_VERIFY
from resolvers.notifications import agent_name, leave_security, leave_sign_in
from resolvers.passwords import Passwords
from resolvers.remembered import actor_of_image
from resolvers.tokens import LIFETIME_SECONDS, AccessTokens
from resolvers.users import (
    COLUMNS,
    Email,
    Locale,
    TimeZone,
    actor_of,
    email_key,
    get_user,
    searchable_email,
    user_row,
)

_U: Final = table(User)
_S: Final = table(Session)
_R: Final = table(RefreshToken)

SESSION_DAYS: Final = 7
REPLAY_SECONDS: Final = 10
"""How long the parent of a lost answer still gets the same child."""
Secret = Annotated[str, Field(min_length=1, max_length=1_024)]


class RegisterInput(Input):
    """What opens an account with us."""

    email: Email
    password: Secret
    name: Name
    base_currency: CurrencyCode = "EUR"
    time_zone: TimeZone = "UTC"
    locale: Locale = "en"


class LoginInput(Input):
    """What signs in."""

    email: Annotated[str, Field(max_length=1_024)]
    password: Secret
    code: Annotated[str, Field(max_length=64)] | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session as its owner receives it, once."""

    user: UserRow
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = LIFETIME_SECONDS


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who was let in for a while."""

    actor: Actor
    expires_at: float
    """Seconds since the epoch."""


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


class Auth:
    """Everything about who somebody is."""

    def __init__(
        self,
        database: Database,
        ledgers: Ledgers,
        passwords: Passwords,
        tokens: AccessTokens,
        sessions: SessionCache,
    ) -> None:
        self._database = database
        self._ledgers = ledgers
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions

    async def register(self, data: RegisterInput, *, user_agent: str | None = None) -> SignIn:
        """Found a person's ledger with its key and starter categories, and sign in.

        Raises CONFLICT for a known address, VALIDATION_ERROR for a weak password.
        """
        hashed = await self.hash_of(data)
        return await self.found(data, hashed, user_agent=user_agent)

    async def hash_of(self, data: RegisterInput) -> str:
        """The hash of a new password; raises VALIDATION_ERROR for a weak one."""
        about = [data.email, data.name, *data.email.split("@")]
        problems = await self._passwords.problems(data.password, about)
        if problems:
            raise Invalid(problems)
        return await self._passwords.hash(data.password)

    async def found(
        self,
        data: RegisterInput,
        hashed: str,
        *,
        user_agent: str | None = None,
        proved: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> SignIn:
        """Found a ledger for who signs up with a password's hash; raises CONFLICT.

        ``proved`` runs first in the same transaction: it spends what proved the address.
        """
        now = utc_now()
        user = UserRow(
            id=new_id(), ledger_id=new_id(), email=data.email, name=data.name,
            base_currency=data.base_currency, locale=data.locale, time_zone=data.time_zone,
            email_verified=proved is not None, two_factor_enabled=False, version=1,
            created_at=now, updated_at=now,
        )  # fmt: skip
        actor = actor_of(user)

        async def found_ledger(tx: Transaction) -> None:
            if proved is not None:
                await proved(tx)
            await self._found_ledger(tx, user, hashed)

        async def work(write: LedgerWrite) -> SignIn:
            write.record("user", "CREATE", None, user)
            await create_starter_set(write)
            if not user.email_verified:
                write.enqueue(MAIL_VERIFY, user.id)
            return await self._open_session(write.tx, user, now, agent_name(user_agent), new_id())

        try:
            outcome = await self._ledgers.write(actor, work, first=found_ledger)
        except DBAPIError as error:
            known = constraint_of(error) == "uq_users_email_key"
            if sqlstate(error) == UNIQUE_VIOLATION and known:
                raise Conflict("This address is registered already; sign in instead.") from error
            raise
        return outcome.value

    async def _found_ledger(self, tx: Transaction, user: UserRow, hashed: str) -> None:
        await tx.run(text("SELECT open_personal_ledger(:ledger)"), {"ledger": user.ledger_id})
        wrapped = await self._database.keys.wrap(new_key(), key_context(user.ledger_id, 1))
        await tx.run(
            insert(table(LedgerKey)).values(
                ledger_id=user.ledger_id, key_no=1, wrapped=wrapped, created_at=user.created_at
            )
        )
        await tx.run(
            insert(_U).values(
                id=user.id,
                ledger_id=user.ledger_id,
                email=user.email,
                email_key=email_key(user.email),
                name=user.name,
                base_currency=user.base_currency,
                locale=user.locale,
                time_zone=user.time_zone,
                password_hash=hashed,
                email_verified_at=user.created_at if user.email_verified else None,
                version=user.version,
                created_at=user.created_at,
                updated_at=user.updated_at,
            )
        )

    async def login(self, data: LoginInput, *, user_agent: str | None = None) -> SignIn:
        """Sign in; one answer and one time for an unknown address and a wrong password."""
        user_id = await user_by_email(self._database, data.email)
        user: UserRow | None = None
        stored: str | None = None
        if user_id is not None:
            async with self._database.read(user_id) as tx:
                row = await tx.first(select(*COLUMNS, _U.c.password_hash).where(_U.c.id == user_id))
                if row is not None:
                    user, stored = user_row(row), row.password_hash
        right = await self._passwords.verify(stored, data.password)
        refused = InvalidCredentials("The address or the password is not right.")
        if user is None or not right:
            raise refused
        known = user

        async def work(tx: Transaction) -> SignIn:
            # A password that is being replaced right now opens nothing any more.
            present = select(_U.c.password_hash).where(_U.c.id == known.id)
            if await tx.scalar(present.with_for_update(read=True)) != stored:
                raise refused
            session_id, agent = new_id(), agent_name(user_agent)
            await leave_sign_in(tx, known.ledger_id, known.id, session_id, agent)
            return await self._open_session(tx, known, utc_now(), agent, session_id)

        return await self._database.change(known.id, work)

    async def _open_session(
        self, tx: Transaction, user: UserRow, now: datetime, agent: str | None, session_id: UUID
    ) -> SignIn:
        refresh = secrets.token_urlsafe(32)
        await tx.run(
            insert(_S).values(
                ledger_id=user.ledger_id,
                id=session_id,
                user_id=user.id,
                user_agent=agent,
                created_at=now,
                last_used_at=now,
                expires_at=now + timedelta(days=SESSION_DAYS),
            )
        )
        await tx.run(
            insert(_R).values(
                ledger_id=user.ledger_id, hash=_hash(refresh), session_id=session_id, issued_at=now
            )
        )
        access = self._tokens.issue(user.id, session_id, now)
        return SignIn(user, access, refresh)

    async def refresh(self, token: str) -> SignIn:
        """Rotate a refresh token.

        The parent of the newest token gets the same child again for ten seconds (a lost answer);
        any other reuse ends the whole family.  Raises INVALID_CREDENTIALS.
        """
        refused = InvalidCredentials("The refresh token is not valid; sign in again.")
        hashed = _hash(token)
        found = await self._database.call(
            text("SELECT user_id, session_id FROM session_by_refresh(:hash)"), {"hash": hashed}
        )
        if not found:
            raise refused
        user_id, session_id = found[0].user_id, found[0].session_id

        async def work(tx: Transaction) -> SignIn | None:
            return await self._rotate(tx, user_id, session_id, token)

        signed = await self._database.change(user_id, work)
        if signed is None:
            await self._sessions.deny([session_id])
            raise refused
        return signed

    async def family_of(self, token: str) -> UUID | None:
        """The session that a refresh token is or was of."""
        found = await self._database.call(
            text("SELECT session_id FROM session_by_refresh(:hash)"), {"hash": _hash(token)}
        )
        family: UUID | None = found[0].session_id if found else None
        return family

    async def _rotate(
        self, tx: Transaction, user_id: UUID, session_id: UUID, token: str
    ) -> SignIn | None:
        """The next token of a family, or None when the family is over (or ends right now)."""
        user = await get_user(tx, user_id)
        now = utc_now()
        mine = (_S.c.ledger_id == user.ledger_id, _S.c.id == session_id)
        session = await tx.first(
            select(_S.c.revoked_at, _S.c.expires_at).where(*mine).with_for_update()
        )
        this = (_R.c.ledger_id == user.ledger_id, _R.c.hash == _hash(token))
        row = await tx.first(select(_R.c.rotated_at, _R.c.child, _R.c.child_hash).where(*this))
        if session is None or row is None or session.revoked_at or session.expires_at <= now:
            return None
        secret = derive(token.encode(), "refresh child")
        if row.rotated_at is not None:
            child_used = await tx.scalar(
                select(_R.c.rotated_at).where(
                    _R.c.ledger_id == user.ledger_id, _R.c.hash == row.child_hash
                )
            )
            if now - row.rotated_at > timedelta(seconds=REPLAY_SECONDS) or child_used is not None:
                await tx.run(update(_S).where(*mine).values(revoked_at=now, revoked_reason="REUSE"))
                await leave_security(tx, "TOKEN_REUSED", user.ledger_id, user.id, session_id)
                return None
            child = open_bytes(secret, row.child, session_id.bytes).decode()
            return SignIn(user, self._tokens.issue(user.id, session_id, now), child)
        child = secrets.token_urlsafe(32)
        await tx.run(
            insert(_R).values(
                ledger_id=user.ledger_id, hash=_hash(child), session_id=session_id, issued_at=now
            )
        )
        sealed = seal_bytes(secret, child.encode(), session_id.bytes)
        await tx.run(
            update(_R).where(*this).values(rotated_at=now, child=sealed, child_hash=_hash(child))
        )
        await tx.run(update(_S).where(*mine).values(last_used_at=now))
        return SignIn(user, self._tokens.issue(user.id, session_id, now), child)

    async def logout(self, actor: Actor | None, refresh_token: str | None) -> None:
        """End a session, known by its access token or its refresh token; either suffices."""
        user_id, session_id = None, None
        if actor is not None and actor.session_id is not None:
            user_id, session_id = actor.user_id, actor.session_id
        elif refresh_token is not None:
            found = await self._database.call(
                text("SELECT user_id, session_id FROM session_by_refresh(:hash)"),
                {"hash": _hash(refresh_token)},
            )
            if found:
                user_id, session_id = found[0].user_id, found[0].session_id
        if user_id is None or session_id is None:
            raise Unauthenticated("Send the access token or the refresh token to end its session.")
        ended = session_id

        async def work(tx: Transaction) -> None:
            await tx.run(
                update(_S)
                .where(_S.c.id == ended, _S.c.revoked_at.is_(None))
                .values(revoked_at=utc_now(), revoked_reason="LOGOUT")
            )

        await self._database.change(user_id, work)
        await self._sessions.deny([ended])

    async def actor(self, access_token: str) -> Actor:
        """Who is behind an access token; the session must still stand.

        Raises UNAUTHENTICATED or TOKEN_EXPIRED.
        """
        claims = self._tokens.verify(access_token)
        if (image := await self._sessions.get(claims.session_id)) is not None:
            remembered = actor_of_image(image)
            if remembered.user_id == claims.user_id:
                return remembered
        async with self._database.read(claims.user_id) as tx:
            user = await get_user(tx, claims.user_id)
            session = await tx.first(
                select(_S.c.revoked_at, _S.c.expires_at).where(
                    _S.c.ledger_id == user.ledger_id, _S.c.id == claims.session_id
                )
            )
        if session is None or session.revoked_at or session.expires_at <= utc_now():
            raise Unauthenticated("The session has ended; sign in again.")
        actor = actor_of(user, claims.session_id)
        await self._sessions.put(claims.session_id, image_of(Actor).dump_json(actor))
        return actor

    async def admit(self, access_token: str) -> "Admission":
        """Who is behind an access token, and until when; for those who stay connected."""
        actor = await self.actor(access_token)
        return Admission(actor, self._tokens.verify(access_token).expires_at)

    def jwks(self) -> dict[str, Any]:
        """The public keys of access tokens (RFC 7517)."""
        return self._tokens.jwks()

    async def forget_sessions(self, actor: Actor) -> None:
        """Have every session of a person read anew: her zone, currency or words have changed."""
        async with self._database.read(actor.user_id) as tx:
            rows = await tx.rows(
                select(_S.c.id).where(_S.c.ledger_id == actor.ledger_id, _S.c.revoked_at.is_(None))
            )
        await self._sessions.forget([row.id for row in rows])


async def user_by_email(database: Database, email: str) -> UUID | None:
    """Whose address it is, however it is spelled."""
    key = {"key": searchable_email(email)}
    found = await database.call(text("SELECT user_by_email(:key) AS id"), key)
    user_id: UUID | None = found[0].id
    return user_id
