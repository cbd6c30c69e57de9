"""What reports look like in the graph: views over the reports of the rules."""

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.budgets.types import BudgetAnalysis
from graph.categories import Category, CategoryKind
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.explained import ExplainedRowConnection, explained
from graph.paging import After, Connection, First, connection
from graph.rates import AppliedRate, MissingRate, StaleRate
from graph.scalars import Amount, Date, id_text
from resolvers.accounts import accounts_by_id
from resolvers.analytics import (
    CategoryBreakdown,
    CategoryShare,
    Figure,
    Holding,
    NetWorth,
    WorthPoint,
    rows_of_figure,
)
from resolvers.categories import categories_by_id
from resolvers.money import format_minor


@strawberry.enum(description="How long the intervals of a report are, by the calendar.")
class ReportInterval(Enum):
    """Intervals of reports."""

    DAY = strawberry.enum_value("DAY", description="2026-01-31.")
    WEEK = strawberry.enum_value("WEEK", description="Monday to Sunday: 2026-W05 (ISO 8601).")
    MONTH = strawberry.enum_value("MONTH", description="2026-01.")
    QUARTER = strawberry.enum_value("QUARTER", description="2026-Q1.")
    YEAR = strawberry.enum_value("YEAR", description="2026.")


@strawberry.enum(description="By what spending is told apart.")
class TrendGrouping(Enum):
    """Groupings of spending trends."""

    CATEGORY = strawberry.enum_value(
        "CATEGORY", description="Each category by itself; children are series of their own."
    )
    PAYEE = strawberry.enum_value("PAYEE", description="The payee.")
    ACCOUNT = strawberry.enum_value("ACCOUNT", description="The account.")
    TAG = strawberry.enum_value("TAG", description="Each tag: what has two counts in both.")


def amount_of(figure: Figure) -> Amount | None:
    """A figure as text; null where a rate is missing."""
    return None if figure.minor is None else Amount(format_minor(figure.minor, figure.currency))


def minor_text(minor: int | None, currency: str) -> Amount | None:
    """Minor units as text; null where a rate is missing."""
    return None if minor is None else Amount(format_minor(minor, currency))


@strawberry.type
class Headed:
    """What every report says of itself."""

    @strawberry.field(description="ISO 4217 code of all its figures.")
    def currency(row: Parent[Any]) -> str:
        """A currency."""
        return str(row.head.currency)

    @strawberry.field(name="from", description="First day of the span.")
    def from_(row: Parent[Any]) -> Date:
        """A day."""
        return Date(row.head.from_)

    @strawberry.field(description="Last day of the span.")
    def to(row: Parent[Any]) -> Date:
        """A day."""
        return Date(row.head.to)

    @strawberry.field(
        description="Rates that nobody published: figures that need one are null. The first 1,000.",
        graphql_type=list[MissingRate],
    )
    def missing_rates(row: Parent[Any]) -> Any:
        """By currency and day."""
        return row.head.missing_rates

    @strawberry.field(
        description="Rates older than seven days that had to serve, since none was published after "
        "them. The first 1,000.",
        graphql_type=list[StaleRate],
    )
    def stale_rates(row: Parent[Any]) -> Any:
        """By currency and day."""
        return row.head.stale_rates


@strawberry.type(description="One account in a point of the net worth.")
class NetWorthHolding:
    """A view over Holding."""

    date: Date = plain("The day of the point.")
    currency: str = plain("ISO 4217 code of the account.")
    counted_currency: str = plain("ISO 4217 code of the report.")
    rate: AppliedRate | None = plain("How it was converted; null where there is no rate.")
    account: Account = edge(accounts_by_id, own_ledger("account_id"), "The account.")

    @strawberry.field(description="The account.")
    def account_id(row: Parent[Holding]) -> ID:
        """Wire id."""
        return ID(id_text("acct", row.account_id) or "")

    @strawberry.field(
        description="What the account held at the end of the day: its opening balance and the "
        "signed amounts of its transactions up to then."
    )
    def balance(row: Parent[Holding]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.balance_minor, row.currency))

    @strawberry.field(description="What of it is in the net worth; null where a rate is missing.")
    def counted(row: Parent[Holding]) -> Amount | None:
        """Amount text."""
        return minor_text(row.counted_minor, row.counted_currency)


