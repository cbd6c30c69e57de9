"""What a batch of transactions points at, read once for the whole batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import select

from models.accounts import AccountRow
from models.base import among
from models.categories import CategoryRow
from models.transactions import RefundedRow
from resolvers.accounts import accounts_to_book
from resolvers.categories import categories_by_id
from resolvers.errors import FieldError
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.inputs import TransactionCreate, TransactionUpdate
from resolvers.transactions.rows import T, refunded_of, transactions_by_id


@dataclass(frozen=True, slots=True)
class Refundable:
    """A living transaction that a refund names."""

    row: RefundedRow
    transfer: bool
    refund: bool


@dataclass(slots=True)
class References:
    """Accounts, categories, refunded rows and taken external ids of one ledger."""

    accounts: dict[UUID, AccountRow] = field(default_factory=dict)
    categories: dict[UUID, CategoryRow] = field(default_factory=dict)
    refundable: dict[UUID, Refundable] = field(default_factory=dict)
    refunding: set[UUID] = field(default_factory=set)
    """Rows that others refund, in the trash or not; those cannot become refunds themselves."""
    external: dict[tuple[UUID, str], UUID] = field(default_factory=dict)

    def account(self, account_id: UUID, path: str, wrong: list[FieldError]) -> AccountRow | None:
        """The account, or a field error that is the same for unknown and foreign ids."""
        row = self.accounts.get(account_id)
        if row is None:
            wrong.append(missing(path))
        return row

    def category(self, category_id: UUID, path: str, wrong: list[FieldError]) -> CategoryRow | None:
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
    accounts: Iterable[UUID] = (),
    categories: Iterable[UUID] = (),
    changed: Iterable[UUID] = (),
) -> References:
    """Read everything that the inputs name, in five statements at most.

    ``changed`` are the transactions that the inputs change.
    """
    account_ids, category_ids = set(accounts), set(categories)
    refunded: set[UUID] = set()
    external: set[str] = set()
    for data in inputs:
        if data.account_id is not None:
            account_ids.add(data.account_id)
        if isinstance(data, TransactionCreate) and data.transfer_account_id is not None:
            account_ids.add(data.transfer_account_id)
        if data.category_id is not None:
            category_ids.add(data.category_id)
        category_ids.update(part.category_id for part in data.splits or ())
        if data.refund_of is not None:
            refunded.add(data.refund_of)
        if data.external_id is not None:
            external.add(data.external_id)
    ledger = write.ledger_id
    refs = References()
    if account_ids:
        refs.accounts = {row.id: row for row in await accounts_to_book(write, account_ids)}
    if category_ids:
        keys = [(ledger, one) for one in category_ids]
        kinds = await categories_by_id(write.tx, keys)
        refs.categories = {row.id: row for row in kinds if row is not None}
    living = (T.c.ledger_id == ledger, T.c.deleted_at.is_(None))
    if refunded:
        await _load_refunds(write, refs, refunded, list(changed))
    if external:
        rows = await write.tx.rows(
            select(T.c.id, T.c.account_id, T.c.external_id).where(
                *living, among(T.c.external_id, external)
            )
        )
        refs.external = {(row.account_id, row.external_id): row.id for row in rows}
    return refs


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
