"""Pages of transactions: shared by all that list them."""

from typing import Any

from graph.context import Batch, Info
from graph.execution import wanted_of
from graph.paging import ROWS, ConnectionView, Cursors, connection
from models.accounts import AccountRow
from models.templates import TemplateRow
from models.transactions import TransactionRow
from resolvers.paging import page_request
from resolvers.transactions import (
    TransactionFilter,
    count_transactions,
    list_transactions,
    page_by_account,
    page_by_refunded,
    page_by_template,
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
    shown = wanted_of(info).among(*ROWS)
    return await connection(
        info,
        f"transactions:{sort}",
        lambda tx, page: list_transactions(tx, actor, wanted, sort=sort, request=page, shown=shown),
        lambda tx: count_transactions(tx, actor, wanted),
        first=first,
        after=after,
        last=last,
        before=before,
    )


async def newest_of_account(
    row: AccountRow, info: Info, first: int | None, after: str | None
) -> Any:
    """An account's transactions, newest first."""
    wanted = TransactionFilter.model_validate({"accountId": row.id})
    return await _newest(page_by_account, row, wanted, info, first, after)


async def newest_of_template(
    row: TemplateRow, info: Info, first: int | None, after: str | None
) -> Any:
    """The transactions that a template made, newest first."""
    wanted = TransactionFilter.model_validate({"templateId": row.id})
    return await _newest(page_by_template, row, wanted, info, first, after)


async def newest_refunds(
    row: TransactionRow, info: Info, first: int | None, after: str | None
) -> Any:
    """The refunds of a transaction, newest first."""
    wanted = TransactionFilter.model_validate({"refundOf": row.id})
    return await _newest(page_by_refunded, row, wanted, info, first, after)


async def _newest(
    batch: Batch,
    row: AccountRow | TemplateRow | TransactionRow,
    wanted: TransactionFilter,
    info: Info,
    first: int | None,
    after: str | None,
) -> Any:
    """First pages of several owners in one statement; a later page is one owner's own."""
    context = info.context
    if after is not None or context.actor.ledger_id != row.ledger_id:
        return await connection_of(info, wanted, "DATE_DESC", first, after, None, None)
    size = page_request(first, None, None, None).size
    page = await context.load(batch, (row.ledger_id, row.id, size))
    actor = context.actor
    cursors = Cursors(context.services.cursor_key, actor.user_id, "transactions:DATE_DESC")
    return ConnectionView(page, cursors, lambda tx: count_transactions(tx, actor, wanted))
