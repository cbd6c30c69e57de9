"""Segments against the rows they are made of: each month with rows has one, and it says the same."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Date, Row, cast, func, select

from models.sealing import KeyMissing, SealBroken
from models.segments import blob_place, records_of, total_of, total_place
from resolvers.segments.marks import G, Place
from resolvers.segments.reading import pack_months
from resolvers.transactions.rows import T
from resolvers.verify.finder import Finder, pages
from resolvers.verify.report import Kind, named

_BATCH: Final = 32
"""Book-months that are compared at once: what is opened at a time."""


async def check_segments(finder: Finder) -> None:
    """Compare every segment that readers would take with its rows; older ones are rebuilt anyway."""
    await _check_marked(finder)
    heads = select(G.c.book, G.c.month, G.c.currency, G.c.version, G.c.total).where(
        G.c.ledger_id == finder.ledger_id, G.c.page == 0, G.c.built == G.c.version
    )
    async for page in pages(finder.tx, heads, (G.c.book, G.c.month, G.c.currency), rows=_BATCH):
        packed = await _rows_of(finder, [(row.book, row.month, row.currency) for row in page])
        blobs = await _blobs(finder, page)
        for row in page:
            place = (row.book, row.month, row.currency)
            if place in packed:
                _compare(finder, row, packed[place], blobs.get(place, []))


async def _check_marked(finder: Finder) -> None:
    """A month without a segment would be left out of every report."""
    month = cast(func.date_trunc("month", T.c.date), Date)
    rows = await finder.tx.rows(
        select(T.c.account_id, month.label("month"), T.c.currency)
        .distinct()
        .where(T.c.ledger_id == finder.ledger_id, T.c.deleted_at.is_(None))
    )
    heads = await finder.tx.rows(
        select(G.c.book, G.c.month, G.c.currency).where(
            G.c.ledger_id == finder.ledger_id, G.c.page == 0
        )
    )
    known = {tuple(row) for row in heads}
    for row in rows:
        if tuple(row) not in known:
            message = f"{named('account', row.account_id)} has no segment for {row.month:%Y-%m}."
            finder.differs(Kind.SEGMENT, "account", row.account_id, message)


async def _rows_of(finder: Finder, places: Sequence[Place]) -> dict[Place, bytes]:
    """Records made of rows; without months in which a row does not open, which is told elsewhere."""
    try:
        return await pack_months(finder.tx, finder.ledger_id, places)
    except (SealBroken, KeyMissing):
        if len(places) == 1:
            return {}
        found: dict[Place, bytes] = {}
        for place in places:
            found |= await _rows_of(finder, [place])
        return found


async def _blobs(finder: Finder, page: Sequence[Row[Any]]) -> dict[Place, list[Row[Any]]]:
    """All pages of book-months, in order."""
    found: dict[Place, list[Row[Any]]] = {}
    rows = await finder.tx.rows(
        select(G.c.book, G.c.month, G.c.currency, G.c.page, G.c.blob)
        .where(
            G.c.ledger_id == finder.ledger_id,
            G.c.book.in_({row.book for row in page}),
            G.c.month.in_({row.month for row in page}),
        )
        .order_by(G.c.page)
    )
    for row in rows:
        found.setdefault((row.book, row.month, row.currency), []).append(row)
    return found


def _compare(finder: Finder, head: Row[Any], packed: bytes, blobs: Sequence[Row[Any]]) -> None:
    book: UUID = head.book
    contents = []
    for row in blobs:
        place = blob_place(head.month, head.currency, row.page, head.version)
        page = finder.opened(place, "account", book, row.blob or b"")
        if page is None:
            return
        contents.append(records_of(page))
    total = finder.opened(
        total_place(head.month, head.currency, head.version), "account", book, head.total or b""
    )
    if total is None or None in contents:
        return
    same = b"".join(one for one in contents if one is not None) == packed
    if not same or int.from_bytes(total, "little", signed=True) != total_of(packed):
        message = (
            f"The segment of {named('account', book)} for {head.month:%Y-%m} is not what its "
            "transactions say."
        )
        finder.differs(Kind.SEGMENT, "account", book, message)
