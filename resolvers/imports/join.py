"""Rows of a file joined to what was entered before: first by hand or template, then transfers.

Of all pairs within a batch the best comes first, and each row and each candidate is taken once.
Reconciled rows are never touched, nor is a pair that a person has taken apart offered again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Final
from uuid import UUID

from resolvers.imports.alike import (
    ENOUGH,
    MATCH_DAYS,
    TRANSFER_DAYS,
    alike,
    match_score,
    tokens,
    transfer_score,
)
from resolvers.imports.decide import Claims, Decision
from resolvers.imports.memories import pair_prints
from resolvers.imports.pool import Candidate, Pool, nearest
from resolvers.money import digits_of
from resolvers.statements.lines import Line

TOLERANCE: Final = Fraction(5, 100)
"""How far a transfer between currencies may miss the day's rate: what banks charge for it."""


@dataclass(frozen=True, slots=True)
class Open:
    """A row that is new so far."""

    at: int
    """Where it stands in the batch."""
    line: Line
    account_id: UUID
    key: bytes
    transfer: bool
    """Whether it may be a transfer: a category in the file says that it is none."""

    @property
    def day(self) -> int:
        """Its day as a number."""
        return (self.line.day or date.min).toordinal()

    @property
    def minor(self) -> int:
        """Its amount."""
        return self.line.minor or 0


@dataclass(frozen=True, slots=True)
class _Pair:
    score: int
    row: Open
    one: Candidate
    converted: bool = False

    @property
    def order(self) -> tuple[int, int, UUID]:
        return (-self.score, self.row.line.position, self.one.id)


def join(
    rows: Sequence[Open], decisions: Sequence[Decision], pool: Pool, claims: Claims, secret: bytes
) -> list[Decision]:
    """Decisions of a batch with its new rows joined where something fits."""
    made = list(decisions)
    pool.leave_out(claims.used)
    allowed = _allowance(pool, secret)
    for pair in _taken(_entered(rows, made, pool, claims), allowed, claims):
        made[pair.row.at] = _match(made[pair.row.at], pair)
        pool.spent.append(pair.one)
    left = [row for row in rows if row.transfer and made[row.at].decision == "NEW" and row.minor]
    for pair in _taken(_sides(left, pool, claims), allowed, claims):
        made[pair.row.at] = _transfer(made[pair.row.at], pair)
        pool.spent.append(pair.one)
    return made


def _allowance(pool: Pool, secret: bytes) -> Callable[[_Pair], bool]:
    def allowed(pair: _Pair) -> bool:
        if not pool.apart:
            return True
        prints = pair_prints(secret, pair.row.key, pair.one.id, pair.one.key)
        return pool.apart.isdisjoint(prints)

    return allowed


def _taken(
    pairs: Iterable[_Pair], allowed: Callable[[_Pair], bool], claims: Claims
) -> Iterable[_Pair]:
    """The pairs that come true: the best first, nobody twice."""
    rows: set[int] = set()
    for pair in sorted(pairs, key=lambda pair: pair.order):
        free = pair.row.at not in rows and pair.one.id not in claims.used
        if free and allowed(pair):
            rows.add(pair.row.at)
            claims.used.add(pair.one.id)
            yield pair


def _entered(
    rows: Sequence[Open], decisions: Sequence[Decision], pool: Pool, claims: Claims
) -> list[_Pair]:
    pairs = []
    for row in rows:
        bucket = pool.entered.get((row.account_id, row.minor))
        if not bucket:
            continue
        words = _words(row.line)
        for one in nearest(bucket, row.day, MATCH_DAYS, claims.used):
            if one.external_id is not None and decisions[row.at].external_id is not None:
                continue
            if one.id in claims.revived:
                continue
            likeness = alike(words, tokens(one.description, one.payee))
            score = match_score(abs(row.day - one.day), likeness)
            if score >= ENOUGH:
                pairs.append(_Pair(score, row, one))
    return pairs


def _sides(rows: Sequence[Open], pool: Pool, claims: Claims) -> list[_Pair]:
    pairs = []
    for row in rows:
        bucket = pool.sides.get((row.line.currency, -row.minor), ())
        near = nearest(bucket, row.day, TRANSFER_DAYS, claims.used)
        found: list[tuple[Candidate, Fraction | None]] = [(one, None) for one in near]
        for currency, others in pool.foreign.items():
            if currency != row.line.currency:
                found += _converted(row, currency, others, pool, claims)
        words = _words(row.line) if found else frozenset()
        for one, off in found:
            if one.account_id == row.account_id or one.id in claims.revived:
                continue
            likeness = alike(words, tokens(one.description, one.payee))
            score = transfer_score(abs(row.day - one.day), likeness, off)
            if score >= ENOUGH:
                pairs.append(_Pair(score, row, one, converted=off is not None))
    return pairs


def _converted(
    row: Open, currency: str, others: Sequence[Candidate], pool: Pool, claims: Claims
) -> Iterable[tuple[Candidate, Fraction]]:
    """Candidates of another currency near to the day's rate, with how far they miss it."""
    rate = pool.rates.find(row.line.currency, currency, date.fromordinal(row.day))
    if rate is None:
        return
    shift = Fraction(10) ** (digits_of(currency) - digits_of(row.line.currency))
    wanted = -row.minor * rate.value * shift
    ends = sorted((wanted * (1 - TOLERANCE), wanted * (1 + TOLERANCE)))
    low, high = ceil(ends[0]), floor(ends[1])
    first = bisect_left(others, row.day - TRANSFER_DAYS, key=lambda one: one.day)
    last = bisect_right(others, row.day + TRANSFER_DAYS, key=lambda one: one.day)
    fitting = [one for one in others[first:last] if low <= one.minor <= high]
    for one in nearest(fitting, row.day, TRANSFER_DAYS, claims.used):
        yield one, abs(one.minor - wanted) / abs(wanted)


def _words(line: Line) -> frozenset[str]:
    return tokens(line.description, line.payee, line.notes)


def _match(new: Decision, pair: _Pair) -> Decision:
    one = pair.one
    day = date.fromordinal(one.day).isoformat()
    whose = "posted from a template" if one.template else "entered by hand"
    return replace(
        new,
        decision="MATCHED",
        reason=_with_remark(f"It is what was {whose} for {day}.", new),
        code="TEMPLATE" if one.template else "BY_HAND",
        score=pair.score,
        transaction_id=one.id,
    )


def _transfer(new: Decision, pair: _Pair) -> Decision:
    day = date.fromordinal(pair.one.day).isoformat()
    how = "by the day's rate the opposite amount" if pair.converted else "the opposite amount"
    return replace(
        new,
        decision="TRANSFER",
        reason=_with_remark(f"Another account has {how} on {day}.", new),
        code="OPPOSITE_BY_RATE" if pair.converted else "OPPOSITE_AMOUNT",
        score=pair.score,
        other_id=pair.one.id,
    )


def _with_remark(reason: str, new: Decision) -> str:
    return reason if new.reason is None else f"{reason} {new.reason}"
