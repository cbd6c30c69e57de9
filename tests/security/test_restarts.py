"""A database that is started anew: honest answers meanwhile, and found again by itself."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from graph.errors import as_app_error
from models.database import Database, connect
from models.stores.keys import LocalKeys
from resolvers.errors import ErrorCode
from tests.doors import register
from tests.security.test_faults import ACCOUNT, Behind, behind
from tests.security.test_faults import _well as well

__all__ = ["behind"]
pytestmark = pytest.mark.anyio


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
        await well(behind, ada)
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
