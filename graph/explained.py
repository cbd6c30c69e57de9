"""Rows that explain a figure: each part with its own amount and what of it is in the sum."""

from typing import Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain
from graph.groups import Share
from graph.paging import Connection, connection
from graph.rates import AppliedRate
from graph.scalars import Amount, Date, id_text
from graph.transactions import Transaction
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.flows import CountedRow, RowSet
from resolvers.groups import shares_by_id
from resolvers.money import format_minor
from resolvers.transactions import transactions_by_id


@strawberry.type(
    description="One part of a figure: a transaction, one part of a split one, or your share of a "
    "group's expense. Over all rows, what is counted sums to the figure."
)
class ExplainedRow:
    """A view over CountedRow."""

    position: int | None = plain("Which part of the split, from 0; null for a whole transaction.")
    date: Date = plain("The posting date.")
    currency: str = plain("ISO 4217 code of its own amount.")
    counted_currency: str = plain("ISO 4217 code of the figure.")
    rate: AppliedRate | None = plain("How it was converted; null where there is no rate.")
    transaction: Transaction | None = edge(
        transactions_by_id,
        own_ledger("transaction_id"),
        "The transaction; null for a share of a group's expense.",
    )
    account: Account | None = edge(accounts_by_id, own_ledger("account_id"), "Its account.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category that it counts for."
    )

    share: Share | None = edge(
        shares_by_id, own_ledger("share_id"), "Your share of a group's expense."
    )

    @strawberry.field(description="The transaction; null for a share of a group's expense.")
    def transaction_id(row: Parent[CountedRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.transaction_id)

    @strawberry.field(description="The group's expense of which it is your share.")
    def group_transaction_id(row: Parent[CountedRow]) -> ID | None:
        """Wire id."""
        return id_text("gtxn", row.share_id)

    @strawberry.field(description="Its account.")
    def account_id(row: Parent[CountedRow]) -> ID | None:
        """Wire id."""
        return id_text("acct", row.account_id)

    @strawberry.field(
        description="The category that it counts for; a refund's is that of what it gives back."
    )
    def category_id(row: Parent[CountedRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(description="Its own amount, signed, in its own currency.")
    def amount(row: Parent[CountedRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))

    @strawberry.field(
        description="What of it is in the figure, with the figure's sign; null where a rate is "
        "missing."
    )
    def counted(row: Parent[CountedRow]) -> Amount | None:
        """Amount text."""
        if row.counted_minor is None:
            return None
        return Amount(format_minor(row.counted_minor, row.counted_currency))


ExplainedRowConnection = Connection[ExplainedRow]


async def explained(info: Info, rows: RowSet, first: int | None, after: str | None) -> Any:
    """A page of the rows of a figure."""

    async def count(_: Any) -> int:
        return rows.count()

    async def fetch(_: Any, request: Any) -> Any:
        return rows.page(request)

    return await connection(info, "explained", fetch, count, first=first, after=after)
