"""What a group, its members and its transactions may be made of, changed to and looked for by."""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from resolvers.inputs import (
    AccountRef,
    AmountText,
    CategoryRef,
    CurrencyCode,
    Description,
    Input,
    Name,
    PostingDate,
    ShortText,
    UserRef,
)

Role = Literal["OWNER", "MEMBER", "VIEWER"]
GroupKind = Literal["EXPENSE", "SETTLEMENT"]
SplitMethod = Literal["EQUAL", "EXACT", "PERCENT", "SHARES"]
GroupSort = Literal["DATE_DESC", "DATE_ASC", "AMOUNT_DESC", "AMOUNT_ASC"]

MAX_MEMBERS: Final = 100
"""How many people a group has at a time."""
WEIGHT_DIGITS: Final = 4
_WEIGHT: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,4}0*)?", re.ASCII)


def _weight(value: object) -> object:
    """A weight as text without idle zeros; numbers are taken in plain notation."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    if len(value) > 40 or not _WEIGHT.fullmatch(value) or not Decimal(value):
        raise ValueError("A weight is a decimal number above 0 with at most 4 digits after it.")
    return value.rstrip("0").rstrip(".") if "." in value else value


Weight = Annotated[str, BeforeValidator(_weight)]


def scaled(weight: str) -> int:
    """A weight as a whole number of ten-thousandths."""
    return int(Decimal(weight).scaleb(WEIGHT_DIGITS))


class GroupCreate(Input):
    """What founds a group."""

    name: Name
    currency: CurrencyCode | None = None


class GroupUpdate(Input):
    """What changes a group: absent stays."""

    name: Name | None = None
    currency: CurrencyCode | None = None


class MemberUpdate(Input):
    """What changes a member."""

    role: Role | None = None


class PaidInput(Input):
    """Who paid how much."""

    user_id: UserRef
    amount: AmountText


class ShareInput(Input):
    """Who takes part, and by the method with which weight or amount."""

    user_id: UserRef
    weight: Weight | None = None
    amount: AmountText | None = None


Payments = Annotated[list[PaidInput], Field(max_length=MAX_MEMBERS)]
Portions = Annotated[list[ShareInput], Field(max_length=MAX_MEMBERS)]


class GroupTransactionCreate(Input):
    """What records an expense or a settlement."""

    kind: GroupKind = "EXPENSE"
    date: PostingDate | None = None
    amount: AmountText
    currency: CurrencyCode | None = None
    description: Description | None = None
    category_id: CategoryRef | None = None
    paid_by: Payments | None = None
    split_method: SplitMethod | None = None
    shares: Portions | None = None
    account_id: AccountRef | None = None


class GroupTransactionUpdate(Input):
    """What changes a group transaction: absent stays, null clears."""

    kind: GroupKind | None = None
    date: PostingDate | None = None
    amount: AmountText | None = None
    currency: CurrencyCode | None = None
    description: Description | None = None
    category_id: CategoryRef | None = None
    paid_by: Payments | None = None
    split_method: SplitMethod | None = None
    shares: Portions | None = None
    account_id: AccountRef | None = None


class GroupTransactionFilter(Input):
    """Which transactions of a group a list shows; all given conditions hold."""

    from_: Annotated[PostingDate | None, Field(alias="from")] = None
    to: PostingDate | None = None
    kind: GroupKind | None = None
    category_id: CategoryRef | None = None
    user_id: UserRef | None = None
    currency: CurrencyCode | None = None
    min_amount: AmountText | None = None
    max_amount: AmountText | None = None
    search: ShortText | None = None
    deleted: bool = False
