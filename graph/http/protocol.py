"""One connection of the server: limits on its heads, and answers at once to what is known already."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from graph.http.bare import refusal
from graph.http.known import LONGEST, Known, Memo, Remember

HEAD_BYTES: Final = 64 * 1024
"""Request line and headers together."""
HEADER_COUNT: Final = 100
HEAD_SECONDS: Final = 10.0
_HALF_SECONDS: Final = 0.2
"""How long a head that may be known waits for its body, before it is taken as any other."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads that are too large, have too many headers or come too slowly."""

    url = b""
    _arrived = 0
    _size = 0
    _in_head = True
    _refused = False
    _head_timer: asyncio.TimerHandle | None = None
    _heads = 0
    _idle_since = 0.0
    """When the last answer to what was known was over."""
    _between = True
    """Whether the parser waits for a first byte."""
    _first = b""
    """The last piece, if it was a head whose body is to come."""
    _half = b""
    """A head that the parser has not seen, for it may be known with its body."""
    _half_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, memo: Memo | None = None, **more: Any) -> None:
        """Requests that ``memo`` knows are answered without taking them apart."""
        super().__init__(*args, **more)
        self._memo = memo

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._head_ended()
        self._half_ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer what is known; count what comes while a head is not complete."""
        if self._refused:
            return
        if self._half:
            self._complete(data)
            return
        memo, name = self._memo, None
        if memo is not None and self._between and len(data) <= LONGEST and self.client:
            name = memo.name(data)
            known = memo.get(name, self.client[0])
            if known is not None and self._repeat(known):
                return
            if memo.is_half(name) and self._idle():
                # The rest is on its way; then the two may be known together.
                self._unset_keepalive_if_required()
                self._half = data
                self._half_timer = self.loop.call_later(_HALF_SECONDS, self._give_half)
                return
        self._take(data, name)

    def _complete(self, data: bytes) -> None:
        """What comes after a head that waited for it."""
        memo, whole = self._memo, self._half + data
        if memo is not None and len(whole) <= LONGEST and self.client:
            known = memo.get(memo.name(whole), self.client[0])
            if known is not None and self._repeat(known):
                self._half_ended()
                return
        self._give_half()
        self.data_received(data)

    def _give_half(self) -> None:
        """Take the head that waited as every other."""
        half = self._half
        self._half_ended()
        if half:
            self._take(half, None if self._memo is None else self._memo.name(half))

    def _half_ended(self) -> None:
        self._half = b""
        if self._half_timer is not None:
            self._half_timer.cancel()
            self._half_timer = None

    def _take(self, data: bytes, name: bytes | None) -> None:
        """Have the parser take bytes; let what they ask be remembered, if they ask one thing."""
        self._heads = 0
        first, self._first = self._first, b""
        # The parser keeps a header until its end: one without an end would fill the memory.
        self._arrived = self._arrived + len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head:
            if self._arrived > HEAD_BYTES:
                self._refuse()
            self._wait_for_head()
        memo = self._memo
        if memo is None:
            return
        if name is not None and self._heads == 1:
            if self._between:
                self._offer(memo, name, len(data))
            elif not (self._in_head or self.expect_100_continue):
                self._first = data
        elif first and self._heads == 0 and self._between and len(first) + len(data) <= LONGEST:
            whole = first + data
            self._offer(memo, memo.name(whole), len(whole), half=memo.name(first))

    def _offer(self, memo: Memo, name: bytes, length: int, half: bytes | None = None) -> None:
        """Let a request be remembered that came alone, in one piece or as head and body.

        It has not ended: what it asks is known only then.
        """
        cycle = self._latest
        whole = cycle is not None and cycle.scope is self.scope and not self._refused
        if whole and cycle.keep_alive and not cycle.waiting_for_100_continue and self.client:
            place = Remember(memo, name, self.client[0], length, half)
            self.scope["state"]["remember"] = place

    @property
    def _latest(self) -> Any:
        """What answers the last request whose head is complete, or did; None before the first."""
        return self.cycle

    def _idle(self) -> bool:
        """Whether nothing is under way on this connection."""
        before = self._latest
        if before is not None and not (before.response_complete and before.keep_alive):
            return False
        return not (self.pipeline or self.flow.write_paused)

    def shutdown(self) -> None:
        """Begin to stop; a request whose head is here is answered."""
        self._give_half()
        super().shutdown()

    def _repeat(self, known: Known) -> bool:
        """Answer what is known, unless something is under way on this connection."""
        if not self._idle():
            return False
        if self._head_timer is not None:
            self._head_ended()
        self._in_head, self._arrived = False, 0
        ending: Any = Ending(self)
        self.cycle = ending
        known.front.begin(known, ending)
        return True

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Have an answer made in a task."""
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """The end of an answer; what was refused behind it ends the connection."""
        if self._refused and not self.pipeline:
            self.server_state.total_requests += 1
            self.transport.close()
            return
        super().on_response_complete()

    def repeated(self) -> None:
        """The end of an answer to what was known: what follows it, with one timer for many."""
        if self._refused:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline or self.flow.read_paused:
            super().on_response_complete()
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._stay(self.timeout_keep_alive)

    def _stay(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing has come for a while; the timer may be an older one."""
        self.timeout_keep_alive_task = None
        cycle = self._latest
        busy = cycle is not None and not cycle.response_complete
        if busy or self.transport.is_closing():
            # The end of its answer sets the next one.
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._stay(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._heads += 1
        self._between = False
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
        if self.parser.should_upgrade():
            # What comes after it may be no HTTP any more: the parser is asked about all of it.
            self._memo = None
        if self._size > HEAD_BYTES:
            self._refuse()
        elif not self._names_a_host():
            self._refuse(400)
        if not self._refused:
            # For an answer that streams to somebody who does not read.
            state = self.scope["state"]
            state["abort"] = self.transport.abort
            super().on_headers_complete()
            cycle = self._latest
            if cycle is not None and cycle.scope is self.scope:
                state["whole"] = partial(_whole, cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the body, unless its head was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body, unless its head was refused."""
        self._between = True
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

    def _refuse(self, status: int = 431) -> None:
        if not self._refused:
            self._refused = True
            self._end(status)

    def _names_a_host(self) -> bool:
        """Whether there is one host, as HTTP/1.1 demands it (RFC 9112, 3.2)."""
        hosts = [name for name, _ in self.headers if name == b"host"]
        return len(hosts) == 1 or (not hosts and self.parser.get_http_version() != "1.1")

    def _end(self, status: int) -> None:
        """Refuse what has come; what was asked before it is answered instead, and the line ended."""
        self._refused, self._in_head = True, False
        self._head_ended()
        cycle = self._latest
        waited = len(self.pipeline)
        # A body that does not end well is no request.
        self.pipeline = deque(one for one in self.pipeline if not one[0].more_body)
        whole = cycle is not None and not (
            cycle.response_complete or getattr(cycle, "more_body", False)
        )
        if whole:
            cycle.keep_alive = False
        if whole or waited:
            # Who is told that her request was not understood, and it is done, asks again.
            return
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


class _Signal:
    """For the event of a body's arrival, for which nobody waits here."""

    def set(self) -> None:
        """Nothing to tell."""


class Ending:
    """The end of a request that was known: as much of a cycle as its connection looks at."""

    __slots__ = (
        "default_headers", "disconnected", "flow", "go_on", "keep_alive", "message_event", "on_response",
        "response_complete", "response_started", "scope", "transport", "waiting_for_100_continue",
    )  # fmt: skip
    _SIGNAL: Final = _Signal()
    _SCOPE: Final = {"method": "GET"}

    def __init__(self, protocol: BoundedProtocol) -> None:
        self.default_headers = protocol.server_state.default_headers
        self.flow = protocol.flow
        self.go_on = protocol.go_on
        self.transport = protocol.transport
        self.on_response = protocol.repeated
        self.message_event = self._SIGNAL
        self.scope = self._SCOPE
        self.keep_alive = True
        self.disconnected = self.waiting_for_100_continue = False
        self.response_complete = self.response_started = False

    def now(self, status: int, head: bytes, body: bytes, closes: bool) -> bool:
        """Write a complete answer at once, where the connection takes it; to nobody, it is written."""
        cycle: Any = self
        return self.disconnected or _whole(cycle, status, head, body, closes)

    async def whole(self, status: int, head: bytes, body: bytes, closes: bool) -> None:
        """Write a complete answer, as soon as the connection takes it."""
        cycle: Any = self
        while not (self.disconnected or _whole(cycle, status, head, body, closes)):
            await self.flow.drain()
