"""The categories of a ledger as a tree of places, for computing on columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import select

from models.base import table
from models.categories import Category
from models.database import Transaction as Tx
from resolvers.segments.parts import Ints

_C: Final = table(Category)
NONE: Final = -1
"""The place of what has no category."""


@dataclass(frozen=True, slots=True)
class Tree:
    """All categories; every tuple is by place."""

    ids: tuple[UUID, ...]
    names: tuple[str, ...]
    parents: tuple[int, ...]
    income: tuple[bool, ...]
    places: Mapping[UUID, int]

    def __len__(self) -> int:
        """How many categories."""
        return len(self.ids)

    def path(self, place: int) -> list[int]:
        """A category and what lies above it, up to the root."""
        found = []
        while place != NONE:
            found.append(place)
            place = self.parents[place]
        return found

    def below(self, place: int) -> set[int]:
        """A category and everything below it."""
        return {one for one in range(len(self)) if place in self.path(one)}

    def nearest(self, wanted: Mapping[UUID, int]) -> Ints:
        """For each category what is wanted of it or of the next one above it that is, or -1.

        The last entry is that of no category, so that a place of -1 finds it.
        """
        found = [
            next((wanted[self.ids[at]] for at in self.path(place) if self.ids[at] in wanted), NONE)
            for place in range(len(self))
        ]
        return np.array([*found, NONE], dtype=np.int64)


async def read_tree(tx: Tx, ledger_id: UUID) -> Tree:
    """The categories of a ledger, by name."""
    rows = await tx.rows(
        select(_C.c.id, _C.c.name, _C.c.parent_id, _C.c.kind)
        .where(_C.c.ledger_id == ledger_id)
        .order_by(_C.c.name.collate("C"), _C.c.id)
    )
    places = {row.id: at for at, row in enumerate(rows)}
    return Tree(
        ids=tuple(row.id for row in rows),
        names=tuple(row.name for row in rows),
        parents=tuple(places.get(row.parent_id, NONE) for row in rows),
        income=tuple(row.kind == "INCOME" for row in rows),
        places=places,
    )
