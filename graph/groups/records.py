"""Group transactions and own shares in the graph."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain
from graph.groups.types import Group, Member
from graph.nodes import Stored, node_kind
from graph.paging import Connection
from graph.scalars import Amount, Date, Instant, id_text
from models.groups import GroupTransactionRow, PaymentRow, PortionRow, ShareRow
from models.ids import encode
from models.transactions import TransactionRow
from resolvers.categories import categories_by_id
from resolvers.groups import (
    group_transactions_anywhere,
    group_transactions_by_id,
    groups_by_id,
    legs_by_share,
    members_by_id,
    shares_by_id,
)
from resolvers.money import format_minor

if TYPE_CHECKING:
    from graph.transactions.types import Transaction

node_kind("gtxn", group_transactions_anywhere, lambda _, wanted: wanted)


@strawberry.enum(description="What a group transaction is.")
class GroupTransactionKind(Enum):
    """Kinds of group transactions."""

    EXPENSE = strawberry.enum_value("EXPENSE", description="Money spent that several share.")
    SETTLEMENT = strawberry.enum_value("SETTLEMENT", description="One member pays another.")


@strawberry.enum(description="How an expense is shared.")
class SplitMethod(Enum):
    """Ways to share."""

    EQUAL = strawberry.enum_value("EQUAL", description="Alike; a cent that is left over wanders.")
    EXACT = strawberry.enum_value("EXACT", description="By amounts that sum to the whole.")
    PERCENT = strawberry.enum_value("PERCENT", description="By weights that sum to 100.")
    SHARES = strawberry.enum_value("SHARES", description="By any weights above zero.")


@strawberry.enum(description="In which order group transactions are listed.")
class GroupTransactionSort(Enum):
    """Orders of a list of group transactions."""

    DATE_DESC = strawberry.enum_value("DATE_DESC", description="Newest first.")
    DATE_ASC = strawberry.enum_value("DATE_ASC", description="Oldest first.")
    AMOUNT_DESC = strawberry.enum_value("AMOUNT_DESC", description="Highest amount first.")
    AMOUNT_ASC = strawberry.enum_value("AMOUNT_ASC", description="Lowest amount first.")


def _person(row: Any, _: object) -> Any:
    return (row.ledger_id, row.user_id)


@strawberry.type(description="What a member paid of a group transaction.")
class GroupPayment:
    """A view over PaymentRow."""

    member: Member = edge(members_by_id, _person, "Who paid.")

    @strawberry.field(description="Who paid.")
    def user_id(row: Parent[PaymentRow]) -> ID:
        """Wire id."""
        return ID(encode("user", row.user_id))

    @strawberry.field(description="How much.")
    def amount(row: Parent[PaymentRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))


@strawberry.type(description="What a member owes of a group transaction.")
class GroupShare:
    """A view over PortionRow."""

    weight: str | None = plain("The weight, for PERCENT and SHARES.")
    member: Member = edge(members_by_id, _person, "Who owes.")

    @strawberry.field(description="Who owes.")
    def user_id(row: Parent[PortionRow]) -> ID:
        """Wire id."""
        return ID(encode("user", row.user_id))

    @strawberry.field(description="How much; all shares sum to the amount.")
    def amount(row: Parent[PortionRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))


def _mine(row: GroupTransactionRow, info: Info) -> Any:
    return (info.context.actor.ledger_id, row.id)


async def _leg(row: GroupTransactionRow, info: Info) -> TransactionRow | None:
    found: TransactionRow | None = await info.context.load(legs_by_share, _mine(row, info))
    return found


@strawberry.type(description="An expense that several share, or a payment between two members.")
class GroupTransaction(Stored):
    """A view over GroupTransactionRow."""

    kind: GroupTransactionKind = plain("Expense or settlement.")
    date: Date = plain("The day of it.")
    currency: str = plain("ISO 4217 code.")
    description: str = plain("What it was.")
    split_method: SplitMethod = plain("How it is shared.")
    paid_by: list[GroupPayment] = plain("Who paid how much; sums to the amount.")
    shares: list[GroupShare] = plain("Who owes how much; sums to the amount.")
    deleted_at: Instant | None = plain("When it was deleted; null while it lives.")
    group: Group = edge(groups_by_id, lambda row, _: row.ledger_id, "The group.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category, of the group's own set."
    )
    creator: Member = edge(
        members_by_id, lambda row, _: (row.ledger_id, row.created_by), "Who recorded it."
    )
    my_share: "Share | None" = edge(
        shares_by_id, _mine, "It in your own books; null where you have no part."
    )
    leg: Annotated["Transaction", strawberry.lazy("graph.transactions.types")] | None = edge(
        legs_by_share, _mine, "What it moved on your own account, once booked."
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a group transaction."""
        return isinstance(obj, GroupTransactionRow)

    @strawberry.field(description="The group.")
    def group_id(row: Parent[GroupTransactionRow]) -> ID:
        """Wire id."""
        return ID(encode("grp", row.ledger_id))

    @strawberry.field(description="The category, of the group's own set.")
    def category_id(row: Parent[GroupTransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(description="Who recorded it.")
    def created_by(row: Parent[GroupTransactionRow]) -> ID:
        """Wire id."""
        return ID(encode("user", row.created_by))

    @strawberry.field(description="The whole, above zero.")
    def amount(row: Parent[GroupTransactionRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))

    @strawberry.field(description="Your own account whose money moved, once booked.")
    async def account_id(row: Parent[GroupTransactionRow], info: Info) -> ID | None:
        """Wire id."""
        leg = await _leg(row, info)
        return None if leg is None else id_text("acct", leg.account_id)


@strawberry.type(description="A group transaction in your own books: what you paid and owe of it.")
class Share:
    """A view over ShareRow; the id of the row is the group transaction's."""

    kind: GroupTransactionKind = plain("Expense or settlement.")
    date: Date = plain("The day of it.")
    currency: str = plain("ISO 4217 code.")
    description: str = plain("What it was.")
    version: int = plain("Grows with each change.")
    created_at: Instant = plain("When it came into your books.")
    updated_at: Instant = plain("When it last changed.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "Your own category; null for settlements."
    )
    group: Group | None = edge(
        groups_by_id, lambda row, _: row.group_id, "The group; null once you have left it."
    )
    group_transaction: GroupTransaction | None = edge(
        group_transactions_by_id,
        lambda row, _: (row.group_id, row.id),
        "It in the group's books; null once you have left the group.",
    )
    leg: Annotated["Transaction", strawberry.lazy("graph.transactions.types")] | None = edge(
        legs_by_share,
        lambda row, _: (row.ledger_id, row.id),
        "What it moved on your own account, once booked.",
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a share."""
        return isinstance(obj, ShareRow)

    @strawberry.field(description="The group's transaction.")
    def group_transaction_id(row: Parent[ShareRow]) -> ID:
        """Wire id."""
        return ID(encode("gtxn", row.id))

    @strawberry.field(description="The group.")
    def group_id(row: Parent[ShareRow]) -> ID:
        """Wire id."""
        return ID(encode("grp", row.group_id))

    @strawberry.field(description="Your own category; null for settlements.")
    def category_id(row: Parent[ShareRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(description="What you paid.")
    def paid(row: Parent[ShareRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.paid_minor, row.currency))

    @strawberry.field(description="Your own part: for an expense, what you spent.")
    def owed(row: Parent[ShareRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.owed_minor, row.currency))

    @strawberry.field(description="Paid less owed: above zero the group owes you.")
    def net(row: Parent[ShareRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.paid_minor - row.owed_minor, row.currency))


GroupTransactionConnection = Connection[GroupTransaction]
ShareConnection = Connection[Share]


@strawberry.input(description="Which transactions of a group a list shows: all given hold.")
class GroupTransactionFilterInput:
    """Conditions of a list."""

    from_: Date | None = strawberry.field(name="from", default=UNSET, description="First day.")
    to: Date | None = strawberry.field(default=UNSET, description="Last day.")
    kind: GroupTransactionKind | None = strawberry.field(default=UNSET, description="Of this kind.")
    category_id: ID | None = strawberry.field(
        default=UNSET, description="Of this category of the group or one below it."
    )
    user_id: ID | None = strawberry.field(default=UNSET, description="This person takes part.")
    currency: str | None = strawberry.field(default=UNSET, description="ISO 4217 code.")
    min_amount: Amount | None = strawberry.field(default=UNSET, description="At least so much.")
    max_amount: Amount | None = strawberry.field(default=UNSET, description="At most so much.")
    search: str | None = strawberry.field(default=UNSET, description="Text in the description.")
    deleted: bool | None = strawberry.field(
        default=UNSET, description="True: those that were deleted instead."
    )


@strawberry.input(description="Who paid how much.")
class GroupPaymentInput:
    """One payer."""

    user_id: ID = strawberry.field(description="The member.")
    amount: Amount = strawberry.field(description="Above zero.")


@strawberry.input(description="Who takes part, and with how much.")
class GroupShareInput:
    """One share."""

    user_id: ID = strawberry.field(description="The member.")
    weight: Amount | None = strawberry.field(
        default=UNSET, description="For PERCENT and SHARES: above 0, at most 4 digits after it."
    )
    amount: Amount | None = strawberry.field(default=UNSET, description="For EXACT.")


@strawberry.input(description="What records an expense or a settlement.")
class CreateGroupTransactionInput:
    """Fields of a new group transaction."""

    amount: Amount = strawberry.field(description="The whole, above zero.")
    kind: GroupTransactionKind | None = strawberry.field(default=UNSET, description="EXPENSE.")
    date: Date | None = strawberry.field(default=UNSET, description="The day of it (today).")
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code; the group's if absent."
    )
    description: str | None = strawberry.field(
        default=UNSET, description="1 to 500 characters; an expense needs one."
    )
    category_id: ID | None = strawberry.field(
        default=UNSET, description="Of the group's own set; expenses only."
    )
    paid_by: list[GroupPaymentInput] | None = strawberry.field(
        default=UNSET, description="Sums to the amount; you alone if absent."
    )
    split_method: SplitMethod | None = strawberry.field(default=UNSET, description="EQUAL.")
    shares: list[GroupShareInput] | None = strawberry.field(
        default=UNSET,
        description="Everybody but viewers if absent; of a settlement the one who receives it.",
    )
    account_id: ID | None = strawberry.field(
        default=UNSET, description="Your own account whose money moved: books it there too."
    )


@strawberry.input(description="What changes a group transaction: absent stays, null clears.")
class UpdateGroupTransactionInput:
    """Changeable fields of a group transaction."""

    amount: Amount | None = strawberry.field(default=UNSET, description="Above zero.")
    kind: GroupTransactionKind | None = strawberry.field(default=UNSET, description="As it is.")
    date: Date | None = strawberry.field(default=UNSET, description="The day of it.")
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code; another one only with the amounts in it."
    )
    description: str | None = strawberry.field(default=UNSET, description="1 to 500 characters.")
    category_id: ID | None = strawberry.field(
        default=UNSET, description="Of the group's own set; expenses only."
    )
    paid_by: list[GroupPaymentInput] | None = strawberry.field(
        default=UNSET, description="Replaces all; a single payer follows a changed amount."
    )
    split_method: SplitMethod | None = strawberry.field(default=UNSET, description="How.")
    shares: list[GroupShareInput] | None = strawberry.field(
        default=UNSET, description="Replaces all; weighted ones follow a changed amount."
    )
    account_id: ID | None = strawberry.field(
        default=UNSET, description="Your own account whose money moved; null takes it back."
    )
