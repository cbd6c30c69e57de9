"""Segments read: packed records where they are of now, rows where they are not."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from models.base import KEY_TEXT, among, table
from models.database import Transaction as Tx
from models.patience import give_back
from models.sealing import LedgerRing
from models.segments import (
    PART,
    POSITION_SHIFT,
    RECORD,
    blob_place,
    flags_of,
    pack_record,
    pages_of,
    records_of,
    total_of,
    total_place,
)
from models.statements import Prepared
from models.telemetry import note_count
from models.transactions import Split, Transaction
from resolvers.segments.marks import G, Place
from resolvers.segments.parts import Parts

_T: Final = table(Transaction)
_S: Final = table(Split)
_TOTAL_BYTES: Final = 16
"""Wider than an amount: what a month adds to an account may be undone in another month."""
_BREATH: Final = 1_000
BATCH: Final = 64
"""Book-months that are opened at once, and that one upkeep transaction stores."""


@dataclass(frozen=True, slots=True)
class Months:
    """Which months are wanted: a range of days, or some months by their first days."""

    first: date
    last: date
    some: tuple[date, ...] | None = None

    def condition(self) -> ColumnElement[bool]:
        """Chooses segments."""
        if self.some is not None:
            return among(G.c.month, self.some)
        return G.c.month.between(self.first.replace(day=1), self.last.replace(day=1))


class _Built(NamedTuple):
    """What was opened of a book-month and waits to be stored."""

    place: Place
    version: int
    packed: bytes


_PAGES: Final = select(
    G.c.book, G.c.month, G.c.currency, G.c.page, G.c.version, G.c.built, G.c.count, G.c.blob
)


def _in_order(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(G.c.book, G.c.month, G.c.currency, G.c.page)


_OF_SPAN: Final = _PAGES.where(
    G.c.ledger_id == bindparam("ledger_id"),
    G.c.month.between(bindparam("first"), bindparam("last")),
)
_SPAN: Final = Prepared(_in_order(_OF_SPAN))
_SPAN_OF_BOOK: Final = Prepared(_in_order(_OF_SPAN.where(G.c.book == bindparam("book"))))


async def read_parts(tx: Tx, ledger_id: UUID, months: Months, *, book: UUID | None = None) -> Parts:
    """All living parts of whole months, of every book or of one.

    One statement for the segments, one more for the rows of those that are not of now.
    """
    if months.some is None:
        span = {"first": months.first.replace(day=1), "last": months.last.replace(day=1)}
        statement = _SPAN if book is None else _SPAN_OF_BOOK
        rows = await tx.rows(statement, {"ledger_id": ledger_id, "book": book, **span})
    else:
        conditions = [G.c.ledger_id == ledger_id, months.condition()]
        if book is not None:
            conditions.append(G.c.book == book)
        rows = await tx.rows(_in_order(_PAGES.where(*conditions)))
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    packed, stale = _opened(ring, rows)
    note_count("opened", len(packed) - len(stale))
    packed |= await rebuilt(tx, ledger_id, stale)
    return Parts.of([(place[0], place[2], content) for place, content in packed.items()])


def _opened(ring: LedgerRing, rows: Iterable[Any]) -> tuple[dict[Place, bytes], dict[Place, int]]:
    """Packed records of book-months in their order, and versions of those whose rows must be asked.

    The pages of a book-month follow one another, and the first one says of when they are.
    """
    heads: dict[Place, int] = {}
    stale: dict[Place, int] = {}
    wanted: list[tuple[Place, bytes]] = []
    names: list[str] = []
    for book, month, currency, page, version, built, _, blob in rows:
        place = (book, month, currency)
        if place not in heads:
            heads[place] = version
            if built != version:
                stale[place] = version
        if place not in stale:
            wanted.append((place, blob or b""))
            names.append(blob_place(month, currency, page, heads[place]))
    opened = ring.unseal_each(
        names, [place[0] for place, _ in wanted], [cell for _, cell in wanted]
    )
    packed = dict.fromkeys(heads, b"")
    for (place, _), page in zip(wanted, opened, strict=True):
        content = records_of(page)
        if content is None:
            stale[place] = heads[place]
        else:
            packed[place] += content
    return packed, stale


async def read_totals(
    tx: Tx, ledger_id: UUID, last: date, *, book: UUID | None = None
) -> dict[Place, int]:
    """Sums of all living parts of book-months up to the month of a day, transfers included."""
    conditions = [G.c.ledger_id == ledger_id, G.c.page == 0, G.c.month <= last.replace(day=1)]
    if book is not None:
        conditions.append(G.c.book == book)
    rows = await tx.rows(
        select(G.c.book, G.c.month, G.c.currency, G.c.version, G.c.built, G.c.total).where(
            *conditions
        )
    )
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    totals: dict[Place, int] = {}
    stale: dict[Place, int] = {}
    for row in rows:
        place = (row.book, row.month, row.currency)
        if row.built == row.version:
            name = total_place(row.month, row.currency, row.built)
            totals[place] = _number(ring.unseal(name, row.book, row.total or b""))
        else:
            stale[place] = row.version
    note_count("opened", len(totals))
    for place, content in (await rebuilt(tx, ledger_id, stale)).items():
        totals[place] = total_of(content)
    return totals


async def rebuilt(tx: Tx, ledger_id: UUID, stale: dict[Place, int]) -> dict[Place, bytes]:
    """Records of book-months from their rows; they are stored once this reading has ended.

    Many are opened a batch at a time: what was opened is stored even where the reader fails later.
    """
    found: dict[Place, bytes] = {}
    waiting = list(stale)
    while waiting:
        some, waiting = waiting[:BATCH], waiting[BATCH:]
        packed = await pack_months(tx, ledger_id, some)
        note_count("rebuilt", len(packed))
        built = [_Built(place, stale[place], content) for place, content in packed.items()]
        tx.afterwards(partial(_store, ledger_id=ledger_id, built=built))
        found |= packed
    return found


async def pack_months(tx: Tx, ledger_id: UUID, places: Sequence[Place]) -> dict[Place, bytes]:
    """Records of book-months, made from their living rows in one statement.

    The time for it does not count against the limit of a query.
    """
    began = monotonic()
    wanted = (
        func.unnest(
            cast([book for book, _, _ in places], ARRAY(Uuid)),
            cast([month for _, month, _ in places], ARRAY(Date)),
            cast([_end(month) for _, month, _ in places], ARRAY(Date)),
            cast([currency for _, _, currency in places], ARRAY(KEY_TEXT)),
        )
        .table_valued("book", "first", "last", "currency", name="wanted")
        .render_derived()
    )
    inside = and_(
        _T.c.ledger_id == ledger_id,
        _T.c.account_id == wanted.c.book,
        _T.c.date.between(wanted.c.first, wanted.c.last),
        _T.c.currency == wanted.c.currency,
        _T.c.deleted_at.is_(None),
    )
    parts = and_(_S.c.ledger_id == _T.c.ledger_id, _S.c.transaction_id == _T.c.id)
    rows = await tx.rows(
        select(
            _T.c.account_id, _T.c.currency, _T.c.date, _T.c.id, _T.c.amount, _T.c.category_id,
            _T.c.status, _T.c.transfer_id, _T.c.refund_of, _T.c.group_id, _S.c.id.label("part_id"),
            _S.c.amount.label("part_amount"), _S.c.category_id.label("part_category"),
            _S.c.position,
        )
        .select_from(wanted.join(_T, inside).outerjoin(_S, parts))
        .order_by(_T.c.date, _T.c.id, _S.c.position)
    )  # fmt: skip
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    found: dict[Place, list[bytes]] = {place: [] for place in places}
    for number, row in enumerate(rows):
        place = (row.account_id, row.date.replace(day=1), row.currency)
        found[place].append(_record(ring, row))
        if number % _BREATH == _BREATH - 1:
            # Years may have to be opened after an import: others must not wait for that.
            await asyncio.sleep(0)
            began = _given_back(began)
    _given_back(began)
    return {place: b"".join(records) for place, records in found.items()}


def _given_back(began: float) -> float:
    """Do not count what has passed since an instant; the present one."""
    now = monotonic()
    give_back(now - began)
    return now


def _record(ring: LedgerRing, row: Row[Any]) -> bytes:
    flags = flags_of(
        row.status,
        transfer=row.transfer_id is not None,
        group=row.group_id is not None,
        refund=row.refund_of is not None,
    )
    if row.part_id is None:
        minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
        return pack_record(row.id, minor, row.category_id, row.date, flags)
    minor = ring.unseal_minor("splits.amount", row.part_id, row.part_amount)
    flags |= PART | row.position << POSITION_SHIFT
    return pack_record(row.id, minor, row.part_category, row.date, flags)


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little", signed=True)


def _end(month: date) -> date:
    """The last day of a month given by its first."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


