"""Many subscribers in one process, told by its input like bench/child.py: count them, close some."""

import json
import resource
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

import orjson

from bench.client import BadAnswer

_SECONDS: Final = 60.0
_HEAD: Final = 2
_LONG: Final = 126
_TEXT: Final = 1
_PING: Final = 9
_DOCUMENT: Final = "subscription { changes { type kind op id version cursor } }"
_HANDSHAKE: Final = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


class Follower:
    """One socket with one subscription to the change feed."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._read = b""
        self.socket.sendall(_HANDSHAKE)
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        if b" 101 " not in head[:20]:
            raise BadAnswer(f"no socket: {head[:200]!r}")
        self._send({"type": "connection_init", "payload": {"Authorization": token}})
        if self.message()["type"] != "connection_ack":
            raise BadAnswer("the socket was not let in")
        self._send({"id": "1", "type": "subscribe", "payload": {"query": _DOCUMENT}})

    def _send(self, message: Any) -> None:
        data = orjson.dumps(message)
        # A client masks; the mask of zeros leaves the bytes as they are (RFC 6455, section 5.3).
        head = struct.pack("!BB", 0x81, 0x80 | len(data)) if len(data) < _LONG else b""
        head = head or struct.pack("!BBH", 0x81, 0xFE, len(data))
        self.socket.sendall(head + bytes(4) + data)

    def _more(self) -> None:
        got = self.socket.recv(1 << 16)
        if not got:
            raise BadAnswer("the server ended a subscription")
        self._read += got

    def message(self) -> Any:
        """The next message; waits for it."""
        while True:
            for found in self._frames():
                return found
            self._more()

    def messages(self) -> list[Any]:
        """What has arrived, when something has."""
        self._more()
        return list(self._frames())

    def _frames(self) -> Iterator[Any]:
        """Whole messages that were read; pings are answered, for who does not is hung up on."""
        while (found := self._frame()) is not None:
            kind, content = found
            if kind == _TEXT:
                yield orjson.loads(content)
            elif kind == _PING:
                self.socket.sendall(
                    struct.pack("!BB", 0x8A, 0x80 | len(content)) + bytes(4) + content
                )

    def _frame(self) -> tuple[int, bytes] | None:
        """Kind and content of a whole frame that was read, and it is gone."""
        if len(self._read) < _HEAD:
            return None
        size, start = self._read[1] & 0x7F, 2
        if size == _LONG:
            size, start = int.from_bytes(self._read[2:4], "big"), 4
        if len(self._read) < start + size:
            return None
        kind, content = self._read[0] & 0x0F, self._read[start : start + size]
        self._read = self._read[start + size :]
        return kind, content


class Crowd(threading.Thread):
    """Reads what all of them are told, and counts it."""

    def __init__(self, port: int, token: str, count: int) -> None:
        super().__init__(daemon=True)
        self.told = 0
        self._followers = [Follower(port, token) for _ in range(count)]
        self._open = selectors.DefaultSelector()
        for one in self._followers:
            self._open.register(one.socket, selectors.EVENT_READ, one)

    def run(self) -> None:
        """Until the process ends."""
        while True:
            for key, _ in self._open.select(0.2):
                found = key.data.messages()
                self.told += sum(one["type"] == "next" for one in found)


def main() -> None:
    """Subscribe, then answer until the input ends."""
    told = json.loads(sys.stdin.readline())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd = Crowd(told["port"], told["token"], told["count"])
    crowd.start()
    sys.stdout.write("0\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(f"{crowd.told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
