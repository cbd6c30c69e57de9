"""Signing in with an account at another provider: OpenID Connect by authorization code and PKCE.

Nothing is kept between the two steps: what belongs together is sealed into the ``state``, and who
finishes shows the ``verifier`` that only who began has (against sign-ins slipped to somebody).
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from pydantic import Field
from pydantic_core import from_json, to_json
from sqlalchemy import delete, insert, select, text

from models.auth import Identity
from models.base import table, utc_now
from models.database import Transaction
from models.ids import new_id
from models.sealing import SealBroken, derive, open_bytes, seal_bytes
from models.users import User
from resolvers.access import Actor
from resolvers.audit import note
from resolvers.auth import Auth
from resolvers.auth_inputs import RegisterInput, Secret, SignIn
from resolvers.errors import (
    AppError,
    Conflict,
    ErrorCode,
    InvalidCredentials,
    NotFound,
    Unavailable,
    invalid,
)
from resolvers.inputs import Input, parse
from resolvers.ledgers import Outcome
from resolvers.notifications import leave_security
from resolvers.repeats import Repeat
from resolvers.users import user_by_email

_log: Final = structlog.get_logger("oidc")
_LIVES: Final = timedelta(minutes=10)
_KNOWN_SECONDS: Final = 3_600
_ANSWER_SECONDS: Final = 10
_ALGORITHMS: Final = ["RS256", "ES256", "PS256"]
_CONTEXT: Final = b"sign-in elsewhere"
_I: Final = table(Identity)
_U: Final = table(User)
_OWNER: Final = text("SELECT user_id FROM identity_owner(:subject)")
_REFUSED: Final = "The sign-in elsewhere was not completed; begin again."
Word = Annotated[str, Field(min_length=1, max_length=4_096)]


@dataclass(frozen=True, slots=True)
class Provider:
    """Another provider as the settings name it."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirects: tuple[str, ...]


class BeginInput(Input):
    """Where the provider sends the person back to."""

    redirect_uri: Word | None = None


class FinishInput(Input):
    """What came back, or what was waited for."""

    verifier: Word
    code: Word | None = None
    state: Word | None = None
    continuation: Word | None = None
    two_factor_code: Annotated[str, Field(max_length=64)] | None = None


