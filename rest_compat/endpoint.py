"""The engine: a row and its stored operation become a route; there is no logic beyond."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from graph.changes import ChangeCursors
from graph.context import Context, Services
from graph.engine import Answer, Engine, first_failure
from graph.errors import masked
from graph.http.cookies import with_cookie
from graph.http.downloads import Download
from graph.http.entry import AnyMethod, actor_of_request, new_context, request_id_of
from graph.http.front import Direct, Handle
from graph.http.limits import Gate
from resolvers.access import Actor
from resolvers.errors import (
    AppError,
    ErrorCode,
    FieldError,
    Invalid,
    NotFound,
    Unauthenticated,
    UnsupportedMediaType,
)
from resolvers.rates import rates_version
from rest_compat.bodies import header_variables, json_variables, query_variables
from rest_compat.branches import Branches
from rest_compat.envelope import failure, success
from rest_compat.forms import drop_unused, read_form
from rest_compat.openapi import openapi_routes
from rest_compat.routes import ENDPOINTS, Endpoint
from rest_compat.stored import Stored, load_operations, path_names

if TYPE_CHECKING:
    from models.database import VisibleVersion

_NO_VERSION: Final = "0"
_TAG: Final = re.compile(r'"[0-9]{1,18}\.[0-9a-f]{24}"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Rest:
    """The REST door: its services, rows and readers."""

    services: Services
    engine: Engine
    operations: Mapping[str, Stored]
    endpoints: Sequence[Endpoint]

    def twin(self, row: Endpoint) -> Endpoint | None:
        """The GET that answers the object that a write has just made or changed."""
        if row.method not in {"PUT", "POST"}:
            return None
        made = row.method == "POST" and not row.path.endswith("/restore")
        wanted = row.place or row.path.removesuffix("/restore")
        for other in self.endpoints:
            # What was made lies one parameter below its list, whatever that is called.
            above, _, last = other.path.rpartition("/")
            below = above == wanted and last.startswith("{")
            if other.method == "GET" and (below if made else other.path == wanted):
                return other
        return None

    async def versions(self, actor: Actor) -> "Sequence[VisibleVersion]":
        """Where the books that a person can see stand."""
        return await self.services.database.visible_versions(actor.user_id)

    def validator(
        self,
        actor: Actor,
        operation: str,
        variables: Mapping[str, Any],
        versions: "Sequence[VisibleVersion]",
        *,
        written: tuple[UUID, int] | None = None,
    ) -> str | None:
        """Seal of all that an answer depends on: document, variables, person, day, versions.

        After a write, ``written`` is the ledger's version that its body shows; None is given back
        when somebody has written since, for then the hash would belong to a newer body.
        """
        if written is not None and written not in [(v.ledger_id, v.version) for v in versions]:
            return None
        parts = (
            operation,
            {name: value for name, value in variables.items() if value is not None},
            self.services.build,
            actor.user_id.hex,
            sorted(actor.scopes),
            actor.locale,
            actor.time_zone,
            actor.today.isoformat(),
            rates_version(),
            [(one.ledger_id.hex, one.version, one.inbox) for one in versions],
        )
        packed = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.sha256(packed).hexdigest()


def rest_routes(
    services: Services,
    engine: Engine,
    *,
    demo_password: str | None = None,
) -> list[BaseRoute]:
    """Every row as a route under /v1, most exact paths first, and 404 for all else."""
    rest = Rest(services, engine, load_operations(engine, ENDPOINTS), ENDPOINTS)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for row in ENDPOINTS:
        by_path.setdefault(row.path, {})[row.method] = row
    paths = [Route("/v1" + path, AnyMethod(_handler(rest, rows))) for path, rows in by_path.items()]
    routes: list[BaseRoute] = [Branches("/v1/", paths)]
    routes += openapi_routes(rest, demo_password=demo_password)

    async def unknown(_: Request) -> Response:
        return failure(NotFound("There is no such path."))

    routes.append(Route("/v1/{rest:path}", AnyMethod(unknown)))
    return routes


def direct(routes: Sequence[BaseRoute]) -> Direct:
    """Finds the handler of a request for either door without asking every route."""
    branches = [one for one in routes if isinstance(one, Branches)]
    graphs = {
        one.path: one
        for one in routes
        if isinstance(one, Route) and isinstance(one.endpoint, AnyMethod) and "{" not in one.path
    }

    def find(scope: Scope) -> Handle | None:
        path = scope["path"]
        words: dict[str, Any] = {}
        route = graphs.get(path)
        if route is None:
            for one in branches:
                found = one.find(path)
                if found is not None:
                    route, words = found
                    break
        if route is None or not isinstance(route.endpoint, AnyMethod):
            return None
        scope["route"], scope["path_params"] = route, words
        return route.endpoint.handle

    return find


def _handler(rest: Rest, rows: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    """One handler for a path: token first, then method, then the operation."""
    allow = sorted({*rows, "OPTIONS", *(("HEAD",) if "GET" in rows else ())})
    public = all(row.public for row in rows.values())

    async def handle(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(allow)})
        gate = Gate(rest.services.limits, request)
        try:
            actor = await _actor(rest.services, request, public=public)
            gate.enter(actor)
            row = rows.get("GET" if request.method == "HEAD" else request.method)
            if row is None:
                raise AppError(
                    f"{request.method} is not a method of this path.",
                    code=ErrorCode.METHOD_NOT_ALLOWED,
                    details={"allow": allow},
                )
            return await _answer(rest, row, request, actor, gate)
        except AppError as failed:
            error = await gate.failed(failed)
            extra = {"Allow": ", ".join(allow)} if error.status == 405 else {}
            return failure(error, headers=extra)
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            return failure(masked(error, request_id_of(request)))

    return handle


async def _actor(services: Services, request: Request, *, public: bool) -> Actor | None:
    """Who asks.  Public paths take a good token along (logout) and overlook a bad one."""
    try:
        actor = await actor_of_request(services, request)
    except AppError:
        if public:
            return None
        raise
    if actor is None and not public:
        raise Unauthenticated
    return actor


async def _answer(
    rest: Rest, row: Endpoint, request: Request, actor: Actor | None, gate: Gate
) -> Response:
    operation = rest.operations[row.operation]
    request.state.operation = request.state.root = row.operation
    variables = query_variables(
        row, operation, request.query_params.multi_items(), request.path_params
    )
    variables |= header_variables(operation, request.headers)
    context = new_context(rest.services, request, actor)
    # What is over a limit is refused before its file is read; other limits need the body.
    if row.read is not None:
        await gate.admit(operation.compiled, operation.name, variables)
    if operation.writes:
        variables |= await _body_variables(row, request, context, operation, variables)
    if row.read is None:
        await gate.admit(operation.compiled, operation.name, variables)
    tag, headers = None, {}
    if not operation.writes and actor is not None:
        # Read before the answer: what happens in between is in the answer and comes once more.
        versions = await rest.versions(actor)
        cursors = ChangeCursors(rest.services.cursor_key, actor)
        headers["Change-Cursor"] = cursors.present(versions)
        if not row.expires:
            tag = rest.validator(actor, row.operation, variables, versions)
            same = _unchanged(request.headers.get("if-none-match"), tag)
            if same is not None:
                same = _weak(row) + same
                return Response(status_code=304, headers=_headers(row, same) | headers)
    try:
        answer = await rest.engine.run(
            context, operation.compiled, variables, operation.name, trusted=True
        )
    finally:
        await drop_unused(context)
    _raise_failure(answer)
    if row.write is not None and actor is not None and context.asked is not None:
        # The operation has checked what is asked for; the file takes the place of its answer.
        opened = await rest.services.exports.open(actor, context.asked)
        told = _weak(row) + _entity_tag(tag or "", _NO_VERSION)
        return Download(opened, headers=_headers(row, told) | headers)
    found = answer.data or {}
    if operation.repeats and found[operation.root].get("created") is False:
        row = replace(row, status=200)
    if row.invites is not None and found[operation.root].get("invited"):
        row = replace(row, status=202, place=row.invites)
    if row.later is not None and found[operation.root][operation.inner] is None:
        row = replace(row, status=202, message=row.later)
    response = await _respond(rest, row, request, context, _data(operation, found), tag)
    response.headers.update(headers)
    return with_cookie(response, context.cookie)


async def _body_variables(
    row: Endpoint,
    request: Request,
    context: Context,
    operation: Stored,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Variables of the body: JSON, or a form with a file where the row takes one."""
    kind = request.headers.get("content-type")
    form = (kind or "").strip().lower().startswith("multipart/")
    if row.read == "multipart" and not form:
        raise UnsupportedMediaType("Send the file as multipart/form-data, in a part named file.")
    if row.read is not None and form:
        return {"body": await read_form(context, request.stream(), kind or "")}
    found = json_variables(operation, await request.body(), kind, given)
    if "body" not in found and "body" in operation.variables:
        found["body"] = {} if operation.variables["body"].required else None
    return found


