"""Parts that hang, break, babble and come back: honest answers meanwhile, and all well after."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import uvloop
from sqlalchemy import text

from app import create_app, start
from graph.errors import as_app_error
from models.database import Database, connect
from models.embedded.parts import Endpoints
from models.stores.keys import LocalKeys
from resolvers import ledgers
from resolvers.errors import ErrorCode
from settings import Settings
from tests.doors import Person, register
from tests.security.faults import FaultProxy, fault_proxy

pytestmark = pytest.mark.anyio
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}


class Behind:
    """The product behind a proxy for each part."""

    def __init__(
        self, client: Any, database: FaultProxy, cache: FaultProxy, running: Any, socket: Path
    ) -> None:
        self.client: httpx2.AsyncClient = client
        self.socket = socket
        """Where the database is found."""
        self.database, self.cache, self.running = database, cache, running


@pytest.fixture
async def behind(
    parts: Endpoints, settings: Settings, running: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Behind]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pt-f")))
        real = Path(parts.database_host) / f".s.PGSQL.{parts.database_port}"
        database = await stack.enter_async_context(fault_proxy(real, folder / real.name))
        cache = await stack.enter_async_context(
            fault_proxy(Path(parts.redis_socket), folder / "redis.sock")
        )
        ends = replace(parts, database_host=str(folder), redis_socket=str(folder / "redis.sock"))
        monkeypatch.setattr("assembly.connect", _impatient)
        mine = await start(settings, ends)
        stack.push_async_callback(mine.close)
        app = create_app(mine.services, settings.model_copy(update={"query_seconds": 2}), mine)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://testserver"
            )
        )
        yield Behind(client, database, cache, mine, folder / real.name)
        database.fault = cache.fault = "none"
        database.cut()


def _impatient(**address: Any) -> Any:
    return connect(**{**address, "pool_size": 3, "command_seconds": 2.5, "connect_seconds": 2.5})


async def _well(behind: Behind, ada: Person) -> None:
    """As many requests as there are connections, side by side, are all answered."""
    answers = await asyncio.gather(
        *(behind.client.get("/v1/accounts", headers=ada.headers) for _ in range(6))
    )
    assert [one.status_code for one in answers] == [200] * 6
    database = behind.running.services.database
    await database.drivers.rest()
    pool: Any = database.engine.pool
    assert pool.checkedout() == 0


@pytest.mark.case("X09")
@pytest.mark.parametrize("fault", ["cut", "half-open", "garbage"])
async def test_a_broken_line_to_the_database_is_told_and_mends(behind: Behind, fault: Any) -> None:
    ada = await register(behind.client)
    behind.database.fault = fault
    for method, path, body in (
        ("GET", "/v1/accounts", None),
        ("POST", "/v1/accounts", ACCOUNT),
        ("POST", "/v1/auth/login", {"email": ada.email, "password": "x"}),
    ):
        answer = await behind.client.request(method, path, json=body, headers=ada.headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE"), path
    graph = await behind.client.post(
        "/graphql", json={"query": "{viewer{id}}"}, headers=ada.headers
    )
    assert "UNAVAILABLE" in graph.text
    behind.database.fault = "none"
    behind.database.cut()
    await _well(behind, ada)
    listed = await behind.client.get("/v1/accounts", headers=ada.headers)
    assert listed.json()["data"]["items"] == []


@pytest.mark.case("X09")
async def test_a_database_that_starts_anew_is_found_again(behind: Behind) -> None:
    """Its lines end, nobody listens for a while, then it does again: nothing has to be told."""
    ada = await register(behind.client)
    for _ in range(2):
        gone = behind.socket.rename(behind.socket.with_name("gone"))
        behind.database.cut()
        for method, path, body in (
            ("GET", "/v1/accounts", None),
            ("POST", "/v1/accounts", ACCOUNT),
            ("POST", "/v1/auth/login", {"email": ada.email, "password": "x"}),
            ("POST", "/graphql", {"query": "{viewer{id}}"}),
        ):
            answer = await behind.client.request(method, path, json=body, headers=ada.headers)
            assert answer.status_code == 503, (path, answer.text)
            assert "UNAVAILABLE" in answer.text
            assert int(answer.headers["retry-after"]) <= 5
        gone.rename(behind.socket)
        # At once, and not only after a time.
        await _well(behind, ada)
    made = await behind.client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
    assert made.status_code == 201
    listed = await behind.client.get("/v1/accounts", headers=ada.headers)
    assert len(listed.json()["data"]["items"]) == 1


@pytest.mark.case("X09")
@pytest.mark.parametrize(
    "state",
    # Shutting down by hand or in need, starting up, out of lines, read-only.
    ["57P01", "57P02", "57P03", "53300"],
)
async def test_what_a_database_says_to_who_calls_too_early_is_no_mistake_of_ours(
    state: str,
) -> None:
    fields = f"SFATAL\0VFATAL\0C{state}\0Mnot now\0\0".encode()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_024)
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        writer.close()

    with tempfile.TemporaryDirectory(prefix="pt-r") as folder:
        server = await asyncio.start_unix_server(refuse, Path(folder) / ".s.PGSQL.5432")
        address = {"host": folder, "port": 5432, "name": "x", "user": "x", "password": "x"}
        database = Database(connect(**address, connect_seconds=1), LocalKeys(bytes(32)))

        async def nothing(_: Any) -> None:
            raise AssertionError("it began")

        async def read() -> None:
            async with database.read(None):
                raise AssertionError("it began")

        try:
            for asked in (read(), database.change(None, nothing), database.call(text("SELECT 1"))):
                told = None
                try:
                    await asked
                except Exception as error:  # noqa: BLE001 - whatever it is
                    told = as_app_error(error)
                assert told is not None
                assert (told.code, told.retry_after_seconds) == (ErrorCode.UNAVAILABLE, 5)
        finally:
            await database.close()
            server.close()


@pytest.mark.case("R03")
@pytest.mark.parametrize("fault", ["cut", "half-open", "garbage", "delay"])
async def test_a_broken_line_to_the_cache_opens_nothing_and_stops_nobody(
    behind: Behind, fault: Any
) -> None:
    ada = await register(behind.client)
    behind.cache.fault = fault
    if fault == "cut":
        behind.cache.cut()
    waited = behind.running.cache.calls
    for _ in range(20):
        answer = await behind.client.get("/v1/auth/me", headers=ada.headers)
        assert answer.status_code == 200
    if fault in {"half-open", "delay"}:
        # One of them waited; the breaker kept the others from it.
        assert behind.running.cache.calls - waited <= 4
    out = await behind.client.post("/v1/auth/logout", headers=ada.headers)
    assert out.status_code == 200
    assert (await behind.client.get("/v1/auth/me", headers=ada.headers)).status_code == 401
    behind.cache.fault = "none"
    # What was ended while the cache could not be told stays ended when it is back.
    for _ in range(3):
        assert (await behind.client.get("/v1/auth/me", headers=ada.headers)).status_code == 401


@pytest.mark.case("X09")
async def test_a_slow_line_to_the_database_is_only_slow(behind: Behind) -> None:
    ada = await register(behind.client)
    behind.database.delay_seconds = 0.01
    behind.database.fault = "delay"
    made = await behind.client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
    assert made.status_code == 201


@pytest.mark.case("X09")
@pytest.mark.parametrize(
    ("state", "failures", "status"),
    [("40001", 3, 201), ("40P01", 3, 201), ("40001", 9, 409), ("40P01", 9, 409)],
)
async def test_writes_in_each_others_way_are_tried_again_a_few_times(
    client: Any,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    failures: int,
    status: int,
) -> None:
    tried = 0
    whole = ledgers.states

    async def collide(tx: Any, *words: Any, **more: Any) -> Any:
        nonlocal tried
        tried += 1
        if tried <= failures:
            raised = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
            await tx.run(text(raised))
        return await whole(tx, *words, **more)

    monkeypatch.setattr(ledgers, "states", collide)
    answer = await client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
    assert answer.status_code == status
    assert tried == 4
    listed = await client.get("/v1/accounts", headers=ada.headers)
    assert len(listed.json()["data"]["items"]) == (status == 201)


@pytest.mark.case("X09")
async def test_a_server_that_may_not_write_is_read_from(behind: Behind, parts: Endpoints) -> None:
    """As a standby is, until it has taken over."""
    ada = await register(behind.client)
    root = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    name = parts.database_name
    try:
        await root.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        behind.database.cut()
        wrote = await behind.client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
        assert (wrote.status_code, wrote.json()["error"]["code"]) == (503, "UNAVAILABLE")
        read = await behind.client.get("/v1/accounts", headers=ada.headers)
        assert read.status_code == 200
    finally:
        await root.execute("SET default_transaction_read_only = off")
        await root.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await root.close()
    behind.database.cut()
    made = await behind.client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
    assert made.status_code == 201


@pytest.mark.case("X09")
def test_a_line_that_has_just_been_closed_is_a_part_that_is_away() -> None:
    """What uvloop, which serves, says of it; a drill met it when parts were killed."""

    async def written() -> BaseException:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        _, writer = await asyncio.open_connection(host, port)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        server.close()
        try:
            writer.transport.writelines([b"a", b"b"])
        except RuntimeError as error:
            return error
        pytest.fail("it was written")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = as_app_error(runner.run(written()))
    assert told is not None
    assert told.code is ErrorCode.UNAVAILABLE
    assert as_app_error(RuntimeError("of our own")) is None
