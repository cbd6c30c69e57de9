"""A limit on the bytes of a body, counted while they arrive, with or without a stated length."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.bare import error_response
from resolvers.errors import TooLarge

BODY_BYTES: Final = 2 * 1024 * 1024
FORM_BYTES: Final = 2 * 1024 * 1024
"""What a form may have beside its file."""
_STATUS: Final = 413
_UPLOAD_PATHS: Final = ("/v1/uploads", "/v1/imports/csv")


def limit_of(path: str, headers: Headers, body_bytes: int, upload_bytes: int) -> int:
    """How many bytes a body may have: more where a form brings a file."""
    form = headers.get("content-type", "").lower().startswith("multipart/form-data")
    takes_files = path.startswith(_UPLOAD_PATHS) or path == "/graphql"
    return upload_bytes if form and takes_files else body_bytes


async def within(app: ASGIApp, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass a request on whose body nobody stated the length of, with a counter around it."""
    count, over, started = 0, False, False

    async def counted() -> Message:
        nonlocal count, over
        message = await receive()
        if message["type"] == "http.request":
            count += len(message.get("body", b""))
            if count > limit:
                over = True
                raise TooLarge(f"The body is larger than {limit} bytes.")
        return message

    async def held(message: Message) -> None:
        nonlocal started
        # Whatever a reader makes of the cut body, the caller is told the cause.
        if over and not started and message.get("status") != _STATUS:
            return
        started = True
        await send(message)

    try:
        await app(scope, counted, held)
    except Exception:
        if not over:
            raise
    if over and not started:
        await refuse_body(scope, receive, send, limit)


async def refuse_body(scope: Scope, receive: Receive, send: Send, limit: int) -> None:
    """Answer 413."""
    response = error_response(
        scope["path"],
        _STATUS,
        "PAYLOAD_TOO_LARGE",
        f"The body is larger than {limit} bytes.",
        details={"limit": limit},
        # What was not read cannot be skipped on this connection.
        headers={"Connection": "close"},
    )
    await response(scope, receive, send)
