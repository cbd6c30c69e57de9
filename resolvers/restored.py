"""After a backup was brought back: nobody stays signed in, and no file is missed in silence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update

from models.auth import Session
from models.base import table, utc_now
from models.database import Database, Transaction
from models.stores.files import FileStore
from resolvers.uploads.rows import U

_S: Final = table(Session)
_LEDGERS: Final = text("SELECT ledger_id, user_id FROM ledgers_to_verify()")


async def _members(database: Database) -> Mapping[UUID, UUID]:
    return {row.ledger_id: row.user_id for row in await database.call(_LEDGERS)}


async def end_all_sessions(database: Database) -> int:
    """End every session: those that were ended after the backup would stand again."""
    ended = 0
    for ledger_id, user_id in (await _members(database)).items():

        async def work(tx: Transaction, ledger_id: UUID = ledger_id) -> int:
            standing = (_S.c.ledger_id == ledger_id, _S.c.revoked_at.is_(None))
            values = {"revoked_at": utc_now(), "revoked_reason": "REVOKED"}
            return await tx.run(update(_S).where(*standing).values(**values))

        ended += await database.change(user_id, work)
    return ended


async def missing_files(database: Database, files: FileStore) -> list[tuple[UUID, UUID]]:
    """Ledger and id of every living upload whose file is not stored."""
    stored = {name async for name in files.older_than(utc_now() + timedelta(days=1))}
    missing: list[tuple[UUID, UUID]] = []
    for ledger_id, user_id in (await _members(database)).items():
        async with database.read(user_id) as tx:
            wanted = select(U.c.id).where(U.c.ledger_id == ledger_id, U.c.deleted_at.is_(None))
            names = {(ledger_id, row.id) for row in await tx.rows(wanted)}
        missing += sorted(names - stored)
    return missing
