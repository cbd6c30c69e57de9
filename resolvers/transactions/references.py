"""What a batch of transactions points at, read once for the whole batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from models.accounts import AccountRow
from models.base import among
from models.categories import CategoryRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import FieldError
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.inputs import TransactionCreate, TransactionUpdate
from resolvers.transactions.rows import T


@dataclass(slots=True)
class References:
    """Accounts, categories, refunded rows and taken external ids of one ledger."""

    accounts: dict[UUID, AccountRow] = field(default_factory=dict)
    categories: dict[UUID, CategoryRow] = field(default_factory=dict)
    refunded: set[UUID] = field(default_factory=set)
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


def missing(path: str) -> FieldError:
    """The one answer for an id that is unknown or somebody else's."""
    return FieldError(path, "NOT_FOUND", "There is no such object.")


async def load_references(
    write: LedgerWrite,
    inputs: Sequence[TransactionCreate | TransactionUpdate],
    *,
    accounts: Iterable[UUID] = (),
    categories: Iterable[UUID] = (),
) -> References:
    """Read everything that the inputs name, in four statements at most."""
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
        keys = [(ledger, one) for one in account_ids]
        found = await accounts_by_id(write.tx, keys)
        refs.accounts = {row.id: row for row in found if row is not None}
    if category_ids:
        keys = [(ledger, one) for one in category_ids]
        kinds = await categories_by_id(write.tx, keys)
        refs.categories = {row.id: row for row in kinds if row is not None}
    living = (T.c.ledger_id == ledger, T.c.deleted_at.is_(None))
    if refunded:
        rows = await write.tx.rows(select(T.c.id).where(*living, among(T.c.id, refunded)))
        refs.refunded = {row.id for row in rows}
    if external:
        rows = await write.tx.rows(
            select(T.c.id, T.c.account_id, T.c.external_id).where(
                *living, among(T.c.external_id, external)
            )
        )
        refs.external = {(row.account_id, row.external_id): row.id for row in rows}
    return refs
