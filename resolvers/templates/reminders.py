"""Reminders of templates that do not post by themselves: one for each date that is reached."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from models import ids
from models.base import table
from models.jobs import Job
from models.templates import TemplateRow
from resolvers.inputs import LAST_DAY
from resolvers.ledgers import LedgerWrite
from resolvers.notifications import add_notification
from resolvers.notifications.words import day, money, template_due
from resolvers.schedules import occurrences
from resolvers.templates.rows import M, done_dates, templates_by_id
from resolvers.ticks import REMIND_TEMPLATE

_JOBS: Final = table(Job)
_DAY: Final = timedelta(days=1)


def first_reminder(row: TemplateRow, done: Collection[date], since: date) -> date | None:
    """The first date from a day on that a person has to see to; None if the template posts."""
    if row.auto_post:
        return None
    start = since if row.settled_until is None else max(since, row.settled_until + _DAY)
    return next((one for one in occurrences(row, start, LAST_DAY) if one not in done), None)


async def next_reminder(
    write: LedgerWrite, row: TemplateRow, done: Collection[date]
) -> date | None:
    """The date to remind of after another was done: a date that was told is not told again."""
    mine = (M.c.ledger_id == write.ledger_id, M.c.id == row.id)
    held: date | None = await write.tx.scalar(select(M.c.remind_on).where(*mine))
    return None if held is None else first_reminder(row, done, held)


async def wait_for(write: LedgerWrite, kind: str, template_id: UUID, day: date) -> None:
    """Leave a job for the owner's first moment of a day, unless one waits already."""
    waiting = select(_JOBS.c.id).where(
        _JOBS.c.subject_id == template_id, _JOBS.c.kind == kind, _JOBS.c.state == "WAITING"
    )
    if await write.tx.first(waiting) is None:
        zone = ZoneInfo(write.actor.time_zone)
        midnight = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
        write.enqueue(kind, template_id, run_at=midnight)


async def remind_of_due(write: LedgerWrite, template_id: UUID) -> None:
    """Tell of the dates that were reached, of the newest by name, and wait for the next."""
    row = (await templates_by_id(write.tx, [(write.ledger_id, template_id)]))[0]
    mine = (M.c.ledger_id == write.ledger_id, M.c.id == template_id)
    held = await write.tx.scalar(select(M.c.remind_on).where(*mine))
    if row is None or held is None:
        return
    if held > write.today:
        # The scheduler asks by the earliest day on Earth.
        await wait_for(write, REMIND_TEMPLATE, row.id, held)
        return
    done = (await done_dates(write.tx, [(row.ledger_id, row.id)]))[row.ledger_id, row.id]
    open_ones = (one for one in occurrences(row, held, write.today) if one not in done)
    reached = list(takewhile(lambda one: one <= write.today, open_ones))
    if reached and not row.auto_post:
        locale = write.actor.locale
        words = template_due(
            row.name, money(row.amount_minor, row.currency, locale), day(reached[-1], locale)
        )
        data = {
            "templateId": ids.encode("tmpl", row.id),
            "date": reached[-1].isoformat(),
            "dates": [one.isoformat() for one in reached[-10:]],
        }
        await add_notification(write, "TEMPLATE_DUE", words, data)
    following = first_reminder(row, done, write.today + _DAY)
    await write.tx.run(update(M).where(*mine).values(remind_on=following))
