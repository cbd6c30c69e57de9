"""Lists of transactions: filters, sorts and keyset pages.

Amounts are sealed, so conditions and sorts on them are decided here, over segments; all else is
decided by the database.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Uuid,
    and_,
    any_,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)

from models.base import among
from models.database import Transaction as Tx
from models.statements import Forms
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.categories import descendants
from resolvers.errors import FieldError, Invalid
from resolvers.money import checked_sum
from resolvers.paging import Listing, Order, Page, PageRequest, fetch_page
from resolvers.shown import Shown
from resolvers.transactions.glances import REMEMBERED, Glance, glance_of
from resolvers.transactions.inputs import TransactionFilter
from resolvers.transactions.rows import (
    CATEGORY_KIND,
    COLUMNS,
    LIVING,
    SOURCE,
    Key,
    S,
    T,
    open_transactions,
    transactions_by_id,
)
from resolvers.transactions.scanning import scan

_R: Final = T.alias("refunded")
NO_FILTER: Final = TransactionFilter()
_FORMS: Final = Forms()
_GLANCES: Final = Forms(REMEMBERED)
_NEWEST: Final = Order((T.c.date, T.c.id), descending=True)
_OLDEST: Final = Order((T.c.date, T.c.id))


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _needs_scan(wanted: TransactionFilter, sort: str) -> bool:
    return (
        sort.startswith("AMOUNT")
        or wanted.min_amount is not None
        or wanted.max_amount is not None
        or wanted.kind in {"INCOME", "EXPENSE"}
    )


async def conditions_of(
    tx: Tx, ledger_id: UUID, wanted: TransactionFilter
) -> list[ColumnElement[bool]]:
    """Everything that the database can decide."""
    found: list[ColumnElement[bool]] = [
        T.c.ledger_id == ledger_id,
        T.c.deleted_at.is_not(None) if wanted.deleted else T.c.deleted_at.is_(None),
    ]
    if wanted.from_ is not None:
        found.append(T.c.date >= wanted.from_)
    if wanted.to is not None:
        found.append(T.c.date <= wanted.to)
    if wanted.account_id is not None:
        found.append(T.c.account_id == wanted.account_id)
    if wanted.template_id is not None:
        found.append(T.c.template_id == wanted.template_id)
    if wanted.refund_of is not None:
        found.append(T.c.refund_of == wanted.refund_of)
    if wanted.status is not None:
        found.append(T.c.status == wanted.status)
    if wanted.tag is not None:
        found.append(literal(wanted.tag) == any_(T.c.tags))
    if wanted.search:
        pattern = _like(wanted.search)
        found.append(
            or_(T.c.description.ilike(pattern, escape="\\"), T.c.payee.ilike(pattern, escape="\\"))
        )
    if wanted.category_id is not None:
        tree = await descendants(tx, ledger_id, wanted.category_id)
        part = select(S.c.transaction_id).where(
            S.c.ledger_id == ledger_id, among(S.c.category_id, tree)
        )
        # A refund is where it nets: on the category of what it refunds, if that has one.
        own = and_(among(T.c.category_id, tree), not_(_refunds(_R.c.category_id.is_not(None))))
        netted = and_(_refunds(among(_R.c.category_id, tree)), T.c.split_count == 0)
        found.append(or_(own, netted, T.c.id.in_(part)))
    if wanted.group_id is not None:
        found.append(T.c.group_id == wanted.group_id)
    settling = and_(T.c.group_id.is_not(None), T.c.category_id.is_(None))
    if wanted.kind == "TRANSFER":
        found.append(or_(T.c.transfer_id.is_not(None), settling))
    elif wanted.kind is not None:
        found.append(
            and_(
                T.c.transfer_id.is_(None),
                not_(settling),
                or_(
                    CATEGORY_KIND.in_((wanted.kind,)),
                    T.c.category_id.is_(None),
                    T.c.refund_of.is_not(None),
                ),
            )
        )
    return found


def _refunds(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row refunds another one of which a condition holds; asked of refunds only."""
    named = select(_R.c.id).where(
        _R.c.ledger_id == T.c.ledger_id, _R.c.id == T.c.refund_of, condition
    )
    return and_(T.c.refund_of.is_not(None), named.exists())


def bounds_of(wanted: TransactionFilter) -> tuple[Decimal | None, Decimal | None]:
    """The smallest and the largest magnitude that a filter lets through."""
    low = None if wanted.min_amount is None else Decimal(wanted.min_amount)
    high = None if wanted.max_amount is None else Decimal(wanted.max_amount)
    wrong = [
        FieldError(name, "INVALID", "Compared with absolute values: not below zero.")
        for name, bound in (("minAmount", low), ("maxAmount", high))
        if bound is not None and bound < 0
    ]
    if wrong:
        raise Invalid(wrong)
    return low, high


def _all_living() -> Select[Any]:
    return select(*COLUMNS).select_from(SOURCE).where(*LIVING)


