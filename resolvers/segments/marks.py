"""Which book-months a write touches, and what a transaction is in its segment."""

from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Date, Uuid, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.base import KEY_TEXT, among, table
from models.database import Transaction as Tx
from models.segments import PART, POSITION_SHIFT, Segment, flags_of, pack_record
from models.statements import Prepared
from models.transactions import TransactionRow

G: Final = table(Segment)
Place = tuple[UUID, date, str]
"""Book, first day of the month, currency."""
_GIVEN: Final = (
    func.unnest(
        bindparam("books", type_=ARRAY(Uuid)),
        bindparam("months", type_=ARRAY(Date)),
        bindparam("currencies", type_=ARRAY(KEY_TEXT)),
    )
    .table_valued("book", "month", "currency", name="given")
    .render_derived()
)
_NAMES: Final = ["ledger_id", "book", "month", "currency", "page", "version", "built", "count"]
_MARK: Final = Prepared(
    upsert(G)
    .from_select(
        _NAMES,
        select(
            bindparam("ledger", type_=Uuid()), _GIVEN.c.book, _GIVEN.c.month, _GIVEN.c.currency,
            literal_column("0"), literal_column("1"), literal_column("0"), literal_column("0"),
        ).order_by(_GIVEN.c.book, _GIVEN.c.month, _GIVEN.c.currency),
    )
    .on_conflict_do_update(index_elements=_NAMES[:5], set_={"version": G.c.version + 1}),
    part="marks",
)  # fmt: skip


def place_of(row: TransactionRow) -> Place:
    """The segment in which a transaction lies."""
    return row.account_id, row.date.replace(day=1), row.currency


def packed_rows(row: TransactionRow) -> list[bytes]:
    """The records of a transaction: one, or one for each part of a split."""
    flags = flags_of(
        row.status,
        transfer=row.transfer_id is not None,
        group=row.group_id is not None,
        refund=row.refund_of is not None,
    )
    if not row.splits:
        return [pack_record(row.id, row.amount_minor, row.category_id, row.date, flags)]
    return [
        pack_record(
            row.id,
            part.amount_minor,
            part.category_id,
            row.date,
            flags | PART | position << POSITION_SHIFT,
        )
        for position, part in enumerate(row.splits)
    ]


def places_of(old: TransactionRow | None, new: TransactionRow | None) -> set[Place]:
    """Segments that a change of one row touches; none if it changes nothing that they hold."""
    before = old if old is not None and old.deleted_at is None else None
    after = new if new is not None and new.deleted_at is None else None
    if before is not None and after is not None:
        same = place_of(before) == place_of(after) and packed_rows(before) == packed_rows(after)
        if same:
            return set()
    return {place_of(row) for row in (before, after) if row is not None}


async def mark(tx: Tx, ledger_id: UUID, places: Iterable[Place]) -> None:
    """Raise the version of segments, in the order of their keys; new ones begin here.

    Runs with the rows it is about and not at the end of the write: what a write reads back has to
    know, too, that the blobs are of an earlier time.
    """
    wanted = sorted(set(places))
    if not wanted:
        return
    await tx.later(
        _MARK,
        {
            "ledger": ledger_id,
            "books": [book for book, _, _ in wanted],
            "months": [month for _, month, _ in wanted],
            "currencies": [currency for _, _, currency in wanted],
        },
    )


async def forget_books(tx: Tx, ledger_id: UUID, books: Iterable[UUID]) -> None:
    """Remove the segments of books that are gone for good."""
    await tx.run(delete(G).where(G.c.ledger_id == ledger_id, among(G.c.book, books)))
