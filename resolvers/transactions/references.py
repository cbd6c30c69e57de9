"""What a batch of transactions points at, read once for the whole batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, select

from models.accounts import Account
from models.base import among, among_named, table
from models.categories import Category
from models.ledgers import Ledger
from models.statements import Prepared
from models.transactions import RefundedRow
from resolvers.errors import FieldError
from resolvers.ledger_states import Ahead
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.inputs import TransactionCreate, TransactionUpdate
from resolvers.transactions.rows import T, refunded_of, transactions_by_id

_A: Final = table(Account)
_C: Final = table(Category)
_L: Final = table(Ledger)


class Book(NamedTuple):
    """What a row needs to know of the account that it is booked on."""

    id: UUID
    currency: str


class Label(NamedTuple):
    """What a row needs to know of its category."""

    id: UUID
    kind: str


_BOOKS: Final = Prepared(
    select(_A.c.id, _A.c.currency, _A.c.total).where(
        _A.c.ledger_id == bindparam("ledger"),
        _A.c.deleted_at.is_(None),
        among_named(_A.c.id, "accounts"),
    )
)
_LABELS: Final = Prepared(
    select(_C.c.id, _C.c.kind).where(
        _C.c.ledger_id == bindparam("ledger"), among_named(_C.c.id, "categories")
    )
)
_MOST_AHEAD: Final = 2


def _with_books(states: Select[Any]) -> Select[Any]:
    """Accounts and categories beside where their ledger stands: a row for each pair of them."""
    booked = and_(
        _A.c.ledger_id == _L.c.id, _A.c.deleted_at.is_(None), among_named(_A.c.id, "accounts")
    )
    labelled = and_(_C.c.ledger_id == _L.c.id, among_named(_C.c.id, "categories"))
    columns = (
        _A.c.id.label("booked_id"), _A.c.currency, _A.c.total,
        _C.c.id.label("category_id"), _C.c.kind,
    )  # fmt: skip
    return states.add_columns(*columns).outerjoin(_A, booked).outerjoin(_C, labelled)


def ahead_of(data: TransactionCreate) -> Ahead | None:
    """What an input names, to be read where its write begins; None where that is too much."""
    accounts, categories = _named([data])
    if len(accounts) > _MOST_AHEAD or len(categories) > 1:
        return None
    return Ahead(_with_books, {"accounts": list(accounts), "categories": list(categories)})


@dataclass(frozen=True, slots=True)
class Refundable:
    """A living transaction that a refund names."""

    row: RefundedRow
    transfer: bool
    refund: bool


@dataclass(slots=True)
class References:
    """Accounts, categories, refunded rows and taken external ids of one ledger."""

    accounts: dict[UUID, Book] = field(default_factory=dict)
    categories: dict[UUID, Label] = field(default_factory=dict)
    refundable: dict[UUID, Refundable] = field(default_factory=dict)
    refunding: set[UUID] = field(default_factory=set)
    """Rows that others refund, in the trash or not; those cannot become refunds themselves."""
    external: dict[tuple[UUID, str], UUID] = field(default_factory=dict)

    def account(self, account_id: UUID, path: str, wrong: list[FieldError]) -> Book | None:
        """The account, or a field error that is the same for unknown and foreign ids."""
        row = self.accounts.get(account_id)
        if row is None:
            wrong.append(missing(path))
        return row

    def category(self, category_id: UUID, path: str, wrong: list[FieldError]) -> Label | None:
        """The category, or a field error."""
        row = self.categories.get(category_id)
        if row is None:
            wrong.append(missing(path))
        return row

    def refund(self, target: UUID, own: UUID | None, wrong: list[FieldError]) -> RefundedRow | None:
        """What a refund nets, or a field error.

        A refund names what was bought and nothing else: no transfer, no other refund, not itself.
        So a purchase and its refunds are a flat group whose sum is what it cost in the end.
        """
        found = self.refundable.get(target)
        if found is None:
            wrong.append(missing("refundOf"))
            return None
        message = None
        if target == own:
            message = "A transaction is not its own refund."
        elif found.transfer:
            message = "A transfer between own accounts cannot be refunded."
        elif found.refund:
            message = "That is a refund itself; name the transaction that it refunds."
        elif own in self.refunding:
            message = "This transaction has refunds, so it is none itself."
        if message is not None:
            wrong.append(FieldError("refundOf", "INVALID", message))
        return found.row

    def now_refund(self, own: UUID, target: UUID) -> None:
        """Note what a row of this batch refunds, so that a later row makes no chain of it."""
        self.refunding.add(target)
        found = self.refundable.get(own)
        if found is not None:
            self.refundable[own] = replace(found, refund=True)


def missing(path: str) -> FieldError:
    """The one answer for an id that is unknown or somebody else's."""
    return FieldError(path, "NOT_FOUND", "There is no such object.")


