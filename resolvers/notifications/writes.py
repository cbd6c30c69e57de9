"""Telling something once, and what its reader does with it.  No figure changes by any of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import delete, insert, select, update

from models.base import table
from models.changes import Change
from models.ids import new_id
from models.notifications import NotificationRow
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.notifications.rows import N, get_notification, open_notifications
from resolvers.notifications.words import Words

MARKED_AT_ONCE: Final = 1_000
_CH: Final = table(Change)


async def add_notification(
    write: LedgerWrite,
    kind: str,
    words: Words,
    data: Mapping[str, Any],
    *,
    once: UUID | None = None,
) -> NotificationRow | None:
    """Tell the owner of the written ledger something.

    ``once`` is its id where the same may be asked for again: told before, deleted or not, it is
    not told anew, and the answer is None.
    """
    wanted = once or new_id()
    if once is not None:
        told = select(_CH.c.version).where(
            _CH.c.ledger_id == write.ledger_id,
            _CH.c.entity_id == once,
            _CH.c.entity == "notification",
        )
        if await write.tx.first(told.limit(1)) is not None:
            return None
    row = NotificationRow(
        ledger_id=write.ledger_id,
        id=wanted,
        type=kind,
        title=words.title,
        body=words.body,
        data=dict(data),
        read_at=None,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    seal = write.ring.seal
    await write.tx.run(
        insert(N).values(
            ledger_id=row.ledger_id,
            id=row.id,
            type=row.type,
            title=seal("notifications.title", row.id, row.title.encode()),
            body=seal("notifications.body", row.id, row.body.encode()),
            data=seal("notifications.data", row.id, to_json(row.data)),
            read_at=None,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
    )
    write.record("notification", "CREATE", None, row)
    return row


async def mark_read(write: LedgerWrite, wanted: UUID | None) -> NotificationRow:
    """Note that a notification was read; the first time counts."""
    old = await get_notification(write.tx, write.actor, wanted)
    return old if old.read_at is not None else await _mark(write, old)


async def mark_all_read(write: LedgerWrite) -> int:
    """Note that all were read, the oldest thousand at once; how many that were."""
    unread = select(N).where(N.c.ledger_id == write.ledger_id, N.c.read_at.is_(None))
    found = await write.tx.rows(unread.order_by(N.c.id).limit(MARKED_AT_ONCE))
    rows = await open_notifications(write.tx, found)
    for row in rows:
        await _mark(write, row)
    return len(rows)


async def _mark(write: LedgerWrite, old: NotificationRow) -> NotificationRow:
    new = replace(old, read_at=write.now, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(N)
        .where(N.c.ledger_id == write.ledger_id, N.c.id == old.id)
        .values(read_at=new.read_at, version=new.version, updated_at=new.updated_at)
    )
    write.record("notification", "UPDATE", old, new)
    return new


async def delete_notification(
    write: LedgerWrite, wanted: UUID | None, *, expected_version: int | None = None
) -> NotificationRow:
    """Remove a notification; it does not come again."""
    old = await get_notification(write.tx, write.actor, wanted)
    require_version(old, expected_version)
    await _remove(write, old)
    return old


async def withdraw_unread(write: LedgerWrite, wanted: UUID) -> None:
    """Take back what is not true any more, unless somebody has read it."""
    statement = select(N).where(
        N.c.ledger_id == write.ledger_id, N.c.id == wanted, N.c.read_at.is_(None)
    )
    for row in await open_notifications(write.tx, await write.tx.rows(statement)):
        await _remove(write, row)


async def _remove(write: LedgerWrite, row: NotificationRow) -> None:
    await write.tx.run(delete(N).where(N.c.ledger_id == write.ledger_id, N.c.id == row.id))
    write.record("notification", "DELETE", row, None)
