"""Analytics: the five reports, their figures with the rows behind them, and the forecast.

Every report is an async function ``(tx, actor, request) -> dataclass``, to be called within one
reading transaction.
"""

from resolvers.analytics.breakdown import CategoryBreakdown, CategoryShare, category_breakdown
from resolvers.analytics.explain import (
    rows_of_category,
    rows_of_figure,
    rows_of_item,
    rows_of_month,
    rows_of_series,
)
from resolvers.analytics.figures import Figure, Head
from resolvers.analytics.forecast import Expected, Forecast, ForecastMonth, ForecastPoint, forecast
from resolvers.analytics.performance import BudgetPerformance, budget_performance
from resolvers.analytics.request import ReportInput, ReportRequest
from resolvers.analytics.summary import MonthlySummary, MonthSummary, monthly_summary
from resolvers.analytics.trends import Series, SpendingTrends, TrendPoint, spending_trends
from resolvers.analytics.worth import Holding, NetWorth, WorthPoint, net_worth

__all__ = [
    "BudgetPerformance",
    "CategoryBreakdown",
    "CategoryShare",
    "Expected",
    "Figure",
    "Forecast",
    "ForecastMonth",
    "ForecastPoint",
    "Head",
    "Holding",
    "MonthSummary",
    "MonthlySummary",
    "NetWorth",
    "ReportInput",
    "ReportRequest",
    "Series",
    "SpendingTrends",
    "TrendPoint",
    "WorthPoint",
    "budget_performance",
    "category_breakdown",
    "forecast",
    "monthly_summary",
    "net_worth",
    "rows_of_category",
    "rows_of_figure",
    "rows_of_item",
    "rows_of_month",
    "rows_of_series",
    "spending_trends",
]
