"""From a statement to bookable rows: what can be decided without looking at the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from models.accounts import AccountRow
from resolvers.bounds import DEFAULTS, Bounds
from resolvers.inputs import FIRST_DAY, LAST_DAY
from resolvers.money import MAX_MINOR, digits_of, format_minor, is_currency, round_to_minor
from resolvers.statements import CsvMapping, Statement, StatementRow, read_file

_MAX_PAYEE: Final = 200
_MAX_DESCRIPTION: Final = 500
_MAX_EXTERNAL: Final = 255
_MOST_DIGITS: Final = 20
_LINES_NAMED: Final = 10
_STATEMENTS_SHOWN: Final = 50
NO_DESCRIPTION: Final = "(no description)"


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a file with exact money, or with the reason why it is not booked.

    ``minor`` is in minor units of ``currency``, which is empty where the file names none that
    exists; ``decision`` is None while the ledger decides.
    """

    position: int
    line: int
    day: date | None
    minor: int | None
    currency: str
    amount: str | None
    description: str
    payee: str | None
    notes: str | None
    category: str | None
    external_id: str | None
    decision: str | None
    reason: str | None
    code: str | None
    """Stable word for ``reason``; ROUNDED is a remark about a row that is booked all the same."""


def read_statement(
    data: bytes, mapping: CsvMapping | None, target: AccountRow, bounds: Bounds = DEFAULTS
) -> Statement:
    """Read a file in whatever format it is; raises StatementError when that is none."""
    return read_file(
        data,
        mapping,
        account_type=target.type,
        account_number=target.number,
        home_currency=target.currency,
        max_rows=bounds.rows,
        max_columns=bounds.columns,
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


def prepare(statement: Statement, home_currency: str) -> tuple[list[Line], list[str]]:
    """All rows in file order, and warnings about rows that fail and amounts that were rounded.

    A row that names no currency is in the account's.  Amounts finer than the currency are
    rounded half to even, row by row.
    """
    lines = [_line(position, row, home_currency) for position, row in enumerate(statement.rows)]
    # Told here and not by the reader, as money too large fails only now: it is ``counts.failed``.
    lost = sum(line.decision == "FAILED" for line in lines)
    told = [f"{lost} of {len(lines)} rows could not be read."] if lost else []
    return lines, told + _rounding_warnings(lines)


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


def _rounding_warnings(lines: Sequence[Line]) -> list[str]:
    rounded: dict[str, list[int]] = {}
    for line in lines:
        if line.decision is None and line.reason is not None:
            rounded.setdefault(line.currency, []).append(line.line)
    warnings = []
    for currency, numbers in sorted(rounded.items()):
        named = ", ".join(str(number) for number in numbers[:_LINES_NAMED])
        more = ", …" if len(numbers) > _LINES_NAMED else ""
        warnings.append(
            f"{len(numbers)} amounts have more than the {digits_of(currency)} digits of "
            f"{currency} and were rounded half to even (lines {named}{more})."
        )
    return warnings
