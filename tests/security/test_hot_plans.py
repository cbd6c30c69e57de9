"""The hottest questions in a database of 1.2 million rows: each reaches its rows by an index.

Times depend on the machine: ``-s`` prints them, docs/performance.md tells them, nothing asserts them.
"""

import json
from collections.abc import AsyncIterator, Iterator
from statistics import quantiles
from typing import Any

import asyncpg
import httpx2
import pytest

from app import Running, create_app, migrate_all, start
from models import ids
from models.embedded.parts import Endpoints, temporary_parts
from settings import Settings
from tests.doors import GraphQLDoor, register
from tests.security.test_tenants import HOT, PLAIN, scans
from tests.statements import anew

pytestmark = [pytest.mark.anyio, pytest.mark.long, pytest.mark.timeout(400)]
TENANTS, EACH = 100, 11_880
MINE = 12_000
RUNS = 40


@pytest.fixture(scope="module")
def apart() -> Iterator[Endpoints]:
    """A database of its own, thrown away afterwards."""
    with temporary_parts() as ends:
        yield ends


@pytest.fixture(scope="module")
async def alone(apart: Endpoints, settings: Settings, anyio_backend: str) -> AsyncIterator[Running]:
    await migrate_all(settings, apart)
    running = await start(settings.model_copy(update={"rate_limits": "off"}), apart)
    yield running
    await running.close()


async def fill(line: asyncpg.Connection, ledger: Any) -> int:
    """Copy a ledger's rows to a hundred tenants who were never asked for; nobody opens theirs."""
    columns = ", ".join(
        row["attname"]
        for row in await line.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'transactions'::regclass AND "
            "attnum > 0 AND attname NOT IN ('id', 'ledger_id') AND NOT attisdropped"
        )
    )
    # No trigger and no foreign key of rows that belong to nobody.
    await line.execute("SET session_replication_role = replica")
    await line.execute(
        f"INSERT INTO transactions (id, ledger_id, {columns}) SELECT gen_random_uuid(), tenant.id, "
        f"{columns} FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {TENANTS})) tenant, "
        f"(SELECT * FROM transactions WHERE ledger_id = '{ledger}' LIMIT {EACH}) one"
    )
    await line.execute("VACUUM (ANALYZE) transactions")
    return int(await line.fetchval("SELECT count(*) FROM transactions"))


@pytest.mark.case("T10")
async def test_twelve_questions_among_a_million_rows(
    alone: Running, apart: Endpoints, settings: Settings
) -> None:
    told = settings.model_copy(update={"rate_limits": "off"})
    transport = httpx2.ASGITransport(app=create_app(alone.services, told, alone))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ada = await register(client)
        door = GraphQLDoor(client, ada)
        things = {"account": (await door.call("CreateAccount", PLAIN))["id"]}
        made = await door.call("CreateCategory", {"name": "c", "kind": "EXPENSE"})
        things["category"] = made["id"]
        for page in range(MINE // 500):
            month, year = page % 12 + 1, 2024 + page // 12
            rows = [
                {
                    "accountId": things["account"], "date": f"{year}-{month:02}-{number % 28 + 1:02}",
                    "amount": f"-{number}.01", "description": f"row {number}",
                    "categoryId": things["category"] if number % 3 else None,
                }
                for number in range(500)
            ]  # fmt: skip
            done = await door.call("CreateTransactions", transactions=rows)
        things["transaction"] = done["results"][0]["id"]
        line = await asyncpg.connect(
            host=apart.database_host, port=apart.database_port, database=apart.database_name,
            user="postgres", password=apart.superuser_password,
        )  # fmt: skip
        mine = await line.fetchval(
            "SELECT ledger_id FROM users WHERE id = $1", ids.decode("user", ada.id)
        )
        assert await fill(line, mine) == MINE + TENANTS * EACH == 1_200_000
        await line.close()
        for operation, variables in HOT:
            filled = {
                name: things.get(str(value)[1:], value) if str(value)[:1] == "$" else value
                for name, value in variables.items()
            }
            await look(alone, door, ids.decode("user", ada.id), operation, filled)


async def look(running: Running, door: Any, who: Any, operation: str, variables: Any) -> None:
    """The plans of an operation's statements as its person, and how long they take."""
    database = running.services.database
    asked: list[tuple[str, Any]] = []
    await door.call(operation, **variables)
    database.watch = lambda statement, values: asked.append((statement, values))
    try:
        with anew():
            await door.call(operation, **variables)
    finally:
        database.watch = None
    reads = [
        one
        for one in asked
        if one[0].lstrip().upper().startswith(("SELECT", "WITH")) and "FOR UPDATE" not in one[0]
    ]
    assert reads, operation
    times = []
    async with database.read(who) as tx:
        driver = tx._held.driver
        for number in range(RUNS):
            spent = 0.0
            for statement, values in reads:
                told = await driver.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
                plan = (json.loads(told) if isinstance(told, str) else told)[0]
                spent += plan["Execution Time"] + plan["Planning Time"]
                if number == 0:
                    assert scans(plan["Plan"]) == [], (operation, statement)
            times.append(spent)
    p95 = quantiles(times, n=20)[-1]
    print(f"{operation} {variables}: {len(reads)} statements, p95 {p95:.2f} ms")  # noqa: T201
