"""Figures found again by their names, for whoever asks only for the rows behind one."""

import re
from typing import Final
from uuid import UUID

from resolvers.analytics.breakdown import CategoryBreakdown
from resolvers.analytics.summary import MonthlySummary, MonthSummary
from resolvers.analytics.trends import SpendingTrends
from resolvers.budgets import Analysis
from resolvers.errors import invalid
from resolvers.flows import RowSet

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


def rows_of_series(report: SpendingTrends, key: str, period: str | None) -> RowSet:
    """The rows of a series or of one of its points; raises VALIDATION_ERROR for an unknown one."""
    series = next((one for one in report.series if one.key == key), None)
    if series is None:
        raise invalid("series", "The report has no such series.", "NOT_FOUND")
    if period is None:
        return series.rows
    point = next((one for one in series.points if one.period == period), None)
    if point is None:
        raise invalid("period", "The report has no such period.", "NOT_FOUND")
    return point.amount.rows


def rows_of_category(
    report: CategoryBreakdown, category_id: UUID | None, *, named: bool, uncategorised: bool
) -> RowSet:
    """The rows of a category with all below it, of what has none, or of the total."""
    if named and uncategorised:
        raise invalid("uncategorised", "Name a category or ask for what has none, not both.")
    if not named and not uncategorised:
        return report.total.rows
    found = report.rows_of(category_id)
    if found is None or (named and category_id is None):
        raise invalid("categoryId", "There is no such object.", "NOT_FOUND")
    return found


def rows_of_month(report: MonthlySummary, month: str, name: str) -> RowSet:
    """The rows of income, expenses or net of a month; raises VALIDATION_ERROR outside the span."""
    if not _MONTH.fullmatch(month):
        raise invalid("month", "A month is YYYY-MM.")
    found = next((one for one in report.months if one.month == month), None)
    if found is None:
        raise invalid("month", "The month lies outside the span.", "NOT_FOUND")
    return rows_of_figure(found, name)


def rows_of_figure(month: MonthSummary, name: str) -> RowSet:
    """The rows of INCOME, EXPENSES or NET."""
    return {"INCOME": month.income, "EXPENSES": month.expenses, "NET": month.net}[name].rows


def rows_of_item(
    analysis: Analysis, item_id: UUID | None, *, named: bool, unbudgeted: bool
) -> RowSet:
    """The rows of an item, of what no item covers, or of the whole; raises VALIDATION_ERROR."""
    if named and unbudgeted:
        raise invalid("unbudgeted", "Name an item or ask for what none covers, not both.")
    if unbudgeted:
        return analysis.unbudgeted_rows
    if not named:
        return analysis.rows
    found = next((one for one in analysis.items if one.item.id == item_id), None)
    if found is None:
        raise invalid("itemId", "There is no such object.", "NOT_FOUND")
    return found.rows
