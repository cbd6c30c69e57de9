"""Categories, accounts and transactions of a takeout come in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, update

from models.accounts import Account, AccountRow
from models.base import among, table
from models.categories import Category, CategoryRow
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id, restore_account
from resolvers.accounts import cells_of as account_cells
from resolvers.categories import categories_by_id
from resolvers.errors import Invalid
from resolvers.imports.decide import DELETED_EARLIER
from resolvers.imports.effects import print_of
from resolvers.imports.takeout import objects
from resolvers.imports.takeout.batch import Batch, line_of
from resolvers.imports.takeout.kept import (
    KeptAccount,
    KeptCategory,
    KeptTransaction,
)
from resolvers.imports.takeout.objects import Names
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.rows import T, any_transactions_by_id, refunded_by_id
from resolvers.transactions.storing import insert_rows, update_rows

_A: Final = table(Account)
_C: Final = table(Category)
_SAME_ROW: Final = "It was brought from there already."


async def bring_categories(batch: Batch) -> None:
    """All at once, parents first: some were here from the start and become what the others were."""
    write = batch.write
    rows: list[CategoryRow] = [row for _, row in batch.rows(KeptCategory, objects.category_row)]
    if batch.trip.merge:
        here_now = set(await _here(write, _C, [row.id for row in rows]))
        rows = [row for row in rows if row.id not in here_now]
    if not batch.book:
        return
    known = await categories_by_id(write.tx, [(write.ledger_id, row.id) for row in rows])
    here = {row.id: row for row in known if row is not None}
    depth = {row.id: 0 for row in rows}
    parents = {row.id: row.parent_id for row in rows}
    for one in depth:
        step = parents[one]
        while step is not None:
            depth[one] += 1
            step = parents.get(step)
    fresh = sorted((row for row in rows if row.id not in here), key=lambda row: depth[row.id])
    # Those that were here may hang below new ones, and new ones below them: links come last.
    if fresh:
        bare = [replace(row, parent_id=None) for row in fresh]
        await write.tx.run(insert(_C), [_category_cells(row) for row in bare])
    for row in rows:
        old = here.get(row.id)
        new = row if old is None else replace(row, version=old.version + 1)
        if old is None or new != replace(old, version=new.version):
            mine = (_C.c.ledger_id == write.ledger_id, _C.c.id == row.id)
            await write.tx.run(update(_C).where(*mine).values(_category_cells(new)))
            write.record("category", "CREATE" if old is None else "UPDATE", old, new)
    write.figures = True


def _category_cells(row: CategoryRow) -> dict[str, Any]:
    """A category as its table holds it."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


async def bring_accounts(batch: Batch) -> None:
    """Accounts, those in the trash too; their totals move with their transactions."""
    write = batch.write
    pairs: list[tuple[KeptAccount, AccountRow]] = batch.rows(KeptAccount, objects.account_row)
    here: set[UUID] = set()
    if batch.trip.merge is not None:
        here = await _here(write, _A, [row.id for _, row in pairs])
    living = await accounts_by_id(write.tx, [(write.ledger_id, one) for one in here])
    closed = here - {row.id for row in living if row is not None}
    for one, row in pairs:
        if batch.book and row.id in closed:
            # An earlier import has opened it, and was taken back; its rows decide for themselves.
            await restore_account(write, row.id, bring_back=_nothing)
        if not batch.book or row.id in here:
            continue
        total = write.ring.seal_minor("accounts.total", row.id, 0)
        cells = account_cells(write, row)
        await write.tx.run(insert(_A).values(**cells, total=total, deleted_at=one.deleted_at))
        write.record("account", "CREATE", None, row)
        if one.deleted_at is not None:
            write.record("account", "DELETE", row, None)
        write.figures = True


async def _nothing(write: LedgerWrite, account_id: UUID, deleted_at: datetime) -> None:
    """What was deleted with an account stays in the trash."""


async def bring_transactions(batch: Batch) -> None:
    """Without their links; rows of files get the key by which the same file is told again."""
    trip = batch.trip

    def make(names: Names, one: KeptTransaction) -> TransactionRow:
        row = objects.transaction_row(names, one)
        if row.external_id is not None and row.deleted_at is None:
            batch.once(row.account_id, row.external_id)
        if row.template_id is not None:
            batch.once(row.template_id, row.occurrence_date)
        if trip.merge is not None:
            row = replace(row, import_id=trip.merge)
        elif one.import_id is None:
            return row
        return replace(row, content_key=trip.key(row.account_id, line_of(row)))

    rows: list[TransactionRow] = [row for _, row in batch.rows(KeptTransaction, make)]
    if trip.merge is not None:
        rows = await _unknown(batch, rows)
    if batch.book:
        await insert_rows(batch.write, rows)


