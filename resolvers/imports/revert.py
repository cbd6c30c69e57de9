"""Taking an import back: the books as they were before, batch by batch, the last row first.

What an import has made goes for good, so that the same file can be imported again, unless another
import holds it as well and inherits it; transfers are taken apart; what was matched loses what the match has added, and what was brought back from the
trash returns there.  What somebody has changed since is never lost silently: the revert is refused,
or such transactions stay, or they go because somebody said so.  Reconciled ones always stay.  What
its owner has deleted meanwhile stays in the trash and is remembered as deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from models.base import among
from models.ids import decode
from models.imports import ImportLineRow, ImportRunRow
from models.rules import RuleChangeRow
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id, delete_account
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict
from resolvers.imports.decide import CODE_BACK
from resolvers.imports.effects import print_of, unmerged
from resolvers.imports.heirs import hand_on
from resolvers.imports.inputs import JOB_KIND, ImportRevert
from resolvers.imports.rows import (
    LINE_COLUMNS,
    L,
    count_import_rows,
    get_import,
    open_lines,
    update_lines,
    update_run,
)
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.rules import before_runs, changes_of
from resolvers.transactions import any_transactions_by_id, transactions_by_id
from resolvers.transactions.locks import RECONCILED
from resolvers.transactions.rows import T
from resolvers.transactions.storing import relink_rows, update_rows
from resolvers.transactions.trash import remove_rows, return_to_trash
from resolvers.uploads.rows import U
from resolvers.wire import reference

STEP_ROWS: Final = 500
_TOLD: Final = 20
_MADE: Final = ("NEW", "TRANSFER")


async def revert_import(
    write: LedgerWrite,
    import_id: UUID | None,
    data: ImportRevert,
    *,
    expected_version: int | None = None,
) -> ImportRunRow:
    """Leave it to a worker to take an import back.

    Raises CONFLICT for one that has booked nothing or is still at work, and, unless ``edited``
    says what to do with them, for transactions that were changed since.
    """
    old = await get_import(write.tx, write.actor, import_id)
    require_version(old, expected_version)
    if old.status not in {"COMPLETED", "FAILED"} or old.dry_run:
        what = "a dry run" if old.dry_run else old.status
        raise Conflict(
            f"Only what a COMPLETED or FAILED import has booked can be taken back; this is {what}.",
            details={"status": old.status},
        )
    if old.format == "TAKEOUT":
        raise Conflict(
            "A takeout fills an empty account as a whole; to take it back, delete the account.",
            details={"format": old.format},
        )
    if data.edited == "REFUSE":
        await _refuse_edited(write, old)
    decided = await count_import_rows(write.tx, write.ledger_id, old.id)
    new = await update_run(
        write,
        old,
        status="PROCESSING",
        reverting="REMOVE" if data.edited == "REMOVE" else "KEEP",
        rows_done=0,
        rows_total=decided,
        kept=0,
        error_code=None,
        error_message=None,
        finished_at=None,
    )
    write.enqueue(JOB_KIND, old.id)
    return new


async def _refuse_edited(write: LedgerWrite, run: ImportRunRow) -> None:
    """Raise CONFLICT where a transaction of an import was changed since; only suspects are read."""
    proved = select(U.c.id).where(
        U.c.ledger_id == T.c.ledger_id, U.c.transaction_id == T.c.id, U.c.deleted_at.is_(None)
    )
    suspects = await write.tx.rows(
        select(*LINE_COLUMNS)
        .join_from(L, T, and_(T.c.ledger_id == L.c.ledger_id, T.c.id == L.c.transaction_id))
        .where(
            L.c.ledger_id == write.ledger_id,
            L.c.import_id == run.id,
            L.c.decision.in_(_MADE),
            T.c.deleted_at.is_(None),
            or_(T.c.version != func.coalesce(L.c.left_version, 1), proved.exists()),
        )
        .order_by(L.c.position)
    )
    edited: list[UUID] = []
    for start in range(0, len(suspects), STEP_ROWS):
        lines = await open_lines(write.tx, suspects[start : start + STEP_ROWS])
        work = await _Work.load(write, run, lines)
        edited += [row.id for line in lines for row in work.made_by(line) if work.edited(line, row)]
    if edited:
        raise Conflict(
            f"{len(edited)} transactions of this import were changed since: say with edited "
            "whether they are kept (KEEP) or removed (REMOVE).",
            details={
                "edited": len(edited),
                "transactions": [reference("txn", one) for one in edited[:_TOLD]],
            },
        )


async def revert_step(write: LedgerWrite, run: ImportRunRow) -> str:
    """Take back the last rows that are left; the status afterwards."""
    before = (run.rows_total or 0) - run.rows_done
    found = await write.tx.rows(
        select(*LINE_COLUMNS)
        .where(
            L.c.ledger_id == write.ledger_id,
            L.c.import_id == run.id,
            L.c.position < before,
            L.c.position >= before - STEP_ROWS,
        )
        .order_by(L.c.position.desc())
    )
    lines = await open_lines(write.tx, found)
    kept = await take_back(write, run, lines, remove=run.reverting == "REMOVE")
    done = run.rows_done + len(lines)
    if lines and done < (run.rows_total or 0):
        return (await update_run(write, run, rows_done=done, kept=run.kept + kept)).status
    await _close_accounts(write, run)
    ended = await update_run(
        write,
        run,
        rows_done=done,
        kept=run.kept + kept,
        status="REVERTED",
        reverting=None,
        finished_at=write.now,
    )
    return ended.status


@dataclass(slots=True)
class _Work:
    """Rows of an import beside what their transactions are now."""

    rows: dict[UUID, TransactionRow] = field(default_factory=dict)
    proved: set[UUID] = field(default_factory=set)
    """Transactions that somebody has attached a receipt to."""
    run: ImportRunRow | None = None
    ruled: dict[UUID, list[RuleChangeRow]] = field(default_factory=dict)
    """What runs of rules have changed since; that is nobody's edit."""

    @classmethod
    async def load(
        cls, write: LedgerWrite, run: ImportRunRow, lines: Sequence[ImportLineRow]
    ) -> "_Work":
        """Read the transactions of rows, living and in the trash."""
        wanted = {line.transaction_id for line in lines if line.transaction_id is not None}
        for line in lines:
            wanted |= {UUID(one) for one in (line.undo or {}).get("prints", ())}
        found = await any_transactions_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
        proved = await write.tx.rows(
            select(U.c.transaction_id).where(
                U.c.ledger_id == write.ledger_id,
                among(U.c.transaction_id, wanted),
                U.c.deleted_at.is_(None),
            )
        )
        rows = {row.id: row for row in found if row is not None}
        ruled = await changes_of(
            write.tx, write.ledger_id, [row.id for row in rows.values() if row.version != 1]
        )
        return cls(rows, {row.transaction_id for row in proved}, run, ruled)

    def made_by(self, line: ImportLineRow) -> list[TransactionRow]:
        """Living transactions that are there because of a row: booked by it, or brought back."""
        if line.decision not in _MADE or line.transaction_id is None:
            return []
        ids = [line.transaction_id]
        if line.code == CODE_BACK:
            ids = [UUID(one) for one in (line.undo or {}).get("prints", ())]
        rows = [self.rows[one] for one in ids if one in self.rows]
        if line.code != CODE_BACK:
            rows = [row for row in rows if self.run is None or row.import_id == self.run.id]
        return [row for row in rows if row.deleted_at is None]

    def edited(self, line: ImportLineRow, row: TransactionRow) -> bool:
        """Whether somebody has changed a transaction since the import has left it.

        A run of rules is nobody: what it set goes with the row.
        """
        undo = line.undo or {}
        said = undo.get("print") or undo.get("prints", {}).get(str(row.id))
        if row.id in self.ruled:
            row = before_runs(row, self.ruled[row.id])
        changed = row.version != 1 if said is None else print_of(row) != said
        return changed or row.id in self.proved


