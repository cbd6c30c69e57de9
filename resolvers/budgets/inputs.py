"""What a budget and an item may be made of and changed to."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from resolvers.inputs import AmountText, CategoryRef, CurrencyCode, Input, Name, PostingDate
from resolvers.periods import PeriodKind

Carry = Literal["NONE", "SURPLUS", "BOTH"]
MAX_ITEMS: Final = 200
DEFAULT_ALERTS: Final = (80, 100)


def _ascending(value: list[int]) -> list[int]:
    return sorted(set(value))


AlertPercents = Annotated[
    list[Annotated[int, Field(ge=1, le=1_000)]],
    Field(max_length=10),
    AfterValidator(_ascending),
]


class BudgetItemCreate(Input):
    """What plans an amount for a category."""

    category_id: CategoryRef
    amount: AmountText
    carry: Carry = "NONE"


class BudgetItemUpdate(Input):
    """What changes an item: absent stays."""

    category_id: CategoryRef | None = None
    amount: AmountText | None = None
    carry: Carry | None = None


class BudgetCreate(Input):
    """What makes a budget, its items along with it if they are given."""

    name: Name
    period: PeriodKind
    start_date: PostingDate
    end_date: PostingDate | None = None
    currency: CurrencyCode | None = None
    alert_percents: AlertPercents | None = None
    items: Annotated[list[BudgetItemCreate], Field(max_length=MAX_ITEMS)] | None = None


class BudgetUpdate(Input):
    """What changes a budget: absent stays, null clears."""

    name: Name | None = None
    period: PeriodKind | None = None
    start_date: PostingDate | None = None
    end_date: PostingDate | None = None
    currency: CurrencyCode | None = None
    alert_percents: AlertPercents | None = None
