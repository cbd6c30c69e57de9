"""What a transaction looks like in the graph, and what makes, changes and finds one."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain
from graph.execution import reads
from graph.listing import newest_refunds
from graph.nodes import Stored, node_kind
from graph.paging import After, Connection, First
from graph.scalars import Amount, Date, Instant, id_text, id_texts
from graph.suggestions import CategorySuggestion
from graph.templates import Template
from models.transactions import SplitRow, TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.groups import group_transactions_by_id, groups_by_id, shares_by_id
from resolvers.money import format_minor, format_minors
from resolvers.suggestions import suggestions_of_transactions
from resolvers.templates import templates_by_id
from resolvers.transactions import refunded_amounts, transactions_by_id
from resolvers.uploads import uploads_by_transaction
from resolvers.wire import kind_of, kinds_of

if TYPE_CHECKING:
    from graph.groups.records import GroupTransaction, Share
    from graph.groups.types import Group

if TYPE_CHECKING:
    from graph.uploads import Upload

node_kind("txn", transactions_by_id)


@strawberry.enum(description="How far a transaction has come.")
class TransactionStatus(Enum):
    """Statuses of transactions."""

    PENDING = strawberry.enum_value("PENDING", description="Announced, may still change.")
    POSTED = strawberry.enum_value("POSTED", description="Booked.")
    RECONCILED = strawberry.enum_value("RECONCILED", description="Agreed with a statement.")


@strawberry.enum(description="What a transaction counts as; derived, never set.")
class TransactionKind(Enum):
    """Kinds of transactions."""

    INCOME = strawberry.enum_value("INCOME", description="Money earned.")
    EXPENSE = strawberry.enum_value("EXPENSE", description="Money spent; refunds net it.")
    TRANSFER = strawberry.enum_value(
        "TRANSFER", description="Between own accounts, or settling with a group."
    )


@strawberry.enum(description="What a rule may set and a hand locks by setting it.")
class TransactionField(Enum):
    """Fields that can be locked."""

    CATEGORY = strawberry.enum_value("CATEGORY", description="The category, or the split parts.")
    PAYEE = strawberry.enum_value("PAYEE", description="The payee.")
    TAGS = strawberry.enum_value("TAGS", description="The tags.")
    NOTES = strawberry.enum_value("NOTES", description="The notes.")


@strawberry.enum(description="In which order transactions are listed.")
class TransactionSort(Enum):
    """Orders of a list of transactions."""

    DATE_DESC = strawberry.enum_value("DATE_DESC", description="Newest first.")
    DATE_ASC = strawberry.enum_value("DATE_ASC", description="Oldest first.")
    AMOUNT_DESC = strawberry.enum_value("AMOUNT_DESC", description="Highest signed amount first.")
    AMOUNT_ASC = strawberry.enum_value("AMOUNT_ASC", description="Lowest signed amount first.")


_DECIDE_KIND: Final = (
    "transfer_id", "group_id", "category_id", "split_count", "category_kind", "refunded",
    "amount_minor",
)  # fmt: skip
"""What ``kind_of`` looks at, in the order of ``kinds_of``."""


@reads("group_transaction_id", "group_id")
def _whole(row: TransactionRow, _: object) -> Any:
    leg = row.group_transaction_id
    return None if leg is None else (row.group_id, leg)


def _ledger_of(row: Any, info: Any) -> Any:
    return (info.context.actor.ledger_id, row.category_id)


@strawberry.type(description="One part of a split transaction.")
class Split:
    """A view over SplitRow."""

    notes: str | None = plain("What the part was for.")
    category: Category = edge(categories_by_id, _ledger_of, "The part's category.")

    @strawberry.field(description="The part's category.")
    def category_id(row: Parent[SplitRow]) -> ID:
        """Wire id."""
        return ID(id_text("cat", row.category_id) or "")

    @strawberry.field(description="The part's amount, of either sign.")
    def amount(row: Parent[SplitRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))


@strawberry.type(description="A movement of money on one account.")
class Transaction(Stored):
    """A view over TransactionRow."""

    date: Date = plain("The posting date.")
    currency: str = plain("ISO 4217 code, the account's.")
    description: str = plain("What the bank or you said about it.")
    payee: str | None = plain("Who was paid, or who paid.")
    notes: str | None = plain("Your own words; stored sealed.")
    tags: list[str] = plain("Free words to find it by.")
    status: TransactionStatus = plain("How far it has come.")
    splits: list[Split] = plain("Its parts, when it is split; they sum to the amount.")
    external_id: str | None = plain("The bank's or your own id, one living row an account.")
    deleted_at: Instant | None = plain("When it went to the trash; null while it lives.")
    account: Account = edge(accounts_by_id, own_ledger("account_id"), "The account.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category; null for splits and transfers."
    )
    transfer: "Transaction | None" = edge(
        transactions_by_id, own_ledger("transfer_id"), "The other side of a transfer."
    )
    refunded: "Transaction | None" = edge(
        transactions_by_id,
        own_ledger("refund_of"),
        "The transaction that this one refunds; null while that lies in the trash.",
    )
    template: Template | None = edge(
        templates_by_id,
        own_ledger("template_id"),
        "The recurring template that made it; null once that is deleted.",
    )
    group: Annotated["Group", strawberry.lazy("graph.groups.types")] | None = edge(
        groups_by_id,
        reads("group_id")(lambda row, _: row.group_id),
        "The group whose money it is a leg of; null once you have left it.",
    )
    group_transaction: (
        Annotated["GroupTransaction", strawberry.lazy("graph.groups.records")] | None
    ) = edge(group_transactions_by_id, _whole, "The group transaction of which it is your leg.")
    share: Annotated["Share", strawberry.lazy("graph.groups.records")] | None = edge(
        shares_by_id, own_ledger("group_transaction_id"), "Your share of that group transaction."
    )
    receipts: list[Annotated["Upload", strawberry.lazy("graph.uploads")]] = edge(
        uploads_by_transaction,
        own_ledger("id"),
        "The files that prove it, oldest first: 20 at most.",
    )

    suggestion: CategorySuggestion | None = edge(
        suggestions_of_transactions,
        lambda row, info: (info.context.actor.user_id, row),
        "The category that your past choices speak for, where it has none and may have one; null "
        "while a large ledger is learned for the first time.",
    )

    @classmethod
    @reads()
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a transaction."""
        return isinstance(obj, TransactionRow)

    @strawberry.field(description="The account.")
    @reads("account_id", many=id_texts("acct"))
    def account_id(row: Parent[TransactionRow]) -> ID:
        """Wire id."""
        return ID(id_text("acct", row.account_id) or "")

    @strawberry.field(description="The category; null for splits and transfers.")
    @reads("category_id", many=id_texts("cat"))
    def category_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(
        description="What a hand has set: rules, imports and suggestions leave it as it is. "
        "updateTransaction locks what it changes, and takes lockedFields to lock or free others."
    )
    @reads("locked")
    def locked_fields(row: Parent[TransactionRow]) -> list[TransactionField]:
        """As enums."""
        return [TransactionField(name) for name in row.locked]

    @strawberry.field(description="Signed: money in is positive, money out negative.")
    @reads("amount_minor", "currency", many=format_minors)
    def amount(row: Parent[TransactionRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))

    @strawberry.field(
        description="What came back of it: the sum of its refunds in its own currency, signed."
    )
    @reads("ledger_id", "id", "currency")
    async def refunded_amount(row: Parent[TransactionRow], info: Info) -> Amount:
        """Amount text."""
        minor = await info.context.load(refunded_amounts, (row.ledger_id, row.id, row.currency))
        return Amount(format_minor(minor, row.currency))

    @strawberry.field(
        description="Its refunds, whole or in parts, newest first.",
        graphql_type=Connection["Transaction"],
    )
    @reads("ledger_id", "id")
    async def refunds(
        row: Parent[TransactionRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many transactions load together."""
        return await newest_refunds(row, info, first, after)

    @strawberry.field(
        description="Transfer if linked or settling with a group, else by what it refunds, else by "
        "category, else by sign."
    )
    @reads(*_DECIDE_KIND, many=kinds_of)
    def kind(row: Parent[TransactionRow]) -> TransactionKind:
        """Derived kind."""
        return TransactionKind(kind_of(row))

    @strawberry.field(description="The other side of a transfer.")
    @reads("transfer_id", many=id_texts("txn"))
    def transfer_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.transfer_id)

    @strawberry.field(description="The transaction that this one refunds.")
    @reads("refund_of", many=id_texts("txn"))
    def refund_of(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.refund_of)

    @strawberry.field(description="The import that brought it.")
    @reads("import_id", many=id_texts("imp"))
    def import_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("imp", row.import_id)

    @strawberry.field(description="The recurring template that made it.")
    @reads("template_id", many=id_texts("tmpl"))
    def template_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("tmpl", row.template_id)

    @strawberry.field(description="The group transaction of which it is your leg.")
    @reads("group_transaction_id", many=id_texts("gtxn"))
    def group_transaction_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("gtxn", row.group_transaction_id)

    @strawberry.field(description="The group whose expense it is a leg of.")
    @reads("group_id", many=id_texts("grp"))
    def group_id(row: Parent[TransactionRow]) -> ID | None:
        """Wire id."""
        return id_text("grp", row.group_id)


TransactionConnection = Connection[Transaction]


@strawberry.input(description="Which transactions a list shows: all given conditions hold.")
class TransactionFilterInput:
    """Conditions of a list."""

    from_: Date | None = strawberry.field(
        name="from", default=UNSET, description="First posting date."
    )
    to: Date | None = strawberry.field(default=UNSET, description="Last posting date.")
    account_id: ID | None = strawberry.field(default=UNSET, description="Of this account.")
    category_id: ID | None = strawberry.field(
        default=UNSET,
        description="Of this category or one below it, parts of splits included; refunds are where "
        "they net, on the category of what they refund.",
    )
    kind: TransactionKind | None = strawberry.field(default=UNSET, description="Of this kind.")
    status: TransactionStatus | None = strawberry.field(default=UNSET, description="Come so far.")
    min_amount: Amount | None = strawberry.field(
        default=UNSET, description="At least this absolute value, in each row's own currency."
    )
    max_amount: Amount | None = strawberry.field(
        default=UNSET, description="At most this absolute value, in each row's own currency."
    )
    search: str | None = strawberry.field(
        default=UNSET, description="Text in description or payee, whatever the case."
    )
    tag: str | None = strawberry.field(default=UNSET, description="Carries this tag.")
    template_id: ID | None = strawberry.field(
        default=UNSET, description="Made by this recurring template."
    )
    group_id: ID | None = strawberry.field(default=UNSET, description="A leg of this group.")
    refund_of: ID | None = strawberry.field(default=UNSET, description="Refunds this transaction.")
    deleted: bool | None = strawberry.field(
        default=UNSET, description="True: what lies in the trash instead."
    )


@strawberry.input(description="One part of a split.")
class SplitInput:
    """Fields of a part."""

    category_id: ID = strawberry.field(description="The part's category.")
    amount: Amount = strawberry.field(description="The part's amount, of either sign.")
    notes: str | None = strawberry.field(default=UNSET, description="Up to 4,000 characters.")


@strawberry.input(description="What books a transaction, or both sides of a transfer.")
class CreateTransactionInput:
    """Fields of a new transaction."""

    account_id: ID = strawberry.field(description="The account.")
    date: Date = strawberry.field(description="The posting date.")
    amount: Amount = strawberry.field(description="Signed: money in +, money out -.")
    description: str = strawberry.field(description="1 to 500 characters.")
    currency: str | None = strawberry.field(default=UNSET, description="If given, the account's.")
    category_id: ID | None = strawberry.field(default=UNSET, description="The category.")
    payee: str | None = strawberry.field(default=UNSET, description="Up to 200 characters.")
    notes: str | None = strawberry.field(default=UNSET, description="Up to 4,000 characters.")
    tags: list[str] | None = strawberry.field(default=UNSET, description="Up to 50 words.")
    status: TransactionStatus | None = strawberry.field(default=UNSET, description="POSTED.")
    splits: list[SplitInput] | None = strawberry.field(
        default=UNSET, description="At least two parts that sum to the amount."
    )
    external_id: str | None = strawberry.field(
        default=UNSET, description="Up to 255 characters; one living row an account."
    )
    refund_of: ID | None = strawberry.field(
        default=UNSET, description="What it refunds: no transfer, no refund."
    )
    transfer_account_id: ID | None = strawberry.field(
        default=UNSET, description="Makes it a transfer: the other side is booked there."
    )
    transfer_amount: Amount | None = strawberry.field(
        default=UNSET, description="The other side's amount where its currency differs."
    )


@strawberry.input(description="What changes a transaction: absent stays, null clears.")
class UpdateTransactionInput:
    """Changeable fields of a transaction."""

    account_id: ID | None = strawberry.field(default=UNSET, description="Of the same currency.")
    date: Date | None = strawberry.field(default=UNSET, description="The posting date.")
    amount: Amount | None = strawberry.field(default=UNSET, description="Signed.")
    description: str | None = strawberry.field(default=UNSET, description="1 to 500 characters.")
    category_id: ID | None = strawberry.field(default=UNSET, description="The category.")
    payee: str | None = strawberry.field(default=UNSET, description="Up to 200 characters.")
    notes: str | None = strawberry.field(default=UNSET, description="Up to 4,000 characters.")
    tags: list[str] | None = strawberry.field(default=UNSET, description="Replaces all tags.")
    status: TransactionStatus | None = strawberry.field(default=UNSET, description="How far.")
    splits: list[SplitInput] | None = strawberry.field(
        default=UNSET, description="Replaces all parts; an empty list makes it one again."
    )
    external_id: str | None = strawberry.field(default=UNSET, description="Your own id.")
    refund_of: ID | None = strawberry.field(
        default=UNSET, description="What it refunds: no transfer, no refund."
    )
    transfer_amount: Amount | None = strawberry.field(
        default=UNSET, description="The other side's amount where its currency differs."
    )
    locked_fields: list[TransactionField] | None = strawberry.field(
        default=UNSET,
        description="Exactly these are locked afterwards; absent locks what this changes, too.",
    )
