"""Decisions about rows overruled by a person, before the rows are booked or after.

Before (in a dry run, or while an import waits) her word is kept with the import and all its rows
are decided anew, so that what is shown is what will be done.  After, what the row did is undone and
what she says is done at once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import delete, or_, select

from models.base import among
from models.imports import ImportLineRow, ImportRunRow
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.errors import Conflict, FieldError, Invalid
from resolvers.imports.booking import Desk, carry_out, counted, keep_in_mind, shown_line
from resolvers.imports.decide import Books, Claims, ledger_secret
from resolvers.imports.inputs import JOB_KIND, ImportOverrule, RulingInput
from resolvers.imports.revert import take_back
from resolvers.imports.rows import (
    LINE_COLUMNS,
    L,
    get_import,
    nothing_yet,
    open_lines,
    update_lines,
    update_run,
)
from resolvers.imports.rulings import (
    MAX_RULINGS,
    Ruling,
    load_rulings,
    mark_of,
    problem_of,
    ruled,
    store_rulings,
)
from resolvers.imports.targets import accounts_of
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.statements.lines import Line
from resolvers.transactions import transactions_by_id
from resolvers.transactions.rows import T

_NAMING = ("DUPLICATE", "MATCHED", "TRANSFER")


async def overrule_rows(
    write: LedgerWrite,
    import_id: UUID | None,
    data: ImportOverrule,
    secret: bytes,
    *,
    expected_version: int | None = None,
) -> ImportRunRow:
    """Follow what a person says about rows of an import.

    ``secret`` as in ``run_import``.  Raises CONFLICT for an import that is at work, failed or was
    taken back, and for a row whose transaction was changed since; VALIDATION_ERROR names every row
    that cannot be what she says.
    """
    old = await get_import(write.tx, write.actor, import_id)
    require_version(old, expected_version)
    before = old.status == "PENDING" or (old.status == "COMPLETED" and old.dry_run)
    if not before and old.status != "COMPLETED":
        raise Conflict(
            f"Rows of a PENDING or COMPLETED import can be overruled; this one is {old.status}.",
            details={"status": old.status},
        )
    lines = await _lines(write, old, data.rows)
    rulings = await _checked(write, old, data.rows, lines, before=before)
    if before:
        return await _note(write, old, data.rows, rulings)
    return await _follow(write, old, rulings, lines, ledger_secret(secret, write.ledger_id))


async def _lines(
    write: LedgerWrite, run: ImportRunRow, asked: Sequence[RulingInput]
) -> dict[int, ImportLineRow]:
    found = await write.tx.rows(
        select(*LINE_COLUMNS).where(
            L.c.ledger_id == write.ledger_id,
            L.c.import_id == run.id,
            among(L.c.position, [one.position for one in asked]),
        )
    )
    return {line.position: line for line in await open_lines(write.tx, found)}


async def _checked(
    write: LedgerWrite,
    run: ImportRunRow,
    asked: Sequence[RulingInput],
    lines: dict[int, ImportLineRow],
    *,
    before: bool,
) -> list[Ruling]:
    """Rulings as they are asked for; raises with every row that cannot be so."""
    ids = [one.transaction_id for one in asked if one.transaction_id is not None]
    found = await transactions_by_id(write.tx, [(write.ledger_id, one) for one in ids])
    named = {row.id: row for row in found if row is not None}
    taken = await _taken(write, run, ids)
    seen: Counter[UUID | int] = Counter()
    wrong: list[FieldError] = []
    rulings: list[Ruling] = []
    for index, one in enumerate(asked):
        line = lines.get(one.position)
        field, why = _wrong(one, line, run, named, taken if not before else {}, before=before)
        seen.update({one.position, one.transaction_id or one.position})
        if seen[one.position] > 1 or seen[one.transaction_id or one.position] > 1:
            field, why = "position", "This call says it twice; leave one of them out."
        if why is not None:
            code = "NOT_FOUND" if field == "transactionId" and why == _MISSING else "INVALID"
            wrong.append(FieldError(f"rows.{index}.{field}", code, why))
        elif line is not None and one.decision is not None:
            rulings.append(_ruling(one, line, before=before))
    if wrong:
        raise Invalid(wrong)
    return rulings


_MISSING = "You have no such transaction; it may be in the trash."


def _wrong(
    one: RulingInput,
    line: ImportLineRow | None,
    run: ImportRunRow,
    named: dict[UUID, TransactionRow],
    taken: dict[UUID, int],
    *,
    before: bool,
) -> tuple[str, str | None]:
    """The field that is wrong about one row, and why."""
    if line is None:
        return "position", "This import has no row at that position; rows tell theirs."
    if one.decision is None:
        return (
            "decision",
            None if before else "These rows are booked, so say what the row is instead.",
        )
    if one.decision not in _NAMING:
        message = f"{one.decision} stands for no other transaction: leave it out."
        return "transactionId", message if one.transaction_id is not None else None
    if one.transaction_id is None:
        return "transactionId", f"{one.decision} needs the transaction that the row stands for."
    row = named.get(one.transaction_id)
    if row is None:
        return "transactionId", _MISSING
    if line.minor is None or line.key is None:
        return "position", (
            "The row could not be read, so there is nothing to book: correct the mapping, or enter it "
            "by hand."
        )
    if taken.get(row.id, one.position) != one.position or row.import_id == run.id:
        return "transactionId", "Another row of this import stands for it; overrule that row first."
    account_id = accounts_of(run).get(line.currency or "")
    return "transactionId", problem_of(_ruling(one, line, before=before), line, account_id, row)


def _ruling(one: RulingInput, line: ImportLineRow, *, before: bool) -> Ruling:
    told = line.overruled and not before and line.decision in {"SKIPPED", "DUPLICATE"}
    joined = line.other_id if line.decision == "TRANSFER" else line.transaction_id
    return Ruling(
        position=one.position,
        decision=one.decision or "NEW",
        mark=mark_of(line),
        transaction_id=one.transaction_id,
        was=line.decision,
        was_id=None if line.decision in {"NEW", "FAILED"} else joined,
        remembered=line.memory is not None or told,
    )


async def _taken(write: LedgerWrite, run: ImportRunRow, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Which rows of an import stand for transactions already."""
    rows = await write.tx.rows(
        select(L.c.position, L.c.transaction_id, L.c.other_id).where(
            L.c.ledger_id == write.ledger_id,
            L.c.import_id == run.id,
            or_(among(L.c.transaction_id, ids), among(L.c.other_id, ids)),
        )
    )
    taken: dict[UUID, int] = {}
    for row in rows:
        taken |= {one: row.position for one in (row.transaction_id, row.other_id) if one}
    return taken


