"""One batch of an import: every row decided, good ones booked, all of them noted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from models.ids import new_id
from models.imports import ImportLineRow, ImportRunRow
from models.transactions import TransactionRow
from resolvers.errors import AppError
from resolvers.imports.decide import DELETED_EARLIER, Decision, decide, load_books
from resolvers.imports.prepare import Line
from resolvers.imports.rows import insert_lines
from resolvers.imports.targets import Accounts, CategoryNames
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.storing import insert_rows
from resolvers.transactions.trash import restore_transaction

Batch = Sequence[tuple[Line, bytes | None]]

_COUNTED = {
    "NEW": "new", "TRANSFER": "new", "DUPLICATE": "duplicate", "MATCHED": "matched",
    "SKIPPED": "skipped", "FAILED": "failed",
}  # fmt: skip


async def book_batch(
    write: LedgerWrite,
    run: ImportRunRow,
    batch: Batch,
    accounts: Accounts,
    *,
    used: set[UUID],
    book: bool,
) -> dict[str, int]:
    """Decide and store a batch; how many rows got which decision.

    ``used`` are the transactions that earlier rows of the file stand for.  Without ``book`` the
    decisions are the same and nothing but them is stored.
    """
    restore = run.deleted_policy == "RESTORE"
    good = [(line, accounts[line.currency], key) for line, key in batch if key is not None]
    books = await load_books(write.tx, write.ledger_id, run.id, good, used)
    decisions = [
        Decision(line.decision or "FAILED", line.reason)
        if key is None
        else decide(line, accounts[line.currency], key, books, restore=restore)
        for line, key in batch
    ]
    if book:
        decisions = await _book(write, run, batch, decisions, accounts)
    lines = [
        _shown(run, line, decision) for (line, _), decision in zip(batch, decisions, strict=True)
    ]
    await insert_lines(write, lines)
    return Counter(_COUNTED[line.decision] for line in lines)


async def _book(
    write: LedgerWrite,
    run: ImportRunRow,
    batch: Batch,
    decisions: Sequence[Decision],
    accounts: Accounts,
) -> list[Decision]:
    names = CategoryNames()
    if any(line.category for line, _ in batch):
        names = await CategoryNames.load(write.tx, write.ledger_id)
    made: list[Decision] = []
    rows: list[TransactionRow] = []
    for (line, key), decision in zip(batch, decisions, strict=True):
        if decision.decision != "NEW":
            made.append(decision)
        elif decision.restore:
            made.append(await _bring_back(write, decision))
        else:
            row = _row(write, run, (line, key), decision.external_id, accounts, names)
            rows.append(row)
            made.append(replace(decision, transaction_id=row.id))
    await insert_rows(write, rows)
    return made


async def _bring_back(write: LedgerWrite, decision: Decision) -> Decision:
    """Restore a deleted transaction, with its other side; where that is impossible, leave it."""
    try:
        await restore_transaction(write, decision.transaction_id)
    except AppError as error:
        reason = f"{DELETED_EARLIER} {error.message}"
        return replace(decision, decision="SKIPPED", reason=reason, restore=False)
    return decision


def _row(
    write: LedgerWrite,
    run: ImportRunRow,
    item: tuple[Line, bytes | None],
    external_id: str | None,
    accounts: Accounts,
    names: CategoryNames,
) -> TransactionRow:
    line, key = item
    if line.day is None or line.minor is None:
        raise AssertionError("a row is decided NEW only with a day and an amount")
    category = names.find(line.category, line.minor)
    return TransactionRow(
        ledger_id=write.ledger_id, id=new_id(), account_id=accounts[line.currency],
        category_id=category[0] if category else None, date=line.day, amount_minor=line.minor,
        currency=line.currency, description=line.description, payee=line.payee, notes=line.notes,
        tags=(), status="POSTED", split_count=0, splits=(), transfer_id=None, refund_of=None,
        external_id=external_id, import_id=run.id, template_id=None, group_id=None,
        category_kind=category[1] if category else None, content_key=key, deleted_at=None,
        version=1, created_at=write.now, updated_at=write.now,
    )  # fmt: skip


def _shown(run: ImportRunRow, line: Line, decision: Decision) -> ImportLineRow:
    return ImportLineRow(
        id=new_id(),
        ledger_id=run.ledger_id,
        import_id=run.id,
        position=line.position,
        line=line.line,
        decision=decision.decision,
        reason=decision.reason,
        transaction_id=decision.transaction_id,
        date=line.day.isoformat() if line.day else None,
        amount=line.amount,
        currency=line.currency or None,
        description=line.description,
        payee=line.payee,
    )
