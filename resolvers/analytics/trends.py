"""Spending trends: how spending moved, by category, payee, account or tag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, func, select

from models import ids
from models.accounts import Account
from models.base import table
from models.database import Transaction as Tx
from models.transactions import Transaction
from resolvers.access import Actor
from resolvers.analytics.breakdown import UNCATEGORISED
from resolvers.analytics.figures import Figure, Head, figure, head_of
from resolvers.analytics.intervals import Interval, index_of_days, intervals
from resolvers.analytics.request import ReportRequest, account_of
from resolvers.flows import Counting, Flows, RowSet, Span, count_flows, load_flows
from resolvers.flows.shares import NO_BOOK
from resolvers.flows.tree import NONE
from resolvers.money import percent
from resolvers.segments.parts import Ints, Mask, find

_T: Final = table(Transaction)
_A: Final = table(Account)
NO_KEY: Final = "(none)"
REST_KEY: Final = "(other)"
MAX_POINTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One series in one interval."""

    period: str
    from_: date
    to: date
    amount: Figure


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the chart."""

    key: str
    """Id of the category or account, the payee or the tag; ``(none)`` or ``(other)``."""
    name: str
    points: tuple[TrendPoint, ...]
    rows: RowSet
    """Of all points together."""
    change_percent: Decimal | None
    """From the last whole interval but one to the last; None without two or from nothing."""


@dataclass(frozen=True, slots=True)
class SpendingTrends:
    """One side of a span in intervals, the largest series first."""

    head: Head
    group_by: str
    kind: str
    series: tuple[Series, ...]


class _Grouping(NamedTuple):
    """Which series a part is in; a part with two tags is in two."""

    keys: Sequence[tuple[str, str]]
    """Key and name of each series."""
    part: Ints
    """Places of parts, one entry for each series that a part is in."""
    series: Ints


async def spending_trends(tx: Tx, actor: Actor, request: ReportRequest) -> SpendingTrends:
    """Spending (or income, by ``request.kind``) of a span by interval and ``request.group_by``.

    The ``request.top`` largest series are shown, the rest together as one; grouped by tag, a
    transaction counts in each of its tags.  Raises VALIDATION_ERROR for an unknown account, an
    impossible span, and for more than 20,000 points.
    """
    span = request.span(actor)
    cuts = intervals(span, request.interval)
    await account_of(tx, actor, request)
    flows = await load_flows(tx, actor.ledger_id, span, account_id=request.account_id)
    income = request.kind == "INCOME"
    flows = flows.where(flows.income == income)
    counting = await count_flows(tx, flows, request.currency_for(actor))
    grouping = await _GROUPINGS[request.group_by](tx, flows, span)
    most = max(1, min(request.top, MAX_POINTS // len(cuts)))
    grouping = _largest(counting, grouping, most)
    sign = 1 if income else -1
    series = _series(counting, grouping, cuts, sign, actor.today)
    return SpendingTrends(head_of(counting, span), request.group_by, request.kind, series)


def _series(
    counting: Counting, grouping: _Grouping, cuts: Sequence[Interval], sign: int, today: date
) -> tuple[Series, ...]:
    days = counting.flows.parts.day
    cut = index_of_days(days, cuts)
    size = len(cuts)
    spread = Counting(
        counting.flows,
        counting.converter,
        counting.values[grouping.part],
        counting.unknown[grouping.part],
    )
    index = grouping.series * size + cut[grouping.part]
    sums = spread.sums(index, len(grouping.keys) * size)

    def mask(chosen: Mask) -> Mask:
        found = np.zeros(len(days), dtype=np.bool_)
        found[grouping.part[chosen]] = True
        return found

    def point(series: int, at: int) -> Mask:
        return mask(index == series * size + at)

    def line(series: int) -> Mask:
        return mask(grouping.series == series)

    made = []
    for number, (key, name) in enumerate(grouping.keys):
        points = tuple(
            TrendPoint(
                one.label,
                one.first,
                one.last,
                figure(counting, sums[number * size + at], partial(point, number, at), sign=sign),
            )
            for at, one in enumerate(cuts)
        )
        rows = counting.rows(partial(line, number), sign=sign)
        made.append(Series(key, name, points, rows, _change(points, cuts, today)))
    return tuple(made)


def _change(points: Sequence[TrendPoint], cuts: Sequence[Interval], today: date) -> Decimal | None:
    """From the last but one to the last interval that is whole and over."""
    over = [
        point.amount.minor
        for point, cut in zip(points, cuts, strict=True)
        if cut.whole and cut.last < today
    ]
    if len(over) < 2 or over[-1] is None or over[-2] is None:
        return None
    return percent(over[-1] - over[-2], over[-2])


def _largest(counting: Counting, grouping: _Grouping, most: int) -> _Grouping:
    """The largest series in falling order; the rest, if there is more than one, as one."""
    keys, part, series = grouping
    spread = Counting(
        counting.flows, counting.converter, counting.values[part], counting.unknown[part]
    )
    sums = spread.sums(series, len(keys))
    present = set(np.unique(series).tolist())

    def rank(at: int) -> tuple[bool, int, str]:
        # Unknown first: nobody can say that they are small.
        minor = sums[at]
        return minor is not None, -abs(minor or 0), keys[at][1]

    order = sorted(present, key=rank)
    shown = order if len(order) <= most else order[: most - 1]
    place = np.full(len(keys), len(shown), dtype=np.int64)
    place[shown] = np.arange(len(shown))
    kept = [keys[at] for at in shown]
    if len(shown) < len(order):
        kept.append((REST_KEY, "Other"))
    moved = place[series]
    # A part in two small series is once in the rest.
    pairs = np.unique(part * (len(shown) + 1) + moved)
    return _Grouping(kept, pairs // (len(shown) + 1), pairs % (len(shown) + 1))


async def _by_category(_tx: Tx, flows: Flows, _span: Span) -> _Grouping:
    tree = flows.tree
    keys = [(ids.encode("cat", one), name) for one, name in zip(tree.ids, tree.names, strict=True)]
    series = np.where(flows.category == NONE, len(tree), flows.category)
    return _Grouping([*keys, (NO_KEY, UNCATEGORISED)], np.arange(len(series)), series)


async def _by_account(tx: Tx, flows: Flows, _span: Span) -> _Grouping:
    rows = await tx.rows(select(_A.c.id, _A.c.name).where(_A.c.ledger_id == flows.ledger_id))
    names = {row.id: row.name for row in rows}
    keys = [
        (NO_KEY, "Shared with groups")
        if book == NO_BOOK
        else (ids.encode("acct", book), names.get(book, ""))
        for book in flows.parts.books
    ]
    return _Grouping(keys, np.arange(len(flows.parts)), flows.parts.book)


async def _by_payee(tx: Tx, flows: Flows, span: Span) -> _Grouping:
    found = await _ids_by(tx, flows, span, _T.c.payee)
    return _by_ids(flows, found, "No payee")


async def _by_tag(tx: Tx, flows: Flows, span: Span) -> _Grouping:
    found = await _ids_by(tx, flows, span, func.unnest(_T.c.tags))
    return _by_ids(flows, found, "No tag")


async def _ids_by(
    tx: Tx, flows: Flows, span: Span, word: ColumnElement[Any]
) -> list[tuple[str, bytes]]:
    """Ids of transactions by a clear word, packed by the database: rows would cost far more."""
    rows = select(word.label("word"), _T.c.id).where(
        _T.c.ledger_id == flows.ledger_id,
        _T.c.deleted_at.is_(None),
        _T.c.date.between(*span),
    )
    each = rows.subquery()
    packed = func.string_agg(func.uuid_send(each.c.id), b"").label("packed")
    found = await tx.rows(
        select(each.c.word, packed).where(each.c.word.is_not(None)).group_by(each.c.word)
    )
    return sorted((row.word, row.packed) for row in found)


def _by_ids(flows: Flows, found: Sequence[tuple[str, bytes]], nobody: str) -> _Grouping:
    """Series of packed ids; what is in none of them is a series of its own."""
    parts = flows.parts
    columns = [np.frombuffer(packed, dtype=">u8").astype(np.uint64) for _, packed in found]
    lengths = [len(one) // 2 for one in columns]
    words = np.concatenate(columns) if columns else np.zeros(0, dtype=np.uint64)
    series_of = np.repeat(np.arange(len(found)), lengths)
    hi, lo = words[0::2], words[1::2]
    # Each transaction may be in several series: its entries lie side by side after sorting.
    order = np.lexsort((hi, lo))
    hi, lo, series_of = hi[order], lo[order], series_of[order]
    fresh = np.ones(len(lo), dtype=np.bool_)
    fresh[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
    starts = np.flatnonzero(fresh)
    sizes = np.diff(np.append(starts, len(lo)))
    at = find(parts.id_hi, parts.id_lo, hi[starts], lo[starts])
    inside = np.flatnonzero(at >= 0)
    repeats = sizes[at[inside]]
    part = np.repeat(inside, repeats)
    offset = np.arange(len(part)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    series = series_of[np.repeat(starts[at[inside]], repeats) + offset]
    outside = np.flatnonzero(at < 0)
    part = np.concatenate((part, outside))
    series = np.concatenate((series, np.full(len(outside), len(found))))
    return _Grouping([*((word, word) for word, _ in found), (NO_KEY, nobody)], part, series)


_GROUPINGS: Final[dict[str, Callable[..., Any]]] = {
    "CATEGORY": _by_category,
    "ACCOUNT": _by_account,
    "PAYEE": _by_payee,
    "TAG": _by_tag,
}
