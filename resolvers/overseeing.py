"""What an operator sees: who did what and when, never a value of anybody.

An operator reads as the person concerned, one after the other: there is no way past row security.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, tuple_

from models import ids
from models.audit import AuditEntry
from models.base import table
from models.changes import Change
from models.database import Database, Transaction

_A: Final = table(AuditEntry)
_C: Final = table(Change)
_EVERYBODY: Final = text("SELECT ledger_id, user_id FROM ledgers_to_verify()")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did."""

    at: datetime
    ledger_id: UUID
    actor_id: UUID
    what: str
    """An event of the audit, or an operation and the kind of object it was done to."""
    about: str
    """The session, or the object with its version."""

    def line(self) -> str:
        """It as a line of text, its parts parted by tabs."""
        moment = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return "\t".join(
            (moment, ids.encode("user", self.actor_id), self.what, self.about, str(self.ledger_id))
        )


async def deeds(
    database: Database, *, only: UUID | None = None, since: datetime | None = None
) -> AsyncIterator[Deed]:
    """Signing in and writing of everybody, or of one person, ledger by ledger in order of time."""
    for one in await database.call(_EVERYBODY):
        if only is not None and only != one.user_id and not await _shared(database, one, only):
            continue
        async for deed in _of_ledger(database, one.ledger_id, one.user_id, since):
            if only in {None, deed.actor_id}:
                yield deed


async def _shared(database: Database, one: Any, user_id: UUID) -> bool:
    """Whether a person sees a ledger that another one was asked for."""
    seen = await database.visible_versions(user_id)
    return any(row.ledger_id == one.ledger_id for row in seen)


async def _of_ledger(
    database: Database, ledger_id: UUID, user_id: UUID, since: datetime | None
) -> AsyncIterator[Deed]:
    async with database.read(user_id) as tx:
        async for row in _pages(tx, _A, (_A.c.seq,), ledger_id, since):
            session = "-" if row.session_id is None else ids.encode("ses", row.session_id)
            yield Deed(row.at, ledger_id, user_id, row.event, session)
        async for row in _pages(tx, _C, (_C.c.version, _C.c.seq), ledger_id, since):
            about = f"{row.entity_id} v{row.version}"
            yield Deed(row.at, ledger_id, row.actor_id, f"{row.op} {row.entity}", about)


async def _pages(
    tx: Transaction, rows: Any, order: tuple[Any, ...], ledger_id: UUID, since: datetime | None
) -> AsyncIterator[Any]:
    """Rows of a ledger in their order, some at a time; what is sealed stays where it is."""
    clear = [column for column in rows.c if column.type.python_type is not bytes]
    question = select(*clear).where(rows.c.ledger_id == ledger_id).order_by(*order).limit(_BATCH)
    if since is not None:
        question = question.where(rows.c.at >= since)
    after: tuple[Any, ...] | None = None
    while True:
        more = question if after is None else question.where(tuple_(*order) > after)
        found = await tx.rows(more)
        for row in found:
            yield row
        if len(found) < _BATCH:
            return
        after = tuple(getattr(found[-1], column.name) for column in order)
