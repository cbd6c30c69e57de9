"""What readers of record formats fill in: parts of a file with their entries and balances."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from resolvers.statements.amounts import MAX_DIGITS, Mark, parse_money
from resolvers.statements.currencies import written_code
from resolvers.statements.drafts import clean, failed, shown
from resolvers.statements.model import (
    CsvMapping,
    Detected,
    Question,
    RowProblem,
    SignRule,
    StatementError,
)

MAX_ROWS: Final = 200_000
_MAX_PARTS: Final = 50_000
_MAX_ID: Final = 200
# What banks write for codes that ISO 4217 replaced or never had.
_ALIASES: Final = {"RUR": "RUB", "CNH": "CNY", "UKP": "GBP"}


@dataclass(slots=True)
class Entry:
    """One record on its way to a row; `problem` is None while it may be booked."""

    line: int
    day: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    description: str = ""
    payee: str | None = None
    notes: str | None = None
    category: str | None = None
    external_id: str | None = None
    problem: RowProblem | None = None
    turned: bool = False
    """A reversal, whose direction some banks tell and others leave to be turned."""
    counts: bool = True
    """Whether it is part of the balance; an entry not booked yet is not."""

    def fail(self, code: str, reason: str) -> None:
        """Note why the record cannot be booked; the first reason stays."""
        if self.problem is None:
            self.problem = failed(code, reason)


@dataclass(slots=True)
class Part:
    """One statement of a file: an account, its entries, and its balances if they are stated."""

    line: int
    account: str | None = None
    bank: str | None = None
    currency: str | None = None
    opening: Decimal | None = None
    closing: Decimal | None = None
    entries: list[Entry] = field(default_factory=list)
    ended: bool = False
    """Whether what comes at the end of a statement was there."""


@dataclass(slots=True)
class Draft:
    """A whole file while it is read."""

    format: str
    mapping: CsvMapping
    encoding: str
    date_format: str
    columns: Mapping[str, str]
    max_rows: int = MAX_ROWS
    mark: Mark = "."
    sign_rule: SignRule = "SIGNED"
    parts: list[Part] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rows: int = 0

    def part(self, line: int) -> Part:
        """Begin a new part; raises TOO_LARGE."""
        if len(self.parts) >= _MAX_PARTS:
            message = f"The file has more than {_MAX_PARTS} statements; split it."
            raise StatementError("TOO_LARGE", message)
        made = Part(line)
        self.parts.append(made)
        return made

    def last(self, line: int) -> Part:
        """The part that is being read; a file that begins with entries gets one."""
        return self.parts[-1] if self.parts else self.part(line)

    def add(self, entry: Entry) -> Entry:
        """Put an entry into the last part; raises TOO_MANY_ROWS."""
        self.rows += 1
        if self.rows > self.max_rows:
            message = f"The file has more than {self.max_rows} rows; split it into smaller files."
            raise StatementError("TOO_MANY_ROWS", message)
        self.last(entry.line).entries.append(entry)
        return entry

    def cut(self, line: int, lacks: str) -> None:
        """Say that the file seems to end too early: on which line, and what it lacks there."""
        self.warnings.append(
            f"The file seems to be cut off after line {line}: {lacks}. Rows may be missing; export "
            "it again to be sure."
        )

    def detected(self) -> Detected:
        """How the file was read, for a person."""
        return Detected(
            delimiter=None,
            encoding=self.encoding,
            date_format=self.date_format,
            decimal_mark=self.mark,
            sign_rule=self.sign_rule,
            header_line=None,
            columns=self.columns,
        )


_LINE: Final = re.compile(r"[^\n]+")
_MAX_LINE: Final = 4_000
_MAX_LINES: Final = 4_000_000


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The lines with anything in them, each with its number and cut where no record goes on.

    Raises TOO_LARGE for more lines than the largest file of records has.
    """
    number, counted = 1, 0
    for seen, match in enumerate(_LINE.finditer(text)):
        if seen >= _MAX_LINES:
            message = f"The file has more than {_MAX_LINES} lines; split it into smaller files."
            raise StatementError("TOO_LARGE", message)
        start = match.start()
        number += text.count("\n", counted, start)
        counted = start
        yield number, text[start : min(match.end(), start + _MAX_LINE)]


def last_line(text: str) -> int:
    """The number of the last line with anything in it; 0 where there is none."""
    whole = text.rstrip()
    return whole.count("\n") + 1 if whole else 0


def currency_of(text: str | None) -> str | None:
    """The ISO code that a field names; an unknown one stays as written, to fail by its name."""
    if text is None or not text.strip():
        return None
    code = written_code(text) or clean(text, 20).upper()
    return _ALIASES.get(code, code)


def id_of(text: str | None) -> str | None:
    """An id as a bank gives it, or None for the words that stand for none."""
    cleaned = clean(text or "", _MAX_ID + 1)
    nothing = {"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "NONE", "N/A", "NULL", "NA"}
    if cleaned.upper() in nothing or len(cleaned) > _MAX_ID or not cleaned.strip("0 "):
        return None
    return cleaned


def telling(reference: str | None) -> bool:
    """Whether a reference is long and numbered enough to name one booking only."""
    if reference is None or len(reference) < 8 or " " in reference:
        return False
    return sum(map(str.isdigit, reference)) >= 4


def amount_of(text: str, mark: Mark) -> Decimal | None:
    """The amount of a field that holds nothing else, or None."""
    money = parse_money(text.strip(), mark)
    if money is None or len(money.value.as_tuple().digits) > MAX_DIGITS:
        return None
    return money.value


def bad_amount(text: str | None) -> str:
    """The reason for a field that is no amount."""
    return f"{shown(text)!r} is no amount." if text else "The record has no amount."


def bad_date(text: str | None, example: str) -> str:
    """The reason for a field that is no date."""
    if not text:
        return "The record has no date."
    return f"{shown(text)!r} is no date; a date is written like {example}."


def told(*pairs: tuple[str, str | None]) -> str | None:
    """Notes of a row: each label with its value, those without a value left out."""
    parts = [f"{label}: {value}" for label, text in pairs if (value := clean(text or "", 200))]
    return clean("; ".join(dict.fromkeys(parts))) or None


def joined(*texts: str | None) -> str:
    """Texts of a row in one line, none twice."""
    return clean(" ".join(dict.fromkeys(one for text in texts if (one := clean(text or "")))))
