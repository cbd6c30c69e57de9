"""Access tokens: ES256 JSON Web Tokens of 15 minutes (RFC 7519, RFC 8725, RFC 9068)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jwt import JWTClaimsRegistry

from models import ids
from resolvers.errors import TokenExpired, Unauthenticated

LIFETIME_SECONDS: Final = 900
_LEEWAY_SECONDS: Final = 0
_MAX_LENGTH: Final = 4_096
_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    """Seconds since the epoch."""

    def hold(self, now: int) -> None:
        """Raise TOKEN_EXPIRED when its time is over."""
        if self.expires_at <= now:
            raise TokenExpired("The access token is over; refresh the session.")


class AccessTokens:
    """Signs with the first key, verifies with all of them."""

    def __init__(self, keys: Sequence[ECKey], *, issuer: str, audience: str) -> None:
        self._signing = keys[0]
        self._all = KeySet(list(keys))
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[bytes, Claims] = {}

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        public = [key.as_dict(private=False) for key in self._all.keys]
        return {"keys": [{**key, "alg": "ES256", "use": "sig"} for key in public]}

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        """A token for one session."""
        issued = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": ids.encode("user", user_id),
            "sid": ids.encode("ses", session_id),
            "iat": issued,
            "exp": issued + LIFETIME_SECONDS,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._signing.kid}
        return jwt.encode(header, claims, self._signing, algorithms=["ES256"])

    def statement(self, claims: dict[str, Any], kind: str, now: datetime) -> str:
        """A signed statement of ours; its type keeps it from being taken for an access token."""
        header = {"alg": "ES256", "typ": kind, "kid": self._signing.kid}
        told = {"iss": self._issuer, "iat": int(now.timestamp()), **claims}
        return jwt.encode(header, told, self._signing, algorithms=["ES256"])

    def verify(self, token: str) -> Claims:
        """What a token says, if it is ours and its time is not over.

        Raises UNAUTHENTICATED or TOKEN_EXPIRED.
        """
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise Unauthenticated("The access token is not valid.")
        now = int(datetime.now(UTC).timestamp())
        name = blake2b(token.encode(), digest_size=32).digest()
        known = self._verified.get(name)
        if known is None:
            known = self._decode(token, now)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[name] = known
        known.hold(now)
        return known

    def _decode(self, token: str, now: int) -> Claims:
        registry = JWTClaimsRegistry(
            now=now,
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            sid={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        try:
            decoded = jwt.decode(token, self._all, algorithms=["ES256"])
            if decoded.header.get("typ") != "at+jwt":
                raise Unauthenticated("The access token is not valid.")
            registry.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise TokenExpired("The access token is over; refresh the session.") from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unauthenticated("The access token is not valid.") from error
        user_id = ids.decode("user", decoded.claims["sub"])
        session_id = ids.decode("ses", decoded.claims["sid"])
        if user_id is None or session_id is None:
            raise Unauthenticated("The access token is not valid.")
        return Claims(user_id, session_id, int(decoded.claims["exp"]))
