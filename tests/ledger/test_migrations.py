"""Migrated tables are the declared tables: a dump of either is the same."""

import os
import re
import subprocess
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from app import Running
from models.base import metadata
from models.database import connect
from models.embedded.parts import Endpoints
from models.embedded.postgres import OWNER, binaries
from models.migrate import migrate, newest_revision

pytestmark = pytest.mark.anyio


async def fresh_database(parts: Endpoints, name: str) -> None:
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database="postgres",
        user="postgres",
        password=parts.superuser_password,
    )
    await connection.execute(f"DROP DATABASE IF EXISTS {name}")
    await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
    await connection.close()


def dump(parts: Endpoints, name: str) -> set[str]:
    """The statements that make a schema, without policies, functions, rights and storage."""
    found = subprocess.run(
        [
            binaries() / "pg_dump",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            f"--host={parts.database_host}",
            f"--port={parts.database_port}",
            f"--username={OWNER}",
            name,
        ],
        env={**os.environ, "PGPASSWORD": parts.owner_password},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.sub(r"^(--|\\).*$", "", found, flags=re.MULTILINE)
    found = re.sub(r"CREATE FUNCTION .*?\$\$.*?\$\$;\n", "", found, flags=re.DOTALL)
    statements = found.split(";\n")
    kept = {re.sub(r"\s+", " ", one).strip() for one in statements}
    ignored = re.compile(
        r"^SET |^SELECT |^CREATE POLICY |ROW LEVEL SECURITY|SET STORAGE|alembic_version"
    )
    return {one for one in kept if one and not ignored.search(one)}


async def test_migrations_make_what_the_tables_declare(parts: Endpoints, running: Running) -> None:
    for name in ("drift_migrated", "drift_declared"):
        await fresh_database(parts, name)
        engine = connect(
            host=parts.database_host,
            port=parts.database_port,
            name=name,
            user=OWNER,
            password=parts.owner_password,
        )
        if name == "drift_migrated":
            told: list[str] = []
            assert await migrate(engine, app_role="pockettrend_app", applied=told.append) is True
            assert told == [f"{one:04}" for one in range(1, int(newest_revision()) + 1)]
            assert await migrate(engine, app_role="pockettrend_app") is False
            async with engine.connect() as connection:
                number = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            assert number == newest_revision()
        else:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
        await engine.dispose()
    migrated, declared = dump(parts, "drift_migrated"), dump(parts, "drift_declared")
    assert any("CREATE TABLE public.transactions" in one for one in migrated)
    assert migrated ^ declared == set()


def test_migrations_are_numbered_in_a_row() -> None:
    folder = Path(__file__).resolve().parents[2] / "models/migrations/versions"
    numbers = sorted(path.name.split("_")[0] for path in folder.glob("*.py"))
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]
