"""The own sessions in the graph: the list, ending them, and another password."""

from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import parsed
from graph.scalars import Instant, JSONObject
from models import ids
from models.auth import SessionRow
from resolvers.erasure import DeleteUser, Receipt
from resolvers.repeats import repeat_of
from resolvers.sessions import PasswordChange, list_sessions


@strawberry.type(description="One of the own sessions that stand.")
class UserSession:
    """A view over SessionRow."""

    user_agent: str | None = plain("What the client that signed in called itself.")
    created_at: Instant = plain("When it was opened.")
    last_used_at: Instant = plain("When its tokens were last renewed.")
    expires_at: Instant = plain("When it ends by itself.")

    @strawberry.field(description="Name it by this to revoke it.")
    def id(row: Parent[SessionRow]) -> ID:
        """Wire id."""
        return ID(ids.encode("ses", row.id))

    @strawberry.field(description="Whether it is the one that asks.")
    def current(row: Parent[SessionRow], info: Info) -> bool:
        """Compared with the bearer's session."""
        return row.id == info.context.actor.session_id


async def own_sessions(info: Info) -> Any:
    """The list behind ``viewer { sessions }``."""
    return await list_sessions(await info.context.reader(), info.context.actor)


@strawberry.input(description="What changes the own password.")
class ChangePasswordInput:
    """Two passwords."""

    current: str = strawberry.field(description="The present password.")
    new: str = strawberry.field(description="At least 12 characters, not easily guessed.")


@strawberry.type(description="The password is another one; other sessions are over.")
class ChangePasswordPayload:
    """Answer of changePassword."""

    changed: bool = plain("True.")


@strawberry.type(description="The session is over.")
class RevokeSessionPayload:
    """Answer of revokeSession."""

    id: ID = plain("Which one it was.")


@strawberry.type(description="All sessions but the present one are over.")
class RevokeOtherSessionsPayload:
    """Answer of revokeOtherSessions."""

    revoked: int = plain("How many they were.")


@strawberry.type(description="A mail is on its way unless the address is proved.")
class ResendVerificationPayload:
    """Answer of resendVerification."""

    accepted: bool = plain("True.")


@strawberry.type(description="What was deleted, and when: keep it. It holds nothing personal.")
class DeletionReceipt:
    """A view over Receipt."""

    shredded_at: Instant = plain("When the keys of your figures were destroyed.")
    erased_at: Instant | None = plain(
        "When the last row and file was removed; null while that goes on. It is mailed to you then."
    )
    keys_shredded: list[int] = plain("Numbers of the destroyed keys.")
    deleted: JSONObject = plain("How many rows of what there were.")
    statement: str = plain(
        "The same as a JWT (RFC 7519), signed with ES256 by a key of /.well-known/jwks.json."
    )

    @strawberry.field(description="Names this deletion.")
    def id(row: Parent[Receipt]) -> ID:
        """Its plain UUID: there is no object behind it any more."""
        return ID(str(row.id))


@strawberry.input(description="What deletes the own account with everything in it.")
class DeleteUserInput:
    """Two proofs that it is meant."""

    password: str = strawberry.field(description="The present password.")
    confirm: str = strawberry.field(description="The address that signs in, repeated.")


@strawberry.type(description="The account is deleted.")
class DeleteUserPayload:
    """Answer of deleteUser."""

    receipt: DeletionReceipt = plain("What was deleted.")


@strawberry.type
class SessionMutations:
    """Writes about the own sign-in."""

    @strawberry.mutation(
        description="Change the own password; this session stays, all others end.",
        graphql_type=ChangePasswordPayload | None,
    )
    async def change_password(
        self,
        info: Info,
        input: Annotated[ChangePasswordInput, said("Both passwords.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a wrong present password or a weak new one."""
        actor = info.context.actor
        data = parsed(PasswordChange, input)
        repeat = repeat_of(idempotency_key, "changePassword", [data.current, data.new])
        service = info.context.services.sessions
        await info.context.told(lambda: service.change_password(actor, data, repeat))
        return ChangePasswordPayload(changed=True)

    @strawberry.mutation(
        description="End one of the own sessions.", graphql_type=RevokeSessionPayload | None
    )
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[ID, said("Which session.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND."""
        actor, service = info.context.actor, info.context.services.sessions
        repeat = repeat_of(idempotency_key, "revokeSession", id)
        await info.context.told(lambda: service.revoke(actor, id, repeat))
        return RevokeSessionPayload(id=id)

    @strawberry.mutation(
        description="End all own sessions but this one.",
        graphql_type=RevokeOtherSessionsPayload | None,
    )
    async def revoke_other_sessions(
        self, info: Info, idempotency_key: IdempotencyKey = None
    ) -> Any:
        """Never fails for being alone."""
        actor, service = info.context.actor, info.context.services.sessions
        repeat = repeat_of(idempotency_key, "revokeOtherSessions", None)
        ended = await info.context.told(lambda: service.revoke_others(actor, repeat))
        return RevokeOtherSessionsPayload(revoked=len(ended))

    @strawberry.mutation(
        description="Delete the own account: all sessions end and your figures cannot be read any "
        "more at once, the rows follow within minutes. It cannot be undone.",
        graphql_type=DeleteUserPayload | None,
    )
    async def delete_user(
        self,
        info: Info,
        input: Annotated[DeleteUserInput, said("Password and address.")],
        idempotency_key: Annotated[
            str | None,
            said("Taken as everywhere; nobody is left to ask again: repeats are UNAUTHENTICATED."),
        ] = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a wrong password, CONFLICT while a group needs you."""
        context = info.context
        repeat_of(idempotency_key, "deleteUser", None)
        actor, data = context.actor, parsed(DeleteUser, input)
        await context.close()
        receipt = await context.services.erasures.delete_user(actor, data)
        return DeleteUserPayload(receipt=receipt)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Have the proof of the own address mailed once more.",
        graphql_type=ResendVerificationPayload | None,
    )
    async def resend_verification(self, info: Info, idempotency_key: IdempotencyKey = None) -> Any:
        """At most a few an hour are mailed."""
        actor, service = info.context.actor, info.context.services.recovery
        repeat = repeat_of(idempotency_key, "resendVerification", None)
        await info.context.told(lambda: service.resend(actor, repeat))
        return ResendVerificationPayload(accepted=True)
