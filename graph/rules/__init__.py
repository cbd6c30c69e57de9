"""Rules in the graph."""

from graph.rules.operations import RuleMutations, RuleQueries

__all__ = ["RuleMutations", "RuleQueries"]
