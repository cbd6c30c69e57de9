"""The books of a ledger: cells that open, totals, split parts, transfers, rows as in the feed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Row, Table, select

from models.accounts import Account, AccountRow
from models.base import table
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import Category, CategoryRow
from models.idempotency import IdempotencyKey
from models.imports import Import, ImportRow
from models.notifications import Notification, NotificationRow
from models.rates import Rate, RateRow
from models.rules import RuleChange, RuleRun
from models.templates import Template, TemplateRow
from models.transactions import SplitRow, TransactionRow
from resolvers.budgets.rows import ITEMS, B, I
from resolvers.rules.rows import R, plain_of, rule_of
from resolvers.transactions.rows import COLUMNS, SOURCE, S, T
from resolvers.uploads.rows import U, upload_row
from resolvers.verify.finder import Finder, pages
from resolvers.verify.groups import check_groups
from resolvers.verify.images import Stored, check_images, check_lost
from resolvers.verify.learned import check_learned
from resolvers.verify.report import Kind, named
from resolvers.verify.segments import check_segments

_A: Final = table(Account)
_C: Final = table(Category)
_M: Final = table(Template)
_N: Final = table(Notification)
_R: Final = table(Rate)
_ENTITIES: Final = (
    "transaction", "account", "category", "budget", "budgetItem", "template", "rate", "upload",
    "notification", "rule",
)  # fmt: skip
_OTHER_CELLS: Final[tuple[tuple[Table, str, str, str], ...]] = (
    # table, column of its order, sealed column, what a row is called
    (table(IdempotencyKey), "key", "answer", "idempotency key"),
    (table(Import), "id", "report", "import"),
    (table(Import), "id", "rulings", "import"),
    (table(ImportRow), "id", "content", "import row"),
    (table(RuleChange), "id", "content", "change of a rule run"),
    (table(RuleRun), "id", "rules", "rule run"),
)


class Sums:
    """Sums of living transactions by account, as far as they can be told."""

    def __init__(self) -> None:
        self.by_account: Counter[UUID] = Counter()
        self.unknown: set[UUID] = set()
        """Accounts with an amount that does not open: their totals cannot be judged."""

    def add(self, account_id: UUID, minor: int | None) -> None:
        """Count one living transaction."""
        if minor is None:
            self.unknown.add(account_id)
        else:
            self.by_account[account_id] += minor


async def check_books(finder: Finder) -> int:
    """Check everything but the chain; the number of transactions seen."""
    sums = Sums()
    seen = await _check_transactions(finder, sums)
    await _check_accounts(finder, sums)
    await _check_categories(finder)
    await _check_budgets(finder)
    await _check_templates(finder)
    await _check_rules(finder)
    await _check_notifications(finder)
    await _check_rates(finder)
    await check_segments(finder)
    await check_learned(finder)
    await _check_uploads(finder)
    for entity in _ENTITIES:
        await check_lost(finder, entity)
    await check_groups(finder)
    await _check_other_cells(finder)
    return seen


async def _check_transactions(finder: Finder, sums: Sums) -> int:
    seen = 0
    statement = select(*COLUMNS).select_from(SOURCE).where(T.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (T.c.id,)):
        seen += len(page)
        parts, shut = await _parts(finder, page)
        whole: list[Stored] = []
        for row in page:
            minor = finder.minor("transactions.amount", "transaction", row.id, row.amount)
            notes = finder.opened("transactions.notes", "transaction", row.id, row.notes)
            living = row.deleted_at is None
            if living:
                sums.add(row.account_id, minor)
            if minor is None or row.id in shut:
                continue
            mine = parts.get(row.id, [])
            _check_splits(finder, row, minor, mine)
            if living and (notes is not None or row.notes is None):
                whole.append(_transaction(row, minor, notes, mine))
        await _check_transfers(finder, page)
        await check_images(finder, "transaction", whole, _trash(page))
    return seen


def _trash(page: Sequence[Row[Any]]) -> list[UUID]:
    return [row.id for row in page if row.deleted_at is not None]


def _transaction(
    row: Row[Any], minor: int, notes: bytes | None, parts: Sequence[SplitRow]
) -> TransactionRow:
    opened: dict[str, Any] = {
        "amount_minor": minor,
        "notes": None if notes is None else notes.decode(),
        "tags": tuple(row.tags),
        "locked": tuple(row.locked),
        "splits": tuple(parts),
        "refunded": None,
    }
    plain = [f.name for f in fields(TransactionRow) if f.name not in opened]
    return TransactionRow(**{name: getattr(row, name) for name in plain}, **opened)


async def _parts(
    finder: Finder, page: Sequence[Row[Any]]
) -> tuple[dict[UUID, list[SplitRow]], set[UUID]]:
    """Opened parts by parent, and the parents of which a part does not open."""
    currencies = {row.id: row.currency for row in page}
    parts: dict[UUID, list[SplitRow]] = {}
    shut: set[UUID] = set()
    # Read for all rows and not by their counts: a count may be what was altered.
    rows = await finder.tx.rows(
        select(S.c.id, S.c.transaction_id, S.c.category_id, S.c.amount, S.c.notes)
        .where(S.c.ledger_id == finder.ledger_id, S.c.transaction_id.in_(currencies))
        .order_by(S.c.transaction_id, S.c.position)
    )
    for row in rows:
        parent = row.transaction_id
        minor = finder.minor("splits.amount", "split", row.id, row.amount)
        notes = finder.opened("splits.notes", "split", row.id, row.notes)
        if minor is None or (notes is None and row.notes is not None):
            shut.add(parent)
            continue
        words = None if notes is None else notes.decode()
        part = SplitRow(row.id, row.category_id, minor, words, currencies[parent])
        parts.setdefault(parent, []).append(part)
    return parts, shut


def _check_splits(finder: Finder, row: Row[Any], minor: int, parts: Sequence[SplitRow]) -> None:
    name = named("transaction", row.id)
    if len(parts) != row.split_count:
        message = f"{name} says it has {row.split_count} parts and has {len(parts)}."
        finder.differs(Kind.SPLIT, "transaction", row.id, message)
    elif parts and sum(part.amount_minor for part in parts) != minor:
        message = f"The parts of {name} do not sum to its amount."
        finder.differs(Kind.SPLIT, "transaction", row.id, message)


async def _check_transfers(finder: Finder, page: Sequence[Row[Any]]) -> None:
    """Living sides name each other, and in one currency they are opposite."""
    sides = [row for row in page if row.deleted_at is None and row.transfer_id is not None]
    if not sides:
        return
    found = await finder.tx.rows(
        select(T.c.id, T.c.transfer_id, T.c.currency, T.c.amount).where(
            T.c.ledger_id == finder.ledger_id,
            T.c.id.in_([row.transfer_id for row in sides]),
            T.c.deleted_at.is_(None),
        )
    )
    others = {row.id: row for row in found}
    for row in sides:
        other = others.get(row.transfer_id)
        name = named("transaction", row.id)
        if other is None or other.transfer_id != row.id:
            far = named("transaction", row.transfer_id)
            message = f"{name} names {far} as its other side, which does not name it."
            finder.differs(Kind.TRANSFER, "transaction", row.id, message)
        # A pair is judged once, at the side that was made first.
        elif (
            row.currency == other.currency
            and row.id < other.id
            and not _opposite(finder, row, other)
        ):
            message = f"{name} and its other side do not cancel out."
            finder.differs(Kind.TRANSFER, "transaction", row.id, message)


def _opposite(finder: Finder, row: Row[Any], other: Row[Any]) -> bool:
    """Whether two amounts cancel out; amounts that do not open are told elsewhere."""
    one, two = (
        finder.minor("transactions.amount", "transaction", side.id, side.amount, tell=False)
        for side in (row, other)
    )
    return one is None or two is None or one == -two


async def _check_accounts(finder: Finder, sums: Sums) -> None:
    """Opened cells, images, and running totals against the sums (trashed accounts too)."""
    statement = select(_A).where(_A.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_A.c.id,)):
        whole: list[Stored] = []
        for row in page:
            opening = finder.minor("accounts.opening", "account", row.id, row.opening)
            total = finder.minor("accounts.total", "account", row.id, row.total)
            number = finder.opened("accounts.number", "account", row.id, row.number)
            known = total is not None and row.id not in sums.unknown
            if known and total != sums.by_account[row.id]:
                name = named("account", row.id)
                message = f"The running total of {name} is not the sum of its transactions."
                finder.differs(Kind.TOTAL, "account", row.id, message)
            readable = number is not None or row.number is None
            if opening is not None and readable and row.deleted_at is None:
                whole.append(_account(row, opening, number))
        await check_images(finder, "account", whole, _trash(page))


def _account(row: Row[Any], opening: int, number: bytes | None) -> AccountRow:
    opened: dict[str, Any] = {
        "opening_minor": opening,
        "number": None if number is None else number.decode(),
    }
    plain = [f.name for f in fields(AccountRow) if f.name not in opened]
    return AccountRow(**{name: getattr(row, name) for name in plain}, **opened)


async def _check_categories(finder: Finder) -> None:
    names = [f.name for f in fields(CategoryRow)]
    statement = select(_C).where(_C.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_C.c.id,)):
        rows = [CategoryRow(**{name: getattr(row, name) for name in names}) for row in page]
        await check_images(finder, "category", rows)


async def _check_budgets(finder: Finder) -> None:
    """Plans as the feed left them; amounts of items that open."""
    statement = select(B).where(B.c.ledger_id == finder.ledger_id)
    names = [f.name for f in fields(BudgetRow) if f.name not in {"alert_percents", "items"}]
    async for page in pages(finder.tx, statement, (B.c.id,)):
        budgets = [
            BudgetRow(
                **{name: getattr(row, name) for name in names},
                alert_percents=tuple(row.alert_percents),
                items=(),
            )
            for row in page
        ]
        await check_images(finder, "budget", budgets)
    statement = ITEMS.where(I.c.ledger_id == finder.ledger_id)
    names = [f.name for f in fields(BudgetItemRow) if f.name != "amount_minor"]
    async for page in pages(finder.tx, statement, (I.c.id,)):
        items = []
        for row in page:
            minor = finder.minor("budget_items.amount", "budgetItem", row.id, row.amount)
            if minor is not None:
                plain = {name: getattr(row, name) for name in names}
                items.append(BudgetItemRow(**plain, amount_minor=minor))
        await check_images(finder, "budgetItem", items)


async def _check_templates(finder: Finder) -> None:
    names = [f.name for f in fields(TemplateRow) if f.name != "amount_minor"]
    statement = select(_M).where(_M.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_M.c.id,)):
        whole: list[Stored] = []
        for row in page:
            minor = finder.minor("templates.amount", "template", row.id, row.amount)
            if minor is not None:
                plain = {name: getattr(row, name) for name in names}
                whole.append(TemplateRow(**plain, amount_minor=minor))
        await check_images(finder, "template", whole)


async def _check_rules(finder: Finder) -> None:
    """Contents that open, and are as the feed left them."""
    statement = select(R).where(R.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (R.c.id,)):
        whole: list[Stored] = []
        for row in page:
            content = finder.opened("rules.content", "rule", row.id, row.content)
            if content is not None:
                whole.append(rule_of(plain_of(row), content))
        await check_images(finder, "rule", whole)


async def _check_notifications(finder: Finder) -> None:
    """Words and data that open, and are as the feed left them."""
    names = [f.name for f in fields(NotificationRow) if f.name not in {"title", "body", "data"}]
    statement = select(_N).where(_N.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_N.c.id,)):
        whole: list[Stored] = []
        for row in page:
            opened = {
                name: finder.opened(
                    f"notifications.{name}", "notification", row.id, getattr(row, name)
                )
                for name in ("title", "body", "data")
            }
            title, body, data = opened["title"], opened["body"], opened["data"]
            if title is not None and body is not None and data is not None:
                words = {"title": title.decode(), "body": body.decode(), "data": from_json(data)}
                whole.append(NotificationRow(**{n: getattr(row, n) for n in names}, **words))
        await check_images(finder, "notification", whole)


async def _check_rates(finder: Finder) -> None:
    names = [f.name for f in fields(RateRow)]
    statement = select(_R).where(_R.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_R.c.id,)):
        rows = [RateRow(**{name: getattr(row, name) for name in names}) for row in page]
        await check_images(finder, "rate", rows)


async def _check_uploads(finder: Finder) -> None:
    """Facts of files as the feed left them; their bytes prove themselves when they are read."""
    statement = select(U).where(U.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (U.c.id,)):
        rows = [upload_row(row) for row in page if row.deleted_at is None]
        await check_images(finder, "upload", rows, _trash(page))


async def _check_other_cells(finder: Finder) -> None:
    """Cells that no figure is made of must open all the same."""
    for rows, order, sealed, entity in _OTHER_CELLS:
        key = rows.c[order]
        columns = {rows.c.id, key}
        statement = select(*columns, rows.c[sealed].label("sealed")).where(
            rows.c.ledger_id == finder.ledger_id
        )
        async for page in pages(finder.tx, statement, (key,)):
            for row in page:
                finder.opened(f"{rows.name}.{sealed}", entity, row.id, row.sealed)
