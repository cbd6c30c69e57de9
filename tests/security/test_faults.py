"""Parts that hang, break, babble and come back: honest answers meanwhile, and all well after."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
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
from models.database import connect
from models.drivers import Drivers
from models.embedded.parts import Endpoints
from models.embedded.postgres import APP
from models.stores.tls import context_of
from resolvers import ledgers
from resolvers.errors import ErrorCode
from settings import Settings
from tests.doors import Person, register
from tests.ops.test_tls import Authority, authority, in_front_of
from tests.security.faults import FaultProxy, fault_proxy

pytestmark = pytest.mark.anyio
__all__ = ["authority"]
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}


class Behind:
    """The product behind a proxy for each part."""

    def __init__(self, client: Any, database: FaultProxy, cache: FaultProxy, running: Any) -> None:
        self.client: httpx2.AsyncClient = client
        self.database, self.cache, self.running = database, cache, running
        self.socket = Path()
        """Where the database is behind its proxy."""
        self.address: dict[str, Any] = {}


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
        behind = Behind(client, database, cache, mine)
        behind.socket = folder / real.name
        behind.address = {
            "name": parts.database_name, "user": APP, "password": parts.app_password,
            "pool_size": 3,
        }  # fmt: skip
        yield behind
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
    for _ in range(200):
        # What was given up in the middle ends its own line, beside the others.
        if not pool.checkedout():
            break
        await asyncio.sleep(0.02)
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


WORDS = {
    "length-0": b"D\0\0\0\0",
    "length-3": b"Z\0\0\0\3I",
    "negative": b"T\xff\xff\xff\xf0",
    "two-gigabytes": b"D\x7f\xff\xff\xff",
    "of-no-kind": b"q\0\0\0\5I",
    "nonsense-inside": b"D\0\0\0\x0a\0\1\x7f\0\0\0Z\0\0\0\5I",
}


def _after_the_first(word: bytes) -> Callable[[bytes], bytes]:
    """The word behind the first whole message of an answer."""

    def noise(data: bytes) -> bytes:
        first = 1 + int.from_bytes(data[1:5], "big")
        return data[:first] + word + data[first:]

    return noise


@pytest.mark.case("X09")
@pytest.mark.parametrize(("word", "tls"), [*((word, False) for word in WORDS), ("length-0", True)])
async def test_a_word_that_is_no_message_ends_its_line_and_not_the_process(
    behind: Behind, authority: Authority, word: str, tls: bool
) -> None:
    """The driver alone would read a length below four for ever, with all other requests waiting."""
    ada = await register(behind.client)
    async with AsyncExitStack() as stack:
        if tls:
            database = behind.running.services.database
            port = await stack.enter_async_context(
                in_front_of(str(behind.socket), authority.server("127.0.0.1"), postgresql=True)
            )
            trusted = context_of("verify-full", authority.file)
            address = {**behind.address, "host": "127.0.0.1", "port": port, "tls": trusted}
            encrypted = connect(**address, command_seconds=2.5)
            stack.push_async_callback(encrypted.dispose)
            stack.push_async_callback(database.drivers.rest)
            kept = database.engine, database.drivers
            stack.callback(setattr, database, "engine", kept[0])
            stack.callback(setattr, database, "drivers", kept[1])
            database.engine, database.drivers = encrypted, Drivers(encrypted, keeps=True)
        assert (await behind.client.get("/v1/accounts", headers=ada.headers)).status_code == 200
        for noise in (lambda _: WORDS[word], _after_the_first(WORDS[word])):
            behind.database.noise = noise
            behind.database.fault = "garbage"
            asked = [
                behind.client.get("/v1/accounts", headers=ada.headers),
                behind.client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers),
                behind.client.get("/v1/openapi.json"),
            ]
            answers = await asyncio.gather(*asked)
            assert [one.status_code for one in answers] == [503, 503, 200]
            assert {one.json()["error"]["code"] for one in answers[:2]} == {"UNAVAILABLE"}
            behind.database.fault = "none"
            await _well(behind, ada)


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
