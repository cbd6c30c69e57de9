"""Tables written in every combination of notations read back to exactly what was written."""

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.statements import CsvMapping, Statement, StatementError, read_csv

TEXTS = ["Café Zürich", "Grocer & Sons", "ATM 12", 'The "Inn"', "Rent, March", "Łódź; taxi", "Fee"]
ASCII_TEXTS = ["Cafe", "Grocer & Sons", "ATM 12", "Rent March", "Taxi", "Fee 7"]
WIDE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
DATE_FORMATS = {
    "DMY": ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%y", "%d %b %Y"),
    "MDY": ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%b %d, %Y"),
    "YMD": ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y-%m-%dT%H:%M:%S"),
}
SIGNS = ("signed", "pair", "signed-pair", "flag", "negated-flag", "parentheses", "trailing")
HEADERS = {
    "signed": ["Date", "Description", "Amount"],
    "parentheses": ["Booking date", "Text", "Amount"],
    "trailing": ["Datum", "Verwendungszweck", "Betrag"],
    "pair": ["Date", "Description", "Debit", "Credit"],
    "signed-pair": ["Fecha", "Concepto", "Cargo", "Abono"],
    "flag": ["Date", "Description", "Amount", "Debit/Credit"],
    "negated-flag": ["Date", "Description", "Amount", "Transaction Type"],
}
PREAMBLES = (
    [],
    [["Account", "12-34"], ["Balance", "1.00"], [], []],
    [["Statement of account"], []],
    [["Period", "01.01.2024 - 31.12.2024"], ["Customer", "A. Person"]],
)


@dataclass(frozen=True)
class Table:
    """What is written, and how."""

    rows: list[tuple[date, str, Decimal]]
    order: str
    date_format: str
    delimiter: str
    mark: str
    group: str
    sign: str
    encoding: str
    preamble: list[list[str]]
    line_end: str
    quoting: int
    header: bool


def _figure(value: Decimal, table: Table) -> str:
    text = f"{abs(value):,.2f}".replace(",", "\0").replace(".", table.mark)
    return text.replace("\0", table.group)


def _cells(value: Decimal, table: Table) -> list[str]:
    plain = _figure(value, table)
    out = value < 0
    match table.sign:
        case "signed":
            return [f"-{plain}" if out else plain]
        case "parentheses":
            return [f"({plain})" if out else plain]
        case "trailing":
            return [f"{plain}-" if out else plain]
        case "pair":
            return [plain, ""] if out else ["", plain]
        case "signed-pair":
            return [f"-{plain}", ""] if out else ["", plain]
        case "flag":
            return [plain, "D" if out else "C"]
    return [plain if out else f"-{plain}", "debit" if out else "credit"]


def _write(table: Table) -> bytes:
    lines = io.StringIO()
    writer = csv.writer(
        lines, delimiter=table.delimiter, quoting=table.quoting, lineterminator=table.line_end
    )
    writer.writerows(table.preamble)
    if table.header:
        writer.writerow(HEADERS[table.sign])
    for day, text, value in table.rows:
        writer.writerow([day.strftime(table.date_format), text, *_cells(value, table)])
    return lines.getvalue().encode(table.encoding)


