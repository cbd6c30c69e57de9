"""A real primary and a real replica: reports come from the replica once it has all that counts."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from pydantic import SecretStr

from app import Running, create_app, migrate_all, start
from graph.analytics.operations import AnalyticsQueries
from graph.analytics.reports import REPORTS
from models.embedded.postgres import APP
from settings import Settings
from tests.doors import Person, register
from tests.ops.clusters import PASSWORDS, Cluster, stopped_at_the_end, wait_for

REPORT = "{ categoryBreakdown(kind: EXPENSE) { total } }"


@dataclass
class Fleet:
    primary: Cluster
    replica: Cluster
    settings: Settings

    def caught_up(self) -> bool:
        seen = "SELECT pg_last_wal_replay_lsn() >= '{}'::pg_lsn"
        return self.replica.sql(seen.format(self.primary.sql("SELECT pg_current_wal_lsn()"))) == "t"


@pytest.fixture(scope="module")
def fleet(settings: Settings) -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="pt-replica-"))
    primary = Cluster(folder / "primary")
    replica = Cluster(folder / "replica", {"wal_retrieve_retry_interval": "500ms"})
    with stopped_at_the_end(primary, replica):
        primary.start()
        asyncio.run(migrate_all(settings, primary.endpoints))
        replica.folder.mkdir(mode=0o700)
        words = ("--write-recovery-conf", "--checkpoint=fast", "--create-slot", "--slot=reports")
        primary.program("pg_basebackup", f"--pgdata={replica.data}", *words)
        replica.start(prepare=False)
        where = f"{quote(str(replica.sockets), safe='')}:5432/pockettrend"
        url = f"postgresql://{APP}:{PASSWORDS.app}@{where}"
        told = settings.model_copy(update={"database_replica_url": SecretStr(url)})
        yield Fleet(primary, replica, told)
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def serving(fleet: Fleet) -> AsyncIterator[tuple[Running, httpx2.AsyncClient, Person, str]]:
    """The product on both, and somebody with an account."""
    running = await start(fleet.settings, fleet.primary.endpoints)
    app = create_app(running.services, fleet.settings, running)
    transport = httpx2.ASGITransport(app=app, client=("10.7.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ada = await register(client)
        client.headers.update(ada.headers)
        body = {"name": "Cash", "type": "CASH", "currency": "EUR"}
        account = (await client.post("/v1/accounts", json=body)).json()["data"]["id"]
        try:
            yield running, client, ada, account
        finally:
            await running.close()


def moments(running: Running) -> dict[str, int]:
    assert running.replica is not None
    return dict(running.replica.moments)


async def spend(client: httpx2.AsyncClient, account: str, amount: str) -> None:
    category = (await client.get("/v1/categories?limit=100")).json()["data"]["items"]
    leaf = next(one["id"] for one in category if one["kind"] == "EXPENSE" and one["parentId"])
    row = {"accountId": account, "date": "2026-11-02", "amount": amount, "categoryId": leaf}
    made = await client.post("/v1/transactions", json={**row, "description": "tea"})
    assert made.status_code == 201, made.text


async def total(client: httpx2.AsyncClient) -> str:
    query = REPORT.replace("(kind", '(from: "2026-11-01", to: "2026-11-30", kind')
    # An answer that is kept would ask neither of the databases.
    anew = {"Cache-Control": "no-cache"}
    answer = (await client.post("/graphql", json={"query": query}, headers=anew)).json()
    return str(answer["data"]["categoryBreakdown"]["total"])


def run(fleet: Fleet, scenario: Callable[..., Awaitable[None]]) -> None:
    async def body() -> None:
        async with serving(fleet) as parts:
            await scenario(fleet, *parts)

    asyncio.run(body())


async def caught_up(fleet: Fleet) -> None:
    await asyncio.to_thread(wait_for, fleet.caught_up)


@pytest.mark.case("X10")
def test_a_report_is_read_from_a_replica_that_has_everything(fleet: Fleet) -> None:
    async def scenario(fleet, running, client, _ada, account) -> None:
        await spend(client, account, "-12.34")
        await caught_up(fleet)
        before = moments(running)["served"]
        assert await total(client) == "12.34"
        assert moments(running)["served"] == before + 1
        # What was left to be stored went to the primary, from where it came back.
        await running.services.database.settle()
        await caught_up(fleet)
        assert await total(client) == "12.34"
        exported = await client.get("/v1/analytics/export/csv")
        assert "tea" in exported.text
        assert moments(running)["served"] == before + 3
        # Everything else is read from the primary.
        assert (await client.get("/v1/accounts")).status_code == 200
        assert moments(running)["served"] == before + 3
        parts = (await client.get("/health/detailed")).json()["parts"]
        assert parts["replica"]["status"] == "ok"

    run(fleet, scenario)


@pytest.mark.case("X10")
def test_whoever_wrote_reads_what_was_written(fleet: Fleet) -> None:
    async def scenario(fleet, running, client, _ada, account) -> None:
        await caught_up(fleet)
        fleet.replica.sql("SELECT pg_wal_replay_pause()")
        try:
            for cents in range(1, 6):
                await spend(client, account, "-0.01")
                assert await total(client) == f"0.0{cents}"
            assert moments(running)["behind"] == 5
            assert moments(running)["served"] == 0
        finally:
            fleet.replica.sql("SELECT pg_wal_replay_resume()")
        await caught_up(fleet)
        assert await total(client) == "0.05"
        assert moments(running)["served"] == 1

    run(fleet, scenario)


def test_a_replica_that_is_away_is_done_without(fleet: Fleet) -> None:
    async def scenario(fleet, running, client, _ada, account) -> None:
        await spend(client, account, "-1.00")
        await caught_up(fleet)
        assert await total(client) == "1.00"
        await asyncio.to_thread(fleet.replica.stop)
        assert await total(client) == "1.00"
        assert await total(client) == "1.00"
        assert moments(running)["away"] == 1
        health = await client.get("/health/detailed")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")

    run(fleet, scenario)
    fleet.replica.start(prepare=False)


def test_every_report_of_the_graph_may_come_from_a_replica() -> None:
    definition = AnalyticsQueries.__strawberry_definition__
    names = {field.graphql_name or _camel(field.python_name) for field in definition.fields}
    assert names == REPORTS


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
