"""Signed links to stored files: the signature is the authentication, the origin decrypts."""

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from graph.context import Services
from graph.errors import masked
from graph.http.bare import error_response
from graph.http.entry import request_id_of
from graph.uploads import link_key
from resolvers.uploads import attachment, read_signed_file

PATH: Final = "/v1/files/{id}"


def file_route(services: Services) -> Route:
    """GET /v1/files/{id}?exp=…&sig=…: the file as an attachment, whatever it is."""
    key = link_key(services.cursor_key)

    async def download(request: Request) -> Response:
        expires = request.query_params.get("exp", "")
        try:
            found = await read_signed_file(
                services.database,
                services.files,
                key,
                request.path_params["id"],
                expires=expires,
                signature=request.query_params.get("sig", ""),
            )
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            told = masked(error, request_id_of(request))
            return error_response(
                request.url.path, told.status, str(told.code), told.message, details=told.details
            )
        left = max(0, int(expires) - int(datetime.now(UTC).timestamp()))
        headers = {
            "Content-Disposition": attachment(found.row.filename),
            "Content-Length": str(found.row.size),
            "X-Content-Type-Options": "nosniff",
            # Whoever holds the link may show the file on a page of another origin.
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": f"public, max-age={left}, immutable",
        }
        kind = found.row.content_type
        return StreamingResponse(found.chunks, media_type=kind, headers=headers)

    return Route(PATH, download, methods=["GET", "HEAD"])
