"""The description of the REST layer (OpenAPI 3.1), derived from rows, operations and schema."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graph.http.entry import AnyMethod
from graph.http.pages import api_docs_page
from resolvers.errors import AppError, ErrorCode
from rest_compat import openapi_parts as parts
from rest_compat.envelope import failure
from rest_compat.openapi_rows import Door, Row
from rest_compat.openapi_schemas import Json, Schemas


def openapi_document(door: Door) -> Json:
    """The whole description as JSON."""
    schemas = Schemas(door.engine.schema)
    paths: Json = {}
    seen: set[str] = set()
    for row in door.endpoints:
        described_row = Row(door, row, schemas).described()
        # An operation behind several rows still needs one id for each of them.
        while described_row["operationId"] in seen:
            described_row["operationId"] += "Again"
        seen.add(described_row["operationId"])
        paths.setdefault(row.path, {})[row.method.lower()] = described_row
    paths |= parts.plain_paths()
    nouns = dict.fromkeys(
        tag for path in paths.values() for one in path.values() for tag in one["tags"]
    )
    return {
        "openapi": "3.1.0",
        "info": parts.info(door.services.public_url, door.services.build.partition("+")[0]),
        "servers": [{"url": f"{door.services.public_url}/v1", "description": "This server."}],
        "tags": parts.tags(nouns),
        "security": [{"bearerAuth": []}],
        "paths": paths,
        "components": parts.components(paths, schemas.named),
    }


_ALLOW: Final = "GET, HEAD, OPTIONS"


def openapi_routes(door: Door, *, demo_password: str | None = None) -> list[BaseRoute]:
    """GET /v1/openapi.json, written when it is first asked, and the page that shows it."""
    graphiql = door.services.introspection

    @cache
    def written() -> tuple[bytes, dict[str, str]]:
        body = orjson.dumps(openapi_document(door))
        tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        return body, {"ETag": tag, "Cache-Control": "public, max-age=300"}

    def document(request: Request) -> Response:
        body, headers = written()
        held = request.headers.get("if-none-match", "")
        tags = {one.strip().removeprefix("W/") for one in held.split(",")}
        if tags & {"*", headers["ETag"]}:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    def page(request: Request) -> Response:
        return api_docs_page(request, demo_password=demo_password, graphiql=graphiql)

    # Every method, or another method would fall through to the rows' "no such path".
    return [
        Route("/v1/openapi.json", AnyMethod(_only_read(document))),
        Route("/v1/docs", AnyMethod(_only_read(page))),
    ]


def _only_read(
    answer: Callable[[Request], Response],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method in {"GET", "HEAD"}:
            return answer(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _ALLOW})
        refused = AppError(
            f"{request.method} is not a method of this path.",
            code=ErrorCode.METHOD_NOT_ALLOWED,
            details={"allow": _ALLOW.split(", ")},
        )
        return failure(refused, headers={"Allow": _ALLOW})

    return endpoint