async def _unknown(batch: Batch, rows: list[TransactionRow]) -> list[TransactionRow]:
    """Those that are not here yet; the others are duplicates, or were deleted by their owner."""
    write = batch.write
    keys = [(write.ledger_id, row.id) for row in rows]
    known = await any_transactions_by_id(write.tx, keys)
    here = {row.id: row for row in known if row is not None}
    names = [row.external_id for row in rows if row.external_id is not None]
    taken = {
        (one.account_id, one.external_id): one.id
        for one in await write.tx.rows(
            select(T.c.account_id, T.c.external_id, T.c.id).where(
                T.c.ledger_id == write.ledger_id,
                among(T.c.external_id, names),
                T.c.deleted_at.is_(None),
            )
        )
    }
    places = {made: place for place, made in batch.made.items()}
    fresh = []
    for row in rows:
        place, old = places[row.id], here.get(row.id)
        other = taken.get((row.account_id, row.external_id))
        if old is not None and old.deleted_at is not None:
            batch.found[place] = ("SKIPPED", DELETED_EARLIER, old.id)
        elif old is not None or other is not None:
            batch.found[place] = ("DUPLICATE", _SAME_ROW, other or row.id)
        else:
            batch.notes[place] = print_of(row)
            fresh.append(row)
    return fresh


async def _here(write: LedgerWrite, rows: Any, wanted: Sequence[UUID]) -> set[UUID]:
    """Those of some ids that a table has."""
    found = await write.tx.rows(
        select(rows.c.id).where(rows.c.ledger_id == write.ledger_id, among(rows.c.id, wanted))
    )
    return {row.id for row in found}


async def bring_links(batch: Batch) -> None:
    """Transfers and refunds, now that both sides are there."""
    trip, write = batch.trip, batch.write
    wanted: dict[UUID, tuple[UUID | None, UUID | None]] = {}
    for piece in batch.pieces:
        value = piece.value
        if value.get("transferId") is None and value.get("refundOf") is None:
            continue
        try:
            one = parse(KeptTransaction, value)
        except Invalid:
            continue
        new = trip.names.new
        wanted[new(one.id)] = (
            new(one.transfer_id) if one.transfer_id else None,
            new(one.refund_of) if one.refund_of else None,
        )
    if not wanted or not batch.book:
        return
    ledger = write.ledger_id
    every = {*wanted, *(side for pair in wanted.values() for side in pair if side)}
    found = await any_transactions_by_id(write.tx, [(ledger, one) for one in every])
    rows = {row.id: row for row in found if row is not None}
    sources = [(ledger, refund) for _, refund in wanted.values() if refund is not None]
    refunded = await refunded_by_id(write.tx, sources)
    mine = {key for key, row in rows.items() if trip.merge is None or row.import_id == trip.merge}
    sides = {key: rows[key].transfer_id for key in mine}
    for which, (transfer, _) in wanted.items():
        # Both sides at once, whichever of them comes first: there is no half of a transfer.
        if (
            which in mine
            and transfer in mine
            and sides[which] in {None, transfer}
            and sides[transfer] in {None, which}
            and _are_sides(rows[which], rows[transfer])
        ):
            sides[which], sides[transfer] = transfer, which
    changed = []
    for which in mine:
        old = rows[which]
        linked = replace(old, transfer_id=sides[which])
        _, refund = wanted.get(which, (None, None))
        if refund in rows and refund != which:
            linked = replace(linked, refund_of=refund, refunded=refunded.get((ledger, refund)))
        if linked != old:
            changed.append((old, replace(linked, version=old.version + 1)))
    await update_rows(write, [pair for pair in changed if pair[0].deleted_at is None])
    await update_rows(write, [pair for pair in changed if pair[0].deleted_at is not None], "DELETE")


def _are_sides(one: TransactionRow, other: TransactionRow) -> bool:
    """Whether two rows can be a transfer: of two accounts, and money that is the same on the way."""
    return (
        one.account_id != other.account_id
        and (one.deleted_at is None) == (other.deleted_at is None)
        and one.amount_minor * other.amount_minor <= 0
        and (one.currency != other.currency or one.amount_minor == -other.amount_minor)
    )
