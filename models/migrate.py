"""Bring a database to the newest migration, as the owner role and one starter at a time."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

_FOLDER: Final = Path(__file__).parent / "migrations"
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


async def migrate(engine: AsyncEngine, *, app_role: str) -> bool:
    """Run what is missing; True when anything was.  ``app_role`` receives the grants."""
    if await present_revision(engine) == newest_revision():
        return False
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        try:
            await connection.run_sync(_upgrade, app_role)
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            await connection.commit()
    return True


def _upgrade(connection: Connection, app_role: str) -> None:
    # Imported here: a start on a migrated database must not pay for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["app_role"] = app_role
    command.upgrade(config, "head")
