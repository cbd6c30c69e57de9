"""Invitations in the graph, and how people come into groups."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import edge, plain, said
from graph.groups import Group, Member
from graph.groups.mutations import group_of
from graph.groups.types import GroupId, GroupRole
from graph.inputs import expected, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import Instant, id_of, id_text
from models.groups import MemberRow
from models.ids import encode
from models.invitations import InvitationRow
from resolvers.errors import FieldError, Invalid, NotFound
from resolvers.groups import add_member, groups_by_id
from resolvers.inputs import parse
from resolvers.invitations import (
    AddMember,
    Answer,
    Entering,
    InvitationCreate,
    accept,
    cancel_invitation,
    count_invitations,
    create_invitation,
    decline,
    find_place,
    get_invitation,
    invitations_by_id,
    list_invitations,
)
from resolvers.ledgers import LedgerWrite

node_kind("inv", invitations_by_id, lambda _, wanted: wanted)


@strawberry.enum(description="What has become of an invitation.")
class InvitationStatus(Enum):
    """Statuses of invitations."""

    PENDING = strawberry.enum_value("PENDING", description="Waits for an answer.")
    ACCEPTED = strawberry.enum_value("ACCEPTED", description="Its addressee is in.")
    DECLINED = strawberry.enum_value("DECLINED", description="Its addressee stays away.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="The group took it back.")
    EXPIRED = strawberry.enum_value("EXPIRED", description="Nobody answered in time.")


@strawberry.enum(description="Which invitations a list shows.")
class InvitationBox(Enum):
    """Boxes of invitations."""

    RECEIVED = strawberry.enum_value("RECEIVED", description="Those for your proved address.")
    SENT = strawberry.enum_value("SENT", description="Those that you sent.")


@strawberry.type(description="An address that was asked into a group.")
class Invitation(Stored):
    """A view over InvitationRow."""

    group_name: str = plain("The group's name.")
    email: str = plain("The address that was asked.")
    role: GroupRole = plain("What its owner may do in the group.")
    status: InvitationStatus = plain("What has become of it.")
    inviter_name: str = plain("Who asks, by name.")
    expires_at: Instant = plain("Until when it can be answered.")
    answered_at: Instant | None = plain("When it was accepted or declined.")
    group: Group | None = edge(
        groups_by_id, lambda row, _: row.ledger_id, "The group; null unless you are in it."
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an invitation."""
        return isinstance(obj, InvitationRow)

    @strawberry.field(description="The group.")
    def group_id(row: Parent[InvitationRow]) -> ID:
        """Wire id."""
        return ID(encode("grp", row.ledger_id))

    @strawberry.field(description="Who asks.")
    def invited_by(row: Parent[InvitationRow]) -> ID:
        """Wire id."""
        return ID(encode("user", row.invited_by))


InvitationConnection = Connection[Invitation]


@strawberry.input(description="Who is asked into which group.")
class CreateInvitationInput:
    """Fields of a new invitation."""

    group_id: ID = strawberry.field(description="The group; you have to be its owner.")
    email: str = strawberry.field(description="The address.")
    role: GroupRole | None = strawberry.field(default=UNSET, description="MEMBER.")


@strawberry.input(description="Somebody you share a group with by id, or anybody by address.")
class AddGroupMemberInput:
    """Who comes in."""

    user_id: ID | None = strawberry.field(
        default=UNSET, description="Somebody with whom you share a group: a member at once."
    )
    email: str | None = strawberry.field(
        default=UNSET, description="Any address: an invitation is sent to it."
    )
    role: GroupRole | None = strawberry.field(default=UNSET, description="MEMBER.")


@strawberry.type(description="The invitation that was sent.")
class CreateInvitationPayload:
    """Answer of createInvitation."""

    invitation: Invitation = plain("The invitation.")


@strawberry.type(description="The invitation that you accepted.")
class AcceptInvitationPayload:
    """Answer of acceptInvitation."""

    invitation: Invitation = plain("The invitation; its group is yours now.")


@strawberry.type(description="The invitation that you declined.")
class DeclineInvitationPayload:
    """Answer of declineInvitation."""

    invitation: Invitation = plain("The invitation.")


