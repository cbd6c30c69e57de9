"""Declared edges: a field that names the batch function and the key that load it.

No resolver queries for one object.  A plan loads all edges of a level by their declaration; under
the reference executor an edge loads through a data loader.  Either way a list of any length costs
one statement.
"""

from collections.abc import Callable, Hashable, Sequence
from inspect import signature
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Parent

from graph.context import Batch, Info
from graph.execution import Batched, batched, reads

Key = Callable[[Any, Info], Hashable | None]


def edge(
    batch: Batch, key: Key, description: str, *, view: Callable[[Any, Any], Any] | None = None
) -> Any:
    """A field of another object: ``batch`` maps keys to rows, ``key`` finds a parent's key.

    A key of None is an absent edge.  ``view`` turns (parent, value) into what is shown.
    A batch that takes ``attributes`` is told what is looked at of its rows.
    """

    async def resolve(row: Parent[Any], info: Info) -> Any:
        found = key(row, info)
        if found is None:
            return None
        value = await info.context.load(batch, found)
        return value if view is None else view(row, value)

    narrows = "attributes" in signature(batch).parameters
    declared = Batched(batch, key, view, narrows)
    return strawberry.field(resolver=batched(resolve, declared), description=description)


def own_ledger(attribute: str) -> Key:
    """Key of a row of the same ledger, named by a foreign key column."""

    def many(ledgers: Sequence[UUID], named: Sequence[UUID | None]) -> list[Hashable | None]:
        return [None if key[1] is None else key for key in zip(ledgers, named, strict=True)]

    @reads("ledger_id", attribute, many=many, link=attribute)
    def key(row: Any, info: Info) -> Hashable | None:
        found = getattr(row, attribute)
        return None if found is None else (row.ledger_id, found)

    return key


def plain(description: str, **options: Any) -> Any:
    """A plain column: an attribute of the row, no resolver."""
    return strawberry.field(description=description, **options)


def said(description: str, **options: Any) -> Any:
    """The description of an argument."""
    return strawberry.argument(description=description, **options)
