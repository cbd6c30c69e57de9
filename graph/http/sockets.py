"""A WebSocket of ours: who may open one, checked messages in, a way out that keeps nothing, its end.

The same for both protocols that we speak; they differ in what a message says.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, ClassVar, Final

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from graph.context import Context, Services
from graph.errors import masked
from graph.http.bare import error_response
from graph.http.headers import EdgeRules
from graph.http.heads import shorten
from graph.http.json_body import parse_json
from graph.http.limits import Gate, gate_of
from graph.live import RESTARTING, End, Line
from models.endings import stop
from models.ids import new_id
from resolvers.access import Actor
from resolvers.errors import AppError

MESSAGE_BYTES: Final = 64 * 1024
"""Of one message to us; larger ones end the socket (1009), which the server sees to."""
STALL_SECONDS: Final = 10.0
"""How long a reader is waited for whose connection takes nothing more."""
INIT_SECONDS: Final = 3.0
_FAREWELL_SECONDS: Final = 5.0
_DEPTH: Final = 14
_KEPT_FIELDS: Final = frozenset({"user-agent"})
"""What is asked of the handshake's head once somebody was let in."""
_REASON: Final = 100
"""Characters of a close frame's reason, which has 123 bytes."""

_GONE: Final = End(1001, "gone")
TOO_SLOW: Final = End(1013, "Read faster; come back with your last cursor")
NOT_JSON: Final = End(4400, "A message is a JSON object in a text frame")
FORBIDDEN: Final = End(4403, "Forbidden")
TOO_LATE: Final = End(4408, "Connection initialisation timeout")
FAILED: Final = End(1011, "Something went wrong on our side")


class HangUp(Exception):
    """The socket ends now, for a reason that its close code says."""

    def __init__(self, end: End) -> None:
        super().__init__(end.reason)
        self.end = end


def bearer_of(text: object) -> str | None:
    """The token of ``Bearer <token>``; None for anything else."""
    if not isinstance(text, str):
        return None
    scheme, _, token = text.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Socket(ABC):
    """One connection that was accepted."""

    transport: ClassVar[str]
    """What the metrics call it."""

    def __init__(self, services: Services, websocket: WebSocket) -> None:
        self.services = services
        self.websocket = websocket
        self.line: Line | None = None
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[End | None] = asyncio.get_running_loop().create_future()
        self._stay: AbstractContextManager[Line] | None = None
        """Holds the line until the end."""

    @abstractmethod
    async def begin(self) -> None:
        """Called once the socket is open."""

    @abstractmethod
    async def take(self, message: dict[str, Any]) -> None:
        """Called with each message, one after the other."""

    @abstractmethod
    async def hung_up(self, end: End) -> None:
        """Called before the close frame: the last chance to send something, by ``now``."""

    async def serve(self) -> None:
        """Talk until either side ends it."""
        metrics = self.services.live.metrics
        if metrics is not None:
            metrics.connected(self.transport, 1)
        init = asyncio.get_running_loop().call_later(INIT_SECONDS, self._too_late)
        end: End | None = None
        try:
            self.start(self._listen())
            end = await self._over
        finally:
            init.cancel()
            await stop(self._tasks)
            if self._stay is not None:
                self._stay.__exit__(None, None, None)
            if metrics is not None:
                metrics.connected(self.transport, -1)
                metrics.hung_up(self.transport, end.code if end is not None else 1005)
        if end is not None:
            await self._close(end)

    async def admit(self, token: str) -> None:
        """Let somebody in, until the token or the session is over; hangs up with 4403."""
        try:
            admission = await self.services.auth.admit(token)
        except AppError as error:
            if error.status >= 500:
                raise
            raise HangUp(End(FORBIDDEN.code, error.message[:_REASON])) from error
        self.websocket.state.user_id = admission.actor.user_id
        try:
            await self.gate(admission.actor).connect()
        except AppError as error:
            raise HangUp(End(TOO_SLOW.code, error.message[:_REASON])) from error
        stay = self.services.live.line(admission)
        line, self._stay = stay.__enter__(), stay
        line.ended.add_done_callback(lambda done: self.over(done.result()))
        shorten(self.websocket.scope, _KEPT_FIELDS)
        await self.services.live.check(line)
        self.line = line

    def gate(self, actor: Actor) -> Gate:
        """The limits of one request."""
        gate = gate_of(self.services.limits, self.websocket)
        gate.enter(actor)
        return gate

    def context(self) -> Context:
        """The context of one operation of whoever was let in."""
        return Context(
            services=self.services,
            actor_or_none=self.line.actor if self.line is not None else None,
            request_id=new_id().hex,
            user_agent=self.websocket.headers.get("user-agent"),
        )

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do something beside; what it raises ends the socket."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def put(self, message: Mapping[str, Any]) -> None:
        """Send a message; hangs up with 1013 on a reader who does not read."""
        await self.say(written(message))

    async def say(self, text: str) -> None:
        """Send text: at once where there is room, else when the peer has read."""
        metrics = self.services.live.metrics
        async with self._turn:
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await self.websocket.send_text(text)
            except TimeoutError as error:
                raise HangUp(TOO_SLOW) from error
            except WebSocketDisconnect as error:
                # Who has gone is told no reason, and nothing went wrong.
                self.over(None)
                raise HangUp(_GONE) from error
        if metrics is not None:
            metrics.sent(self.transport)

    async def now(self, message: Mapping[str, Any]) -> None:
        """Send a last message past the queue."""
        with suppress(Exception):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.websocket.send_text(written(message))

    def over(self, end: End | None) -> None:
        """End it; the first reason counts, None where the other side has ended it."""
        if not self._over.done():
            self._over.set_result(end)

    def _too_late(self) -> None:
        if self.line is None:
            self.over(TOO_LATE)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, HangUp):
            self.over(error.end)
        elif isinstance(error, WebSocketDisconnect):
            self.over(None)
        elif error is not None:
            known = masked(error, self.websocket.state.request_id)
            self.over(End(1013, known.message) if known.status == 503 else FAILED)

    async def _listen(self) -> None:
        await self.begin()
        while True:
            received = await self.websocket.receive()
            if received["type"] == "websocket.disconnect":
                self.over(None)
                return
            await self.take(_message(received.get("text")))

    async def _close(self, end: End) -> None:
        with suppress(Exception):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.hung_up(end)
                if self.websocket.application_state is WebSocketState.CONNECTED:
                    await self.websocket.close(end.code, end.reason)