@st.composite
def tables(draw) -> Table:
    """Tables whose figures leave nothing open: both signs, a late day, cents."""
    order = draw(st.sampled_from(sorted(DATE_FORMATS)))
    encoding = draw(st.sampled_from([*WIDE, "cp1252", "cp1250", "iso-8859-1"]))
    mark, group = draw(
        st.sampled_from([(".", ","), (",", "."), (".", "'"), (",", " "), (".", ""), (",", "")])
    )
    cents = st.integers(min_value=1, max_value=10**9)
    amounts = [
        -draw(cents),
        draw(cents),
        *draw(st.lists(cents | cents.map(int.__neg__), max_size=8)),
    ]
    amounts = [n + 1 if n % 100 == 0 else n for n in amounts]
    start = date(2024, draw(st.integers(1, 12)), 21)
    steps = draw(st.lists(st.integers(0, 9), min_size=len(amounts), max_size=len(amounts)))
    steps[0] = 0
    days = [start + timedelta(days=sum(steps[: n + 1])) for n in range(len(amounts))]
    if draw(st.booleans()):
        days.reverse()
    texts = draw(
        st.lists(
            st.sampled_from(TEXTS if encoding in WIDE else ASCII_TEXTS),
            min_size=len(amounts),
            max_size=len(amounts),
        )
    )
    sign = draw(st.sampled_from(SIGNS))
    return Table(
        rows=[
            (day, text, Decimal(n).scaleb(-2))
            for day, text, n in zip(days, texts, amounts, strict=True)
        ],
        order=order,
        date_format=draw(st.sampled_from(DATE_FORMATS[order])),
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        mark=mark,
        group=group,
        sign=sign,
        encoding=encoding,
        preamble=draw(st.sampled_from(PREAMBLES)),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        # Without a header only signs tell what a column of amounts means.
        header="pair" in sign or draw(st.booleans()),
    )


def _read_back(statement: Statement) -> list[tuple[date | None, str, Decimal | None]]:
    return [(r.date, r.description, r.amount) for r in statement.rows if r.problem is None]


@settings(max_examples=300, deadline=None)
@given(tables())
def test_what_was_written_is_read(table: Table) -> None:
    statement = read_csv(_write(table))
    found = _read_back(statement)
    assert [(day, value) for day, _, value in found] == [(d, v) for d, _, v in table.rows]
    assert [text for _, text, _ in found] == [text for _, text, _ in table.rows]
    assert statement.questions == ()
    assert statement.detected.delimiter == table.delimiter


@settings(max_examples=60, deadline=None)
@given(tables(), st.data())
def test_a_full_mapping_reads_the_same(table: Table, data) -> None:
    free = read_csv(_write(table))
    columns = {
        role: name for role, name in free.detected.columns.items() if data.draw(st.booleans())
    }
    mapping = CsvMapping.model_validate(
        {
            "delimiter": table.delimiter,
            "dateFormat": table.order.replace("Y", "YYYY").replace("M", "/MM/").replace("D", "DD"),
            "decimalMark": table.mark,
            "signRule": free.detected.sign_rule,
            "headerLine": free.detected.header_line or 0,
            "columns": columns,
        }
    )
    assert _read_back(read_csv(_write(table), mapping)) == _read_back(free)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(10**8), 10**8).filter(bool), min_size=3, max_size=12),
    st.integers(-(10**8), 10**8),
    st.booleans(),
)
def test_the_running_balance_gives_unsigned_amounts_their_signs(
    moves, opening, newest_first
) -> None:
    balance, lines = opening, []
    for number, move in enumerate(moves):
        balance += move
        day = date(2024, 1, 20) + timedelta(days=number)
        lines.append((day, f"text {number}", abs(move), balance))
    if newest_first:
        lines.reverse()
    text = "Date;Description;Amount;Balance\n" + "".join(
        f"{d};{t};{Decimal(a).scaleb(-2)};{Decimal(b).scaleb(-2)}\n" for d, t, a, b in lines
    )
    rows = read_csv(text.encode()).rows
    expected = moves[::-1] if newest_first else moves
    boundary = len(rows) - 1 if newest_first else 0
    for place, row in enumerate(rows):
        if place != boundary:
            assert row.amount == Decimal(expected[place]).scaleb(-2)


def _outcome(data: bytes) -> Statement | StatementError:
    try:
        return read_csv(data)
    except StatementError as refused:
        return refused


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=400)
    | st.text(alphabet='0123456789-./,;"\n\r\t aDt€', max_size=400).map(str.encode)
)
def test_any_bytes_end_in_rows_or_in_a_clear_error(data: bytes) -> None:
    outcome = _outcome(data)
    if isinstance(outcome, StatementError):
        assert outcome.message
        return
    for row in outcome.rows:
        assert row.problem is not None or (row.date is not None and row.amount is not None)
