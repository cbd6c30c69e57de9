"""What a transaction may be made of, changed to and looked for by."""

from typing import Annotated, Final, Literal

from pydantic import Field

from resolvers.inputs import (
    AccountRef,
    AmountText,
    CategoryRef,
    CurrencyCode,
    Description,
    ExternalId,
    GroupRef,
    Input,
    Notes,
    PostingDate,
    ShortText,
    Tag,
    Tags,
    TemplateRef,
    TransactionRef,
)

Status = Literal["PENDING", "POSTED", "RECONCILED"]
Kind = Literal["INCOME", "EXPENSE", "TRANSFER"]
LockedField = Literal["CATEGORY", "PAYEE", "TAGS", "NOTES"]
Sort = Literal["DATE_DESC", "DATE_ASC", "AMOUNT_DESC", "AMOUNT_ASC"]

DERIVED: Final = frozenset({"kind", "createdAt", "updatedAt", "deletedAt"})
STORED: Final = frozenset(
    {"id", "currency", "transferId", "importId", "templateId", "groupId", "groupTransactionId"}
)


class SplitInput(Input):
    """One part of a split."""

    category_id: CategoryRef
    amount: AmountText
    notes: Notes | None = None


Splits = Annotated[list[SplitInput], Field(max_length=100)]


class TransactionCreate(Input):
    """What books a transaction, or both sides of a transfer."""

    account_id: AccountRef
    date: PostingDate
    amount: AmountText
    description: Description
    currency: CurrencyCode | None = None
    category_id: CategoryRef | None = None
    payee: ShortText | None = None
    notes: Notes | None = None
    tags: Tags | None = None
    status: Status | None = None
    splits: Splits | None = None
    external_id: ExternalId | None = None
    refund_of: TransactionRef | None = None
    transfer_account_id: AccountRef | None = None
    transfer_amount: AmountText | None = None


class TransactionUpdate(Input):
    """What changes a transaction: absent stays, null clears."""

    account_id: AccountRef | None = None
    date: PostingDate | None = None
    amount: AmountText | None = None
    description: Description | None = None
    category_id: CategoryRef | None = None
    payee: ShortText | None = None
    notes: Notes | None = None
    tags: Tags | None = None
    status: Status | None = None
    splits: Splits | None = None
    external_id: ExternalId | None = None
    refund_of: TransactionRef | None = None
    transfer_amount: AmountText | None = None
    locked_fields: Annotated[list[LockedField], Field(max_length=4)] | None = None


class TransactionFilter(Input):
    """Which transactions a list shows; all given conditions hold."""

    from_: Annotated[PostingDate | None, Field(alias="from")] = None
    to: PostingDate | None = None
    account_id: AccountRef | None = None
    category_id: CategoryRef | None = None
    kind: Kind | None = None
    status: Status | None = None
    min_amount: AmountText | None = None
    max_amount: AmountText | None = None
    search: ShortText | None = None
    tag: Tag | None = None
    template_id: TemplateRef | None = None
    group_id: GroupRef | None = None
    refund_of: TransactionRef | None = None
    deleted: bool = False
