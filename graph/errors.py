"""Errors on the wire: expected ones by the registry, unexpected ones masked behind a request id."""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.database import LOCK_TIMEOUT, sqlstate
from models.sealing import KeyMissing, SealBroken
from models.telemetry import note_code
from resolvers.errors import (
    AppError,
    BadRequest,
    Conflict,
    DataIntegrity,
    ErrorCode,
    FieldError,
    Invalid,
    Unavailable,
)

_log = structlog.get_logger("pockettrend.errors")
_AWAY: Final = frozenset(
    {"57P01", "57P02", "57P03", "08000", "08001", "08003", "08006", "53300", "57014"}
    # A server that may not write just now: another one took its place, or its disk is full.
    | {"25006", "53100", "53200"}
)
_SERIALIZATION: Final = frozenset({"40001", "40P01", LOCK_TIMEOUT})
_CLOSED_LINE: Final = "the handler is closed"
"""In the words of uvloop: a line was written to that the other side had just closed."""
_MAX_SHOWN: Final = 5
_RETRY_SECONDS: Final = 5
"""After which a part that was away may be well again."""
_DONE: Final = "This is done, but its answer could not be made: do not send it again."
_NO_DATABASE: Final = "The database does not answer now; repeat the request."


def _away(message: str) -> Unavailable:
    return Unavailable(message, retry_after_seconds=_RETRY_SECONDS)


def as_app_error(error: BaseException) -> AppError | None:
    """The expected failure behind an exception, or None for our own mistake."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, SealBroken):
        return DataIntegrity("A stored value failed its authenticity check.")
    if isinstance(error, KeyMissing):
        return DataIntegrity("The keys of this ledger are gone; its figures cannot be read.")
    if isinstance(error, OSError) and not isinstance(error, TimeoutError | ConnectionError):
        # Such as a KMS or a file store: those who call them say which one in the log.
        return _away("A part that this needs does not answer now; repeat the request.")
    if isinstance(error, PoolTimeout | OSError):
        return _away(_NO_DATABASE)
    if isinstance(error, DBAPIError):
        state = sqlstate(error)
        if state in _SERIALIZATION:
            return Conflict("Other writes were in the way; repeat the request.")
        if state in _AWAY or error.connection_invalidated:
            return _away(_NO_DATABASE)
    if isinstance(error, RuntimeError) and _CLOSED_LINE in str(error):
        return _away(_NO_DATABASE)
    if isinstance(error, SQLAlchemyError) and "closed" in str(error).lower():
        return _away(_NO_DATABASE)
    return None


def masked(error: BaseException, request_id: str) -> AppError:
    """The failure to show; an unexpected one is logged with its trace and told by request id."""
    known = as_app_error(error)
    if known is not None:
        if known.status >= 500:
            _log.error("failure", request_id=request_id, code=str(known.code), exc_info=error)
        return known
    _log.error("unexpected", request_id=request_id, exc_info=error)
    return AppError(
        "Something went wrong on our side; nothing was changed. Quote the request id.",
        code=ErrorCode.INTERNAL_ERROR,
        details={"requestId": request_id},
    )


def behind_writes(errors: Sequence[GraphQLError], request_id: str) -> list[GraphQLError]:
    """Errors of mutations: who is told of a failure behind a write that is done must not repeat it.

    What fails below a root field fails after its resolver, and so after its commit.
    """
    return [_behind(error, request_id) if error.path else error for error in errors]


def _behind(error: GraphQLError, request_id: str) -> GraphQLError:
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError) or len(error.path or ()) < 2:
        return error
    known = masked(cause, request_id)
    if known.status < 500:
        return error
    done = AppError(_DONE, code=known.code, details={**known.details, "done": True})
    return GraphQLError(
        _DONE, error.nodes, error.source, error.positions, error.path, original_error=done
    )


def note_failure(error: AppError) -> None:
    """Have a failure counted that is told to the caller."""
    note_code(str(error.code))


def graphql_shape(error: AppError) -> dict[str, Any]:
    """``extensions`` of a GraphQL error."""
    note_failure(error)
    return {"code": str(error.code), "details": error.details}


def request_errors(errors: Sequence[GraphQLError], fields: Sequence[FieldError] = ()) -> AppError:
    """Syntax or validation errors of a document as one failure; ``fields`` are its wrong values."""
    first = errors[0]
    told = [_located(error) for error in errors[:_MAX_SHOWN]]
    if isinstance(first.original_error, AppError):
        return first.original_error
    if first.message.startswith("Syntax Error"):
        return BadRequest(first.message, details={"errors": told})
    return Invalid(fields, message=None if fields else first.message, details={"errors": told})


def _located(error: GraphQLError) -> dict[str, Any]:
    places = [{"line": one.line, "column": one.column} for one in error.locations or ()]
    return {"message": error.message, "locations": places}


def response_errors(errors: Sequence[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """``errors`` of a GraphQL answer: code and details of the registry, nothing of our insides."""
    shown = []
    for error in errors:
        cause = error.original_error
        if cause is None and error.path is None:
            known: AppError = request_errors([error])
        elif cause is None or isinstance(cause, GraphQLError):
            known = Invalid([], message=error.message)
        else:
            known = masked(cause, request_id)
        told: dict[str, Any] = {"message": known.message}
        if error.locations:
            told["locations"] = [{"line": p.line, "column": p.column} for p in error.locations]
        if error.path:
            told["path"] = list(error.path)
        told["extensions"] = graphql_shape(known)
        shown.append(told)
    return shown
