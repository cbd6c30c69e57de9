"""GraphQL over HTTP: the endpoint as its specification and the published audits want it."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.context import Services
from graph.engine import Answer, Engine, first_failure, is_mutation, is_subscription
from graph.errors import graphql_shape, masked
from graph.http.entry import actor_of_request, new_context, request_id_of
from graph.http.limits import Gate
from graph.http.negotiate import JSON, answer_type
from graph.http.params import GraphQLParams, request_params
from resolvers.access import Actor
from resolvers.errors import AppError, BadRequest, ErrorCode


class GraphQLEndpoint:
    """Answers GET and POST on /graphql."""

    def __init__(self, services: Services, engine: Engine) -> None:
        self._services = services
        self._engine = engine

    async def __call__(self, request: Request) -> Response:
        """One operation; every failure is a JSON answer with ``errors``."""
        kind = answer_type(request.headers.get("accept"))
        if kind is None:
            return _failure(_not_acceptable(), JSON)
        gate = Gate(self._services.limits, request)
        try:
            return await self._entered(request, gate, kind)
        except AppError as error:
            return _failure(await gate.failed(error), kind)
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            return _failure(masked(error, request_id_of(request)), kind)

    async def _entered(self, request: Request, gate: Gate, kind: str) -> Response:
        actor = await actor_of_request(self._services, request)
        gate.enter(actor)
        body = await request.body() if request.method == "POST" else None
        params = request_params(
            request.method,
            request.query_params.multi_items(),
            body,
            request.headers.get("content-type"),
        )
        return await self._answer(request, gate, actor, params, kind)

    async def _answer(
        self, request: Request, gate: Gate, actor: Actor | None, params: GraphQLParams, kind: str
    ) -> Response:
        if not params.query:
            raise _no_document(params)
        name = params.operation_name
        try:
            compiled = self._engine.compile(params.query)
            # What is wrong with the document comes before which of its operations is meant.
            if compiled.refused is not None:
                raise compiled.refused
            operation = compiled.operation(name)
            cost = self._engine.cost(compiled, name, params.variables)
        except AppError as error:
            told = await gate.failed(error)
            return _refused(error, kind) if told is error else _failure(told, kind)
        if request.method != "POST" and is_mutation(operation):
            raise AppError(
                "Mutations are sent by POST.",
                code=ErrorCode.METHOD_NOT_ALLOWED,
                details={"allow": ["POST"]},
            )
        if is_subscription(operation):
            raise BadRequest("Subscriptions run over the WebSocket of this path.")
        request.state.operation = name or _root_of(operation)
        await gate.admit(compiled, name, params.variables, cost.requested)
        context = new_context(self._services, request, actor)
        answer = await self._engine.run(context, compiled, params.variables, name, cost=cost)
        failure = first_failure(answer)
        if failure is not None:
            await gate.failed(failure)
        if answer.refused is not None:
            return _refused(answer.refused, kind)
        return _response(_body(answer, replayed=context.replayed), 200, kind)


def _root_of(operation: Any) -> str:
    """Name of the first root field: bounded by the schema, so safe as a label."""
    first = operation.selection_set.selections[0]
    name = getattr(first, "name", None)
    return str(name.value) if name is not None else "anonymous"


def _body(answer: Answer, *, replayed: bool) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if answer.errors:
        body["errors"] = answer.errors
    body["data"] = answer.data
    extensions: dict[str, Any] = {}
    if answer.cost is not None:
        extensions["cost"] = {"requested": answer.cost.requested, "limit": answer.cost.limit}
    if replayed:
        extensions["idempotencyReplayed"] = True
    if extensions:
        body["extensions"] = extensions
    return body


def _no_document(params: GraphQLParams) -> BadRequest:
    if "persistedQuery" in params.extensions:
        # By this word clients that begin with a hash know to send the whole document instead.
        return BadRequest("PersistedQueryNotSupported")
    return BadRequest("Send a document as query.")


def _refused(error: AppError, kind: str) -> Response:
    """A request error: 400 under the GraphQL media type, 200 under plain JSON."""
    return _response({"errors": _told(error)}, 200 if kind == JSON else 400, kind)


def _told(error: AppError) -> list[dict[str, Any]]:
    """One entry for each thing that is wrong with a document, where editors look for its place."""
    shape = graphql_shape(error)
    details = {name: value for name, value in shape["details"].items() if name != "errors"}
    found = error.details.get("errors") or [
        {"message": error.message, "locations": error.details.get("locations")}
    ]
    entries = []
    for one in found:
        entry: dict[str, Any] = {"message": one["message"]}
        if one["locations"]:  # an empty list is not allowed
            entry["locations"] = one["locations"]
        entries.append(entry | {"extensions": {**shape, "details": details}})
    return entries


def _failure(error: AppError, kind: str) -> Response:
    """A failure before there was an operation to run: its own status in every media type."""
    body = {"errors": [{"message": error.message, "extensions": graphql_shape(error)}]}
    # The audits want 400 wherever the parameters themselves are wrong.
    status = 400 if error.status == 422 else error.status
    response = _response(body, status, kind)
    allow = error.details.get("allow")
    if allow:
        response.headers["Allow"] = ", ".join(allow)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _not_acceptable() -> AppError:
    return AppError(
        "Answers are application/graphql-response+json or application/json.",
        code=ErrorCode.NOT_ACCEPTABLE,
    )


def _response(body: dict[str, Any], status: int, kind: str) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        headers={
            "Content-Type": f"{kind}; charset=utf-8",
            "Vary": "Accept, Authorization",
            "Cache-Control": "no-store",
        },
    )
