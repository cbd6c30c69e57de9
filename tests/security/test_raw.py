"""Raw bytes at the port: smuggled bodies, broken chunks, connections that trickle or say nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from graph.http import protocol
from graph.http.headers import Draining
from graph.http.server import make_server
from tests.doors import Person

pytestmark = pytest.mark.anyio
OK = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def port(app: Any) -> AsyncIterator[int]:
    taken = socket.create_server(("127.0.0.1", 0), backlog=512)
    stopping = asyncio.Event()
    serving = make_server(app, shutdown_seconds=1, proxies=())
    task = asyncio.create_task(
        serving.serve_until(
            stopping, taken, beside=[asyncio.create_task(stopping.wait())],  # type: ignore[list-item]
            unwell=lambda: None, ready=lambda: None, draining=Draining(), drain_seconds=0,
            early=True,
        )
    )  # fmt: skip
    await serving.listening.wait()
    yield taken.getsockname()[1]
    stopping.set()
    await task


async def said(port: int, content: bytes) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


POST = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.case("R07")
@pytest.mark.parametrize(
    "content",
    [
        CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nxxxxx" + SMUGGLED,
        POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
        POST + b"Content-Length: 1_0\r\n\r\n0123456789" + SMUGGLED,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\nzz\r\nx\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n-5\r\nx\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n" + b"f" * 20 + b"\r\nx\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n3\r\nabcdef\r\n0\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.1\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/1.1\r\nHost: x\r\n X: folded\r\n\r\n" + SMUGGLED,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SMUGGLED,
    ],
)
async def test_a_request_of_two_meanings_has_none(port: int, content: bytes) -> None:
    """Whatever is answered, the line ends, and what was hidden behind is not a request."""
    answer = await said(port, content)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b" 200 " not in answer[:20]
    assert answer == b"" or answer[9:12] in {b"400", b"431"}
    assert (await said(port, OK)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.case("R07")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"GET /v1/accounts HTTP/1.1\r\nHost : x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v1/a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000, 431, "PAYLOAD_TOO_LARGE"),
        (b"\x16\x03\x01\x02\x00\x01", 400, "BAD_REQUEST"),
        (b"GET /v1/accounts HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nhOST: x\r\n\r\n", 400, "BAD_REQUEST"),
    ],
    ids=["head", "large", "nonsense", "nowhere", "twice"],
)
async def test_a_head_that_is_refused_is_answered_in_our_shape(
    port: int, content: bytes, status: int, code: str
) -> None:
    head, _, body = (await said(port, content)).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status} ")
    assert {
        "connection: close", "x-content-type-options: nosniff", "cache-control: no-store",
        "content-type: application/json; charset=utf-8", f"content-length: {len(body)}",
    } <= set(lines)  # fmt: skip
    told = orjson.loads(body)
    error = told["error"] if b"/v1" in content else told["errors"][0]["extensions"]
    assert error["code"] == code


NO_HTTP = (
    b"XYZ\x00\r\n\r\n",
    b"   ",
    b"GET / HTTP/1.1\r\nHost: x\r\nX A\x00: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * protocol.HEAD_BYTES + b"\r\n\r\n",
    CHUNKED + b"\r\nzz\r\n",
)


@pytest.mark.parametrize("behind", NO_HTTP, ids=["letters", "spaces", "head", "long", "chunks"])
async def test_what_was_asked_before_nonsense_is_done_and_answered(
    port: int, ada: Person, client: Any, behind: bytes
) -> None:
    body = b'{"name":"Giro","type":"CHECKING","currency":"EUR"}'
    token = ada.headers["Authorization"].encode()
    heads = b"Host: x\r\nAuthorization: %b\r\n" % token
    post = b"POST /v1/accounts HTTP/1.1\r\n%bContent-Type: application/json\r\n" % heads
    post += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    get = b"GET /v1/accounts HTTP/1.1\r\n" + heads + b"\r\n"
    for times, content in ((1, post), (2, post + post), (1, get), (1, get)):
        answer = await said(port, content + behind)
        assert answer.count(b"HTTP/1.1 ") == times, answer
        done = b"HTTP/1.1 200 " if content is get else b"HTTP/1.1 201 "
        assert answer.count(done) == times, answer
    found = await client.get("/v1/accounts", headers=ada.headers)
    assert len(found.json()["data"]["items"]) == 3


@pytest.mark.parametrize("path", ["/graphql", "/v1/auth/login", "/v1/uploads"])
async def test_nobody_is_told_of_a_request_that_was_not_finished(
    app: Any, ada: Person, path: str
) -> None:
    token = ada.headers["Authorization"].encode()
    heads = [(b"host", b"x"), (b"authorization", token), (b"content-type", b"application/json")]
    if path == "/v1/uploads":
        heads[2] = (b"content-type", b"multipart/form-data; boundary=x")
    pieces = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    told: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        told.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": path, "root_path": "",
        "raw_path": path.encode(), "query_string": b"", "scheme": "http", "state": {},
        "headers": [*heads, (b"content-length", b"100")], "client": ("10.9.0.1", 1),
        "server": ("x", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    assert told == []


@pytest.mark.case("R06")
@pytest.mark.parametrize("many", [150, pytest.param(500, marks=pytest.mark.long)])
async def test_who_trickles_or_says_nothing_keeps_nobody_waiting(
    port: int, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    assert protocol.HEAD_SECONDS <= 10
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(many)]
    for number, (_, writer) in enumerate(lines):
        if number % 2:
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    async def trickle() -> None:
        while True:
            for number, (_, writer) in enumerate(lines):
                if number % 2 and not writer.is_closing():
                    writer.write(b"y")
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    for _ in range(20):
        assert (await said(port, OK)).startswith(b"HTTP/1.1 200 ")
    ended = await asyncio.gather(*(reader.read() for reader, _ in lines), return_exceptions=True)
    trickling.cancel()
    assert all(one == b"" or isinstance(one, ConnectionError) for one in ended)
    for _, writer in lines:
        writer.close()


async def test_an_older_client_need_not_name_a_host(port: int) -> None:
    assert (await said(port, b"GET /health HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
