"""What a template may be made of and changed to."""

from typing import Annotated, Final, Literal

from pydantic import Field

from resolvers.inputs import (
    AccountRef,
    AmountText,
    CategoryRef,
    Description,
    Input,
    Name,
    PostingDate,
    ShortText,
)

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
WeekendPolicy = Literal["NONE", "BEFORE", "AFTER", "SKIP"]
Interval = Annotated[int, Field(ge=1, le=366)]
DayOfMonth = Annotated[int, Field(ge=1, le=31)]

DERIVED: Final = frozenset({"nextDate", "missingDates", "createdAt", "updatedAt"})
STORED: Final = frozenset({"id", "currency"})


class TemplateCreate(Input):
    """What makes a template."""

    name: Name
    account_id: AccountRef
    amount: AmountText
    description: Description
    frequency: Frequency
    start_date: PostingDate
    interval: Interval = 1
    day_of_month: DayOfMonth | None = None
    weekend_policy: WeekendPolicy = "NONE"
    end_date: PostingDate | None = None
    category_id: CategoryRef | None = None
    payee: ShortText | None = None
    auto_post: bool = False


class TemplateUpdate(Input):
    """What changes a template: absent stays, null clears."""

    name: Name | None = None
    account_id: AccountRef | None = None
    amount: AmountText | None = None
    description: Description | None = None
    frequency: Frequency | None = None
    start_date: PostingDate | None = None
    interval: Interval | None = None
    day_of_month: DayOfMonth | None = None
    weekend_policy: WeekendPolicy | None = None
    end_date: PostingDate | None = None
    category_id: CategoryRef | None = None
    payee: ShortText | None = None
    auto_post: bool | None = None


class TemplateExecute(Input):
    """Of which date a template's transaction is wanted."""

    date: PostingDate | None = None
