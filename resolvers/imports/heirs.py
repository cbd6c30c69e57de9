"""Handing on: what a revert would remove stays, where another import's file holds it as well.

Both files say that it happened, and the books held it once.  It becomes the other import's own, so
that the books are what the files say that are left, and that one can be taken back in its turn.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import and_, select

from models.base import among, table
from models.imports import Import, ImportLineRow, ImportRunRow
from models.transactions import TransactionRow
from resolvers.imports.effects import print_of
from resolvers.imports.rows import (
    LINE_COLUMNS,
    L,
    imports_by_id,
    open_lines,
    update_lines,
    update_run,
)
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.storing import update_rows

_M = table(Import)


async def hand_on(
    write: LedgerWrite, run: ImportRunRow, rows: Sequence[TransactionRow]
) -> Collection[UUID]:
    """Give transactions to the first other import that holds them; which ones have found one."""
    heirs = await _heirs(write, run, [row.id for row in rows])
    if not heirs:
        return ()
    changed, lines = [], []
    for row in rows:
        heir = heirs.get(row.id)
        if heir is None:
            continue
        new = replace(row, import_id=heir.import_id, version=row.version + 1, updated_at=write.now)
        changed.append((row, new))
        undo = {"print": print_of(new)}
        lines.append(
            replace(
                heir, decision="NEW", code="NEW", undo=undo, left_version=new.version,
                reason="The import that had booked it was taken back.",
            )
        )  # fmt: skip
    await update_rows(write, changed)
    await update_lines(write, lines)
    await _count(write, lines)
    return heirs.keys()


async def _heirs(
    write: LedgerWrite, run: ImportRunRow, ids: Sequence[UUID]
) -> dict[UUID, ImportLineRow]:
    """For transactions, the earliest row of another import that was found to be the same."""
    if not ids:
        return {}
    found = await write.tx.rows(
        select(*LINE_COLUMNS)
        .join_from(L, _M, and_(_M.c.ledger_id == L.c.ledger_id, _M.c.id == L.c.import_id))
        .where(
            L.c.ledger_id == write.ledger_id,
            among(L.c.transaction_id, ids),
            L.c.import_id != run.id,
            L.c.decision == "DUPLICATE",
            _M.c.status.in_(("COMPLETED", "FAILED")),
            _M.c.dry_run.is_(False),
        )
        .order_by(L.c.import_id.desc(), L.c.position.desc())
    )
    # The last word is the first import's.
    return {
        line.transaction_id: line
        for line in await open_lines(write.tx, found)
        if line.transaction_id is not None
    }


async def _count(write: LedgerWrite, lines: Sequence[ImportLineRow]) -> None:
    """Tell the heirs' counts anew."""
    added: dict[UUID, int] = {}
    for line in lines:
        added[line.import_id] = added.get(line.import_id, 0) + 1
    for old in await imports_by_id(write.tx, [(write.ledger_id, one) for one in added]):
        if old is None:
            continue
        more = added[old.id]
        counts = {
            **old.counts,
            "new": old.counts["new"] + more,
            "duplicate": old.counts["duplicate"] - more,
        }
        await update_run(write, old, counts=counts)
