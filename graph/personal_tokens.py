"""Personal tokens in the graph: the list, making one, ending one."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import parsed
from graph.scalars import Instant
from models import ids
from models.auth import PersonalTokenRow
from resolvers.personal_tokens import TokenCreate, list_personal_tokens
from resolvers.repeats import repeat_of


@strawberry.type(description="A token for a program of yours, with the scopes you gave it.")
class PersonalToken:
    """A view over PersonalTokenRow."""

    name: str = plain("How the token is called.")
    scopes: list[str] = plain("What it may do: resource:action, such as transactions:read.")
    created_at: Instant = plain("When it was made.")
    last_used_at: Instant | None = plain("When it was last used, to the minute.")
    expires_at: Instant | None = plain("When it ends by itself; null for never.")

    @strawberry.field(description="Name it by this to revoke it.")
    def id(row: Parent[PersonalTokenRow]) -> ID:
        """Wire id."""
        return ID(ids.encode("tok", row.id))


async def own_tokens(info: Info) -> Any:
    """The list behind ``viewer { personalTokens }``."""
    return await list_personal_tokens(await info.context.reader(), info.context.actor)


@strawberry.input(description="What a personal token is made of.")
class CreatePersonalTokenInput:
    """Name, scopes, end."""

    name: str = strawberry.field(description="1 to 200 characters.")
    scopes: list[str] = strawberry.field(
        description="At least one resource:action. Resources: accounts, analytics, budgets, "
        "categories, changes, exports, groups, imports, invitations, notifications, profile, "
        "rates, templates, transactions, uploads. Actions: read, write (which includes read)."
    )
    expires_at: Instant | None = strawberry.field(
        default=UNSET, description="When it ends by itself, at most ten years from now."
    )


@strawberry.type(description="The new token.")
class CreatePersonalTokenPayload:
    """Answer of createPersonalToken."""

    personal_token: PersonalToken = plain("What it is.")
    token: str = plain("The secret, shown this once: send it as a bearer token.")


@strawberry.type(description="The token is ended.")
class RevokePersonalTokenPayload:
    """Answer of revokePersonalToken."""

    id: ID = plain("Which one it was.")


@strawberry.type
class PersonalTokenMutations:
    """Writes of personal tokens."""

    @strawberry.mutation(
        description="Make a token for a program of yours. A token cannot make or end tokens, "
        "change how you sign in, or open a socket.",
        graphql_type=CreatePersonalTokenPayload | None,
    )
    async def create_personal_token(
        self,
        info: Info,
        input: Annotated[CreatePersonalTokenInput, said("Name and scopes.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for unknown scopes, CONFLICT for too many tokens."""
        context, data = info.context, parsed(TokenCreate, input)
        actor, service = context.actor, context.services.personal_tokens
        repeat = repeat_of(idempotency_key, "createPersonalToken", data.model_dump())
        row, secret = await context.told(lambda: service.create(actor, data, repeat))
        return CreatePersonalTokenPayload(personal_token=row, token=secret)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="End a personal token at once.",
        graphql_type=RevokePersonalTokenPayload | None,
    )
    async def revoke_personal_token(
        self,
        info: Info,
        id: Annotated[ID, said("Which token.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND."""
        actor, service = info.context.actor, info.context.services.personal_tokens
        repeat = repeat_of(idempotency_key, "revokePersonalToken", id)
        await info.context.told(lambda: service.revoke(actor, id, repeat))
        return RevokePersonalTokenPayload(id=id)
