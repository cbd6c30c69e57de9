"""Shares: what group transactions are in a member's own books.

A share says what she paid and what she owes.  Reports read it so: ``owed`` of an EXPENSE is her own
spending, in ``category_id`` on ``date``; ``paid - owed``, summed over expenses and settlements
alike, is what the groups owe her.  The money that left or entered her accounts is booked by *legs*,
transactions with a ``group_id``, which are no spending of their own: reports leave them out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, Row, and_, func, select

from models.base import among, table
from models.database import Transaction as Tx
from models.groups import Share, ShareRow
from resolvers.access import Actor
from resolvers.inputs import GroupRef, Input, PostingDate
from resolvers.money import checked_sum
from resolvers.paging import Order, Page, PageRequest, fetch_page

H: Final = table(Share)
Key = tuple[UUID, UUID]
_OPENED: Final = frozenset({"paid_minor", "owed_minor"})
SHARE_PLAIN: Final = tuple(f.name for f in fields(ShareRow) if f.name not in _OPENED)
SHARE_COLUMNS: Final = (*(H.c[name] for name in SHARE_PLAIN), H.c.paid, H.c.owed)


class ShareFilter(Input):
    """Which shares a list shows; all given conditions hold."""

    from_: Annotated[PostingDate | None, Field(alias="from")] = None
    to: PostingDate | None = None
    group_id: GroupRef | None = None


_NO_FILTER: Final = ShareFilter()


async def open_shares(tx: Tx, rows: Iterable[Row[Any]]) -> list[ShareRow]:
    """Database rows with their amounts opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    opened = []
    for row in found:
        ring = tx.ring(row.ledger_id)
        opened.append(
            ShareRow(
                **{name: getattr(row, name) for name in SHARE_PLAIN},
                paid_minor=ring.unseal_minor("shares.paid", row.id, row.paid),
                owed_minor=ring.unseal_minor("shares.owed", row.id, row.owed),
            )
        )
    return opened


def _living(ledger_id: UUID) -> ColumnElement[bool]:
    return and_(H.c.ledger_id == ledger_id, H.c.deleted_at.is_(None))


async def own_shares(tx: Tx, ledger_id: UUID, first: date, last: date) -> list[ShareRow]:
    """A person's shares from one day to another, both included, in one statement.

    Spending is ``owed_minor`` of those of kind EXPENSE (minor units of ``currency``, at least 0)
    in the person's own ``category_id``; settlements are no spending.
    """
    rows = await tx.rows(
        select(*SHARE_COLUMNS).where(_living(ledger_id), H.c.date.between(first, last))
    )
    return await open_shares(tx, rows)


async def receivables(tx: Tx, ledger_id: UUID, as_of: date) -> dict[str, int]:
    """What all groups owe a person at the end of a day, net, by currency, in minor units.

    Below zero where she owes; currencies in which nothing is open are left out.
    """
    rows = await tx.rows(select(*SHARE_COLUMNS).where(_living(ledger_id), H.c.date <= as_of))
    sums: Counter[str] = Counter()
    for row in await open_shares(tx, rows):
        sums[row.currency] += row.paid_minor - row.owed_minor
    return {currency: checked_sum((minor,)) for currency, minor in sorted(sums.items()) if minor}


async def shares_by_id(
    tx: Tx, keys: Sequence[Key], *, deleted: bool = False
) -> list[ShareRow | None]:
    """Shares by (own ledger, group transaction); None where there is none."""
    statement = select(*SHARE_COLUMNS).where(
        among(H.c.ledger_id, {key[0] for key in keys}), among(H.c.id, {key[1] for key in keys})
    )
    if not deleted:
        statement = statement.where(H.c.deleted_at.is_(None))
    rows = await open_shares(tx, await tx.rows(statement))
    found = {(row.ledger_id, row.id): row for row in rows}
    return [found.get(key) for key in keys]


def _conditions(actor: Actor, wanted: ShareFilter) -> list[ColumnElement[bool]]:
    found = [_living(actor.ledger_id)]
    if wanted.from_ is not None:
        found.append(H.c.date >= wanted.from_)
    if wanted.to is not None:
        found.append(H.c.date <= wanted.to)
    if wanted.group_id is not None:
        found.append(H.c.group_id == wanted.group_id)
    return found


async def list_shares(
    tx: Tx, actor: Actor, request: PageRequest, wanted: ShareFilter = _NO_FILTER
) -> Page[ShareRow]:
    """A page of the person's shares, newest first."""
    statement = select(*SHARE_COLUMNS).where(*_conditions(actor, wanted))
    page = await fetch_page(tx, statement, Order((H.c.date, H.c.id), descending=True), request)
    rows = await open_shares(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_shares(tx: Tx, actor: Actor, wanted: ShareFilter = _NO_FILTER) -> int:
    """How many shares the person has."""
    mine = select(func.count()).select_from(H).where(*_conditions(actor, wanted))
    return int(await tx.scalar(mine))
