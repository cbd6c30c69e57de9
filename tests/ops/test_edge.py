"""Headers, request ids, CORS, body limits, health and metrics, in process."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from graph.http.front import Front, Fronted
from graph.http.headers import Draining, EdgeRules
from graph.http.health import Operator, health_routes
from graph.http.logs import configure_logs
from graph.http.metrics import Metrics, metrics_routes

TOKEN = "operator-token-operator-token-operator"
WANTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


async def plain(_: Request) -> Response:
    return PlainTextResponse("ok")


async def dressed(_: Request) -> Response:
    headers = {"Cache-Control": "private", "Content-Security-Policy": "default-src 'self'"}
    return PlainTextResponse("ok", headers=headers)


async def broken(_: Request) -> Response:
    raise ValueError("canary -12.34 ada@example.org")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def careless(request: Request) -> Response:
    try:
        await request.body()
    except Exception:  # noqa: BLE001
        return PlainTextResponse("swallowed", 500)
    return PlainTextResponse("read")


async def well() -> object:
    return None


async def ill() -> object:
    raise OSError("no")


async def hangs() -> object:
    await asyncio.sleep(60)
    return None


@dataclass
class Door:
    client: TestClient
    rules: EdgeRules
    metrics: Metrics


def door(*, local: bool = True, parts=None, https: bool = False, **limits: int) -> Door:
    rules = EdgeRules(
        local=local,
        https=https,
        origins=frozenset({"https://app.example.org"}),
        draining=Draining(),
    )
    metrics = Metrics(build="1+test", profile="local")
    operator = Operator(TOKEN, everyone=local)

    async def gather(_: Metrics) -> None:
        return None

    routes = [
        *health_routes(parts or {"database": well}, rules, operator, optional=frozenset({"cache"})),
        *metrics_routes(metrics, operator, gather),
        Route("/plain", plain),
        Route("/dressed", dressed),
        Route("/things/{id}", plain),
        Route("/broken", broken),
        Route("/v1/broken", broken),
        Route("/echo", echo, methods=["POST"]),
        Route("/v1/echo", echo, methods=["POST"]),
        Route("/careless", careless, methods=["POST"]),
        Route("/v1/uploads", echo, methods=["POST"]),
    ]
    front = partial(
        Front,
        rules=rules,
        observe=metrics.observe,
        began=metrics.began,
        **{"body_bytes": 1_000, "upload_bytes": 5_000, **limits},
    )
    app = Fronted(front, routes=routes)
    return Door(TestClient(app), rules, metrics)


@pytest.mark.case("L04")
@pytest.mark.parametrize("path", ["/plain", "/broken", "/nowhere", "/health", "/v1/health"])
def test_every_answer_has_the_security_headers(path: str) -> None:
    headers = door().client.get(path).headers
    assert {name: headers.get(name) for name in WANTED} == WANTED
    assert "strict-transport-security" not in headers
    assert "origin" in headers["vary"].lower()


def test_an_answer_keeps_what_it_set_itself() -> None:
    headers = door().client.get("/dressed").headers
    assert headers["cache-control"] == "private"
    assert headers["content-security-policy"] == "default-src 'self'"


def test_https_is_pinned_only_behind_https() -> None:
    headers = door(https=True).client.get("/plain").headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("given", ["abcdefgh", "A-b_c.1234", "x" * 64])
def test_a_well_formed_request_id_is_taken(given: str) -> None:
    answer = door().client.get("/plain", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space 123", "a;b=c12345", ""])
def test_any_other_request_id_is_replaced(given: str) -> None:
    found = door().client.get("/plain", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert found != given
    assert len(found) == 32


@pytest.mark.parametrize(
    ("local", "origin", "allowed"),
    [
        (True, "http://localhost:5173", True),
        (True, "http://127.0.0.1:3000", True),
        (True, "http://localhost", True),
        (True, "http://localhost.evil.example", False),
        (True, "https://localhost:5173", False),
        (True, "null", False),
        (True, "https://app.example.org", True),
        (False, "https://app.example.org", True),
        (False, "http://localhost:5173", False),
        (False, "https://evil.example", False),
        (False, "https://app.example.org.evil.example", False),
    ],
)
def test_only_allowed_origins_get_cors_headers(local: bool, origin: str, allowed: bool) -> None:
    client = door(local=local).client
    answer = client.get("/plain", headers={"Origin": origin})
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    preflight = client.options("/plain", headers=asked)
    assert preflight.status_code == 204
    for one in (answer, preflight):
        assert one.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert "origin" in one.headers["vary"].lower()
    assert ("ETag" in answer.headers.get("access-control-expose-headers", "")) is allowed
    assert ("If-Match" in preflight.headers.get("access-control-allow-headers", "")) is allowed
    assert ("PUT" in preflight.headers.get("access-control-allow-methods", "")) is allowed


@pytest.mark.case("L01")
def test_a_failure_is_masked_in_the_shape_of_its_door(caplog: pytest.LogCaptureFixture) -> None:
    client = door().client
    graph, rest = client.get("/broken"), client.get("/v1/broken")
    assert (graph.status_code, rest.status_code) == (500, 500)
    assert graph.json()["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    body = rest.json()
    assert body["success"] is False
    assert body["error"]["code"] == "INTERNAL_ERROR"
    assert body["error"]["details"]["requestId"] == rest.headers["x-request-id"]
    assert body["timestamp"].endswith("Z")
    assert "canary" not in graph.text + rest.text


def in_pieces(size: int) -> AsyncIterator[bytes]:
    return iter([b"x" * 100] * (size // 100))  # type: ignore[return-value]


@pytest.mark.parametrize("path", ["/echo", "/v1/echo", "/careless"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_limit_is_413(path: str, chunked: bool) -> None:
    client = door().client
    body = in_pieces(1_100) if chunked else b"x" * 1_100
    answer = client.post(path, content=body)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    data = answer.json()
    if path.startswith("/v1"):
        assert data["success"] is False
        assert data["error"]["code"] == "PAYLOAD_TOO_LARGE"
    else:
        assert data["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_at_its_limit_passes(chunked: bool) -> None:
    body = in_pieces(1_000) if chunked else b"x" * 1_000
    assert door().client.post("/echo", content=body).text == "1000"  # type: ignore[arg-type]


def test_only_forms_with_files_may_be_larger() -> None:
    client = door().client
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/v1/uploads", content=b"x" * 4_000, headers=form).text == "4000"
    assert client.post("/v1/uploads", content=b"x" * 5_001, headers=form).status_code == 413
    assert client.post("/v1/uploads", content=b"x" * 4_000).status_code == 413
    assert client.post("/echo", content=b"x" * 4_000, headers=form).status_code == 413


def test_health_is_bare_and_in_the_envelope() -> None:
    client = door().client
    assert client.get("/health").json() == {"status": "ok"}
    body = client.get("/v1/health").json()
    assert (body["success"], body["data"]) == (True, {"status": "ok"})
    assert set(body) == {"success", "data", "message", "timestamp"}
    refused = client.post("/v1/health")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert refused.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ({"database": well, "cache": well}, "ok", 200),
        ({"database": well, "cache": ill}, "degraded", 200),
        ({"database": ill, "cache": well}, "down", 503),
        ({"database": hangs}, "down", 503),
    ],
)
def test_detailed_health_tells_the_parts(parts, status: str, code: int, monkeypatch) -> None:
    monkeypatch.setattr("graph.http.health._TIMEOUT_SECONDS", 0.1)
    answer = door(parts=parts).client.get("/health/detailed")
    assert answer.status_code == code
    assert answer.json()["status"] == status
    found = answer.json()["parts"]
    assert set(found) == set(parts)
    assert all(set(one) == {"status", "latencyMs"} for one in found.values())


@pytest.mark.case("L04")
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Basic " + TOKEN, TOKEN, "Bearer ", "Bearer \u00e9"]
)
def test_production_tells_strangers_the_status_only(header: str | None) -> None:
    client = door(local=False).client
    headers = {} if header is None else {"Authorization": header.encode()}
    assert client.get("/health/detailed", headers=headers).json() == {"status": "ok"}
    assert client.get("/v1/health/detailed", headers=headers).json()["data"] == {"status": "ok"}
    assert client.get("/metrics", headers=headers).status_code == 401


def test_the_operator_sees_everything() -> None:
    client = door(local=False).client
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert "parts" in client.get("/health/detailed", headers=headers).json()
    assert client.get("/metrics", headers=headers).status_code == 200


def test_an_empty_operator_token_opens_nothing() -> None:
    operator = Operator("", everyone=False)
    scope = {"type": "http", "headers": [(b"authorization", b"Bearer ")]}
    assert not operator.holds(Request(scope))


def test_while_draining_readiness_is_no_and_connections_close() -> None:
    opened = door()
    opened.rules.draining.on = True
    answer = opened.client.get("/health/detailed")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert answer.headers["connection"] == "close"
    assert opened.client.get("/health").status_code == 200


def test_metrics_are_many_and_their_labels_bounded() -> None:
    client = door().client
    for number in range(20):
        client.get(f"/things/{number}")
        client.request(f"VERB{number}", "/plain")
        client.get(f"/nowhere/{number}")
    text = client.get("/metrics").text
    assert len([line for line in text.splitlines() if line.startswith("# TYPE")]) >= 20
    counts = [line for line in text.splitlines() if line.startswith("http_requests_total{")]
    assert len(counts) <= 6
    assert any('route="/things/{id}"' in line and line.endswith(" 20.0") for line in counts)


@pytest.mark.case("L01")
def test_logs_are_json_lines_without_what_people_wrote(capsys, monkeypatch) -> None:
    root = logging.getLogger()
    kept = (root.handlers, root.level)
    before = structlog.get_config()
    try:
        configure_logs(level="info", style="json", for_good=False)
        client = door().client
        client.get(
            "/things/1?amount=-12.34&mail=ada@example.org", headers={"X-Request-Id": "a" * 8}
        )
        client.get("/broken")
        client.get("/plain%0d%0aforged: line")
        logging.getLogger("library").warning("first\nvalue -12.34 of ada@example.org")
    finally:
        root.handlers, root.level = kept
        structlog.configure(**before)
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert "12.34" not in written
    assert "ada@" not in written
    assert "forged" not in written
    request = next(line for line in lines if line.get("request_id") == "a" * 8)
    assert request["route"] == "/things/{id}"
    assert (request["status"], request["method"]) == (200, "GET")
    failure = next(line for line in lines if line["event"] == "request.failed")
    assert failure["exception"][0]["type"] == "ValueError"
    assert any("broken" in frame for frame in failure["exception"][0]["stack"])