async def _store(tx: Tx, *, ledger_id: UUID, built: Sequence[_Built]) -> None:
    """Keep what a reader had to open, where no write has come since; waits for nobody."""
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    free = await _still_right(tx, ledger_id, built)
    kept = [one for one in built if one.place in free]
    if not kept:
        return
    heads, more = [], []
    for place, version, packed in kept:
        book, month, currency = place
        for page, content in enumerate(pages_of(packed)):
            blob = ring.seal(blob_place(month, currency, page, version), book, content)
            if page:
                cells = {"ledger_id": ledger_id, "book": book, "month": month, "currency": currency}
                more.append({**cells, "page": page, "version": version, "built": version, "count": 0, "blob": blob})  # fmt: skip
                continue
            sealed = total_of(packed).to_bytes(_TOTAL_BYTES, "little", signed=True)
            total = ring.seal(total_place(month, currency, version), book, sealed)
            count = len(packed) // RECORD.itemsize
            heads.append({"b": book, "m": month, "c": currency, "v": version, "n": count, "t": total, "d": blob})  # fmt: skip
    mine = (G.c.book == bindparam("b"), G.c.month == bindparam("m"), G.c.currency == bindparam("c"))
    await tx.run(
        update(G)
        .where(G.c.ledger_id == ledger_id, G.c.page == 0, *mine)
        .values(
            built=bindparam("v", type_=BigInteger),
            count=bindparam("n"),
            total=bindparam("t"),
            blob=bindparam("d"),
        ),
        heads,
    )
    places = [one.place for one in kept]
    await tx.run(
        delete(G).where(
            G.c.ledger_id == ledger_id,
            G.c.page > 0,
            tuple_(G.c.book, G.c.month, G.c.currency).in_(places),
        )
    )
    if more:
        await tx.run(insert(G), more)


async def _still_right(tx: Tx, ledger_id: UUID, built: Iterable[_Built]) -> set[Place]:
    """Places whose version is still the one that was read, locked; busy ones are left alone."""
    given = (
        func.unnest(
            cast([one.place[0] for one in built], ARRAY(Uuid)),
            cast([one.place[1] for one in built], ARRAY(Date)),
            cast([one.place[2] for one in built], ARRAY(KEY_TEXT)),
            cast([one.version for one in built], ARRAY(BigInteger)),
        )
        .table_valued("book", "month", "currency", "version", name="given")
        .render_derived()
    )
    rows = await tx.rows(
        select(G.c.book, G.c.month, G.c.currency)
        .select_from(
            G.join(
                given,
                and_(
                    G.c.book == given.c.book,
                    G.c.month == given.c.month,
                    G.c.currency == given.c.currency,
                    G.c.version == given.c.version,
                ),
            )
        )
        .where(G.c.ledger_id == ledger_id, G.c.page == 0, G.c.built < G.c.version)
        .with_for_update(of=G, skip_locked=True)
    )
    return {(row.book, row.month, row.currency) for row in rows}
