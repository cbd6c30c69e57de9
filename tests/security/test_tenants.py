"""Tenants on one pool of connections and one set of tables: no identity stays, no plan strays."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select, text

from app import Running
from graph.context import Services
from models import ids
from models.accounts import Account
from models.base import table
from models.embedded.parts import Endpoints
from tests.doors import Door, GraphQLDoor, Person

pytestmark = pytest.mark.anyio

ACCOUNTS = table(Account)
PLAIN = {"name": "Giro", "type": "CASH", "currency": "EUR"}


@pytest.fixture
async def superuser(parts: Endpoints, running: Running) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    yield connection
    await connection.close()


class Ended(Exception):
    """Ends a transaction in the middle."""


@pytest.mark.case("T02", "T03")
@pytest.mark.parametrize("way", ["commit", "rollback", "cancel", "refusal", "deadline"])
async def test_no_identity_is_left_on_a_connection(
    services: Services, client: Any, ada: Person, way: str
) -> None:
    await GraphQLDoor(client, ada).call("CreateAccount", PLAIN)
    me = ids.decode("user", ada.id)

    async def work(tx: Any) -> None:
        assert await tx.scalar(text("SELECT app_user()")) == me
        if way == "rollback":
            raise Ended
        if way == "refusal":
            await tx.run(text("TRUNCATE transactions"))
        if way in {"cancel", "deadline"}:
            await tx.scalar(text("SELECT pg_sleep(60)"))

    for _ in range(3):
        try:
            if way == "deadline":
                async with asyncio.timeout(0.05):
                    await services.database.change(me, work)
            elif way == "cancel":
                task = asyncio.create_task(services.database.change(me, work))
                await asyncio.sleep(0.05)
                task.cancel()
                await task
            else:
                await services.database.change(me, work)
        except (asyncio.CancelledError, TimeoutError, Ended):
            pass
        except Exception:  # noqa: BLE001 - the database's own refusal
            assert way == "refusal"
    pool: Any = services.database.engine.pool

    async def nobody() -> None:
        async with services.database.read(None) as tx:
            assert await tx.scalar(text("SELECT app_user()")) is None
            assert await tx.rows(select(ACCOUNTS.c.id)) == []

    await asyncio.gather(*(nobody() for _ in range(pool.size())))
    raw = text("SELECT nullif(current_setting('app.user_id', true), '') AS who")
    for row in await asyncio.gather(*(services.database.call(raw) for _ in range(pool.size()))):
        assert row[0].who is None


# The questions that are asked all day.  Each names its ledger, so an index leads to the rows.
HOT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ListTransactions", {}),
    ("ListTransactions", {"sort": "DATE_ASC"}),
    ("ListTransactions", {"from": "2026-01-01", "to": "2026-01-31"}),
    ("ListTransactions", {"accountId": "$account"}),
    ("ListTransactions", {"categoryId": "$category"}),
    ("ListTransactions", {"sort": "AMOUNT_DESC"}),
    ("ListAccountTransactions", {"id": "$account"}),
    ("GetTransaction", {"id": "$transaction"}),
    ("GetAccount", {"id": "$account"}),
    ("ListAccounts", {}),
    ("GetMonthlySummary", {}),
    ("GetCategoryBreakdown", {}),
)
LARGE = {"transactions", "splits", "changes"}


def scans(plan: dict[str, Any]) -> list[str]:
    """Large tables that a plan reads from end to end."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    for inner in plan.get("Plans", ()):
        found += scans(inner)
    return [name for name in found if name in LARGE]


@pytest.mark.case("T10")
async def test_hot_questions_reach_their_rows_by_an_index(
    services: Services, client: Any, ada: Person, bob: Person, superuser: asyncpg.Connection
) -> None:
    """Another tenant has 20,000 rows; what Ada asks is planned as the application's role."""
    things = {}
    for person in (bob, ada):
        door: Door = GraphQLDoor(client, person)
        things["account"] = (await door.call("CreateAccount", PLAIN))["id"]
        things["category"] = (await door.call("CreateCategory", {"name": "c", "kind": "EXPENSE"}))[
            "id"
        ]
        row = {
            "accountId": things["account"],
            "date": "2026-01-05",
            "amount": "-1",
            "description": "x",
        }
        rows = [{**row, "categoryId": things["category"]}] * 20
        made = await door.call("CreateTransactions", transactions=rows)
        things["transaction"] = made["results"][0]["id"]
    theirs = await superuser.fetchval(
        "SELECT ledger_id FROM users WHERE id = $1", ids.decode("user", bob.id)
    )
    columns = ", ".join(
        row["attname"]
        for row in await superuser.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'transactions'::regclass "
            "AND attnum > 0 AND attname <> 'id' AND NOT attisdropped"
        )
    )
    asked: list[tuple[str, Any]] = []

    def note(statement: str, parameters: Any) -> None:
        if (
            statement.lstrip().upper().startswith(("SELECT", "WITH"))
            and "transactions" in statement
        ):
            asked.append((statement, parameters))

    try:
        await superuser.execute(
            f"INSERT INTO transactions (id, {columns}) SELECT gen_random_uuid(), {columns} "
            f"FROM (SELECT * FROM transactions WHERE ledger_id = '{theirs}' LIMIT 20) one, "
            "generate_series(1, 1000)"
        )
        await superuser.execute("ANALYZE transactions")
        services.database.watch = note
        for operation, variables in HOT:
            filled = {
                name: things.get(str(value)[1:], value) if str(value)[:1] == "$" else value
                for name, value in variables.items()
            }
            await door.call(operation, **filled)
        services.database.watch = None
        assert len(asked) >= len(HOT) - 2
        async with services.database.read(ids.decode("user", ada.id)) as tx:
            for statement, parameters in asked:
                found = await tx._held.driver.fetchval(
                    f"EXPLAIN (FORMAT JSON) {statement}", *parameters
                )
                plans = json.loads(found) if isinstance(found, str) else found
                assert scans(plans[0]["Plan"]) == [], statement
    finally:
        services.database.watch = None
        await superuser.execute("SET session_replication_role = replica")
        await superuser.execute("DELETE FROM transactions WHERE ledger_id = $1", theirs)
        await superuser.execute("ANALYZE transactions")
