"""The same bytes again: the same answer as at first, with all that time may have changed."""

import asyncio
import gc
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from app import Running, create_app
from bench.client import request_bytes
from graph.http.headers import Draining
from graph.http.known import Known, Memo, Visit
from graph.http.logs import configure_logs
from graph.http.process import bind
from graph.http.server import make_server
from models.stores.limits import LocalWindows
from resolvers.limits import USER, Limits
from resolvers.tokens import Claims
from settings import Settings
from tests.auth.test_personal_tokens import token_for
from tests.doors import Person

pytestmark = pytest.mark.anyio

PAGE = (
    "query ($first: Int) { accounts(first: $first) { nodes { id name balance } "
    "pageInfo { hasNextPage endCursor } } }"
)
ACCOUNT = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "10"}
_CHANGES = re.compile(rb'"timestamp":"[^"]*"')


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def lasting(self) -> tuple[int, dict[str, str], bytes]:
        """All but what differs between two requests."""
        kept = {name: value for name, value in self.headers.items() if name not in _OWN}
        return self.status, kept, _CHANGES.sub(b"", self.body)


_OWN = {"date", "x-request-id", "ratelimit"}


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> Answer:
        """Send a request in one piece."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            status = int(first.split()[1])
            size = 0 if status in {100, 204, 304} else int(headers["content-length"])
            return Answer(status, headers, await self.reader.readexactly(size))


class Alone:
    """Windows of this process."""

    def __init__(self) -> None:
        self.local = LocalWindows()

    async def take(self, shares: Any, *, guarded: bool = False) -> Any:  # noqa: ARG002
        return self.local.take(shares)


@dataclass
class Served:
    """A server that remembers."""

    port: int
    memo: Memo
    draining: Draining
    server: Any
    lines: list[Line] = field(default_factory=list)

    async def line(self) -> Line:
        """A new connection to it."""
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]


async def serving(app: Starlette, draining: Draining) -> AsyncIterator[Served]:
    memo = Memo()
    server = make_server(app, shutdown_seconds=2, proxies=(), memo=memo)
    taken = bind("127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[taken]))
    await server.listening.wait()
    found = Served(int(taken.getsockname()[1]), memo, draining, server)
    yield found
    for line in found.lines:
        line.writer.close()
        with suppress(OSError):
            await line.writer.wait_closed()
    server.should_exit = True
    await task


async def nobody(_: str) -> None:
    """No family of tokens."""


@pytest.fixture(params=["limited", "unlimited"])
async def served(
    app: Starlette, running: Running, settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[Served]:
    """The application on a port of its own; without limits most repeats need no task."""
    if request.param == "limited":
        async for one in serving(app, running.draining):
            yield one
        return
    off = Limits(Alone(), b"x" * 32, nobody, on=False)
    services = replace(running.services, limits=off)
    around = Running.around(services, settings)
    async for one in serving(create_app(services, settings, around), around.draining):
        yield one


@pytest.fixture
async def line(served: Served) -> Line:
    """A connection to it."""
    return await served.line()


def get(person: Person, path: str, **headers: str) -> bytes:
    return request_bytes("GET", "/v1" + path, headers=person.headers | headers)


def query(
    person: Person, document: str, headers: dict[str, str] | None = None, **given: Any
) -> bytes:
    content = {"query": document, "variables": given}
    return request_bytes("POST", "/graphql", headers=person.headers | (headers or {}), json=content)


async def account_of(client: httpx2.AsyncClient, person: Person) -> str:
    made = await client.post("/v1/accounts", json=ACCOUNT, headers=person.headers)
    found: str = made.json()["data"]["id"]
    return found


FRESH = {"Cache-Control": "no-cache"}
ORIGIN = {"Origin": "http://localhost:5173", "X-Request-Id": "mine-1234567"}


@pytest.mark.parametrize("more", [{}, FRESH, ORIGIN], ids=["kept", "anew", "page"])
async def test_an_answer_is_the_same_again(
    served: Served, line: Line, client: httpx2.AsyncClient, ada: Person, more: dict[str, str]
) -> None:
    account = await account_of(client, ada)
    tag = (await line.ask(get(ada, f"/accounts/{account}"))).headers["etag"]
    asked = {
        "list": get(ada, "/accounts?limit=5", **more),
        "one": get(ada, f"/accounts/{account}", **more),
        "unchanged": get(ada, f"/accounts/{account}", **{"If-None-Match": tag}, **more),
        "changes": get(ada, "/changes", **more),
        "page": query(ada, PAGE, more, first=5),
        "name": query(ada, "{ __typename viewer { email } }", more),
        "by get": request_bytes(
            "GET", "/graphql?query=%7Bviewer%7Bemail%7D%7D", headers=ada.headers | more
        ),
    }
    for name, request in asked.items():
        first = await line.ask(request)
        hits = served.memo.hits
        assert first.status == (304 if name == "unchanged" else 200), (name, first.body)
        for _ in range(2):
            again = await line.ask(request)
            assert again.lasting() == first.lasting(), name
            assert again.headers["x-content-type-options"] == "nosniff"
            given = more.get("X-Request-Id")
            assert (again.headers["x-request-id"] == first.headers["x-request-id"]) == bool(given)
        assert served.memo.hits == hits + 2, name


async def test_a_write_is_seen_at_once(line: Line, client: httpx2.AsyncClient, ada: Person) -> None:
    account = await account_of(client, ada)
    one = get(ada, f"/accounts/{account}")
    tag = (await line.ask(one)).headers["etag"]
    same, page = get(ada, f"/accounts/{account}", **{"If-None-Match": tag}), query(ada, PAGE)
    for number in range(3):
        for _ in range(2):
            seen = json.loads((await line.ask(page)).body)["data"]["accounts"]["nodes"]
            assert seen[0]["balance"] == f"{10 - number}.00"
            assert json.loads((await line.ask(one)).body)["data"]["balance"] == seen[0]["balance"]
            assert (await line.ask(same)).status == (200 if number else 304)
        row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
        made = await client.post("/v1/transactions", json=row, headers=ada.headers)
        assert made.status_code == 201


async def test_an_ended_session_is_let_in_no_more(
    served: Served, line: Line, client: httpx2.AsyncClient, ada: Person
) -> None:
    asked = [get(ada, "/accounts"), query(ada, PAGE)]
    for request in asked * 2:
        assert (await line.ask(request)).status == 200
    await client.post("/v1/auth/logout", headers=ada.headers)
    hits = served.memo.hits
    for request in asked:
        refused = await line.ask(request)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert b"UNAUTHENTICATED" in refused.body
    assert served.memo.hits == hits + 2


async def test_a_token_whose_time_is_over_is_let_in_no_more(
    line: Line, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [get(ada, "/accounts"), query(ada, PAGE)]
    for request in asked * 2:
        assert (await line.ask(request)).status == 200
    monkeypatch.setattr("resolvers.auth.time", lambda: time.time() + 901)
    for request in asked:
        refused = await line.ask(request)
        assert refused.status == 401
        assert b"TOKEN_EXPIRED" in refused.body


async def test_what_changes_of_a_person_is_seen(
    line: Line, client: httpx2.AsyncClient, ada: Person
) -> None:
    asked = query(ada, "{ viewer { locale timeZone } }")
    await line.ask(asked)
    body = {"locale": "de-DE", "timeZone": "Pacific/Kiritimati"}
    changed = await client.put("/v1/auth/me", json=body, headers=ada.headers)
    assert changed.status_code == 200, changed.text
    assert json.loads((await line.ask(asked)).body)["data"]["viewer"] == body


async def test_only_reads_of_sessions_are_remembered(
    served: Served, line: Line, client: httpx2.AsyncClient, ada: Person
) -> None:
    program, _ = await token_for(client, ada, "accounts:read")
    mutation = 'mutation { createCategory(input: {name: "X", kind: EXPENSE}) { category { id } } }'
    strange = replace(ada, token=ada.token[:-4] + "AAAA")
    requests = [
        request_bytes("GET", "/health"),
        request_bytes("POST", "/v1/accounts", headers=ada.headers, json=ACCOUNT),
        query(ada, mutation),
        get(program, "/accounts"),
        query(program, PAGE),
        get(strange, "/accounts"),
        query(strange, PAGE),
        request_bytes("POST", "/graphql", json={"query": "{ __typename }"}),
        query(ada, "{ nothing }"),
        query(ada, PAGE, first="x"),
        get(ada, "/accounts?limit=0"),
        get(ada, "/accounts/acc_nobody"),
        get(ada, "/accounts?limit=5", Connection="keep-alive, upgrade", Upgrade="h2c")[:-2]
        + b"Expect: 100-continue\r\n\r\n",
        get(ada, "/accounts", **{"X-Long": "x" * 8_200}),
        get(ada, "/accounts", Connection="keep-alive, upgrade", Upgrade="h2c"),
    ]
    for request in requests:
        status = (await line.ask(request)).status
        if status == 100:
            await line.answer()
    assert len(served.memo) <= 1
    assert served.memo.hits == 0
    for ending in (
        b"GET /v1/accounts HTTP/1.0\r\n",
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
    ):
        head = f"Authorization: Bearer {ada.token}\r\n\r\n".encode()
        assert (await (await served.line()).ask(ending + head)).status == 200
    assert len(served.memo) <= 1


async def test_a_head_has_no_body_however_often(served: Served, ada: Person) -> None:
    for path in ("/v1/accounts", "/graphql?query=%7Bviewer%7Bemail%7D%7D"):
        head = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ada.token}\r\n\r\n"
        line = await served.line()
        for _ in range(3):
            line.writer.write(head.encode())
            async with asyncio.timeout(10):
                told = await line.reader.readuntil(b"\r\n\r\n")
            assert told.startswith(b"HTTP/1.1 200 ")
        assert (await line.ask(request_bytes("GET", "/health"))).status == 200
    assert len(served.memo) == 0


async def test_nothing_that_is_remembered_holds_a_token(
    served: Served, line: Line, ada: Person
) -> None:
    for request in [
        get(ada, "/accounts", Cookie="__Host-pt_rt=quiet-secret"),
        query(ada, PAGE),
    ] * 2:
        assert (await line.ask(request)).status == 200
    assert len(served.memo) == 2
    assert served.memo.hits == 2
    parts = ada.token.split(".")
    waiting: list[Any] = list(served.memo._known.items())
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or len(seen) > 200_000:
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            text = one if isinstance(one, str) else one.decode("latin-1")
            assert parts[2] not in text
            assert "quiet-secret" not in text
        elif isinstance(one, list | tuple | dict | Known) or type(one).__module__.startswith(
            ("graph.http.query", "rest_compat.reading", "graph.validators", "resolvers.tokens")
        ):
            waiting += gc.get_referents(one)


async def test_pieces_and_crowds_are_answered_in_order(
    served: Served, line: Line, ada: Person
) -> None:
    accounts, viewer = get(ada, "/accounts"), query(ada, "{ viewer { email } }")
    first, second = await line.ask(accounts), await line.ask(viewer)
    together = [accounts, viewer, accounts, accounts, viewer]
    line.writer.write(b"".join(together))
    for request in together:
        wanted = first if request is accounts else second
        assert (await line.answer()).lasting() == wanted.lasting()
    # One after the other without waiting: what is known waits behind what is under way.
    for request in together:
        line.writer.write(request)
        await asyncio.sleep(0)
    for request in together:
        wanted = first if request is accounts else second
        assert (await line.answer()).lasting() == wanted.lasting()
    for at in (1, 20, len(viewer) - 3):
        line.writer.write(viewer[:at])
        await asyncio.sleep(0.02)
        assert (await line.ask(viewer[at:])).lasting() == second.lasting()
        assert (await line.ask(accounts)).lasting() == first.lasting()
    # A known request in the middle of another's body is that one's body.
    whole = request_bytes("POST", "/v1/accounts", headers=ada.headers, body=accounts)
    line.writer.write(whole[: -len(accounts)])
    await asyncio.sleep(0.02)
    assert (await line.ask(accounts)).status == 415
    assert (await line.ask(accounts)).lasting() == first.lasting()
    assert served.memo.hits >= 4


async def in_two(line: Line, request: bytes, pause: float = 0.01) -> Answer:
    """The answer to a request whose head and body come in packets of their own."""
    head, _, body = request.partition(b"\r\n\r\n")
    line.writer.write(head + b"\r\n\r\n")
    await asyncio.sleep(pause)
    return await line.ask(body)


async def test_a_body_that_comes_after_its_head_is_known_with_it(
    served: Served, line: Line, client: httpx2.AsyncClient, ada: Person, bob: Person
) -> None:
    account = await account_of(client, ada)
    hers, other = query(ada, PAGE, first=5), query(ada, PAGE, first=6)
    assert len(hers) == len(other), "their heads are the same"
    first = {one: await line.ask(one) for one in (hers, other, query(bob, PAGE, first=5))}
    memo = served.memo
    assert len(memo) == 3
    for one, answer in first.items():
        assert (await in_two(line, one)).lasting() == answer.lasting(), "as every other"
    hits = memo.hits
    for number, (one, answer) in enumerate([*first.items()] * 3):
        again = await in_two(line, one)
        assert again.lasting() == answer.lasting()
        assert memo.hits == hits + number + 1
    # A third body behind the same head is nobody else's, and one that is late is waited for.
    unknown = query(ada, PAGE, first=7)
    hits = memo.hits
    assert (await in_two(line, unknown)).status == 200
    assert (await in_two(line, hers, pause=0.3)).lasting() == first[hers].lasting()
    assert memo.hits == hits
    head, _, body = other.partition(b"\r\n\r\n")
    line.writer.write(head + b"\r\n\r\n")
    await asyncio.sleep(0.01)
    line.writer.write(body[:10])
    await asyncio.sleep(0.01)
    assert (await line.ask(body[10:])).lasting() == first[other].lasting()
    assert account.encode() not in (await in_two(line, query(bob, PAGE, first=5))).body


async def test_a_head_that_waits_is_answered_before_a_stop(
    served: Served, line: Line, ada: Person
) -> None:
    request = query(ada, PAGE, first=5)
    for _ in range(3):
        first = await in_two(line, request)
    head, _, body = request.partition(b"\r\n\r\n")
    line.writer.write(head + b"\r\n\r\n")
    await asyncio.sleep(0.05)
    for connection in list(served.server.server_state.connections):
        connection.shutdown()
    answer = await line.ask(body)
    assert answer.body == first.body
    assert await line.reader.read() == b""


async def test_who_waits_to_be_told_to_go_on_is_told_each_time(
    served: Served, line: Line, ada: Person
) -> None:
    head, _, body = query(ada, PAGE, {"Expect": "100-continue"}, first=5).partition(b"\r\n\r\n")
    for _ in range(3):
        assert (await line.ask(head + b"\r\n\r\n")).status == 100
        assert (await line.ask(body)).status == 200
    assert (len(served.memo), served.memo.hits) == (0, 0)


async def test_somebody_else_gets_her_own(
    served: Served, line: Line, client: httpx2.AsyncClient, ada: Person, bob: Person
) -> None:
    account = await account_of(client, ada)
    for _ in range(2):
        for path, hers, his in ((f"/accounts/{account}", 200, 404), ("/accounts", 200, 200)):
            assert (await line.ask(get(ada, path))).status == hers
            other = await line.ask(get(bob, path))
            assert other.status == his
            assert account.encode() not in other.body
    assert served.memo.hits >= 3


async def test_each_repeat_counts_at_its_limit(
    running: Running, settings: Settings, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.limits.USER", replace(USER, limit=4))
    services = replace(running.services, limits=Limits(Alone(), b"x" * 32, nobody))
    around = Running.around(services, settings)
    async for served in serving(create_app(services, settings, around), around.draining):
        line = await served.line()
        left = []
        for request in [get(ada, "/accounts"), query(ada, PAGE, first=5)] * 2:
            answer = await line.ask(request)
            assert answer.status == 200
            left.append(answer.headers["ratelimit"].partition(";t=")[0])
        assert left == [f'"user";r={number}' for number in (3, 2, 1, 0)]
        for request in (get(ada, "/accounts"), query(ada, PAGE, first=5)):
            refused = await line.ask(request)
            assert refused.status == 429
            assert b"RATE_LIMITED" in refused.body
            assert int(refused.headers["retry-after"]) > 3_000
        assert served.memo.hits == 4


async def test_a_repeat_is_logged_counted_and_masked_alike(
    served: Served, line: Line, running: Running, ada: Person,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    configure_logs(level="info", style="json", for_good=False)
    asked = [get(ada, "/accounts", **FRESH), query(ada, PAGE, FRESH)]
    for request in asked * 2:
        assert (await line.ask(request)).status == 200
    told = [json.loads(one) for one in capsys.readouterr().err.splitlines()]
    own = {"request_id", "duration_ms", "database_ms", "at", "statements"}
    lines = [
        {k: v for k, v in one.items() if k not in own} for one in told if one["event"] == "request"
    ]
    assert lines[:2] == lines[2:]
    assert lines[0]["user"] == ada.id
    assert lines[0]["operation"] == "ListAccounts"
    assert len({one["request_id"] for one in told}) == 4

    async def broken(*_: Any) -> Any:
        raise RuntimeError("quiet-canary")

    monkeypatch.setattr(running.services.database, "open_read", broken)
    for request in asked:
        failed = await line.ask(request)
        assert failed.status in {200, 500}
        assert b"INTERNAL_ERROR" in failed.body
        assert failed.headers["x-frame-options"] == "DENY"
        assert b"canary" not in failed.body
    monkeypatch.setattr("graph.http.entry.actor_of_visit", broken)
    monkeypatch.setattr("rest_compat.reading.Read.again", broken)
    failed = await line.ask(asked[0])
    assert failed.status == 500
    assert b"INTERNAL_ERROR" in failed.body
    assert failed.headers["x-frame-options"] == "DENY"
    assert "request.failed" in capsys.readouterr().err


async def test_a_stop_ends_connections_that_repeat(
    running: Running, settings: Settings, ada: Person
) -> None:
    around = Running.around(running.services, settings)
    async for served in serving(create_app(running.services, settings, around), around.draining):
        line = await served.line()
        for _ in range(2):
            assert "connection" not in (await line.ask(get(ada, "/accounts"))).headers
        around.draining.on = True
        assert (await line.ask(get(ada, "/accounts"))).headers["connection"] == "close"
        assert await line.reader.read() == b""


def known(peer: str = "10.0.0.1") -> Known:
    class Nothing:
        async def again(self, visit: Visit) -> Any:
            raise NotImplementedError

        def begin(self, known: Known, ending: Any) -> None:
            raise NotImplementedError

    claims = Claims(None, None, 0)  # type: ignore[arg-type]
    return Known(Nothing(), Nothing(), claims, peer, peer, None, None, "GET", "/", None)


async def test_what_is_remembered_has_bounds() -> None:
    memo = Memo(most=3, most_bytes=20_000, seconds=0.2)
    names = [memo.name(bytes([number])) for number in range(5)]
    assert names[0] != Memo().name(b"\0"), "another process has another key"
    for name in names:
        memo.put(name, known(), 100)
    assert [memo.get(name, "10.0.0.1") is None for name in names] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert memo.get(names[4], "10.0.0.2") is None, "not from elsewhere"
    memo.put(names[0], known(), 4_000)
    assert len(memo) == 2, "bytes count as well"
    assert memo.held_bytes <= 20_000
    async with asyncio.timeout(5):
        while len(memo):  # noqa: ASYNC110 - nobody asks, and still it goes
            await asyncio.sleep(0.05)
    assert memo.held_bytes == 0
    assert memo._timer is None
    assert not memo.is_half(names[1])


async def test_heads_are_forgotten_with_the_last_of_their_bodies() -> None:
    memo = Memo(most=2)
    head, *names = [memo.name(bytes([number])) for number in range(4)]
    memo.put(names[0], known(), 100, head)
    memo.put(names[0], known(), 100, head)
    memo.put(names[1], known(), 100, head)
    memo.put(names[2], known(), 100)
    assert memo.is_half(head)
    memo.put(names[0], known(), 100)
    assert not memo.is_half(head)
