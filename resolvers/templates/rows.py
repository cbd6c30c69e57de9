"""Templates read from the database, and what of them is done, missing and next."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, union_all

from models.base import table
from models.database import Transaction as Tx
from models.templates import Template, TemplateRow
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.inputs import LAST_DAY
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.schedules import all_until, next_date, occurrences
from resolvers.transactions.rows import T

M: Final = table(Template)
MISSING_SHOWN: Final = 100
_DAY: Final = timedelta(days=1)

Key = tuple[UUID, UUID]
_PLAIN: Final = tuple(f.name for f in fields(TemplateRow) if f.name != "amount_minor")
_COLUMNS: Final = (*(M.c[name] for name in _PLAIN), M.c.amount)


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a template is to come on a given day."""

    next_date: date | None
    missing_dates: tuple[date, ...]
    """The oldest due dates without a transaction."""


async def open_templates(tx: Tx, rows: Iterable[Row[Any]]) -> list[TemplateRow]:
    """Database rows with their amounts opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    return [
        TemplateRow(
            **{name: getattr(row, name) for name in _PLAIN},
            amount_minor=tx.ring(row.ledger_id).unseal_minor(
                "templates.amount", row.id, row.amount
            ),
        )
        for row in found
    ]


async def list_templates(tx: Tx, actor: Actor, request: PageRequest) -> Page[TemplateRow]:
    """A page of the person's templates by name."""
    statement = select(*_COLUMNS).where(M.c.ledger_id == actor.ledger_id)
    page = await fetch_page(tx, statement, Order((M.c.name.collate("C"), M.c.id)), request)
    rows = await open_templates(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_templates(tx: Tx, actor: Actor) -> int:
    """How many templates the person has."""
    mine = M.c.ledger_id == actor.ledger_id
    return int(await tx.scalar(select(func.count()).select_from(M).where(mine)))


async def templates_by_id(tx: Tx, keys: Sequence[Key]) -> list[TemplateRow | None]:
    """Templates in the order of their keys; None for what is not there."""
    found: dict[Key, TemplateRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*_COLUMNS).where(M.c.ledger_id == ledger_id, M.c.id.in_(wanted))
        )
        found.update({(ledger_id, row.id): row for row in await open_templates(tx, rows)})
    return [found.get(key) for key in keys]


async def get_template(tx: Tx, actor: Actor, template_id: UUID | None) -> TemplateRow:
    """One template of the person; raises NOT_FOUND."""
    if template_id is not None:
        row = (await templates_by_id(tx, [(actor.ledger_id, template_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such template.")


async def done_dates(tx: Tx, keys: Sequence[Key]) -> dict[Key, set[date]]:
    """Dates that have, or had, their transaction: the trash and what has left it count too."""
    found: dict[Key, set[date]] = {key: set() for key in keys}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        made = select(T.c.template_id, T.c.occurrence_date.label("day")).where(
            T.c.ledger_id == ledger_id, T.c.template_id.in_(wanted)
        )
        spent = select(M.c.id, func.unnest(M.c.spent_dates)).where(
            M.c.ledger_id == ledger_id, M.c.id.in_(wanted)
        )
        for row in await tx.rows(union_all(made, spent)):
            found[ledger_id, row.template_id].add(row.day)
    return found


def missing(row: TemplateRow, done: Collection[date], today: date) -> Iterator[date]:
    """Due dates without a transaction, oldest first."""
    settled = row.settled_until
    due = all_until(row, today) if settled is None else occurrences(row, settled + _DAY, today)
    return (day for day in due if day not in done)


def first_open(row: TemplateRow, done: Collection[date], today: date) -> date | None:
    """The first date that is not done, due or to come."""
    due = next(missing(row, done, today), None)
    return due if due is not None else _next_open(row, done, today)


def _next_open(row: TemplateRow, done: Collection[date], today: date) -> date | None:
    day = next_date(row, today)
    if day is None or day not in done:
        return day
    return next((one for one in occurrences(row, day, LAST_DAY) if one not in done), None)


async def progress_of(tx: Tx, keys: Sequence[tuple[TemplateRow, date]]) -> list[Progress]:
    """Next and missing dates of templates as of a day, in one statement a ledger."""
    done = await done_dates(tx, [(row.ledger_id, row.id) for row, _ in keys])
    found = []
    for row, today in keys:
        mine = done[row.ledger_id, row.id]
        shown = tuple(islice(missing(row, mine, today), MISSING_SHOWN))
        found.append(Progress(_next_open(row, mine, today), shown))
    return found
