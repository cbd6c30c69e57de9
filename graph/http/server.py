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
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from graph.http.headers import Draining
from graph.http.known import Memo
from graph.http.process import hear_no_calls
from graph.http.protocol import BoundedProtocol
from graph.sharing import Flag

SOCKET_MESSAGE_BYTES: Final = 64 * 1024
KEEP_ALIVE_SECONDS: Final = 20
_TICK_SECONDS: Final = 0.02
_QUIET_TICKS: Final = 8
_CALL_SECONDS: Final = 0.05
_FRESH_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 1.0
_BESIDE_SECONDS: Final = 7.0


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
            forget_request(self.conn)
        if farewell:
            # A peer that reads nothing would keep what waits for it, and the port, for ever.
            self.loop.call_later(self.close_timeout, self.transport.abort)


def forget_request(conn: Any) -> None:
    """Begin to read frames with a new parser: the old one holds the request as long as it lives.

    Only where nothing has come behind the request: it would be in the old one in part.
    """
    waits = getattr(getattr(conn.parser, "gi_yieldfrom", None), "gi_yieldfrom", None)
    if waits is not None and waits.gi_code.co_name == "at_eof":
        conn.parser = conn.parse()
        next(conn.parser)


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
        last: Callable[[], bool] = lambda: True,
    ) -> str | None:
        """Serve until ``stopping`` is set, or until something fails: then why, in one line.

        ``beside`` are tasks that end by ``stopping`` too; ``unwell`` is asked each
        second; ``last`` says at the end whether no other process serves the socket.
        """
        serving = asyncio.create_task(self.serve(sockets=[taken]))
        listening = asyncio.create_task(self.listening.wait())
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            ready()
        failure = await _watched(stopping, [serving, *beside], unwell)
        stopping.set()
        if not serving.done():
            await self.drain(draining, at_most=drain_seconds, early=early, last=last)
            self.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.wait(beside, timeout=_BESIDE_SECONDS)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        return failure

    async def drain(
        self, draining: Draining, *, at_most: float, early: bool, last: Callable[[], bool]
    ) -> None:
        """Let callers go one by one: every answer closes its connection from now on.

        With ``early`` it ends once nobody has been connected for a moment.
        """
        draining.on = True
        await self._until(lambda: early and not self._connected(), at_most, _QUIET_TICKS)
        if last():
            for listener in self._listeners:
                hear_no_calls(listener)
            # Who has begun to call comes in.
            await asyncio.sleep(_CALL_SECONDS)
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
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


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


def make_server(
    app: ASGIApp, *, shutdown_seconds: int, proxies: tuple[str, ...], memo: Memo | None = None
) -> DrainingServer:
    """A server of the application on sockets that it is given; it remembers what reads ask for."""
    settings: dict[str, Any] = {
        "http": partial(BoundedProtocol, memo=Memo() if memo is None else memo),
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