NetWorthHoldingConnection = Connection[NetWorthHolding]


async def holdings(info: Info, point: WorthPoint, first: int | None, after: str | None) -> Any:
    """A page of the accounts of a point."""

    async def count(_: Any) -> int:
        return len(point.holdings)

    async def fetch(_: Any, request: Any) -> Any:
        return point.page(request)

    return await connection(info, "holdings", fetch, count, first=first, after=after)


@strawberry.type(description="What all accounts held at the end of a day.")
class NetWorthPoint:
    """A view over WorthPoint."""

    date: Date = plain("The last day of the interval, or of the span.")

    @strawberry.field(description="The balances above zero; null where a rate is missing.")
    def assets(row: Parent[WorthPoint]) -> Amount | None:
        """Amount text."""
        return minor_text(row.assets_minor, row.currency)

    @strawberry.field(
        description="The balances below zero, on whatever kind of account, as a positive amount; "
        "null where a rate is missing."
    )
    def liabilities(row: Parent[WorthPoint]) -> Amount | None:
        """Amount text."""
        return minor_text(row.liabilities_minor, row.currency)

    @strawberry.field(description="Assets less liabilities; null where a rate is missing.")
    def net_worth(row: Parent[WorthPoint]) -> Amount | None:
        """Amount text."""
        return minor_text(row.net_minor, row.currency)

    @strawberry.field(
        description="The accounts of which it is made: what is counted sums to the net worth.",
        graphql_type=NetWorthHoldingConnection,
    )
    async def rows(
        row: Parent[WorthPoint], info: Info, first: First = None, after: After = None
    ) -> Any:
        """A page of accounts."""
        return await holdings(info, row, first, after)


@strawberry.type(description="What you owned and owed at the ends of intervals.")
class NetWorthReport(Headed):
    """A view over NetWorth."""

    points: list[NetWorthPoint] = plain("One at the end of each interval, the oldest first.")

    @strawberry.field(
        description="What groups owe you at the end of the span, less what you owe there; beside "
        "the net worth and not in it. Null where a rate is missing."
    )
    def receivable(row: Parent[NetWorth]) -> Amount | None:
        """Amount text."""
        return minor_text(row.receivable_minor, row.head.currency)


