"""Reads that have not changed, answered without a task: what they cost, and what they may not miss."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from app import Running, create_app
from graph.http.logs import configure_logs
from resolvers.limits import Limits
from settings import Settings
from tests.contract.test_known import (
    PAGE,
    Alone,
    Answer,
    Line,
    Served,
    account_of,
    get,
    nobody,
    query,
    serving,
)
from tests.doors import Person
from tests.statements import counted

pytestmark = pytest.mark.anyio


@pytest.fixture
async def around(running: Running, settings: Settings) -> Running:
    """A process without limits."""
    off = Limits(Alone(), b"x" * 32, nobody, on=False)
    return Running.around(replace(running.services, limits=off), settings)


@pytest.fixture
async def served(around: Running, settings: Settings) -> AsyncIterator[Served]:
    """Its application on a port."""
    app = create_app(around.services, settings, around)
    async for one in serving(app, around.draining):
        yield one


@pytest.fixture
async def line(served: Served) -> Line:
    """A connection to it."""
    return await served.line()


async def glanced(running: Running, line: Line, request: bytes) -> Answer:
    """The answer to a request that has come to be answered after a glance."""
    versions = running.services.database.versions
    async with asyncio.timeout(10):
        while True:
            before = versions.statements
            answer = await line.ask(request)
            if versions.statements > before:
                return answer


async def asked(line: Line, client: httpx2.AsyncClient, person: Person) -> dict[str, bytes]:
    """Reads of all kinds that are answered from what is at hand."""
    account = await account_of(client, person)
    tag = (await line.ask(get(person, f"/accounts/{account}"))).headers["etag"]
    return {
        "unchanged": get(person, f"/accounts/{account}", **{"If-None-Match": tag}),
        "rest": get(person, f"/accounts/{account}"),
        "graphql": query(person, PAGE, first=5),
    }


async def test_a_glance_is_one_statement_and_the_same_answer(
    line: Line, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    database = running.services.database
    for name, request in (await asked(line, client, ada)).items():
        first = await line.ask(request)
        await glanced(running, line, request)
        calls = running.cache.calls if running.cache is not None else 0
        with counted(database, kept=True) as seen:
            for _ in range(5):
                again = await line.ask(request)
                assert again.lasting() == first.lasting(), name
                assert re.fullmatch(r"[0-9a-f]{32}", again.headers["x-request-id"])
        assert len(seen) == 5, name
        assert set(seen) == {seen[0]}, "each of them where the books stand"
        assert (running.cache.calls if running.cache is not None else 0) == calls


async def test_a_write_is_seen_by_the_next_glance(
    line: Line, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    account = await account_of(client, ada)
    one, page = get(ada, f"/accounts/{account}"), query(ada, PAGE)
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
    for number in range(4):
        tag = (await line.ask(one)).headers["etag"]
        same = get(ada, f"/accounts/{account}", **{"If-None-Match": tag})
        for request in (one, page, same):
            await glanced(running, line, request)
        assert (await line.ask(same)).status == 304
        made = await client.post("/v1/transactions", json=row, headers=ada.headers)
        assert made.status_code == 201
        assert (await line.ask(same)).status == 200
        balance = f"{9 - number}.00"
        assert json.loads((await line.ask(one)).body)["data"]["balance"] == balance
        nodes = json.loads((await line.ask(page)).body)["data"]["accounts"]["nodes"]
        assert nodes[0]["balance"] == balance


async def test_a_session_that_ended_gets_no_glance(
    line: Line, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    requests = await asked(line, client, ada)
    for request in requests.values():
        await glanced(running, line, request)
    await client.post("/v1/auth/logout", headers=ada.headers)
    for request in requests.values():
        assert (await line.ask(request)).status == 401


async def test_what_changes_of_a_person_is_seen(
    line: Line, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    account = await account_of(client, ada)
    request = query(ada, "{ viewer { locale } accounts { nodes { id } } }")
    await glanced(running, line, request)
    body = {"locale": "de-DE"}
    assert (await client.put("/v1/auth/me", json=body, headers=ada.headers)).status_code == 200
    told = json.loads((await line.ask(request)).body)["data"]
    assert told == {"viewer": body, "accounts": {"nodes": [{"id": account}]}}


async def test_another_day_and_other_rates_are_looked_at_anew(
    line: Line,
    running: Running,
    client: httpx2.AsyncClient,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for request in (await asked(line, client, ada)).values():
        await glanced(running, line, request)
        versions = running.services.database.versions
        for name, value in (("rates_version", "others"), ("time", 4_000_000_000.0)):
            with monkeypatch.context() as patch:
                patch.setattr(f"graph.http.glance.{name}", lambda value=value: value)
                before = versions.statements
                assert (await line.ask(request)).status in {200, 304}
                assert versions.statements == before
            await glanced(running, line, request)


async def test_many_at_once_get_their_own(
    served: Served,
    line: Line,
    running: Running,
    client: httpx2.AsyncClient,
    ada: Person,
    bob: Person,
) -> None:
    requests = [
        *(await asked(line, client, ada)).values(),
        *(await asked(line, client, bob)).values(),
    ]
    first = {request: await glanced(running, line, request) for request in requests}
    lines = [(await served.line(), request) for request in requests * 4]
    for _ in range(5):
        for one, request in lines:
            one.writer.write(request)
        for one, request in lines:
            assert (await one.answer()).lasting() == first[request].lasting()


async def test_a_lost_line_costs_nobody_an_answer(
    line: Line, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    for request in (await asked(line, client, ada)).values():
        first = await glanced(running, line, request)
        held: Any = running.services.database.versions._held
        held.driver.terminate()
        for _ in range(3):
            assert (await line.ask(request)).lasting() == first.lasting()


async def test_a_glance_is_logged_and_counted_as_every_request(
    line: Line,
    around: Running,
    running: Running,
    client: httpx2.AsyncClient,
    ada: Person,
    capsys: pytest.CaptureFixture[str],
) -> None:
    requests = await asked(line, client, ada)
    configure_logs(level="info", style="json", for_good=False)
    for request in requests.values():
        told: dict[bool, Any] = {}
        async with asyncio.timeout(10):
            while len(told) < 2:
                capsys.readouterr()
                before, figures = running.services.database.versions.statements, shown(around)
                await line.ask(request)
                await asyncio.sleep(0)
                glance = running.services.database.versions.statements > before
                logged = json.loads(capsys.readouterr().err.splitlines()[-1])
                after = shown(around)
                changed = {
                    k: v - figures.get(k, 0) for k, v in after.items() if v != figures.get(k)
                }
                told[glance] = ({k: v for k, v in logged.items() if k not in _OWN}, changed)
                if glance:
                    around.services.database.versions._give_way()
        assert told[True] == told[False]
    configure_logs(level="warning", style="json", for_good=False)


_OWN = {"request_id", "duration_ms", "database_ms", "at"}


def shown(running: Running) -> dict[Any, float]:
    """The counts of figures that requests leave."""
    running.metrics.flush()
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in running.metrics.registry.collect()
        if family.name.startswith(("http_", "operation_", "response_cache", "db_"))
        for one in family.samples
        if not one.name.endswith(("_sum", "_created", "_bucket"))
    }


async def test_a_stop_closes_after_a_glance(
    line: Line, around: Running, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    request = (await asked(line, client, ada))["unchanged"]
    await glanced(running, line, request)
    around.draining.on = True
    assert (await line.ask(request)).headers["connection"] == "close"
    assert await line.reader.read() == b""


async def test_an_idle_connection_is_closed_after_its_time(
    served: Served, running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    app_line = await served.line()
    request = (await asked(app_line, client, ada))["unchanged"]
    await glanced(running, app_line, request)
    [protocol] = served.server.server_state.connections
    protocol.timeout_keep_alive = 0.4
    protocol._unset_keepalive_if_required()
    for _ in range(6):
        # Each answer gives it another while, though its timer is an older one.
        assert (await app_line.ask(request)).status == 304
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        assert await app_line.reader.read() == b""
