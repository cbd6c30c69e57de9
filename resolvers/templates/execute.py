"""Templates made into transactions: one for each template and date, ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from models.ids import new_id
from models.templates import TemplateRow
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict, Gone
from resolvers.ledgers import LedgerWrite
from resolvers.notifications import add_notification
from resolvers.notifications.words import day, money, template_posted
from resolvers.templates.reminders import next_reminder, wait_for
from resolvers.templates.rows import (
    M,
    done_dates,
    first_open,
    get_template,
    missing,
    templates_by_id,
)
from resolvers.ticks import POST_TEMPLATE
from resolvers.transactions.rows import T, transactions_by_id
from resolvers.transactions.storing import insert_rows
from resolvers.wire import reference

BATCH_DAYS: Final = 200
"""How many dates one write posts, so that a long catch-up lets other writers in between."""
_SOON: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Executed:
    """The transaction of a date, and whether this call made it."""

    transaction: TransactionRow
    created: bool


async def execute_template(
    write: LedgerWrite, template_id: UUID | None, day: date | None
) -> Executed:
    """The transaction of a date (today if none is given): made once, then found again.

    One that was deleted is not made again: CONFLICT while the trash can give it back, GONE after.
    """
    row = await get_template(write.tx, write.actor, template_id)
    wanted = day or write.today
    found = await write.tx.first(
        select(T.c.id, T.c.deleted_at).where(
            T.c.ledger_id == write.ledger_id,
            T.c.template_id == row.id,
            T.c.occurrence_date == wanted,
        )
    )
    if found is not None and found.deleted_at is not None:
        raise Conflict(
            "The transaction of this date lies in the trash; restore it.",
            details={"id": reference("txn", found.id)},
        )
    if found is not None:
        known = (await transactions_by_id(write.tx, [(write.ledger_id, found.id)]))[0]
        if known is not None:
            return Executed(known, created=False)
    done = (await done_dates(write.tx, [(row.ledger_id, row.id)]))[row.ledger_id, row.id]
    if wanted in done:
        raise Gone("The transaction of this date was deleted for good.")
    if (await accounts_by_id(write.tx, [(write.ledger_id, row.account_id)]))[0] is None:
        raise Conflict("The template's account lies in the trash; restore it first.")
    made = await _post(write, row, [wanted])
    await _reschedule(write, row, done | {wanted})
    return Executed(made[0], created=True)


async def _post(write: LedgerWrite, row: TemplateRow, days: Sequence[date]) -> list[TransactionRow]:
    category = None
    if row.category_id is not None:
        category = (await categories_by_id(write.tx, [(write.ledger_id, row.category_id)]))[0]
    made = [
        TransactionRow(
            ledger_id=write.ledger_id, id=new_id(), account_id=row.account_id,
            category_id=row.category_id, date=day, amount_minor=row.amount_minor,
            currency=row.currency, description=row.description, payee=row.payee, notes=None,
            tags=(), status="POSTED", split_count=0, splits=(), transfer_id=None, refund_of=None,
            external_id=None, import_id=None, template_id=row.id, group_id=None,
            category_kind=category.kind if category else None, content_key=None, deleted_at=None,
            version=1, created_at=write.now, updated_at=write.now, occurrence_date=day,
        )
        for day in days
    ]  # fmt: skip
    await insert_rows(write, made)
    return made


async def _reschedule(write: LedgerWrite, row: TemplateRow, done: set[date]) -> date | None:
    """Note the first date that waits; it is the scheduler's and no change of the object."""
    due = first_open(row, done, write.today) if row.auto_post else None
    remind = await next_reminder(write, row, done)
    mine = (M.c.ledger_id == write.ledger_id, M.c.id == row.id)
    await write.tx.run(update(M).where(*mine).values(next_due=due, remind_on=remind))
    return due


async def post_due(write: LedgerWrite, template_id: UUID) -> bool:
    """Post the oldest missed dates of a template; whether more of them wait.

    The scheduler asks by the earliest day on Earth: where that day has not begun for the owner,
    a job waits for her midnight.
    """
    row = (await templates_by_id(write.tx, [(write.ledger_id, template_id)]))[0]
    if row is None or not row.auto_post:
        return False
    if (await accounts_by_id(write.tx, [(write.ledger_id, row.account_id)]))[0] is None:
        return False
    done = (await done_dates(write.tx, [(row.ledger_id, row.id)]))[row.ledger_id, row.id]
    days = list(islice(missing(row, done, write.today), BATCH_DAYS))
    if days:
        await _tell(write, row, await _post(write, row, days))
    due = await _reschedule(write, row, done.union(days))
    if due is None or due > write.today + _SOON:
        return False
    if due > write.today:
        await wait_for(write, POST_TEMPLATE, row.id, due)
        return False
    return True


async def _tell(write: LedgerWrite, row: TemplateRow, made: Sequence[TransactionRow]) -> None:
    """Tell the owner what was booked without her, once for all dates of a write."""
    locale = write.actor.locale
    days = [day(one.date, locale) for one in made]
    words = template_posted(row.name, money(row.amount_minor, row.currency, locale), days)
    data = {
        "templateId": reference("tmpl", row.id),
        "transactionIds": [reference("txn", one.id) for one in made[:10]],
        "count": len(made),
    }
    await add_notification(write, "TEMPLATE_POSTED", words, data)
