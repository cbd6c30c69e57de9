"""Segments built before anybody asks: a job packs what a wide write left stale."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_

from models.database import Database
from models.database import Transaction as Tx
from resolvers.segments.marks import G, Place
from resolvers.segments.reading import BATCH, rebuilt

BUILD_SEGMENTS: Final = "build_segments"
WIDE: Final = 12
"""A write that touches so many book-months leaves a job; fewer are opened by the next reader."""
MANY: Final = 100
"""A write of so many rows leaves one, too: who books in bulk fills few months with each request."""
QUIET: Final = timedelta(seconds=5)
"""How long the job waits: imports write in many pieces, and only the last one's job builds."""


async def build_ahead(database: Database, user_id: UUID, ledger_id: UUID) -> int:
    """Pack and store every stale book-month, the newest months first; how many were opened.

    Each is opened once, a batch at a time, so that memory does not grow with the ledger.  One
    that is written meanwhile stays stale: the write has left a job of its own, or a reader opens it.
    """
    opened = 0
    after: Place | None = None
    while True:
        async with database.read(user_id) as tx:
            stale = await _stale(tx, ledger_id, after)
            await rebuilt(tx, ledger_id, stale)
            works, tx.leftovers = tx.leftovers, []
        if not stale:
            return opened
        await database.maintain(user_id, works)
        opened += len(stale)
        after = list(stale)[-1]


async def _stale(tx: Tx, ledger_id: UUID, after: Place | None) -> dict[Place, int]:
    """The next book-months whose content is of an earlier version, with their versions."""
    conditions = [G.c.ledger_id == ledger_id, G.c.page == 0, G.c.built < G.c.version]
    if after is not None:
        book, month, currency = after
        here = tuple_(G.c.book, G.c.currency)
        conditions.append((G.c.month < month) | ((G.c.month == month) & (here > (book, currency))))
    rows = await tx.rows(
        select(G.c.book, G.c.month, G.c.currency, G.c.version)
        .where(*conditions)
        .order_by(G.c.month.desc(), G.c.book, G.c.currency)
        .limit(BATCH)
    )
    return {(row.book, row.month, row.currency): row.version for row in rows}
