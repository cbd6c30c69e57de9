"""What every answer leaves with: security headers, CORS, and whether its connection goes on."""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

_LOCAL_ORIGIN: Final = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d{1,5})?")
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, "
    "X-Session-Mode"
)
_EXPOSED: Final = (
    "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, Idempotency-Replayed, "
    "X-Request-Id, Change-Cursor"
)
_PREFLIGHT_SECONDS: Final = "600"
SECURITY: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_REMEMBERED: Final = 512
_REMEMBERED_BYTES: Final = 2_048
_TAKEN: Final = frozenset({b"x-request-id", b"connection", b"set-cookie"})
"""Fields of an answer that are each request's own."""
_NOBODY: Final[Mapping[str, Any]] = {"request_id": "-"}
_NAMED_NOBODY: Final = b"x-request-id: -\r\n"
_HSTS: Final = "max-age=31536000; includeSubDomains"


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


class Dress:
    """The headers that every answer leaves with, whoever made it."""

    def __init__(self, rules: EdgeRules) -> None:
        self._rules = rules
        security = dict(SECURITY)
        if rules.https:
            security["Strict-Transport-Security"] = _HSTS
        self._security = {name.lower().encode(): value.encode() for name, value in security.items()}
        self._blocks: dict[frozenset[bytes], bytes] = {}
        self._dressed: dict[Any, bytes] = {}

    @property
    def closes(self) -> bool:
        """Whether answers end their connection from now on."""
        return self._rules.draining.on

    def message(
        self, message: MutableMapping[str, Any], state: Mapping[str, Any], origin: str | None
    ) -> None:
        """Dress the first message of an answer."""
        pairs, missing = self._own(message.get("headers", ()), state, origin)
        pairs += [(name, self._security[name]) for name in self._security if name in missing]
        message["headers"] = pairs

    def head(
        self, raw: Iterable[tuple[bytes, bytes]], state: Mapping[str, Any], origin: str | None
    ) -> bytes:
        """The same as lines; raises for a value that would be more than one."""
        pairs, missing = self._own(raw, state, origin)
        block = self._blocks.get(missing)
        if block is None:
            block = self._blocks[missing] = b"".join(
                b"%b: %b\r\n" % (name, self._security[name])
                for name in self._security
                if name in missing
            )
        lines = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
        if lines.count(b"\n") != len(pairs) or lines.count(b"\r") != len(pairs) or b"\0" in lines:
            raise RuntimeError("A header value has control characters.")
        return lines + block

    def lines(self, raw: Iterable[tuple[bytes, bytes]], origin: str | None) -> bytes:
        """The same without what is each request's own: its id, limits, the end of a connection."""
        return self.head(raw, _NOBODY, origin).replace(_NAMED_NOBODY, b"")

    def again(
        self, raw: Iterable[tuple[bytes, bytes]], state: Mapping[str, Any], origin: str | None
    ) -> bytes:
        """The same lines for an answer like one before: only what is each request's own is new."""
        key = (tuple(raw), origin)
        lines = self._dressed.get(key)
        if lines is None:
            if self.closes or _TAKEN & {one for one, _ in key[0]}:
                return self.head(key[0], state, origin)
            lines = self.lines(key[0], origin)
            if len(lines) > _REMEMBERED_BYTES:
                return self.head(key[0], state, origin)
            if len(self._dressed) >= _REMEMBERED:
                self._dressed.clear()
            self._dressed[key] = lines
        if self.closes:
            return self.head(key[0], state, origin)
        own = b"x-request-id: %b\r\n" % state["request_id"].encode()
        if "limit_headers" in state:
            own += b"".join([b"%b: %b\r\n" % pair for pair in state["limit_headers"]])
        return lines + own

    def _own(
        self, raw: Iterable[tuple[bytes, bytes]], state: Mapping[str, Any], origin: str | None
    ) -> tuple[list[tuple[bytes, bytes]], frozenset[bytes]]:
        """The headers of an answer, and which security headers it has not set itself."""
        pairs: list[tuple[bytes, bytes]] = []
        names = set()
        # Always, also for callers without an origin, or a cache mixes their answers up.
        vary = b"Origin"
        for name, value in raw:
            lower = name.lower()
            names.add(lower)
            if lower == b"vary":
                vary = value if b"origin" in value.lower() else value + b", Origin"
            else:
                pairs.append((name, value))
        pairs.append((b"vary", vary))
        if b"x-request-id" not in names:
            pairs.append((b"x-request-id", state["request_id"].encode()))
        pairs.extend(state.get("limit_headers", ()))
        if self._rules.draining.on and b"connection" not in names:
            pairs.append((b"connection", b"close"))
        if origin is not None and self._rules.allows_origin(origin):
            pairs += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                # For the session cookie, which asks for more than to be sent along.
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _EXPOSED.encode()),
            ]
        return pairs, frozenset(self._security.keys() - names)

    def preflight(self, state: Mapping[str, Any], origin: str | None) -> dict[str, Any]:
        """The whole answer to a preflight."""
        raw = [(b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")]
        message: dict[str, Any] = {"type": "http.response.start", "status": 204, "headers": raw}
        self.message(message, state, origin)
        if self._rules.allows_origin(origin):
            message["headers"] += [
                (b"access-control-allow-methods", _METHODS.encode()),
                (b"access-control-allow-headers", _ALLOWED.encode()),
                (b"access-control-max-age", _PREFLIGHT_SECONDS.encode()),
            ]
        return message
