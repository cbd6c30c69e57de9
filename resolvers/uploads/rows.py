"""Uploads read from the database."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, select

from models.base import among, table
from models.database import Transaction as Tx
from models.uploads import Upload, UploadRow
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.paging import Order, Page, PageRequest, fetch_page

U: Final = table(Upload)
Key = tuple[UUID, UUID]

NAMES: Final = tuple(field.name for field in fields(UploadRow))
COLUMNS: Final = tuple(U.c[name] for name in NAMES)


def upload_row(found: Row[Any]) -> UploadRow:
    """A database row as rules and graph see it."""
    return UploadRow(**{name: getattr(found, name) for name in NAMES})


def _filtered(
    statement: Select[Any], actor: Actor, purpose: str | None, transaction_id: UUID | None
) -> Select[Any]:
    statement = statement.where(U.c.ledger_id == actor.ledger_id, U.c.deleted_at.is_(None))
    if purpose is not None:
        statement = statement.where(U.c.purpose == purpose)
    if transaction_id is not None:
        statement = statement.where(U.c.transaction_id == transaction_id)
    return statement


async def list_uploads(
    tx: Tx,
    actor: Actor,
    request: PageRequest,
    *,
    purpose: str | None = None,
    transaction_id: UUID | None = None,
) -> Page[UploadRow]:
    """A page of the person's uploads, newest first (keyset: the id, which is time-ordered)."""
    statement = _filtered(select(*COLUMNS), actor, purpose, transaction_id)
    page = await fetch_page(tx, statement, Order((U.c.id,), descending=True), request)
    return page.map(lambda rows: [upload_row(row) for row in rows])


async def count_uploads(
    tx: Tx, actor: Actor, *, purpose: str | None = None, transaction_id: UUID | None = None
) -> int:
    """How many uploads the person has."""
    counted = select(func.count()).select_from(U)
    return int(await tx.scalar(_filtered(counted, actor, purpose, transaction_id)))


async def uploads_by_id(tx: Tx, keys: Sequence[Key]) -> list[UploadRow | None]:
    """Uploads in the order of their keys (ledger, id); None for what is not there."""
    found: dict[Key, UploadRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        living = and_(U.c.ledger_id == ledger_id, U.c.deleted_at.is_(None))
        for row in await tx.rows(select(*COLUMNS).where(living, among(U.c.id, wanted))):
            found[ledger_id, row.id] = upload_row(row)
    return [found.get(key) for key in keys]


async def uploads_by_transaction(tx: Tx, keys: Sequence[Key]) -> list[list[UploadRow]]:
    """The receipts of transactions, given as (ledger, transaction id), oldest first."""
    found: dict[Key, list[UploadRow]] = {key: [] for key in keys}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*COLUMNS)
            .where(
                U.c.ledger_id == ledger_id,
                U.c.deleted_at.is_(None),
                among(U.c.transaction_id, wanted),
            )
            .order_by(U.c.id)
        )
        for row in rows:
            found[ledger_id, row.transaction_id].append(upload_row(row))
    return [found[key] for key in keys]


async def get_upload(tx: Tx, actor: Actor, upload_id: UUID | None) -> UploadRow:
    """One upload of the person; raises NOT_FOUND."""
    if upload_id is not None:
        row = (await uploads_by_id(tx, [(actor.ledger_id, upload_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such file.")
