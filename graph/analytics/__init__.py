"""Analytics in the graph: the five reports and the rows behind their figures."""

from graph.analytics.operations import AnalyticsQueries

__all__ = ["AnalyticsQueries"]