@strawberry.type(description="The invitation that was taken back.")
class CancelInvitationPayload:
    """Answer of cancelInvitation."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="Who came in, or the invitation that was sent.")
class AddGroupMemberPayload:
    """Answer of addGroupMember."""

    member: Member | None = plain("The new member; null where an address was invited.")
    invitation: Invitation | None = plain("The invitation; null for who is a member at once.")
    invited: bool = plain("Whether it is an invitation.")


InvitationId = Annotated[ID, said("The invitation.")]
Token = Annotated[str | None, said("The mailed token, for another address than your own.")]
OfStatus = Annotated[InvitationStatus, said("Only those of this status.")]


@strawberry.type
class InvitationQueries:
    """Root fields of invitations."""

    @strawberry.field(
        description="Pending invitations that you received, newest first, or those that you sent.",
        graphql_type=InvitationConnection,
    )
    async def invitations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        box: Annotated[InvitationBox, said("Received or sent.")] = InvitationBox.RECEIVED,
        status: OfStatus = InvitationStatus.PENDING,
    ) -> Any:
        """A page of a box."""
        actor = info.context.actor
        chosen = {"box": str(box.value), "status": str(status.value)}
        return await connection(
            info,
            f"invitations:{chosen['box']}:{chosen['status']}",
            lambda tx, page: list_invitations(tx, actor, page, **chosen),
            lambda tx: count_invitations(tx, actor, **chosen),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One invitation.", graphql_type=Invitation | None)
    async def invitation(self, info: Info, id: InvitationId) -> Any:
        """Raises NOT_FOUND."""
        return await get_invitation(await info.context.reader(), id_of("inv", id))


@strawberry.type
class InvitationMutations:
    """Writes of invitations, and the ways into a group."""

    @strawberry.mutation(
        description=(
            "Add somebody with whom you share a group, or invite an address; owners only. An "
            "address is always invited, whoever has it."
        ),
        graphql_type=AddGroupMemberPayload | None,
    )
    async def add_group_member(
        self,
        info: Info,
        group_id: GroupId,
        input: Annotated[AddGroupMemberInput, said("Who comes in.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT for who is in already."""
        data, group = parsed(AddMember, input), group_of(group_id)
        if (data.user_id is None) == (data.email is None):
            raise Invalid([FieldError("userId", "INVALID", "Give userId or email.")])
        asked = None
        if data.email is not None:
            asked = InvitationCreate.model_construct(
                group_id=group, email=data.email, role=data.role
            )

        async def work(write: LedgerWrite) -> MemberRow | InvitationRow:
            if asked is not None:
                return await create_invitation(write, asked)
            if data.user_id is None:
                raise Invalid([FieldError("userId", "REQUIRED", "Required.")])
            return await add_member(write, data.user_id, data.role)

        row = await info.context.write(
            "addGroupMember",
            work,
            answer=MemberRow if asked is None else InvitationRow,
            key=idempotency_key,
            payload=[group_id, raw_value(input)],
            ledger_id=group,
        )
        return AddGroupMemberPayload(
            member=row if asked is None else None,  # type: ignore[arg-type]
            invitation=None if asked is None else row,  # type: ignore[arg-type]
            invited=asked is not None,
        )

    @strawberry.mutation(
        description="Invite an address into a group; owners only. It is good for 14 days.",
        graphql_type=CreateInvitationPayload | None,
    )
    async def create_invitation(
        self,
        info: Info,
        input: Annotated[CreateInvitationInput, said("Who is asked.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """The same answer whether anybody has the address."""
        data = parsed(InvitationCreate, input)

        async def work(write: LedgerWrite) -> InvitationRow:
            return await create_invitation(write, data)

        try:
            row = await info.context.write(
                "createInvitation",
                work,
                answer=InvitationRow,
                key=idempotency_key,
                payload=raw_value(input),
                ledger_id=data.group_id,
            )
        except NotFound as error:
            missing = FieldError("groupId", "NOT_FOUND", "There is no such object.")
            raise Invalid([missing]) from error
        return CreateInvitationPayload(invitation=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Accept an invitation for your proved address, or by its mailed token.",
        graphql_type=AcceptInvitationPayload | None,
    )
    async def accept_invitation(
        self,
        info: Info,
        id: InvitationId,
        token: Token = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT once it is answered or cancelled, GONE once it has expired."""
        row = await _answer(info, "acceptInvitation", id, token, idempotency_key, stays=True)
        return AcceptInvitationPayload(invitation=row)

    @strawberry.mutation(
        description="Decline an invitation for your proved address, or by its mailed token.",
        graphql_type=DeclineInvitationPayload | None,
    )
    async def decline_invitation(
        self,
        info: Info,
        id: InvitationId,
        token: Token = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT once it is answered or cancelled, GONE once it has expired."""
        row = await _answer(info, "declineInvitation", id, token, idempotency_key, stays=False)
        return DeclineInvitationPayload(invitation=row)

    @strawberry.mutation(
        description="Take an invitation back; owners of the group only.",
        graphql_type=CancelInvitationPayload | None,
    )
    async def cancel_invitation(
        self,
        info: Info,
        id: InvitationId,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT once it is answered, GONE once it has expired."""
        wanted = id_of("inv", id)
        known = await get_invitation(await info.context.reader(), wanted)

        async def work(write: LedgerWrite) -> InvitationRow:
            return await cancel_invitation(
                write, wanted, expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "cancelInvitation",
            work,
            answer=InvitationRow,
            key=idempotency_key,
            payload=[id, expected_version],
            ledger_id=known.ledger_id,
        )
        return CancelInvitationPayload(id=ID(id_text("inv", row.id) or ""), deleted=True)


async def _answer(
    info: Info, operation: str, id: str, token: str | None, key: str | None, *, stays: bool
) -> Any:
    """Through the group's door and, to decline, out again, in one write."""
    answer = parse(Answer, {"token": token})
    wanted = id_of("inv", id)
    place = await find_place(await info.context.reader(), wanted, answer.token)
    if wanted is None:
        raise NotFound("There is no such invitation.")
    entering = Entering(wanted, answer.token, stays)

    async def work(write: LedgerWrite) -> InvitationRow:
        return await (accept if stays else decline)(write, entering)

    return await info.context.write(
        operation,
        work,
        answer=InvitationRow,
        key=key,
        payload=[id, token],
        ledger_id=place,
        first=entering,
        own_affair=True,
    )
