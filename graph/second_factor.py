"""The second factor in the graph: setting it up, turning it on and off, and recovery codes."""

from typing import Annotated, Any

import strawberry

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import parsed
from graph.users import User
from resolvers.repeats import repeat_of
from resolvers.second_factor import CodeInput, ProvedInput, SetUpInput


@strawberry.input(description="What begins a second factor.")
class SetUpTwoFactorInput:
    """The password."""

    password: str = strawberry.field(description="The present password.")


@strawberry.type(description="What goes into an authenticator, once. Keep it secret.")
class SetUpTwoFactorPayload:
    """Answer of setUpTwoFactor."""

    secret: str = plain("The shared secret in base32, to be typed in.")
    uri: str = plain("The same as an otpauth:// address, to be shown as a QR code.")


@strawberry.input(description="What turns a second factor on.")
class EnableTwoFactorInput:
    """A first code."""

    code: str = strawberry.field(description="The six digits that the authenticator shows.")


@strawberry.type(description="The second factor is on.")
class EnableTwoFactorPayload:
    """Answer of enableTwoFactor."""

    user: User = plain("The signed-in person.")
    recovery_codes: list[str] = plain(
        "Each stands in for one code when the device is lost. They are shown this once."
    )


@strawberry.input(description="Two proofs that it is meant.")
class TwoFactorProofInput:
    """Password and code."""

    password: str = strawberry.field(description="The present password.")
    code: str = strawberry.field(description="A one-time code or a recovery code.")


@strawberry.type(description="The second factor is off.")
class DisableTwoFactorPayload:
    """Answer of disableTwoFactor."""

    user: User = plain("The signed-in person.")


@strawberry.type(description="The old recovery codes are void.")
class RenewRecoveryCodesPayload:
    """Answer of renewRecoveryCodes."""

    recovery_codes: list[str] = plain("The new ones, shown this once.")


@strawberry.type
class SecondFactorMutations:
    """Writes about the second factor."""

    @strawberry.mutation(
        description="Begin a second factor: it counts once enableTwoFactor got a first code.",
        graphql_type=SetUpTwoFactorPayload | None,
    )
    async def set_up_two_factor(
        self,
        info: Info,
        input: Annotated[SetUpTwoFactorInput, said("The password.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT where one is on, VALIDATION_ERROR for a wrong password."""
        context, data = info.context, parsed(SetUpInput, input)
        actor, service = context.actor, context.services.second_factors
        repeat = repeat_of(idempotency_key, "setUpTwoFactor", data.model_dump())
        made = await context.told(lambda: service.set_up(actor, data, repeat))
        return SetUpTwoFactorPayload(secret=made.secret, uri=made.uri)

    @strawberry.mutation(
        description="Turn the second factor on: from now on signing in asks for a code.",
        graphql_type=EnableTwoFactorPayload | None,
    )
    async def enable_two_factor(
        self,
        info: Info,
        input: Annotated[EnableTwoFactorInput, said("A first code.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a wrong code, CONFLICT where none was set up."""
        context, data = info.context, parsed(CodeInput, input)
        actor, service = context.actor, context.services.second_factors
        repeat = repeat_of(idempotency_key, "enableTwoFactor", data.model_dump())
        user, codes = await context.told(lambda: service.enable(actor, data, repeat))
        return EnableTwoFactorPayload(user=user, recovery_codes=codes)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Turn the second factor off.", graphql_type=DisableTwoFactorPayload | None
    )
    async def disable_two_factor(
        self,
        info: Info,
        input: Annotated[TwoFactorProofInput, said("Password and code.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a wrong password or code, CONFLICT where none is on."""
        context, data = info.context, parsed(ProvedInput, input)
        actor, service = context.actor, context.services.second_factors
        repeat = repeat_of(idempotency_key, "disableTwoFactor", data.model_dump())
        user = await context.told(lambda: service.disable(actor, data, repeat))
        return DisableTwoFactorPayload(user=user)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Have new recovery codes; the old ones are void.",
        graphql_type=RenewRecoveryCodesPayload | None,
    )
    async def renew_recovery_codes(
        self,
        info: Info,
        input: Annotated[TwoFactorProofInput, said("Password and code.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a wrong password or code, CONFLICT where none is on."""
        context, data = info.context, parsed(ProvedInput, input)
        actor, service = context.actor, context.services.second_factors
        repeat = repeat_of(idempotency_key, "renewRecoveryCodes", data.model_dump())
        codes = await context.told(lambda: service.renew_codes(actor, data, repeat))
        return RenewRecoveryCodesPayload(recovery_codes=codes)
