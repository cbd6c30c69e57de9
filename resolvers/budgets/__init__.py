"""Budgets: plans for a period, their items, and how reality compares."""

from resolvers.budgets.analysis import (
    Analysis,
    Figures,
    ItemAnalysis,
    analyse,
    analyses_of,
    cycle_of,
    day_within,
)
from resolvers.budgets.inputs import (
    BudgetCreate,
    BudgetItemCreate,
    BudgetItemUpdate,
    BudgetUpdate,
)
from resolvers.budgets.items import (
    create_item,
    delete_item,
    move_items,
    update_item,
)
from resolvers.budgets.rows import (
    budgets_by_id,
    count_budgets,
    count_items,
    get_budget,
    get_item,
    items_by_id,
    list_budgets,
    list_items,
)
from resolvers.budgets.writes import create_budget, delete_budget, update_budget

__all__ = [
    "Analysis",
    "BudgetCreate",
    "BudgetItemCreate",
    "BudgetItemUpdate",
    "BudgetUpdate",
    "Figures",
    "ItemAnalysis",
    "analyse",
    "analyses_of",
    "budgets_by_id",
    "count_budgets",
    "count_items",
    "create_budget",
    "create_item",
    "cycle_of",
    "day_within",
    "delete_budget",
    "delete_item",
    "get_budget",
    "get_item",
    "items_by_id",
    "list_budgets",
    "list_items",
    "move_items",
    "update_budget",
    "update_item",
]
