"""Reads XLSX: the first sheet that holds a table, understood as a table of text is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from resolvers.statements.drafts import shown
from resolvers.statements.formats.xlsx_guard import check_workbook, is_workbook
from resolvers.statements.model import CsvMapping, Statement, StatementError
from resolvers.statements.reader import Table, read_table
from resolvers.statements.table import Record

__all__ = ["is_workbook", "read_xlsx"]

_SCRIPT: Final = Path(__file__).with_name("xlsx_cells.py")
_TIMEOUT_SECONDS: Final = 90
_NO_TABLE: Final = frozenset({"NO_TABLE", "EMPTY_FILE", "NO_DATE_COLUMN", "NO_AMOUNT_COLUMN"})


def read_xlsx(
    data: bytes,
    mapping: CsvMapping,
    *,
    account_type: str | None,
    home_currency: str | None,
    max_rows: int,
    max_columns: int,
) -> Statement:
    """Reads a workbook; lines are rows of the sheet.

    Raises `StatementError` for a workbook that is damaged, too large or made to do harm, for
    one without a table, and UNSUPPORTED_FORMAT where the library for workbooks is missing.
    """
    check_workbook(data, max_rows, max_columns)
    sheets = _sheets(data)
    unused = []
    if mapping.delimiter is not None or mapping.encoding is not None:
        unused = ["A workbook has neither a delimiter nor an encoding, so they were not used."]
    refusal: StatementError | None = None
    for name, records in sheets:
        skipped = [record for record in records if record.line > mapping.skip_rows]
        table = Table("XLSX", skipped, None, "utf-8", unused + _others(name, sheets))
        try:
            return read_table(
                table,
                mapping,
                account_type=account_type,
                home_currency=home_currency,
                max_rows=max_rows,
            )
        except StatementError as error:
            if error.code not in _NO_TABLE:
                raise
            refusal = refusal or error
    raise refusal or StatementError(
        "EMPTY_FILE", "The workbook has no cells with anything in them."
    )


def _others(name: str, sheets: list[tuple[str, list[Record]]]) -> list[str]:
    """The word to a person whose workbook has more sheets than the one that is read."""
    others = [shown(other) for other, records in sheets if other != name and len(records) > 1]
    if not others:
        return []
    return [f"Only the sheet {shown(name)!r} was read, not {', '.join(others[:5])}."]


def _sheets(data: bytes) -> list[tuple[str, list[Record]]]:
    """The rows of every visible sheet, read by a process that may fail alone."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", str(_SCRIPT)],
            input=data,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            # None of the server's secrets, only where its libraries are.
            env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable() from error
    if done.returncode != 0:
        raise _unreadable()
    sheets: list[tuple[str, list[Record]]] = []
    for line in done.stdout.splitlines():
        kind, *told = json.loads(line)
        if kind == "sheet":
            sheets.append((told[0], []))
        else:
            sheets[-1][1].append(Record(told[0], told[1], None))
    return sheets


def _unreadable() -> StatementError:
    message = "The workbook could not be read; save the sheet with the transactions as CSV."
    return StatementError("DAMAGED_FILE", message)
