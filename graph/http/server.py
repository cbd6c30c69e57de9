"""The HTTP server: uvicorn with limits on request heads and a stop that fails no request."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from graph.http.bare import refusal
from graph.http.headers import Draining
from graph.sharing import Flag

HEAD_BYTES: Final = 64 * 1024
"""Request line and headers together."""
HEADER_COUNT: Final = 100
HEAD_SECONDS: Final = 10.0
SOCKET_MESSAGE_BYTES: Final = 64 * 1024
KEEP_ALIVE_SECONDS: Final = 20
_TICK_SECONDS: Final = 0.02
_QUIET_TICKS: Final = 8
_FRESH_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 1.0
_BESIDE_SECONDS: Final = 7.0


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads that are too large, have too many headers or come too slowly."""

    url = b""
    _arrived = 0
    _size = 0
    _in_head = True
    _refused = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._head_ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes while a head is not complete."""
        if self._refused:
            return
        # The parser keeps a header until its end: one without an end would fill the memory.
        self._arrived = self._arrived + len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head:
            if self._arrived > HEAD_BYTES:
                self._refuse()
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._size = True, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._size += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._size += len(name) + len(value)
        if len(self.headers) >= HEADER_COUNT or self._size > HEAD_BYTES:
            self._refuse()
            return
        # As the protocol itself does it: every field of every request comes along here.
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete; what follows is a body."""
        self._in_head, self._arrived = False, 0
        self._head_ended()
        if self._size > HEAD_BYTES:
            self._refuse()
        if not self._refused:
            # For an answer that streams to somebody who does not read.
            state = self.scope["state"]
            state["abort"] = self.transport.abort
            super().on_headers_complete()
            cycle = self.cycle
            if cycle is not None and cycle.scope is self.scope:
                state["whole"] = partial(_whole, cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the body, unless its head was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body, unless its head was refused."""
        if not self._refused:
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket, unless the head was refused."""
        if not self._refused:
            super().handle_websocket_upgrade()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _head_ended(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in our own shape."""
        self._end(400)

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self._end(431)

    def _end(self, status: int) -> None:
        told = refusal(STATUS_LINE[status], self.server_state.default_headers, self.url)
        self.transport.write(told)
        self.transport.close()


def _whole(
    cycle: RequestResponseCycle, status: int, head: bytes, body: bytes, closes: bool
) -> bool:
    """Write a complete answer at once; False where that cannot be done now.

    ``head`` are lines of checked fields, with the length of the body where there may be one.
    """
    if cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.keep_alive = cycle.keep_alive and not closes
    parts = [STATUS_LINE[status]]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(head)
    if not (cycle.keep_alive or closes):
        parts.append(b"connection: close\r\n")
    parts.append(b"\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


class _Mailbox:
    """What came in, for one who takes it: an ``asyncio.Queue`` at a twentieth of the memory."""

    __slots__ = ("_coming", "_items")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._coming: asyncio.Future[None] | None = None

    def put_nowait(self, item: Any) -> None:
        """Something came."""
        self._items.append(item)
        if self._coming is not None and not self._coming.done():
            self._coming.set_result(None)

    async def get(self) -> Any:
        """Take the next one."""
        while not self._items:
            self._coming = asyncio.get_running_loop().create_future()
            try:
                await self._coming
            finally:
                self._coming = None
        return self._items.pop(0)

    def empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._items


class PatientSocket(WebSocketsSansIOProtocol):
    """Says goodbye to a peer that does not read, and leaves when it does not answer.

    Most sockets wait most of the time, and there may be thousands: what they keep is small.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.queue: Any = _Mailbox()
        self.writable: Any = Flag(on=True)

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a close frame does not wait until there is room for it."""
        farewell = message["type"] == "websocket.close" and self.handshake_complete
        if farewell and not self.writable.is_set():
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over, and its headers are in the scope.
            self.request = self.response = cast("Any", None)
        if farewell:
            # A peer that reads nothing would keep what waits for it, and the port, for ever.
            self.loop.call_later(self.close_timeout, self.transport.abort)


class DrainingServer(Server):
    """Stops on request and not by signal: whoever runs it owns the signals."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._listeners: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        self._listeners = sockets or []
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def serve_until(
        self,
        stopping: asyncio.Event,
        taken: socket.socket,
        *,
        beside: Sequence["asyncio.Task[None]"],
        unwell: Callable[[], str | None],
        ready: Callable[[], None],
        draining: Draining,
        drain_seconds: float,
        early: bool,
    ) -> str | None:
        """Serve until ``stopping`` is set, or until something fails: then why, in one line.

        ``beside`` are tasks that end by ``stopping`` too; ``unwell`` is asked each
        second.
        """
        serving = asyncio.create_task(self.serve(sockets=[taken]))
        listening = asyncio.create_task(self.listening.wait())
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            ready()
        failure = await _watched(stopping, [serving, *beside], unwell)
        stopping.set()
        if not serving.done():
            await self.drain(draining, at_most=drain_seconds, early=early)
            self.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.wait(beside, timeout=_BESIDE_SECONDS)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        return failure

    async def drain(self, draining: Draining, *, at_most: float, early: bool) -> None:
        """Let callers go one by one: every answer closes its connection from now on.

        With ``early`` it ends once nobody has been connected for a moment.
        """
        draining.on = True
        await self._until(lambda: early and not self._connected(), at_most, _QUIET_TICKS)
        await self._stop_listening()
        # Who came last has connected and not yet asked.
        await self._until(lambda: not any(map(_is_fresh, self._connected())), _FRESH_SECONDS, 1)

    def _connected(self) -> set[Any]:
        return set(self.server_state.connections)

    async def _until(self, holds: Callable[[], bool], at_most: float, ticks: int) -> None:
        """Wait until something holds for so many ticks; the server tells nobody of its changes."""
        until = monotonic() + at_most
        held = 0
        while held < ticks and monotonic() < until:
            await asyncio.sleep(_TICK_SECONDS)
            held = held + 1 if holds() else 0

    async def _stop_listening(self) -> None:
        """Close the port, and serve those whom the kernel has let in but we have not yet.

        Closing alone would reset them in the middle of their request.
        """
        loop = asyncio.get_running_loop()
        copies = [listener.dup() for listener in self._listeners]
        for server in self.servers:
            server.close()
        for listener in self._listeners:
            listener.close()
        # The loop lets go of its own descriptor in its next round.
        await asyncio.sleep(0)
        waiting = []
        for copy in copies:
            copy.setblocking(False)
            with suppress(OSError):
                while True:
                    waiting.append(copy.accept()[0])
            copy.close()
        for accepted in waiting:
            await loop.connect_accepted_socket(self._protocol, accepted)

    def _protocol(self) -> asyncio.Protocol:
        return BoundedProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


async def _watched(
    stopping: asyncio.Event,
    tasks: "Sequence[asyncio.Task[None]]",
    unwell: Callable[[], str | None],
) -> str | None:
    """Wait for the stop; why there must be one although nobody asked, else None."""
    asked = asyncio.create_task(stopping.wait())
    try:
        while True:
            await asyncio.wait(
                [asked, *tasks], timeout=_WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if asked.done():
                return None
            failure = unwell()
            for task in tasks:
                if task.done() and failure is None:
                    error = None if task.cancelled() else task.exception()
                    failure = f"a part of the server ended: {type(error).__name__}: {error}"
            if failure is not None:
                return failure
    finally:
        asked.cancel()


def _is_fresh(connection: Any) -> bool:
    return isinstance(connection, HttpToolsProtocol) and connection.cycle is None


def make_server(app: ASGIApp, *, shutdown_seconds: int, proxies: tuple[str, ...]) -> DrainingServer:
    """A server of the application on sockets that it is given."""
    settings: dict[str, Any] = {
        "http": BoundedProtocol,
        # The one called "websockets" is built on what that library calls legacy.
        "ws": PatientSocket,
        "ws_max_size": SOCKET_MESSAGE_BYTES,
        # Compressing each peer's messages costs memory for each peer.
        "ws_per_message_deflate": False,
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": list(proxies),
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": shutdown_seconds,
        "backlog": 2_048,
    }
    return DrainingServer(Config(app, **settings))
