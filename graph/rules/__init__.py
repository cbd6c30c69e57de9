"""Rules in the graph, and their runs over what is there."""

from graph.rules.operations import RuleMutations, RuleQueries, rule_connection
from graph.rules.runs import RuleRun, RuleRunMutations, RuleRunQueries
from graph.rules.types import RuleConnection

__all__ = [
    "RuleConnection",
    "RuleMutations",
    "RuleQueries",
    "RuleRun",
    "RuleRunMutations",
    "RuleRunQueries",
    "rule_connection",
]
