"""Prints the cells of a workbook as lines of JSON: a script that runs as a process of its own.

It is run by its path, so that it imports nothing of the project; the workbook is read from
standard input.  Each line is `["sheet", name]` or `["row", number, [text, …]]`.
"""

import io
import json
import resource
import sys
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 60
MAX_SHEETS = 20
MAX_TEXT = 65_536


def text_of(value: Any) -> str:
    """A cell as a table of text would hold it: ISO dates, and numbers with a decimal point."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        whole = value.time() == time(0)
        return value.date().isoformat() if whole else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time | timedelta):
        return str(value)
    if isinstance(value, str):
        return value[:MAX_TEXT]
    return number_of(value)


def number_of(value: Any) -> str:
    """A number with the fifteen digits that a spreadsheet shows; the rest is binary noise."""
    number = Decimal(format(value, ".15g"))
    if not number.is_finite():
        return ""
    text = format(number, "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    # Three decimals alone could be taken for a thousand.
    return whole if not fraction else f"{whole}.{fraction}{'0' * (len(fraction) in {1, 3})}"


def main() -> None:
    """Read, and print; a workbook that asks for too much ends this process and no other."""
    from python_calamine import CalamineWorkbook, SheetVisibleEnum  # noqa: PLC0415

    data = sys.stdin.buffer.read()
    limits = (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    )
    for limit, most in limits:
        # Some systems know a limit and do not let it be set.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    shown = [s.name for s in workbook.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
    for name in shown[:MAX_SHEETS]:
        sys.stdout.write(json.dumps(["sheet", name]) + "\n")
        sheet = workbook.get_sheet_by_name(name)
        # Rows are given from the first of the sheet on, cells from the first column in use.
        margin = [""] * (sheet.start[1] if sheet.start else 0)
        for number, row in enumerate(sheet.iter_rows() if sheet.start else (), start=1):
            cells = [text_of(value) for value in row]
            if any(cells):
                sys.stdout.write(json.dumps(["row", number, margin + cells]) + "\n")


if __name__ == "__main__":
    main()
