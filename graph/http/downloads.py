"""Files that are made while they leave: streamed, never half and called whole."""

import asyncio
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graph.context import Services
from graph.errors import masked
from graph.http.bare import error_response
from graph.http.entry import request_id_of
from graph.http.limits import client_address
from resolvers.exports import Opened
from resolvers.limits import Caller
from resolvers.uploads import attachment

PATH: Final = "/v1/exports/{name}"
STALL_SECONDS: Final = 60.0
"""A reader who takes nothing for so long is cut off: she holds a connection to the database."""


class Download(Response):
    """A file of unknown length.

    A failure on the way cuts the connection, so that no reader takes the part for the whole; a
    reader who leaves ends the work within a piece.
    """

    def __init__(self, opened: Opened, *, headers: dict[str, str] | None = None) -> None:
        self._pieces = opened.pieces
        super().__init__(
            media_type=opened.content_type,
            headers={
                "Content-Disposition": attachment(opened.filename),
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                **(headers or {}),
            },
        )
        # Nobody knows it before the end.
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as they come; of HEAD only the headers."""
        start = {"type": "http.response.start", "status": self.status_code}
        async with aclosing(self._pieces) as pieces:
            await send({**start, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send(pieces, receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, pieces: object, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_left(receive))
        try:
            async for piece in pieces:  # type: ignore[attr-defined]
                if gone.done():
                    return
                async with asyncio.timeout(STALL_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()


async def _left(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def export_route(services: Services) -> Route:
    """GET /v1/exports/{name}?token=…: the export of a link."""

    async def download(request: Request) -> Response:
        try:
            actor, asked = await services.exports.follow(request.query_params.get("token", ""))
            request.state.user_id = actor.user_id
            # The export was counted when it was asked for; this is one request of its person.
            await services.limits.admit(Caller(actor, client_address(request)))
            opened = await services.exports.open(actor, asked)
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            told = masked(error, request_id_of(request))
            return error_response(
                request.url.path, told.status, str(told.code), told.message, details=told.details
            )
        headers = {"Cache-Control": "private, no-store"}
        return Download(opened, headers=headers)

    return Route(PATH, download, methods=["GET", "HEAD"])
