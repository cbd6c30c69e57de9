"""Pages of transactions: shared by the lists of transactions and of accounts."""

from typing import Any

from graph.context import Info
from graph.paging import ConnectionView, Cursors, connection
from models.accounts import AccountRow
from resolvers.paging import page_request
from resolvers.transactions import (
    TransactionFilter,
    count_transactions,
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
