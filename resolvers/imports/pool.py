"""What rows of a bank may be joined to: entered by hand, posted from templates, other sides.

Amounts are sealed and cannot be asked for, so the rows around the days of a file are opened once
and only those with an amount of the file are kept.  The pool is of one version of the ledger: as
long as nobody else writes, the batches of an import share it.
"""

from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, false, or_, select, tuple_

from models.base import among
from models.database import Transaction as Tx
from resolvers.imports.alike import MATCH_DAYS
from resolvers.imports.memories import pairs_apart
from resolvers.imports.rows import L, M
from resolvers.rates import RateBook, rate_book
from resolvers.statements.apps import APP_FORMATS
from resolvers.statements.lines import Lines
from resolvers.transactions.locks import RECONCILED
from resolvers.transactions.rows import T

_PAGE: Final = 20_000
NEAREST: Final = 50
"""Of so many candidates around a day the best is looked for; equal amounts may be thousands."""
_COLUMNS: Final = (
    T.c.id, T.c.account_id, T.c.date, T.c.amount, T.c.currency, T.c.description, T.c.payee,
    T.c.external_id, T.c.import_id, T.c.content_key, T.c.template_id, T.c.transfer_id,
    T.c.category_id, T.c.split_count, T.c.refund_of, T.c.group_transaction_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A living row of the books that a row of a file may be, or be the other side of."""

    id: UUID
    account_id: UUID
    day: int
    minor: int
    currency: str
    description: str
    payee: str | None
    external_id: str | None
    key: bytes | None
    template: bool


Buckets = dict[Any, list[Candidate]]


@dataclass(slots=True)
class Pool:
    """Candidates by what must be equal, each list by day."""

    version: int
    """The version of the ledger that it is of."""
    rates: RateBook
    entered: Buckets = field(default_factory=dict)
    """Entered by hand or from a template, by account and amount."""
    sides: Buckets = field(default_factory=dict)
    """Possible sides of transfers, by currency and amount."""
    foreign: Buckets = field(default_factory=dict)
    """Possible sides of transfers from other currencies, by currency."""
    spent: list[Candidate] = field(default_factory=list)
    """Candidates that rows have taken since they were last left out."""
    apart: frozenset[bytes] = frozenset()
    """Pairs that a person has taken apart."""

    def leave_out(self, used: Container[UUID]) -> None:
        """Forget what committed rows have taken: equal amounts may be thousands."""
        for one in self.spent:
            if one.id in used:
                _remove(self.entered, (one.account_id, one.minor), one)
                _remove(self.sides, (one.currency, one.minor), one)
                _remove(self.foreign, one.currency, one)
        self.spent = []


def _remove(buckets: Buckets, key: Any, one: Candidate) -> None:
    bucket = buckets.get(key, [])
    at = bisect_left(bucket, one.day, key=lambda other: other.day)
    while at < len(bucket) and bucket[at].day == one.day:
        if bucket[at].id == one.id:
            del bucket[at]
            return
        at += 1


async def load_pool(
    tx: Tx,
    ledger_id: UUID,
    version: int,
    import_id: UUID,
    accounts: dict[str, UUID],
    lines: Lines,
) -> Pool:
    """Read what the good rows of a file may be joined to."""
    pool = Pool(version, await rate_book(tx, ledger_id, ()))
    pool.apart = await pairs_apart(tx, ledger_id)
    if lines.days is None:
        return pool
    amounts: dict[str, frozenset[int]] = {}
    apps = await _apps(tx, ledger_id, import_id)
    async for row, minor in _around(tx, ledger_id, import_id, accounts, lines.days, apps):
        mine = amounts.get(row.currency)
        if mine is None:
            mine = amounts[row.currency] = frozenset(lines.amounts.get(row.currency, ()))
        one = Candidate(
            row.id, row.account_id, row.date.toordinal(), minor, row.currency, row.description,
            row.payee, row.external_id, row.content_key, row.template_id is not None,
        )  # fmt: skip
        by_hand = row.by_hand
        here = accounts.get(row.currency) == row.account_id
        if by_hand and here and minor in mine:
            pool.entered.setdefault((row.account_id, minor), []).append(one)
        if not _joinable(row) or not minor:
            continue
        if -minor in mine:
            pool.sides.setdefault((row.currency, minor), []).append(one)
        if accounts.keys() != {row.currency}:
            pool.foreign.setdefault(row.currency, []).append(one)
    if pool.foreign:
        pool.rates = await rate_book(tx, ledger_id, {*accounts, *pool.foreign})
    return pool


def _joinable(row: Row[Any]) -> bool:
    """Nobody has said yet what it is: a category, parts, a purchase or a group would say it."""
    return (
        row.transfer_id is None
        and row.category_id is None
        and row.refund_of is None
        and row.group_transaction_id is None
        and not row.split_count
    )


async def _apps(tx: Tx, ledger_id: UUID, import_id: UUID) -> list[UUID]:
    """Imports of what another app has exported: a hand has entered it, there instead of here."""
    rows = await tx.rows(
        select(M.c.id).where(
            M.c.ledger_id == ledger_id, M.c.id != import_id, M.c.format.in_(APP_FORMATS)
        )
    )
    return [row.id for row in rows]


async def _around(
    tx: Tx,
    ledger_id: UUID,
    import_id: UUID,
    accounts: dict[str, UUID],
    days: tuple[date, date],
    apps: Sequence[UUID],
) -> Any:
    """Living rows around some days with their amounts, oldest first; reconciled ones never."""
    span = timedelta(days=MATCH_DAYS)
    first, last = days
    here = and_(T.c.import_id.is_(None), T.c.content_key.is_(None))
    # A row of a bank claims one of an app once.
    claimed = select(L.c.id).where(
        L.c.ledger_id == T.c.ledger_id, L.c.transaction_id == T.c.id, L.c.decision == "MATCHED"
    )
    there = and_(among(T.c.import_id, apps), ~claimed.exists()) if apps else false()
    by_hand = and_(among(T.c.account_id, accounts.values()), or_(here, there))
    joinable = and_(
        T.c.transfer_id.is_(None), T.c.category_id.is_(None), T.c.refund_of.is_(None),
        T.c.group_transaction_id.is_(None), T.c.split_count == 0,
    )  # fmt: skip
    statement = (
        select(*_COLUMNS, by_hand.label("by_hand"))
        .where(
            T.c.ledger_id == ledger_id,
            T.c.deleted_at.is_(None),
            T.c.date.between(_back(first, span), _forth(last, span)),
            T.c.status != RECONCILED,
            T.c.import_id.is_distinct_from(import_id),
            or_(by_hand, joinable),
        )
        .order_by(T.c.date, T.c.id)
        .limit(_PAGE)
    )
    ring, page = tx.ring(ledger_id), await tx.rows(statement)
    while page:
        for row in page:
            yield row, ring.unseal_minor("transactions.amount", row.id, row.amount)
        if len(page) < _PAGE:
            return
        after = tuple_(T.c.date, T.c.id) > tuple_(page[-1].date, page[-1].id)
        page = await tx.rows(statement.where(after))


def _back(day: date, span: timedelta) -> date:
    return day - span if day - date.min > span else date.min


def _forth(day: date, span: timedelta) -> date:
    return day + span if date.max - day > span else date.max


def nearest(
    bucket: Sequence[Candidate], day: int, window: int, used: Iterable[UUID]
) -> list[Candidate]:
    """Free candidates within a window around a day, at most ``NEAREST``, the nearest first."""
    taken = used if isinstance(used, set | frozenset) else set(used)
    left = bisect_left(bucket, day, key=lambda one: one.day)
    right, low = left, left - 1
    found: list[Candidate] = []
    while len(found) < NEAREST:
        back = day - bucket[low].day if low >= 0 else window + 1
        forth = bucket[right].day - day if right < len(bucket) else window + 1
        if min(back, forth) > window:
            break
        if forth <= back:
            one, right = bucket[right], right + 1
        else:
            one, low = bucket[low], low - 1
        if one.id not in taken:
            found.append(one)
    return found
