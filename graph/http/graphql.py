"""GraphQL over HTTP: the endpoint as its specification and the published audits want it."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

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
from graph.http.entry import (
    actor_of_request,
    asks_anew,
    bearer,
    new_context,
    pairs_of,
    request_id_of,
)
from graph.http.limits import Gate
from graph.http.negotiate import EVENTS, JSON, answer_type, takes_events
from graph.http.params import GraphQLParams, request_params
from graph.http.sse import EventStream, one_answer
from graph.validators import validator
from models.telemetry import note_cost
from resolvers.access import Actor
from resolvers.errors import AppError, BadRequest, ErrorCode, Unauthenticated


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where the answer of a query is kept, and the answer if it is there."""

    owner: UUID
    seal: bytes
    operation: str
    body: bytes | None


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
            pairs_of(request),
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
        state = request.scope["state"]
        state["root"] = _root_of(operation)
        state["operation"] = name or state["root"]
        note_cost(cost.requested)
        await gate.admit(compiled, name, params.variables, cost.requested)
        kept = None if streams else await self._kept(request, actor, compiled, params)
        if kept is not None and kept.body is not None:
            return _written(kept.body, 200, kind)
        context = new_context(self._services, request, actor)
        if is_subscription(operation):
            return await self._stream(request, context, compiled, params)
        started = perf_counter()
        answer = await self._engine.run(context, compiled, params.variables, name, cost=cost)
        failure = first_failure(answer)
        if failure is not None:
            await gate.failed(failure)
        if streams:
            return EventStream(self._services.live, one_answer(answer))
        if answer.refused is not None:
            refuse = _failure if answer.refused.status >= 500 else _refused
            return refuse(answer.refused, kind)
        body = orjson.dumps(answer_body(answer, replayed=context.replayed))
        if kept is not None and not answer.errors:
            seconds = perf_counter() - started
            self._services.answers.put(kept.owner, kept.seal, kept.operation, body, seconds)
        return with_cookie(_written(body, 200, kind), context.cookie)

    async def _kept(
        self, request: Request, actor: Actor | None, compiled: Compiled, params: GraphQLParams
    ) -> "_Kept | None":
        """The cached answer of a query, or where to keep it; None for who wants it made anew."""
        chosen = compiled.operation(params.operation_name)
        if actor is None or asks_anew(request) or not self._engine.keeps(compiled, chosen):
            return None
        versions = await self._services.database.visible_versions(actor.user_id)
        operation = f"{compiled.digest}.{params.operation_name or ''}"
        try:
            seal = validator(self._services.build, actor, operation, params.variables, versions)
        except TypeError:
            # Numbers and characters that JSON cannot tell; the executor says what is wrong.
            return None
        answers, state = self._services.answers, request.scope["state"]
        body, state["cached"] = answers.near(seal), "near"
        if body is None:
            body = await answers.shared(actor.user_id, seal, operation)
            state["cached"] = "miss" if body is None else "shared"
        return _Kept(actor.user_id, seal, operation, body)

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
    return _written(orjson.dumps(body), status, kind)


def _written(body: bytes, status: int, kind: str) -> Response:
    return Response(
        body,
        status_code=status,
        headers={
            "Content-Type": f"{kind}; charset=utf-8",
            "Vary": "Accept, Authorization",
            "Cache-Control": "no-store",
        },
    )
