"""Weighs the evidence of a whole file for the order of day and month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

from resolvers.statements.dates import (
    DateReader,
    Order,
    Shape,
    describe,
    possible_orders,
    read_shape,
    shapes_of,
    to_date,
)
from resolvers.statements.model import Question
from resolvers.statements.months import month_numbers

_SURE: Final = 2
_STRONG: Final = 3


@dataclass(frozen=True, slots=True)
class Hints:
    """What the rest of the file says about the country that wrote the dates."""

    decimal_comma: bool = False
    day_first: bool = False
    dollars: bool = False
    foreign_words: bool = False


@dataclass(frozen=True, slots=True)
class DateColumns:
    """The cells of the date columns row by row (the booking date first), and of the preamble."""

    booked: Sequence[str]
    others: Sequence[Sequence[str]]
    above: Sequence[str]
    texts: Sequence[str]


def find_order(columns: DateColumns, hints: Hints) -> tuple[DateReader, str, Question | None]:
    """The reader of the column, its format in words, and a question if nothing decides."""
    shapes = shapes_of(columns.booked)
    names = month_numbers({s.name for s in shapes if s.name})
    orders = possible_orders(shapes)
    if not orders:
        return DateReader("YMD", names), "YYYY-MM-DD", None
    question = None
    order: Order = orders[0]
    if set(orders) == {"DMY", "MDY"}:
        decided = _by_other_cells(shapes, columns, orders) or _weigh(shapes, columns, hints)
        order = decided or ("MDY" if hints.dollars else "DMY")
        if decided is None:
            question = _ask(shapes, order, columns.booked)
    elif len(orders) > 1:
        order = orders[0]
    return DateReader(order, names), describe(shapes, order), question


def _ask(shapes: Sequence[Shape], order: Order, texts: Sequence[str]) -> Question:
    example = next((t for t in texts if read_shape(t)), "")[:30]
    other: Order = "DMY" if order == "MDY" else "MDY"
    return Question(
        "dateFormat",
        f"Dates such as {example!r} fit day first and month first alike; which one is it?",
        (describe(shapes, order), describe(shapes, other)),
    )


def _by_other_cells(
    shapes: Sequence[Shape], columns: DateColumns, orders: Sequence[Order]
) -> Order | None:
    """A date elsewhere in the file, written alike, that only one order can read."""
    gaps = {s.gaps for s in shapes if s.kind == "PARTS"}
    pool = [*columns.above, *(cell for other in columns.others for cell in other)]
    alike = [s for s in shapes_of(pool) if s.gaps in gaps and s.kind == "PARTS"]
    alike = [s for s in alike if len(s.figures[0]) < 4]
    counts = {o: sum(to_date(s, o) is not None for s in alike) for o in orders}
    if counts.get("DMY", 0) == counts.get("MDY", 0):
        return None
    return max(counts, key=lambda o: counts[o])


def _weigh(shapes: Sequence[Shape], columns: DateColumns, hints: Hints) -> Order | None:
    """Points for the day first less points for the month first, or None when they are close."""
    points = 0
    if hints.decimal_comma or any("." in s.gaps[0] for s in shapes):
        points += _STRONG
    if hints.day_first:
        points += _STRONG
    if hints.foreign_words:
        points += _STRONG
    if hints.dollars and not points:
        points -= 1
    day = [to_date(s, "DMY") for s in shapes]
    month = [to_date(s, "MDY") for s in shapes]
    points += _by_sorting(day, month) + _by_span(day, month, columns.texts)
    points += _by_gap(columns)
    if points >= _SURE:
        return "DMY"
    return "MDY" if points <= -_SURE else None


def _turns(days: Sequence[date | None]) -> int:
    """How many steps go against the direction that most steps go in."""
    known = [d for d in days if d is not None]
    ups = sum(b > a for a, b in pairwise(known))
    downs = sum(b < a for a, b in pairwise(known))
    return min(ups, downs)


def _by_sorting(day: Sequence[date | None], month: Sequence[date | None]) -> int:
    if len(set(day)) < 3:
        return 0
    against_day, against_month = _turns(day), _turns(month)
    if against_day == against_month:
        return 0
    few, many = sorted((against_day, against_month))
    if few * 4 > many:
        return 0
    return _STRONG if against_day < against_month else -_STRONG


def _by_span(day: Sequence[date | None], month: Sequence[date | None], texts: Sequence[str]) -> int:
    """Statements lie close in time: the order under which all days fall into fewer weeks.

    Not where the same text repeats, for interest on the first of each month looks like days in
    a row when it is read the wrong way round.
    """
    spans = []
    for days in (day, month):
        known = [d for d in days if d is not None]
        if len(set(known)) < 3:
            return 0
        spans.append((max(known) - min(known)).days)
    named = [text for text in texts if text]
    if len(set(named)) * 10 < len(named) * 7 or len(named) * 2 < len(texts):
        return 0
    if spans[0] * 4 <= spans[1]:
        return _SURE
    return -_SURE if spans[1] * 4 <= spans[0] else 0


def _by_gap(columns: DateColumns) -> int:
    """Booking and value date lie close together under the right order."""
    away = {"DMY": 0, "MDY": 0}
    differ = False
    for other in columns.others:
        for text, against in zip(columns.booked, other, strict=True):
            first, second = read_shape(text), read_shape(against)
            if first is None or second is None or first.figures == second.figures:
                continue
            if len(second.figures[0]) == 4 or first.kind != "PARTS":
                continue
            for order in ("DMY", "MDY"):
                one, two = to_date(first, order), to_date(second, order)
                if one and two:
                    away[order] += abs((one - two).days)
                    differ = True
    if not differ or away["DMY"] == away["MDY"]:
        return 0
    near = min(away.values())
    if near * 4 > max(away.values()):
        return 0
    return _STRONG if away["DMY"] == near else -_STRONG
