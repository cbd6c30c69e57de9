"""The shapes that reading a statement produces, and the mapping a person may give."""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from resolvers.money import is_currency
from resolvers.statements.dates import order_of_format

SignRule = Literal["SIGNED", "NEGATED", "DEBIT_CREDIT_COLUMNS", "FLAG_COLUMN", "UNSIGNED"]
Role = Literal[
    "date",
    "amount",
    "debit",
    "credit",
    "flag",
    "currency",
    "description",
    "payee",
    "notes",
    "category",
    "externalId",
    "status",
    "balance",
    "fee",
]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a record of the file is no transaction: SKIPPED on purpose, or FAILED to read."""

    decision: Literal["SKIPPED", "FAILED"]
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One record of the file.

    `line` is the physical line it starts on (1-based), `amount` is signed from the holder's
    view and exact as written, `currency` is set only where the file names an ISO code, and
    `problem` is None for a good row, which then has a date and an amount.
    """

    line: int
    date: date | None
    amount: Decimal | None
    currency: str | None
    description: str
    payee: str | None
    notes: str | None
    category: str | None
    external_id: str | None
    balance: Decimal | None
    problem: RowProblem | None


@dataclass(frozen=True, slots=True)
class Detected:
    """How the file was read; `columns` maps a role to a header name or to `#3` (1-based).

    Only a table of text has a delimiter; in other formats `columns` names the fields used.
    """

    delimiter: str | None
    encoding: str
    date_format: str
    decimal_mark: str
    sign_rule: SignRule
    header_line: int | None
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What the file leaves open; the rows hold the best guess until a person answers."""

    field: str
    message: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One statement inside a file: whose it is and what balances it states.

    `account` and `bank` are as the file writes them (IBAN, number, BIC, sort code), `line` is
    where it begins, `rows` and `total` count its booked rows. `proven` tells whether opening
    balance and rows make the closing balance; it is None where the file does not state both.
    """

    line: int
    account: str | None
    bank: str | None
    currency: str | None
    opening: Decimal | None
    closing: Decimal | None
    rows: int
    total: Decimal
    proven: bool | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole file: how it was read, its rows in file order, what is open, what is odd."""

    format: str
    detected: Detected
    rows: tuple[StatementRow, ...]
    questions: tuple[Question, ...]
    warnings: tuple[str, ...]
    headers: tuple[str, ...]
    sections: tuple[Section, ...] = ()


class StatementError(Exception):
    """The file as a whole cannot be read.

    `code` is a stable word (EMPTY_FILE, NOT_TEXT, NO_TABLE, NO_DATE_COLUMN, NO_AMOUNT_COLUMN,
    TOO_MANY_ROWS, TOO_MANY_COLUMNS, TOO_LARGE, BAD_MAPPING, UNSUPPORTED_FORMAT, DAMAGED_FILE,
    UNSAFE_FILE, BANK_ERROR), `message` a sentence for a person and `headers` the columns found,
    so that a person can make a mapping.
    """

    def __init__(self, code: str, message: str, headers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


# Codecs of names and of source code; one of them takes the square of a file's length.
_NO_TEXT: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape"})


def codec_of(encoding: str) -> str | None:
    """Python's own name of an encoding of text, or None when there is no such encoding."""
    try:
        info = codecs.lookup(encoding)
        # Some codecs turn bytes into bytes; they are no encodings of text.
        "".encode(encoding)
    except (LookupError, ValueError):
        return None
    return None if info.name in _NO_TEXT else info.name


def _delimiter(value: object) -> object:
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":"}
    return named.get(value.lower(), value) if isinstance(value, str) else value


class CsvMapping(BaseModel):
    """What a person fixes about a file; everything absent is detected.

    `dateFormat` is written with YYYY or YY, MM or MMM and DD in the file's order. `columns`
    maps a role to a header name, to `#n` or to a 1-based position; an empty text or 0 says
    that the file has no such column. `headerLine` is a physical line, 0 meaning no header;
    `skipRows` leaves out that many physical lines at the top. Those that speak of columns and
    lines matter for tables only. `account` takes one account out of a file that holds several.
    """

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    delimiter: Annotated[str, BeforeValidator(_delimiter)] | None = None
    encoding: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    date_format: Annotated[str, Field(max_length=40)] | None = None
    decimal_mark: Literal[".", ","] | None = None
    sign_rule: SignRule | None = None
    header_line: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    currency: Annotated[str, Field(max_length=40)] | None = None
    columns: dict[Role, Annotated[str, Field(max_length=500)] | int] = Field(default_factory=dict)
    include_pending: bool = False
    account: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    skip_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or re.fullmatch(r"[\w\"'\r\n.+-]", value)):
            msg = "That separates no columns: give one of , ; | : ~ ^ or tab."
            raise ValueError(msg)
        return value

    @field_validator("encoding")
    @classmethod
    def _encodes(cls, value: str | None) -> str | None:
        if value is not None and codec_of(value) is None:
            msg = "There is no such encoding of text; utf-8, utf-16 and cp1252 are common."
            raise ValueError(msg)
        return value

    @field_validator("date_format")
    @classmethod
    def _dates(cls, value: str | None) -> str | None:
        if value is not None and order_of_format(value) is None:
            msg = "A format of dates has a year, a month and a day, such as DD.MM.YYYY or M/D/YY."
            raise ValueError(msg)
        return value

    @field_validator("currency")
    @classmethod
    def _iso(cls, value: str | None) -> str | None:
        if value is not None and not is_currency(value):
            msg = "There is no such currency: write its three capital letters, such as EUR."
            raise ValueError(msg)
        return value
