"""Takeouts on their way in: what our own export gives out comes back with nothing lost."""

from resolvers.imports.takeout.bring import Doer, bring_in, keys_here

__all__ = ["Doer", "bring_in", "keys_here"]
