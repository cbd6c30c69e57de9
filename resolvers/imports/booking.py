"""One batch of an import: every row decided, good ones booked, all of them noted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from models.base import maker
from models.ids import new_id
from models.imports import ImportLineRow, ImportRunRow
from models.transactions import TransactionRow
from resolvers.errors import AppError
from resolvers.imports.decide import (
    CODE_DELETED,
    DELETED_EARLIER,
    Claims,
    Decision,
    decide,
    load_books,
)
from resolvers.imports.effects import Category, match_notes, merged, print_of
from resolvers.imports.join import Open, join
from resolvers.imports.memories import forget_pairs, forget_rows, pair_prints, remember
from resolvers.imports.pool import Pool
from resolvers.imports.rows import insert_lines
from resolvers.imports.rulings import Ruling, mark_of, problem_of, ruled
from resolvers.imports.targets import Accounts, CategoryNames
from resolvers.ledgers import LedgerWrite
from resolvers.rules import apply_to_new
from resolvers.statements.lines import Line
from resolvers.transactions import any_transactions_by_id, transactions_by_id
from resolvers.transactions.storing import insert_rows, relink_rows, update_rows
from resolvers.transactions.trash import restorable, restore_rows

Batch = Sequence[tuple[Line, bytes | None]]
"""Rows with their content keys; those without one are decided already."""

# Four of these are made of each row of a file.
_make_row = maker(TransactionRow)
_make_line = maker(ImportLineRow)
_make_decision = maker(Decision)
_COUNTED = {
    "NEW": "new", "TRANSFER": "new", "DUPLICATE": "duplicate", "MATCHED": "matched",
    "SKIPPED": "skipped", "FAILED": "failed",
}  # fmt: skip


@dataclass(slots=True)
class Desk:
    """What stays the same from row to row of a batch."""

    write: LedgerWrite
    run: ImportRunRow
    accounts: Accounts
    names: CategoryNames
    secret: bytes
    """Keys the hashes of the ledger's contents."""

    @classmethod
    async def open(
        cls,
        write: LedgerWrite,
        run: ImportRunRow,
        accounts: Accounts,
        secret: bytes,
        *,
        categories: bool,
    ) -> "Desk":
        """Read the ledger's categories where the file names some."""
        names = CategoryNames()
        if categories:
            names = await CategoryNames.load(write.tx, write.ledger_id)
        return cls(write, run, accounts, names, secret)

    def category(self, line: Line) -> Category:
        """The category that the file names for a row."""
        return None if line.minor is None else self.names.find(line.category, line.minor)


async def book_batch(
    write: LedgerWrite,
    run: ImportRunRow,
    batch: Batch,
    accounts: Accounts,
    *,
    claims: Claims,
    pool: Pool,
    rulings: Mapping[int, Ruling],
    secret: bytes,
    book: bool,
) -> dict[str, int]:
    """Decide and store a batch; how many rows got which decision.

    ``claims`` is what earlier rows of the file have used up.  Without ``book`` the decisions are
    the same and nothing but them is stored.
    """
    categories = any(line.category for line, _ in batch)
    desk = await Desk.open(write, run, accounts, secret, categories=categories)
    decisions = await _decide(desk, batch, claims, pool, rulings)
    if book:
        await keep_in_mind(desk, batch, decisions, rulings)
        decisions = await carry_out(desk, batch, decisions)
    lines = [
        shown_line(run, item, decision) for item, decision in zip(batch, decisions, strict=True)
    ]
    await insert_lines(write, lines)
    return Counter(counted(line.decision) for line in lines)


def counted(decision: str) -> str:
    """Among which of an import's counts a decision is."""
    return _COUNTED[decision]


async def _decide(
    desk: Desk, batch: Batch, claims: Claims, pool: Pool, rulings: Mapping[int, Ruling]
) -> list[Decision]:
    """What becomes of every row: banks' ids and contents first, then what was entered."""
    write, run, accounts = desk.write, desk.run, desk.accounts
    restore = run.deleted_policy == "RESTORE"
    good = [(line, accounts[line.currency], key) for line, key in batch if key is not None]
    books = await load_books(write.tx, write.ledger_id, run.id, good, claims)
    named = await _named(write, batch, rulings)
    decisions: list[Decision] = []
    for line, key in batch:
        if key is None:
            decisions.append(Decision(line.decision or "FAILED", line.reason, line.code))
            continue
        account_id, lapsed = accounts[line.currency], None
        ruling = rulings.get(line.position)
        if ruling is not None and ruling.mark == mark_of(line):
            row = named.get(ruling.transaction_id) if ruling.transaction_id else None
            lapsed = problem_of(ruling, line, account_id, row)
            if lapsed is None:
                decisions.append(ruled(ruling, line, account_id, books))
                continue
        decision = decide(line, account_id, key, books, restore=restore)
        if lapsed is not None:
            said = f"{decision.reason or ''} What you said was not done: {lapsed}".lstrip()
            decision = replace(decision, reason=said)
        decisions.append(await _feasible(write, decision, claims))
    rows = [
        Open(at, line, accounts[line.currency], key, transfer=desk.category(line) is None)
        for at, (line, key) in enumerate(batch)
        if key is not None and _may_be_joined(decisions[at])
    ]
    return join(rows, decisions, pool, claims, desk.secret)


