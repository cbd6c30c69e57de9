"""Signing up, in and out: sessions, refresh-token families and their revocation."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any, Final
from uuid import UUID

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
from resolvers.audit import note
from resolvers.auth_inputs import Admission, LoginInput, RegisterInput, Secret, SignIn
from resolvers.categories import create_starter_set
from resolvers.errors import Conflict, Invalid, InvalidCredentials, Unauthenticated, invalid
from resolvers.events import image_of
from resolvers.failures import MOST, Failures
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.mails import MAIL_VERIFY
from resolvers.notifications import agent_name, leave_security, leave_sign_in
from resolvers.passwords import Passwords
from resolvers.remembered import actor_of_image
from resolvers.repeats import Repeat
from resolvers.second_factor import prove_second_factor
from resolvers.tokens import AccessTokens, Claims
from resolvers.users import COLUMNS, actor_of, email_key, get_user, user_by_email, user_row

__all__ = ["Admission", "Auth", "LoginInput", "RegisterInput", "Secret", "SignIn"]

_U: Final = table(User)
_S: Final = table(Session)
_R: Final = table(RefreshToken)

SESSION_DAYS: Final = 7
REPLAY_SECONDS: Final = 10
"""How long the parent of a lost answer still gets the same child."""


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
        failures: Failures,
    ) -> None:
        self._database = database
        self._failures = failures
        self.ledgers = ledgers
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions

    @property
    def database(self) -> Database:
        """Where people are kept."""
        return self._database

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
        hashed: str | None,
        *,
        user_agent: str | None = None,
        proved: Callable[[Transaction], Awaitable[None]] | None = None,
        linked: Callable[[Transaction, UUID, UUID], Awaitable[None]] | None = None,
    ) -> SignIn:
        """Found a ledger for who signs up with a password's hash, or without; raises CONFLICT.

        ``proved`` runs first in the same transaction: it spends what proved the address.
        ``linked`` runs in it with ledger and person: it notes who vouched for her.
        """
        now = utc_now()
        user = UserRow(
            id=new_id(), ledger_id=new_id(), email=data.email, name=data.name,
            base_currency=data.base_currency, locale=data.locale, time_zone=data.time_zone,
            email_verified=bool(proved or linked), two_factor_enabled=False, version=1,
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
            if linked is not None:
                await linked(write.tx, user.ledger_id, user.id)
            await note(write.tx, user.ledger_id, "SIGNED_UP")
            return await self._open_session(write.tx, user, now, agent_name(user_agent), new_id())

        try:
            outcome = await self.ledgers.write(actor, work, first=found_ledger)
        except DBAPIError as error:
            known = constraint_of(error) == "uq_users_email_key"
            if sqlstate(error) == UNIQUE_VIOLATION and known:
                raise Conflict("This address is registered already; sign in instead.") from error
            raise
        return outcome.value

    async def _found_ledger(self, tx: Transaction, user: UserRow, hashed: str | None) -> None:
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
        # Whoever has no account is looked up all the same, as somebody whom there is not.
        user_id = await user_by_email(self._database, data.email) or new_id()
        async with self._database.read(user_id) as tx:
            row = await tx.first(select(*COLUMNS, _U.c.password_hash).where(_U.c.id == user_id))
        user, stored = (user_row(row), row.password_hash) if row is not None else (None, None)
        failed = await self._failures.count(data.email)
        right = await self._passwords.verify(stored, data.password)
        refused = InvalidCredentials("The address or the password is not right.")
        if user is None or not right or failed >= MOST:
            await self._failures.note(data.email)
            raise refused
        known = user

        async def work(tx: Transaction) -> SignIn:
            # A password that is being replaced right now opens nothing any more.
            present = select(_U.c.password_hash).where(_U.c.id == known.id)
            if await tx.scalar(present.with_for_update(read=True)) != stored:
                raise refused
            await self._failures.clear(tx, data.email)
            return await self._enter(tx, known, data.code, user_agent, failedBefore=failed)

        return await self._database.change(known.id, work)

    async def enter(self, user_id: UUID, code: str | None, *, user_agent: str | None) -> SignIn:
        """Sign in somebody for whom another provider vouched; her second factor is asked for."""

        async def work(tx: Transaction) -> SignIn:
            return await self._enter(tx, await get_user(tx, user_id), code, user_agent, by="OIDC")

        return await self._database.change(user_id, work)

    async def require_password(self, actor: Actor, password: str) -> None:
        """Raise VALIDATION_ERROR unless it is the present password."""
        async with self._database.read(actor.user_id) as tx:
            held = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == actor.user_id))
        if not await self._passwords.verify(held, password):
            raise invalid("password", "Not the present password.", "WRONG")

    async def _enter(
        self, tx: Transaction, user: UserRow, code: str | None, user_agent: str | None, **told: Any
    ) -> SignIn:
        session_id, agent = new_id(), agent_name(user_agent)
        await prove_second_factor(tx, user, code, session_id)
        told["userAgent"] = agent
        await note(tx, user.ledger_id, "SIGNED_IN", session_id=session_id, **told)
        await leave_sign_in(tx, user.ledger_id, user.id, session_id, agent)
        return await self._open_session(tx, user, utc_now(), agent, session_id)

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

    async def logout(
        self, actor: Actor | None, refresh_token: str | None, repeat: Repeat | None = None
    ) -> bool:
        """End a session, known by its access or its refresh token; whether that was replayed."""
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
            standing = update(_S).where(_S.c.id == ended, _S.c.revoked_at.is_(None))
            over = standing.values(revoked_at=utc_now(), revoked_reason="LOGOUT")
            for row in await tx.rows(over.returning(_S.c.ledger_id)):
                await note(tx, row.ledger_id, "SIGNED_OUT", session_id=ended)

        replayed = False
        if actor is not None:
            replayed = (await self.ledgers.once(actor, work, repeat=repeat, answer=None)).replayed
        else:
            await self._database.change(user_id, work)
        await self._sessions.deny([ended])
        return replayed

    async def actor(self, access_token: str) -> Actor:
        """Who is behind an access token; the session must still stand.

        Raises UNAUTHENTICATED or TOKEN_EXPIRED.
        """
        return await self.behind(self._tokens.verify(access_token))

    def claims(self, access_token: str) -> Claims:
        """What an access token says; raises UNAUTHENTICATED or TOKEN_EXPIRED."""
        return self._tokens.verify(access_token)

    async def behind(self, claims: Claims) -> Actor:
        """Who is behind a token that was verified; its time and its session must still stand."""
        claims.hold(int(time()))
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

    def image_at_once(self, claims: Claims) -> bytes | None:
        """The kept image behind such a token; None where ``behind`` has to be asked."""
        return self._sessions.kept(claims.session_id) if claims.expires_at > time() else None

    async def admit(self, access_token: str) -> "Admission":
        """Who is behind an access token, and until when; for those who stay connected."""
        return Admission(await self.behind(found := self.claims(access_token)), found.expires_at)

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
