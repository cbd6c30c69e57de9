"""Bring a database to the newest migration, as the owner role and one starter at a time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK_TIMEOUT: Final = "55P03"
_STATEMENT_TIMEOUT: Final = "15min"
_PAUSE_SECONDS: Final = 0.5
_log: Final = structlog.get_logger("migrate")
_LOCK: Final = 0x706F636B6574  # "pocket": the advisory lock that starters share


def newest_revision() -> str:
    """The revision that this build needs: read from file names, since Alembic is slow to import."""
    return max(path.name for path in (_FOLDER / "versions").glob("*.py")).split("_", 1)[0]


async def present_revision(engine: AsyncEngine) -> str | None:
    """The revision that the database has, or None for an empty one."""
    async with engine.connect() as connection:
        try:
            found: str | None = await connection.scalar(
                text("SELECT version_num FROM alembic_version")
            )
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == "42P01":
                return None
            raise
        return found


async def migrate(
    engine: AsyncEngine,
    *,
    app_role: str,
    lock_timeout_ms: int = 3_000,
    attempts: int = 20,
    applied: Callable[[str], None] = lambda _: None,
) -> bool:
    """Run what is missing; True when anything was.  ``app_role`` receives the grants.

    ``applied`` is told each revision when the database has it.

    A migration waits for no lock longer than ``lock_timeout_ms``, since whoever comes after it
    would wait behind it: it gives up, lets the others go first, and tries again.
    """
    present = await present_revision(engine)
    if present is not None and present >= newest_revision():
        # A newer release has migrated already; its schema still serves this one.
        return False
    for attempt in range(1, attempts + 1):
        try:
            return await _migrate(engine, app_role, lock_timeout_ms, applied)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_TIMEOUT or attempt == attempts:
                raise
            _log.warning("migration.waits", attempt=attempt)
            await asyncio.sleep(_PAUSE_SECONDS)
    raise AssertionError("the loop returns or raises")


async def _migrate(
    engine: AsyncEngine, app_role: str, lock_timeout_ms: int, applied: Callable[[str], None]
) -> bool:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        try:
            await connection.execute(text(f"SET lock_timeout = '{int(lock_timeout_ms)}ms'"))
            await connection.execute(text(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'"))
            await connection.commit()
            await connection.run_sync(_upgrade, app_role, applied)
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.execute(text("RESET lock_timeout"))
            await connection.execute(text("RESET statement_timeout"))
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            await connection.commit()
    return True


def _upgrade(connection: Connection, app_role: str, applied: Callable[[str], None]) -> None:
    # Imported here: a start on a migrated database must not pay for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["app_role"] = app_role
    config.attributes["applied"] = applied
    command.upgrade(config, "head")
