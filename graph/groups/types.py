"""What a group looks like in the graph: its people, its categories, who owes whom."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.categories import CategoryConnection, category_connection
from graph.context import Info
from graph.edges import edge, plain, said
from graph.nodes import Node, Stored, node_kind
from graph.paging import After, Connection, ConnectionView, Cursors, First, connection
from graph.scalars import Amount, Instant, id_text
from models.groups import GroupRow, MemberRow, ProfileRow
from models.ids import encode
from resolvers.categories import count_categories, page_by_ledger
from resolvers.groups import (
    Balance,
    Debt,
    balances_of,
    count_group_transactions,
    groups_by_id,
    list_group_transactions,
    members_by_id,
    members_of,
    page_by_group,
    profiles_by_id,
    roles_by_key,
)
from resolvers.groups import (
    GroupBalances as BalancesView,
)
from resolvers.invitations import count_of_group, list_of_group, pending_by_group
from resolvers.money import format_minor
from resolvers.paging import page_request

if TYPE_CHECKING:
    from graph.groups.records import GroupTransaction
    from graph.invitations import Invitation

node_kind("grp", groups_by_id, lambda _, wanted: wanted)


@strawberry.enum(description="What somebody may do in a group.")
class GroupRole(Enum):
    """Roles of members."""

    OWNER = strawberry.enum_value("OWNER", description="Everything: people, roles, the group.")
    MEMBER = strawberry.enum_value("MEMBER", description="Record and change what is shared.")
    VIEWER = strawberry.enum_value("VIEWER", description="Look.")


@strawberry.type(description="What people see of each other while they share a group.")
class Profile(Node):
    """A view over ProfileRow."""

    name: str = plain("How the person is called.")
    email: str | None = plain("The person's address.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a profile."""
        return isinstance(obj, ProfileRow)


@strawberry.type(description="Somebody in a group, or who was in it.")
class Member:
    """A view over MemberRow; the id of the row is the user's."""

    name: str = plain("How the person is called.")
    email: str | None = plain("The person's address; null for who has left.")
    role: GroupRole = plain("What the person may do here.")
    joined_at: Instant = plain("Since when, of late.")
    left_at: Instant | None = plain("When the person left; null while there.")
    version: int = plain("Grows with each change; send it as expectedVersion.")
    created_at: Instant = plain("When the person first came.")
    updated_at: Instant = plain("When the record was last changed.")
    profile: Profile | None = edge(
        profiles_by_id, lambda row, _: row.id, "The person; null once no group is shared."
    )
    group: "Group" = edge(groups_by_id, lambda row, _: row.ledger_id, "The group.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a member."""
        return isinstance(obj, MemberRow)

    @strawberry.field(description="The person.")
    def user_id(row: Parent[MemberRow]) -> ID:
        """Wire id."""
        return ID(encode("user", row.id))

    @strawberry.field(description="The group.")
    def group_id(row: Parent[MemberRow]) -> ID:
        """Wire id."""
        return ID(encode("grp", row.ledger_id))


@strawberry.type(description="What a member paid and owes in one currency.")
class GroupBalance:
    """A view over Balance."""

    currency: str = plain("ISO 4217 code.")
    member: Member = edge(
        members_by_id, lambda row, _: (row.group_id, row.user_id), "Whose balance it is."
    )

    @strawberry.field(description="Whose balance it is.")
    def user_id(row: Parent[Balance]) -> ID:
        """Wire id."""
        return ID(encode("user", row.user_id))

    @strawberry.field(description="All that she paid, settlements included.")
    def paid(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.paid_minor, row.currency))

    @strawberry.field(description="All that she owes, settlements received included.")
    def owed(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.owed_minor, row.currency))

    @strawberry.field(description="Paid less owed: above zero the others owe her.")
    def net(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.net_minor, row.currency))


@strawberry.type(description="What one member owes another.")
class GroupDebt:
    """A view over Debt."""

    currency: str = plain("ISO 4217 code.")
    debtor: Member = edge(members_by_id, lambda row, _: (row.group_id, row.from_id), "Who owes.")
    creditor: Member = edge(members_by_id, lambda row, _: (row.group_id, row.to_id), "Who is owed.")

    @strawberry.field(description="Who owes.")
    def from_user_id(row: Parent[Debt]) -> ID:
        """Wire id."""
        return ID(encode("user", row.from_id))

    @strawberry.field(description="Who is owed.")
    def to_user_id(row: Parent[Debt]) -> ID:
        """Wire id."""
        return ID(encode("user", row.to_id))

    @strawberry.field(description="How much, above zero.")
    def amount(row: Parent[Debt]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.minor, row.currency))


