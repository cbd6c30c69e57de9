"""Readers of the formats that banks write beside CSV, and the one way in to all of them."""

from resolvers.statements.formats.reading import read_file
from resolvers.statements.recognise import TextFormat, format_of

__all__ = ["TextFormat", "format_of", "read_file"]
