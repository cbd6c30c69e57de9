"""Notifications read from the database: pages, counts, opened words."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Row, and_, func, select

from models.base import among, table
from models.database import Transaction as Tx
from models.notifications import Notification, NotificationRow
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.paging import Order, Page, PageRequest, fetch_page

N: Final = table(Notification)
Key = tuple[UUID, UUID]
_NEWEST: Final = Order((N.c.id,), descending=True)


async def open_notifications(tx: Tx, rows: Iterable[Row[Any]]) -> list[NotificationRow]:
    """Database rows with their words and data opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    return [_open(tx, row) for row in found]


def _open(tx: Tx, row: Row[Any]) -> NotificationRow:
    ring = tx.ring(row.ledger_id)
    return NotificationRow(
        ledger_id=row.ledger_id,
        id=row.id,
        type=row.type,
        title=ring.unseal("notifications.title", row.id, row.title).decode(),
        body=ring.unseal("notifications.body", row.id, row.body).decode(),
        data=from_json(ring.unseal("notifications.data", row.id, row.data)),
        read_at=row.read_at,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _mine(actor: Actor, *, unread: bool | None) -> ColumnElement[bool]:
    mine = N.c.ledger_id == actor.ledger_id
    if unread is None:
        return mine
    return and_(mine, N.c.read_at.is_(None) if unread else N.c.read_at.is_not(None))


async def list_notifications(
    tx: Tx, actor: Actor, request: PageRequest, *, unread: bool | None = None
) -> Page[NotificationRow]:
    """A page of the person's notifications, newest first; only unread ones, or only the others."""
    statement = select(N).where(_mine(actor, unread=unread))
    page = await fetch_page(tx, statement, _NEWEST, request)
    rows = await open_notifications(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_notifications(tx: Tx, actor: Actor, *, unread: bool | None = None) -> int:
    """How many there are."""
    counted = select(func.count()).select_from(N).where(_mine(actor, unread=unread))
    return int(await tx.scalar(counted))


async def notifications_by_id(tx: Tx, keys: Sequence[Key]) -> list[NotificationRow | None]:
    """Notifications in the order of their keys; None for what is not there."""
    found: dict[Key, NotificationRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = {key[1] for key in keys if key[0] == ledger_id}
        rows = await tx.rows(select(N).where(N.c.ledger_id == ledger_id, among(N.c.id, wanted)))
        found.update({(ledger_id, row.id): row for row in await open_notifications(tx, rows)})
    return [found.get(key) for key in keys]


async def get_notification(tx: Tx, actor: Actor, wanted: UUID | None) -> NotificationRow:
    """One notification of the person; raises NOT_FOUND."""
    if wanted is not None:
        row = (await notifications_by_id(tx, [(actor.ledger_id, wanted)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such notification.")
