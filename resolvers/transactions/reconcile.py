"""Reconciling an account with a statement: one write that locks what agrees, or says what does not.

The balance that a statement shows is compared with the posted balance of the same day.  Where
they are equal, every posted row up to that day becomes RECONCILED.  Where they are not, nothing
changes, and the answer names the rows that would explain the difference one at a time: those
that wait, those that are there twice, those with the wrong sign, and so on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import combinations
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select

from models.transactions import TransactionRow
from resolvers.accounts import get_account
from resolvers.balances import balances_at
from resolvers.errors import FieldError, Invalid, invalid
from resolvers.inputs import AmountText, Input, PostingDate
from resolvers.ledgers import LedgerWrite
from resolvers.money import parse_minor
from resolvers.transactions.locks import RECONCILED
from resolvers.transactions.rows import T, transactions_by_id
from resolvers.transactions.storing import stamp_rows

MAX_CANDIDATES: Final = 10
_SCANNED: Final = 2_000
"""How many rows, the newest, are opened in the search for explanations."""
_PAIRED: Final = 100
"""How many waiting rows are tried two by two."""
_NEAR: Final = timedelta(days=7)
_TRASH: Final = timedelta(days=30)


class ReconcileInput(Input):
    """What a statement says."""

    date: PostingDate
    statement_balance: AmountText


@dataclass(frozen=True, slots=True)
class Candidate:
    """Rows that would explain the whole difference if they were changed as the reason says."""

    reason: str
    transaction_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a comparison came to; money in minor units of the account's currency."""

    ledger_id: UUID
    account_id: UUID
    date: date
    currency: str
    statement_minor: int
    balance_minor: int
    """Posted and reconciled up to the day, opening balance included."""
    reconciled: int
    """Rows that were locked by this write."""
    candidates: tuple[Candidate, ...]

    @property
    def difference_minor(self) -> int:
        """What the statement has more than the books."""
        return self.statement_minor - self.balance_minor


@dataclass(frozen=True, slots=True)
class _Light:
    id: UUID
    day: date
    minor: int
    status: str
    words: tuple[str, str | None]


async def reconcile_account(
    write: LedgerWrite, account_id: UUID | None, data: ReconcileInput
) -> Reconciliation:
    """Compare an account with a statement and lock it up to the day if they agree.

    Raises NOT_FOUND for the account, VALIDATION_ERROR for a day to come or an amount that is none
    of the account's currency.
    """
    account = await get_account(write.tx, write.actor, account_id)
    if data.date > write.today:
        raise invalid("date", "A statement is not of a day to come.")
    try:
        statement = parse_minor(data.statement_balance, account.currency)
    except ValueError as error:
        raise Invalid([FieldError("statementBalance", "INVALID", str(error))]) from error
    found = (await balances_at(write.tx, [(write.ledger_id, account.id, data.date)]))[0]
    if found is None:
        raise AssertionError("an account that is there has a balance")
    told = Reconciliation(
        ledger_id=write.ledger_id,
        account_id=account.id,
        date=data.date,
        currency=account.currency,
        statement_minor=statement,
        balance_minor=found.posted_minor,
        reconciled=0,
        candidates=(),
    )
    if told.difference_minor:
        return replace(told, candidates=await _explain(write, told))
    return replace(told, reconciled=await _lock(write, account.id, data.date))


async def _lock(write: LedgerWrite, account_id: UUID, day: date) -> int:
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.account_id == account_id,
            T.c.deleted_at.is_(None),
            T.c.status == "POSTED",
            T.c.date <= day,
        )
    )
    rows = await transactions_by_id(write.tx, [(write.ledger_id, row.id) for row in found])
    changed: list[tuple[TransactionRow, TransactionRow]] = [
        (row, replace(row, status=RECONCILED, version=row.version + 1, updated_at=write.now))
        for row in rows
        if row is not None
    ]
    await stamp_rows(write, changed, "UPDATE", status=RECONCILED)
    return len(changed)


async def _explain(write: LedgerWrite, told: Reconciliation) -> tuple[Candidate, ...]:
    """The likeliest explanations first, each row named once, ten at most."""
    day, gap = told.date, told.difference_minor
    if told.statement_minor == -told.balance_minor:
        return (Candidate("STATEMENT_SIGN", ()),)
    open_rows = await _rows(
        write, told.account_id, T.c.deleted_at.is_(None), T.c.status != RECONCILED,
        T.c.date <= day + _NEAR,
    )  # fmt: skip
    trash = await _rows(
        write, told.account_id, T.c.deleted_at >= write.now - _TRASH, T.c.date <= day
    )
    seen: set[tuple[UUID, ...]] = set()
    named: set[UUID] = set()
    candidates: list[Candidate] = []
    for one in _explanations(open_rows, trash, day, gap):
        rows = one.transaction_ids
        if rows in seen or (len(rows) == 1 and rows[0] in named):
            continue
        seen.add(rows)
        named.update(rows)
        candidates.append(one)
        if len(candidates) == MAX_CANDIDATES:
            break
    return tuple(candidates)


async def _rows(
    write: LedgerWrite, account_id: UUID, *conditions: ColumnElement[bool]
) -> list[_Light]:
    found = await write.tx.rows(
        select(T.c.id, T.c.date, T.c.amount, T.c.status, T.c.description, T.c.payee)
        .where(T.c.ledger_id == write.ledger_id, T.c.account_id == account_id, *conditions)
        .order_by(T.c.date.desc(), T.c.id.desc())
        .limit(_SCANNED)
    )
    return [
        _Light(
            row.id,
            row.date,
            write.ring.unseal_minor("transactions.amount", row.id, row.amount),
            row.status,
            (row.description.casefold(), row.payee),
        )
        for row in found
    ]


def _explanations(
    rows: Iterable[_Light], trash: Iterable[_Light], day: date, gap: int
) -> Iterator[Candidate]:
    """Everything that closes the gap, by how often it is the reason in life."""
    known = list(rows)
    waiting = [row for row in known if row.status == "PENDING" and row.day <= day]
    posted = [row for row in known if row.status == "POSTED" and row.day <= day]
    yield from _each("PENDING", (row for row in waiting if row.minor == gap))
    if 2 < len(waiting) <= _PAIRED and sum(row.minor for row in waiting) == gap:
        yield Candidate("PENDING", tuple(row.id for row in waiting))
    for one, two in combinations(waiting[:_PAIRED], 2):
        if one.minor + two.minor == gap:
            yield Candidate("PENDING", (one.id, two.id))
    yield from _doubled([row for row in posted if row.minor == -gap])
    yield from _each("SIGN", (row for row in posted if -2 * row.minor == gap))
    yield from _each("TRASH", (row for row in trash if row.minor == gap))
    yield from _each("LATER", (row for row in known if row.day > day and row.minor == gap))
    yield from _each("EXTRA", (row for row in posted if row.minor == -gap))


def _each(reason: str, rows: Iterable[_Light]) -> Iterator[Candidate]:
    return (Candidate(reason, (row.id,)) for row in rows)


def _doubled(rows: list[_Light]) -> Iterator[Candidate]:
    """Equal amounts on one day, or with the same words within a week: one of them is too many."""
    for one, two in combinations(rows[:_PAIRED], 2):
        apart = abs((one.day - two.day).days)
        if apart == 0 or (one.words == two.words and apart <= _NEAR.days):
            yield Candidate("DUPLICATE", (one.id, two.id))
