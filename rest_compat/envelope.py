"""The two envelopes that every answer under /v1 wears."""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from graph.errors import note_failure
from resolvers.errors import AppError


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def success(
    data: Any, *, message: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """``{"success": true, "data": …, "message": …, "timestamp": …}``."""
    body = {"success": True, "data": data, "message": message, "timestamp": _now()}
    return _json(body, status, headers or {})


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
    return _json({"success": False, "error": told, "timestamp": _now()}, error.status, extra)


def _json(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        headers={"Content-Type": "application/json; charset=utf-8", **headers},
    )
