"""Lists and single transactions."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import said
from graph.execution import wanted_of
from graph.inputs import parsed
from graph.listing import connection_of
from graph.paging import After, Before, First, Last
from graph.scalars import id_of
from graph.transactions.types import (
    Transaction,
    TransactionConnection,
    TransactionFilterInput,
    TransactionSort,
)
from models.cuts import Sheet
from resolvers.accounts import get_account
from resolvers.transactions import TransactionFilter, glance_at
from resolvers.transactions.listing import NO_FILTER


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
    wanted = NO_FILTER
    if filter is not None and any(value is not UNSET for value in vars(filter).values()):
        wanted = parsed(TransactionFilter, filter)
    return await connection_of(info, wanted, str(sort.value), first, after, last, before)


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
        tx, wanted = await context.reader(), id_of("txn", id)
        found = await glance_at(tx, context.actor, wanted, wanted_of(info))
        context.read_along(found)
        return found if isinstance(found, Sheet) else found[0]

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
