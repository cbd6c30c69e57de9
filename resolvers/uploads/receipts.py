"""Receipts: files that prove a transaction, attached to it now or later.

A receipt follows its transaction: into the trash and back with it, and away for good with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update

from models.base import among, table
from models.transactions import Transaction
from models.uploads import UploadRow
from resolvers.errors import Conflict, invalid
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.uploads.rows import COLUMNS, U, get_upload, upload_row

MAX_RECEIPTS: Final = 20
"""Of one transaction."""
_T: Final = table(Transaction)


async def require_provable(write: LedgerWrite, transaction_id: UUID) -> None:
    """Raise unless a living transaction of the ledger has room for one more receipt.

    An unknown, foreign or deleted transaction is a field error, the same for all three; a full
    one is a CONFLICT.
    """
    found = await write.tx.first(
        select(_T.c.id).where(
            _T.c.ledger_id == write.ledger_id,
            _T.c.id == transaction_id,
            _T.c.deleted_at.is_(None),
        )
    )
    if found is None:
        raise invalid("transactionId", "There is no such object.", "NOT_FOUND")
    there = await write.tx.scalar(
        select(func.count())
        .select_from(U)
        .where(
            U.c.ledger_id == write.ledger_id,
            U.c.transaction_id == transaction_id,
            U.c.deleted_at.is_(None),
        )
    )
    if there >= MAX_RECEIPTS:
        raise Conflict(
            f"A transaction has at most {MAX_RECEIPTS} receipts.",
            details={"allowed": MAX_RECEIPTS, "found": there},
        )


async def attach_receipt(
    write: LedgerWrite,
    upload_id: UUID | None,
    transaction_id: UUID | None,
    *,
    expected_version: int | None = None,
) -> UploadRow:
    """Attach a receipt to a transaction, move it to another one, or (None) take it off.

    Raises NOT_FOUND for the file, and VALIDATION_ERROR for the transaction or for a file that was
    not given as a receipt.  What stands already is no change.
    """
    old = await get_upload(write.tx, write.actor, upload_id)
    require_version(old, expected_version)
    if transaction_id == old.transaction_id:
        return old
    if transaction_id is not None:
        if old.purpose != "RECEIPT":
            raise invalid("uploadId", "A statement proves no transaction; upload a RECEIPT.")
        await require_provable(write, transaction_id)
    new = replace(old, transaction_id=transaction_id, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(U)
        .where(U.c.ledger_id == write.ledger_id, U.c.id == old.id)
        .values(transaction_id=transaction_id, version=new.version, updated_at=write.now)
    )
    write.record("upload", "UPDATE", old, new)
    return new


async def remove_receipts_of(write: LedgerWrite, transaction_ids: Sequence[UUID]) -> None:
    """Delete the receipts of transactions that go for good; the sweep removes their bytes.

    The sweep and not this write, so that a write that fails has removed nothing.
    """
    found = await write.tx.rows(
        select(*COLUMNS).where(
            U.c.ledger_id == write.ledger_id,
            among(U.c.transaction_id, transaction_ids),
            U.c.deleted_at.is_(None),
        )
    )
    if not found:
        return
    await write.tx.run(
        update(U)
        .where(U.c.ledger_id == write.ledger_id, among(U.c.id, [row.id for row in found]))
        .values(deleted_at=write.now, version=U.c.version + 1, updated_at=write.now)
    )
    for row in found:
        write.record("upload", "DELETE", upload_row(row), None)