async def _note(
    write: LedgerWrite, old: ImportRunRow, asked: Sequence[RulingInput], rulings: Sequence[Ruling]
) -> ImportRunRow:
    """Keep rulings with an import that has booked nothing, and have its rows decided anew."""
    kept = await load_rulings(write.tx, old)
    for one in asked:
        if one.decision is None:
            kept.pop(one.position, None)
    for ruling in rulings:
        first = kept.get(ruling.position)
        if first is not None and first.mark == ruling.mark:
            # What the importer itself had decided is told by the first ruling alone.
            ruling = replace(  # noqa: PLW2901
                ruling, was=first.was, was_id=first.was_id, remembered=first.remembered
            )
        kept[ruling.position] = ruling
    claimed = Counter(one.transaction_id for one in kept.values() if one.transaction_id)
    if len(kept) > MAX_RULINGS:
        raise Conflict(f"At most {MAX_RULINGS:,} rows of an import can be overruled beforehand.")
    twice = [one for one, count in claimed.items() if count > 1]
    wrong = [
        FieldError(
            f"rows.{index}.transactionId",
            "INVALID",
            "You gave it to another row of this import; overrule that one first.",
        )
        for index, one in enumerate(asked)
        if one.transaction_id in twice
    ]
    if wrong:
        raise Invalid(wrong)
    await write.tx.run(delete(L).where(L.c.ledger_id == write.ledger_id, L.c.import_id == old.id))
    await store_rulings(write, old, list(kept.values()))
    new = await update_run(write, old, status="PROCESSING", **nothing_yet())
    write.enqueue(JOB_KIND, old.id)
    return new


async def _follow(
    write: LedgerWrite,
    old: ImportRunRow,
    rulings: Sequence[Ruling],
    lines: dict[int, ImportLineRow],
    secret: bytes,
) -> ImportRunRow:
    """Undo what rows did and do what a person says instead."""
    chosen = [lines[one.position] for one in rulings]
    for line in chosen:
        if line.minor is None or line.key is None or line.date is None:
            raise Invalid(
                [
                    FieldError(
                        "rows",
                        "INVALID",
                        f"Row {line.position} could not be read; enter it by hand.",
                    )
                ]
            )
    accounts = accounts_of(old)
    found = await accounts_by_id(write.tx, [(write.ledger_id, one) for one in accounts.values()])
    if any(account is None for account in found):
        raise Conflict("An account of this import is in the trash; restore the account first.")
    if await take_back(write, old, chosen, remove=False):
        raise Conflict(
            "The transaction that a row has made was changed since, so it is not undone: change or "
            "delete that transaction itself."
        )
    rebuilt = [(_line(line), bytes.fromhex(line.key or "")) for line in chosen]
    names = any(line.category for line, _ in rebuilt)
    desk = await Desk.open(write, old, accounts, secret, categories=names)
    books = Books(await _own_ids(write, old, rebuilt))
    decisions = [
        ruled(ruling, line, accounts[line.currency], books)
        for ruling, (line, _) in zip(rulings, rebuilt, strict=True)
    ]
    await keep_in_mind(desk, rebuilt, decisions, {one.position: one for one in rulings})
    made = await carry_out(desk, rebuilt, decisions)
    shown = [
        replace(shown_line(old, item, decision), id=lines[item[0].position].id)
        for item, decision in zip(rebuilt, made, strict=True)
    ]
    await update_lines(write, shown)
    counts = Counter(old.counts)
    counts.subtract(counted(line.decision) for line in chosen)
    counts.update(counted(line.decision) for line in shown)
    return await update_run(write, old, counts={name: counts[name] for name in old.counts})


async def _own_ids(
    write: LedgerWrite, run: ImportRunRow, rows: Sequence[tuple[Line, bytes]]
) -> Claims:
    """External ids of banks that living transactions have, so that none is given twice."""
    names = [line.external_id for line, _ in rows if line.external_id is not None]
    found = await write.tx.rows(
        select(T.c.account_id, T.c.external_id).where(
            T.c.ledger_id == write.ledger_id,
            among(T.c.external_id, names),
            among(T.c.account_id, accounts_of(run).values()),
            T.c.deleted_at.is_(None),
        )
    )
    return Claims(taken={(row.account_id, row.external_id) for row in found})


def _line(line: ImportLineRow) -> Line:
    """A row as it was read from the file."""
    return Line(
        position=line.position, line=line.line,
        day=date.fromisoformat(line.date) if line.date else None, minor=line.minor,
        currency=line.currency or "", amount=line.amount, description=line.description or "",
        payee=line.payee, notes=line.notes, category=line.category, external_id=line.bank_id,
        decision=None, reason=None, code=None,
    )  # fmt: skip
