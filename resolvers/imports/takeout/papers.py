"""Files of a takeout, how they were read and what became of their rows come in."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select

from models.base import among, table
from models.imports import Import, ImportLineRow, ImportRunRow
from models.sealed_files import seal_chunks
from models.transactions import TransactionRow
from models.uploads import UploadRow
from resolvers.imports.rows import insert_lines, insert_run
from resolvers.imports.takeout import objects
from resolvers.imports.takeout.batch import Batch, Trip, line_of
from resolvers.imports.takeout.kept import (
    KeptImport,
    KeptImportRow,
    KeptUpload,
)
from resolvers.imports.takeout.objects import Names
from resolvers.ledgers import LedgerWrite
from resolvers.money import parse_minor
from resolvers.transactions.rows import T, any_transactions_by_id
from resolvers.transactions.storing import update_rows
from resolvers.uploads.rows import NAMES as UPLOAD_NAMES
from resolvers.uploads.rows import U

_I: Final = table(Import)
_BOOKED: Final = frozenset({"NEW", "DUPLICATE", "MATCHED", "TRANSFER"})


async def bring_uploads(batch: Batch) -> None:
    """Files with their bytes; one whose bytes are not there is noted as removed."""
    trip, write = batch.trip, batch.write
    pairs: list[tuple[KeptUpload, UploadRow]] = batch.rows(KeptUpload, objects.upload_row)
    if not batch.book:
        return
    proved = await _there(write, [row.transaction_id for _, row in pairs])
    for one, kept in pairs:
        row = kept if kept.transaction_id in proved else replace(kept, transaction_id=None)
        data = await asyncio.to_thread(trip.cargo.file, one.id, one.size, one.sha256)
        if data is not None:
            sealed = seal_chunks(write.ring, row.id, _in_one(data))
            await trip.files.put(write.ledger_id, row.id, sealed)
        cells = {name: getattr(row, name) for name in UPLOAD_NAMES}
        gone = write.now if data is None else None
        await write.tx.run(insert(U).values(**cells, deleted_at=gone))
        write.record("upload", "CREATE", None, row)
        if data is None:
            write.record("upload", "DELETE", row, None)


async def _in_one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _there(write: LedgerWrite, wanted: Sequence[UUID | None]) -> set[UUID]:
    """Those of some transactions that were brought in, living or in the trash."""
    some = [one for one in wanted if one is not None]
    rows = await write.tx.rows(
        select(T.c.id).where(T.c.ledger_id == write.ledger_id, among(T.c.id, some))
    )
    return {row.id for row in rows}


async def bring_imports(batch: Batch) -> None:
    """How files were read."""
    rows: list[ImportRunRow] = [row for _, row in batch.rows(KeptImport, objects.import_row)]
    if not batch.book:
        return
    write = batch.write
    found = await write.tx.rows(
        select(U.c.id).where(
            U.c.ledger_id == write.ledger_id, among(U.c.id, [row.upload_id for row in rows])
        )
    )
    there = {row.id for row in found}
    for row in rows:
        if row.upload_id in there:
            await insert_run(write, row)


async def bring_import_rows(batch: Batch) -> None:
    """Rows of files; a transaction that was read from one is told again by what that row said."""
    write = batch.write

    def make(names: Names, one: KeptImportRow) -> ImportLineRow:
        line = objects.import_line(names, one)
        batch.once(line.import_id, line.position)
        return line

    lines: list[ImportLineRow] = [row for _, row in batch.rows(KeptImportRow, make)]
    if not batch.book:
        return
    found = await write.tx.rows(
        select(_I.c.id).where(
            _I.c.ledger_id == write.ledger_id, among(_I.c.id, {line.import_id for line in lines})
        )
    )
    there = {row.id for row in found}
    wanted = {line.transaction_id for line in lines if line.transaction_id is not None}
    rows = await any_transactions_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
    known = {row.id: row for row in rows if row is not None}
    said = [_said(batch.trip, line, known) for line in lines if line.import_id in there]
    await insert_lines(write, said)
    changed = []
    for line in said:
        row = known.get(line.transaction_id) if line.transaction_id else None
        if row is None or row.content_key is None or line.decision not in _BOOKED:
            continue
        key = bytes.fromhex(line.key or "")
        if key and key != row.content_key:
            # It was edited after it was read.
            changed.append((row, replace(row, content_key=key, version=row.version + 1)))
            known[row.id] = changed[-1][1]
    await update_rows(write, [pair for pair in changed if pair[0].deleted_at is None])
    await update_rows(write, [pair for pair in changed if pair[0].deleted_at is not None], "DELETE")


def _said(trip: Trip, line: ImportLineRow, known: Mapping[UUID, TransactionRow]) -> ImportLineRow:
    """A row of a file with its content key here, where its transaction tells the account."""
    row = known.get(line.transaction_id) if line.transaction_id else None
    if row is None or line.date is None or line.amount is None or not line.currency:
        return line
    try:
        day = date.fromisoformat(line.date)
        minor = parse_minor(line.amount, line.currency)
    except ValueError:
        return line
    told = replace(
        line_of(row), day=day, minor=minor, currency=line.currency, payee=line.payee,
        description=line.description or row.description,
    )  # fmt: skip
    return replace(line, key=trip.key(row.account_id, told).hex())
