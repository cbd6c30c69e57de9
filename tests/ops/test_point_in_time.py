"""Back to a point in time: a base backup, archived log, and the books as they stood at a moment."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app import create_app, migrate_all, start
from models.embedded.parts import Endpoints
from models.embedded.postgres import binaries
from resolvers.verify import verify_all
from settings import Settings
from tests.doors import register
from tests.ops.clusters import Cluster, stopped_at_the_end, wait_for

OPERATIONS = Path(__file__).resolve().parents[2] / "docs/operations.md"


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="pt-pitr-"))
    yield found
    shutil.rmtree(found)


def archive_command() -> str:
    """The command of the operator's page, so that what is written there is what is tried."""
    found = re.search(r"^archive_command = '(.+)'$", OPERATIONS.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


async def write(endpoints: Endpoints, settings: Settings, rows: int) -> None:
    """Somebody new with an account and so many transactions."""
    await migrate_all(settings, endpoints)
    running = await start(settings, endpoints)
    app = create_app(running.services, settings, running)
    transport = httpx2.ASGITransport(app=app, client=("10.9.8.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ada = await register(client)
        body = {"name": "Cash", "type": "CASH", "currency": "EUR"}
        made = await client.post("/v1/accounts", json=body, headers=ada.headers)
        account = made.json()["data"]["id"]
        for number in range(rows):
            row = {"accountId": account, "date": "2026-03-01", "amount": "-1.00"}
            row["description"] = f"tea {number}"
            done = await client.post("/v1/transactions", json=row, headers=ada.headers)
            assert done.status_code == 201
    await running.close()


async def verified(endpoints: Endpoints, settings: Settings) -> list[str]:
    running = await start(settings, endpoints)
    report = await verify_all(running.services.database, running.chain_key)
    await running.close()
    return report.lines()


def test_the_books_come_back_as_they_stood_at_a_moment(folder: Path, settings: Settings) -> None:
    log = folder / "log"
    log.mkdir(mode=0o700)
    archiving = {
        "archive_mode": "on",
        "archive_command": archive_command().replace("/backup/wal", str(log)),
    }
    primary = Cluster(folder / "primary", archiving)
    rescued = Cluster(folder / "rescued", {"restore_command": f"cp {log}/%f %p"})
    with stopped_at_the_end(primary, rescued):
        primary.start()
        asyncio.run(write(primary.endpoints, settings, 1))
        base = folder / "rescued/postgres"
        (folder / "rescued").mkdir(mode=0o700)
        primary.program("pg_basebackup", f"--pgdata={base}", "--wal-method=none", "-c", "fast")
        # Written after the base backup: it comes back from the archived log alone.
        asyncio.run(write(primary.endpoints, settings, 2))
        moment = primary.sql("SELECT clock_timestamp()")
        # Somebody's mistake, and a switch so that it is in the archive too.
        primary.sql("SET session_replication_role = replica; DELETE FROM transactions")
        primary.sql("SELECT pg_switch_wal()")
        wal = primary.sql("SELECT pg_walfile_name(pg_switch_wal())")
        assert primary.sql("SELECT count(*) FROM transactions") == "0"
        primary.stop()
        assert (log / wal).exists() or any(log.iterdir())

        (base / "recovery.signal").touch()
        with (base / "postgresql.auto.conf").open("a") as conf:
            conf.write(f"recovery_target_time = '{moment}'\nrecovery_target_action = promote\n")
        rescued.start()
        wait_for(lambda: rescued.sql("SELECT pg_is_in_recovery()") == "f")
        assert rescued.sql("SELECT count(*) FROM transactions") == "3"
        (line,) = asyncio.run(verified(rescued.endpoints, settings))
        assert line.startswith("ledgers: 2, transactions: 3, ")
        assert line.endswith("differences: none")


def test_the_programs_of_the_page_are_those_of_the_wheel() -> None:
    for name in ("pg_basebackup", "pg_dump", "pg_restore", "pg_verifybackup"):
        assert (binaries() / name).is_file()
        assert name in OPERATIONS.read_text()
