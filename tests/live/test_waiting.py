"""What a socket keeps that waits for news: nothing of its handshake but who it is."""

import asyncio
import gc
import json
import re
import struct
from typing import Any
from uuid import uuid4

import pytest
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from graph.http.server import forget_request
from tests.doors import Person

pytestmark = pytest.mark.anyio

_DOCUMENT = "subscription { changes { type id } }"
_CANARY = re.compile(r"quiet-[0-9a-f]{32}")


def frame(message: Any) -> bytes:
    """A masked text frame; a mask of zeros leaves the bytes as they are."""
    data = json.dumps(message).encode()
    size = len(data)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else b""
    return (head or struct.pack("!BBH", 0x81, 0xFE, size)) + bytes(4) + data


def request() -> bytes:
    """A handshake with marks in it."""
    return (
        f"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"User-Agent: quiet-{uuid4().hex}\r\nX-Long: quiet-{uuid4().hex}\r\n"
        f"Cookie: a=1; b=quiet-{uuid4().hex}\r\n"
        f"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    ).encode()


async def opened(address: str) -> tuple[Any, Any]:
    """A socket by hand: a client's library would keep the handshake in this very process."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def heard(reader: Any) -> Any:
    """The next message."""
    async with asyncio.timeout(10):
        head = await reader.readexactly(2)
        size = head[1]
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        return json.loads(await reader.readexactly(size))


def kept() -> list[str]:
    """Every text or bytes of the process, within what can hold others, that has a mark in it."""
    gc.collect()
    found: set[str] = set()
    waiting: list[Any] = list(gc.get_objects())
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if type(one) in (bytes, bytearray):
                found.update(_CANARY.findall(one.decode("latin-1")))
            elif type(one) is str:
                found.update(_CANARY.findall(one) if "quiet-" in one else ())
            elif type(one) in (tuple, dict) and not gc.is_tracked(one):
                # What holds nothing but values is no affair of the collector's.
                waiting.append(one)
    return sorted(found)


async def test_a_socket_that_waits_has_forgotten_its_handshake(address: str, ada: Person) -> None:
    before = kept()
    reader, writer = await opened(address)
    writer.write(frame({"type": "connection_init", "payload": ada.headers}))
    assert (await heard(reader))["type"] == "connection_ack"
    writer.write(frame({"id": "1", "type": "subscribe", "payload": {"query": _DOCUMENT}}))
    writer.write(frame({"type": "ping"}))
    assert (await heard(reader))["type"] == "pong"
    assert len(kept()) - len(before) == 1, "the name of the program is asked for later"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("early", [0, 1, 2, 5, 11])
def test_what_came_right_behind_the_handshake_is_not_lost(early: int) -> None:
    conn = ServerProtocol()
    message = frame({"type": "ping"})
    conn.receive_data(request())
    [event] = conn.events_received()
    assert isinstance(event, Request)
    conn.send_response(conn.accept(event))
    conn.receive_data(message[:early])
    before = conn.parser
    forget_request(conn)
    assert (conn.parser is before) == bool(early)
    conn.receive_data(message[early:] + message)
    told = conn.events_received()
    assert [json.loads(one.data) for one in told if isinstance(one, Frame)] == [
        {"type": "ping"}
    ] * 2
