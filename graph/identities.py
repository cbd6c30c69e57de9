"""Accounts elsewhere that may sign in, in the graph."""

from typing import Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import plain
from graph.scalars import Instant
from resolvers.oidc import IdentityRow, list_identities


@strawberry.type(description="An account elsewhere that may sign in to this one.")
class UserIdentity:
    """A view over IdentityRow."""

    provider: str = plain("Where it is.")
    created_at: Instant = plain("When it was linked.")

    @strawberry.field(description="Name it by this to unlink it.")
    def id(row: Parent[IdentityRow]) -> ID:
        """Its plain UUID: it is no object of the graph."""
        return ID(str(row.id))


async def own_identities(info: Info) -> Any:
    """The list behind ``viewer { identities }``."""
    return await list_identities(await info.context.reader(), info.context.actor)
