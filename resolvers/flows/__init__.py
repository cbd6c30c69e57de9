"""Flows: what was earned and spent, as columns that reports and budgets are computed on."""

from resolvers.flows.load import Flows, Span, load_flows
from resolvers.flows.rows import CountedRow, Counting, RowSet, count_flows, counted
from resolvers.flows.tree import Tree, read_tree

__all__ = [
    "CountedRow",
    "Counting",
    "Flows",
    "RowSet",
    "Span",
    "Tree",
    "count_flows",
    "counted",
    "load_flows",
    "read_tree",
]
