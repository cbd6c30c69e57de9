"""The one registry of what can go wrong, rendered by both doors.

AppError
├── Unauthenticated, TokenExpired, InvalidCredentials
├── Forbidden, NotFound, Conflict, StaleObject, Gone
├── Invalid            one or more fields are wrong (VALIDATION_ERROR and its kin)
├── TooLarge, TooComplex, RateLimited, AddressBlocked
└── Unavailable, DataIntegrity
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Every code that an answer of this product can carry."""

    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a code, not a secret
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    TWO_FACTOR_REQUIRED = "TWO_FACTOR_REQUIRED"
    FORBIDDEN = "FORBIDDEN"
    ADDRESS_BLOCKED = "ADDRESS_BLOCKED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    CONFLICT = "CONFLICT"
    GONE = "GONE"
    STALE_OBJECT = "STALE_OBJECT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    READ_ONLY = "READ_ONLY"
    INVALID_CURSOR = "INVALID_CURSOR"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - a code, not a secret
    OVERFLOW = "OVERFLOW"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    DATA_INTEGRITY = "DATA_INTEGRITY"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What a code means: its HTTP status and one sentence for the reader."""

    status: int
    meaning: str


REGISTRY: Mapping[ErrorCode, CodeFacts] = {
    ErrorCode.BAD_REQUEST: CodeFacts(
        400, "The request cannot be read: malformed JSON, a malformed header, or GraphQL syntax."
    ),
    ErrorCode.UNAUTHENTICATED: CodeFacts(
        401, "No valid access token came with the request. Sign in and send it as a bearer token."
    ),
    ErrorCode.TOKEN_EXPIRED: CodeFacts(
        401, "The access token's 15 minutes are over. Refresh the session and repeat the request."
    ),
    ErrorCode.INVALID_CREDENTIALS: CodeFacts(
        401, "The address, the password or the refresh token is not right; which one is not said."
    ),
    ErrorCode.TWO_FACTOR_REQUIRED: CodeFacts(
        401, "The password was right; send the one-time code as well."
    ),
    ErrorCode.FORBIDDEN: CodeFacts(403, "You may see this, but your role or token may not do it."),
    ErrorCode.ADDRESS_BLOCKED: CodeFacts(
        403, "Too many failed attempts came from this address; it is blocked for a while."
    ),
    ErrorCode.NOT_FOUND: CodeFacts(404, "Nothing is here, or what is here is not yours."),
    ErrorCode.METHOD_NOT_ALLOWED: CodeFacts(
        405, "The path exists, the method does not; the Allow header lists those that do."
    ),
    ErrorCode.NOT_ACCEPTABLE: CodeFacts(
        406, "None of the media types in the Accept header can be produced."
    ),
    ErrorCode.CONFLICT: CodeFacts(
        409,
        "The request is right but the present state forbids it: a duplicate, in use, in flight.",
    ),
    ErrorCode.GONE: CodeFacts(
        410, "It existed and its time is over: an expired link, an old cursor."
    ),
    ErrorCode.STALE_OBJECT: CodeFacts(
        412, "Somebody changed the object since you read it; the current one is in the details."
    ),
    ErrorCode.PAYLOAD_TOO_LARGE: CodeFacts(
        413, "The body, the file or the batch is over its limit."
    ),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: CodeFacts(
        415, "The body's type is not one that this path reads; the message names what it found."
    ),
    ErrorCode.VALIDATION_ERROR: CodeFacts(
        422, "One or more fields are wrong; details.fields names each with its path and reason."
    ),
    ErrorCode.READ_ONLY: CodeFacts(
        422, "A field that cannot be changed was sent with another value."
    ),
    ErrorCode.INVALID_CURSOR: CodeFacts(
        422, "The cursor was not made by this list, for you, in this order."
    ),
    ErrorCode.INVALID_TOKEN: CodeFacts(
        422, "The mailed token is unknown, used or too old. Ask for a new one."
    ),
    ErrorCode.OVERFLOW: CodeFacts(422, "A sum would leave the range of 64-bit minor units."),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: CodeFacts(
        422, "This idempotency key was already used with another input."
    ),
    ErrorCode.QUERY_TOO_COMPLEX: CodeFacts(
        422,
        "The GraphQL document is over one of the limits; the message says which and by how much.",
    ),
    ErrorCode.RATE_LIMITED: CodeFacts(
        429, "Too many requests; Retry-After says in how many seconds the next one passes."
    ),
    ErrorCode.INTERNAL_ERROR: CodeFacts(
        500,
        "Our mistake. The request id leads us to its cause; nothing was changed, unless "
        "`details.done` says that the write itself is done.",
    ),
    ErrorCode.DATA_INTEGRITY: CodeFacts(
        500, "A stored value failed its authenticity check and is withheld rather than guessed."
    ),
    ErrorCode.UNAVAILABLE: CodeFacts(
        503, "A part that this request needs does not answer now; repeat it a little later."
    ),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of an input: where it is, what kind of wrong, and what would be right."""

    path: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """Shape of one entry of ``details.fields``."""
        return {"path": self.path, "code": self.code, "message": self.message}


