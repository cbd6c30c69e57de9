"""Takeouts on their way in: what our own export gives out comes back with nothing lost."""

from resolvers.imports.takeout.bring import bring_in, keys_here
from resolvers.imports.takeout.migrate import accounts_here, categories_here, migrate

__all__ = ["accounts_here", "bring_in", "categories_here", "keys_here", "migrate"]
