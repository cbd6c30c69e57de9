"""One client over one kept connection: as little work as possible between two requests."""

import socket
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

_CHUNK: Final = 1 << 18
_BODILESS: Final = frozenset({204, 304})


class BadAnswer(Exception):
    """An answer that the bench did not want: figures of failures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


def request_bytes(
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    json: Any = None,
    body: bytes | None = None,
) -> bytes:
    """A whole request, made once and sent as often as asked."""
    given = {"Host": "127.0.0.1", "Accept": "application/json", **(headers or {})}
    content = body or b""
    if json is not None:
        content = orjson.dumps(json)
        given["Content-Type"] = "application/json"
    if content or method != "GET":
        given["Content-Length"] = str(len(content))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Client:
    """A connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, request: bytes) -> Answer:
        """Send one request and read its answer to the end."""
        self._socket.sendall(request)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        status = int(first.split(" ", 2)[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        size = 0 if status in _BODILESS else int(headers["content-length"])
        while len(data) < end + 4 + size:
            data += self._more()
        return Answer(status, headers, bytes(data[end + 4 :]))

    def _more(self) -> bytes:
        got = self._socket.recv(_CHUNK)
        if not got:
            raise BadAnswer("the server closed the connection in the middle of an answer")
        return got


def checked(answer: Answer, status: int = 200) -> Answer:
    """The answer, if it is a good one."""
    if answer.status != status or b'"errors":' in answer.body[:20]:
        raise BadAnswer(f"{answer.status} instead of {status}: {answer.body[:400]!r}")
    return answer