@strawberry.type(description="One series in one interval.")
class TrendPoint:
    """A view over TrendPoint of the rules."""

    period: str = plain("The interval: 2026-01-31, 2026-W05, 2026-01, 2026-Q1 or 2026.")
    from_: Date = plain("Its first day within the span.", name="from")
    to: Date = plain("Its last day within the span.")

    @strawberry.field(
        description="Spent (or earned), refunds netted: positive in the usual direction; null "
        "where a rate is missing."
    )
    def amount(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return amount_of(row.amount)

    @strawberry.field(
        description="The parts of which it is made, newest first: what is counted sums to it.",
        graphql_type=ExplainedRowConnection,
    )
    async def rows(row: Parent[Any], info: Info, first: First = None, after: After = None) -> Any:
        """A page of parts."""
        return await explained(info, row.amount.rows, first, after)


@strawberry.type(description="One line of a chart.")
class TrendSeries:
    """A view over Series."""

    key: str = plain(
        "Id of the category or account, the payee, or the tag; (none) for what has none and "
        "(other) for the smaller series together."
    )
    name: str = plain("How it is called.")
    points: list[TrendPoint] = plain("One in each interval, the oldest first.")

    @strawberry.field(
        description="Change from the last whole interval but one to the last that is over, in "
        "percent with one decimal; null without two, from nothing, or where a rate is missing.",
        graphql_type=float | None,
    )
    def change_percent(row: Parent[Any]) -> Any:
        """An exact decimal that the executor writes as a number."""
        found: Decimal | None = row.change_percent
        return found


@strawberry.type(description="How spending moved, by category, payee, account or tag.")
class SpendingTrendsReport(Headed):
    """A view over SpendingTrends."""

    group_by: TrendGrouping = plain("By what it is told apart.")
    kind: CategoryKind = plain("Which side it tells: spending, or income.")
    series: list[TrendSeries] = plain("The largest first.")


@strawberry.type(description="A category with all that lies below it.")
class CategoryShareNode:
    """A view over CategoryShare."""

    name: str = plain("Its name; Uncategorised for what has no category.")
    count: int = plain("How many parts: transactions, or parts of split ones.")
    children: list["CategoryShareNode"] = plain("What of it lies in subcategories.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category; null for what has none."
    )

    @strawberry.field(description="The category; null for what has none.")
    def category_id(row: Parent[CategoryShare]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(
        description="Spent (or earned) there and below, refunds netted; null where a rate is "
        "missing."
    )
    def amount(row: Parent[CategoryShare]) -> Amount | None:
        """Amount text."""
        return amount_of(row.amount)

    @strawberry.field(
        description="Share of the total in percent with one decimal; null of nothing, or where a "
        "rate is missing.",
        graphql_type=float | None,
    )
    def percent(row: Parent[CategoryShare]) -> Any:
        """An exact decimal that the executor writes as a number."""
        return row.percent

    @strawberry.field(
        description="The parts of which it is made, newest first: what is counted sums to it.",
        graphql_type=ExplainedRowConnection,
    )
    async def rows(
        row: Parent[CategoryShare], info: Info, first: First = None, after: After = None
    ) -> Any:
        """A page of parts."""
        return await explained(info, row.amount.rows, first, after)


@strawberry.type(description="Where money went to or came from.")
class CategoryBreakdownReport(Headed):
    """A view over CategoryBreakdown."""

    kind: CategoryKind = plain("Which side it tells: spending, or income.")
    categories: list[CategoryShareNode] = plain("The largest first, children within parents.")

    @strawberry.field(description="All of it; null where a rate is missing.")
    def total(row: Parent[CategoryBreakdown]) -> Amount | None:
        """Amount text."""
        return amount_of(row.total)

    @strawberry.field(
        description="The parts of which the total is made, newest first.",
        graphql_type=ExplainedRowConnection,
    )
    async def rows(
        row: Parent[CategoryBreakdown], info: Info, first: First = None, after: After = None
    ) -> Any:
        """A page of parts."""
        return await explained(info, row.total.rows, first, after)


@strawberry.enum(description="Which figure of a month is meant.")
class SummaryFigure(Enum):
    """Figures of a monthly summary."""

    INCOME = strawberry.enum_value("INCOME", description="What came in.")
    EXPENSES = strawberry.enum_value("EXPENSES", description="What went out.")
    NET = strawberry.enum_value("NET", description="Income less expenses.")


@strawberry.type(description="What came in and went out in one month, as far as the span holds it.")
class MonthSummary:
    """A view over MonthSummary of the rules."""

    month: str = plain("The month: 2026-01.")
    transaction_count: int = plain("Transactions that count: split ones once, transfers never.")

    @strawberry.field(description="What came in; null where a rate is missing.")
    def income(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return amount_of(row.income)

    @strawberry.field(
        description="What was spent, refunds netted, as a positive amount; null where a rate is "
        "missing."
    )
    def expenses(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return amount_of(row.expenses)

    @strawberry.field(description="Income less expenses; null where a rate is missing.")
    def net(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return amount_of(row.net)

    @strawberry.field(
        description="Net in percent of income, with one decimal; null without income, or where a "
        "rate is missing.",
        graphql_type=float | None,
    )
    def savings_rate(row: Parent[Any]) -> Any:
        """An exact decimal that the executor writes as a number."""
        found: Decimal | None = row.savings_rate
        return found

    @strawberry.field(
        description="The parts of which a figure is made, newest first: what is counted sums to "
        "it.",
        graphql_type=ExplainedRowConnection,
    )
    async def rows(
        row: Parent[Any],
        info: Info,
        figure: Annotated[SummaryFigure, said("Which figure.")] = SummaryFigure.NET,
        first: First = None,
        after: After = None,
    ) -> Any:
        """A page of parts."""
        return await explained(info, rows_of_figure(row, str(figure.value)), first, after)


@strawberry.type(description="What came in and went out, month by month.")
class MonthlySummaryReport(Headed):
    """A view over MonthlySummary."""

    months: list[MonthSummary] = plain("The months of the span, the oldest first.")


@strawberry.type(
    description="Every budget in the periods that a span touches, each in its own currency."
)
class BudgetPerformanceReport(Headed):
    """A view over BudgetPerformance."""

    budgets: list[BudgetAnalysis] = plain("By budget, then by period, the oldest first.")
