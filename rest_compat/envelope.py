"""The two envelopes that every answer under /v1 wears."""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from graph.errors import note_failure
from graph.http.plain import Plain
from resolvers.errors import AppError


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def success(
    data: Any, *, message: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """``{"success": true, "data": …, "message": …, "timestamp": …}``."""
    return success_of(orjson.dumps(data), message=message, status=status, headers=headers)


def success_of(
    data: bytes, *, message: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The same around data that is JSON already."""
    return _json(body_of(data, message), status, headers or {})


def body_of(data: bytes, message: str) -> bytes:
    """The body of such an answer."""
    return b'{"success":true,"data":%b,"message":%b,"timestamp":"%b"}' % (
        data,
        orjson.dumps(message),
        _now().encode(),
    )


def failure(error: AppError, *, headers: dict[str, str] | None = None) -> Response:
    """``{"success": false, "error": {"code", "message", "details"}, "timestamp": …}``."""
    note_failure(error)
    told = {"code": str(error.code), "message": error.message, "details": error.details}
    extra = dict(headers or {})
    if error.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        extra["Retry-After"] = str(error.retry_after_seconds)
    extra["Cache-Control"] = "no-store"
    body = {"success": False, "error": told, "timestamp": _now()}
    return _json(orjson.dumps(body), error.status, extra)


def _json(body: bytes, status: int, headers: dict[str, str]) -> Response:
    return Plain(body, status, {"Content-Type": "application/json; charset=utf-8", **headers})
