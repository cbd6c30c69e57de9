"""Signing up, in and out in the graph, and the ways back in."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import parsed
from graph.users import User
from resolvers.auth import LoginInput as LoginRules
from resolvers.auth import RegisterInput as RegisterRules
from resolvers.auth import SignIn
from resolvers.errors import InvalidCredentials
from resolvers.recovery import ForgotInput as ForgotRules
from resolvers.recovery import ResetInput as ResetRules
from resolvers.recovery import VerifyInput as VerifyRules
from resolvers.repeats import repeat_of
from resolvers.users import actor_of


@strawberry.type(description="A session as its owner receives it, once. Keep it secret.")
class Session:
    """A view over SignIn."""

    access_token: str = plain("Send it as a bearer token; good for 15 minutes.")
    refresh_token: str = plain(
        "Trade it for the next pair; good once, within 7 days of sign-in. Empty in cookie mode."
    )
    expires_in: int = plain("Seconds until the access token is over.")
    user: User = plain("Who signed in.")

    @strawberry.field(description='Always "Bearer" (RFC 6750).')
    def token_type(self) -> str:
        """The scheme."""
        return "Bearer"


@strawberry.input(description="What opens an account with us.")
class RegisterInput:
    """Fields of a registration."""

    email: str = strawberry.field(description="The address that will sign in.")
    password: str = strawberry.field(description="At least 12 characters, not easily guessed.")
    name: str = strawberry.field(description="How you are called.")
    base_currency: str | None = strawberry.field(default=UNSET, description="ISO 4217 (EUR).")
    time_zone: str | None = strawberry.field(default=UNSET, description="IANA name (UTC).")
    locale: str | None = strawberry.field(default=UNSET, description="Such as de-AT (en).")


@strawberry.input(description="What signs in.")
class LoginInput:
    """Credentials."""

    email: str = strawberry.field(description="The address.")
    password: str = strawberry.field(description="The password.")
    code: str | None = strawberry.field(default=UNSET, description="The one-time code, if asked.")


@strawberry.input(description="What renews a session.")
class RefreshInput:
    """The refresh token."""

    refresh_token: str | None = strawberry.field(
        default=UNSET, description="The newest one you were given; in cookie mode the cookie's."
    )


@strawberry.input(description="What ends a session without its access token.")
class LogoutInput:
    """The refresh token, if there is no bearer."""

    refresh_token: str | None = strawberry.field(default=UNSET, description="Any of the session.")


@strawberry.input(description="Who forgot a password.")
class ForgotPasswordInput:
    """The address."""

    email: str = strawberry.field(description="The address that signs in.")


@strawberry.input(description="What sets a new password.")
class ResetPasswordInput:
    """The mailed token and the password."""

    token: str = strawberry.field(description="The mailed token; good once, for 30 minutes.")
    password: str = strawberry.field(description="At least 12 characters, not easily guessed.")


@strawberry.type(description="The new session, or none while a mail waits to be answered.")
class RegisterPayload:
    """Answer of register."""

    session: Session | None = plain(
        "The session; null where addresses are proved first, whether the address is known or not."
    )


@strawberry.type(description="The new session.")
class LoginPayload:
    """Answer of login."""

    session: Session = plain("The session.")


@strawberry.type(description="The session with its next tokens.")
class RefreshPayload:
    """Answer of refresh."""

    session: Session = plain("The session.")


@strawberry.type(description="The session is over.")
class LogoutPayload:
    """Answer of logout."""

    logged_out: bool = plain("True.")


@strawberry.type(description="A mail is on its way if somebody has the address.")
class ForgotPasswordPayload:
    """Answer of forgotPassword: the same for every address."""

    accepted: bool = plain("True, whether anybody has the address or not.")


@strawberry.type(description="The password is new and every session is over.")
class ResetPasswordPayload:
    """Answer of resetPassword."""

    password_reset: bool = plain("True.")


@strawberry.input(description="What proves an address.")
class VerifyEmailInput:
    """The mailed token."""

    token: str = strawberry.field(description="The mailed token; good once, for 24 hours.")


@strawberry.type(description="The address is proved.")
class VerifyEmailPayload:
    """Answer of verifyEmail."""

    email_verified: bool = plain("True.")
    session: Session | None = plain(
        "Where the token completes a registration, the first session; null for all others."
    )


@strawberry.type
class AuthMutations:
    """Writes of sessions.  They need no token."""

    @strawberry.mutation(
        description="Open an account with us and sign in, at once or by a mailed token.",
        graphql_type=RegisterPayload | None,
    )
    async def register(
        self, info: Info, input: Annotated[RegisterInput, said("Who you are.")]
    ) -> Any:
        """Raises CONFLICT for a known address, unless addresses are proved first."""
        info.context.cookie.ready()
        context = info.context
        data = parsed(RegisterRules, input)
        if context.services.verified_registration:
            await context.services.registrations.begin(data)
            return RegisterPayload(session=None)
        session = await context.services.auth.register(data, user_agent=context.user_agent)
        return RegisterPayload(session=entered(info, session))

    @strawberry.mutation(description="Sign in.", graphql_type=LoginPayload | None)
    async def login(self, info: Info, input: Annotated[LoginInput, said("Who you are.")]) -> Any:
        """Raises INVALID_CREDENTIALS, the same for unknown addresses and wrong passwords."""
        info.context.cookie.ready()
        context = info.context
        data = parsed(LoginRules, input)
        session = await context.services.auth.login(data, user_agent=context.user_agent)
        return LoginPayload(session=entered(info, session))

    @strawberry.mutation(
        description="Trade a refresh token for the next pair.", graphql_type=RefreshPayload | None
    )
    async def refresh(
        self, info: Info, input: Annotated[RefreshInput, said("The newest refresh token.")]
    ) -> Any:
        """Raises INVALID_CREDENTIALS; reuse of an old token ends the whole session."""
        given = None if input.refresh_token is UNSET else input.refresh_token
        token = given or info.context.cookie.token()
        if not token or len(token) > 1_024:
            raise InvalidCredentials("The refresh token is not valid; sign in again.")
        session = await info.context.services.auth.refresh(token)
        return RefreshPayload(session=entered(info, session))

    @strawberry.mutation(
        description="End the session of the bearer token, or of a refresh token.",
        graphql_type=LogoutPayload | None,
    )
    async def logout(
        self,
        info: Info,
        input: Annotated[LogoutInput | None, said("If there is no bearer.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises UNAUTHENTICATED without either."""
        context = info.context
        token = None if input is None or input.refresh_token is UNSET else input.refresh_token
        actor = context.actor_or_none
        held = context.cookie.token() if actor is None and token is None else None
        repeat = repeat_of(idempotency_key, "logout", token)
        context.replayed = await context.services.auth.logout(actor, token or held, repeat)
        context.cookie.drop()
        return LogoutPayload(logged_out=True)

    @strawberry.mutation(
        description="Have a token for a new password mailed.",
        graphql_type=ForgotPasswordPayload | None,
    )
    async def forgot_password(
        self, info: Info, input: Annotated[ForgotPasswordInput, said("Whose password.")]
    ) -> Any:
        """Answers alike whether anybody has the address."""
        await info.context.services.recovery.forgot(parsed(ForgotRules, input))
        return ForgotPasswordPayload(accepted=True)

    @strawberry.mutation(
        description="Set a new password with a mailed token; every session ends.",
        graphql_type=ResetPasswordPayload | None,
    )
    async def reset_password(
        self, info: Info, input: Annotated[ResetPasswordInput, said("Token and password.")]
    ) -> Any:
        """Raises INVALID_TOKEN, or VALIDATION_ERROR for a weak password."""
        await info.context.services.recovery.reset(parsed(ResetRules, input))
        return ResetPasswordPayload(password_reset=True)

    @strawberry.mutation(
        description="Prove the own address with a mailed token, and so complete a registration.",
        graphql_type=VerifyEmailPayload | None,
    )
    async def verify_email(
        self, info: Info, input: Annotated[VerifyEmailInput, said("The token.")]
    ) -> Any:
        """Raises INVALID_TOKEN, or CONFLICT where the address got an account meanwhile."""
        info.context.cookie.ready()
        context, data = info.context, parsed(VerifyRules, input)
        await context.close()
        session = await context.services.registrations.finish(
            data.token, user_agent=context.user_agent
        )
        if session is not None:
            return VerifyEmailPayload(email_verified=True, session=entered(info, session))
        await context.services.recovery.verify(data)
        return VerifyEmailPayload(email_verified=True, session=None)


def entered(info: Info, session: SignIn) -> Any:
    """Let the rest of the answer be read as the person who just signed in."""
    info.context.actor_or_none = actor_of(session.user)
    return info.context.cookie.hold(session)
