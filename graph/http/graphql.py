"""GraphQL over HTTP: the endpoint as its specification and the published audits want it."""

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graph.context import Context, Services
from graph.engine import Answer, Compiled, Engine, first_failure
from graph.errors import masked
from graph.execution.nodes import is_mutation, is_query, is_subscription
from graph.http.answers import answer_body, failure, refused, written
from graph.http.cookies import with_cookie
from graph.http.entry import (
    actor_of_request,
    bearer,
    new_context,
    pairs_of,
    request_id_of,
)
from graph.http.limits import Gate, gate_of
from graph.http.negotiate import EVENTS, JSON, answer_type, takes_events
from graph.http.params import GraphQLParams, request_params
from graph.http.query import Query, root_of
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
            return failure(_not_acceptable(), JSON)
        gate = gate_of(self._services.limits, request)
        try:
            return await self._entered(request, gate, kind)
        except AppError as error:
            return failure(await gate.failed(error), kind)
        except ClientDisconnect:
            # Nobody is there to be told anything.
            raise
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            return failure(masked(error, request_id_of(request)), kind)

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
                return failure(told, kind)
            if streams:
                return EventStream(self._services.live, one_answer(Answer(refused=error)))
            return refused(error, kind)
        if request.method != "POST" and is_mutation(operation):
            raise AppError(
                "Mutations are sent by POST.",
                code=ErrorCode.METHOD_NOT_ALLOWED,
                details={"allow": ["POST"]},
            )
        if is_subscription(operation):
            _require_stream(request)
        state = request.scope["state"]
        if not streams and is_query(operation):
            query = Query(
                self._services,
                self._engine,
                request,
                params.query,
                name,
                params.variables,
                cost,
                kind,
            )
            response = await query.answer(actor, gate, state)
            state["asked"] = query
            return response
        state["root"] = root_of(operation)
        state["operation"] = name or state["root"]
        note_cost(cost.requested)
        await gate.admit(compiled, name, params.variables, cost.requested)
        context = new_context(self._services, request, actor)
        if is_subscription(operation):
            return await self._stream(request, context, compiled, params)
        answer = await self._engine.run(context, compiled, params.variables, name, cost=cost)
        failed = first_failure(answer)
        if failed is not None:
            await gate.failed(failed)
        if streams:
            return EventStream(self._services.live, one_answer(answer))
        if answer.refused is not None:
            refuse = failure if answer.refused.status >= 500 else refused
            return refuse(answer.refused, kind)
        body = orjson.dumps(answer_body(answer, replayed=context.replayed))
        return with_cookie(written(body, 200, kind), context.cookie)

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


def _no_document(params: GraphQLParams) -> BadRequest:
    if "persistedQuery" in params.extensions:
        # By this word clients that begin with a hash know to send the whole document instead.
        return BadRequest("PersistedQueryNotSupported")
    return BadRequest("Send a document as query.")


def _not_acceptable() -> AppError:
    return AppError(
        "Answers are application/graphql-response+json or application/json.",
        code=ErrorCode.NOT_ACCEPTABLE,
    )