class AppError(Exception):
    """An expected failure: a code of the registry, a sentence, and details for a program."""

    code: ErrorCode = ErrorCode.INTERNAL_ERROR

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after_seconds = retry_after_seconds

    @property
    def status(self) -> int:
        """HTTP status of the code."""
        return REGISTRY[self.code].status


class BadRequest(AppError):
    """The request cannot be read at all."""

    code = ErrorCode.BAD_REQUEST


class Unauthenticated(AppError):
    """No valid token."""

    code = ErrorCode.UNAUTHENTICATED

    def __init__(
        self, message: str = "Sign in first: send an access token as a bearer token."
    ) -> None:
        super().__init__(message)


class TokenExpired(AppError):
    """The access token was right once."""

    code = ErrorCode.TOKEN_EXPIRED


class InvalidCredentials(AppError):
    """Wrong address, password or refresh token; never says which."""

    code = ErrorCode.INVALID_CREDENTIALS


class Forbidden(AppError):
    """Visible, but not allowed."""

    code = ErrorCode.FORBIDDEN


class NotFound(AppError):
    """Absent, or somebody else's."""

    code = ErrorCode.NOT_FOUND


class Conflict(AppError):
    """The present state forbids it."""

    code = ErrorCode.CONFLICT


class Gone(AppError):
    """Its time is over."""

    code = ErrorCode.GONE


class StaleObject(AppError):
    """Expected another version; ``details.current`` holds the object as it is."""

    code = ErrorCode.STALE_OBJECT


class TooLarge(AppError):
    """Over a size limit."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class UnsupportedMediaType(AppError):
    """Not a type that is read here."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class TooComplex(AppError):
    """A GraphQL document over budget."""

    code = ErrorCode.QUERY_TOO_COMPLEX


class RateLimited(AppError):
    """Over a limit; ``details`` says which, and when a repeat passes."""

    code = ErrorCode.RATE_LIMITED
    allowances: Sequence[Any] = ()
    """Where every limit that the request met stands, for the headers of its answer."""


class AddressBlocked(AppError):
    """Too many failures came from the caller's address."""

    code = ErrorCode.ADDRESS_BLOCKED


class InvalidCursor(AppError):
    """A cursor that this list did not make for this person."""

    code = ErrorCode.INVALID_CURSOR


class Unavailable(AppError):
    """A part does not answer."""

    code = ErrorCode.UNAVAILABLE


class DataIntegrity(AppError):
    """A sealed value was tampered with."""

    code = ErrorCode.DATA_INTEGRITY


class Invalid(AppError):
    """Fields are wrong: ``details.fields`` lists them all, not the first only."""

    code = ErrorCode.VALIDATION_ERROR

    def __init__(
        self,
        fields: Sequence[FieldError],
        *,
        message: str | None = None,
        code: ErrorCode | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        text = message or "; ".join(
            f"{f.path}: {f.message}" if f.path else f.message for f in fields
        )
        merged = {**(details or {}), "fields": [f.as_json() for f in fields]}
        super().__init__(text or "The input is not valid.", code=code, details=merged)
        self.fields = tuple(fields)


def invalid(path: str, message: str, code: str = "INVALID") -> Invalid:
    """One wrong field as an error."""
    return Invalid([FieldError(path, code, message)])


def errors_page() -> str:
    """The registry as a page: one paragraph for each code, committed as ``docs/errors.md``."""
    head = (
        "# Errors\n\nGenerated from the registry in `resolvers/errors.py`. GraphQL shows the code "
        "in `errors[].extensions`, REST in `error.code`; both with the same `details`.\n"
    )
    rows = [
        f"\n## {code}\n\nHTTP {facts.status}. {facts.meaning}\n" for code, facts in REGISTRY.items()
    ]
    return head + "".join(rows)
