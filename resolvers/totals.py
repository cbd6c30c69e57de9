"""Running totals of accounts: sealed sums that every write keeps, and verification recomputes."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select, update

from models.accounts import Account
from models.base import among, table
from models.database import Transaction
from models.sealing import LedgerRing
from resolvers.errors import AppError, ErrorCode
from resolvers.money import INT64_MAX

_ACCOUNTS: Final = table(Account)


async def move_totals(tx: Transaction, ring: LedgerRing, moves: Mapping[UUID, int]) -> None:
    """Change sealed running totals under the ledger's lock; raises OVERFLOW past int64."""
    found = await tx.rows(
        select(_ACCOUNTS.c.id, _ACCOUNTS.c.total).where(
            _ACCOUNTS.c.ledger_id == ring.ledger_id, among(_ACCOUNTS.c.id, moves.keys())
        )
    )
    changed = []
    for row in found:
        total = ring.unseal_minor("accounts.total", row.id, row.total) + moves[row.id]
        if abs(total) > INT64_MAX:
            raise AppError(
                "The account's balance would leave the range of 64-bit minor units.",
                code=ErrorCode.OVERFLOW,
            )
        sealed = ring.seal_minor("accounts.total", row.id, total)
        changed.append({"which": row.id, "sealed": sealed})
    await tx.run(
        update(_ACCOUNTS)
        .where(_ACCOUNTS.c.ledger_id == ring.ledger_id, _ACCOUNTS.c.id == bindparam("which"))
        .values(total=bindparam("sealed")),
        changed,
    )
