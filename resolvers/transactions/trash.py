"""The trash: deleted transactions rest for 30 days and can come back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, not_, or_, select, update

from models.base import among, table
from models.templates import Template
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.errors import AppError, Conflict, NotFound
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.transactions.drafts import check_external
from resolvers.transactions.legs import as_shares_say, lost_legs
from resolvers.transactions.locks import require_deletable
from resolvers.transactions.references import References
from resolvers.transactions.rows import T, get_transaction, transactions_by_id
from resolvers.transactions.storing import relink_rows, stamp_rows, update_rows
from resolvers.uploads import remove_receipts_of

DAYS_IN_TRASH: Final = 30
_M: Final = table(Template)

Removed = TransactionRow | AppError


async def delete_transactions(
    write: LedgerWrite, wanted: Sequence[tuple[UUID | None, int | None]]
) -> list[Removed]:
    """Move rows, given as id and expected version, to the trash; transfers go with both sides.

    Both sides may be named, but nobody twice.
    """
    keys = [(write.ledger_id, one) for one, _ in wanted if one is not None]
    found = {row.id: row for row in await transactions_by_id(write.tx, keys) if row is not None}
    sides = [row.transfer_id for row in found.values() if row.transfer_id is not None]
    others = await transactions_by_id(write.tx, [(write.ledger_id, one) for one in sides])
    peers = {row.id: row for row in others if row is not None}
    results: list[Removed] = []
    gone: dict[UUID, TransactionRow] = {}
    named: set[UUID] = set()
    for wanted_id, expected in wanted:
        row = None if wanted_id is None else found.get(wanted_id)
        if row is None:
            results.append(NotFound("There is no such transaction."))
            continue
        if row.id in named:
            results.append(
                Conflict("This transaction is named by an earlier row of the same batch.")
            )
            continue
        named.add(row.id)
        together = [row]
        if row.transfer_id is not None and row.transfer_id in peers:
            together.append(peers[row.transfer_id])
        try:
            require_version(row, expected)
            require_deletable(together)
        except AppError as error:
            results.append(error)
            continue
        gone |= {one.id: one for one in together}
        results.append(row)
    await _throw_away(write, list(gone.values()))
    return results


async def _throw_away(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    changed = [
        (
            row,
            replace(row, deleted_at=write.now, version=row.version + 1, updated_at=write.now),
        )
        for row in rows
    ]
    await stamp_rows(write, changed, "DELETE", deleted_at=write.now)


async def delete_rows_of_account(write: LedgerWrite, account_id: UUID) -> None:
    """Move all rows of an account to the trash, reconciled ones too: an account goes as a whole.

    Other sides of its transfers stay, unlinked.

    The rows in the trash remember their other sides, so that a restored account finds them again.
    """
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.account_id == account_id,
            T.c.deleted_at.is_(None),
        )
    )
    rows = await transactions_by_id(write.tx, [(write.ledger_id, row.id) for row in found])
    living = [row for row in rows if row is not None]
    sides = [row.transfer_id for row in living if row.transfer_id is not None]
    others = await transactions_by_id(write.tx, [(write.ledger_id, one) for one in sides])
    unlinked = [
        (row, replace(row, transfer_id=None, version=row.version + 1, updated_at=write.now))
        for row in others
        if row is not None
    ]
    await update_rows(write, unlinked)
    await _throw_away(write, living)


async def restore_transaction(write: LedgerWrite, transaction_id: UUID | None) -> TransactionRow:
    """Bring a deleted transaction back, a transfer with both its sides.

    What a group's transaction moved comes back with the amount that was paid by now.  Raises
    CONFLICT for one that is not in the trash, or that the group's transaction holds no more.
    """
    rows = await restorable(write, transaction_id)
    await restore_rows(write, rows)
    row = rows[0]
    return (await transactions_by_id(write.tx, [(write.ledger_id, row.id)]))[0] or row


async def restorable(write: LedgerWrite, transaction_id: UUID | None) -> list[TransactionRow]:
    """A deleted transaction, first, and what would come back with it; raises as its restoring."""
    if transaction_id is not None:
        key = (write.ledger_id, transaction_id)
        if (await transactions_by_id(write.tx, [key]))[0] is not None:
            raise Conflict("This transaction is not in the trash.")
    row = await get_transaction(write.tx, write.actor, transaction_id, deleted=True)
    rows = [row]
    if row.transfer_id is not None:
        key = (write.ledger_id, row.transfer_id)
        other = (await transactions_by_id(write.tx, [key], deleted=True))[0]
        if other is not None:
            rows.append(other)
    accounts = await accounts_by_id(write.tx, [(write.ledger_id, r.account_id) for r in rows])
    if any(account is None for account in accounts):
        raise Conflict("Its account is in the trash; restore the account first.")
    if await lost_legs(write, rows):
        raise Conflict(
            "It follows a group's transaction, which was deleted, changed or booked anew since; "
            "restore that, or book what you paid with it again."
        )
    await _require_free_ids(write, rows)
    return rows


async def restore_rows_of_account(
    write: LedgerWrite, account_id: UUID, deleted_at: datetime
) -> None:
    """Bring back the rows that went to the trash together with their account.

    Legs that their group holds no more stay in the trash.
    """
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.account_id == account_id,
            T.c.deleted_at == deleted_at,
        )
    )
    keys = [(write.ledger_id, row.id) for row in found]
    rows = [r for r in await transactions_by_id(write.tx, keys, deleted=True) if r is not None]
    lost = await lost_legs(write, rows)
    await restore_rows(write, [row for row in rows if row.id not in lost])


async def restore_rows(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    """Bring rows back; an external id that was taken meanwhile is a CONFLICT."""
    await _require_free_ids(write, rows)
    rejoined, alone = await _rejoined(write, rows)
    await update_rows(write, rejoined)
    changed = [
        (row, replace(row, deleted_at=None, version=row.version + 1, updated_at=write.now))
        for row in rows
    ]
    await stamp_rows(
        write,
        [(old, new) for old, new in changed if old.id not in alone],
        "RESTORE",
        deleted_at=None,
    )
    await stamp_rows(
        write,
        [(old, replace(new, transfer_id=None)) for old, new in changed if old.id in alone],
        "RESTORE",
        deleted_at=None,
        transfer_id=None,
    )
    await as_shares_say(write, rows)


async def _require_free_ids(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    external = [row.external_id for row in rows if row.external_id is not None]
    if not external:
        return
    taken = await write.tx.rows(
        select(T.c.id, T.c.account_id, T.c.external_id).where(
            T.c.ledger_id == write.ledger_id,
            among(T.c.external_id, external),
            T.c.deleted_at.is_(None),
        )
    )
    refs = References(external={(r.account_id, r.external_id): r.id for r in taken})
    for row in rows:
        check_external(refs, row.account_id, row.external_id, row.id)


async def _rejoined(
    write: LedgerWrite, rows: Sequence[TransactionRow]
) -> tuple[list[tuple[TransactionRow, TransactionRow]], set[UUID]]:
    """Living other sides as they are joined again, and the rows that stay alone.

    A side that was changed meanwhile is no mirror any more: both stay ordinary transactions.
    """
    together = {row.id for row in rows}
    lonely = [row for row in rows if row.transfer_id and row.transfer_id not in together]
    keys = [(write.ledger_id, row.transfer_id) for row in lonely if row.transfer_id]
    sides = {row.id: row for row in await transactions_by_id(write.tx, keys) if row is not None}
    joined = []
    alone = set()
    for row in lonely:
        side = sides.get(row.transfer_id) if row.transfer_id else None
        if side is not None and _mirrors(row, side):
            linked = replace(
                side, transfer_id=row.id, version=side.version + 1, updated_at=write.now
            )
            joined.append((side, linked))
        else:
            alone.add(row.id)
    return joined, alone


def _mirrors(row: TransactionRow, side: TransactionRow) -> bool:
    """Whether an unlinked row still is the other side of a transfer."""
    if side.transfer_id is not None or side.category_id is not None or side.splits:
        return False
    return row.currency != side.currency or row.amount_minor == -side.amount_minor


async def purge_trash(write: LedgerWrite, before: datetime) -> int:
    """Remove what has been in the trash for 30 days; nothing can bring it back.

    Living rows that pointed at one of them point at nothing afterwards, and say so; receipts go
    with what they proved.
    """
    where = (T.c.ledger_id == write.ledger_id, T.c.deleted_at < before)
    gone = [row.id for row in await write.tx.rows(select(T.c.id).where(*where))]
    await _purge(write, gone)
    return len(gone)


async def remove_rows(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    """Remove living rows for good, without their other sides: as if they had never been made."""
    await _throw_away(write, rows)
    await _purge(write, [row.id for row in rows])


async def return_to_trash(
    write: LedgerWrite, rows: Sequence[TransactionRow], links: Mapping[UUID, UUID | None]
) -> None:
    """Put restored rows, whose ``deleted_at`` says since when they lay there, back into the trash.

    ``links`` are the other sides that they named there; living rows let go of them.
    """
    pointing = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            among(T.c.transfer_id, [row.id for row in rows]),
            not_(among(T.c.id, [row.id for row in rows])),
            T.c.deleted_at.is_(None),
        )
    )
    sides = await transactions_by_id(write.tx, [(write.ledger_id, row.id) for row in pointing])
    await relink_rows(
        write,
        [
            (row, replace(row, transfer_id=None, version=row.version + 1, updated_at=write.now))
            for row in sides
            if row is not None
        ],
    )
    changed = [
        (
            replace(row, deleted_at=None),
            replace(
                row,
                transfer_id=links.get(row.id, row.transfer_id),
                version=row.version + 1,
                updated_at=write.now,
            ),
        )
        for row in rows
    ]
    await update_rows(write, changed, "DELETE")


async def _purge(write: LedgerWrite, gone: Sequence[UUID]) -> None:
    if not gone:
        return
    for deleted in (False, True):
        pointing = await write.tx.rows(
            select(T.c.id).where(
                T.c.ledger_id == write.ledger_id,
                or_(among(T.c.transfer_id, gone), among(T.c.refund_of, gone)),
                not_(among(T.c.id, gone)),
                T.c.deleted_at.is_not(None) if deleted else T.c.deleted_at.is_(None),
            )
        )
        keys = [(write.ledger_id, row.id) for row in pointing]
        rows = await transactions_by_id(write.tx, keys, deleted=deleted)
        lost = set(gone)
        await relink_rows(
            write,
            [
                (
                    row,
                    replace(
                        row,
                        transfer_id=None if row.transfer_id in lost else row.transfer_id,
                        refund_of=None if row.refund_of in lost else row.refund_of,
                        refunded=None if row.refund_of in lost else row.refunded,
                        version=row.version + 1,
                        updated_at=write.now,
                    ),
                )
                for row in rows
                if row is not None
            ],
        )
    # Rows that go together may name each other: their links go first.
    await write.tx.run(
        update(T)
        .where(T.c.ledger_id == write.ledger_id, among(T.c.id, gone))
        .values(transfer_id=None, refund_of=None)
    )
    await _spend_dates(write, gone)
    await remove_receipts_of(write, gone)
    await write.tx.run(delete(T).where(T.c.ledger_id == write.ledger_id, among(T.c.id, gone)))
    for one in gone:
        write.purged("transaction", one)


async def _spend_dates(write: LedgerWrite, gone: Sequence[UUID]) -> None:
    """Let templates remember the dates of rows that go: what was deleted is not made again."""
    found = (
        select(T.c.template_id, func.array_agg(T.c.occurrence_date).label("days"))
        .where(T.c.ledger_id == write.ledger_id, T.c.id.in_(gone), T.c.occurrence_date.is_not(None))
        .group_by(T.c.template_id)
        .subquery()
    )
    await write.tx.run(
        update(_M)
        .where(_M.c.ledger_id == write.ledger_id, _M.c.id == found.c.template_id)
        .values(spent_dates=_M.c.spent_dates.op("||")(found.c.days))
    )