def _may_be_joined(decision: Decision) -> bool:
    return decision.decision == "NEW" and not decision.restore and not decision.overruled


async def _named(
    write: LedgerWrite, batch: Batch, rulings: Mapping[int, Ruling]
) -> dict[UUID, TransactionRow]:
    """Living transactions that rulings about a batch name."""
    mine = [rulings[line.position] for line, _ in batch if line.position in rulings]
    keys = [(write.ledger_id, one.transaction_id) for one in mine if one.transaction_id]
    return {row.id: row for row in await transactions_by_id(write.tx, keys) if row is not None}


async def keep_in_mind(
    desk: Desk, batch: Batch, decisions: Sequence[Decision], rulings: Mapping[int, Ruling]
) -> None:
    """Remember what rulings say of rows, so that the next file with them is decided alike."""
    write = desk.write
    said: list[tuple[str, bytes, UUID | None]] = []
    together: list[bytes] = []
    forgotten: list[bytes] = []
    mine = [rulings[line.position] for line, _ in batch if line.position in rulings]
    others = [one.was_id for one in mine] + [one.transaction_id for one in mine]
    ids = [(write.ledger_id, one) for one in others if one is not None]
    found = await any_transactions_by_id(write.tx, ids) if ids else []
    keys = {row.id: row.content_key for row in found if row is not None}
    for (line, key), decision in zip(batch, decisions, strict=True):
        ruling = rulings.get(line.position)
        if ruling is None or key is None or not decision.overruled:
            continue
        forgotten += [key] if ruling.remembered else []
        if ruling.decision == "SKIPPED":
            said.append(("LEFT_OUT", key, None))
        elif ruling.decision == "DUPLICATE":
            said.append(("SAME", key, ruling.transaction_id))
        elif ruling.transaction_id is not None:
            one = ruling.transaction_id
            together += pair_prints(desk.secret, key, one, keys.get(one))
        joined = ruling.was in {"MATCHED", "TRANSFER"} and ruling.was_id != ruling.transaction_id
        if joined and ruling.was_id is not None:
            one = ruling.was_id
            said += [("APART", p, None) for p in pair_prints(desk.secret, key, one, keys.get(one))]
    await forget_pairs(write, together)
    await forget_rows(write, forgotten)
    await remember(write, said)


async def _feasible(write: LedgerWrite, decision: Decision, claims: Claims) -> Decision:
    """A decision to bring something back, or why that is impossible and it stays in the trash."""
    if not decision.restore:
        return decision
    try:
        rows = await restorable(write, decision.transaction_id)
    except AppError as error:
        return _stays(decision, error.message)
    names = {(row.account_id, row.external_id) for row in rows if row.external_id is not None}
    if not names.isdisjoint(claims.taken):
        return _stays(decision, "Its id was given to another transaction.")
    claims.taken |= names
    claims.revived |= {row.id for row in rows[1:]}
    return decision


def _stays(decision: Decision, why: str) -> Decision:
    return replace(
        decision, decision="SKIPPED", reason=f"{DELETED_EARLIER} {why}", code=CODE_DELETED,
        other_id=None, external_id=None, restore=False,
    )  # fmt: skip


