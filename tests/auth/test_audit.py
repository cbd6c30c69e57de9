"""The audit cannot be rewritten: whatever is altered, dropped, moved or cut off is named."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import Running
from graph.context import Services
from models import ids
from models.embedded.parts import Endpoints
from resolvers.verify.walk import verify_ledger
from tests.doors import PASSWORD, GraphQLDoor, Person

pytestmark = [pytest.mark.anyio, pytest.mark.case("L02")]


@pytest.fixture
async def root(parts: Endpoints, running: Running) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    yield connection
    await connection.close()


async def test_every_change_of_the_audit_is_named(
    client: Any, ada: Person, services: Services, running: Running, root: asyncpg.Connection
) -> None:
    door = GraphQLDoor(client, None)
    for _ in range(3):
        await door.call("Login", {"email": ada.email, "password": PASSWORD})
    me = await services.auth.actor(ada.token)
    ledger = me.ledger_id

    async def found() -> list[str]:
        report = await verify_ledger(services.database, running.chain_key, ledger, me.user_id)
        return [f"{one.kind}: {one.message}" for one in report.differences]

    assert await found() == []
    row = await root.fetchrow(
        "SELECT * FROM audit_entries WHERE ledger_id = $1 AND seq = 2", ledger
    )
    where = "WHERE ledger_id = $1 AND seq = $2"
    for column, value in (
        ("event", "SIGNED_OUT"), ("at", row["at"] - timedelta(days=1)),
        ("session_id", ids.decode("user", ada.id)), ("hash", b"x" * 32),
    ):  # fmt: skip
        await root.execute(f"UPDATE audit_entries SET {column} = $3 {where}", ledger, 2, value)
        assert any("AUDIT: Entry 2" in one for one in await found()), column
        await root.execute(
            f"UPDATE audit_entries SET {column} = $3 {where}", ledger, 2, row[column]
        )
    assert await found() == []
    # Two change places.
    await root.execute(f"UPDATE audit_entries SET seq = 9 {where}", ledger, 3)
    await root.execute(f"UPDATE audit_entries SET seq = 3 {where}", ledger, 2)
    await root.execute(f"UPDATE audit_entries SET seq = 2 {where}", ledger, 9)
    assert any("AUDIT: Entry 2" in one for one in await found())
    await root.execute(f"UPDATE audit_entries SET seq = 9 {where}", ledger, 3)
    await root.execute(f"UPDATE audit_entries SET seq = 3 {where}", ledger, 2)
    await root.execute(f"UPDATE audit_entries SET seq = 2 {where}", ledger, 9)
    assert await found() == []
    await root.execute(f"DELETE FROM audit_entries {where}", ledger, 4)
    assert await found() == ["AUDIT: The audit ends with entry 3, but 4 were written."]
    await root.execute(f"DELETE FROM audit_entries {where}", ledger, 2)
    assert await found() == ["AUDIT: Entry 3 does not follow entry 1."]


async def test_the_application_can_only_add(ada: Person, services: Services) -> None:
    me = ids.decode("user", ada.id)
    for crime in ("DELETE FROM audit_entries", "UPDATE audit_entries SET event = 'x'"):

        async def work(tx: Any, crime: str = crime) -> None:
            await tx.run(text(crime))

        with pytest.raises(DBAPIError):
            await services.database.change(me, work)