def written(message: Mapping[str, Any]) -> str:
    """A message as text."""
    return orjson.dumps(message, default=str).decode()


def _message(text: str | None) -> dict[str, Any]:
    if text is None:
        raise HangUp(NOT_JSON)
    try:
        found = parse_json(
            text.encode("utf-8", "surrogatepass"), max_bytes=MESSAGE_BYTES, max_depth=_DEPTH
        )
    except AppError as error:
        raise HangUp(NOT_JSON) from error
    if not isinstance(found, dict):
        raise HangUp(NOT_JSON)
    return found


class SocketEndpoint:
    """Opens sockets on a path, for pages of allowed origins and for programs."""

    def __init__(
        self,
        services: Services,
        serve: Callable[[WebSocket, QueryParams], Awaitable[None]],
        *,
        parameters: frozenset[str] = frozenset(),
    ) -> None:
        self._services = services
        self._serve = serve
        self._parameters = parameters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by an HTTP answer, or talk."""
        websocket = WebSocket(scope, receive, send)
        refused = self._refused(websocket)
        if refused is not None:
            await websocket.receive()
            await websocket.send_denial_response(refused)
            return
        await self._serve(websocket, websocket.query_params)

    def _refused(self, connection: HTTPConnection) -> Response | None:
        rules: EdgeRules = connection.state.edge
        origin, path = connection.headers.get("origin"), connection.url.path
        if origin is not None and not rules.allows_origin(origin):
            return error_response(path, 403, "FORBIDDEN", "Pages of this origin may not call us.")
        unknown = connection.query_params.keys() - self._parameters
        if unknown:
            # A token in an address ends up in logs and histories: not even a good one is taken.
            return error_response(
                path,
                400,
                "BAD_REQUEST",
                "This address takes no such parameters. Tokens go into the first message.",
            )
        if self._services.live.draining:
            return error_response(path, 503, "UNAVAILABLE", RESTARTING.reason)
        return None
