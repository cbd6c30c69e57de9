"""Personal tokens: for programs of their owner, with the scopes that she gave them."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from sqlalchemy import insert, or_, select, text, update

from models import ids
from models.auth import PersonalToken, PersonalTokenRow
from models.base import table, utc_now
from models.database import Transaction
from models.ids import new_id
from resolvers.access import ACTIONS, RESOURCES, Actor
from resolvers.audit import note
from resolvers.errors import Conflict, NotFound, Unauthenticated, invalid
from resolvers.inputs import Input, Name
from resolvers.ledgers import Ledgers, Outcome
from resolvers.mails import token_hash
from resolvers.notifications import leave_security
from resolvers.repeats import Repeat
from resolvers.users import actor_of, get_user

PREFIX: Final = "pt_pat_"
"""By this programs that look for leaked secrets know one of ours."""
MOST: Final = 100
_NOTED: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=3_653)
_T: Final = table(PersonalToken)
_BY_HASH: Final = text("SELECT user_id, token_id FROM personal_token(:hash)")
_COLUMNS: Final = (
    _T.c.ledger_id, _T.c.id, _T.c.name, _T.c.scopes, _T.c.created_at, _T.c.last_used_at,
    _T.c.expires_at,
)  # fmt: skip


def _scope(value: str) -> str:
    resource, _, action = value.partition(":")
    if resource not in RESOURCES or action not in ACTIONS:
        raise ValueError(
            f"A scope is a resource ({', '.join(sorted(RESOURCES))}), a colon and read or write."
        )
    return value


Scope = Annotated[str, AfterValidator(_scope)]


class TokenCreate(Input):
    """What a token is called and what it may do."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=60)]
    expires_at: datetime | None = None


def is_personal(token: str) -> bool:
    """Whether a bearer token claims to be a personal one."""
    return token.startswith(PREFIX)


class PersonalTokens:
    """Made, used, listed and ended."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers
        self._database = ledgers.database

    async def create(
        self, actor: Actor, data: TokenCreate, repeat: Repeat | None = None
    ) -> Outcome[tuple[PersonalTokenRow, str]]:
        """A new token and its secret, which is told this once.

        Raises VALIDATION_ERROR, and CONFLICT for too many.
        """
        now = utc_now()
        if data.expires_at is not None and not now < data.expires_at <= now + _LONGEST:
            raise invalid("expiresAt", "Between now and ten years from now.")
        secret = PREFIX + secrets.token_urlsafe(32)
        scopes = sorted(set(data.scopes))
        row = PersonalTokenRow(
            actor.ledger_id, new_id(), data.name, scopes, now, None, data.expires_at
        )

        async def work(tx: Transaction) -> tuple[PersonalTokenRow, str]:
            if len(await list_personal_tokens(tx, actor)) >= MOST:
                raise Conflict(f"At most {MOST} tokens stand at a time; end one first.")
            await tx.run(
                insert(_T).values(
                    ledger_id=row.ledger_id, id=row.id, user_id=actor.user_id, name=row.name,
                    hash=token_hash(secret), scopes=scopes, created_at=now,
                    expires_at=row.expires_at,
                )
            )  # fmt: skip
            told: dict[str, Any] = {"id": ids.encode("tok", row.id), "scopes": scopes}
            who = (actor.ledger_id, actor.user_id, actor.session_id)
            await leave_security(tx, "PERSONAL_TOKEN_CREATED", *who, **told)
            return row, secret

        answer = tuple[PersonalTokenRow, str]
        return await self._ledgers.once(actor, work, repeat=repeat, answer=answer)

    async def revoke(
        self, actor: Actor, wanted: str, repeat: Repeat | None = None
    ) -> Outcome[None]:
        """End a token at once; raises NOT_FOUND when it does not stand."""
        token_id = ids.decode("tok", wanted)

        async def work(tx: Transaction) -> None:
            mine = (_T.c.ledger_id == actor.ledger_id, _T.c.id == token_id)
            ended = update(_T).where(*mine, _T.c.revoked_at.is_(None)).values(revoked_at=utc_now())
            if token_id is None or await tx.run(ended) != 1:
                raise NotFound("There is no such token.")
            event, here = "PERSONAL_TOKEN_REVOKED", actor.session_id
            await note(tx, actor.ledger_id, event, session_id=here, id=wanted)

        return await self._ledgers.once(actor, work, repeat=repeat, answer=None)

    async def actor(self, token: str) -> Actor:
        """Who is behind a token, with its scopes; read anew each time, so that its end is at once.

        Raises UNAUTHENTICATED.
        """
        refused = Unauthenticated("The personal token is unknown, ended or over.")
        found = await self._database.call(_BY_HASH, {"hash": token_hash(token)})
        if not found:
            raise refused
        user_id, token_id, now = found[0].user_id, found[0].token_id, utc_now()
        async with self._database.read(user_id) as tx:
            user = await get_user(tx, user_id)
            mine = (_T.c.ledger_id == user.ledger_id, _T.c.id == token_id)
            row = await tx.first(
                select(_T.c.scopes, _T.c.expires_at, _T.c.last_used_at).where(
                    *mine, _T.c.revoked_at.is_(None)
                )
            )
            if row is None or (row.expires_at is not None and row.expires_at <= now):
                raise refused
            if row.last_used_at is None or row.last_used_at < now - _NOTED:

                async def noted(tx: Transaction) -> None:
                    await tx.run(update(_T).where(*mine).values(last_used_at=now))

                tx.afterwards(noted)
        return replace(actor_of(user), scopes=frozenset(row.scopes))


async def list_personal_tokens(tx: Transaction, actor: Actor) -> list[PersonalTokenRow]:
    """The tokens that stand, the newest first."""
    mine = (_T.c.ledger_id == actor.ledger_id, _T.c.user_id == actor.user_id)
    stands = (
        _T.c.revoked_at.is_(None),
        or_(_T.c.expires_at.is_(None), _T.c.expires_at > utc_now()),
    )
    newest = select(*_COLUMNS).where(*mine, *stands).order_by(_T.c.id.desc()).limit(MOST)
    return [PersonalTokenRow(**row._asdict()) for row in await tx.rows(newest)]
