"""Accounts: their rules, balances and batches."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from models.accounts import Account, AccountRow
from models.base import maker, table
from models.cuts import Cell, minors, sealed
from models.database import Transaction as Tx
from models.ids import new_id
from models.templates import Template
from models.transactions import Transaction
from resolvers.access import Actor
from resolvers.errors import Conflict, FieldError, Invalid, NotFound
from resolvers.inputs import (
    AmountText,
    CurrencyCode,
    Input,
    Name,
    PostingDate,
    ShortText,
    not_null,
    require_unchanged,
)
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.money import parse_minor
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.segments import forget_books
from resolvers.shown import ByIds, Key, RowKind
from resolvers.wire import is_masked, wire

_A: Final = table(Account)
_T: Final = table(Transaction)
_M: Final = table(Template)

AccountType = Literal["CHECKING", "SAVINGS", "CREDIT_CARD", "CASH", "INVESTMENT", "LOAN", "OTHER"]
DERIVED: Final = frozenset({"balance", "createdAt", "updatedAt"})
STORED: Final = frozenset({"id"})


class AccountCreate(Input):
    """What opens an account."""

    name: Name
    type: AccountType
    currency: CurrencyCode
    opening_balance: AmountText = "0"
    opening_date: PostingDate | None = None
    institution: ShortText | None = None
    number: ShortText | None = None
    archived: bool = False


class AccountUpdate(Input):
    """What changes an account: absent stays, null clears."""

    name: Name | None = None
    type: AccountType | None = None
    currency: CurrencyCode | None = None
    opening_balance: AmountText | None = None
    opening_date: PostingDate | None = None
    institution: ShortText | None = None
    number: ShortText | None = None
    archived: bool | None = None


_COLUMNS: Final = (
    _A.c.ledger_id, _A.c.id, _A.c.name, _A.c.type, _A.c.currency, _A.c.opening, _A.c.opening_date,
    _A.c.institution, _A.c.number, _A.c.archived, _A.c.version, _A.c.created_at, _A.c.updated_at,
)  # fmt: skip


_make: Final = maker(AccountRow)


def _cells(a: Any) -> dict[str, Cell]:
    """Attributes of an account, of the table or an alias of it."""
    names = ("id", "name", "type", "currency", "opening_date", "institution", "archived", "version")
    return {
        **{name: Cell(a.c[name]) for name in (*names, "created_at", "updated_at")},
        "ledger_id": Cell(a.c.ledger_id),
        "opening_minor": minors(a.c.opening, "accounts.opening"),
        "number": sealed(a.c.number, "accounts.number"),
    }


ACCOUNTS: Final = RowKind(AccountRow, _cells, lambda a: (a.c.deleted_at.is_(None),))
_BY_ID: Final = ByIds(ACCOUNTS, _A)


async def open_accounts(tx: Tx, rows: Iterable[Row[Any]]) -> list[AccountRow]:
    """Database rows with their sealed cells opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    opened = []
    for row in found:
        ring = tx.ring(row.ledger_id)
        opened.append(
            _make(
                row.ledger_id,
                row.id,
                row.name,
                row.type,
                row.currency,
                ring.unseal_minor("accounts.opening", row.id, row.opening),
                row.opening_date,
                row.institution,
                ring.unseal_text("accounts.number", row.id, row.number),
                row.archived,
                row.version,
                row.created_at,
                row.updated_at,
            )
        )
    return opened


def _live(ledger_id: UUID) -> ColumnElement[bool]:
    return and_(_A.c.ledger_id == ledger_id, _A.c.deleted_at.is_(None))


