"""Legs in the trash: they come back as the group says by now, or not at all.

A leg is the money that one's share of a group transaction moved.  While it lay in the trash the
group may have changed what was paid, or somebody may have booked it anew: a leg that came back as
it was would count the same money twice, or money that never moved.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select

from models.base import among, table
from models.groups import Share
from models.transactions import TransactionRow
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.rows import T, transactions_by_id
from resolvers.transactions.storing import update_rows

_H = table(Share)


def moved_minor(kind: str, paid_minor: int, owed_minor: int) -> int:
    """What a share moved on the own accounts: what was paid left them; what settles enters."""
    return owed_minor - paid_minor if kind == "SETTLEMENT" else -paid_minor


async def lost_legs(write: LedgerWrite, rows: Sequence[TransactionRow]) -> set[UUID]:
    """Ids of the legs among deleted rows that must not come back as legs.

    Their share is gone or is in another currency, nothing was paid any more, or the payment is
    booked elsewhere by now.
    """
    legs = [row for row in rows if row.group_transaction_id is not None]
    said = await _said(write, legs)
    taken = await _booked(write, legs)
    lost = set()
    for leg in legs:
        currency, minor = said.get(leg.group_transaction_id, (None, 0))
        if not minor or currency != leg.currency or leg.group_transaction_id in taken:
            lost.add(leg.id)
        taken.add(leg.group_transaction_id)
    return lost


async def as_shares_say(write: LedgerWrite, rows: Sequence[TransactionRow]) -> None:
    """Give legs that have just come back the amounts that were paid by now."""
    legs = [row for row in rows if row.group_transaction_id is not None]
    said = await _said(write, legs)
    keys = [(write.ledger_id, leg.id) for leg in legs]
    changed = []
    for leg in await transactions_by_id(write.tx, keys):
        if leg is None:
            continue
        _, minor = said[leg.group_transaction_id]
        if minor != leg.amount_minor:
            new = replace(leg, amount_minor=minor, version=leg.version + 1, updated_at=write.now)
            changed.append((leg, new))
    await update_rows(write, changed)


async def _said(
    write: LedgerWrite, legs: Sequence[TransactionRow]
) -> dict[UUID | None, tuple[str, int]]:
    """Currency and moved money of the living shares of legs."""
    if not legs:
        return {}
    wanted = {leg.group_transaction_id for leg in legs}
    rows = await write.tx.rows(
        select(_H.c.id, _H.c.kind, _H.c.currency, _H.c.paid, _H.c.owed).where(
            _H.c.ledger_id == write.ledger_id, among(_H.c.id, wanted), _H.c.deleted_at.is_(None)
        )
    )
    ring = write.ring
    return {
        row.id: (
            row.currency,
            moved_minor(
                row.kind,
                ring.unseal_minor("shares.paid", row.id, row.paid),
                ring.unseal_minor("shares.owed", row.id, row.owed),
            ),
        )
        for row in rows
    }


async def _booked(write: LedgerWrite, legs: Sequence[TransactionRow]) -> set[UUID | None]:
    """Group transactions of legs that have a living leg already."""
    if not legs:
        return set()
    wanted = {leg.group_transaction_id for leg in legs}
    rows = await write.tx.rows(
        select(T.c.group_transaction_id).where(
            T.c.ledger_id == write.ledger_id,
            among(T.c.group_transaction_id, wanted),
            T.c.deleted_at.is_(None),
        )
    )
    return {row.group_transaction_id for row in rows}
