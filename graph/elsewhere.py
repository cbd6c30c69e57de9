"""Signing in with an account elsewhere, in the graph (OpenID Connect)."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from graph.accounts import IdempotencyKey
from graph.auth import Session, entered
from graph.context import Info
from graph.edges import plain, said
from graph.identities import UserIdentity
from graph.inputs import parsed
from resolvers.oidc import BeginInput, FinishInput, LinkInput
from resolvers.repeats import repeat_of


@strawberry.input(description="What begins a sign-in elsewhere.")
class BeginSignInInput:
    """Where to come back to."""

    redirect_uri: str | None = strawberry.field(
        default=UNSET,
        description="Where the provider sends the person back to; one of the addresses that the "
        "operator has set, by default the first.",
    )


@strawberry.type(description="A sign-in that waits for the person to come back.")
class BeginSignInPayload:
    """Answer of beginSignIn."""

    authorization_url: str = plain("Send the person there; it is good for ten minutes.")
    verifier: str = plain("Keep it until she comes back: only who has it can finish.")


@strawberry.input(description="What finishes a sign-in elsewhere.")
class FinishSignInInput:
    """What came back."""

    verifier: str = strawberry.field(description="What beginSignIn gave.")
    code: str | None = strawberry.field(default=UNSET, description="As it came back.")
    state: str | None = strawberry.field(default=UNSET, description="As it came back.")
    continuation: str | None = strawberry.field(
        default=UNSET,
        description="In place of code and state after TWO_FACTOR_REQUIRED, whose details have it.",
    )
    two_factor_code: str | None = strawberry.field(
        default=UNSET, description="A one-time code, or a recovery code, where one is asked for."
    )


@strawberry.type(description="The new session.")
class FinishSignInPayload:
    """Answer of finishSignIn."""

    session: Session = plain("The session.")


@strawberry.input(description="What links an account elsewhere to this one.")
class LinkIdentityInput:
    """What came back."""

    verifier: str = strawberry.field(description="What beginSignIn gave.")
    code: str = strawberry.field(description="As it came back.")
    state: str = strawberry.field(description="As it came back.")
    password: str = strawberry.field(description="The present password.")


@strawberry.type(description="The account elsewhere may sign in from now on.")
class LinkIdentityPayload:
    """Answer of linkIdentity."""

    identity: UserIdentity = plain("Which one.")


@strawberry.type(description="The account elsewhere may not sign in any more.")
class UnlinkIdentityPayload:
    """Answer of unlinkIdentity."""

    id: ID = plain("Which one it was.")


@strawberry.type
class ElsewhereMutations:
    """Writes about accounts elsewhere; the first two need no token."""

    @strawberry.mutation(
        description="Begin to sign in, or to link, with an account elsewhere (OpenID Connect).",
        graphql_type=BeginSignInPayload | None,
    )
    async def begin_sign_in(
        self,
        info: Info,
        input: Annotated[BeginSignInInput | None, said("Where to come back to.")] = None,
    ) -> Any:
        """Raises NOT_FOUND where no provider is set, UNAVAILABLE while it does not answer."""
        data = parsed(BeginInput, input) if input is not None else BeginInput()
        begun = await info.context.services.elsewhere.begin(data)
        return BeginSignInPayload(
            authorization_url=begun.authorization_url, verifier=begun.verifier
        )

    @strawberry.mutation(
        description="Sign in with what came back; an address that nobody has gets an account.",
        graphql_type=FinishSignInPayload | None,
    )
    async def finish_sign_in(
        self, info: Info, input: Annotated[FinishSignInInput, said("What came back.")]
    ) -> Any:
        """Raises INVALID_CREDENTIALS, TWO_FACTOR_REQUIRED, CONFLICT."""
        info.context.cookie.ready()
        context, data = info.context, parsed(FinishInput, input)
        session = await context.services.elsewhere.finish(data, user_agent=context.user_agent)
        return FinishSignInPayload(session=entered(info, session))

    @strawberry.mutation(
        description="Let an account elsewhere sign in to this one too.",
        graphql_type=LinkIdentityPayload | None,
    )
    async def link_identity(
        self,
        info: Info,
        input: Annotated[LinkIdentityInput, said("What came back.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises INVALID_CREDENTIALS, and CONFLICT for one that is linked already."""
        context, data = info.context, parsed(LinkInput, input)
        actor = context.actor
        repeat = repeat_of(idempotency_key, "linkIdentity", data.model_dump())
        service = context.services.elsewhere
        row = await context.told(lambda: service.link(actor, data, repeat))
        return LinkIdentityPayload(identity=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Let an account elsewhere sign in no more.",
        graphql_type=UnlinkIdentityPayload | None,
    )
    async def unlink_identity(
        self,
        info: Info,
        id: Annotated[ID, said("Which one.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND, and CONFLICT for the only way in."""
        actor, service = info.context.actor, info.context.services.elsewhere
        repeat = repeat_of(idempotency_key, "unlinkIdentity", id)
        await info.context.told(lambda: service.unlink(actor, id, repeat))
        return UnlinkIdentityPayload(id=id)
