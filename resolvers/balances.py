"""Balances of accounts at the ends of days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, literal_column, select, union_all

from models.accounts import Account
from models.base import among_named, table
from models.database import Transaction as Tx
from models.statements import Prepared
from models.transactions import Transaction
from resolvers.money import checked_sum

_A: Final = table(Account)
_T: Final = table(Transaction)
_TOTALS: Final = Prepared(
    select(_A.c.id, _A.c.currency, _A.c.total, _A.c.opening, _A.c.opening_date).where(
        _A.c.ledger_id == bindparam("ledger"), among_named(_A.c.id, "accounts")
    )
)
_LIVING: Final = select(_T.c.id, _T.c.account_id, _T.c.amount, _T.c.date).where(
    _T.c.ledger_id == bindparam("ledger"),
    among_named(_T.c.account_id, "accounts"),
    _T.c.deleted_at.is_(None),
)
# Each half has an index of its own; one condition for both would pass every row of the accounts.
_SPECIAL: Final = Prepared(
    union_all(
        _LIVING.where(_T.c.date > bindparam("day")),
        _LIVING.where(_T.c.date <= bindparam("day"), _T.c.status == literal_column("'PENDING'")),
    )
)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account held at the end of a day, in minor units."""

    account_id: UUID
    as_of: date
    currency: str
    balance_minor: int
    posted_minor: int
    pending_minor: int


async def balances_at(tx: Tx, keys: Sequence[tuple[UUID, UUID, date]]) -> list[Balance | None]:
    """Balances at the ends of days: the running total less what is dated later.

    Accounts in the trash have one too: a repeated create may ask for it.  Two statements for each
    ledger and day, whatever the number of accounts.  For a day far in the
    past this opens every row dated after it.
    """
    found: dict[tuple[UUID, UUID, date], Balance] = {}
    for ledger_id, as_of in {(key[0], key[2]) for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id and key[2] == as_of]
        for balance in await _balances(tx, ledger_id, wanted, as_of):
            found[ledger_id, balance.account_id, as_of] = balance
    return [found.get(key) for key in keys]


async def _balances(tx: Tx, ledger_id: UUID, wanted: list[UUID], as_of: date) -> list[Balance]:
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    accounts = await tx.rows(_TOTALS, {"ledger": ledger_id, "accounts": wanted})
    special = await tx.rows(_SPECIAL, {"ledger": ledger_id, "accounts": wanted, "day": as_of})
    later: dict[UUID, list[int]] = {}
    pending: dict[UUID, list[int]] = {}
    for row in special:
        minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
        (later if row.date > as_of else pending).setdefault(row.account_id, []).append(minor)
    balances = []
    for row in accounts:
        total = ring.unseal_minor("accounts.total", row.id, row.total)
        opening = ring.unseal_minor("accounts.opening", row.id, row.opening)
        if row.opening_date is not None and row.opening_date > as_of:
            opening = 0
        balance = checked_sum((total, opening, -sum(later.get(row.id, ()))))
        waiting = sum(pending.get(row.id, ()))
        balances.append(Balance(row.id, as_of, row.currency, balance, balance - waiting, waiting))
    return balances
