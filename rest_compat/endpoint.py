"""The engine: a row and its stored operation become a route; there is no logic beyond."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graph.context import Context, Services
from graph.engine import Engine
from graph.errors import masked
from graph.http.cookies import with_cookie
from graph.http.entry import AnyMethod, actor_of_request, new_context, pairs_of, request_id_of
from graph.http.limits import Gate, gate_of
from resolvers.access import Actor
from resolvers.errors import AppError, ErrorCode, NotFound, Unauthenticated, UnsupportedMediaType
from rest_compat.bodies import header_variables, json_variables, query_variables
from rest_compat.branches import Branches
from rest_compat.door import NO_VERSION, Rest, entity_tag, validated
from rest_compat.envelope import failure, success
from rest_compat.forms import drop_unused, read_form
from rest_compat.openapi import openapi_routes
from rest_compat.reading import Read
from rest_compat.routes import ENDPOINTS, Endpoint
from rest_compat.shaping import data_of, raise_failure
from rest_compat.stored import Stored, load_operations, path_names

__all__ = ["Rest", "rest_routes"]


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


def _handler(rest: Rest, rows: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    """One handler for a path: token first, then method, then the operation."""
    allow = sorted({*rows, "OPTIONS", *(("HEAD",) if "GET" in rows else ())})
    public = all(row.public for row in rows.values())

    async def handle(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(allow)})
        gate = gate_of(rest.services.limits, request)
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
        except ClientDisconnect:
            # Nobody is there to be told anything.
            raise
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
    state = request.scope["state"]
    state["operation"] = state["root"] = row.operation
    variables = query_variables(row, operation, pairs_of(request), request.path_params)
    variables |= header_variables(operation, request.headers)
    if not operation.writes:
        read = Read(rest, row, request, variables)
        response = await read.answer(actor, gate, state)
        if not row.public and row.write is None:
            state["asked"] = read
        return response
    context = new_context(rest.services, request, actor)
    # What is over a limit is refused before its file is read; other limits need the body.
    if row.read is not None:
        await gate.admit(operation.compiled, operation.name, variables)
    variables |= await _body_variables(row, request, context, operation, variables)
    if row.read is None:
        await gate.admit(operation.compiled, operation.name, variables)
    try:
        answer = await rest.engine.run(
            context, operation.compiled, variables, operation.name, trusted=True
        )
    finally:
        await drop_unused(context)
    raise_failure(answer)
    found = answer.data or {}
    if operation.repeats and found[operation.root].get("created") is False:
        row = replace(row, status=200)
    if row.invites is not None and found[operation.root].get("invited"):
        row = replace(row, status=202, place=row.invites)
    if row.later is not None and found[operation.root][operation.inner] is None:
        row = replace(row, status=202, message=row.later)
    response = await _respond(rest, row, request, context, data_of(operation, found))
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


async def _respond(
    rest: Rest, row: Endpoint, request: Request, context: Context, data: Any
) -> Response:
    headers: dict[str, str] = {}
    version = data.get("version") if isinstance(data, dict) else None
    # A member of a group is known by the person's id.
    made = data.get("id") or data.get("userId") if isinstance(data, dict) else None
    twin = rest.twin(row) if version is not None else None
    if row.expires or row.status == 202 or context.replayed:
        twin = None
    tag = None
    if twin is not None and not row.secret:
        names = path_names(twin.path)
        variables = {name: request.path_params.get(name) for name in names[:-1]}
        variables |= dict.fromkeys(names[-1:], made)
        versions = await rest.behind(context.actor, context.written)
        tag = rest.validator(
            context.actor, twin.operation, variables, versions, written=context.written
        )
    if tag is not None:
        headers = validated(row, entity_tag(tag, NO_VERSION if version is None else str(version)))
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
