"""Flows loaded: living parts of a span without transfers, each with what it counts for.

A part counts for its category, a refund for the category of what it gives back, on its own date.
Without a category the sign decides: money in is income, all else spending.  A refund is never
income by its sign: it counts on the side of what it refunds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import select

from models.base import table
from models.database import Transaction as Tx
from models.segments import GROUP, PART, REFUND, TRANSFER
from models.transactions import RefundedRow, Transaction
from resolvers.errors import AppError, ErrorCode
from resolvers.flows.shares import share_parts
from resolvers.flows.tree import NONE, Tree, read_tree
from resolvers.segments import Months, Parts, read_parts
from resolvers.segments.parts import Ints, Mask, find, words_of
from resolvers.transactions.rows import refunded_by_id

_T: Final = table(Transaction)


class Span(NamedTuple):
    """Days, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Flows:
    """Parts with the place of the category that each counts for, and on which side."""

    ledger_id: UUID
    parts: Parts
    category: Ints
    """Places in the tree, -1 for none."""
    income: Mask
    tree: Tree

    def where(self, wanted: Mask) -> "Flows":
        """The flows that a mask chooses."""
        return Flows(
            self.ledger_id,
            self.parts.where(wanted),
            self.category[wanted],
            self.income[wanted],
            self.tree,
        )

    def within(self, span: Span) -> Mask:
        """Chooses the parts of some days."""
        day = self.parts.day
        return (day >= span.first.toordinal()) & (day <= span.last.toordinal())


async def load_flows(
    tx: Tx, ledger_id: UUID, span: Span, *, account_id: UUID | None = None
) -> Flows:
    """The flows of some days: of all accounts and the shares of groups, or of one account.

    At most six statements, however many rows, months and categories.
    """
    found = [await read_parts(tx, ledger_id, Months(*span), book=account_id)]
    if account_id is None:
        shares = await share_parts(tx, ledger_id, *span)
        found += [] if shares is None else [shares]
    parts = _joined(found)
    inside = (parts.day >= span.first.toordinal()) & (parts.day <= span.last.toordinal())
    parts = parts.where(inside & (parts.flags & (TRANSFER | GROUP) == 0))
    tree = await read_tree(tx, ledger_id)
    category = _places(parts, tree)
    kinds = np.array([*tree.income, False], dtype=np.bool_)
    income = np.where(category == NONE, parts.minor > 0, kinds[category])
    if (parts.flags & REFUND).any():
        links = await _links(tx, ledger_id, span)
        _follow(links, parts, tree, category, income)
    return Flows(ledger_id, parts, category, income, tree)


def _joined(found: Sequence[Parts]) -> Parts:
    """Several sources as one set of columns."""
    if len(found) == 1:
        return found[0]
    books = tuple(dict.fromkeys(book for one in found for book in one.books))
    currencies = tuple(dict.fromkeys(code for one in found for code in one.currencies))
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(one, f.name) for one in found]) for f in fields(Parts)[:-4]
    }
    for name, known in (("book", books), ("currency", currencies)):
        moved = []
        for one in found:
            own: tuple[Any, ...] = one.books if name == "book" else one.currencies
            at = np.array([known.index(value) for value in own], dtype=np.int64)
            moved.append(at[getattr(one, name)] if own else getattr(one, name))
        columns[name] = np.concatenate(moved)
    return Parts(**columns, books=books, currencies=currencies)


def _places(parts: Parts, tree: Tree) -> Ints:
    hi, lo = words_of(tree.ids) if tree.ids else (parts.id_hi[:0], parts.id_lo[:0])
    found = find(parts.category_hi, parts.category_lo, hi, lo)
    lost = (found == NONE) & ((parts.category_hi != 0) | (parts.category_lo != 0))
    if lost.any():
        raise AppError(
            "A stored sum names a category that is not there.", code=ErrorCode.DATA_INTEGRITY
        )
    return found


async def _links(tx: Tx, ledger_id: UUID, span: Span) -> list[tuple[UUID, RefundedRow]]:
    """Refunds of a span with what each gives back."""
    rows = await tx.rows(
        select(_T.c.id, _T.c.refund_of).where(
            _T.c.ledger_id == ledger_id,
            _T.c.refund_of.is_not(None),
            _T.c.deleted_at.is_(None),
            _T.c.date.between(*span),
        )
    )
    found = await refunded_by_id(tx, [(ledger_id, row.refund_of) for row in rows])
    pairs = [(row.id, found.get((ledger_id, row.refund_of))) for row in rows]
    return [(refund, target) for refund, target in pairs if target is not None]


def _follow(
    links: Sequence[tuple[UUID, RefundedRow]],
    parts: Parts,
    tree: Tree,
    category: Ints,
    income: Mask,
) -> None:
    """Count refunds for what they give back; changes the two columns in place.

    What is given back may be split or without a category: then the refund's own category counts,
    and without one the side of what is given back.  A refund's own parts count for themselves.
    """
    if not links:
        return
    known = words_of([refund for refund, _ in links])
    places = find(parts.id_hi, parts.id_lo, *known)
    for at in np.flatnonzero((places >= 0) & (parts.flags & PART == 0)).tolist():
        target = links[places[at]][1]
        if target.category_id is not None:
            category[at] = tree.places[target.category_id]
            income[at] = tree.income[category[at]]
        elif category[at] == NONE:
            income[at] = not target.spent
