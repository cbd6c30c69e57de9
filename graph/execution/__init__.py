"""A breadth-first executor for Strawberry schemas; it knows no noun of the product.

A validated operation compiles once into a plan. Running it takes one step for each level of the
answer: every field is resolved for all of its parents at once, and fields declared as ``Batched``
load their keys in one call a level. ``graphql-core`` stays the reference: what no plan covers runs
there, and tests compare the two.
"""

from graph.execution.batched import Batched, Narrowed, batched, reads, reads_of
from graph.execution.leaves import as_it_is
from graph.execution.operation import OperationPlan, Plans
from graph.execution.run import Outcome
from graph.execution.sheets import columnar, is_sheet
from graph.execution.wanted import Wanted, joined, wanted_of

__all__ = [
    "Batched",
    "Narrowed",
    "OperationPlan",
    "Outcome",
    "Plans",
    "Wanted",
    "as_it_is",
    "batched",
    "columnar",
    "is_sheet",
    "joined",
    "reads",
    "reads_of",
    "wanted_of",
]
