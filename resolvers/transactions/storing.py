"""Transactions written to the database: cells sealed, totals moved, changes recorded."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ARRAY, Uuid, bindparam, cast, column, delete, func, insert, update

from models.base import among
from models.statements import Inserted
from models.transactions import TransactionRow
from resolvers.ledgers import LedgerWrite
from resolvers.segments import BUILD_SEGMENTS, MANY, QUIET, WIDE, mark, places_of
from resolvers.segments.marks import Place
from resolvers.transactions.rows import S, T

_PLAIN: Final = (
    "ledger_id", "id", "account_id", "category_id", "date", "currency", "description", "payee",
    "status", "split_count", "transfer_id", "refund_of", "external_id", "import_id", "template_id",
    "group_id", "content_key", "deleted_at", "version", "created_at", "updated_at",
    "occurrence_date", "group_transaction_id",
)  # fmt: skip
_plain_of: Final = attrgetter(*_PLAIN)
_LINKS: Final = ("category_id", "transfer_id", "refund_of")
_ADD: Final = Inserted(T, (*_PLAIN, "tags", "locked", "amount", "notes"))
_FIXED: Final = frozenset({"ledger_id", "id", "created_at"})
_CHANGED: Final = (
    *(name for name in _PLAIN if name not in _FIXED), "tags", "locked", "amount", "notes",
)  # fmt: skip


def _cells(write: LedgerWrite, row: TransactionRow) -> dict[str, Any]:
    cells: dict[str, Any] = dict(zip(_PLAIN, _plain_of(row), strict=True))
    cells["tags"] = list(row.tags)
    cells["locked"] = list(row.locked)
    cells["amount"] = write.ring.seal_minor("transactions.amount", row.id, row.amount_minor)
    cells["notes"] = write.ring.seal_text("transactions.notes", row.id, row.notes)
    return cells


def _parts(write: LedgerWrite, rows: Sequence[TransactionRow]) -> list[dict[str, Any]]:
    return [
        {
            "ledger_id": row.ledger_id,
            "id": part.id,
            "transaction_id": row.id,
            "position": position,
            "category_id": part.category_id,
            "amount": write.ring.seal_minor("splits.amount", part.id, part.amount_minor),
            "notes": write.ring.seal_text("splits.notes", part.id, part.notes),
        }
        for row in rows
        for position, part in enumerate(row.splits)
    ]


async def insert_rows(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    """Store new rows with their parts; their accounts' totals move with them.

    A row that comes back into the trash it lay in moves none, and is told with its tombstone.
    """
    if not rows:
        return
    await write.tx.later(_ADD, [_cells(write, row) for row in rows])
    parts = _parts(write, rows)
    if parts:
        await write.tx.run(insert(S), parts)
    await _mark(write, {place for row in rows for place in places_of(None, row)}, len(rows))
    for row in rows:
        write.record("transaction", "CREATE", None, row)
        if row.deleted_at is None:
            write.move(row.account_id, row.amount_minor)
        else:
            write.record("transaction", "DELETE", row, None)


async def update_rows(
    write: LedgerWrite, changed: Sequence[tuple[TransactionRow, TransactionRow]], op: str = "UPDATE"
) -> None:
    """Store changed rows, given as pairs of before and after."""
    if not changed:
        return
    statement = (
        update(T)
        .where(T.c.ledger_id == write.ledger_id, T.c.id == bindparam("which"))
        .values({name: bindparam(f"new_{name}") for name in _CHANGED})
    )
    values = []
    for _, new in changed:
        cells = _cells(write, new)
        values.append({"which": new.id} | {f"new_{name}": cells[name] for name in _CHANGED})
    await write.tx.run(statement, values)
    resplit = [(old, new) for old, new in changed if old.splits != new.splits]
    if resplit:
        await write.tx.run(
            delete(S).where(
                S.c.ledger_id == write.ledger_id,
                among(S.c.transaction_id, [old.id for old, _ in resplit]),
            )
        )
        parts = _parts(write, [new for _, new in resplit])
        if parts:
            await write.tx.run(insert(S), parts)
    await _tell(write, changed, op)


async def stamp_rows(
    write: LedgerWrite,
    changed: Sequence[tuple[TransactionRow, TransactionRow]],
    op: str,
    **same: Any,
) -> None:
    """Store the same plain values on many rows in one statement; their cells stay as sealed.

    ``changed`` are pairs of before and after, which differ in nothing else but version and time.
    """
    if not changed:
        return
    await write.tx.run(
        update(T)
        .where(T.c.ledger_id == write.ledger_id, among(T.c.id, [old.id for old, _ in changed]))
        .values(**same, version=T.c.version + 1, updated_at=write.now)
    )
    await _tell(write, changed, op)


async def _mark(write: LedgerWrite, places: set[Place], rows: int) -> None:
    """Mark segments stale; what is much is built again by a job and not by the next reader."""
    await mark(write.tx, write.ledger_id, places)
    if len(places) >= WIDE or (places and rows >= MANY):
        write.enqueue(BUILD_SEGMENTS, write.ledger_id, run_at=write.now + QUIET)


async def relink_rows(
    write: LedgerWrite, changed: Sequence[tuple[TransactionRow, TransactionRow]]
) -> None:
    """Store other links and categories of many rows in one statement; their cells stay as sealed.

    ``changed`` are pairs of before and after, which differ in nothing else but version and time.
    """
    if not changed:
        return
    names = ("id", *_LINKS)
    columns = [cast([getattr(new, name) for _, new in changed], ARRAY(Uuid)) for name in names]
    said = func.unnest(*columns).table_valued(*(column(f"new_{n}", Uuid) for n in names))
    said = said.render_derived()
    await write.tx.run(
        update(T)
        .where(T.c.ledger_id == write.ledger_id, T.c.id == said.c.new_id)
        .values(
            {name: said.c[f"new_{name}"] for name in _LINKS}
            | {"version": T.c.version + 1, "updated_at": write.now}
        )
    )
    await _tell(write, changed, "UPDATE")


async def _tell(
    write: LedgerWrite, changed: Sequence[tuple[TransactionRow, TransactionRow]], op: str
) -> None:
    """Segments, totals and feed of changed rows."""
    touched = {place for old, new in changed for place in places_of(old, new)}
    await _mark(write, touched, len(changed))
    for old, new in changed:
        if old.deleted_at is None:
            write.move(old.account_id, -old.amount_minor)
        if new.deleted_at is None:
            write.move(new.account_id, new.amount_minor)
        after = None if op == "DELETE" else new
        write.record("transaction", op, None if op == "RESTORE" else old, after)
