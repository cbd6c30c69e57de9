"""The forecast in the graph: clearly another type than what has happened."""

import strawberry
from strawberry import Parent

from graph.analytics.types import Headed, minor_text
from graph.edges import plain
from graph.scalars import Amount, Date
from resolvers.analytics import ForecastMonth as Month
from resolvers.analytics import ForecastPoint as Point


@strawberry.type(description="A month as it is expected to be: a forecast, and no report.")
class ForecastMonth:
    """A view over ForecastMonth of the rules."""

    month: str = plain("The month: 2026-01; the first is the present one.")

    @strawberry.field(description="Expected income; null where a rate is missing.")
    def income(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.income.minor, row.currency)

    @strawberry.field(
        description="Expected spending as a positive amount; null where a rate is missing."
    )
    def expenses(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.expenses.minor, row.currency)

    @strawberry.field(description="Income less expenses; null where a rate is missing.")
    def net(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_minor, row.currency)

    @strawberry.field(
        description="What of the net is booked: transactions dated in the month, future ones too."
    )
    def booked(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_of("booked_minor"), row.currency)

    @strawberry.field(
        description="What of the net is scheduled: dates of templates without a transaction yet."
    )
    def scheduled(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_of("scheduled_minor"), row.currency)

    @strawberry.field(
        description="What of the net budgets plan beyond what is booked and scheduled."
    )
    def planned(row: Parent[Month]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_of("planned_minor"), row.currency)


@strawberry.type(description="Net worth as it is expected to be: a forecast, and no report.")
class ForecastPoint:
    """A view over ForecastPoint of the rules."""

    date: Date = plain("The last day of a month, from the present one on.")

    @strawberry.field(description="Expected net worth; null where a rate is missing.")
    def net_worth(row: Parent[Point]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_minor, row.currency)


@strawberry.type(
    description="How months and net worth are expected to go on: from transactions dated in the "
    "future, dates of templates to come, and what budgets plan beyond both. Amounts of the future "
    "are converted at the newest rates."
)
class Forecast(Headed):
    """A view over Forecast of the rules."""

    months: list[ForecastMonth] = plain("The present month and those after it.")
    points: list[ForecastPoint] = plain("Net worth at the end of each of them.")
