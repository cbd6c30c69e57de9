"""Answers that the server itself gives, in the shape of the door that was asked."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.http.headers import SECURITY

REST: Final = "/v1"


class JsonResponse(Response):
    """A JSON answer."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Write the content as JSON."""
        return orjson.dumps(content)


def timestamp() -> str:
    """This instant as the envelope writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_rest(path: str) -> bool:
    """Whether a path belongs to the REST door."""
    return path == REST or path.startswith(REST + "/")


def success(path: str, data: Any, message: str, *, status: int = 200) -> Response:
    """Data as it is, or in the REST envelope under /v1."""
    if not is_rest(path):
        return JsonResponse(data, status)
    body = {"success": True, "data": data, "message": message, "timestamp": timestamp()}
    return JsonResponse(body, status)


def error_response(
    path: str,
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A failure in the REST envelope under /v1, else as GraphQL writes errors."""
    about = dict(details or {})
    if is_rest(path):
        error = {"code": code, "message": message, "details": about}
        body: dict[str, Any] = {"success": False, "error": error, "timestamp": timestamp()}
    else:
        extensions = {"code": code, "details": about}
        body = {"errors": [{"message": message, "extensions": extensions}]}
    return JsonResponse(body, status, headers=dict(headers or {}))


_REFUSALS: Final = {
    400: ("BAD_REQUEST", "The request is not HTTP as the server understands it."),
    431: ("PAYLOAD_TOO_LARGE", "The request has too many or too long header fields."),
}


def refusal(line: bytes, default_headers: Iterable[tuple[bytes, bytes]], path: bytes) -> bytes:
    """What ends a connection whose request cannot be taken, as it goes over the line.

    ``line`` is the status line.  The path tells the door if it was read before the mistake; what
    was meant to come behind it is not a request any more.
    """
    code, message = _REFUSALS[int(line[9:12])]
    door = path.partition(b"?")[0].decode("latin-1")
    answer = error_response(door, int(line[9:12]), code, message, headers=SECURITY)
    fields = [*default_headers, *answer.raw_headers, (b"connection", b"close")]
    head = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"%b%b\r\n%b" % (line, head, bytes(answer.body))


_CODES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take this method."),
}


async def router_failure(request: Request, error: Exception) -> Response:
    """What the router itself refuses, in the shape of the door that was asked."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = _CODES.get(status, ("BAD_REQUEST", "The request cannot be read."))
    headers = error.headers if isinstance(error, HTTPException) else None
    return error_response(request.url.path, status, code, message, headers=headers)