def _raise_failure(answer: Answer) -> None:
    """The failure of an answer in REST's words: paths without the variable's name."""
    error = first_failure(answer)
    if error is None:
        return
    if isinstance(error, Invalid) and answer.refused is not None:
        fields = [
            FieldError(
                "" if one.path == "body" else one.path.removeprefix("body."),
                one.code,
                one.message,
            )
            for one in error.fields
        ]
        raise Invalid(fields, message=None if fields else error.message, code=error.code)
    if type(error) is AppError and error.message == "unexpected":
        # Masked and logged already, where the engine told it.
        told = answer.errors[0]
        extensions = told["extensions"]
        raise AppError(
            told["message"], code=ErrorCode(extensions["code"]), details=extensions["details"]
        )
    raise error


def _data(operation: Stored, data: dict[str, Any]) -> Any:
    """The single root field as ``data``."""
    value = data[operation.root]
    if operation.shape == "connection":
        return _listed(value)
    if operation.shape == "payload" and operation.inner is not None:
        value = value[operation.inner] or value.get(operation.instead) or {}
    if isinstance(value, dict):
        return {
            name: _listed(one) if isinstance(one, dict) and "pageInfo" in one else one
            for name, one in value.items()
        }
    return value


def _listed(value: dict[str, Any]) -> dict[str, Any]:
    """A connection as ``{items, nextCursor, hasMore}``."""
    page = value["pageInfo"]
    more = page["hasNextPage"]
    return {
        "items": value["nodes"],
        "nextCursor": page["endCursor"] if more else None,
        "hasMore": more,
    }


