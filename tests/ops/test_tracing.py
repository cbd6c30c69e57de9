"""Traces and errors as a collector gets them over HTTP: what happened, and nothing of anybody."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr
from starlette.routing import Route

from app import Running, create_app, start
from models.embedded.parts import Endpoints
from settings import Settings
from tests.doors import register

pytestmark = pytest.mark.anyio


class Collector:
    """A server that keeps what it is sent."""

    def __init__(self) -> None:
        got = self.got = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                got.append((self.path, body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@asynccontextmanager
async def serving(
    settings: Settings, parts: Endpoints, **more: Any
) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
    told = settings.model_copy(update=more)
    running = await start(told, parts)
    app = create_app(running.services, told, running)

    async def broken(_request: Any) -> None:
        canary = "canary4711"
        raise ValueError(f"could not use {canary}")

    app.router.routes.insert(0, Route("/broken", broken))
    transport = httpx2.ASGITransport(app=app, client=("10.6.0.1", 1), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield running, client
    await running.close()


async def test_a_request_is_a_span_with_its_statements(
    running: Running, settings: Settings, parts: Endpoints, collector: Collector
) -> None:
    url = f"http://127.0.0.1:{collector.port}"
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with serving(settings, parts, otlp_url=url) as (_, client):
        ada = await register(client)
        head = {**ada.headers, "traceparent": f"00-{trace}-{parent}-01"}
        body = {
            "name": "canary4711",
            "type": "CASH",
            "currency": "EUR",
            "openingBalance": "73194682.55",
        }
        assert (await client.post("/v1/accounts", json=body, headers=head)).status_code == 201
        assert (await client.get("/v1/accounts?limit=3", headers=head)).status_code == 200
    spans = []
    for path, content in collector.got:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(content)
        spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        for secret in (b"canary4711", b"73194682", ada.email.encode(), ada.token.encode()):
            assert secret not in content
    mine = [span for span in spans if span.trace_id.hex() == trace]
    (listed,) = [span for span in mine if span.name == "GET /v1/accounts"]
    assert listed.parent_span_id.hex() == parent
    told = {one.key: one.value for one in listed.attributes}
    assert told["http.response.status_code"].int_value == 200
    assert told["pockettrend.operation"].string_value == "ListAccounts"
    statements = [span for span in mine if span.parent_span_id == listed.span_id]
    assert len(statements) >= 2
    texts = [
        a.value.string_value for s in statements for a in s.attributes if a.key == "db.query.text"
    ]
    assert any("FROM accounts" in text for text in texts)
    assert any(span.name == "POST /v1/accounts" for span in mine)


async def test_an_unexpected_error_is_sent_with_its_stack_alone(
    running: Running, settings: Settings, parts: Endpoints, collector: Collector
) -> None:
    dsn = SecretStr(f"http://key@127.0.0.1:{collector.port}/42")
    async with serving(settings, parts, sentry_dsn=dsn) as (_, client):
        assert (await client.get("/broken?secret=canary4711")).status_code == 500
        assert (await client.get("/v1/accounts")).status_code == 401
        await asyncio.sleep(0)
    ((path, content),) = collector.got
    assert path == "/api/42/envelope/"
    assert b"canary4711" not in content
    event = json.loads(content.split(b"\n")[2])
    (told,) = event["exception"]["values"]
    assert (told["type"], told["value"]) == ("ValueError", "")
    assert told["stacktrace"]["frames"][-1]["function"] == "broken"
    assert "vars" not in told["stacktrace"]["frames"][-1]
    assert event["tags"]["request_id"]
    assert "request" not in event
    assert "user" not in event
