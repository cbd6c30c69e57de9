"""Root fields of analytics: the five reports, and the rows of any figure of theirs."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.analytics.forecast import Forecast
from graph.analytics.reports import (
    By,
    Cut,
    From,
    InCurrency,
    OfAccount,
    Side,
    To,
    Top,
    Until,
    report,
    request_of,
)
from graph.analytics.types import (
    BudgetPerformanceReport,
    CategoryBreakdownReport,
    MonthlySummaryReport,
    NetWorthHoldingConnection,
    NetWorthReport,
    ReportInterval,
    SpendingTrendsReport,
    SummaryFigure,
    TrendGrouping,
    holdings,
)
from graph.budgets.types import AnalysisDate, analysis_of
from graph.categories import CategoryKind
from graph.context import Info
from graph.edges import said
from graph.explained import ExplainedRowConnection, explained
from graph.paging import After, First
from graph.scalars import Date, id_of
from resolvers.analytics import (
    budget_performance,
    category_breakdown,
    forecast,
    monthly_summary,
    net_worth,
    rows_of_category,
    rows_of_item,
    rows_of_month,
    rows_of_series,
    spending_trends,
)
from resolvers.budgets import get_budget

EXPENSE = CategoryKind.EXPENSE
MONTH = ReportInterval.MONTH
CATEGORY = TrendGrouping.CATEGORY


@strawberry.type
class Reports:
    """The five reports: at the root, and of the viewer."""

    @strawberry.field(
        description="What you owned and owed at the ends of intervals, archived accounts included.",
        graphql_type=NetWorthReport,
    )
    async def net_worth(
        self,
        info: Info,
        from_: From = None,
        to: Until = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        interval: Cut = MONTH,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted = request_of(
            **{"from": from_}, to=to, accountId=account_id, currency=currency, interval=interval
        )
        return await report(info, net_worth, wanted)

    @strawberry.field(
        description="How spending (or income) moved. Transfers are out, what is pending is in.",
        graphql_type=SpendingTrendsReport,
    )
    async def spending_trends(
        self,
        info: Info,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        interval: Cut = MONTH,
        group_by: By = CATEGORY,
        kind: Side = EXPENSE,
        top: Top = 50,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted = request_of(
            **{"from": from_},
            to=to,
            accountId=account_id,
            currency=currency,
            interval=interval,
            groupBy=group_by,
            kind=kind,
            top=top,
        )
        return await report(info, spending_trends, wanted)

    @strawberry.field(
        description="Where money went to or came from. Transfers are out, what is pending is in.",
        graphql_type=CategoryBreakdownReport,
    )
    async def category_breakdown(
        self,
        info: Info,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        kind: Side = EXPENSE,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted = request_of(
            **{"from": from_}, to=to, accountId=account_id, currency=currency, kind=kind
        )
        return await report(info, category_breakdown, wanted)

    @strawberry.field(
        description="What came in and went out each month. Transfers are out, what is pending is "
        "in; without a category the sign decides.",
        graphql_type=MonthlySummaryReport,
    )
    async def monthly_summary(
        self,
        info: Info,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted = request_of(**{"from": from_}, to=to, accountId=account_id, currency=currency)
        return await report(info, monthly_summary, wanted)

    @strawberry.field(
        description="Every budget in each period that the span touches; in today's, if neither end "
        "is given.",
        graphql_type=BudgetPerformanceReport,
    )
    async def budget_performance(
        self,
        info: Info,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: Annotated[
            str | None, said("Only budgets kept in this currency (ISO 4217 code).")
        ] = None,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted = request_of(**{"from": from_}, to=to, accountId=account_id, currency=currency)
        return await report(info, budget_performance, wanted)

    @strawberry.field(
        description="How months and net worth are expected to go on.", graphql_type=Forecast
    )
    async def forecast(
        self,
        info: Info,
        months: Annotated[int, said("How many months after the present one, 1 to 24.")] = 6,
        currency: InCurrency = None,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        wanted, context = request_of(currency=currency), info.context
        return await forecast(await context.reader(), context.actor, months, wanted.currency)


@strawberry.type
class AnalyticsQueries(Reports):
    """Root fields of analytics."""

    @strawberry.field(
        description="The accounts of which the net worth of a day is made.",
        graphql_type=NetWorthHoldingConnection,
    )
    async def explain_net_worth(
        self,
        info: Info,
        date: Annotated[Date | None, said("The day of the point: today, if absent.")] = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        first: First = None,
        after: After = None,
    ) -> Any:
        """Raises VALIDATION_ERROR."""
        day = date or info.context.actor.today
        wanted = request_of(**{"from": day}, to=day, accountId=account_id, currency=currency)
        found = await report(info, net_worth, wanted)
        return await holdings(info, found.points[-1], first, after)

    @strawberry.field(
        description="The parts of which a series of spendingTrends is made, or one point of it; "
        "ask with the arguments of the report.",
        graphql_type=ExplainedRowConnection,
    )
    async def explain_spending_trends(
        self,
        info: Info,
        series: Annotated[str, said("The key of the series.")],
        period: Annotated[str | None, said("The period of the point; all, if absent.")] = None,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        interval: Cut = MONTH,
        group_by: By = CATEGORY,
        kind: Side = EXPENSE,
        top: Top = 50,
        first: First = None,
        after: After = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a series or period that the report does not have."""
        wanted = request_of(
            **{"from": from_},
            to=to,
            accountId=account_id,
            currency=currency,
            interval=interval,
            groupBy=group_by,
            kind=kind,
            top=top,
        )
        found = await report(info, spending_trends, wanted)
        return await explained(info, rows_of_series(found, series, period), first, after)

    @strawberry.field(
        description="The parts of which the total of categoryBreakdown is made, or one category of "
        "it; ask with the arguments of the report.",
        graphql_type=ExplainedRowConnection,
    )
    async def explain_category_breakdown(
        self,
        info: Info,
        category_id: Annotated[ID | None, said("The category, with all below it.")] = None,
        uncategorised: Annotated[bool, said("Only what has no category.")] = False,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        kind: Side = EXPENSE,
        first: First = None,
        after: After = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a category that is not yours."""
        wanted = request_of(
            **{"from": from_}, to=to, accountId=account_id, currency=currency, kind=kind
        )
        found = await report(info, category_breakdown, wanted)
        rows = rows_of_category(
            found,
            id_of("cat", category_id),
            named=category_id is not None,
            uncategorised=uncategorised,
        )
        return await explained(info, rows, first, after)

    @strawberry.field(
        description="The parts of which a figure of monthlySummary is made; ask with the arguments "
        "of the report.",
        graphql_type=ExplainedRowConnection,
    )
    async def explain_monthly_summary(
        self,
        info: Info,
        month: Annotated[str, said("The month: 2026-01.")],
        figure: Annotated[SummaryFigure, said("Which figure.")] = SummaryFigure.NET,
        from_: From = None,
        to: To = None,
        account_id: OfAccount = None,
        currency: InCurrency = None,
        first: First = None,
        after: After = None,
    ) -> Any:
        """Raises VALIDATION_ERROR for a month outside the span."""
        wanted = request_of(**{"from": from_}, to=to, accountId=account_id, currency=currency)
        found = await report(info, monthly_summary, wanted)
        rows = rows_of_month(found, month, str(figure.value))
        return await explained(info, rows, first, after)

    @strawberry.field(
        description="The parts of which a figure of a budget's analysis is made: of the whole "
        "budget, of one item, or of what no item covers.",
        graphql_type=ExplainedRowConnection | None,
    )
    async def explain_budget_analysis(
        self,
        info: Info,
        id: Annotated[ID, said("The budget.")],
        date: AnalysisDate = None,
        item_id: Annotated[ID | None, said("One of its items.")] = None,
        unbudgeted: Annotated[bool, said("What no item covers.")] = False,
        first: First = None,
        after: After = None,
    ) -> Any:
        """Raises NOT_FOUND, and VALIDATION_ERROR for an item of another budget."""
        context = info.context
        budget = await get_budget(await context.reader(), context.actor, id_of("bdgt", id))
        found = await analysis_of(budget, info, date)
        rows = rows_of_item(
            found, id_of("item", item_id), named=item_id is not None, unbudgeted=unbudgeted
        )
        return await explained(info, rows, first, after)
