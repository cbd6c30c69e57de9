"""Lists and single transactions."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import said
from graph.inputs import parsed
from graph.paging import After, Before, ConnectionView, Cursors, First, Last, connection
from graph.scalars import id_of
from graph.transactions.types import (
    Transaction,
    TransactionConnection,
    TransactionFilterInput,
    TransactionSort,
)
from models.accounts import AccountRow
from resolvers.accounts import get_account
from resolvers.paging import page_request
from resolvers.transactions import (
    TransactionFilter,
    count_transactions,
    get_transaction,
    list_transactions,
    page_by_account,
)


async def connection_of(
    info: Info,
    wanted: TransactionFilter,
    sort: str,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of what a checked filter leaves."""
    actor = info.context.actor
    return await connection(
        info,
        f"transactions:{sort}",
        lambda tx, page: list_transactions(tx, actor, wanted, sort=sort, request=page),
        lambda tx: count_transactions(tx, actor, wanted),
        first=first,
        after=after,
        last=last,
        before=before,
    )


async def transaction_connection(
    info: Info,
    filter: TransactionFilterInput | None,
    sort: TransactionSort,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of the person's transactions."""
    wanted = parsed(TransactionFilter, filter)
    return await connection_of(info, wanted, str(sort.value), first, after, last, before)


async def newest_of_account(
    row: AccountRow, info: Info, first: int | None, after: str | None
) -> Any:
    """First pages of several accounts in one statement; a later page is one account's own."""
    context = info.context
    wanted = TransactionFilter.model_validate({"accountId": row.id})
    if after is not None or context.actor.ledger_id != row.ledger_id:
        return await connection_of(info, wanted, "DATE_DESC", first, after, None, None)
    size = page_request(first, None, None, None).size
    page = await context.load(page_by_account, (row.ledger_id, row.id, size))
    actor = context.actor
    cursors = Cursors(context.services.cursor_key, actor.user_id, "transactions:DATE_DESC")
    return ConnectionView(page, cursors, lambda tx: count_transactions(tx, actor, wanted))


@strawberry.type
class TransactionQueries:
    """Root fields of transactions."""

    @strawberry.field(
        description="Your transactions, newest first.", graphql_type=TransactionConnection
    )
    async def transactions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[TransactionFilterInput | None, said("All conditions hold.")] = None,
        sort: Annotated[TransactionSort, said("In which order.")] = TransactionSort.DATE_DESC,
    ) -> Any:
        """A page of transactions."""
        return await transaction_connection(info, filter, sort, first, after, last, before)

    @strawberry.field(description="One transaction.", graphql_type=Transaction | None)
    async def transaction(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_transaction(await context.reader(), context.actor, id_of("txn", id))

    @strawberry.field(
        description="The transactions of one account.", graphql_type=TransactionConnection | None
    )
    async def account_transactions(
        self,
        info: Info,
        id: Annotated[ID, said("The account.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[TransactionFilterInput | None, said("All conditions hold.")] = None,
        sort: Annotated[TransactionSort, said("In which order.")] = TransactionSort.DATE_DESC,
    ) -> Any:
        """Raises NOT_FOUND for an account that is not yours."""
        context = info.context
        row = await get_account(await context.reader(), context.actor, id_of("acct", id))
        wanted = parsed(TransactionFilter, filter).model_copy(update={"account_id": row.id})
        return await connection_of(info, wanted, str(sort.value), first, after, last, before)
