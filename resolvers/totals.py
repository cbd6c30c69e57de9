"""Running totals of accounts: sealed sums that every write keeps, and verification recomputes."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Uuid, bindparam, column, func, select, update

from models.accounts import Account
from models.base import among_named, table
from models.database import Transaction
from models.sealing import LedgerRing
from models.statements import Prepared
from resolvers.errors import AppError, ErrorCode
from resolvers.money import INT64_MAX

_ACCOUNTS: Final = table(Account)
_TOTALS: Final = Prepared(
    select(_ACCOUNTS.c.id, _ACCOUNTS.c.total).where(
        _ACCOUNTS.c.ledger_id == bindparam("ledger"), among_named(_ACCOUNTS.c.id, "accounts")
    )
)
_GIVEN: Final = (
    func.unnest(
        bindparam("which", type_=ARRAY(Uuid)), bindparam("sealed", type_=ARRAY(LargeBinary))
    )
    .table_valued(column("which", Uuid), column("sealed", LargeBinary), name="given")
    .render_derived()
)
_KEEP: Final = Prepared(
    update(_ACCOUNTS)
    .where(
        _ACCOUNTS.c.ledger_id == bindparam("ledger"),
        _ACCOUNTS.c.id == _GIVEN.c.which,
    )
    .values(total=_GIVEN.c.sealed),
    part="totals",
)


async def move_totals(
    tx: Transaction,
    ring: LedgerRing,
    moves: Mapping[UUID, int],
    known: Mapping[UUID, bytes] | None = None,
) -> dict[UUID, bytes]:
    """Change sealed running totals under the ledger's lock, and tell them as they will be.

    Those that are ``known`` were read under the same lock.  Raises OVERFLOW past int64.
    """
    sealed = dict(known or {})
    missing = [one for one in moves if one not in sealed]
    if missing:
        found = await tx.rows(_TOTALS, {"ledger": ring.ledger_id, "accounts": missing})
        sealed.update({row.id: row.total for row in found})
    which, totals = [], []
    for account_id, moved in moves.items():
        if account_id not in sealed:
            continue
        total = ring.unseal_minor("accounts.total", account_id, sealed[account_id]) + moved
        if abs(total) > INT64_MAX:
            raise AppError(
                "The account's balance would leave the range of 64-bit minor units.",
                code=ErrorCode.OVERFLOW,
            )
        which.append(account_id)
        totals.append(ring.seal_minor("accounts.total", account_id, total))
    await tx.later(_KEEP, {"ledger": ring.ledger_id, "which": which, "sealed": totals})
    return dict(zip(which, totals, strict=True))
