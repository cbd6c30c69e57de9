"""Files made to break a reader: they cost bounded work and end in rows or in one clear error."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from resolvers.statements import CsvMapping, Statement, StatementError, read_csv

HEAD = "Date,Text,Amount\n2024-01-15,first,-1.00\n"
TAIL = "2024-01-16,last,-2.00\n"


def _problems(statement: Statement) -> list[tuple[int, str]]:
    return [(row.line, row.problem.code) for row in statement.rows if row.problem]


def _amounts(statement: Statement) -> list[Decimal | None]:
    return [row.amount for row in statement.rows if row.problem is None]


@pytest.mark.case("F04")
def test_open_quote_of_200_kb_costs_its_line_only() -> None:
    text = HEAD + '2024-01-15,"' + "x" * 200_000 + ",-9.00\n" + TAIL
    statement = read_csv(text.encode())
    assert _problems(statement) == [(3, "TOO_LONG")]
    assert _amounts(statement) == [Decimal("-1.00"), Decimal("-2.00")]


@pytest.mark.case("F04")
def test_open_quote_does_not_swallow_the_rows_below() -> None:
    text = HEAD + '2024-01-15,"open,-9.00\n' + TAIL * 2000
    statement = read_csv(text.encode())
    assert len(statement.rows) == 2002
    assert sum(filter(None, _amounts(statement))) == Decimal("-4010.00")


@pytest.mark.case("F04")
def test_a_row_of_five_million_columns_fails_alone() -> None:
    statement = read_csv((HEAD + "," * 5_000_000 + "\n" + TAIL).encode())
    assert _problems(statement) == [(3, "TOO_MANY_COLUMNS")]
    assert len(_amounts(statement)) == 2


@pytest.mark.case("F04")
def test_a_file_of_wide_rows_is_refused() -> None:
    row = ",".join(["2024-01-15", "-1.00"] * 40) + "\n"
    with pytest.raises(StatementError) as refused:
        read_csv((row * 3).encode())
    assert refused.value.code == "TOO_MANY_COLUMNS"


@pytest.mark.case("F04")
def test_two_million_blank_lines_are_no_rows() -> None:
    statement = read_csv((HEAD + "\n" * 2_000_000 + TAIL).encode())
    assert [row.line for row in statement.rows] == [2, 2_000_003]
    with pytest.raises(StatementError) as refused:
        read_csv(b"\r\n" * 2_000_000)
    assert refused.value.code == "EMPTY_FILE"


@pytest.mark.case("F04")
def test_nul_is_dropped_from_texts_and_fails_amounts() -> None:
    statement = read_csv(b"Date,Text,Amount\n2024-01-15,a\x00b,-1.00\n2024-01-16,c,-1\x00.00\n")
    assert statement.rows[0].description == "a b"
    assert _problems(statement) == [(3, "BAD_AMOUNT")]


@pytest.mark.case("F04")
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_every_line_end_reads_alike(end) -> None:
    statement = read_csv((HEAD + TAIL).replace("\n", end).encode())
    assert [(row.line, row.amount) for row in statement.rows] == [
        (2, Decimal("-1.00")),
        (3, Decimal("-2.00")),
    ]


@pytest.mark.case("F04")
def test_a_lone_carriage_return_among_line_feeds_is_text() -> None:
    statement = read_csv((HEAD + "2024-01-16,a\rb,-2.00\n").encode())
    assert statement.rows[1].description == "a b"
    assert statement.rows[1].amount == Decimal("-2.00")


@pytest.mark.case("F04")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_wide_encodings_are_read(encoding) -> None:
    statement = read_csv((HEAD + TAIL).encode(encoding))
    assert _amounts(statement) == [Decimal("-1.00"), Decimal("-2.00")]
    assert statement.headers == ("Date", "Text", "Amount")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Café — Überweisung für 20 €, Gebühr"),
        ("cp1250", "Sklep spożywczy i żłobek w Łodzi, płatność"),
        ("cp1251", "Оплата товаров в магазине Пятёрочка"),
        ("cp1253", "Αγορά από κατάστημα στην Αθήνα"),
        ("cp932", "ラクテンカード 振込 タナカ様"),
        ("gb18030", "微信支付商户消费牛肉面馆"),
        ("cp949", "카드 결제 편의점 서울"),
    ],
)
def test_old_encodings_are_recognised(encoding, text) -> None:
    lines = "".join(f"2024-01-{day};{text};-1.00\n" for day in range(13, 29))
    statement = read_csv(("Date;Text;Amount\n" + lines).encode(encoding))
    assert {row.description for row in statement.rows} == {text}


def test_a_few_broken_signs_do_not_change_the_encoding() -> None:
    text = HEAD + "2024-01-16,Müßiggänger größer süß,-2.00\n"
    statement = read_csv(text.encode() + b"2024-01-17,broken \xc3,-3.00\n")
    assert statement.detected.encoding == "utf-8"
    assert statement.rows[1].description == "Müßiggänger größer süß"
    assert statement.warnings


@pytest.mark.case("F04")
def test_rows_are_capped() -> None:
    with pytest.raises(StatementError) as refused:
        read_csv((HEAD + TAIL * 1000).encode(), max_rows=1000)
    assert refused.value.code == "TOO_MANY_ROWS"
    assert len(read_csv((HEAD + TAIL * 999).encode(), max_rows=1000).rows) == 1000


@pytest.mark.case("F04")
def test_a_field_over_the_limit_fails_its_row() -> None:
    text = HEAD + f"2024-01-15,{'é' * 600},-3.00\n" + TAIL
    statement = read_csv(text.encode(), max_field_bytes=1000)
    assert _problems(statement) == [(3, "TOO_LONG")]


@pytest.mark.parametrize(
    "line",
    ['"a\n', '2024-01-15,"b,-1.00\n', '""",""\n', '"\n', ',"""\n', '2024-01-15,"b""",-1.00\n'],
)
def test_many_odd_quotes_cost_linear_work(line) -> None:
    statement = read_csv((HEAD + line * 20_000).encode())
    assert statement.rows[0].amount == Decimal("-1.00")