async def list_accounts(
    tx: Tx, actor: Actor, request: PageRequest, *, archived: bool | None = None
) -> Page[AccountRow]:
    """A page of the person's accounts by name."""
    statement = select(*_COLUMNS).where(_live(actor.ledger_id))
    if archived is not None:
        statement = statement.where(_A.c.archived.is_(archived))
    page = await fetch_page(tx, statement, Order((_A.c.name.collate("C"), _A.c.id)), request)
    rows = await open_accounts(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_accounts(tx: Tx, actor: Actor, *, archived: bool | None = None) -> int:
    """How many accounts the person has."""
    statement = select(func.count()).select_from(_A).where(_live(actor.ledger_id))
    if archived is not None:
        statement = statement.where(_A.c.archived.is_(archived))
    return int(await tx.scalar(statement))


async def accounts_by_id(
    tx: Tx, keys: Sequence[Key], *, attributes: frozenset[str] | None = None
) -> list[AccountRow | None]:
    """Live accounts in the order of their keys; None for what is not there.

    ``attributes`` names what is looked at of them; absent: all.
    """
    return await _BY_ID.load(tx, keys, attributes)


async def get_account(tx: Tx, actor: Actor, account_id: UUID | None) -> AccountRow:
    """One account of the person; raises NOT_FOUND."""
    if account_id is not None:
        row = (await accounts_by_id(tx, [(actor.ledger_id, account_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such account.")


def _minor(path: str, amount: str, currency: str) -> int:
    try:
        return parse_minor(amount, currency)
    except ValueError as error:
        raise Invalid([FieldError(path, "INVALID", str(error))]) from error


async def create_account(write: LedgerWrite, data: AccountCreate) -> AccountRow:
    """Open an account; its balance starts with the opening balance."""
    row = AccountRow(
        ledger_id=write.ledger_id,
        id=new_id(),
        name=data.name,
        type=data.type,
        currency=data.currency,
        opening_minor=_minor("openingBalance", data.opening_balance, data.currency),
        opening_date=data.opening_date,
        institution=data.institution or None,
        number=None if is_masked(data.number) else data.number or None,
        archived=data.archived,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    total = write.ring.seal_minor("accounts.total", row.id, 0)
    await write.tx.run(insert(_A).values(**cells_of(write, row), total=total))
    write.figures = True
    write.record("account", "CREATE", None, row)
    return row


def cells_of(write: LedgerWrite, row: AccountRow) -> dict[str, Any]:
    """An account as its table holds it, without its running total."""
    return {
        "ledger_id": row.ledger_id,
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "currency": row.currency,
        "opening": write.ring.seal_minor("accounts.opening", row.id, row.opening_minor),
        "opening_date": row.opening_date,
        "institution": row.institution,
        "number": write.ring.seal_text("accounts.number", row.id, row.number),
        "archived": row.archived,
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


async def update_account(
    write: LedgerWrite,
    account_id: UUID | None,
    data: AccountUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> AccountRow:
    """Change an account.  Its currency is fixed once something is in it (READ_ONLY)."""
    old = await get_account(write.tx, write.actor, account_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "name", "type", "currency", "opening_balance", "archived")
    if wrong:
        raise Invalid(wrong)
    currency = data.currency or old.currency
    if currency != old.currency and await _is_used(write.tx, old):
        require_unchanged({"currency": currency}, {"currency": old.currency})
    opening = old.opening_minor
    if data.opening_balance is not None:
        opening = _minor("openingBalance", data.opening_balance, currency)
    elif currency != old.currency and opening:
        raise Invalid(
            [FieldError("openingBalance", "REQUIRED", "Give it in the account's new currency.")]
        )
    number = old.number
    if data.given("number") and not is_masked(data.number):
        number = data.number or None
    new = replace(
        old,
        name=data.name or old.name,
        type=data.type or old.type,
        currency=currency,
        opening_minor=opening,
        opening_date=data.opening_date if data.given("opening_date") else old.opening_date,
        institution=(data.institution or None) if data.given("institution") else old.institution,
        number=number,
        archived=old.archived if data.archived is None else data.archived,
    )
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(_A)
        .where(_A.c.ledger_id == write.ledger_id, _A.c.id == old.id)
        .values(**cells_of(write, new))
    )
    write.figures = True
    write.record("account", "UPDATE", old, new)
    return new


async def _is_used(tx: Tx, row: AccountRow) -> bool:
    """Whether amounts in the account's currency are stored: transactions or templates."""
    for rows in (_T, _M):
        mine = (rows.c.ledger_id == row.ledger_id, rows.c.account_id == row.id)
        if await tx.first(select(rows.c.id).where(*mine).limit(1)) is not None:
            return True
    return False


async def delete_account(
    write: LedgerWrite,
    account_id: UUID | None,
    *,
    clear: Callable[[LedgerWrite, UUID], Awaitable[None]],
    force: bool = False,
    expected_version: int | None = None,
) -> AccountRow:
    """Put an account into the trash; with transactions only by ``force``, which takes them along.

    ``clear`` moves its transactions there (transactions know accounts, not the other way round);
    other sides of its transfers stay as ordinary transactions.
    """
    old = await get_account(write.tx, write.actor, account_id)
    require_version(old, expected_version)
    mine = and_(
        _T.c.ledger_id == write.ledger_id, _T.c.account_id == old.id, _T.c.deleted_at.is_(None)
    )
    used = int(await write.tx.scalar(select(func.count()).select_from(_T).where(mine)))
    if used and not force:
        raise Conflict(
            f"The account has {used} transactions; delete it with force=true to take them along.",
            details={"transactions": used},
        )
    if used:
        await clear(write, old.id)
    await write.tx.run(
        update(_A)
        .where(_A.c.ledger_id == write.ledger_id, _A.c.id == old.id)
        .values(deleted_at=write.now, version=old.version + 1, updated_at=write.now)
    )
    write.figures = True
    write.record("account", "DELETE", old, None)
    return old


async def restore_account(
    write: LedgerWrite,
    account_id: UUID | None,
    *,
    bring_back: Callable[[LedgerWrite, UUID, datetime], Awaitable[None]],
) -> AccountRow:
    """Take an account out of the trash with the transactions that went there with it."""
    found = await write.tx.first(
        select(*_COLUMNS, _A.c.deleted_at).where(
            _A.c.ledger_id == write.ledger_id, _A.c.id == account_id, _A.c.deleted_at.is_not(None)
        )
    )
    if found is None:
        raise NotFound("There is no such account in the trash.")
    old = (await open_accounts(write.tx, [found]))[0]
    await write.tx.run(
        update(_A)
        .where(_A.c.ledger_id == write.ledger_id, _A.c.id == old.id)
        .values(deleted_at=None, version=old.version + 1, updated_at=write.now)
    )
    new = replace(old, version=old.version + 1, updated_at=write.now)
    write.figures = True
    write.record("account", "RESTORE", None, new)
    await bring_back(write, old.id, found.deleted_at)
    return new


async def purge_accounts(write: LedgerWrite, before: datetime) -> int:
    """Remove accounts whose 30 days in the trash are over, once nothing hangs on them."""
    empty = text(
        "NOT EXISTS (SELECT 1 FROM transactions t WHERE t.ledger_id = accounts.ledger_id "
        "AND t.account_id = accounts.id) AND NOT EXISTS (SELECT 1 FROM imports i "
        "WHERE i.ledger_id = accounts.ledger_id AND i.account_id = accounts.id)"
    )
    gone = await write.tx.rows(
        delete(_A)
        .where(_A.c.ledger_id == write.ledger_id, _A.c.deleted_at < before, empty)
        .returning(_A.c.id)
    )
    await forget_books(write.tx, write.ledger_id, [row.id for row in gone])
    for row in gone:
        write.purged("account", row.id)
    return len(gone)
