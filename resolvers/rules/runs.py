"""Rules run over what is there, batch by batch, and taken back the same way.

Each batch is one ledger write: changes, what they were before and how far the run is commit
together.  A worker that is killed leaves whole batches, and the next one goes on behind them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import bindparam, func, select, update

from models import ids
from models.ids import new_id
from models.rules import RuleChangeRow, RuleRow, RuleRunRow
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict, FieldError, Invalid
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.rules.applying import (
    ATTRIBUTES,
    apply_rules,
    changed_fields,
    kinds_of,
    labels_of,
)
from resolvers.rules.inputs import RowsInput
from resolvers.rules.matching import compile_rules
from resolvers.rules.patterns import TooCostly
from resolvers.rules.rows import all_rules
from resolvers.rules.run_rows import (
    C,
    N,
    get_run,
    insert_changes,
    insert_run,
    open_changes,
    rules_of_run,
    runs_by_id,
    update_run,
)
from resolvers.rules.testing import wanted_rows
from resolvers.transactions.rows import COLUMNS, SOURCE, T, open_transactions, transactions_by_id
from resolvers.transactions.storing import update_rows

RUN_RULES: Final = "run_rules"
BATCH_ROWS: Final = 500
_WORKING: Final = ("PROCESSING", "UNDOING")


class RunInput(RowsInput):
    """What is run over which transactions."""

    rule_ids: Annotated[list[str], Field(max_length=200)] | None = None


async def start_run(write: LedgerWrite, data: RunInput) -> RuleRunRow:
    """Note a run and leave its work to a worker.

    The rules are those that are active, or the named ones, as they are now, in their order.
    Raises VALIDATION_ERROR for what is not there, CONFLICT while another run is under way.
    """
    wrong: list[FieldError] = []
    rules = await _rules(write, data.rule_ids, wrong)
    if data.account_id is not None:
        key = (write.ledger_id, data.account_id)
        if (await accounts_by_id(write.tx, [key]))[0] is None:
            wrong.append(FieldError("accountId", "NOT_FOUND", "There is no such object."))
    if wrong:
        raise Invalid(wrong)
    await _alone(write)
    row = RuleRunRow(
        ledger_id=write.ledger_id, id=new_id(), status="PROCESSING",
        rule_ids=tuple(rule.id for rule in rules), from_date=data.from_, to_date=data.to,
        account_id=data.account_id, overwrite=data.overwrite, rows_done=0, rows_total=None,
        changed=0, restored=0, kept=0, last_id=None, error_code=None, started_at=None,
        finished_at=None, version=1, created_at=write.now, updated_at=write.now,
    )  # fmt: skip
    await insert_run(write, row, rules)
    write.enqueue(RUN_RULES, row.id)
    return row


async def _rules(
    write: LedgerWrite, named: Sequence[str] | None, wrong: list[FieldError]
) -> list[RuleRow]:
    rules = await all_rules(write.tx, write.ledger_id)
    if named is None:
        rules = [rule for rule in rules if rule.active]
        if not rules:
            wrong.append(FieldError("ruleIds", "REQUIRED", "No rule is active."))
        return rules
    wanted = {ids.decode("rule", one) for one in named}
    if not wanted:
        wrong.append(FieldError("ruleIds", "REQUIRED", "At least one rule, or null for all."))
    if not wanted <= {rule.id for rule in rules}:
        wrong.append(FieldError("ruleIds", "NOT_FOUND", "There is no such object."))
    return [rule for rule in rules if rule.id in wanted]


async def _alone(write: LedgerWrite) -> None:
    where = (N.c.ledger_id == write.ledger_id, N.c.status.in_(_WORKING))
    if await write.tx.first(select(N.c.id).where(*where)) is not None:
        raise Conflict("Another run of rules is under way.", retry_after_seconds=5)


async def start_undo(
    write: LedgerWrite, run_id: UUID | None, *, expected_version: int | None = None
) -> RuleRunRow:
    """Begin to take a run back; raises CONFLICT for one that goes on or was taken back already."""
    old = await get_run(write.tx, write.actor, run_id)
    require_version(old, expected_version)
    if old.status not in {"COMPLETED", "FAILED"}:
        raise Conflict(
            f"Only a run that has ended can be taken back; this one is {old.status}.",
            details={"status": old.status},
        )
    await _alone(write)
    new = await update_run(write, old, status="UNDOING", finished_at=None, error_code=None)
    write.enqueue(RUN_RULES, old.id)
    return new


async def step_run(write: LedgerWrite, run_id: UUID) -> bool:
    """Do the next batch of a run, forth or back; whether there is more to do."""
    run = (await runs_by_id(write.tx, [(write.ledger_id, run_id)]))[0]
    if run is None or run.status not in _WORKING:
        return False
    done = await (_forth(write, run) if run.status == "PROCESSING" else _back(write, run))
    return done.status in _WORKING


async def fail_run(write: LedgerWrite, run_id: UUID) -> None:
    """End a run whose job is given up; what it did stands and can be taken back."""
    run = (await runs_by_id(write.tx, [(write.ledger_id, run_id)]))[0]
    if run is not None and run.status in _WORKING:
        await _failed(write, run, "INTERNAL_ERROR")


async def _failed(write: LedgerWrite, run: RuleRunRow, code: str) -> RuleRunRow:
    return await update_run(
        write, run, status="FAILED", error_code=code, finished_at=write.now,
    )  # fmt: skip


async def _forth(write: LedgerWrite, run: RuleRunRow) -> RuleRunRow:
    """Look at the next transactions in the order of their making."""
    rows = RowsInput.model_construct(
        from_=run.from_date, to=run.to_date, account_id=run.account_id, overwrite=run.overwrite
    )
    wanted = wanted_rows(run.ledger_id, rows)
    total = run.rows_total
    if total is None:
        total = int(await write.tx.scalar(select(func.count()).select_from(T).where(*wanted)))
    if run.last_id is not None:
        wanted.append(T.c.id > run.last_id)
    found = await write.tx.rows(
        select(*COLUMNS).select_from(SOURCE).where(*wanted).order_by(T.c.id).limit(BATCH_ROWS)
    )
    rules = await rules_of_run(write.tx, run)
    kinds = await kinds_of(write.tx, run.ledger_id, rules)
    compiled = compile_rules(rules)
    opened = await open_transactions(write.tx, found)
    try:
        # Beside the loop, which serves others meanwhile.
        applied = await asyncio.to_thread(
            lambda: [apply_rules(compiled, row, kinds, overwrite=run.overwrite) for row in opened]
        )
    except TooCostly:
        return await _failed(write, run, "PATTERN_TOO_COSTLY")
    changed: list[tuple[TransactionRow, TransactionRow]] = []
    noted: list[RuleChangeRow] = []
    for row, done in zip(opened, applied, strict=True):
        if done.row == row:
            continue
        changed.append((row, replace(done.row, version=row.version + 1, updated_at=write.now)))
        noted.append(
            RuleChangeRow(
                ledger_id=row.ledger_id, id=new_id(), run_id=run.id, transaction_id=row.id,
                before=labels_of(row), after=labels_of(done.row), rule_ids=tuple(done.fired),
                outcome=None, kept=(),
            )
        )  # fmt: skip
    await update_rows(write, changed)
    await insert_changes(write, noted)
    ended = len(found) < BATCH_ROWS
    return await update_run(
        write,
        run,
        status="COMPLETED" if ended else run.status,
        rows_done=run.rows_done + len(found),
        # Transactions that were made meanwhile count, too.
        rows_total=max(total, run.rows_done + len(found)),
        changed=run.changed + len(changed),
        last_id=found[-1].id if found else run.last_id,
        started_at=run.started_at or write.now,
        finished_at=write.now if ended else None,
    )


async def _back(write: LedgerWrite, run: RuleRunRow) -> RuleRunRow:
    """Give the next changed transactions back what they had, as far as nobody has touched it."""
    changes = await open_changes(write.tx, run, BATCH_ROWS)
    keys = [(run.ledger_id, one.transaction_id) for one in changes]
    rows = await transactions_by_id(write.tx, keys)
    named = {one.before.category_id for one in changes if one.before.category_id is not None}
    found = await categories_by_id(write.tx, [(run.ledger_id, one) for one in sorted(named)])
    kinds = {row.id: row.kind for row in found if row is not None}
    changed: list[tuple[TransactionRow, TransactionRow]] = []
    outcomes = []
    restored = 0
    for one, row in zip(changes, rows, strict=True):
        new, kept = _restored(one, row, kinds)
        if row is not None and new is not None and new != row:
            changed.append((row, replace(new, version=row.version + 1, updated_at=write.now)))
        fields = changed_fields(one.before, one.after)
        outcome = "RESTORED" if not kept else "KEPT" if len(kept) == len(fields) else "PARTLY"
        restored += outcome == "RESTORED"
        outcomes.append({"which": one.id, "new_outcome": outcome, "new_kept": kept})
    await update_rows(write, changed)
    if outcomes:
        await write.tx.run(
            update(C)
            .where(C.c.ledger_id == write.ledger_id, C.c.id == bindparam("which"))
            .values(outcome=bindparam("new_outcome"), kept=bindparam("new_kept")),
            outcomes,
        )
    ended = len(changes) < BATCH_ROWS
    return await update_run(
        write,
        run,
        status="UNDONE" if ended else run.status,
        restored=run.restored + restored,
        kept=run.kept + len(changes) - restored,
        finished_at=write.now if ended else None,
    )


def _restored(
    one: RuleChangeRow, row: TransactionRow | None, kinds: dict[UUID, str]
) -> tuple[TransactionRow | None, list[str]]:
    """A transaction with its fields as they were before the run, and which of them are kept.

    A field is given back if it still is as the run left it and no hand has set it since.
    """
    fields = changed_fields(one.before, one.after)
    if row is None:
        return None, [f"{name}:DELETED" for name in fields]
    kept = []
    now = labels_of(row)
    for name in fields:
        attribute = ATTRIBUTES[name]
        before = getattr(one.before, attribute)
        same = getattr(now, attribute) == getattr(one.after, attribute)
        if not same or name in row.locked or row.transfer_id is not None:
            kept.append(f"{name}:EDITED")
        elif name == "CATEGORY" and before is not None and before not in kinds:
            kept.append(f"{name}:GONE")
        else:
            row = replace(row, **{attribute: before})
            if name == "CATEGORY":
                row = replace(row, category_kind=None if before is None else kinds[before])
    return row, kept
