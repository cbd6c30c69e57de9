"""Group transactions read from the database: opened rows, filters, sorts and pages."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, cast, func, literal, select

from models.base import among, table
from models.database import Transaction as Tx
from models.groups import (
    GroupPart,
    GroupTransaction,
    GroupTransactionRow,
    PaymentRow,
    PortionRow,
)
from resolvers.categories import descendants
from resolvers.errors import FieldError, Invalid, NotFound
from resolvers.groups.inputs import GroupTransactionFilter
from resolvers.money import digits_of
from resolvers.paging import Order, Page, PageRequest, fetch_page, slice_page

X: Final = table(GroupTransaction)
P: Final = table(GroupPart)
Key = tuple[UUID, UUID]
NO_FILTER: Final = GroupTransactionFilter()
_OPENED: Final = frozenset({"amount_minor", "paid_by", "shares"})
PLAIN: Final = tuple(f.name for f in fields(GroupTransactionRow) if f.name not in _OPENED)
COLUMNS: Final = (*(X.c[name] for name in PLAIN), X.c.amount)


async def open_group_transactions(tx: Tx, rows: Iterable[Row[Any]]) -> list[GroupTransactionRow]:
    """Database rows with their amounts opened and their parts read along."""
    found = list(rows)
    if not found:
        return []
    await tx.unlock(row.ledger_id for row in found)
    currencies = {(row.ledger_id, row.id): row.currency for row in found}
    parts = await tx.rows(
        select(P)
        .where(
            among(P.c.ledger_id, {row.ledger_id for row in found}),
            among(P.c.transaction_id, {row.id for row in found}),
        )
        .order_by(P.c.ledger_id, P.c.transaction_id, P.c.position)
    )
    paid: dict[Key, list[tuple[int, PaymentRow]]] = {}
    owed: dict[Key, list[PortionRow]] = {}
    for part in parts:
        key = (part.ledger_id, part.transaction_id)
        currency, ring = currencies[key], tx.ring(part.ledger_id)
        if part.paid is not None:
            minor = ring.unseal_minor("group_parts.paid", part.id, part.paid)
            payment = PaymentRow(part.ledger_id, part.user_id, minor, currency)
            paid.setdefault(key, []).append((part.paid_position, payment))
        if part.owed is not None:
            minor = ring.unseal_minor("group_parts.owed", part.id, part.owed)
            portion = PortionRow(part.ledger_id, part.user_id, minor, part.weight, currency)
            owed.setdefault(key, []).append(portion)
    return [
        GroupTransactionRow(
            **{name: getattr(row, name) for name in PLAIN},
            amount_minor=tx.ring(row.ledger_id).unseal_minor(
                "group_transactions.amount", row.id, row.amount
            ),
            paid_by=tuple(
                one for _, one in sorted(paid.get((row.ledger_id, row.id), ()), key=itemgetter(0))
            ),
            shares=tuple(owed.get((row.ledger_id, row.id), ())),
        )
        for row in found
    ]


async def group_transactions_by_id(
    tx: Tx, keys: Sequence[Key], *, deleted: bool = False
) -> list[GroupTransactionRow | None]:
    """Group transactions in the order of their keys (group, id); None for what is not there."""
    rows = await tx.rows(
        select(*COLUMNS).where(
            among(X.c.ledger_id, {key[0] for key in keys}),
            among(X.c.id, {key[1] for key in keys}),
            X.c.deleted_at.is_not(None) if deleted else X.c.deleted_at.is_(None),
        )
    )
    opened = await open_group_transactions(tx, rows)
    found = {(row.ledger_id, row.id): row for row in opened}
    return [found.get(key) for key in keys]


async def group_transactions_anywhere(
    tx: Tx, keys: Sequence[UUID]
) -> list[GroupTransactionRow | None]:
    """Living group transactions by id alone, in whichever of the person's groups they are."""
    rows = await tx.rows(select(*COLUMNS).where(among(X.c.id, set(keys)), X.c.deleted_at.is_(None)))
    found = {row.id: row for row in await open_group_transactions(tx, rows)}
    return [found.get(key) for key in keys]


async def get_group_transaction(
    tx: Tx, group_id: UUID | None, transaction_id: UUID | None, *, deleted: bool = False
) -> GroupTransactionRow:
    """One transaction of a group; raises NOT_FOUND."""
    if group_id is not None and transaction_id is not None:
        key = (group_id, transaction_id)
        row = (await group_transactions_by_id(tx, [key], deleted=deleted))[0]
        if row is not None:
            return row
    raise NotFound("There is no such group transaction.")


async def _conditions(
    tx: Tx, group_id: UUID, wanted: GroupTransactionFilter
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        X.c.ledger_id == group_id,
        X.c.deleted_at.is_not(None) if wanted.deleted else X.c.deleted_at.is_(None),
    ]
    if wanted.from_ is not None:
        found.append(X.c.date >= wanted.from_)
    if wanted.to is not None:
        found.append(X.c.date <= wanted.to)
    if wanted.kind is not None:
        found.append(X.c.kind == wanted.kind)
    if wanted.currency is not None:
        found.append(X.c.currency == wanted.currency)
    if wanted.search:
        found.append(X.c.description.icontains(wanted.search, autoescape=True))
    if wanted.category_id is not None:
        tree = await descendants(tx, group_id, wanted.category_id)
        found.append(among(X.c.category_id, tree))
    if wanted.user_id is not None:
        part = select(P.c.transaction_id).where(
            P.c.ledger_id == group_id, P.c.user_id == wanted.user_id
        )
        found.append(X.c.id.in_(part))
    return found


