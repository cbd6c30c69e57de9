"""Making, changing and deleting templates."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from models.accounts import Account, AccountRow
from models.base import table
from models.categories import CategoryRow
from models.ids import new_id
from models.templates import TemplateRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import FieldError, Invalid, invalid
from resolvers.inputs import LAST_DAY, not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.money import parse_minor
from resolvers.schedules import all_until
from resolvers.templates.inputs import TemplateCreate, TemplateUpdate
from resolvers.templates.reminders import first_reminder
from resolvers.templates.rows import (
    M,
    done_dates,
    first_open,
    get_template,
    missing,
    open_templates,
)
from resolvers.ticks import POST_TEMPLATE
from resolvers.wire import wire

MAX_CATCH_UP: Final = 1_000
"""How many transactions a template may owe when it begins to post by itself."""
_A: Final = table(Account)
_DAY: Final = timedelta(days=1)
_CELLS: Final = tuple(f.name for f in fields(TemplateRow) if f.name != "amount_minor")
_SCHEDULE: Final = ("frequency", "interval", "day_of_month", "weekend_policy", "start_date")
_NEVER_NULL: Final = (
    "name", "account_id", "amount", "description", "frequency", "interval", "weekend_policy",
    "start_date", "auto_post",
)  # fmt: skip


def _minor(text: str, currency: str, wrong: list[FieldError]) -> int:
    try:
        return parse_minor(text, currency)
    except ValueError as error:
        wrong.append(FieldError("amount", "INVALID", str(error)))
        return 0


async def _account(
    write: LedgerWrite, account_id: UUID, wrong: list[FieldError]
) -> AccountRow | None:
    row = (await accounts_by_id(write.tx, [(write.ledger_id, account_id)]))[0]
    if row is None:
        wrong.append(FieldError("accountId", "NOT_FOUND", "There is no such object."))
    return row


async def _check_category(
    write: LedgerWrite, category_id: UUID | None, wrong: list[FieldError]
) -> None:
    if category_id is None:
        return
    if (await categories_by_id(write.tx, [(write.ledger_id, category_id)]))[0] is None:
        wrong.append(FieldError("categoryId", "NOT_FOUND", "There is no such object."))


def _check_plan(row: TemplateRow, wrong: list[FieldError]) -> None:
    """A plan whose parts fit each other and that has a date at all."""
    before = len(wrong)
    if row.day_of_month is not None and row.frequency not in {"MONTHLY", "YEARLY"}:
        message = "Only for MONTHLY and YEARLY; send null otherwise."
        wrong.append(FieldError("dayOfMonth", "INVALID", message))
    if row.end_date is not None and row.end_date < row.start_date:
        wrong.append(FieldError("endDate", "INVALID", "Not before the start."))
    if len(wrong) == before and next(all_until(row, LAST_DAY), None) is None:
        wrong.append(FieldError("startDate", "INVALID", "This schedule has no date at all."))


async def create_template(write: LedgerWrite, data: TemplateCreate) -> TemplateRow:
    """Make a template; its account says in which currency it books."""
    wrong: list[FieldError] = []
    account = await _account(write, data.account_id, wrong)
    await _check_category(write, data.category_id, wrong)
    row = TemplateRow(
        ledger_id=write.ledger_id,
        id=new_id(),
        name=data.name,
        account_id=data.account_id,
        category_id=data.category_id,
        amount_minor=_minor(data.amount, account.currency, wrong) if account else 0,
        currency=account.currency if account else "",
        description=data.description,
        payee=data.payee or None,
        frequency=data.frequency,
        interval=data.interval,
        day_of_month=data.day_of_month,
        weekend_policy=data.weekend_policy,
        start_date=data.start_date,
        end_date=data.end_date,
        auto_post=data.auto_post,
        settled_until=None,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    _check_plan(row, wrong)
    if wrong:
        raise Invalid(wrong)
    due = due_of(write, row, set())
    remind = first_reminder(row, set(), write.today + _DAY)
    cells = cells_of(write, row)
    await write.tx.run(insert(M).values(**cells, next_due=due, remind_on=remind))
    # Forecasts are made of templates.
    write.figures = True
    write.record("template", "CREATE", None, row)
    return row


def cells_of(write: LedgerWrite, row: TemplateRow) -> dict[str, Any]:
    """A template as its table holds it."""
    cells = {name: getattr(row, name) for name in _CELLS}
    cells["amount"] = write.ring.seal_minor("templates.amount", row.id, row.amount_minor)
    return cells


def due_of(write: LedgerWrite, row: TemplateRow, done: set[date]) -> date | None:
    """The first date that the template will post by itself; what is due by now starts at once."""
    if not row.auto_post:
        return None
    owed = len(list(islice(missing(row, done, write.today), MAX_CATCH_UP + 1)))
    if owed > MAX_CATCH_UP:
        raise invalid(
            "startDate", f"More than {MAX_CATCH_UP} transactions would be booked at once."
        )
    if owed:
        write.enqueue(POST_TEMPLATE, row.id)
    return first_open(row, done, write.today)


async def update_template(
    write: LedgerWrite,
    template_id: UUID | None,
    data: TemplateUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> TemplateRow:
    """Change a template; transactions that it made stay as they are.

    A changed schedule asks only for dates after the last one that was done.
    """
    old = await get_template(write.tx, write.actor, template_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, *_NEVER_NULL)
    if wrong:
        raise Invalid(wrong)
    given = {name: getattr(data, name) for name in data.model_fields_set if name != "amount"}
    if "payee" in given:
        given["payee"] = data.payee or None
    new = replace(old, **given)
    if new.account_id != old.account_id:
        account = await _account(write, new.account_id, wrong)
        new = replace(new, currency=account.currency if account else old.currency)
    if data.amount is not None:
        new = replace(new, amount_minor=_minor(data.amount, new.currency, wrong))
    elif new.currency != old.currency:
        wrong.append(FieldError("amount", "REQUIRED", f"Give it in {new.currency}."))
    if new.category_id != old.category_id:
        await _check_category(write, new.category_id, wrong)
    _check_plan(new, wrong)
    if wrong:
        raise Invalid(wrong)
    if new == old:
        return old
    done = (await done_dates(write.tx, [(old.ledger_id, old.id)]))[old.ledger_id, old.id]
    new = replace(
        new,
        settled_until=_settled(old, new, done, write.today),
        version=old.version + 1,
        updated_at=write.now,
    )
    due = due_of(write, new, done)
    remind = first_reminder(new, done, write.today + _DAY)
    await _store(write, new, next_due=due, remind_on=remind)
    write.figures = True
    write.record("template", "UPDATE", old, new)
    return new


def _settled(old: TemplateRow, new: TemplateRow, done: set[date], today: date) -> date | None:
    """Another schedule is for the days after the last one done: it must not book the past anew."""
    if all(getattr(new, name) == getattr(old, name) for name in _SCHEDULE):
        return old.settled_until
    known = [day for day in done if day <= today]
    if old.settled_until is not None:
        known.append(old.settled_until)
    return max(known, default=None)


async def _store(write: LedgerWrite, row: TemplateRow, **more: Any) -> None:
    await write.tx.run(
        update(M)
        .where(M.c.ledger_id == write.ledger_id, M.c.id == row.id)
        .values(**cells_of(write, row), **more)
    )


async def delete_template(
    write: LedgerWrite, template_id: UUID | None, *, expected_version: int | None = None
) -> TemplateRow:
    """Delete a template; transactions that it made stay and keep its id as their origin."""
    old = await get_template(write.tx, write.actor, template_id)
    require_version(old, expected_version)
    await write.tx.run(delete(M).where(M.c.ledger_id == write.ledger_id, M.c.id == old.id))
    write.figures = True
    write.record("template", "DELETE", old, None)
    return old


async def _where(write: LedgerWrite, *conditions: Any) -> Sequence[TemplateRow]:
    found = await write.tx.rows(select(M).where(M.c.ledger_id == write.ledger_id, *conditions))
    return await open_templates(write.tx, found)


async def move_templates(write: LedgerWrite, old: CategoryRow, target: CategoryRow) -> None:
    """Give the templates of a category that goes another one."""
    for row in await _where(write, M.c.category_id == old.id):
        new = replace(row, category_id=target.id, version=row.version + 1, updated_at=write.now)
        await _store(write, new)
        write.record("template", "UPDATE", row, new)


async def purge_templates(write: LedgerWrite, before: datetime) -> int:
    """Delete the templates of accounts that leave the trash for good."""
    gone = select(_A.c.id).where(_A.c.ledger_id == write.ledger_id, _A.c.deleted_at < before)
    rows = await _where(write, M.c.account_id.in_(gone))
    for row in rows:
        await write.tx.run(delete(M).where(M.c.ledger_id == write.ledger_id, M.c.id == row.id))
        write.record("template", "DELETE", row, None)
    return len(rows)
