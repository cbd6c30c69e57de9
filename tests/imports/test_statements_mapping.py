"""What a person fixes in a mapping holds, and the rest is still detected."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.ids import encode, new_id
from resolvers.errors import Invalid
from resolvers.imports import ImportCreate, ImportOverrule
from resolvers.inputs import parse
from resolvers.statements import CsvMapping, Statement, StatementError, read_csv

TABLE = (
    "Date,Posted,Text,Amount,Fee,State,Tag\n"
    "03/04/2024,04/05/2024,one,-1.00,0.50,done,x\n"
    "05/04/2024,06/05/2024,two,-2.00,0.00,pending,y\n"
)


def _read(text: str, **given: Any) -> Statement:
    return read_csv(text.encode(), CsvMapping.model_validate(given))


def _amounts(statement: Statement) -> list[Decimal | None]:
    return [row.amount for row in statement.rows if row.problem is None]


@pytest.mark.parametrize("column", ["Date", "date", "#1", 1, "1"])
def test_a_column_is_named_by_header_or_position(column) -> None:
    statement = _read(TABLE, columns={"date": column}, dateFormat="DD/MM/YYYY")
    assert statement.rows[0].date == date(2024, 4, 3)
    assert statement.detected.columns["date"] == "Date"


def test_the_date_format_is_kept() -> None:
    for order, expected in (("DD/MM/YYYY", date(2024, 4, 3)), ("%m/%d/%Y", date(2024, 3, 4))):
        statement = _read(TABLE, columns={"date": 1}, dateFormat=order)
        assert statement.rows[0].date == expected
        assert "dateFormat" not in [question.field for question in statement.questions]


def test_an_open_fee_is_asked_and_answered() -> None:
    asked = _read(TABLE, dateFormat="DD/MM/YYYY")
    assert [question.field for question in asked.questions] == ["columns.fee"]
    taken, left = asked.questions[0].choices
    for choice, expected in ((taken, "-1.50"), (left, "-1.00"), ("", "-1.00")):
        statement = _read(TABLE, dateFormat="DD/MM/YYYY", columns={"fee": choice})
        assert statement.questions == ()
        assert _amounts(statement) == [Decimal(expected)]


def test_pending_rows_are_skipped_unless_wanted() -> None:
    skipped = _read(TABLE, dateFormat="DD/MM/YYYY", columns={"fee": ""})
    assert [row.problem.code for row in skipped.rows if row.problem] == ["PENDING"]
    wanted = _read(TABLE, dateFormat="DD/MM/YYYY", columns={"fee": ""}, includePending=True)
    assert _amounts(wanted) == [Decimal("-1.00"), Decimal("-2.00")]


def test_currency_and_category_are_taken() -> None:
    statement = _read(TABLE, currency="SEK", columns={"category": "Tag", "fee": ""})
    assert {row.currency for row in statement.rows} == {"SEK"}
    assert [row.category for row in statement.rows] == ["x", "y"]


def test_lines_are_skipped_and_the_header_is_where_it_is_said_to_be() -> None:
    text = "Date,Text,Amount\n2020-01-20,old,-9.00\nwhen,what,how much\n2024-01-20,new,-1.00\n"
    assert _amounts(_read(text, skipRows=2)) == [Decimal("-1.00")]
    statement = _read(text, headerLine=3, columns={"amount": "how much"})
    assert _amounts(statement) == [Decimal("-1.00")]
    assert statement.detected.header_line == 3
    assert statement.rows[0].line == 4


def test_delimiter_and_mark_are_kept() -> None:
    statement = _read("2024-01-20;a;-1.525\n2024-01-21;b;-2.250\n", decimalMark=".", delimiter=";")
    assert _amounts(statement) == [Decimal("-1.525"), Decimal("-2.250")]
    statement = _read("2024-01-20\ta\t-1,5\n", delimiter="tab")
    assert _amounts(statement) == [Decimal("-1.5")]
    assert statement.detected.delimiter == "\t"


@pytest.mark.parametrize(
    ("rule", "expected"), [("SIGNED", "1.00"), ("NEGATED", "-1.00"), ("UNSIGNED", "1.00")]
)
def test_the_sign_rule_answers_the_question(rule, expected) -> None:
    text = "Date,Text,Amount\n2024-01-20,a,1.00\n"
    assert [question.field for question in _read(text).questions] == ["signRule"]
    statement = _read(text, signRule=rule)
    assert statement.questions == ()
    assert _amounts(statement) == [Decimal(expected)]


def test_an_undecidable_order_is_asked_with_the_best_guess() -> None:
    statement = _read("Date,Text,Amount\n03/04/2024,a,-1.00\n")
    assert [question.field for question in statement.questions] == ["dateFormat"]
    assert set(statement.questions[0].choices) == {"DD/MM/YYYY", "MM/DD/YYYY"}
    assert statement.rows[0].date in {date(2024, 4, 3), date(2024, 3, 4)}
    for choice in statement.questions[0].choices:
        assert _read("Date,Text,Amount\n03/04/2024,a,-1.00\n", dateFormat=choice).questions == ()


def test_months_have_names_in_many_languages() -> None:
    for written in ("13 févr. 2024", "13. Februar 2024", "13 lutego 2024", "13 de febrero de 2024",
                    "13 февраля 2024 г.", "Feb 13, 2024", "2024年2月13日", "13-FEB-24"):  # fmt: skip
        statement = _read(f'Date;Text;Amount\n"{written}";a;-1.00\n')
        assert statement.rows[0].date == date(2024, 2, 13), written


def test_headers_come_with_a_refusal() -> None:
    with pytest.raises(StatementError) as refused:
        _read("Wann,Was\n2024-01-20,a\n")
    assert refused.value.headers == ("Wann", "Was")


def test_an_id_is_kept_only_where_it_can_be_one() -> None:
    head = "Date,Text,Amount,Reference\n"
    rows = "2024-01-20,a,-1.00,{}\n2024-01-21,b,-2.00,{}\n2024-01-22,c,-2.00,{}\n"
    assert [r.external_id for r in _read(head + rows.format("A1", "A2", "A3")).rows] == [
        "A1",
        "A2",
        "A3",
    ]
    for ids in (("A1", "A1", "A3"), ("1", "2", "3"), ("paid to Ann", "x", "y")):
        assert {row.external_id for row in _read(head + rows.format(*ids)).rows} == {None}


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"delimiter": "ab"}, "delimiter: That separates no columns: give one of , ; | : ~ ^ or"),
        ({"delimiter": ""}, "delimiter: That separates no columns"),
        ({"encoding": "latin-99"}, "encoding: There is no such encoding of text"),
        ({"dateFormat": "Y"}, "dateFormat: A format of dates has a year, a month and a day"),
        ({"currency": "EU"}, "currency: There is no such currency: write its three capital"),
        ({"currency": "euro"}, "currency: There is no such currency"),
        ({"headerLine": -1}, "headerLine: At least 0."),
        ({"headerLine": "first"}, "headerLine: Must be a whole number."),
        ({"includePending": "perhaps"}, "includePending: Must be true or false."),
        ({"account": "x" * 65}, "account: At most 64 characters."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mapping_that_is_wrong_says_what_would_be_right(
    mapping: dict[str, object], says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        parse(ImportCreate, {"uploadId": encode("file", new_id()), "mapping": mapping})
    assert refused.value.message.startswith(f"mapping.{says}")


def test_lengths_are_told_in_words_that_agree() -> None:
    for rows, says in (
        ([], "At least 1 entry."),
        ([{"position": 1}] * 501, "At most 500 entries."),
    ):
        with pytest.raises(Invalid) as refused:
            parse(ImportOverrule, {"rows": rows})
        assert refused.value.message == f"rows: {says}"
