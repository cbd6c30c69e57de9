"""Data keys grow old: a ledger gets its next key, which seals from a while later on.

Every process learns of a new key before any process seals with it (``models.database``), so that
reads and writes go on during a rotation.  Older keys go on opening what they sealed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select, text

from models.base import table
from models.database import Database, Transaction, key_context
from models.ledgers import LedgerKey
from models.sealing import new_key
from resolvers.jobs import Handler, Job, fence

_K: Final = table(LedgerKey)
_DUE: Final = text("SELECT ledger_id, user_id FROM due_rotation(:before)")
_NEXT: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:ledger AS text), 8101))")


async def next_key(tx: Transaction, ledger_id: UUID, *, before: datetime) -> bool:
    """Give a ledger its next key unless it has one from after an instant."""
    await tx.run(_NEXT, {"ledger": str(ledger_id)})
    newest = await tx.first(
        select(
            func.max(_K.c.key_no).label("key_no"), func.max(_K.c.created_at).label("made_at")
        ).where(_K.c.ledger_id == ledger_id)
    )
    # Without any key the ledger was shredded, and stays so.
    if newest is None or newest.key_no is None or newest.made_at >= before:
        return False
    number = newest.key_no + 1
    wrapped = await tx.keys.wrap(new_key(), key_context(ledger_id, number))
    await tx.run(
        insert(_K).values(
            ledger_id=ledger_id, key_no=number, wrapped=wrapped, created_at=func.clock_timestamp()
        )
    )
    return True


def rotation_handler(database: Database, age: Callable[[], datetime]) -> Handler:
    """The handler that gives a ledger its next key."""

    async def rotate(job: Job) -> None:
        async def work(tx: Transaction) -> None:
            await fence(tx, job)
            await next_key(tx, job.ledger_id, before=age())

        await database.change(job.actor_id, work)

    return rotate


async def rotate_all(
    database: Database, before: datetime, *, progress: Callable[[int], None]
) -> int:
    """Give every ledger whose newest key is from before an instant its next one; how many."""
    done = 0
    while True:
        due = await database.call(_DUE, {"before": before})
        added = 0
        for one in due:

            async def work(tx: Transaction, ledger_id: UUID = one.ledger_id) -> bool:
                return await next_key(tx, ledger_id, before=before)

            added += await database.change(one.user_id, work)
            progress(done + added)
        done += added
        if not added:
            return done
