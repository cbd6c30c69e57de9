"""Reads the statements of banks: bytes in, a `Statement` out; no database, no waiting."""

from resolvers.statements.formats import read_file
from resolvers.statements.model import (
    CsvMapping,
    Detected,
    Question,
    RowProblem,
    Section,
    Statement,
    StatementError,
    StatementRow,
)
from resolvers.statements.reader import read_csv

__all__ = [
    "CsvMapping",
    "Detected",
    "Question",
    "RowProblem",
    "Section",
    "Statement",
    "StatementError",
    "StatementRow",
    "read_csv",
    "read_file",
]
