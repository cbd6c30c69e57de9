"""Files on their way out, and their end: opened while they leave, removed after the commit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from models import ids
from models.base import table, utc_now
from models.database import Database
from models.database import Transaction as Tx
from models.imports import Import
from models.sealed_files import open_chunks
from models.stores.files import FileStore
from models.uploads import UploadRow
from resolvers.access import Actor
from resolvers.errors import Conflict, Gone
from resolvers.ledgers import Ledgers, LedgerWrite, Outcome, require_version
from resolvers.repeats import Repeat
from resolvers.uploads.links import check_link
from resolvers.uploads.rows import U, get_upload, uploads_by_id

_I: Final = table(Import)
_REMOVED: Final = "The file has been removed."


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file that a signed link gives out: its facts and its plaintext."""

    row: UploadRow
    chunks: AsyncIterator[bytes]


async def open_upload(tx: Tx, files: FileStore, row: UploadRow) -> AsyncIterator[bytes]:
    """The plaintext of a file in pieces of 64 KiB; needs no transaction while it is read.

    The first piece is opened before this returns, so that GONE (the object is not there) and
    SealBroken come before an answer has begun; later pieces raise SealBroken when they are read.
    """
    await tx.unlock([row.ledger_id])
    pieces = open_chunks(tx.ring(row.ledger_id), row.id, files.get(row.ledger_id, row.id))
    try:
        first = await anext(pieces)
    except FileNotFoundError as error:
        raise Gone(_REMOVED) from error

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


async def read_signed_file(
    database: Database,
    files: FileStore,
    key: bytes,
    reference: str,
    *,
    expires: str,
    signature: str,
    now: datetime | None = None,
) -> SignedFile:
    """The file of a signed link, read as the person for whom the link was made.

    Raises NOT_FOUND for a wrong signature and GONE when the link or the file has had its time,
    or when that person no longer sees the file.
    """
    file_id = ids.decode("file", reference)
    bearer = check_link(key, file_id, expires, signature, now or utc_now())
    async with database.read(bearer.user_id) as tx:
        row = None
        if file_id is not None:
            row = (await uploads_by_id(tx, [(bearer.ledger_id, file_id)]))[0]
        if row is None:
            raise Gone(_REMOVED)
        return SignedFile(row, await open_upload(tx, files, row))


async def delete_upload(
    ledgers: Ledgers,
    files: FileStore,
    actor: Actor,
    upload_id: UUID | None,
    *,
    expected_version: int | None = None,
    repeat: Repeat | None = None,
) -> Outcome[UploadRow]:
    """Delete a file: its row is marked, then the object goes; imports made from it stay.

    Raises CONFLICT while an import is running or waits for a person.
    """

    async def work(write: LedgerWrite) -> UploadRow:
        return await mark_deleted(write, upload_id, expected_version)

    outcome = await ledgers.write(actor, work, repeat=repeat, answer=UploadRow)
    # After the commit, so that no row names what is gone; a crash here leaves it to the sweep.
    await files.delete(outcome.value.ledger_id, outcome.value.id)
    return outcome


async def mark_deleted(
    write: LedgerWrite, upload_id: UUID | None, expected_version: int | None
) -> UploadRow:
    """The part of a deletion that is a ledger write."""
    old = await get_upload(write.tx, write.actor, upload_id)
    require_version(old, expected_version)
    using = await write.tx.rows(
        select(_I.c.id).where(
            _I.c.ledger_id == write.ledger_id,
            _I.c.upload_id == old.id,
            _I.c.status.in_(("PROCESSING", "PENDING")),
        )
    )
    if using:
        raise Conflict(
            "An import of this file is not finished; finish it first.",
            details={"imports": [ids.encode("imp", row.id) for row in using]},
        )
    new = replace(old, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(U)
        .where(U.c.ledger_id == write.ledger_id, U.c.id == old.id)
        .values(deleted_at=write.now, version=new.version, updated_at=new.updated_at)
    )
    write.record("upload", "DELETE", old, None)
    return new
