"""Category breakdown: where money went to or came from, children within their parents."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from uuid import UUID

import numpy as np

from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.analytics.figures import Figure, Head, figure, head_of
from resolvers.analytics.request import ReportRequest, account_of
from resolvers.flows import Counting, RowSet, count_flows, load_flows
from resolvers.flows.tree import NONE
from resolvers.money import checked_sum, percent
from resolvers.segments.parts import Mask

UNCATEGORISED = "Uncategorised"


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """A category with all that lies below it."""

    ledger_id: UUID
    category_id: UUID | None
    """None for what has no category."""
    name: str
    amount: Figure
    percent: Decimal | None
    """Of the report's total; None where that is nothing or unknown."""
    count: int
    """Parts: a transaction, or one part of a split one."""
    children: tuple["CategoryShare", ...]


@dataclass(frozen=True, slots=True)
class CategoryBreakdown:
    """One side of a span by category, the largest first."""

    head: Head
    kind: str
    total: Figure
    categories: tuple[CategoryShare, ...]
    sums: "_Sums"

    def rows_of(self, category_id: UUID | None) -> RowSet | None:
        """The rows of a category with all below it, of None for what has none."""
        tree = self.sums.counting.flows.tree
        place = NONE if category_id is None else tree.places.get(category_id)
        if place is None:
            return None
        return self.sums.counting.rows(partial(self.sums.mask, place), sign=self.sums.sign)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums and counts by place, children within their parents; the last entry has no category."""

    counting: Counting
    side: Mask
    sign: int
    minor: list[int | None]
    counts: list[int]
    total: int | None
    children: Mapping[int, list[int]]

    def mask(self, place: int) -> Mask:
        """The rows of a category with all below it."""
        flows = self.counting.flows
        wanted = [NONE] if place == NONE else sorted(flows.tree.below(place))
        return self.side & np.isin(flows.category, wanted)

    def share(self, place: int) -> CategoryShare:
        """A category as the report shows it."""
        tree = self.counting.flows.tree
        found = figure(self.counting, self.minor[place], partial(self.mask, place), sign=self.sign)
        of_all = None
        if found.minor is not None and self.total is not None:
            of_all = percent(found.minor, self.sign * self.total)
        below = [] if place == NONE else self.children.get(place, [])
        return CategoryShare(
            ledger_id=self.counting.flows.ledger_id,
            category_id=None if place == NONE else tree.ids[place],
            name=UNCATEGORISED if place == NONE else tree.names[place],
            amount=found,
            percent=of_all,
            count=self.counts[place],
            children=self.shares(below),
        )

    def shares(self, places: list[int]) -> tuple[CategoryShare, ...]:
        """Categories in which anything is, the largest first, unknown ones last."""
        found = [self.share(place) for place in places if self.counts[place]]

        def rank(one: CategoryShare) -> tuple[bool, int, str]:
            return one.amount.minor is None, -(one.amount.minor or 0), one.name

        return tuple(sorted(found, key=rank))


async def category_breakdown(tx: Tx, actor: Actor, request: ReportRequest) -> CategoryBreakdown:
    """One side of a span (``request.kind``) by category, children within their parents.

    Raises VALIDATION_ERROR for an unknown account and for an impossible span.
    """
    span = request.span(actor)
    await account_of(tx, actor, request)
    flows = await load_flows(tx, actor.ledger_id, span, account_id=request.account_id)
    counting = await count_flows(tx, flows, request.currency_for(actor))
    income = request.kind == "INCOME"
    side = flows.income == income
    sums = _rolled_up(counting, side, 1 if income else -1)
    roots = [at for at in range(len(flows.tree)) if flows.tree.parents[at] == NONE]
    return CategoryBreakdown(
        head=head_of(counting, span),
        kind=request.kind,
        total=figure(counting, sums.total, lambda: side, sign=sums.sign),
        categories=sums.shares([*roots, NONE]),
        sums=sums,
    )


def _rolled_up(counting: Counting, side: Mask, sign: int) -> _Sums:
    tree = counting.flows.tree
    size = len(tree) + 1
    # No category is the last place, which is what -1 finds.
    index = np.where(counting.flows.category == NONE, size - 1, counting.flows.category)
    own = counting.sums(index, size, of=side)
    counts = counting.counts(index, size, of=side)
    minor: list[int | None] = [0] * size
    together = [0] * size
    for place in range(size):
        for above in tree.path(place) if place < len(tree) else [place]:
            so_far, more = minor[above], own[place]
            minor[above] = None if so_far is None or more is None else so_far + more
            together[above] += counts[place]
    children: dict[int, list[int]] = {}
    for place, parent in enumerate(tree.parents):
        children.setdefault(parent, []).append(place)
    known = [one for one in own if one is not None]
    whole = checked_sum(known) if len(known) == len(own) else None
    return _Sums(counting, side, sign, minor, together, whole, children)
