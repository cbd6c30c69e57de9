"""Reads a whole CSV statement: detects what the mapping leaves open and makes the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from resolvers.money import digits_of, is_currency
from resolvers.statements.amounts import Mark, decimal_mark
from resolvers.statements.columns import Roles, assign, resolve
from resolvers.statements.currencies import (
    MONTH_FIRST,
    code_in_cell,
    code_in_header,
    speaks_against_month_first,
    written_code,
)
from resolvers.statements.dates import DateReader, order_of_format, shapes_of
from resolvers.statements.decode import decode
from resolvers.statements.drafts import Rules
from resolvers.statements.layout import Layout, find_layout, profiles
from resolvers.statements.model import (
    CsvMapping,
    Detected,
    Question,
    Statement,
    StatementError,
    StatementRow,
)
from resolvers.statements.money_columns import MoneyColumns
from resolvers.statements.months import month_numbers
from resolvers.statements.order import DateColumns, Hints, find_order
from resolvers.statements.recognise import format_of
from resolvers.statements.repair import joined
from resolvers.statements.rows import RowReader
from resolvers.statements.table import (
    Limits,
    Record,
    choose_delimiter,
    normal_lines,
    read_records,
    unwrapped,
)
from resolvers.statements.words import fold, header_scores

_EVIDENCE_ROWS: Final = 5000
# Words of headers that the countries which write the month first use too.
_ENGLISH: Final = (
    "date amount description name category type transaction details balance account number debit "
    "credit memo notes payee currency status fee reference id label value posted posting merchant "
    "bank check withdrawal withdrawals deposit deposits inflow outflow time custom column from to "
    "tags flag labels original comments comment partner code text in out money cleared card no of "
    "and the for post booking state started completed product title paid subcategory sub"
)


@dataclass(slots=True)
class _Parts:
    """What reading has found so far."""

    layout: Layout
    roles: Roles
    mark: Mark
    questions: list[Question]
    warnings: list[str]


def read_csv(
    data: bytes,
    mapping: CsvMapping | None = None,
    *,
    account_type: str | None = None,
    home_currency: str | None = None,
    max_rows: int = 200_000,
    max_columns: int = 64,
    max_field_bytes: int = 65_536,
) -> Statement:
    """Reads the bytes of a CSV statement of any bank.

    What `mapping` gives is fixed, the rest is detected from the whole file. A record that cannot
    be read is a row with a problem, never a lost one. `questions` is non-empty when the file
    leaves open what decides the amounts or the dates; the rows then hold the best guess.
    `home_currency` is the account's: a sign such as `$` may stand for it, not for another one.
    Raises `StatementError` when the file as a whole is empty, no text, no table or too large,
    or when the mapping does not fit it.
    """
    mapping = mapping or CsvMapping()
    limits = Limits(max_rows, max_columns, max_field_bytes)
    return read_table(
        _table(data, mapping, limits),
        mapping,
        account_type=account_type,
        home_currency=home_currency,
        max_rows=max_rows,
    )


def _table(data: bytes, mapping: CsvMapping, limits: Limits) -> "Table":
    """The records of a file's text, which is not kept."""
    text, encoding, warnings = decode(data, mapping.encoding)
    text = unwrapped(normal_lines(text))
    if format_of(text) == "LITAS-ESIS":
        message = "The file is a LITAS-ESIS statement: records of several types, not a table."
        raise StatementError("UNSUPPORTED_FORMAT", message)
    delimiter = mapping.delimiter or choose_delimiter(text, limits)
    records = read_records(text, delimiter, limits, mapping.skip_rows)
    return Table("CSV", records, delimiter, encoding, warnings, not text.endswith("\n"))


@dataclass(frozen=True, slots=True)
class Table:
    """Records on their way to a statement, and where they come from.

    A spreadsheet has no delimiter and no encoding of its own.
    """

    format: str
    records: list[Record]
    """Emptied as they become rows."""
    delimiter: str | None
    encoding: str
    warnings: Sequence[str]
    open_end: bool = False
    """Whether its last line lacks its end."""


