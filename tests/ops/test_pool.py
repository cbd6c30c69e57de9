"""Cut database connections: the next request finds a good one, for reads, writes and gates."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from graph.context import Services
from graph.errors import as_app_error
from models.database import Database, connect
from models.embedded.parts import Endpoints
from models.stores.keys import LocalKeys
from tests.doors import PASSWORD, Person

pytestmark = pytest.mark.anyio

_CUT = """SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE application_name = 'pockettrend' AND pid <> pg_backend_pid()"""


async def cut(parts: Endpoints) -> int:
    """Terminate every connection of the application; returns when they have ended."""
    root = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    try:
        return int(await root.fetchval(_CUT))
    finally:
        await root.close()


@pytest.mark.case("X09")
async def test_the_next_request_after_a_cut_is_answered(
    client: Any, ada: Person, services: Services, parts: Endpoints
) -> None:
    account = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    credentials = {"email": ada.email, "password": PASSWORD}
    requests = (
        ("GET", "/v1/accounts", None, 200),
        ("POST", "/v1/accounts", account, 201),
        ("POST", "/v1/auth/login", credentials, 200),
        ("GET", "/v1/auth/me", None, 200),
        ("POST", "/graphql", {"query": "{ viewer { email } }"}, 200),
    )
    for method, path, body, status in requests:
        assert await cut(parts) > 0
        answer = await client.request(method, path, json=body, headers=ada.headers)
        assert answer.status_code == status, answer.text
        assert "errors" not in answer.json()
    listed = await client.get("/v1/accounts", headers=ada.headers)
    assert len(listed.json()["data"]["items"]) == 1


@pytest.mark.case("X09")
async def test_a_connection_that_is_cut_in_use_is_not_used_twice(
    services: Services, parts: Endpoints
) -> None:
    """Work that has begun is not begun again by itself; whoever asked hears of it."""
    runs = 0

    async def work(tx: Any) -> None:
        nonlocal runs
        runs += 1
        await tx.scalar(text("SELECT 1"))
        await cut(parts)
        await tx.scalar(text("SELECT 1"))

    with pytest.raises(Exception, match="connection"):
        await services.database.change(None, work)
    assert runs == 1
    assert await services.database.call(text("SELECT 1"))


@pytest.mark.case("X09")
async def test_a_server_that_babbles_is_away_and_no_mistake_of_ours() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A word that ends before it says anything.
        writer.write(b"Z\x00\x00\x00\x04")
        writer.close()

    with tempfile.TemporaryDirectory(prefix="pt-b") as folder:
        server = await asyncio.start_unix_server(babble, Path(folder) / ".s.PGSQL.5432")
        address = {"host": folder, "port": 5432, "name": "x", "user": "x", "password": "x"}
        database = Database(connect(**address, connect_seconds=1), LocalKeys(bytes(32)))
        try:
            with pytest.raises((DBAPIError, OSError)) as told:
                async with database.read(None):
                    raise AssertionError("it answered")
            known = as_app_error(told.value)
            assert known is not None
            assert (str(known.code), known.retry_after_seconds) == ("UNAVAILABLE", 5)
        finally:
            await database.close()
            server.close()