class LinkInput(Input):
    """What came back to somebody who is signed in."""

    verifier: Word
    code: Word
    state: Word
    password: Secret


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the person goes, and what she needs to come back."""

    authorization_url: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """An account elsewhere that may sign in."""

    id: UUID
    provider: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Told:
    """What the provider says of somebody."""

    subject: bytes
    email: str | None
    name: str | None


class SignInsElsewhere:
    """Both steps, linking and unlinking; without a provider everything is refused."""

    def __init__(self, auth: Auth, provider: Provider | None, key: bytes) -> None:
        self._auth = auth
        self._database = auth.database
        self._ledgers = auth.ledgers
        self._provider = provider
        self._seal_key = derive(key, "state")
        self._name_key = derive(key, "subjects")
        self._known: tuple[float, Mapping[str, Any], KeySet] | None = None

    @property
    def provider(self) -> Provider:
        """The provider; raises NOT_FOUND where none is set."""
        if self._provider is None:
            raise NotFound("No other provider signs in here.")
        return self._provider

    def named(self, redirect: str) -> str | None:
        """How the provider is called, if there is one that may send people back to an address."""
        known = self._provider
        return known.name if known is not None and redirect in known.redirects else None

    async def begin(self, data: BeginInput) -> Begun:
        """The address that the person is sent to; raises VALIDATION_ERROR, UNAVAILABLE."""
        provider = self.provider
        redirect = data.redirect_uri or provider.redirects[0]
        if redirect not in provider.redirects:
            raise invalid("redirectUri", "Not one of the addresses that are set for it.")
        verifier, pkce, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        told = {"verifier": _print(verifier), "pkce": pkce, "nonce": nonce, "redirect": redirect}
        async with self._client(redirect) as client:
            metadata, _ = await self._discovered(client)
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=self._sealed(told), nonce=nonce,
                code_verifier=pkce,
            )  # fmt: skip
        return Begun(url, verifier)

    async def finish(self, data: FinishInput, *, user_agent: str | None = None) -> SignIn:
        """Sign in who came back, with a new account for an address that nobody has.

        Raises INVALID_CREDENTIALS, TWO_FACTOR_REQUIRED with a continuation, and CONFLICT for an
        address whose owner signs in otherwise.
        """
        if data.continuation is not None:
            user_id = UUID(self._opened(data.continuation, data.verifier)["user"])
        else:
            told = await self._exchanged(data.code, data.state, data.verifier)
            found = await self._database.call(_OWNER, {"subject": told.subject})
            if not found:
                return await self._found(told, user_agent)
            user_id = found[0].user_id
        try:
            return await self._auth.enter(user_id, data.two_factor_code, user_agent=user_agent)
        except AppError as error:
            if error.code is ErrorCode.TWO_FACTOR_REQUIRED:
                waits = {"verifier": _print(data.verifier), "user": user_id.hex}
                error.details["continuation"] = self._sealed(waits)
            raise

    async def _found(self, told: _Told, user_agent: str | None) -> SignIn:
        if told.email is None:
            raise InvalidCredentials("The provider does not vouch for your mail address.")
        if await user_by_email(self._database, told.email) is not None:
            raise Conflict("This address has an account: sign in to it, then link this one.")
        data = parse(
            RegisterInput,
            {"email": told.email, "password": "-", "name": (told.name or told.email)[:200]},
        )

        async def linked(tx: Transaction, ledger_id: UUID, user_id: UUID) -> None:
            await self._link(tx, ledger_id, user_id, told.subject)

        return await self._auth.found(data, None, user_agent=user_agent, linked=linked)

    async def link(
        self, actor: Actor, data: LinkInput, repeat: Repeat | None = None
    ) -> Outcome[IdentityRow]:
        """Let an account elsewhere sign in too.

        Raises VALIDATION_ERROR for a wrong password, CONFLICT when it belongs to somebody.
        """
        _ = self.provider
        # The provider takes a code once.
        before = await self._ledgers.answered(actor, repeat=repeat, answer=IdentityRow)
        if before is not None:
            return before
        await self._auth.require_password(actor, data.password)
        told = await self._exchanged(data.code, data.state, data.verifier)

        async def work(tx: Transaction) -> IdentityRow:
            row = await self._link(tx, actor.ledger_id, actor.user_id, told.subject)
            who = (actor.ledger_id, actor.user_id, actor.session_id)
            await leave_security(tx, "IDENTITY_LINKED", *who)
            return row

        if await self._database.call(_OWNER, {"subject": told.subject}):
            raise Conflict("This account elsewhere is linked already.")
        return await self._ledgers.once(actor, work, repeat=repeat, answer=IdentityRow)

    async def unlink(
        self, actor: Actor, wanted: str, repeat: Repeat | None = None
    ) -> Outcome[None]:
        """Let it sign in no more; raises NOT_FOUND, and CONFLICT for the only way in."""

        async def work(tx: Transaction) -> None:
            password = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == actor.user_id))
            mine = await list_identities(tx, actor)
            found = next((one for one in mine if str(one.id) == wanted), None)
            if found is None:
                raise NotFound("There is no such identity.")
            if password is None and len(mine) == 1:
                raise Conflict("It is your only way in: set a password by mail first.")
            gone = delete(_I).where(_I.c.ledger_id == actor.ledger_id, _I.c.id == found.id)
            await tx.run(gone)
            await note(tx, actor.ledger_id, "IDENTITY_UNLINKED", session_id=actor.session_id)

        return await self._ledgers.once(actor, work, repeat=repeat, answer=None)

    async def _link(
        self, tx: Transaction, ledger_id: UUID, user_id: UUID, subject: bytes
    ) -> IdentityRow:
        row = IdentityRow(new_id(), self.provider.name, utc_now())
        await tx.run(
            insert(_I).values(
                ledger_id=ledger_id, id=row.id, user_id=user_id, provider=row.provider,
                subject=subject, created_at=row.created_at,
            )
        )  # fmt: skip
        return row

    async def _exchanged(self, code: str | None, state: str | None, verifier: str) -> _Told:
        """Trade the code for what the provider says; raises INVALID_CREDENTIALS, UNAVAILABLE."""
        provider = self.provider
        if code is None or state is None:
            raise invalid("code", "Send code and state as they came back.", "REQUIRED")
        begun = self._opened(state, verifier)
        async with self._client(begun["redirect"]) as client:
            metadata, keys = await self._discovered(client)
            try:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=begun["pkce"],
                    grant_type="authorization_code",
                )  # fmt: skip
            except Exception as error:
                raise _told_of(error) from error
        registry = JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": begun["nonce"]},
        )
        try:
            claims = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise InvalidCredentials(_REFUSED) from error
        named = f"{provider.issuer}\x00{claims['sub']}".encode()
        vouched = claims.get("email") if claims.get("email_verified") is True else None
        return _Told(hmac.digest(self._name_key, named, sha256), vouched, claims.get("name"))

    async def _discovered(self, client: Any) -> tuple[Mapping[str, Any], KeySet]:
        """The provider's own description and its keys, read anew every hour."""
        if self._known is not None and monotonic() - self._known[0] < _KNOWN_SECONDS:
            return self._known[1], self._known[2]
        issuer = self.provider.issuer
        try:
            metadata = await _json_of(client, f"{issuer}/.well-known/openid-configuration")
            if metadata["issuer"] != issuer:
                raise ValueError("it names another issuer")
            keys = KeySet.import_key_set(await _json_of(client, metadata["jwks_uri"]))
        except Exception as error:
            # Whatever it was, people are told to come back; the operator reads why.
            _log.warning("oidc.no_provider", issuer=issuer, exc_info=error)
            raise _away() from error
        self._known = (monotonic(), metadata, keys)
        return metadata, keys

    def _client(self, redirect: str) -> Any:
        # Imported here: it costs a quarter of the start, and most installations never need it.
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # noqa: PLC0415

        provider = self.provider
        return AsyncOAuth2Client(
            provider.client_id, provider.client_secret, scope="openid email profile",
            redirect_uri=redirect, code_challenge_method="S256", timeout=_ANSWER_SECONDS,
        )  # fmt: skip

    def _sealed(self, told: dict[str, Any]) -> str:
        packed = to_json({**told, "ends": (utc_now() + _LIVES).timestamp()})
        return urlsafe_b64encode(seal_bytes(self._seal_key, packed, _CONTEXT)).decode()

    def _opened(self, state: str, verifier: str) -> dict[str, Any]:
        """What a state holds, for who has its verifier, while it lives."""
        try:
            sealed = urlsafe_b64decode(state.encode())
            told: dict[str, Any] = from_json(open_bytes(self._seal_key, sealed, _CONTEXT))
        except (SealBroken, Base64Error, ValueError) as error:
            raise InvalidCredentials(_REFUSED) from error
        mine = hmac.compare_digest(told["verifier"], _print(verifier))
        if not mine or told["ends"] < utc_now().timestamp():
            raise InvalidCredentials(_REFUSED)
        return told


async def list_identities(tx: Transaction, actor: Actor) -> list[IdentityRow]:
    """The accounts elsewhere that may sign in, the oldest first."""
    columns = (_I.c.id, _I.c.provider, _I.c.created_at)
    mine = (_I.c.ledger_id == actor.ledger_id, _I.c.user_id == actor.user_id)
    rows = await tx.rows(select(*columns).where(*mine).order_by(_I.c.id).limit(100))
    return [IdentityRow(row.id, row.provider, row.created_at) for row in rows]


def _print(verifier: str) -> str:
    return sha256(verifier.encode("utf-8", "surrogatepass")).hexdigest()


async def _json_of(client: Any, url: str) -> Any:
    answer = await client.request("GET", url, withhold_token=True)
    answer.raise_for_status()
    return answer.json()


def _told_of(error: Exception) -> AppError:
    """A provider that refuses the code, or one that cannot be reached."""
    if hasattr(error, "description"):
        return InvalidCredentials(_REFUSED)
    _log.warning("oidc.no_token", exc_info=error)
    return _away()


def _away() -> Unavailable:
    return Unavailable("The other provider does not answer now; try again later.")
