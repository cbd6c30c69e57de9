"""Founding and closing groups, roles, leaving."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey, Unchanged
from graph.context import Info
from graph.edges import plain, said
from graph.groups.types import Group, GroupId, GroupRole, Member, MemberId
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.scalars import id_of, id_text
from models.groups import GroupRow, MemberRow
from models.ids import new_id
from resolvers.errors import NotFound
from resolvers.groups import (
    GroupCreate,
    GroupUpdate,
    MemberUpdate,
    create_group,
    delete_group,
    founding,
    remove_member,
    update_group,
    update_member,
)
from resolvers.invitations import cancel_all, rename_pending
from resolvers.ledgers import LedgerWrite


def group_of(group_id: str) -> Any:
    """The ledger of a group's id; raises NOT_FOUND for what is no such id."""
    found = id_of("grp", group_id)
    if found is None:
        raise NotFound("There is no such group.")
    return found


@strawberry.input(description="What founds a group.")
class CreateGroupInput:
    """Fields of a new group."""

    name: str = strawberry.field(description="1 to 200 characters.")
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code; your base currency if absent."
    )


@strawberry.input(description="What changes a group: absent stays.")
class UpdateGroupInput:
    """Changeable fields of a group."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code of what is recorded from now on."
    )


@strawberry.input(description="What changes a member: absent stays.")
class UpdateGroupMemberInput:
    """Changeable fields of a member."""

    role: GroupRole | None = strawberry.field(default=UNSET, description="The new role.")


@strawberry.type(description="The group that was founded.")
class CreateGroupPayload:
    """Answer of createGroup."""

    group: Group = plain("The group.")


@strawberry.type(description="The group as it is now.")
class UpdateGroupPayload:
    """Answer of updateGroup."""

    group: Group = plain("The group.")


@strawberry.type(description="The group that is gone.")
class DeleteGroupPayload:
    """Answer of deleteGroup."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The member as she is now.")
class UpdateGroupMemberPayload:
    """Answer of updateGroupMember."""

    member: Member = plain("The member.")


@strawberry.type(description="The person who is a member no more.")
class RemoveGroupMemberPayload:
    """Answer of removeGroupMember."""

    id: ID = plain("Her id.")
    deleted: bool = plain("True.")


@strawberry.type
class GroupMutations:
    """Writes of groups and members."""

    @strawberry.mutation(
        description="Found a group; you are its owner.", graphql_type=CreateGroupPayload | None
    )
    async def create_group(
        self,
        info: Info,
        input: Annotated[CreateGroupInput, said("What founds it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Open a ledger with its own key and categories."""
        data, group_id = parsed(GroupCreate, input), new_id()

        async def work(write: LedgerWrite) -> GroupRow:
            return await create_group(write, data)

        row = await info.context.write(
            "createGroup",
            work,
            answer=GroupRow,
            key=idempotency_key,
            payload=raw_value(input),
            ledger_id=group_id,
            first=founding(info.context.services.database, group_id),
        )
        return CreateGroupPayload(group=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a group; owners only.", graphql_type=UpdateGroupPayload | None
    )
    async def update_group(
        self,
        info: Info,
        id: GroupId,
        input: Annotated[UpdateGroupInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(GroupUpdate, input)

        async def work(write: LedgerWrite) -> GroupRow:
            return await update_group(
                write,
                data,
                renamed=rename_pending,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateGroup",
            work,
            answer=GroupRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
            ledger_id=group_of(id),
        )
        return UpdateGroupPayload(group=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description=(
            "Delete a group for everybody, once nobody owes; owners only. "
            "What everybody booked of it in their own books stays."
        ),
        graphql_type=DeleteGroupPayload | None,
    )
    async def delete_group(
        self,
        info: Info,
        id: GroupId,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT with the amounts while anyone owes."""

        async def work(write: LedgerWrite) -> GroupRow:
            return await delete_group(
                write, clear=cancel_all, expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteGroup",
            work,
            answer=GroupRow,
            key=idempotency_key,
            payload=[id, expected_version],
            ledger_id=group_of(id),
        )
        return DeleteGroupPayload(id=ID(id_text("grp", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Change a member's role; owners only, and one owner has to stay.",
        graphql_type=UpdateGroupMemberPayload | None,
    )
    async def update_group_member(
        self,
        info: Info,
        group_id: GroupId,
        user_id: MemberId,
        input: Annotated[UpdateGroupMemberInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(MemberUpdate, input)

        async def work(write: LedgerWrite) -> MemberRow:
            return await update_member(
                write,
                id_of("user", user_id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateGroupMember",
            work,
            answer=MemberRow,
            key=idempotency_key,
            payload=[group_id, user_id, raw_value(input), expected_version],
            ledger_id=group_of(group_id),
        )
        return UpdateGroupMemberPayload(member=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description=(
            "Remove a member, or leave: possible once she neither owes nor is owed. Owners may "
            "remove others; the last owner cannot leave."
        ),
        graphql_type=RemoveGroupMemberPayload | None,
    )
    async def remove_group_member(
        self,
        info: Info,
        group_id: GroupId,
        user_id: MemberId,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT with the amounts while she owes or is owed."""
        who = id_of("user", user_id)

        async def work(write: LedgerWrite) -> MemberRow:
            return await remove_member(write, who, expected_version=expected(expected_version))

        row = await info.context.write(
            "removeGroupMember",
            work,
            answer=MemberRow,
            key=idempotency_key,
            payload=[group_id, user_id, expected_version],
            ledger_id=group_of(group_id),
            own_affair=who == info.context.actor.user_id,
        )
        return RemoveGroupMemberPayload(id=ID(id_text("user", row.id) or ""), deleted=True)