def read_table(
    table: Table,
    mapping: CsvMapping,
    *,
    account_type: str | None,
    home_currency: str | None,
    max_rows: int,
) -> Statement:
    """Reads records, whatever format they stood in; arguments and errors as for `read_csv`."""
    records, delimiter = table.records, table.delimiter
    if not records:
        raise StatementError("EMPTY_FILE", "The file has no lines with anything in them.")
    layout = find_layout(records, mapping.header_line)
    if delimiter is not None:
        layout = joined(layout, delimiter)
    records.clear()
    if len(layout.body) > max_rows:
        message = f"The file has more than {max_rows} rows; split it into smaller files."
        raise StatementError("TOO_MANY_ROWS", message, layout.headers)
    given = resolve(layout, mapping.columns)
    roles = assign(layout, profiles(layout), given)
    questions: list[Question] = []
    if roles.money.weak:
        questions.append(_ask_amount(layout, roles.money))
    mark = mapping.decimal_mark or _mark(layout, roles, mapping, questions, home_currency)
    parts = _Parts(layout, roles, mark, questions, list(table.warnings))
    dates, date_format = _dates(parts, mapping)
    rules = Rules(
        dates=dates,
        mark=mark,
        strict_mark=mapping.decimal_mark is not None,
        currency=mapping.currency,
        file_currency=_file_currency(layout, roles),
        sign_rule=mapping.sign_rule,
        account_type=account_type,
        include_pending=mapping.include_pending,
        date_format=date_format,
        fee_given="fee" in given,
        home_currency=home_currency,
        open_end=table.open_end,
    )
    reader = RowReader(layout, roles, rules)
    rows = reader.read()
    parts.questions += reader.questions
    parts.warnings += reader.warnings
    if not rows:
        parts.warnings.append("The file has a header and no rows.")
    return _statement(parts, rows, reader, table, date_format)


def _ask_amount(layout: Layout, money: MoneyColumns) -> Question:
    chosen = [c for c in (money.amount, *money.weak) if c is not None]
    message = (
        "No header names the amounts, and whole numbers without a sign may be anything; is this "
        "the column of amounts?"
    )
    return Question("columns.amount", message, tuple(map(layout.name, dict.fromkeys(chosen))))


def _statement(
    parts: _Parts,
    rows: Sequence[StatementRow],
    reader: RowReader,
    table: Table,
    date_format: str,
) -> Statement:
    detected = Detected(
        delimiter=table.delimiter,
        encoding=table.encoding,
        date_format=date_format,
        decimal_mark=parts.mark,
        sign_rule=reader.sign_rule,
        header_line=parts.layout.header_line,
        columns=reader.named_columns(),
    )
    return Statement(
        format=table.format,
        detected=detected,
        rows=tuple(rows),
        questions=tuple(parts.questions),
        warnings=tuple(parts.warnings),
        headers=parts.layout.headers or parts.layout.names(),
    )


def _column(records: Sequence[Record], column: int | None) -> list[str]:
    if column is None:
        return []
    return [r.cells[column] if column < len(r.cells) else "" for r in records]


def _codes(layout: Layout, roles: Roles) -> set[str]:
    """The currencies that the rows name, however they are written."""
    cells = set(_column(layout.body[:_EVIDENCE_ROWS], roles.currency))
    return {code for cell in cells if cell and (code := written_code(cell))}


