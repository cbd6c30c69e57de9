"""Transactions as CSV (RFC 4180): a line for each transaction, for a split one a line a part.

Adding up the column of amounts therefore gives what adding up the transactions gives.  Text that
a spreadsheet would take for a formula gets an apostrophe in front; amounts are numbers and stay.
"""

import csv
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Final
from uuid import UUID

from models.database import Transaction as Tx
from models.ids import encode
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import list_accounts
from resolvers.categories import list_categories
from resolvers.exports.asked import Asked
from resolvers.exports.every import every
from resolvers.money import format_minor
from resolvers.transactions import walk_transactions
from resolvers.wire import kind_of

HEADER: Final = (
    "date", "description", "payee", "amount", "currency", "category", "account", "kind", "status",
    "tags", "notes", "split", "id",
)  # fmt: skip
BOM: Final = b"\xef\xbb\xbf"
# What spreadsheets begin a formula with (full-width forms too), and what would be taken for our
# own apostrophe when the file is read back.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]|'+[0-9]")


def safe_cell(text: str | None) -> str:
    """Text as a cell that no spreadsheet calculates; reading takes one apostrophe off again."""
    if not text:
        return ""
    return "'" + text if _FORMULA.match(text) else text


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called: the names of accounts and categories."""

    accounts: Mapping[UUID, str]
    categories: Mapping[UUID, str]


async def names_of(tx: Tx, actor: Actor) -> Names:
    """Names of everything that a line may refer to."""
    accounts = [row async for row in every(lambda page: list_accounts(tx, actor, page))]
    categories = every(lambda page: list_categories(tx, actor.ledger_id, page))
    return Names(
        {row.id: row.name for row in accounts},
        {row.id: row.name async for row in categories},
    )


def lines_of(row: TransactionRow, names: Names) -> list[tuple[str, ...]]:
    """The lines of one transaction; a part's id is the transaction's with its number."""
    account = safe_cell(names.accounts.get(row.account_id))
    tags = safe_cell(" ".join(f"#{tag}" for tag in row.tags))
    wire_id = encode("txn", row.id)

    def line(
        minor: int, category: UUID | None, notes: str | None, split: str, suffix: str
    ) -> tuple[str, ...]:
        named = None if category is None else names.categories.get(category)
        return (
            row.date.isoformat(),
            safe_cell(row.description),
            safe_cell(row.payee),
            format_minor(minor, row.currency),
            row.currency,
            safe_cell(named),
            account,
            kind_of(row),
            row.status,
            tags,
            safe_cell(notes),
            split,
            wire_id + suffix,
        )

    if not row.splits:
        return [line(row.amount_minor, row.category_id, row.notes, "", "")]
    count = len(row.splits)
    return [
        line(
            part.amount_minor,
            part.category_id,
            part.notes or row.notes,
            f"part {number} of {count}",
            f".{number}",
        )
        for number, part in enumerate(row.splits, 1)
    ]


async def csv_pieces(tx: Tx, actor: Actor, asked: Asked) -> AsyncIterator[bytes]:
    """The file in pieces, a page of transactions each."""
    names = await names_of(tx, actor)
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(HEADER)
    start = BOM if asked.bom else b""
    async for rows in walk_transactions(tx, actor, asked.wanted):
        for row in rows:
            writer.writerows(lines_of(row, names))
        yield start + buffer.getvalue().encode()
        start = b""
        buffer.seek(0)
        buffer.truncate()