async def _respond(
    rest: Rest,
    row: Endpoint,
    request: Request,
    context: Context,
    data: Any,
    tag: str | None,
) -> Response:
    operation = rest.operations[row.operation]
    headers: dict[str, str] = {}
    version = data.get("version") if isinstance(data, dict) else None
    # A member of a group is known by the person's id.
    made = data.get("id") or data.get("userId") if isinstance(data, dict) else None
    twin = rest.twin(row) if operation.writes and version is not None else None
    if row.expires or row.status == 202 or context.replayed:
        twin = None
    if twin is not None and not row.secret:
        names = path_names(twin.path)
        variables = {name: request.path_params.get(name) for name in names[:-1]}
        variables |= dict.fromkeys(names[-1:], made)
        versions = await rest.versions(context.actor)
        tag = rest.validator(
            context.actor, twin.operation, variables, versions, written=context.written
        )
    if tag is not None:
        headers = _headers(row, _entity_tag(tag, str(_NO_VERSION if version is None else version)))
    elif row.secret:
        headers["Cache-Control"] = "no-store"
    if row.status in {201, 202} and row.method == "POST" and made is not None:
        place = row.place or row.path.removesuffix("/csv").removesuffix("/{id}/process")
        for name, value in request.path_params.items():
            place = place.replace("{" + name + "}", value)
        headers["Location"] = f"{rest.services.public_url}/v1{place}/{made}"
    if context.replayed:
        headers["Idempotency-Replayed"] = "true"
    return success(data, message=row.message, status=row.status, headers=headers)


def _headers(row: Endpoint, tag: str) -> dict[str, str]:
    cache = "no-store" if row.secret else "private, no-cache"
    return {"ETag": tag, "Cache-Control": cache, "Vary": "Authorization"}


def _weak(row: Endpoint) -> str:
    """A file tells when it was made, so that two equal ones may differ in their bytes."""
    return "W/" if row.write is not None else ""


def _entity_tag(seal: str, version: str) -> str:
    """``"<version>.<hash>"``; the hash covers the version, so that nobody can make up a pair."""
    told = hashlib.sha256(f"{seal}.{version}".encode()).hexdigest()[:24]
    return f'"{version}.{told}"'


def _unchanged(header: str | None, seal: str | None) -> str | None:
    """If-None-Match (RFC 9110 section 13.1.2): the given tag that the present answer would have.

    Its hash proves its version too, so the 304 carries the very tag of the 200 (section 15.4.5)
    although nothing was read.  ``*`` matches any answer that exists; whether one does is known
    only after running, so it never saves a run.
    """
    if seal is None:
        return None
    for one in (header or "").split(","):
        tag = one.strip().removeprefix("W/")
        if _TAG.fullmatch(tag) and tag == _entity_tag(seal, tag[1:].partition(".")[0]):
            return tag
    return None
