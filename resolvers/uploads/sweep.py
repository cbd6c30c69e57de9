"""Removing stored files that a crash left without a row; several processes may try."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from models.base import utc_now
from models.database import Database
from models.stores.files import FileStore
from resolvers.uploads.rows import U

_FIRST_SWEEP_SECONDS: Final = 600.0
_SWEEP_SECONDS: Final = 6 * 3_600.0
_ORPHAN_AGE: Final = timedelta(days=1)
_SWEPT_AT_ONCE: Final = 1_000
_log: Final = structlog.get_logger("files")


async def keep_swept(database: Database, files: FileStore, stopping: asyncio.Event) -> None:
    """Sweep now and then, until the stop."""
    pause = _FIRST_SWEEP_SECONDS
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        if stopping.is_set():
            return
        pause = _SWEEP_SECONDS
        try:
            removed = await sweep_orphans(database, files, utc_now() - _ORPHAN_AGE)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("files.not_swept", exc_info=error)
        else:
            if removed:
                _log.info("files.swept", removed=removed)


async def sweep_orphans(database: Database, files: FileStore, before: datetime) -> int:
    """Remove stored objects older than an instant that no living upload names; their number.

    ``before`` is a day ago: an object younger than that may wait for its row.
    """
    found = await database.call(text("SELECT ledger_id, user_id FROM ledgers_to_verify()"))
    owners = {row.ledger_id: row.user_id for row in found}
    removed = 0
    waiting: list[tuple[UUID, UUID]] = []
    async for name in files.older_than(before):
        waiting.append(name)
        if len(waiting) == _SWEPT_AT_ONCE:
            removed += await _sweep(database, files, owners, waiting)
            waiting = []
    return removed + await _sweep(database, files, owners, waiting)


async def _sweep(
    database: Database,
    files: FileStore,
    owners: dict[UUID, UUID],
    names: list[tuple[UUID, UUID]],
) -> int:
    removed = 0
    for ledger_id in {name[0] for name in names}:
        wanted = {name[1] for name in names if name[0] == ledger_id}
        living: set[UUID] = set()
        if ledger_id in owners:
            async with database.read(owners[ledger_id]) as tx:
                statement = select(U.c.id).where(
                    U.c.ledger_id == ledger_id, U.c.id.in_(wanted), U.c.deleted_at.is_(None)
                )
                living = {row.id for row in await tx.rows(statement)}
        for file_id in wanted - living:
            await files.delete(ledger_id, file_id)
            removed += 1
    return removed
