"""Budgets in the graph: plans, their items, and how reality compares."""

from graph.budgets.operations import BudgetMutations, BudgetQueries
from graph.budgets.types import Budget, BudgetConnection, BudgetItem, budget_connection

__all__ = [
    "Budget",
    "BudgetConnection",
    "BudgetItem",
    "BudgetMutations",
    "BudgetQueries",
    "budget_connection",
]
