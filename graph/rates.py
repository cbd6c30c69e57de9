"""Exchange rates in the graph: own ones, the one that applies, and those that are not there."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import expected, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import Amount, Date, id_of, id_text
from models.rates import RateRow
from resolvers.errors import invalid
from resolvers.ledgers import LedgerWrite
from resolvers.money import is_currency
from resolvers.rates import (
    Rate,
    RateSet,
    count_rates,
    delete_rate,
    list_rates,
    rate_of,
    rates_by_id,
    set_rate,
)
from resolvers.wire import rate_text

node_kind("rate", rates_by_id)


@strawberry.type(description="A rate that a sum would need and nobody has published.")
class MissingRate:
    """A view over MissingRate of the rules."""

    from_: str = plain("ISO 4217 code of the amount.", name="from")
    to: str = plain("ISO 4217 code of the sum.")
    date: Date = plain("The day of the amount.")


@strawberry.type(
    description="A rate older than seven days that had to serve, since none was published after it."
)
class StaleRate:
    """A view over StaleRate of the rules."""

    from_: str = plain("ISO 4217 code of the amount.", name="from")
    to: str = plain("ISO 4217 code of the sum.")
    date: Date = plain("The day of the amount.")
    rate_date: Date = plain("The day of the rate.")


@strawberry.enum(description="Where a rate comes from.")
class RateSource(Enum):
    """Sources of rates."""

    ECB = strawberry.enum_value(
        "ECB", description="Reference rates of the European Central Bank, crossed through the euro."
    )
    OWN = strawberry.enum_value("OWN", description="Your own, or crossed with one of your own.")
    SAME = strawberry.enum_value("SAME", description="A currency in itself.")


@strawberry.type(description="The rate with which an amount is converted.")
class AppliedRate:
    """A view over Rate of the rules."""

    source: RateSource = plain("Where it comes from.")
    stale: bool = plain("Whether it is older than seven days, for want of a newer one.")

    @strawberry.field(
        description="How many units of the sum's currency one unit is: a decimal with up to 12 "
        "digits after the point. Conversions use the exact quotient."
    )
    def rate(row: Parent[Rate]) -> str:
        """Decimal text."""
        return row.text

    @strawberry.field(description="The day of the rate; of a crossed one, the older day.")
    def date(row: Parent[Rate]) -> Date:
        """A day."""
        return Date(row.day)


@strawberry.type(
    description="Your own exchange rate of a day: there it wins over published rates, the same way "
    "round and the other."
)
class ExchangeRate(Stored):
    """A view over RateRow."""

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an own rate."""
        return isinstance(obj, RateRow)

    @strawberry.field(name="from", description="ISO 4217 code of what one unit is taken of.")
    def from_(row: Parent[RateRow]) -> str:
        """A currency."""
        return row.from_currency

    @strawberry.field(description="ISO 4217 code of what it is worth.")
    def to(row: Parent[RateRow]) -> str:
        """A currency."""
        return row.to_currency

    @strawberry.field(description="The day on which it holds, and up to seven days after.")
    def date(row: Parent[RateRow]) -> Date:
        """A day."""
        return Date(row.day)

    @strawberry.field(description="How many units of ``to`` one unit of ``from`` is worth.")
    def rate(row: Parent[RateRow]) -> Amount:
        """Decimal text."""
        return Amount(rate_text(row.rate))


ExchangeRateConnection = Connection[ExchangeRate]
Currency = Annotated[str | None, said("Only rates of this currency (ISO 4217 code).")]


@strawberry.input(description="What a currency was worth on a day.")
class SetRateInput:
    """Fields of an own rate."""

    from_: str = strawberry.field(name="from", description="ISO 4217 code.")
    to: str = strawberry.field(description="ISO 4217 code, another one.")
    date: Date = strawberry.field(description="The day.")
    rate: Amount = strawberry.field(
        description="How many units of ``to`` one unit of ``from`` is worth: above zero, at most "
        "12 digits after the point."
    )


@strawberry.type(description="The rate as it is now.")
class SetRatePayload:
    """Answer of setRate."""

    rate: ExchangeRate = plain("The rate.")


@strawberry.type(description="The rate that is gone.")
class DeleteRatePayload:
    """Answer of deleteRate."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


async def rate_connection(
    info: Info,
    currency: str | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of the person's own rates."""
    actor = info.context.actor
    return await connection(
        info,
        "rates",
        lambda tx, request: list_rates(tx, actor, request, currency=currency),
        lambda tx: count_rates(tx, actor, currency=currency),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.type
class RateQueries:
    """Root fields of exchange rates."""

    @strawberry.field(
        description="Your own exchange rates, the newest day first.",
        graphql_type=ExchangeRateConnection,
    )
    async def rates(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        currency: Currency = None,
    ) -> Any:
        """A page of own rates."""
        return await rate_connection(info, currency, first, after, last, before)

    @strawberry.field(
        description="The rate with which an amount of a day is converted for you; null where there "
        "is none.",
        graphql_type=AppliedRate | None,
    )
    async def exchange_rate(
        self,
        info: Info,
        from_: Annotated[str, said("ISO 4217 code of the amount.", name="from")],
        to: Annotated[str, said("ISO 4217 code of the sum.")],
        date: Annotated[Date | None, said("The day (today).")] = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for what is no currency."""
        for name, code in (("from", from_), ("to", to)):
            if not is_currency(code):
                raise invalid(name, "Not a currency of ISO 4217, such as EUR.")
        actor = info.context.actor
        return await rate_of(await info.context.reader(), actor, from_, to, date or actor.today)


@strawberry.type
class RateMutations:
    """Writes of exchange rates."""

    @strawberry.mutation(
        description="Say what a currency was worth on a day; an earlier word on the same pair and "
        "day is replaced. Every figure follows at once.",
        graphql_type=SetRatePayload | None,
    )
    async def set_rate(
        self,
        info: Info,
        input: Annotated[SetRateInput, said("The rate.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        data = parsed(RateSet, input)

        async def work(write: LedgerWrite) -> RateRow:
            return await set_rate(write, data, expected_version=expected(expected_version))

        row = await info.context.write(
            "setRate",
            work,
            answer=RateRow,
            key=idempotency_key,
            payload=[raw_value(input), expected_version],
        )
        return SetRatePayload(rate=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Take an own rate back: published ones count again.",
        graphql_type=DeleteRatePayload | None,
    )
    async def delete_rate(
        self,
        info: Info,
        id: Annotated[ID, said("The rate.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND."""

        async def work(write: LedgerWrite) -> RateRow:
            return await delete_rate(
                write, id_of("rate", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteRate",
            work,
            answer=RateRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return DeleteRatePayload(id=id_text("rate", row.id) or ID(""), deleted=True)
