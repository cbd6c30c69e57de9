"""GraphQL over a WebSocket: graphql-transport-ws, with every close code that its protocol names."""

import asyncio
from typing import Any, ClassVar, Final

import orjson
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from graph.context import Services
from graph.engine import Answer, Engine, first_failure
from graph.execution.nodes import is_subscription
from graph.http.answers import answer_json, refusal_errors
from graph.http.sockets import FORBIDDEN, HangUp, Socket, bearer_of
from graph.live import End
from models.endings import stop
from resolvers.errors import AppError, ErrorCode

PROTOCOL: Final = "graphql-transport-ws"
MOST: Final = 20
"""Operations that run at a time."""
_NOT_OURS: Final = End(4406, "Subprotocol not acceptable")
_UNAUTHORIZED: Final = End(4401, "Unauthorized")
_AGAIN: Final = End(4429, "Too many initialisation requests")


def _invalid(why: str) -> HangUp:
    return HangUp(End(4400, why))


class GraphQLSocket(Socket):
    """One client: it says who it is, then runs operations side by side."""

    transport: ClassVar[str] = "graphql"

    def __init__(self, services: Services, websocket: WebSocket, engine: Engine) -> None:
        super().__init__(services, websocket)
        self._engine = engine
        self._asked = False
        self._running: dict[str, asyncio.Task[None]] = {}

    async def begin(self) -> None:
        """Wait for connection_init."""

    async def take(self, message: dict[str, Any]) -> None:
        """One message of the protocol."""
        kind, payload = message.get("type"), message.get("payload")
        match kind:
            case "connection_init":
                await self._init(payload)
            case "ping":
                echo = {} if payload is None else {"payload": _object(payload)}
                await self.put({"type": "pong", **echo})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(_id(message), payload)
            case "complete":
                task = self._running.pop(_id(message), None)
                if task is not None:
                    self.start(stop([task]))
            case _:
                raise _invalid("Invalid message type")

    async def hung_up(self, end: End) -> None:
        """The close code says all."""

    async def _init(self, payload: Any) -> None:
        if self._asked:
            raise HangUp(_AGAIN)
        self._asked = True
        told = {} if payload is None else _object(payload)
        found = [value for name, value in told.items() if name.lower() == "authorization"]
        token = bearer_of(found[0] if found else self.websocket.headers.get("authorization"))
        if token is None:
            raise HangUp(FORBIDDEN)
        await self.admit(token)
        await self.put({"type": "connection_ack"})

    async def _subscribe(self, id_: str, payload: Any) -> None:
        if self.line is None:
            raise HangUp(_UNAUTHORIZED)
        params = _operation(payload)
        if id_ in self._running:
            raise HangUp(End(4409, f"Subscriber for {id_[:80]} already exists"))
        if len(self._running) >= MOST:
            error = AppError(
                f"At most {MOST} operations run on a socket at a time; complete one first.",
                code=ErrorCode.RATE_LIMITED,
            )
            await self.put({"id": id_, "type": "error", "payload": refusal_errors(error)})
            return
        self._running[id_] = self.start(self._run(id_, params))

    async def _run(self, id_: str, params: dict[str, Any]) -> None:
        """Run one operation to its end and tell its results."""
        if self.line is None:
            return
        name, variables = params.get("operationName"), params.get("variables") or {}
        gate = self.gate(self.line.actor)
        try:
            compiled = self._engine.compile(params["query"])
            if compiled.refused is not None:
                raise compiled.refused
            operation = compiled.operation(name)
            cost = self._engine.cost(compiled, name, variables)
            await gate.admit(compiled, name, variables, cost.requested)
        except AppError as error:
            await self._refuse(id_, await gate.failed(error))
            return
        context = self.context()
        if not is_subscription(operation):
            answer = await self._engine.run(context, compiled, variables, name, cost=cost)
            failure = first_failure(answer)
            if failure is not None:
                await gate.failed(failure)
            if await self._next(id_, answer, replayed=context.replayed):
                await self._complete(id_)
            return
        stream = self._engine.stream(context, compiled, variables, name, cost=cost)
        try:
            async for answer in stream:
                if not await self._next(id_, answer):
                    return
        finally:
            await stream.aclose()
        await self._complete(id_)

    async def _next(self, id_: str, answer: Answer, *, replayed: bool = False) -> bool:
        """Tell one result; False when nothing follows, since it is a refusal or not wanted."""
        if self._running.get(id_) is not asyncio.current_task():
            return False
        if answer.refused is not None:
            await self._refuse(id_, answer.refused)
            return False
        body = answer_json(answer, replayed=replayed)
        await self.put({"id": id_, "type": "next", "payload": orjson.Fragment(body)})
        return True

    async def _refuse(self, id_: str, error: AppError) -> None:
        self._running.pop(id_, None)
        await self.put({"id": id_, "type": "error", "payload": refusal_errors(error)})

    async def _complete(self, id_: str) -> None:
        # Free before it is told: the client may use the id again at once.
        self._running.pop(id_, None)
        await self.put({"id": id_, "type": "complete"})


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid("A payload is an object")
    return value


def _id(message: dict[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 1 <= len(found) <= 255:
        raise _invalid("An id is text of 1 to 255 characters")
    return found


def _operation(payload: Any) -> dict[str, Any]:
    """The parameters of an operation, each of the right kind."""
    params = _object(payload)
    if not isinstance(params.get("query"), str) or not params["query"]:
        raise _invalid("query has to be a string")
    if not isinstance(params.get("operationName"), str | None):
        raise _invalid("operationName has to be a string or null")
    for name in ("variables", "extensions"):
        if not isinstance(params.get(name), dict | None):
            raise _invalid(f"{name} has to be an object or null")
    return params


async def serve_graphql(
    services: Services, engine: Engine, websocket: WebSocket, _: QueryParams
) -> None:
    """Accept a client that speaks the protocol; 4406 for any other."""
    if PROTOCOL not in websocket.scope["subprotocols"]:
        await websocket.accept()
        await websocket.close(_NOT_OURS.code, _NOT_OURS.reason)
        return
    await websocket.accept(PROTOCOL)
    await GraphQLSocket(services, websocket, engine).serve()
