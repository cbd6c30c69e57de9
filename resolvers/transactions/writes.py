"""Creating and changing transactions: every write is a batch, a single one of one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.transactions import TransactionRow
from resolvers.errors import AppError, Conflict, NotFound
from resolvers.inputs import require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.transactions.drafts import draft_create, draft_update
from resolvers.transactions.inputs import TransactionCreate, TransactionUpdate
from resolvers.transactions.references import load_references
from resolvers.transactions.rows import transactions_by_id
from resolvers.transactions.storing import insert_rows, update_rows
from resolvers.wire import wire

Made = TransactionRow | AppError
"""What one row of a batch came to."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one transaction."""

    id: UUID
    data: TransactionUpdate
    expected_version: int | None = None
    unchanged: dict[str, Any] | None = None


async def create_transactions(
    write: LedgerWrite, inputs: Sequence[TransactionCreate]
) -> list[Made]:
    """Book rows; each comes back as its row or its error, and only good ones are stored.

    The caller decides whether an error of one undoes all (by raising it).
    """
    refs = await load_references(write, inputs)
    made: list[Made] = []
    rows: list[TransactionRow] = []
    for data in inputs:
        try:
            row, other = draft_create(data, refs, write.ledger_id, write.now)
        except AppError as error:
            made.append(error)
            continue
        if row.external_id is not None:
            refs.external[row.account_id, row.external_id] = row.id
        rows.append(row)
        if other is not None:
            rows.append(other)
        made.append(row)
    await insert_rows(write, rows)
    return made


async def update_transactions(write: LedgerWrite, patches: Sequence[Patch]) -> list[Made]:
    """Change rows; both sides of a transfer change together, whichever is edited."""
    olds = await transactions_by_id(write.tx, [(write.ledger_id, p.id) for p in patches])
    sides = [old.transfer_id for old in olds if old is not None and old.transfer_id is not None]
    found = await transactions_by_id(write.tx, [(write.ledger_id, one) for one in sides])
    others = {row.id: row for row in found if row is not None}
    refs = await load_references(
        write, [patch.data for patch in patches], changed=[patch.id for patch in patches]
    )
    made: list[Made] = []
    changed: list[tuple[TransactionRow, TransactionRow]] = []
    touched: set[UUID] = set()
    for patch, old in zip(patches, olds, strict=True):
        try:
            if old is None:
                raise NotFound("There is no such transaction.")
            other = others.get(old.transfer_id) if old.transfer_id else None
            _once(touched, old, other)
            require_version(old, patch.expected_version)
            require_unchanged(patch.unchanged, wire(old))
            new, mirrored = draft_update(old, other, patch.data, refs, write.now)
        except AppError as error:
            made.append(error)
            continue
        if new.external_id is not None:
            refs.external[new.account_id, new.external_id] = new.id
        made.append(new)
        if new.refund_of is not None:
            refs.now_refund(new.id, new.refund_of)
        if new != old:
            changed.append((old, new))
        if other is not None and mirrored is not None and mirrored != other:
            changed.append((other, mirrored))
    await update_rows(write, changed)
    return made


def _once(touched: set[UUID], row: TransactionRow, other: TransactionRow | None) -> None:
    """Two changes of one row (or of both sides of a transfer) in a batch would race."""
    mine = {row.id} if other is None else {row.id, other.id}
    if touched & mine:
        raise Conflict("This transaction is changed by an earlier row of the same batch.")
    touched |= mine


def one(made: Sequence[Made]) -> TransactionRow:
    """The result of a batch of one; raises its error."""
    result = made[0]
    if isinstance(result, AppError):
        raise result
    return result