async def take_back(
    write: LedgerWrite, run: ImportRunRow, lines: Sequence[ImportLineRow], *, remove: bool
) -> int:
    """Undo what rows did to the books and note it on them; how many transactions stay.

    ``remove``: what was changed since goes, too, unless it is reconciled.
    """
    work = await _Work.load(write, run, lines)
    gone: list[TransactionRow] = []
    trash: list[tuple[ImportLineRow, list[TransactionRow]]] = []
    back: list[tuple[TransactionRow, TransactionRow]] = []
    after: list[ImportLineRow] = []
    kept = 0
    for line in lines:
        made = work.made_by(line)
        # A row that the file itself told as reconciled is nobody's statement yet.
        stays = any(
            work.edited(line, row) and (row.status == RECONCILED or not remove) for row in made
        )
        if made and stays:
            kept += len(made)
            after.append(line)
            continue
        if line.code == CODE_BACK:
            trash.append((line, made))
        else:
            gone += made
        if line.decision == "MATCHED" and line.undo is not None:
            row = work.rows.get(line.transaction_id) if line.transaction_id else None
            if row is not None and row.deleted_at is None:
                new, whole = unmerged(row, line.undo)
                kept += not whole
                back.append((row, replace(new, version=row.version + 1, updated_at=write.now)))
        after.append(_undone(line, removed=bool(made) and line.code != CODE_BACK))
    heirs = await hand_on(write, run, gone)
    kept += len(heirs)
    await remove_rows(write, [row for row in gone if row.id not in heirs])
    await update_rows(write, back)
    changed = [new for old, new in zip(lines, after, strict=True) if new is not old]
    await _give_categories_back(
        write, [old for old, new in zip(lines, after, strict=True) if new is not old]
    )
    for line, rows in trash:
        await _bury(write, line, rows)
    await update_lines(write, changed)
    return kept