@pytest.mark.case("M01")
@pytest.mark.parametrize(
    "amount", ["1e2000000", "1E5", "9" * 100_000, "1" + "0" * 40, "0." + "1" * 60]
)
def test_giant_amounts_fail_at_once(amount) -> None:
    statement = read_csv((HEAD + f"2024-01-15,x,{amount}\n" + TAIL).encode())
    assert [line for line, _ in _problems(statement)] == [3]
    assert all(r.problem.decision == "FAILED" for r in statement.rows if r.problem)


@pytest.mark.case("M02")
@pytest.mark.parametrize(
    "amount",
    ["NaN", "sNaN", "Infinity", "-inf", "1_000", "１２３", "١٢٣", "१२३", "0x10", "1 2 3", "--5", "5-5",
     "1.2.3", "1,23,4", "..5", "+-5", "(5", "5)", "EUR", "5 EUR USD", "½", "²", "5%"],
)  # fmt: skip
def test_what_only_looks_like_an_amount_fails(amount) -> None:
    statement = read_csv((HEAD + f'2024-01-15,x,"{amount}"\n' + TAIL).encode())
    assert _problems(statement) == [(3, "BAD_AMOUNT")]
    assert _amounts(statement) == [Decimal("-1.00"), Decimal("-2.00")]


@pytest.mark.parametrize("day", ["2024-02-30", "2024-13-01", "0000-00-00", "tomorrow", "99999999"])
def test_what_is_no_day_fails(day) -> None:
    statement = read_csv((HEAD + f"{day},x,-3.00\n" + TAIL).encode())
    assert _problems(statement) == [(3, "BAD_DATE")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b" \r\n\t\n", "EMPTY_FILE"),
        (b"\xef\xbb\xbf", "EMPTY_FILE"),
        (b"\xff\xfe", "EMPTY_FILE"),
        (b"PK\x03\x04" + bytes(500), "NOT_TEXT"),
        (b"%PDF-1.7\n1,2", "NOT_TEXT"),
        (bytes(range(256)) * 200, "NOT_TEXT"),
        (b"one line without columns", "NO_TABLE"),
        (b"dear bank,\nthis is, a letter\n", "NO_TABLE"),
        (b"Date,Text\n2024-01-15,a\n", "NO_AMOUNT_COLUMN"),
        (b"Amount,Text\n-1.00,a\n-2.00,b\n", "NO_DATE_COLUMN"),
        (b'"' * 300_000, "NO_TABLE"),
        (b"\t" * 300_000 + b"x", "TOO_MANY_COLUMNS"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(data, code) -> None:
    with pytest.raises(StatementError) as refused:
        read_csv(data)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_a_header_without_rows_is_an_empty_statement() -> None:
    statement = read_csv(b"Date,Text,Amount\n")
    assert statement.rows == ()
    assert statement.warnings
    assert statement.headers == ("Date", "Text", "Amount")


@pytest.mark.parametrize(
    "given",
    [
        {"columns": {"amount": "Betrag"}},
        {"columns": {"amount": "#9"}},
        {"columns": {"date": -1}},
        {"headerLine": 99},
        {"signRule": "DEBIT_CREDIT_COLUMNS"},
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(given) -> None:
    with pytest.raises(StatementError) as refused:
        read_csv((HEAD + TAIL).encode(), CsvMapping.model_validate(given))
    assert refused.value.code == "BAD_MAPPING"


@pytest.mark.parametrize(
    "given",
    [{"delimiter": ""}, {"delimiter": ",,"}, {"delimiter": "1"}, {"currency": "EURO"}, {"x": 1},
     {"dateFormat": "YYYY"}, {"dateFormat": "foo"}, {"encoding": "utf-99"}, {"encoding": "zlib"},
     {"encoding": "punycode"}, {"encoding": "a\x00b"}, {"columns": {"colour": "a"}}, {"decimalMark": "'"}, {"skipRows": -1}, {"signRule": "MAYBE"}],
)  # fmt: skip
def test_a_mapping_out_of_bounds_is_refused(given) -> None:
    with pytest.raises(ValidationError):
        CsvMapping.model_validate(given)


def test_control_characters_leave_texts() -> None:
    statement = read_csv(
        "Date,Text,Amount\n2024-01-15,a\x07\x1b[31m\u202eb\u200d c,-1.00\n".encode()
    )
    assert statement.rows[0].description == "a [31mb c"


def test_texts_are_cut() -> None:
    statement = read_csv((HEAD + f"2024-01-15,{'word ' * 400},-1.00\n").encode())
    assert len(statement.rows[1].description) <= 500
