"""GraphQL over HTTP: the endpoint as its specification and the published audits want it."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.context import Context, Services
from graph.engine import (
    Answer,
    Compiled,
    Engine,
    first_failure,
    is_mutation,
    is_subscription,
)
from graph.errors import graphql_shape, masked
from graph.http.answers import answer_body, refusal_errors
from graph.http.cookies import with_cookie
from graph.http.entry import actor_of_request, bearer, new_context, request_id_of
from graph.http.limits import Gate
from graph.http.negotiate import EVENTS, JSON, answer_type, takes_events
from graph.http.params import GraphQLParams, request_params
from graph.http.sse import EventStream, one_answer
from models.telemetry import note_cost
from resolvers.access import Actor
from resolvers.errors import AppError, BadRequest, ErrorCode, Unauthenticated


class GraphQLEndpoint:
    """Answers GET and POST on /graphql."""

    def __init__(self, services: Services, engine: Engine) -> None:
        self._services = services
        self._engine = engine

    async def __call__(self, request: Request) -> Response:
        """One operation; every failure is a JSON answer with ``errors``."""
        accept = request.headers.get("accept")
        kind = answer_type(accept) or (JSON if takes_events(accept) else None)
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
        streams = takes_events(request.headers.get("accept"), only=True)
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
            if told is not error:
                return _failure(told, kind)
            if streams:
                return EventStream(self._services.live, one_answer(Answer(refused=error)))
            return _refused(error, kind)
        if request.method != "POST" and is_mutation(operation):
            raise AppError(
                "Mutations are sent by POST.",
                code=ErrorCode.METHOD_NOT_ALLOWED,
                details={"allow": ["POST"]},
            )
        if is_subscription(operation):
            _require_stream(request)
        request.state.root = _root_of(operation)
        request.state.operation = name or request.state.root
        note_cost(cost.requested)
        await gate.admit(compiled, name, params.variables, cost.requested)
        context = new_context(self._services, request, actor)
        if is_subscription(operation):
            return await self._stream(request, context, compiled, params)
        answer = await self._engine.run(context, compiled, params.variables, name, cost=cost)
        failure = first_failure(answer)
        if failure is not None:
            await gate.failed(failure)
        if streams:
            return EventStream(self._services.live, one_answer(answer))
        if answer.refused is not None and answer.refused.status >= 500:
            return _failure(answer.refused, kind)
        if answer.refused is not None:
            return _refused(answer.refused, kind)
        body = answer_body(answer, replayed=context.replayed)
        return with_cookie(_response(body, 200, kind), context.cookie)

    async def _stream(
        self, request: Request, context: Context, compiled: Compiled, params: GraphQLParams
    ) -> Response:
        """A subscription as an event stream, for who is signed in."""
        token = bearer(request)
        if token is None:
            raise Unauthenticated
        admission = await self._services.auth.admit(token)
        answers = self._engine.stream(context, compiled, params.variables, params.operation_name)
        return EventStream(self._services.live, answers, admission)


def _require_stream(request: Request) -> None:
    if request.method == "HEAD" or not takes_events(request.headers.get("accept")):
        raise BadRequest(
            "Subscriptions run over the WebSocket of this path, "
            f"or as an event stream: Accept: {EVENTS}."
        )


def _root_of(operation: Any) -> str:
    """Name of the first root field: bounded by the schema, so safe as a label."""
    first = operation.selection_set.selections[0]
    name = getattr(first, "name", None)
    return str(name.value) if name is not None else "anonymous"


def _no_document(params: GraphQLParams) -> BadRequest:
    if "persistedQuery" in params.extensions:
        # By this word clients that begin with a hash know to send the whole document instead.
        return BadRequest("PersistedQueryNotSupported")
    return BadRequest("Send a document as query.")


def _refused(error: AppError, kind: str) -> Response:
    """A request error: 400 under the GraphQL media type, 200 under plain JSON."""
    return _response({"errors": refusal_errors(error)}, 200 if kind == JSON else 400, kind)


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
