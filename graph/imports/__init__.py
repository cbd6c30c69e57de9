"""Imports in the graph."""

from graph.imports.operations import ImportMutations, ImportQueries
from graph.imports.types import Import, ImportConnection, ImportStatus

__all__ = ["Import", "ImportConnection", "ImportMutations", "ImportQueries", "ImportStatus"]
