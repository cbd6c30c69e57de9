"""Migrating under traffic: no lock is waited for long, and no migration takes one that would stop it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from app import Running
from assembly import require_newest
from models import migrate as migrating
from models.database import connect
from models.embedded.parts import Endpoints
from models.embedded.postgres import APP, OWNER
from models.migrate import migrate, newest_revision
from settings import SettingsError
from tests.ledger.test_migrations import fresh_database

pytestmark = pytest.mark.anyio

FOLDER = Path(migrating.__file__).parent / "migrations/versions"
FIRST_UNDER_TRAFFIC = "0018"
"""Those before were never run on a database that anybody used."""
ALLOWED = {
    # Texts of ours are of any length, and numbers have the width that they need.
    "prefer-text-field", "prefer-bigint-over-int", "prefer-robust-stmts", "require-timeout-settings",
}  # fmt: skip


def engine_of(parts: Endpoints, name: str) -> Any:
    return connect(
        host=parts.database_host,
        port=parts.database_port,
        name=name,
        user=OWNER,
        password=parts.owner_password,
    )


async def statements(parts: Endpoints) -> dict[str, list[str]]:
    """What each migration really sends, by its number."""
    await fresh_database(parts, "squawked")
    engine = engine_of(parts, "squawked")
    found: dict[str, list[str]] = {}
    pending: list[str] = []

    def sent(_c: Any, _k: Any, statement: str, _p: Any, _x: Any, _m: Any) -> None:
        if statement.startswith(("UPDATE alembic_version", "INSERT INTO alembic_version")):
            # Alembic notes a migration behind its statements.
            number = f"{len(found) + 1:04d}"
            found[number] = list(pending)
            pending.clear()
        else:
            pending.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", sent)
    await migrate(engine, app_role=APP)
    await engine.dispose()
    return found


async def test_migrations_take_no_lock_that_stops_traffic(
    parts: Endpoints, running: Running, tmp_path: Path
) -> None:
    found = await statements(parts)
    assert max(found) == newest_revision()
    program = str(Path(sys.executable).with_name("squawk"))
    together, apart = [], []
    for number, lines in found.items():
        if number >= FIRST_UNDER_TRAFFIC:
            file = tmp_path / f"{number}.sql"
            file.write_text(";\n".join(line.strip().rstrip(";") for line in lines) + ";\n")
            # An index that is made beside writers cannot be made in a transaction.
            alone = any(" CONCURRENTLY " in line for line in lines)
            (apart if alone else together).append(str(file))
    words = [program, "--pg-version=16", "--reporter=json"]
    words += [f"--exclude={rule}" for rule in sorted(ALLOWED)]
    for more, files in ((["--assume-in-transaction"], together), ([], apart)):
        assert files
        done = await asyncio.to_thread(
            subprocess.run, [*words, *more, *files], capture_output=True, text=True, check=False
        )
        found_here = json.loads(done.stdout or "[]")
        assert [(Path(one["file"]).name, one["rule_name"]) for one in found_here] == [], done.stderr


async def test_the_linter_knows_a_lock_when_it_sees_one(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("squawk"))
    file = tmp_path / "bad.sql"
    await asyncio.to_thread(
        file.write_text, "CREATE INDEX ix ON transactions (payee); ALTER TABLE a DROP COLUMN b;"
    )
    words = [program, "--pg-version=16", "--reporter=json", str(file)]
    done = await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, check=False
    )
    rules = {one["rule_name"] for one in json.loads(done.stdout)}
    assert {"require-concurrent-index-creation", "ban-drop-column"} <= rules


async def test_a_migration_waits_for_nobody_and_comes_back(
    parts: Endpoints, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fresh_database(parts, "waiting")
    engine = engine_of(parts, "waiting")
    monkeypatch.setattr(migrating, "_PAUSE_SECONDS", 0.05)
    # Somebody holds what every migration needs, for a while.
    holder = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database="waiting",
        user=OWNER,
        password=parts.owner_password,
    )
    await holder.execute("BEGIN")
    await holder.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    with pytest.raises(DBAPIError):
        await migrate(engine, app_role=APP, lock_timeout_ms=50, attempts=2)
    task = asyncio.create_task(migrate(engine, app_role=APP, lock_timeout_ms=50, attempts=100))
    await asyncio.sleep(0.3)
    assert not task.done()
    await holder.execute("ROLLBACK")
    assert await task is True
    await holder.close()
    assert await migrate(engine, app_role=APP) is False
    await engine.dispose()


@pytest.mark.parametrize(("present", "starts"), [("9999", True), ("0001", False)])
async def test_the_release_before_serves_on_a_newer_schema(
    parts: Endpoints, running: Running, present: str, *, starts: bool
) -> None:
    await fresh_database(parts, "newer")
    engine = engine_of(parts, "newer")
    await migrate(engine, app_role=APP)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{present}'")
    if starts:
        assert await migrate(engine, app_role=APP) is False
        await require_newest(engine)
    else:
        with pytest.raises(SettingsError, match="migration 0001"):
            await require_newest(engine)
