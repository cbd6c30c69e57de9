"""Segments marked by writes, read as columns, and stored again behind the reader."""

from resolvers.segments.ahead import BUILD_SEGMENTS, MANY, QUIET, WIDE, build_ahead
from resolvers.segments.marks import forget_books, mark, packed_rows, places_of
from resolvers.segments.parts import Parts
from resolvers.segments.reading import Months, read_parts, read_totals

__all__ = [
    "BUILD_SEGMENTS",
    "MANY",
    "QUIET",
    "WIDE",
    "Months",
    "Parts",
    "build_ahead",
    "forget_books",
    "mark",
    "packed_rows",
    "places_of",
    "read_parts",
    "read_totals",
]
