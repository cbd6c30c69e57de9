"""Exports: transactions as a table, everything as a takeout, a report on paper."""

from resolvers.exports.asked import CONTENT_TYPES, Asked, paper_of
from resolvers.exports.opening import Exports, Link, Opened
from resolvers.exports.takeout import FORMAT, FORMAT_VERSION

__all__ = [
    "CONTENT_TYPES",
    "FORMAT",
    "FORMAT_VERSION",
    "Asked",
    "Exports",
    "Link",
    "Opened",
    "paper_of",
]
