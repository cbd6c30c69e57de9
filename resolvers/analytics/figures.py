"""Figures: sums that know the rows they are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from resolvers.flows import Counting, RowSet, Span
from resolvers.money import checked_sum
from resolvers.rates import MissingRate, StaleRate
from resolvers.segments.parts import Mask


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum in minor units; None where a rate is missing."""

    minor: int | None
    currency: str
    rows: RowSet
    """The parts whose counted amounts sum to it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What every report says of itself."""

    currency: str
    from_: date
    to: date
    missing_rates: tuple[MissingRate, ...]
    stale_rates: tuple[StaleRate, ...]


def head_of(counting: Counting, span: Span) -> Head:
    """The head of a report over counted flows."""
    converter = counting.converter
    return Head(
        converter.to, span.first, span.last, converter.told_missing(), converter.told_stale()
    )


def figure(
    counting: Counting, minor: int | None, wanted: Callable[[], Mask], *, sign: int = 1
) -> Figure:
    """A sum of counted values and the mask of its rows; ``sign`` turns spending positive."""
    told = None if minor is None else sign * minor
    return Figure(told, counting.currency, counting.rows(wanted, sign=sign))


def total(amounts: Any) -> int | None:
    """The exact sum, None if one of the amounts is."""
    known = list(amounts)
    return None if any(one is None for one in known) else checked_sum(known)