def _mark(
    layout: Layout,
    roles: Roles,
    mapping: CsvMapping,
    questions: list[Question],
    home: str | None,
) -> Mark:
    """The decimal mark: of the amounts if they tell, else of the other columns of money."""
    money = roles.money
    codes: set[str | None] = {mapping.currency, _file_currency(layout, roles)}
    codes |= _codes(layout, roles)
    if home is not None and is_currency(home) and digits_of(home) == 0:
        # Where the account's money has no parts, nothing in it is a decimal mark.
        codes.add(home)
    main: list[str] = []
    for column in (money.amount, money.debit, money.credit):
        main += _column(layout.body, column)
    mark, is_open = decimal_mark(main, codes)
    said = any("." in text or "," in text for text in main)
    if said and not is_open:
        return mark
    others = _column(layout.body, money.balance) + _column(layout.body, money.fee)
    other_mark, other_open = decimal_mark(others, codes)
    if any("." in text or "," in text for text in others) and not other_open:
        return other_mark
    if is_open:
        if home is not None and is_currency(home) and digits_of(home) == 3:
            # The account's money has three digits behind the mark, so that is the likelier meaning.
            mark = "," if mark == "." else "."
        example = next((t for t in main if "." in t or "," in t), "")[:30]
        message = f"Is the mark in amounts such as {example!r} for decimals or for thousands?"
        questions.append(Question("decimalMark", message, (mark, "," if mark == "." else ".")))
    return mark


def _dates(parts: _Parts, mapping: CsvMapping) -> tuple[DateReader, str]:
    layout, roles = parts.layout, parts.roles
    texts = _column(layout.body, roles.date)
    if mapping.date_format is not None:
        order = order_of_format(mapping.date_format)
        if order is None:
            message = (
                f"The date format {mapping.date_format[:40]!r} needs a year, a month and a day, "
                "such as DD.MM.YYYY or M/D/YY."
            )
            raise StatementError("BAD_MAPPING", message, layout.names())
        names = month_numbers({s.name for s in shapes_of(texts) if s.name})
        return DateReader(order, names), mapping.date_format
    above = [piece for r in layout.preamble for cell in r.cells for piece in _pieces(cell)]
    columns = DateColumns(
        booked=texts,
        others=[_column(layout.body, c) for c in roles.other_dates],
        above=above,
        texts=_column(layout.body, (roles.description or (roles.payee,))[0]),
    )
    reader, date_format, question = find_order(columns, _hints(parts, mapping))
    if question is not None:
        parts.questions.append(question)
    return reader, date_format


def _pieces(cell: str) -> list[str]:
    """The words of a preamble cell that may be dates, such as the ends of a period."""
    return (
        [word.strip(",;()") for word in cell[:200].split()] if any(map(str.isdigit, cell)) else []
    )


def _hints(parts: _Parts, mapping: CsvMapping) -> Hints:
    layout, roles = parts.layout, parts.roles
    money = roles.money
    rows = layout.body[:200]
    cells = [c for col in money.columns() for c in _column(rows, col) if c]
    codes = _codes(layout, roles)
    codes |= {c for c in (mapping.currency, _file_currency(layout, roles)) if c}
    symbols = [*layout.headers, *cells]
    described = [fold(h) for h in layout.headers if h]
    words = {w for h in described for w in h.split() if len(w) > 1 and not w.isdigit()}
    comma = parts.mark == "," and any("," in c for c in cells)
    elsewhere = bool(codes) and not (codes & MONTH_FIRST)
    return Hints(
        decimal_comma=comma,
        day_first=elsewhere or any(speaks_against_month_first(s) for s in symbols),
        dollars=any("$" in s for s in symbols) or bool(codes & {"USD"}),
        foreign_words=bool(words) and words.isdisjoint(_ENGLISH.split()),
    )


def _file_currency(layout: Layout, roles: Roles) -> str | None:
    """The one currency that the headers of money or the lines above the table name."""
    money = roles.money
    found: set[str] = set()
    for column in (money.amount, money.debit, money.credit):
        if column is not None and column < len(layout.headers):
            code = code_in_header(layout.headers[column])
            found |= {code} if code else set()
    if found:
        return found.pop() if len(found) == 1 else None
    for record in layout.preamble:
        before = ""
        for cell in record.cells:
            labelled = _is_currency_label(before) or _is_currency_label(cell.partition(":")[0])
            code = code_in_cell(cell, labelled=labelled) if cell else None
            if code:
                found.add(code)
            before = cell
    return found.pop() if len(found) == 1 else None


def _is_currency_label(text: str) -> bool:
    return bool(text) and header_scores(text).get("currency", 0) >= 500