async def _give_categories_back(write: LedgerWrite, lines: Sequence[ImportLineRow]) -> None:
    """Let other sides of transfers that are none any more be of their categories again."""
    wanted = {
        line.other_id: UUID(line.undo["category"])
        for line in lines
        if line.other_id is not None and line.undo is not None and "category" in line.undo
    }
    if not wanted:
        return
    rows = await transactions_by_id(write.tx, [(write.ledger_id, one) for one in wanted])
    keys = [(write.ledger_id, one) for one in wanted.values()]
    kinds = {c.id: c.kind for c in await categories_by_id(write.tx, keys) if c is not None}
    changed = []
    for row in rows:
        plain = row is not None and row.transfer_id is None and row.category_id is None
        if row is None or not plain or row.splits or wanted[row.id] not in kinds:
            continue
        new = replace(
            row,
            category_id=wanted[row.id],
            category_kind=kinds[wanted[row.id]],
            version=row.version + 1,
            updated_at=write.now,
        )
        changed.append((row, new))
    await relink_rows(write, changed)


def _undone(line: ImportLineRow, *, removed: bool) -> ImportLineRow:
    if line.decision not in {*_MADE, "MATCHED"}:
        return line
    nothing = None if removed else line.transaction_id
    return replace(line, transaction_id=nothing, left_version=None, undo=None)


async def _bury(write: LedgerWrite, line: ImportLineRow, rows: Sequence[TransactionRow]) -> None:
    undo = line.undo or {}
    since = {UUID(one): datetime.fromisoformat(when) for one, when in undo["deletedAt"].items()}
    links = {UUID(one): UUID(other) if other else None for one, other in undo["links"].items()}
    await return_to_trash(
        write, [replace(row, deleted_at=since.get(row.id, write.now)) for row in rows], links
    )


async def _close_accounts(write: LedgerWrite, run: ImportRunRow) -> None:
    """Put siblings that the import has opened into the trash, where nothing is in them."""
    ids = [decode("acct", one) for one in run.opened]
    found = await accounts_by_id(write.tx, [(write.ledger_id, one) for one in ids if one])
    for account in found:
        if account is None or account.version != 1:
            continue
        mine = (
            T.c.ledger_id == write.ledger_id,
            T.c.account_id == account.id,
            T.c.deleted_at.is_(None),
        )
        if await write.tx.first(select(T.c.id).where(*mine).limit(1)) is None:
            await delete_account(write, account.id, clear=_nothing)


async def _nothing(write: LedgerWrite, account_id: UUID) -> None:
    """An empty account has nothing to clear."""
