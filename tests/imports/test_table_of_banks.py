"""The table of real bank files in docs/imports.md: made from what is read, and held to its word."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from resolvers.money import digits_of
from resolvers.statements import CsvMapping, Statement, StatementError, read_file
from resolvers.statements.prepare import lines_of
from tests.imports.test_statements_corpus import (
    CORPUS,
    MANIFEST_ERRATA,
    MAPPINGS,
    NEVER,
    REFUSED,
    _expected,
    entries,
)

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "imports.md"
BEGIN: Final = "<!-- made by tests/imports/test_table_of_banks.py -->\n"
END: Final = "<!-- end of the table -->\n"
ENTRIES: Final = sorted(entries(tables=True) + entries(tables=False), key=lambda one: one["path"])
Sums = dict[str, Decimal]


@dataclass(frozen=True)
class Line:
    """A file of the table."""

    path: str
    cells: tuple[str, ...]
    exact: bool
    unasked: bool


def read(data: bytes, home: str, mapping: CsvMapping | None) -> tuple[Statement, int, Sums]:
    """What would be booked: rows and sums, rounded to the currency as an import rounds."""
    statement = read_file(data, mapping, home_currency=home)
    sums: Sums = defaultdict(Decimal)
    good = [line for line in lines_of(statement, home) if line.decision is None]
    for line in good:
        sums[line.currency] += Decimal(line.minor or 0).scaleb(-digits_of(line.currency))
    return statement, len(good), dict(sums)


def line_of(entry: Mapping[str, str]) -> Line:
    """How one file fares, alone and with the answers that it needs."""
    path, count = entry["path"], int(entry["expected_transactions"])
    data = (CORPUS / path).read_bytes()
    told = _expected({**entry, "path": ""})
    home = next((code for code in told if code != "(none)"), "EUR")
    try:
        statement, found, sums = read(data, home, None)
    except StatementError as error:
        exact = REFUSED.get(path) == error.code and count == 0
        cells = (entry["format"], "", f"{count} → 0", "", "", "", f"refused: {error.message}")
        return Line(path, cells, exact, exact)
    asked = [question.field for question in statement.questions]
    remark = ""
    if asked:
        mapping = CsvMapping.model_validate(MAPPINGS[path])
        statement, found, sums = read(data, home, mapping)
    sums = {("(none)" if "(none)" in told and code == home else code): one for code, one in sums.items()}  # fmt: skip
    same = {code: one for code, one in sums.items() if one} == {code: one for code, one in told.items() if one}  # fmt: skip
    exact = found == count and same
    rounded = any(-one.as_tuple().exponent > digits_of(code) for code, one in told.items() if code != "(none)")  # type: ignore[operator]  # fmt: skip
    if not same and rounded:
        remark = "amounts finer than the currency, rounded half to even row by row and told"
        exact = found == count
    elif path in MANIFEST_ERRATA:
        remark = "the figure that is expected is not what the bytes hold"
        exact = False
    cells = (
        statement.format,
        dialect(statement),
        f"{count} → {found}",
        shown(told),
        "same" if same else shown(sums),
        proof(statement),
        (f"`{', '.join(asked)}`" if asked else "none") + (f"; {remark}" if remark else ""),
    )
    return Line(path, cells, exact, not asked)


def dialect(statement: Statement) -> str:
    """What was found out about the way in which a file is written."""
    found = statement.detected
    marks = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
    parts = [found.encoding, found.date_format, f"decimal {found.decimal_mark}", found.sign_rule.lower()]  # fmt: skip
    if found.delimiter is not None:
        parts.insert(1, marks.get(found.delimiter, found.delimiter))
    return ", ".join(parts)


def shown(sums: Mapping[str, Decimal]) -> str:
    return "; ".join(f"{code} {one:f}" for code, one in sorted(sums.items())) or "0"


def proof(statement: Statement) -> str:
    """Whether balances that a file states prove its rows."""
    stated = [one.proven for one in statement.sections if one.proven is not None]
    if stated:
        good = sum(stated)
        return f"{good} of {len(stated)} statements prove their rows"
    rows = [row for row in statement.rows if row.problem is None and row.balance is not None]
    steps = max(chain(rows), chain(rows[::-1]))
    if len(rows) > 1 and steps:
        return f"balance column agrees in {steps} of {len(rows) - 1} steps"
    return "none stated"


def chain(rows: Sequence[Any]) -> int:
    """Steps of a balance column that are the amounts beside them, oldest first."""
    return sum(before.balance + row.amount == row.balance for before, row in pairwise(rows))


def table(lines: Sequence[Line]) -> str:
    """The table and its count."""
    head = ("file", "format", "read as", "rows", "sum expected", "read", "balances", "mapping")
    exact = sum(line.exact for line in lines)
    unasked = sum(line.exact and line.unasked for line in lines)
    made = [
        f"{exact} of {len(lines)} files are read exactly, {unasked} of them without any mapping.\n",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for line in lines:
        cells = [cell.replace("|", "\\|") for cell in (line.path, *line.cells)]
        made.append(f"| {' | '.join(cells)} |")
    return "\n".join(made) + "\n"


def test_the_table_of_real_files_is_what_is_read() -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    lines = [line_of(entry) for entry in ENTRIES]
    assert len(lines) == 47
    assert sum(line.exact for line in lines) >= 45, [one.path for one in lines if not one.exact]
    assert sum(line.exact and line.unasked for line in lines) >= 40
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert page == before + BEGIN + table(lines) + END + after, "write the new table to docs"