async def load_references(
    write: LedgerWrite,
    inputs: Sequence[TransactionCreate | TransactionUpdate],
    *,
    changed: Iterable[UUID] = (),
) -> References:
    """Read everything that the inputs name, in five statements at most.

    ``changed`` are the transactions that the inputs change.
    """
    accounts, categories = _named(inputs)
    refs = References()
    if not _taken(write, refs, accounts, categories):
        await _load_books(write, refs, accounts, categories)
    refunded = {data.refund_of for data in inputs if data.refund_of is not None}
    if refunded:
        await _load_refunds(write, refs, refunded, list(changed))
    external = {data.external_id for data in inputs if data.external_id is not None}
    if external:
        living = (T.c.ledger_id == write.ledger_id, T.c.deleted_at.is_(None))
        rows = await write.tx.rows(
            select(T.c.id, T.c.account_id, T.c.external_id).where(
                *living, among(T.c.external_id, external)
            )
        )
        refs.external = {(row.account_id, row.external_id): row.id for row in rows}
    return refs


def _named(
    inputs: Sequence[TransactionCreate | TransactionUpdate],
) -> tuple[set[UUID], set[UUID]]:
    """The accounts and the categories that inputs name."""
    accounts: set[UUID] = set()
    categories: set[UUID] = set()
    for data in inputs:
        if data.account_id is not None:
            accounts.add(data.account_id)
        if isinstance(data, TransactionCreate) and data.transfer_account_id is not None:
            accounts.add(data.transfer_account_id)
        if data.category_id is not None:
            categories.add(data.category_id)
        if data.splits:
            categories.update(part.category_id for part in data.splits)
    return accounts, categories


def _taken(
    write: LedgerWrite, refs: References, accounts: set[UUID], categories: set[UUID]
) -> bool:
    """Whether all of it was read as the write began, which is good for once, or is remembered."""
    if write.drafted:
        return _remembered(write, refs, accounts, categories)
    read, write.ahead = write.ahead, None
    if read is None or read[0].more is not _with_books:
        return False
    values = read[0].values
    if not accounts <= set(values["accounts"]) or not categories <= set(values["categories"]):
        return False
    known = write.known
    for account, currency, total, category, kind in read[1]:
        if account is not None:
            refs.accounts[account] = Book(account, currency)
            write.totals[account] = total
            if known is not None:
                known.books[account] = currency, total
        if category is not None:
            refs.categories[category] = Label(category, kind)
            if known is not None:
                known.labels[category] = kind
    return True


def _remembered(
    write: LedgerWrite, refs: References, accounts: set[UUID], categories: set[UUID]
) -> bool:
    """Whether all of it is known of the writes before."""
    known = write.known
    if known is None or not (accounts <= known.books.keys() and categories <= known.labels.keys()):
        return False
    for account in accounts:
        currency, total = known.books[account]
        refs.accounts[account] = Book(account, currency)
        write.totals[account] = total
    for category in categories:
        refs.categories[category] = Label(category, known.labels[category])
    return True


async def _load_books(
    write: LedgerWrite, refs: References, accounts: set[UUID], categories: set[UUID]
) -> None:
    """Live accounts, whose totals are remembered for the end of the write, and categories."""
    ledger = write.ledger_id
    if accounts:
        books = {"ledger": ledger, "accounts": list(accounts)}
        for row in await write.tx.aside(_BOOKS, books):
            refs.accounts[row.id] = Book(row.id, row.currency)
            write.totals[row.id] = row.total
    if categories:
        labels = {"ledger": ledger, "categories": list(categories)}
        for row in await write.tx.aside(_LABELS, labels):
            refs.categories[row.id] = Label(row.id, row.kind)


async def _load_refunds(
    write: LedgerWrite, refs: References, refunded: Iterable[UUID], changed: Sequence[UUID]
) -> None:
    """What the inputs refund, and which of the changed rows are refunded themselves."""
    keys = [(write.ledger_id, one) for one in refunded]
    for row in await transactions_by_id(write.tx, keys):
        if row is not None:
            refs.refundable[row.id] = Refundable(
                refunded_of(row),
                transfer=row.transfer_id is not None,
                refund=row.refund_of is not None,
            )
    if changed:
        mine = (T.c.ledger_id == write.ledger_id, among(T.c.refund_of, changed))
        rows = await write.tx.rows(select(T.c.refund_of).where(*mine).distinct())
        refs.refunding = {row.refund_of for row in rows}
