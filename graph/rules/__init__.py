"""Rules in the graph, and their runs over what is there."""

from graph.rules.operations import RuleMutations, RuleQueries
from graph.rules.runs import RuleRun, RuleRunMutations, RuleRunQueries

__all__ = ["RuleMutations", "RuleQueries", "RuleRun", "RuleRunMutations", "RuleRunQueries"]
