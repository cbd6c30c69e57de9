"""The product behind a real PgBouncer that lends its connections for one transaction each."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import Running, create_app, start
from models.embedded.parts import Endpoints
from models.embedded.postgres import APP
from models.ids import decode
from models.transacting import Transaction
from settings import Settings
from tests.conftest import fresh_address
from tests.doors import Person, register
from tests.ops.clusters import wait_for

pytestmark = [pytest.mark.anyio, pytest.mark.long]

PORT = 6432
SERVERS = 3
ROWS = 6
CONFIGURATION = """
[databases]
{name} = host={host} port={port}
[pgbouncer]
listen_addr =
listen_port = {listen}
unix_socket_dir = {folder}
auth_type = plain
auth_file = {folder}/people
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
pidfile = {folder}/pid
"""


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    folder: Path
    parts: Endpoints

    @property
    def url(self) -> str:
        host = quote(str(self.folder), safe="")
        return (
            f"postgresql://{APP}:{self.parts.app_password}@{host}:{PORT}/{self.parts.database_name}"
        )

    async def line(self) -> asyncpg.Connection:
        """A client of its own."""
        return await asyncpg.connect(self.url, statement_cache_size=0)


@pytest.fixture(scope="module")
def pooler(running: Running, parts: Endpoints) -> Iterator[Pooler]:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no pgbouncer here although CI=true")
        pytest.skip("there is no pgbouncer here")
    folder = Path(tempfile.mkdtemp(prefix="pt-bouncer-"))
    facts = {"name": parts.database_name, "host": parts.database_host, "port": parts.database_port}
    more = {"listen": PORT, "folder": folder, "servers": SERVERS}
    (folder / "ini").write_text(CONFIGURATION.format(**facts, **more))
    (folder / "people").write_text(f'"{APP}" "{parts.app_password}"\n')
    # It refuses to be root: in a user namespace of its own it is not.
    apart = ["unshare", "--user"] if os.geteuid() == 0 else []
    words = [*apart, program, str(folder / "ini")]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for((folder / f".s.PGSQL.{PORT}").exists)
            yield Pooler(folder, parts)
        finally:
            process.terminate()
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Process:
    """One process of the product."""

    running: Running
    client: httpx2.AsyncClient


@pytest.fixture(scope="module")
async def behind(
    pooler: Pooler, settings: Settings, anyio_backend: str
) -> AsyncIterator[list[Process]]:
    """Two processes of the product with far more connections than the pooler has."""
    told = settings.model_copy(
        update={
            "database_url": SecretStr(pooler.url),
            "db_pooler": "transaction",
            "db_pool_size": 12,
            "db_tls": "disable",
        }
    )
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(2):
            mine = await start(told, None)
            stack.push_async_callback(mine.close)
            transport = httpx2.ASGITransport(
                app=create_app(mine.services, told, mine), client=(fresh_address(), 1)
            )
            client = httpx2.AsyncClient(transport=transport, base_url="http://testserver")
            processes.append(Process(mine, await stack.enter_async_context(client)))
        yield processes


async def live(client: httpx2.AsyncClient, other: httpx2.AsyncClient, rows: int = ROWS) -> Person:
    """Somebody who writes through one process and reads through both."""
    person = await register(client)
    head = person.headers
    cash = {"name": "Cash", "type": "CASH", "currency": "EUR"}
    made = await client.post("/v1/accounts", json=cash, headers=head)
    assert made.status_code == 201, made.text
    line = {"accountId": made.json()["data"]["id"], "date": "2026-01-01", "description": "tea"}
    for number in range(1, rows + 1):
        wrote = await client.post(
            "/v1/transactions", json={**line, "amount": f"-{number}.00"}, headers=head
        )
        assert wrote.status_code == 201, wrote.text
        listed = await other.get("/v1/transactions?limit=100", headers=head)
        assert (listed.status_code, len(listed.json()["data"]["items"])) == (200, number)
        again = await other.get(
            "/v1/transactions?limit=100",
            headers={**head, "If-None-Match": listed.headers["etag"]},
        )
        assert again.status_code == 304, again.text
    return person


@pytest.mark.case("T03")
async def test_no_transaction_fails_and_nobody_sees_another(
    behind: list[Process], pooler: Pooler
) -> None:
    one, two = (process.client for process in behind)
    people = await asyncio.gather(*(live(*pair) for pair in [(one, two), (two, one)] * 4))
    assert len({person.id for person in people}) == len(people)
    await nobody_is_left(pooler)


@pytest.mark.case("T03")
@pytest.mark.parametrize("end", ["commit", "exception", "refusal", "cancel"])
async def test_no_identity_is_left_behind_the_pooler(
    behind: list[Process], pooler: Pooler, end: str
) -> None:
    ada = await live(behind[0].client, behind[1].client, rows=1)
    arrived = asyncio.Event()

    async def work(tx: Transaction) -> None:
        assert await tx.scalar(text("SELECT count(*) FROM accounts")) == 1
        arrived.set()
        if end == "exception":
            raise KeyError
        if end == "refusal":
            await tx.run(text("SELECT 1 / 0"))
        if end == "cancel":
            await tx.run(text("SELECT pg_sleep(30)"))

    who = decode("user", ada.id)
    task = asyncio.create_task(behind[0].running.services.database.change(who, work))
    await arrived.wait()
    if end == "cancel":
        task.cancel()
    if end == "commit":
        await task
    else:
        with pytest.raises((KeyError, DBAPIError, asyncio.CancelledError)):
            await task
    await nobody_is_left(pooler)


async def nobody_is_left(pooler: Pooler) -> None:
    """Every connection of the pooler belongs to nobody, and shows nobody's rows."""
    lines = [await pooler.line() for _ in range(SERVERS)]
    try:
        held = [line.transaction() for line in lines]
        for one in held:
            await one.start()
        found: list[Any] = [
            await line.fetchrow(
                "SELECT pg_backend_pid() AS pid, current_setting('app.user_id', true) AS who, "
                "(SELECT count(*) FROM accounts) AS seen"
            )
            for line in lines
        ]
        assert len({row["pid"] for row in found}) == SERVERS
        assert {(row["who"] or "", row["seen"]) for row in found} == {("", 0)}
        for one in held:
            await one.rollback()
    finally:
        for line in lines:
            await line.close()
