"""Reading groups."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import said
from graph.groups.records import (
    GroupTransaction,
    GroupTransactionConnection,
    GroupTransactionFilterInput,
    GroupTransactionSort,
    ShareConnection,
)
from graph.groups.types import (
    Group,
    GroupBalances,
    GroupConnection,
    GroupId,
    Member,
    MemberConnection,
    MemberId,
)
from graph.inputs import parsed
from graph.paging import After, Before, First, Last, connection
from graph.scalars import Date, id_of
from resolvers.errors import NotFound
from resolvers.groups import (
    GroupTransactionFilter,
    ShareFilter,
    balances_of,
    count_group_transactions,
    count_groups,
    count_members,
    count_shares,
    get_group,
    get_group_transaction,
    get_member,
    group_transactions_anywhere,
    list_group_transactions,
    list_groups,
    list_members,
    list_shares,
)
from resolvers.inputs import parse


async def group_connection(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> Any:
    """A page of the person's groups."""
    actor = info.context.actor
    return await connection(
        info,
        "groups",
        lambda tx, page: list_groups(tx, actor, page),
        lambda tx: count_groups(tx, actor),
        first=first,
        after=after,
        last=last,
        before=before,
    )


async def share_connection(
    info: Info,
    filters: dict[str, Any],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of the person's shares."""
    actor = info.context.actor
    wanted = parse(ShareFilter, filters)
    return await connection(
        info,
        "shares",
        lambda tx, page: list_shares(tx, actor, page, wanted),
        lambda tx: count_shares(tx, actor, wanted),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.type
class GroupQueries:
    """Root fields of groups."""

    @strawberry.field(description="Your groups by name.", graphql_type=GroupConnection)
    async def groups(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of groups."""
        return await group_connection(info, first, after, last, before)

    @strawberry.field(description="One group.", graphql_type=Group | None)
    async def group(self, info: Info, id: GroupId) -> Any:
        """Raises NOT_FOUND."""
        return await get_group(await info.context.reader(), id_of("grp", id))

    @strawberry.field(
        description="The members of a group by name.", graphql_type=MemberConnection | None
    )
    async def group_members(
        self,
        info: Info,
        group_id: GroupId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        former: Annotated[bool, said("True: those who left instead.")] = False,
    ) -> Any:
        """Raises NOT_FOUND for a group that is not yours."""
        group = await get_group(await info.context.reader(), id_of("grp", group_id))
        return await connection(
            info,
            f"members:{group.id}:{former}",
            lambda tx, page: list_members(tx, group.id, page, former=former),
            lambda tx: count_members(tx, group.id, former=former),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One member of a group.", graphql_type=Member | None)
    async def group_member(self, info: Info, group_id: GroupId, user_id: MemberId) -> Any:
        """Raises NOT_FOUND."""
        reader = await info.context.reader()
        group = await get_group(reader, id_of("grp", group_id))
        return await get_member(reader, group.id, id_of("user", user_id))

    @strawberry.field(
        description="What a group spent and settled, newest first.",
        graphql_type=GroupTransactionConnection | None,
    )
    async def group_transactions(
        self,
        info: Info,
        group_id: GroupId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[GroupTransactionFilterInput | None, said("All conditions hold.")] = None,
        sort: Annotated[
            GroupTransactionSort, said("In which order.")
        ] = GroupTransactionSort.DATE_DESC,
    ) -> Any:
        """Raises NOT_FOUND for a group that is not yours."""
        group = await get_group(await info.context.reader(), id_of("grp", group_id))
        wanted, order = parsed(GroupTransactionFilter, filter), str(sort.value)
        return await connection(
            info,
            f"groupTransactions:{order}",
            lambda tx, page: list_group_transactions(
                tx, group.id, wanted, sort=order, request=page
            ),
            lambda tx: count_group_transactions(tx, group.id, wanted),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One group transaction.", graphql_type=GroupTransaction | None)
    async def group_transaction(
        self,
        info: Info,
        id: Annotated[ID, said("The group transaction.")],
        group_id: Annotated[ID | None, said("If given, it has to be one of this group.")] = None,
    ) -> Any:
        """Raises NOT_FOUND."""
        reader, wanted = await info.context.reader(), id_of("gtxn", id)
        if group_id is not None:
            group = await get_group(reader, id_of("grp", group_id))
            return await get_group_transaction(reader, group.id, wanted)
        if wanted is not None:
            row = (await group_transactions_anywhere(reader, [wanted]))[0]
            if row is not None:
                return row
        raise NotFound("There is no such group transaction.")

    @strawberry.field(
        description="Who paid, owes and is owed in a group.", graphql_type=GroupBalances | None
    )
    async def group_balances(self, info: Info, group_id: GroupId) -> Any:
        """Raises NOT_FOUND for a group that is not yours."""
        reader = await info.context.reader()
        group = await get_group(reader, id_of("grp", group_id))
        return (await balances_of(reader, [group.id]))[0]

    @strawberry.field(
        description="Your shares of what your groups spent and settled, newest first.",
        graphql_type=ShareConnection,
    )
    async def shares(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        from_: Annotated[Date | None, said("First day.", name="from")] = None,
        to: Annotated[Date | None, said("Last day.")] = None,
        group_id: Annotated[ID | None, said("Of this group, left or not.")] = None,
    ) -> Any:
        """A page of shares."""
        filters = {"from": from_, "to": to, "groupId": group_id}
        return await share_connection(info, filters, first, after, last, before)
