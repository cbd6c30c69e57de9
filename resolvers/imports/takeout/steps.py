"""The steps by which a takeout comes in, one section after the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from resolvers.imports.takeout.batch import Batch
from resolvers.imports.takeout.books import (
    bring_accounts,
    bring_categories,
    bring_links,
    bring_transactions,
)
from resolvers.imports.takeout.papers import bring_import_rows, bring_imports, bring_uploads
from resolvers.imports.takeout.plans import (
    bring_budgets,
    bring_notifications,
    bring_rates,
    bring_rules,
    bring_templates,
)

_ALL_CATEGORIES: Final = 20_000
Step = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A step: the sections that it reads, and what it does with a batch of their objects."""

    sections: frozenset[str]
    step: Step
    size: int = 500
    """Objects of a batch."""
    shown: bool = False
    """Whether each of its objects is a row of the import; of the others only what was left out."""
    again: bool = False
    """Whether it reads what an earlier one has counted."""


TRANSACTIONS: Final = frozenset({"transactions", "trashedTransactions"})
STAGES: Final = (
    Stage(frozenset({"categories"}), bring_categories, size=_ALL_CATEGORIES),
    Stage(frozenset({"accounts", "trashedAccounts"}), bring_accounts),
    Stage(TRANSACTIONS, bring_transactions, shown=True),
    Stage(TRANSACTIONS, bring_links, again=True),
    Stage(frozenset({"uploads"}), bring_uploads, size=10),
    Stage(frozenset({"imports"}), bring_imports, size=100),
    Stage(frozenset({"importRows"}), bring_import_rows),
    Stage(frozenset({"budgets"}), bring_budgets, size=50),
    Stage(frozenset({"templates"}), bring_templates, size=50),
    Stage(frozenset({"rules"}), bring_rules),
    Stage(frozenset({"rates"}), bring_rates),
    Stage(frozenset({"notifications"}), bring_notifications),
)
"""In this order: nothing is stored before what it hangs on."""
