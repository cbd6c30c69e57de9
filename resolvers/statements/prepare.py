"""From a file to bookable rows: what can be decided without looking at the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from resolvers.inputs import FIRST_DAY, LAST_DAY
from resolvers.money import MAX_MINOR, digits_of, format_minor, is_currency, round_to_minor
from resolvers.statements.formats import read_file
from resolvers.statements.lines import Line, Lines
from resolvers.statements.model import CsvMapping, Statement, StatementRow

_MAX_PAYEE: Final = 200
_MAX_DESCRIPTION: Final = 500
_MAX_EXTERNAL: Final = 255
_MOST_DIGITS: Final = 20
_LINES_NAMED: Final = 10
_STATEMENTS_SHOWN: Final = 50
NO_DESCRIPTION: Final = "(no description)"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known about a file before it is read: the account's side, and the limits."""

    account_type: str
    account_number: str | None
    home_currency: str
    mapping: Mapping[str, Any] | None
    """As it is stored; None lets everything be detected."""
    max_rows: int
    max_columns: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that has been read: how, what is open, and its rows."""

    format: str
    detected: Mapping[str, Any]
    questions: Sequence[Mapping[str, Any]]
    warnings: Sequence[str]
    """About the file, then about rows that fail and amounts that were rounded."""
    headers: Sequence[str]
    lines: Lines


def prepare(data: bytes, asked: Asked) -> Reading:
    """Read a file in whatever format it is; raises StatementError when that is none.

    A row that names no currency is in the account's.  Amounts finer than the currency are
    rounded half to even, row by row.
    """
    statement = read_file(
        data,
        None if asked.mapping is None else CsvMapping.model_validate(asked.mapping),
        account_type=asked.account_type,
        account_number=asked.account_number,
        home_currency=asked.home_currency,
        max_rows=asked.max_rows,
        max_columns=asked.max_columns,
    )
    heeded = _Heeded()
    lines = Lines.packed(heeded.all(lines_of(statement, asked.home_currency)))
    return Reading(
        format=statement.format,
        detected=detected_json(statement),
        questions=[
            {**asdict(question), "choices": list(question.choices)}
            for question in statement.questions
        ],
        warnings=[*statement.warnings, *heeded.warnings(len(lines))],
        headers=list(statement.headers),
        lines=lines,
    )


def detected_json(statement: Statement) -> dict[str, Any]:
    """How a file was read, as an import keeps and shows it; balances are texts.

    Of a file of very many statements the first ones are shown.
    """
    found = statement.detected
    return {
        "delimiter": found.delimiter,
        "encoding": found.encoding,
        "dateFormat": found.date_format,
        "decimalMark": found.decimal_mark,
        "columns": dict(found.columns),
        "signRule": found.sign_rule,
        "headerLine": found.header_line,
        "statements": [
            {
                "line": one.line,
                "account": one.account,
                "bank": one.bank,
                "currency": one.currency,
                "opening": None if one.opening is None else format(one.opening, "f"),
                "closing": None if one.closing is None else format(one.closing, "f"),
                "rows": one.rows,
                "total": format(one.total, "f"),
                "proven": one.proven,
            }
            for one in statement.sections[:_STATEMENTS_SHOWN]
        ],
    }


def lines_of(statement: Statement, home_currency: str) -> Iterator[Line]:
    """The rows of a statement in its order, with exact money."""
    for position, row in enumerate(statement.rows):
        yield _line(position, row, home_currency)


class _Heeded:
    """What is said about all rows of a file together, heeded one by one."""

    def __init__(self) -> None:
        self._lost = 0
        self._rounded: dict[str, int] = {}
        self._named: dict[str, list[int]] = {}

    def all(self, lines: Iterator[Line]) -> Iterator[Line]:
        """The same rows."""
        for line in lines:
            if line.decision == "FAILED":
                self._lost += 1
            elif line.decision is None and line.reason is not None:
                self._rounded[line.currency] = self._rounded.get(line.currency, 0) + 1
                named = self._named.setdefault(line.currency, [])
                if len(named) < _LINES_NAMED:
                    named.append(line.line)
            yield line

    def warnings(self, count: int) -> Iterator[str]:
        """Rows that fail, and amounts that were rounded."""
        # Told here and not by the reader, as money too large fails only now: it is ``counts.failed``.
        if self._lost:
            yield f"{self._lost} of {count} rows could not be read."
        for currency, number in sorted(self._rounded.items()):
            named = ", ".join(map(str, self._named[currency]))
            more = ", …" if number > _LINES_NAMED else ""
            yield (
                f"{number} amounts have more than the {digits_of(currency)} digits of "
                f"{currency} and were rounded half to even (lines {named}{more})."
            )


def _line(position: int, row: StatementRow, home_currency: str) -> Line:
    nobodys = row.problem is not None and row.problem.code == "BAD_CURRENCY"
    currency = "" if nobodys else row.currency or home_currency
    minor, reason, failure, code = None, None, None, None
    if row.problem is None:
        minor, reason, failure = _money(row, currency)
        code = "BAD_MONEY" if failure else "ROUNDED" if reason else None
    decision = "FAILED" if failure else None
    if row.problem is not None:
        decision, reason, code = row.problem.decision, row.problem.reason, row.problem.code
    return Line(
        position=position,
        line=row.line,
        day=row.date,
        minor=minor,
        currency=currency,
        amount=_shown_amount(row.amount, minor, currency),
        description=(row.description or row.payee or NO_DESCRIPTION)[:_MAX_DESCRIPTION],
        payee=(row.payee or "")[:_MAX_PAYEE].rstrip() or None,
        notes=row.notes or None,
        category=row.category or None,
        external_id=_external(row.external_id),
        decision=decision,
        reason=failure or reason,
        code=code,
    )


def _money(row: StatementRow, currency: str) -> tuple[int | None, str | None, str | None]:
    """Minor units, a remark and a failure."""
    if row.date is None or row.amount is None:
        return None, None, "The row has no date or no amount."
    if not FIRST_DAY <= row.date <= LAST_DAY:
        return None, None, "Dates lie between 1900-01-01 and 2200-12-31."
    if not is_currency(currency):
        return None, None, f"{currency} is no currency that an account can have."
    # Compared by size before it is scaled: a number of a thousand digits is not worth an integer.
    if row.amount.adjusted() > _MOST_DIGITS:
        return None, None, _over(currency)
    minor, rounded = round_to_minor(row.amount, currency)
    if abs(minor) > MAX_MINOR:
        return None, None, _over(currency)
    remark = f"Rounded half to even from {row.amount:f}." if rounded else None
    return minor, remark, None


def _over(currency: str) -> str:
    return f"The amount is over the limit of {format_minor(MAX_MINOR, currency)}."


def _shown_amount(amount: Decimal | None, minor: int | None, currency: str) -> str | None:
    if minor is not None:
        return format_minor(minor, currency)
    if amount is None or abs(amount.adjusted()) > _MOST_DIGITS:
        return None
    return format(amount, "f")


def _external(external_id: str | None) -> str | None:
    if external_id is None or len(external_id) > _MAX_EXTERNAL:
        return None
    return external_id.strip() or None
