"""Splits text into records of cells, tolerantly and in linear time, and finds the delimiter."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from resolvers.statements.amounts import looks_like_amount
from resolvers.statements.dates import looks_like_date
from resolvers.statements.model import StatementError
from resolvers.statements.words import role_hits

DELIMITERS: Final = (",", ";", "\t", "|", ":", "^", "~")
_SAMPLE_LINES: Final = 400
_SAMPLE_CHARS: Final = 400_000
_FAILED_QUOTES: Final = 500
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_SAYS: Final = re.compile(r"[^\W_]")
_CALCULATED: Final = "0123456789+-=@＝＋－＠"
_FORMULA: Final = re.compile(r'=\s*"([^"]*)"')


class Record(NamedTuple):
    """The cells of one record, the physical line it starts on, and what is wrong with it."""

    line: int
    cells: list[str]
    fault: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be before it is refused, and a field before its row fails."""

    rows: int
    columns: int
    field: int


class _Splitter:
    """Reads records one after the other; a quote that never closes costs its line only."""

    def __init__(self, text: str, delimiter: str, limits: Limits) -> None:
        self._text = text
        self._delimiter = delimiter
        self._limits = limits
        escaped = re.escape(delimiter)
        # Closing means: the quote is followed by a delimiter or a line end. Any other quote
        # inside is text, as banks forget to double it. Possessive, so never backtracks.
        self._quoted = re.compile(
            rf'[ ]*+"((?:[^"]++|""|"(?![ ]*+(?:{escaped}|\n|\Z)))*+)"[ ]*+(?={escaped}|\n|\Z)'
        )
        self._spaced = f'{delimiter} "'
        self._failed = 0

    def records(self, start: int = 0, line: int = 1) -> Iterator[Record]:
        text, delimiter, wide = self._text, self._delimiter, self._limits.columns
        position, size = start, len(text)
        while position < size:
            end = text.find("\n", position)
            if end == position:
                position, line = end + 1, line + 1
                continue
            end = size if end < 0 else end
            first = line
            # Slicing a giant line once is linear; its cells are never all made.
            raw = text[position:end]
            fault = None
            if '"' not in raw or self._failed > _FAILED_QUOTES:
                cells = raw.split(delimiter, wide)
                if len(cells) > wide:
                    fault = "TOO_MANY_COLUMNS"
                position, line = end + 1, line + 1
            elif (simple := self._simple(raw)) is not None:
                cells = simple
                position, line = end + 1, line + 1
            else:
                cells, after, fault = self._quoted_record(position)
                line += text.count("\n", position, after)
                position = after
            yield Record(first, cells, fault)

    def _simple(self, raw: str) -> list[str] | None:
        """The cells of a line whose quotes are all in order, by the standard reader, or None."""
        if raw.count('"') % 2 or raw[0] == " " or self._spaced in raw:
            return None
        try:
            cells = next(csv.reader((raw,), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        return cells if len(cells) <= self._limits.columns else None

    def _quoted_record(self, position: int) -> tuple[list[str], int, str | None]:
        """The cells of a record with quotes, the position after it, and its fault."""
        text, delimiter, size = self._text, self._delimiter, len(self._text)
        start, cells = position, list[str]()
        while True:
            match = None
            if text.startswith('"', position) or text.startswith(" ", position):
                match = self._quoted.match(text, position, min(size, position + self._reach()))
                if match is not None and self._swallowed(match):
                    match = None
                if match is None and text[position : position + 40].lstrip(" ")[:1] == '"':
                    self._failed += 1
            if match is not None:
                cells.append(match[1].replace('""', '"'))
                position = match.end()
            else:
                cell, position = self._bare(position)
                cells.append(cell)
            if position >= size or text[position] == "\n":
                return cells, position + 1, None
            if len(cells) > self._limits.columns:
                end = text.find("\n", max(position, start))
                return cells, (size if end < 0 else end) + 1, "TOO_MANY_COLUMNS"
            position += len(delimiter)

    def _reach(self) -> int:
        # A quoted field may double every quote, hence twice the limit.
        return 2 * self._limits.field + 4

    def _swallowed(self, match: re.Match[str]) -> bool:
        """Whether a quoted field ran into the next record, because its own quote is missing."""
        content = match[1]
        if match.end() == match.endpos < len(self._text):
            return True
        if "\n" not in content:
            return False
        inner = content.split("\n")[1:]
        each = content.count(self._delimiter)
        return any(piece.startswith('"') and not piece.startswith('""') for piece in inner) or (
            each > 3 * len(inner) and any(_holds_row(p.split(self._delimiter, 64)) for p in inner)
        )

    def _bare(self, position: int) -> tuple[str, int]:
        text, size = self._text, len(self._text)
        newline = text.find("\n", position)
        newline = size if newline < 0 else newline
        end = text.find(self._delimiter, position, newline)
        end = newline if end < 0 else end
        return text[position:end], end


def normal_lines(text: str) -> str:
    """The text with LF line ends; CR CR LF is one end, a lone CR counts in old Mac files."""
    if "\r" not in text:
        return text
    text = re.sub(r"\r++\n", "\n", text)
    return text.replace("\r", "\n") if text.count("\r") > text.count("\n") else text


def unwrapped(text: str) -> str:
    """The text without the quotes that some exports put around each whole line."""
    head = [line for line in text[:20_000].split("\n")[:50] if line][:-1] or [text.strip("\n")]
    for line in head:
        inner = line[1:-1].replace('""', "")
        if len(line) < 5 or line[0] != '"' or line[-1] != '"' or '"' in inner:
            return text
        if not any(delimiter in inner for delimiter in DELIMITERS[:4]):
            return text
    return "\n".join(line[1:-1].replace('""', '"') for line in text.split("\n"))


def _tidy(cell: str) -> str:
    cell = cell.strip()
    if not cell:
        return ""
    if cell[0] == "=" and (formula := _FORMULA.fullmatch(cell)):
        return formula[1].strip()
    if cell[-1] == '"' or cell[0] == '"':
        # What is left of a quote whose partner is missing.
        quotes = cell.count('"')
        return cell.strip('"').strip() if quotes == 1 else cell
    if cell[0] == "'" and cell.lstrip("'").startswith(tuple(_CALCULATED)):
        # A spreadsheet's mark for "this is text"; our own exports double one that was there.
        return cell[1:]
    return cell


def _holds_row(cells: Iterable[str]) -> bool:
    """Whether one cell is a date and another one an amount."""
    date = amount = False
    for raw in cells:
        cell = _tidy(raw)
        if not cell or len(cell) > 60:
            continue
        if looks_like_date(cell):
            date = True
        elif looks_like_amount(cell):
            amount = True
        if date and amount:
            return True
    return False


def other_delimiter(cells: Iterable[str], width: int) -> str | None:
    """What separates so many columns within one cell, with a date and an amount among them."""
    for cell in cells:
        for delimiter in DELIMITERS:
            if cell.count(delimiter) == width - 1 > 0 and _holds_row(cell.split(delimiter)):
                return delimiter
    return None


def choose_delimiter(text: str, limits: Limits) -> str:
    """The delimiter whose split has most rows with a date cell and an amount cell."""
    first = text[:40].partition("\n")[0]
    if told := _SEPARATOR_LINE.fullmatch(first):
        return told[1]
    best: tuple[tuple[int, int, int, int], str] | None = None
    for rank, delimiter in enumerate(DELIMITERS):
        if delimiter not in text:
            continue
        rows = named = 0
        widths: Counter[int] = Counter()
        for number, record in enumerate(
            _Splitter(text[:_SAMPLE_CHARS], delimiter, limits).records()
        ):
            if number >= _SAMPLE_LINES:
                break
            if len(record.cells) < 2:
                continue
            widths[len(record.cells)] += 1
            rows += _holds_row(record.cells)
            named = max(named, role_hits(record.cells))
        if not widths:
            continue
        width, stable = widths.most_common(1)[0]
        score = (rows, named, stable * min(width, 6), -rank)
        if best is None or score > best[0]:
            best = (score, delimiter)
    if best is None:
        message = (
            "No columns were found: the lines hold none of the separators comma, semicolon, tab, "
            "pipe or colon. Export the statement as CSV and try again."
        )
        raise StatementError("NO_TABLE", message)
    return best[1]


def read_records(text: str, delimiter: str, limits: Limits, skip_lines: int = 0) -> list[Record]:
    """All records that hold anything, tidied; comment lines are left out.

    Raises `StatementError` TOO_MANY_ROWS, or TOO_MANY_COLUMNS when most records are too wide.
    """
    start = 0
    for _ in range(skip_lines):
        start = text.find("\n", start) + 1
        if start == 0:
            return []
    records: list[Record] = []
    too_wide = 0
    for record in _Splitter(text, delimiter, limits).records(start, skip_lines + 1):
        cells = [_tidy(cell) for cell in record.cells]
        if not any(cells) or (record.line == 1 and _SEPARATOR_LINE.fullmatch(text[:6].strip())):
            continue
        if cells[0].startswith("#") and not (len(records) == 0 and role_hits(cells) > 1):
            continue
        fault = record.fault
        if not (fault or cells[0][:1].isalnum() or any(map(_SAYS.search, cells))):
            # A rule of dashes or stars between parts of a statement.
            continue
        if fault is None and max(map(len, cells)) * 4 > limits.field:
            fault = "TOO_LONG" if any(len(c.encode()) > limits.field for c in cells) else None
        if fault == "TOO_LONG":
            cells = [c[:200] for c in cells]
        too_wide += fault == "TOO_MANY_COLUMNS"
        records.append(Record(record.line, cells, fault))
        if len(records) > limits.rows + 200:
            message = f"The file has more than {limits.rows} rows; split it into smaller files."
            raise StatementError("TOO_MANY_ROWS", message)
    if too_wide * 2 > len(records):
        message = f"The rows have more than {limits.columns} columns; export fewer columns."
        raise StatementError("TOO_MANY_COLUMNS", message)
    return records
