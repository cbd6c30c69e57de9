"""GraphQL as server-sent events: who gets a stream, what is in it, how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from graph.context import Services
from tests.doors import GraphQLDoor, Person
from tests.live.sockets import PATIENCE
from tests.live.test_transport_ws import short_token, until

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
EVENTS = "text/event-stream"
URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
CHANGES = "subscription($after: String){changes(after:$after){type id cursor}}"


class Stream:
    """One open stream, split as clients split it."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._text = response.aiter_text()
        self._left = ""

    async def event(self) -> tuple[str, Any]:
        """Name and data of the next event; comments are passed over; ("", None) at the end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head, found, rest = self._left.partition("\n\n")
                if found:
                    self._left = rest
                    if head.startswith(":"):
                        continue
                    lines = dict(line.split(":", 1) for line in head.split("\n"))
                    data = lines["data"].strip()
                    return lines["event"].strip(), json.loads(data) if data else None
                try:
                    self._left += await anext(self._text)
                except StopAsyncIteration:
                    return "", None


@pytest.fixture
async def wire(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE) as found:
        yield found


@asynccontextmanager
async def stream(
    wire: Any, token: str | None, document: str, *, accept: str = EVENTS, **variables: Any
) -> AsyncIterator[Stream]:
    headers = {"Accept": accept}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = {"query": document, "variables": variables}
    async with wire.stream("POST", "/graphql", json=body, headers=headers) as response:
        yield Stream(response)


async def test_events_come_as_they_happen(
    wire: Any, client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    async with stream(wire, ada.token, CHANGES) as found:
        assert found.response.status_code == 200
        assert found.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert found.response.headers["cache-control"] == "no-store"
        await until(lambda: services.live.counts()[1] == 1)
        made = await door.call("CreateAccount", CASH)
        name, data = await found.event()
        assert (name, data["data"]["changes"]["id"]) == ("next", made["id"])
        cursor = data["data"]["changes"]["cursor"]
    await until(lambda: services.live.counts() == (0, 0, 0))
    other = await door.call("CreateAccount", CASH)
    async with stream(wire, ada.token, CHANGES, accept=URQL, after=cursor) as found:
        assert (await found.event())[1]["data"]["changes"]["id"] == other["id"]
    await until(lambda: services.live.counts() == (0, 0, 0))


async def test_a_query_is_streamed_to_who_names_no_json(wire: Any, ada: Person) -> None:
    async with stream(wire, ada.token, "{viewer{email}}") as found:
        name, data = await found.event()
        assert (name, data["data"]) == ("next", {"viewer": {"email": ada.email}})
        assert await found.event() == ("complete", None)
        assert await found.event() == ("", None)
    async with stream(wire, ada.token, "{viewer{email}}", accept=URQL) as found:
        kind = found.response.headers["content-type"]
        assert kind == "application/graphql-response+json; charset=utf-8"
    async with stream(wire, ada.token, "{nothing}") as found:
        name, data = await found.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "VALIDATION_ERROR")
        assert await found.event() == ("complete", None)


@pytest.mark.parametrize("accept", ["application/json", "*/*", URQL.replace(EVENTS, "x/y")])
async def test_without_a_stream_a_subscription_is_told_where_to_go(
    wire: Any, ada: Person, accept: str
) -> None:
    async with stream(wire, ada.token, CHANGES, accept=accept) as found:
        await found.response.aread()
        assert found.response.status_code == 400
        assert EVENTS in found.response.json()["errors"][0]["message"]


async def test_a_stream_needs_a_token_that_is_good(
    wire: Any, ada: Person, services: Services
) -> None:
    for token in (None, "x", await short_token(services, ada, -1)):
        async with stream(wire, token, CHANGES) as found:
            assert found.response.status_code == 401


async def test_a_failing_source_is_told_and_complete(wire: Any, ada: Person) -> None:
    async with stream(wire, ada.token, CHANGES, after="x") as found:
        name, data = await found.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "INVALID_CURSOR")
        assert await found.event() == ("complete", None)


@pytest.mark.parametrize("how", ["expiry", "logout"])
async def test_a_stream_ends_with_its_token_and_is_not_complete(
    wire: Any, client: Any, ada: Person, services: Services, how: str
) -> None:
    token = await short_token(services, ada, 10) if how == "expiry" else ada.token
    async with stream(wire, token, CHANGES) as found:
        await until(lambda: services.live.counts()[1] == 1)
        if how == "logout":
            await client.post("/v1/auth/logout", headers=ada.headers)
        assert await found.event() == ("", None)
    await until(lambda: services.live.counts() == (0, 0, 0))


async def test_silence_is_broken_by_comments(
    wire: Any, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.http.sse.QUIET_SECONDS", 0.02)
    async with stream(wire, ada.token, CHANGES) as found:
        text = found.response.aiter_text()
        heard = ""
        async with asyncio.timeout(PATIENCE):
            while heard.count(":\n\n") < 4:
                heard += await anext(text)
        assert heard.replace(":\n\n", "") == ""


async def test_a_reader_who_never_reads_is_cut_off(
    address: str, client: Any, ada: Person, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.http.sse.STALL_SECONDS", 0.2)
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    row = {"accountId": account, "date": "2026-01-01", "amount": "1", "description": "x" * 200}
    for _ in range(8):
        rows = [{**row, "notes": "n" * 1_500}] * 500
        await door.call("CreateTransactions", transactions=rows)
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    text = 'subscription{a:changes(after:"start"){data d:data e:data}}'
    body = json.dumps({"query": text})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: {EVENTS}\r\nContent-Type: application/json"
        f"\r\nAuthorization: Bearer {ada.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write((head + body).encode())
    await until(lambda: services.live.counts()[0] == 1)
    await until(lambda: services.live.counts() == (0, 0, 0))
    writer.close()
    assert reader is not None
