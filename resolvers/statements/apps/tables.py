"""Tables that other apps export, told by their headers, with cells by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from resolvers.statements.decode import decode
from resolvers.statements.model import CsvMapping, Statement, StatementError
from resolvers.statements.reader import read_csv
from resolvers.statements.table import Limits, normal_lines, read_records, unwrapped

_MAX_COLUMNS: Final = 128
_MAX_FIELD: Final = 65_536
_MAX_DIGITS: Final = 26
# A table of many accounts is read in the currency where the app tells none.
_ONE_ACCOUNT: Final = "the account is in"
_NO_ACCOUNT: Final = "your base currency is"
APPS: Final[Mapping[str, frozenset[str]]] = {
    "YNAB": frozenset({"account", "payee", "outflow", "inflow", "cleared"}),
    "MINT": frozenset({"date", "original description", "transaction type", "account name"}),
    "FIREFLY": frozenset({"journal_id", "type", "source_name", "destination_name", "amount"}),
    "SPLITWISE": frozenset({"date", "description", "category", "cost", "currency"}),
    "ACTUAL": frozenset({"account", "date", "payee", "notes", "category", "amount", "cleared"}),
}
"""Headers by which the export of an app is told."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record of a table: its line, and its cells by folded header."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    def text(self, name: str) -> str | None:
        """A cell, or None where it is empty."""
        return self.cells.get(name) or None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole table."""

    headers: tuple[str, ...]
    rows: list[Row]

    @property
    def app(self) -> str | None:
        """Whose export it is."""
        have = {one.casefold() for one in self.headers}
        found = [name for name, wanted in APPS.items() if wanted <= have]
        if "SPLITWISE" in found and len(have) < len(APPS["SPLITWISE"]) + 1:
            found.remove("SPLITWISE")
        return found[0] if found else None


def sheet_of(data: bytes, delimiter: str = ",", *, max_rows: int = 200_000) -> Sheet:
    """A table whose first record is its header; raises `StatementError` for what is no text."""
    text, _, _ = decode(data, None)
    limits = Limits(max_rows, _MAX_COLUMNS, _MAX_FIELD)
    records = read_records(unwrapped(normal_lines(text)), delimiter, limits)
    if not records:
        raise StatementError("EMPTY_FILE", "The file has no lines with anything in them.")
    headers = tuple(cell.strip() for cell in records[0].cells)
    names = [one.casefold() for one in headers]
    rows = [
        Row(one.line, dict(zip(names, (cell.strip() for cell in one.cells), strict=False)))
        for one in records[1:]
    ]
    return Sheet(headers, rows)


def with_cells(
    data: bytes, sheet: Sheet, mapping: CsvMapping | None, home: str
) -> tuple[Statement, Iterator[tuple[int, Row]]]:
    """A table read as a statement, and each of its rows with the cells of its line."""
    statement = read_csv(data, mapping, home_currency=home)
    statement = replace(
        statement,
        questions=tuple(
            replace(one, message=one.message.replace(_ONE_ACCOUNT, _NO_ACCOUNT))
            for one in statement.questions
        ),
    )
    by_line = {row.line: row for row in sheet.rows}
    empty = Row(0, {})
    return statement, ((at, by_line.get(r.line, empty)) for at, r in enumerate(statement.rows))


def plain(text: str) -> Decimal | None:
    """A number in plain notation, or None."""
    if not text or len(text) > _MAX_DIGITS or any(c not in "0123456789.-+" for c in text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def iso_day(text: str) -> date | None:
    """The day of an ISO 8601 date or instant, as it is where it was written."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
