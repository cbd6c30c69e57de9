"""A limit on the bytes of a body, counted while they arrive, with or without a stated length."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.bare import error_response
from resolvers.bounds import DEFAULTS
from resolvers.errors import TooLarge

BODY_BYTES: Final = 2 * 1024 * 1024
FORM_BYTES: Final = 2 * 1024 * 1024
"""What a form may have beside its file."""
_STATUS: Final = 413
_UPLOAD_PATHS: Final = ("/v1/uploads", "/v1/imports/csv")


class BodyLimit:
    """Answers 413 as soon as a body is over its limit and reads no further."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes: int = BODY_BYTES,
        upload_bytes: int = DEFAULTS.largest + FORM_BYTES,
    ) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._upload_bytes = upload_bytes

    def _limit(self, path: str, headers: Headers) -> int:
        form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        takes_files = path.startswith(_UPLOAD_PATHS) or path == "/graphql"
        return self._upload_bytes if form and takes_files else self._body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counter around its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        stated = headers.get("content-length", "")
        if not stated and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"], headers)
        if stated.isdecimal() and int(stated[:20]) > limit:
            await _refuse(scope, receive, send, limit)
            return
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
            await self._app(scope, counted, held)
        except Exception:
            if not over:
                raise
        if over and not started:
            await _refuse(scope, receive, send, limit)


async def _refuse(scope: Scope, receive: Receive, send: Send, limit: int) -> None:
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
