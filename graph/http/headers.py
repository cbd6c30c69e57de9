"""The edge of both doors: request ids, security headers, CORS, and a last word on failures."""

import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from os import urandom
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.bare import error_response

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_LOCAL_ORIGIN: Final = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d{1,5})?")
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
)
_EXPOSED: Final = (
    "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, Idempotency-Replayed, "
    "X-Request-Id, Change-Cursor"
)
_PREFLIGHT_SECONDS: Final = "600"
_SECURITY: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_HSTS: Final = "max-age=31536000; includeSubDomains"
_log: Final = structlog.get_logger("http")


class Draining:
    """Set when a stop signal came: answers close their connections, readiness says no."""

    def __init__(self) -> None:
        self._on = False
        self._then: list[Callable[[], None]] = []

    @property
    def on(self) -> bool:
        """Whether the stop has begun."""
        return self._on

    @on.setter
    def on(self, value: bool) -> None:
        begins = value and not self._on
        self._on = value
        for call in self._then if begins else ():
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Have something done when the stop begins."""
        self._then.append(call)


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """What the edge needs to know of the settings."""

    local: bool = True
    https: bool = False
    origins: frozenset[str] = frozenset()
    draining: Draining = field(default_factory=Draining)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether pages of an origin may call us; used for CORS and for WebSockets alike."""
        if origin is None:
            return False
        wanted = origin.lower()
        return wanted in self.origins or (
            self.local and _LOCAL_ORIGIN.fullmatch(wanted) is not None
        )


class Edge:
    """Outermost of all: whatever happens inside, the answer leaves with these headers."""

    def __init__(self, app: ASGIApp, *, rules: EdgeRules) -> None:
        self._app = app
        self._rules = rules
        security = dict(_SECURITY)
        if rules.https:
            security["Strict-Transport-Security"] = _HSTS
        self._security = tuple(
            (name.lower().encode(), value.encode()) for name, value in security.items()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, answer preflights, and put the headers on every answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        given = headers.get("x-request-id", "")
        state["request_id"] = given if _REQUEST_ID.fullmatch(given) else urandom(16).hex()
        state["edge"] = self._rules
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        origin = headers.get("origin")
        if (
            scope["method"] == "OPTIONS"
            and origin is not None
            and "access-control-request-method" in headers
        ):
            await self._preflight(state, origin, send)
            return
        await self._answered(scope, receive, send, origin)

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, origin: str | None
    ) -> None:
        started = False

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._dress(scope["state"], message, origin)
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except Exception as error:
            _log.exception(
                "request.failed",
                request_id=scope["state"]["request_id"],
                method=scope["method"],
                exc_info=error,
            )
            if started:
                # Half an answer cannot be taken back: the server cuts the connection.
                raise
            details = {"requestId": scope["state"]["request_id"]}
            response = error_response(
                scope["path"],
                500,
                "INTERNAL_ERROR",
                "Something went wrong on our side; nothing was changed.",
                details=details,
            )
            await response(scope, receive, dressed)

    def _dress(
        self, state: MutableMapping[str, Any], message: MutableMapping[str, Any], origin: str | None
    ) -> None:
        raw: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
        present = {name.lower() for name, _ in raw}
        raw.extend(pair for pair in self._security if pair[0] not in present)
        if b"x-request-id" not in present:
            raw.append((b"x-request-id", state["request_id"].encode()))
        raw.extend(state.get("limit_headers", ()))
        if self._rules.draining.on and b"connection" not in present:
            raw.append((b"connection", b"close"))
        message["headers"] = raw
        headers = MutableHeaders(raw=raw)
        # Always, also for callers without an origin, or a cache mixes their answers up.
        headers.add_vary_header("Origin")
        if origin is not None and self._rules.allows_origin(origin):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = _EXPOSED

    async def _preflight(self, state: MutableMapping[str, Any], origin: str, send: Send) -> None:
        raw = [(b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")]
        message = {"type": "http.response.start", "status": 204, "headers": raw}
        self._dress(state, message, origin)
        if self._rules.allows_origin(origin):
            headers = MutableHeaders(raw=message["headers"])  # type: ignore[arg-type]
            headers["Access-Control-Allow-Methods"] = _METHODS
            headers["Access-Control-Allow-Headers"] = _ALLOWED
            headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        await send(message)
        await send({"type": "http.response.body", "body": b""})
