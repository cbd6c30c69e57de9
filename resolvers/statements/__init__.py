"""Reads the statements of banks: bytes in, a `Statement` out; no database, no waiting."""

from resolvers.statements.model import (
    CsvMapping,
    Detected,
    Question,
    RowProblem,
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
    "Statement",
    "StatementError",
    "StatementRow",
    "read_csv",
]
