"""All transactions of a filter in the order of their dates, page after page in constant memory.

A list opens every row that its other conditions leave when it filters or sorts by amount; going
through everything once, each row is opened once and decided on the way.
"""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Final

from sqlalchemy import select

from models.database import Transaction as Tx
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.money import digits_of
from resolvers.paging import Order, PageRequest, fetch_page
from resolvers.transactions.inputs import TransactionFilter
from resolvers.transactions.listing import bounds_of, conditions_of
from resolvers.transactions.rows import COLUMNS, SOURCE, T, open_transactions
from resolvers.wire import kind_of

ROWS_AT_ONCE: Final = 500


async def walk_transactions(
    tx: Tx, actor: Actor, wanted: TransactionFilter, *, descending: bool = False
) -> AsyncIterator[list[TransactionRow]]:
    """Pages of opened rows, oldest first unless descending; two statements a page."""
    conditions = await conditions_of(tx, actor.ledger_id, wanted)
    low, high = bounds_of(wanted)
    statement = select(*COLUMNS).select_from(SOURCE).where(*conditions)
    order = Order((T.c.date, T.c.id), descending)
    after = None
    while True:
        page = await fetch_page(tx, statement, order, PageRequest(ROWS_AT_ONCE, after))
        rows = await open_transactions(tx, page.items)
        yield [
            row
            for row in rows
            if (wanted.kind is None or kind_of(row) == wanted.kind) and _within(row, low, high)
        ]
        if not page.has_next:
            return
        after = page.keys[-1]


def _within(row: TransactionRow, low: Decimal | None, high: Decimal | None) -> bool:
    if low is None and high is None:
        return True
    size = Decimal(abs(row.amount_minor)).scaleb(-digits_of(row.currency))
    return (low is None or size >= low) and (high is None or size <= high)
