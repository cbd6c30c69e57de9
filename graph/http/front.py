"""The front of both doors: what every request meets before its handler, and its answer after it.

One object does it all (name, preflight, limit of the body, security headers, CORS, a last word on
failures, the line of the log and the figures), because layers of callables and coroutines around
each other cost more than what they do.  Requests for the two doors go straight to their handlers;
whatever else comes is routed by the application behind.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from os import urandom
from time import perf_counter
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.bare import error_response
from graph.http.glance import Again, Glance
from graph.http.headers import Dress, EdgeRules
from graph.http.heads import Heads, request_of
from graph.http.known import Asked, Ending, Known, Remember, Visit
from graph.http.logs import Observe, log_request
from graph.http.sizes import BODY_BYTES, FORM_BYTES, limit_of, refuse_body, within
from models.telemetry import Tally, begin
from resolvers.bounds import DEFAULTS

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_REPEATED: Final = frozenset({"GET", "POST"})
_REPEATS: Final = {"type": "http"}
_LEFT: Final = 499
"""A client that left before there was an answer; proxies call it so."""
_log: Final = structlog.get_logger("http")

Handle = Callable[[Request], Awaitable[Response]]
Direct = Callable[[Scope], Handle | None]
"""The handler of a request that needs no router; it notes route and path parameters."""


class Front:
    """Outermost of all: whatever happens inside, the answer leaves with its headers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        rules: EdgeRules,
        observe: Observe | None = None,
        began: Callable[[Scope], None] | None = None,
        direct: Direct | None = None,
        sockets: Mapping[str, WebSocketRoute] | None = None,
        body_bytes: int = BODY_BYTES,
        upload_bytes: int = DEFAULTS.largest + FORM_BYTES,
        remembers: bool = True,
        noting: Again | None = None,
    ) -> None:
        """``remembers`` what reads ask for; not where something around it has to see them."""
        self._app = app
        self._rules = rules
        self.dress = Dress(rules)
        self._observe = observe
        self._began = began
        self._direct = direct
        self._sockets = sockets or {}
        self._body_bytes = body_bytes
        self._upload_bytes = upload_bytes
        self._remembers = remembers
        self.noting = noting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or lead one WebSocket in."""
        kind = scope["type"]
        if kind not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        heads = Heads(scope)
        state = scope.setdefault("state", {})
        given = heads.get("x-request-id")
        known = given is not None and _REQUEST_ID.fullmatch(given) is not None
        state["request_id"] = given if known else urandom(16).hex()
        state["edge"] = self._rules
        state["heads"] = heads
        exchange = Exchange(scope, send, self.dress if kind == "http" else None, heads)
        started, tally = perf_counter(), begin()
        if self._began is not None:
            self._began(scope)
        try:
            if kind == "http":
                await self._answer(exchange, scope, receive)
            else:
                await self._lead_in(scope)(scope, receive, exchange.send)
        finally:
            self.end(scope, exchange.status, perf_counter() - started, tally)

    def end(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """Note the end of a request."""
        if self._observe is not None:
            self._observe(scope, status, seconds, tally)
        log_request(scope, status, seconds, tally)

    def _lead_in(self, scope: Scope) -> ASGIApp:
        """What serves a WebSocket: past the router, whose frames would stay as long as it stands."""
        route = self._sockets.get(scope["path"])
        if route is None or scope.get("root_path"):
            return self._app
        scope["route"], scope["path_params"] = route, {}
        return route.app

    async def _answer(self, exchange: "Exchange", scope: Scope, receive: Receive) -> None:
        try:
            await self._enter(exchange, scope, receive)
        except ClientDisconnect:
            # She left before her request was whole.
            if exchange.started:
                raise
        except Exception as error:
            response = _broken(scope, error)
            if exchange.started:
                # Half an answer cannot be taken back: the server cuts the connection.
                raise
            await response(scope, receive, exchange.send)

    async def _enter(self, exchange: "Exchange", scope: Scope, receive: Receive) -> None:
        """Preflights and bodies that are too large end here; all else goes on to its handler."""
        heads = exchange.heads
        if scope["method"] == "OPTIONS" and "access-control-request-method" in heads:
            origin = heads.get("origin")
            if origin is not None:
                await exchange.preflight()
                return
        if "transfer-encoding" in heads:
            limit = limit_of(scope["path"], heads, self._body_bytes, self._upload_bytes)
            await within(self._app, limit, scope, receive, exchange.send)
            return
        stated = heads.get("content-length") or ""
        # The server holds a body to the length that is stated.
        if stated.isdecimal() and int(stated[:20]) > self._body_bytes:
            limit = limit_of(scope["path"], heads, self._body_bytes, self._upload_bytes)
            if int(stated[:20]) > limit:
                await refuse_body(scope, receive, exchange.send, limit)
                return
        handle = self._direct(scope) if self._direct is not None else None
        if handle is None:
            await self._app(scope, receive, exchange.send)
            return
        response = await handle(request_of(scope, receive, exchange.send))
        await exchange.answer(response, receive)
        if self._remembers and response.status_code < 400:
            self._remember(scope, heads)

    def _remember(self, scope: Scope, heads: Heads) -> None:
        """Keep what a read asked for, where its door says what that is."""
        state = scope["state"]
        asked: Asked | None = state.get("asked")
        place: Remember | None = state.get("remember")
        # An answer to HEAD is cut off behind its head, by a server that knows the method.
        if asked is None or place is None or scope["method"] not in _REPEATED:
            return
        if "claims" not in state:
            return
        given = heads.get("x-request-id")
        client = scope.get("client")
        known = Known(
            self,
            asked,
            state["claims"],
            place.peer,
            None if client is None else client[0],
            given if given == state["request_id"] else None,
            heads.get("origin"),
            scope["method"],
            scope["path"],
            scope["route"],
        )
        place.memo.put(place.name, known, place.length, place.half)

    def begin(self, known: Known, ending: Ending) -> None:
        """Answer what was asked before: after a glance at the books, or else by a task."""
        state: dict[str, Any] = {"request_id": known.request_id or urandom(16).hex()}
        visit = Visit(known.claims, known.address, state, known)
        one = Glance(self, known, ending, visit)
        if self._began is not None:
            self._began(_REPEATS)
        if not known.asked.glance(visit, one.told):
            ending.go_on(self.repeat(one))

    async def repeat(self, one: Glance) -> None:
        """Answer what was asked before, as if it were asked for the first time."""
        known, scope = one.known, one.scope
        state: dict[str, Any] = scope["state"]
        status, tally = _LEFT, begin(one.tally)
        try:
            try:
                response = await known.asked.again(one.visit)
                head = self.dress.again(response.raw_headers, state, known.origin)
            except Exception as error:  # noqa: BLE001 - the last word, as for every request
                response = _broken(scope, error)
                head = self.dress.head(response.raw_headers, state, known.origin)
            body = bytes(response.body)
            await one.ending.whole(response.status_code, head, body, self.dress.closes)
            status = response.status_code
        finally:
            self.end(scope, status, perf_counter() - one.started, tally)


def _broken(scope: Scope, error: Exception) -> Response:
    """The answer to a failure that nobody has foreseen; it is logged."""
    request_id = scope["state"]["request_id"]
    _log.exception("request.failed", request_id=request_id, method=scope["method"], exc_info=error)
    return error_response(
        scope["path"],
        500,
        "INTERNAL_ERROR",
        "Something went wrong on our side; nothing was changed.",
        details={"requestId": request_id},
    )


class Fronted(Starlette):
    """An application whose only layer is its front: that one has the last word on failures."""

    def __init__(self, front: Callable[[ASGIApp], ASGIApp], **settings: Any) -> None:
        super().__init__(**settings)
        self._front = front

    def build_middleware_stack(self) -> ASGIApp:
        """The routes, within what turns their refusals into answers, within the front."""
        handlers: Any = self.exception_handlers
        return self._front(ExceptionMiddleware(self.router, handlers=handlers))


class Exchange:
    """One request with its answer on the way out."""

    __slots__ = ("_dress", "_send", "heads", "scope", "started", "status")

    def __init__(self, scope: Scope, send: Send, dress: Dress | None, heads: Heads) -> None:
        self.scope = scope
        self.heads = heads
        self.status = _LEFT
        self.started = False
        self._send = send
        self._dress = dress

    async def send(self, message: Message) -> None:
        """Send a message; the first one of an answer is dressed."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status, self.started = message["status"], True
            if self._dress is not None:
                self._dress.message(message, self.scope["state"], self.heads.get("origin"))
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and self.status != 101:
            self.status = 403
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def answer(self, response: Response, receive: Receive) -> None:
        """Send an answer: at once where it is complete and the server takes it whole."""
        state: dict[str, Any] = self.scope["state"]
        whole = state.get("whole")
        body = getattr(response, "body", None)
        if (
            whole is None
            or self._dress is None
            or not isinstance(body, bytes)
            or response.background is not None
            # A stream of events is a Response with an empty body, and sends itself.
            or type(response).__call__ is not Response.__call__
        ):
            await response(self.scope, receive, self.send)
            return
        head = self._dress.head(response.raw_headers, state, self.heads.get("origin"))
        if whole(response.status_code, head, body, self._dress.closes):
            self.status, self.started = response.status_code, True
        else:
            await response(self.scope, receive, self.send)

    async def preflight(self) -> None:
        """Answer what a browser asks before it asks."""
        if self._dress is None:
            raise AssertionError("WebSockets have no preflight")
        message = self._dress.preflight(self.scope["state"], self.heads.get("origin"))
        self.status, self.started = 204, True
        await self._send(message)
        await self._send({"type": "http.response.body", "body": b""})
