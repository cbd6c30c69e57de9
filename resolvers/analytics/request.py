"""What a report is asked for: a span, an account, a currency, and how it is cut."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from models.accounts import AccountRow
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.accounts import accounts_by_id
from resolvers.analytics.intervals import IntervalKind, back, ends_of_month
from resolvers.errors import invalid
from resolvers.flows import Span
from resolvers.inputs import AccountRef, CurrencyCode, Input, PostingDate

GroupBy = Literal["CATEGORY", "PAYEE", "ACCOUNT", "TAG"]
Side = Literal["INCOME", "EXPENSE"]
DEFAULT_SERIES: Final = 50
_MONTHS_BACK: Final = 12


class ReportInput(Input):
    """A report as it is asked for; absent is the default."""

    from_: Annotated[PostingDate | None, Field(alias="from")] = None
    to: PostingDate | None = None
    account_id: AccountRef | None = None
    currency: CurrencyCode | None = None
    interval: IntervalKind = "MONTH"
    group_by: GroupBy = "CATEGORY"
    kind: Side = "EXPENSE"
    top: Annotated[int, Field(ge=1, le=100)] = DEFAULT_SERIES


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked of a report; every field has the default that the API documents.

    ``from_`` and ``to`` are inclusive: the first day of the twelfth month before this one, and the
    last day of this month (today for net worth), by the person's own calendar.  ``currency`` is
    the person's base currency.
    """

    from_: dt.date | None = None
    to: dt.date | None = None
    account_id: UUID | None = None
    currency: str | None = None
    interval: IntervalKind = "MONTH"
    group_by: GroupBy = "CATEGORY"
    kind: Side = "EXPENSE"
    top: int = DEFAULT_SERIES

    @classmethod
    def of(cls, data: ReportInput) -> "ReportRequest":
        """A checked input as a request."""
        return cls(
            from_=data.from_,
            to=data.to,
            account_id=data.account_id,
            currency=data.currency,
            interval=data.interval,
            group_by=data.group_by,
            kind=data.kind,
            top=data.top,
        )

    def currency_for(self, actor: Actor) -> str:
        """The currency of all figures."""
        return self.currency or actor.base_currency

    def span(self, actor: Actor, *, until_today: bool = False) -> Span:
        """The days of the report; raises VALIDATION_ERROR for a span that ends before it begins."""
        today = actor.today
        to = self.to or (today if until_today else ends_of_month(today)[1])
        from_ = self.from_ or back(min(to, ends_of_month(today)[1]), _MONTHS_BACK)
        if from_ > to:
            raise invalid("to" if self.to else "from", "The span ends before it begins.")
        return Span(from_, to)


async def account_of(tx: Tx, actor: Actor, request: ReportRequest) -> AccountRow | None:
    """The one account of a report, if one is named; raises VALIDATION_ERROR for an unknown one."""
    if request.account_id is None:
        return None
    row = (await accounts_by_id(tx, [(actor.ledger_id, request.account_id)]))[0]
    if row is None:
        raise invalid("accountId", "There is no such object.", "NOT_FOUND")
    return row
