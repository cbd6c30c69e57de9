"""Reports asked for: typed arguments become a checked request, and a report."""

from enum import Enum
from typing import Annotated, Any, Final

from graphql import FieldNode, OperationDefinitionNode, OperationType
from strawberry.scalars import ID

from graph.analytics.types import ReportInterval, TrendGrouping
from graph.categories import CategoryKind
from graph.context import Info
from graph.edges import said
from graph.scalars import Date
from resolvers.analytics import ReportInput, ReportRequest
from resolvers.inputs import parse

From = Annotated[
    Date | None,
    said("First day: of the twelfth month before this one, if absent.", name="from"),
]
To = Annotated[Date | None, said("Last day: of this month, if absent.")]
Until = Annotated[Date | None, said("Last day: today, if absent.")]
OfAccount = Annotated[ID | None, said("Only this account.")]
InCurrency = Annotated[
    str | None, said("ISO 4217 code of all figures: your base currency, if absent.")
]
Cut = Annotated[ReportInterval, said("How long the intervals are.")]
By = Annotated[TrendGrouping, said("By what it is told apart.")]
Side = Annotated[CategoryKind, said("Spending, or income.")]
Top = Annotated[int, said("How many series, 1 to 100; the rest is one more, (other).")]


def request_of(**given: Any) -> ReportRequest:
    """Arguments by their wire names as a request; raises VALIDATION_ERROR."""
    raw = {
        name: value.value if isinstance(value, Enum) else value
        for name, value in given.items()
        if value is not None
    }
    return ReportRequest.of(parse(ReportInput, raw))


async def report(info: Info, make: Any, request: ReportRequest) -> Any:
    """A report in this operation's one reading transaction."""
    context = info.context
    return await make(await context.reader(), context.actor, request)


REPORTS: Final = frozenset(
    {
        "netWorth",
        "spendingTrends",
        "categoryBreakdown",
        "monthlySummary",
        "budgetPerformance",
        "forecast",
        "explainNetWorth",
        "explainSpendingTrends",
        "explainCategoryBreakdown",
        "explainMonthlySummary",
        "explainBudgetAnalysis",
    }
)
"""Root fields that sum over many rows and decide nothing."""


def only_reports(operation: OperationDefinitionNode) -> bool:
    """Whether a query asks for reports alone, so that a replica may answer it."""
    if operation.operation is not OperationType.QUERY:
        return False
    names = {
        node.name.value if isinstance(node, FieldNode) else ""
        for node in operation.selection_set.selections
    }
    return names <= REPORTS