async def list_transactions(
    tx: Tx,
    actor: Actor,
    wanted: TransactionFilter = NO_FILTER,
    *,
    sort: str = "DATE_DESC",
    request: PageRequest,
    shown: Shown | None = None,
) -> Page[TransactionRow]:
    """A page of the person's transactions, newest first unless sorted otherwise.

    ``shown`` tells what is looked at of them; the rows hold nothing else.
    """
    ledger_id = actor.ledger_id
    descending = sort.endswith("DESC")
    order = _NEWEST if descending else _OLDEST
    glance = glance_of(shown)
    if _needs_scan(wanted, sort):
        return await _scanned(tx, ledger_id, wanted, sort, request, glance)
    if wanted is NO_FILTER or wanted == NO_FILTER:
        # What is asked most of all is prepared.
        if glance is not None:
            build, forms = glance.living, _GLANCES
        else:
            build, forms = _all_living, _FORMS
        listed = Listing(forms, glance, build, {"ledger_id": ledger_id})
        page = await fetch_page(tx, listed, order, request, glance)
    else:
        conditions = await conditions_of(tx, ledger_id, wanted)
        whole = select(*COLUMNS).select_from(SOURCE)
        statement = whole if glance is None else glance.statement(whole_source=True)
        page = await fetch_page(tx, statement.where(*conditions), order, request, glance)
    if glance is not None:
        return await glance.page(tx, ledger_id, page)
    rows = await open_transactions(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def _scanned(
    tx: Tx,
    ledger_id: UUID,
    wanted: TransactionFilter,
    sort: str,
    request: PageRequest,
    glance: Glance | None,
) -> Page[TransactionRow]:
    """A page of what only opened amounts can decide or sort."""

    async def conditions() -> list[ColumnElement[bool]]:
        return await conditions_of(tx, ledger_id, wanted)

    scanned = await scan(tx, ledger_id, wanted, conditions, bounds_of(wanted))
    keys, follows, before = scanned.page(
        request, by_amount=sort.startswith("AMOUNT"), descending=sort.endswith("DESC")
    )
    if glance is not None:
        return await glance.named(
            tx, ledger_id, Page([], keys, follows, before), deleted=bool(wanted.deleted)
        )
    wanted_keys: list[Key] = [(ledger_id, key[1]) for key in keys]
    full = await transactions_by_id(tx, wanted_keys, deleted=wanted.deleted)
    return Page([row for row in full if row is not None], keys, follows, before)


async def count_transactions(tx: Tx, actor: Actor, wanted: TransactionFilter = NO_FILTER) -> int:
    """How many transactions a filter leaves."""

    async def conditions() -> list[ColumnElement[bool]]:
        return await conditions_of(tx, actor.ledger_id, wanted)

    if _needs_scan(wanted, "DATE_DESC"):
        return len(await scan(tx, actor.ledger_id, wanted, conditions, bounds_of(wanted)))
    statement = select(func.count()).select_from(SOURCE).where(*await conditions())
    return int(await tx.scalar(statement))


async def page_by_account(
    tx: Tx, keys: Sequence[tuple[UUID, UUID, int]]
) -> list[Page[TransactionRow]]:
    """Newest rows of several accounts in one statement; each key ends with how many rows."""
    return await _pages(tx, T.c.account_id, keys)


async def page_by_template(
    tx: Tx, keys: Sequence[tuple[UUID, UUID, int]]
) -> list[Page[TransactionRow]]:
    """Newest rows of several templates in one statement; each key ends with how many rows."""
    return await _pages(tx, T.c.template_id, keys)


async def page_by_refunded(
    tx: Tx, keys: Sequence[tuple[UUID, UUID, int]]
) -> list[Page[TransactionRow]]:
    """Newest refunds of several rows in one statement; each key ends with how many rows."""
    return await _pages(tx, T.c.refund_of, keys)


async def refunded_amounts(tx: Tx, keys: Sequence[tuple[UUID, UUID, str]]) -> list[int]:
    """What came back of transactions, given with their currency: sums of their living refunds.

    Minor units, signed as the refunds are; a refund in another currency is left out, because no
    rate would be the right one.
    """
    sums = dict.fromkeys(keys, 0)
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(T.c.id, T.c.refund_of, T.c.currency, T.c.amount).where(
                T.c.ledger_id == ledger_id,
                among(T.c.refund_of, wanted),
                T.c.deleted_at.is_(None),
            )
        )
        await tx.unlock([ledger_id])
        ring = tx.ring(ledger_id)
        for row in rows:
            key = (ledger_id, row.refund_of, row.currency)
            if key in sums:
                sums[key] += ring.unseal_minor("transactions.amount", row.id, row.amount)
    return [checked_sum([sums[key]]) for key in keys]


async def _pages(
    tx: Tx, owner: ColumnElement[UUID], keys: Sequence[tuple[UUID, UUID, int]]
) -> list[Page[TransactionRow]]:
    pages: dict[tuple[UUID, UUID, int], Page[TransactionRow]] = {}
    for ledger_id, size in {(key[0], key[2]) for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id and key[2] == size]
        groups = await _newest(tx, ledger_id, owner, wanted, size)
        for owner_id in wanted:
            rows = groups.get(owner_id, [])
            shown = rows[:size]
            pages[ledger_id, owner_id, size] = Page(
                shown, [(row.date, row.id) for row in shown], len(rows) > size, has_previous=False
            )
    return [pages[key] for key in keys]


async def _newest(
    tx: Tx, ledger_id: UUID, owner: ColumnElement[UUID], owners: list[UUID], size: int
) -> dict[UUID, list[TransactionRow]]:
    """One LATERAL for each owner walks the index of its newest rows and stops at the limit."""
    which = func.unnest(cast(owners, ARRAY(Uuid))).table_valued("owner_id").render_derived()
    newest = (
        select(*COLUMNS)
        .select_from(SOURCE)
        .where(
            T.c.ledger_id == ledger_id,
            owner == which.c.owner_id,
            T.c.deleted_at.is_(None),
        )
        .order_by(T.c.date.desc(), T.c.id.desc())
        .limit(size + 1)
        .lateral()
    )
    rows = await tx.rows(
        select(newest)
        .select_from(which.join(newest, literal(True)))
        .order_by(newest.c.date.desc(), newest.c.id.desc())
    )
    groups: dict[UUID, list[TransactionRow]] = {}
    for row in await open_transactions(tx, rows):
        groups.setdefault(getattr(row, str(owner.key)), []).append(row)
    return groups