async def carry_out(desk: Desk, batch: Batch, decisions: Sequence[Decision]) -> list[Decision]:
    """Do what was decided; decisions come back with the transactions made and how to undo them."""
    write = desk.write
    wanted = [one.transaction_id for one in decisions if one.decision == "MATCHED"]
    wanted += [one.other_id for one in decisions if one.decision == "TRANSFER"]
    keys = [(write.ledger_id, one) for one in wanted if one is not None]
    found = {row.id: row for row in await transactions_by_id(write.tx, keys) if row is not None}
    made: list[Decision] = []
    new: list[TransactionRow] = []
    changed: list[tuple[TransactionRow, TransactionRow]] = []
    linked: list[tuple[TransactionRow, TransactionRow]] = []
    booked: dict[int, tuple[TransactionRow, dict[str, Any]]] = {}
    for (line, key), decision in zip(batch, decisions, strict=True):
        if key is None or decision.decision not in {"NEW", "MATCHED", "TRANSFER"}:
            made.append(decision)
        elif decision.restore:
            made.append(await _bring_back(write, decision))
        elif decision.decision == "MATCHED" and decision.transaction_id is not None:
            old = found[decision.transaction_id]
            row = merged(write, old, line, decision.external_id, key, desk.category(line))
            changed.append((old, row))
            undo = match_notes(old, row)
            made.append(replace(decision, undo=undo, left_version=row.version))
        else:
            other = None if decision.other_id is None else found[decision.other_id]
            row = new_row(desk, (line, key), decision.external_id, other)
            new.append(row)
            if other is not None:
                linked.append((other, _linked(write, other, row)))
            undo = {}
            if other is not None and other.category_id is not None:
                undo["category"] = str(other.category_id)
            booked[len(made)] = (row, undo)
            made.append(decision)
    # What an import brought is told from what a person made of it by how rules left it.
    ruled = await apply_to_new(write, new)
    await insert_rows(write, ruled)
    await update_rows(write, changed)
    await relink_rows(write, linked)
    brought = {row.id: row for row in ruled}
    for at, (row, undo) in booked.items():
        undo["print"] = print_of(brought[row.id])
        made[at] = _booked(made[at], row, undo)
    return made


def _booked(one: Decision, row: TransactionRow, undo: dict[str, Any]) -> Decision:
    """The decision with the transaction that it has made."""
    return _make_decision(
        decision=one.decision, reason=one.reason, code=one.code, score=one.score,
        transaction_id=row.id, other_id=one.other_id, external_id=one.external_id,
        restore=one.restore, overruled=one.overruled, memory=one.memory, undo=undo,
        left_version=row.version,
    )  # fmt: skip


def _linked(write: LedgerWrite, other: TransactionRow, row: TransactionRow) -> TransactionRow:
    """The other side of a new row; a transfer has no category."""
    return replace(
        other,
        transfer_id=row.id,
        category_id=None,
        category_kind=None,
        version=other.version + 1,
        updated_at=write.now,
    )


async def _bring_back(write: LedgerWrite, decision: Decision) -> Decision:
    """Restore a deleted transaction, with its other side."""
    rows = await restorable(write, decision.transaction_id)
    await restore_rows(write, rows)
    keys = [(write.ledger_id, row.id) for row in rows]
    back = [row for row in await transactions_by_id(write.tx, keys) if row is not None]
    undo = {
        "deletedAt": {str(row.id): row.deleted_at.isoformat() for row in rows if row.deleted_at},
        "links": {str(row.id): row.transfer_id and str(row.transfer_id) for row in rows},
        "prints": {str(row.id): print_of(row) for row in back},
    }
    return replace(decision, undo=undo, left_version=rows[0].version + 1)


def new_row(
    desk: Desk,
    item: tuple[Line, bytes],
    external_id: str | None,
    other: TransactionRow | None = None,
) -> TransactionRow:
    """The transaction of a row, linked to ``other`` where the two are a transfer."""
    line, key = item
    if line.day is None or line.minor is None:
        raise AssertionError("a row is decided NEW only with a day and an amount")
    category = None if other is not None else desk.category(line)
    return _make_row(
        ledger_id=desk.write.ledger_id, id=new_id(), account_id=desk.accounts[line.currency],
        category_id=category[0] if category else None, date=line.day, amount_minor=line.minor,
        currency=line.currency, description=line.description, payee=line.payee, notes=line.notes,
        tags=(), status="POSTED", split_count=0, splits=(),
        transfer_id=None if other is None else other.id, refund_of=None,
        external_id=external_id, import_id=desk.run.id, template_id=None, group_id=None,
        category_kind=category[1] if category else None, content_key=key, deleted_at=None,
        version=1, created_at=desk.write.now, updated_at=desk.write.now, occurrence_date=None,
        group_transaction_id=None, refunded=None, locked=(),
    )  # fmt: skip


def shown_line(
    run: ImportRunRow, item: tuple[Line, bytes | None], decision: Decision
) -> ImportLineRow:
    """A decided row as the import keeps it."""
    line, key = item
    return _make_line(
        id=new_id(), ledger_id=run.ledger_id, import_id=run.id, position=line.position,
        line=line.line, decision=decision.decision, reason=decision.reason,
        transaction_id=decision.transaction_id,
        date=line.day.isoformat() if line.day else None, amount=line.amount,
        currency=line.currency or None, description=line.description,
        other_id=decision.other_id, left_version=decision.left_version, code=decision.code,
        score=decision.score, overruled=decision.overruled, payee=line.payee, notes=line.notes,
        category=line.category, external_id=decision.external_id, bank_id=line.external_id,
        memory=None if decision.memory is None else str(decision.memory), minor=line.minor,
        key=None if key is None else key.hex(), undo=decision.undo,
    )  # fmt: skip