def _bounds(wanted: GroupTransactionFilter) -> tuple[Decimal | None, Decimal | None]:
    low = None if wanted.min_amount is None else Decimal(wanted.min_amount)
    high = None if wanted.max_amount is None else Decimal(wanted.max_amount)
    wrong = [
        FieldError(name, "INVALID", "Not below zero.")
        for name, bound in (("minAmount", low), ("maxAmount", high))
        if bound is not None and bound < 0
    ]
    if wrong:
        raise Invalid(wrong)
    return low, high


async def _scan(
    tx: Tx, group_id: UUID, wanted: GroupTransactionFilter
) -> list[tuple[int, Row[Any]]]:
    """Amounts of all rows that the database left, as far as they lie within the bounds."""
    low, high = _bounds(wanted)
    conditions = await _conditions(tx, group_id, wanted)
    rows = await tx.rows(select(X.c.id, X.c.date, X.c.currency, X.c.amount).where(*conditions))
    await tx.unlock([group_id])
    ring = tx.ring(group_id)
    found = []
    for row in rows:
        minor = ring.unseal_minor("group_transactions.amount", row.id, row.amount)
        size = Decimal(minor).scaleb(-digits_of(row.currency))
        if (low is None or size >= low) and (high is None or size <= high):
            found.append((minor, row))
    return found


def _needs_scan(wanted: GroupTransactionFilter, sort: str) -> bool:
    bounded = wanted.min_amount is not None or wanted.max_amount is not None
    return bounded or sort.startswith("AMOUNT")


async def list_group_transactions(
    tx: Tx,
    group_id: UUID,
    wanted: GroupTransactionFilter = NO_FILTER,
    *,
    sort: str = "DATE_DESC",
    request: PageRequest,
) -> Page[GroupTransactionRow]:
    """A page of a group's transactions, newest first unless sorted otherwise."""
    descending = sort.endswith("DESC")
    if not _needs_scan(wanted, sort):
        statement = select(*COLUMNS).where(*await _conditions(tx, group_id, wanted))
        page = await fetch_page(tx, statement, Order((X.c.date, X.c.id), descending), request)
        rows = await open_group_transactions(tx, page.items)
        return Page(rows, page.keys, page.has_next, page.has_previous)
    by_amount = sort.startswith("AMOUNT")
    chosen = slice_page(
        await _scan(tx, group_id, wanted),
        lambda one: (one[0] if by_amount else one[1].date, one[1].id),
        descending=descending,
        request=request,
    )
    keys = [(group_id, row.id) for _, row in chosen.items]
    full = await group_transactions_by_id(tx, keys, deleted=wanted.deleted)
    present = [row for row in full if row is not None]
    return Page(present, chosen.keys, chosen.has_next, chosen.has_previous)


async def count_group_transactions(
    tx: Tx, group_id: UUID, wanted: GroupTransactionFilter = NO_FILTER
) -> int:
    """How many transactions of a group a filter leaves."""
    if _needs_scan(wanted, "DATE_DESC"):
        return len(await _scan(tx, group_id, wanted))
    conditions = await _conditions(tx, group_id, wanted)
    return int(await tx.scalar(select(func.count()).select_from(X).where(*conditions)))


async def page_by_group(
    tx: Tx, keys: Sequence[tuple[UUID, int]]
) -> list[Page[GroupTransactionRow]]:
    """Newest rows of several groups in one statement; each key ends with how many rows."""
    pages: dict[tuple[UUID, int], Page[GroupTransactionRow]] = {}
    for size in {key[1] for key in keys}:
        wanted = [key[0] for key in keys if key[1] == size]
        which = func.unnest(cast(wanted, ARRAY(Uuid))).table_valued("group_id").render_derived()
        newest = (
            select(*COLUMNS)
            .where(X.c.ledger_id == which.c.group_id, X.c.deleted_at.is_(None))
            .order_by(X.c.date.desc(), X.c.id.desc())
            .limit(size + 1)
            .lateral()
        )
        rows = await tx.rows(
            select(newest)
            .select_from(which.join(newest, literal(True)))
            .order_by(newest.c.date.desc(), newest.c.id.desc())
        )
        groups: dict[UUID, list[GroupTransactionRow]] = {}
        for row in await open_group_transactions(tx, rows):
            groups.setdefault(row.ledger_id, []).append(row)
        for group_id in wanted:
            mine = groups.get(group_id, [])
            shown = mine[:size]
            pages[group_id, size] = Page(
                shown, [(row.date, row.id) for row in shown], len(mine) > size, has_previous=False
            )
    return [pages[key] for key in keys]
