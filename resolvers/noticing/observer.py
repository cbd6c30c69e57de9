"""What a write leaves for others to know, found in what it puts into the feed, before it commits."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select

from models import ids
from models.base import table
from models.imports import ImportRunRow
from models.ledgers import Ledger
from models.statements import Prepared
from models.uploads import Upload
from resolvers.budgets.rows import B
from resolvers.events import Record
from resolvers.ledger_states import UNHEARD
from resolvers.ledgers import LedgerWrite
from resolvers.noticing.budgets import MONEY, mark_plans
from resolvers.noticing.groups import tell_of_shares
from resolvers.notifications.words import import_finished
from resolvers.notifications.writes import add_notification
from resolvers.wire import reference

NOTICE_BUDGETS: Final = "notice_budgets"
NOTICE_INVITATION: Final = "notice_invitation"
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "PENDING"})
_L: Final = table(Ledger)
_U: Final = table(Upload)
_WANTED: Final = Prepared(select(UNHEARD).where(_L.c.id == bindparam("ledger")))


async def notice(write: LedgerWrite) -> None:
    """Tell what the written ledger's owner should know, or leave the work of finding out.

    The write goes on with what this adds: all of it is committed together or not at all.
    """
    records = list(write.records)
    if write.ledger_id != write.actor.ledger_id:
        for record in records:
            if record.entity == "invitation" and record.op == "CREATE":
                write.enqueue(NOTICE_INVITATION, record.entity_id)
        return
    kinds = {record.entity for record in records}
    if "share" in kinds:
        await tell_of_shares(write, records)
    if "import" in kinds:
        await _imports(write, records)
    plans = await _plans(write, records)
    if plans:
        await mark_plans(write, plans)
    if kinds & MONEY and await _unheard(write, kinds):
        write.enqueue(NOTICE_BUDGETS, write.ledger_id)


async def _unheard(write: LedgerWrite, kinds: Collection[str]) -> bool:
    """Whether there are budgets to look at, and no job that will."""
    if write.unheard is not None and "budget" not in kinds:
        return write.unheard
    return bool(await write.tx.scalar(_WANTED, {"ledger": write.ledger_id}))


async def _plans(write: LedgerWrite, records: list[Record]) -> set[UUID]:
    """Budgets whose plan a write changes: their own, their items', or the tree they count by."""
    found: set[UUID] = set()
    tree = False
    for record in records:
        row = record.after or record.before
        if record.entity == "budget" and record.op != "DELETE":
            found.add(record.entity_id)
        elif record.entity == "budgetItem" and row is not None:
            found.add(row.budget_id)
        elif record.entity == "category" and record.op != "CREATE":
            before, after = record.before, record.after
            tree = tree or before is None or after is None or before.parent_id != after.parent_id
    if tree:
        rows = await write.tx.rows(select(B.c.id).where(B.c.ledger_id == write.ledger_id))
        found |= {row.id for row in rows}
    return found


async def _imports(write: LedgerWrite, records: list[Record]) -> None:
    for record in records:
        before, after = record.before, record.after
        if not isinstance(after, ImportRunRow) or after.dry_run or after.status not in _ENDED:
            continue
        if before is None or before.status == after.status:
            # One that comes with a takeout was told of where it ended.
            continue
        name = await write.tx.scalar(
            select(func.coalesce(_U.c.filename, "")).where(
                _U.c.ledger_id == write.ledger_id, _U.c.id == after.upload_id
            )
        )
        data = {
            "importId": ids.encode("imp", after.id),
            "accountId": reference("acct", after.account_id),
            "status": after.status,
            "counts": after.counts,
        }
        words = import_finished(
            name or "Your file", after.status, after.counts, after.error_message
        )
        await add_notification(write, "IMPORT_FINISHED", words, data)