@strawberry.type(description="Who paid, owes and is owed in a group, each currency for itself.")
class GroupBalances:
    """A view over the resolvers' balances."""

    balances: list[GroupBalance] = plain("One for each member and currency; nets sum to zero.")
    debts: list[GroupDebt] = plain("Who owes whom out of what they shared.")
    simplified_debts: list[GroupDebt] = plain(
        "At most one payment less than people that settles all; paying one changes no other."
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether an object is a group's balances."""
        return isinstance(obj, BalancesView)


@strawberry.type(description="People who share expenses: a ledger of their own.")
class Group(Stored):
    """A view over GroupRow."""

    name: str = plain("How the group is called.")
    currency: str = plain("ISO 4217 code of what is recorded without one.")
    members: list[Member] = edge(
        members_of, lambda row, _: row.id, "The present members by name; at most 100."
    )
    balances: GroupBalances = edge(balances_of, lambda row, _: row.id, "Who owes whom.")
    my_role: GroupRole = edge(
        roles_by_key,
        lambda row, info: (row.id, info.context.actor.user_id),
        "What you may do here.",
        view=lambda _, role: GroupRole(role),
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a group."""
        return isinstance(obj, GroupRow)

    @strawberry.field(
        description="What was spent and settled, newest first.",
        graphql_type=Connection[
            Annotated["GroupTransaction", strawberry.lazy("graph.groups.records")]
        ],
    )
    async def transactions(
        row: Parent[GroupRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many groups load together."""
        return await newest_of_group(row, info, first, after)

    @strawberry.field(
        description="The group's own categories by name.", graphql_type=CategoryConnection
    )
    async def categories(
        row: Parent[GroupRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many groups load together."""
        if after is not None:
            return await category_connection(
                info, None, None, first, after, None, None, id_text("grp", row.id)
            )
        context = info.context
        size = page_request(first, None, None, None).size
        page = await context.load(page_by_ledger, (row.id, size))
        cursors = Cursors(
            context.services.cursor_key, context.actor.user_id, f"categories:{row.id}:None:None"
        )
        return ConnectionView(page, cursors, lambda tx: count_categories(tx, row.id))

    @strawberry.field(
        description="Pending invitations into the group, newest first.",
        graphql_type=Connection[Annotated["Invitation", strawberry.lazy("graph.invitations")]],
    )
    async def invitations(
        row: Parent[GroupRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many groups load together."""
        return await pending_of_group(row, info, first, after)


GroupConnection = Connection[Group]
MemberConnection = Connection[Member]

MemberId = Annotated[ID, said("The person.")]
GroupId = Annotated[ID, said("The group.")]


async def pending_of_group(row: GroupRow, info: Info, first: int | None, after: str | None) -> Any:
    """A group's pending invitations; first pages of many groups in one statement."""
    context, scope = info.context, "invitations:GROUP:PENDING"
    if after is not None:
        return await connection(
            info,
            scope,
            lambda tx, page: list_of_group(tx, row.id, page, status="PENDING"),
            lambda tx: count_of_group(tx, row.id, status="PENDING"),
            first=first,
            after=after,
        )
    size = page_request(first, None, None, None).size
    page = await context.load(pending_by_group, (row.id, size))
    cursors = Cursors(context.services.cursor_key, context.actor.user_id, scope)
    return ConnectionView(page, cursors, lambda tx: count_of_group(tx, row.id, status="PENDING"))


async def newest_of_group(row: GroupRow, info: Info, first: int | None, after: str | None) -> Any:
    """A group's transactions, newest first; first pages of many groups in one statement."""
    context = info.context
    scope = "groupTransactions:DATE_DESC"
    if after is not None:
        return await connection(
            info,
            scope,
            lambda tx, page: list_group_transactions(tx, row.id, request=page),
            lambda tx: count_group_transactions(tx, row.id),
            first=first,
            after=after,
        )
    size = page_request(first, None, None, None).size
    page = await context.load(page_by_group, (row.id, size))
    cursors = Cursors(context.services.cursor_key, context.actor.user_id, scope)
    return ConnectionView(page, cursors, lambda tx: count_group_transactions(tx, row.id))
