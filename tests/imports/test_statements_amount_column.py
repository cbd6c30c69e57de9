"""Which column is the amount when no header says so: never a column of ids."""

from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, StatementError, read_csv

LITAS = (
    "000\t20120304\t\tAGBLLT2X\tBank\t40100\n"
    "020\tlikutisPR\t20120101\t\t25175\t25175\n"
    "010\t8511\t20120127\t\t100\t100\tD\t\t\t08511\t1987555498\tfee\n"
    "010\t2300\t20120217\t\t30000\t30000\tC\t\t\t66\t2003969289\tHello\n"
    "999\t4\n"
)


def _read(text: str, **given) -> Statement:
    return read_csv(text.encode(), CsvMapping.model_validate(given))


def test_a_record_file_is_refused_by_its_name(shared_folder) -> None:
    path = shared_folder / "bank-data/ofxstatement-lithuanian/litas_esis.acc"
    for data in (LITAS.encode(), path.read_bytes()):
        with pytest.raises(StatementError) as refused:
            read_csv(data)
        assert refused.value.code == "UNSUPPORTED_FORMAT"
        assert "LITAS-ESIS" in refused.value.message


@pytest.mark.parametrize(
    "values",
    [
        ("1987555498", "1991119229", "1991119235"),
        ("08511", "00660", "00172"),
        ("8511", "31211648", "66"),
        ("D12345678", "D12345679", "C12345680"),
        ("4111111111111111", "4111111111111111", "4111111111111112"),
    ],
)
@pytest.mark.parametrize("header", ["", "Date;Text;Ref\n"])
def test_ids_are_no_amounts(values, header) -> None:
    rows = "".join(f"2024-01-1{n};text {n};{value}\n" for n, value in enumerate(values))
    with pytest.raises(StatementError) as refused:
        _read(header + rows)
    assert refused.value.code == "NO_AMOUNT_COLUMN"


def test_a_weak_word_of_the_header_makes_no_id_an_amount() -> None:
    rows = "".join(f"2024-01-1{n};text;198755549{n}\n" for n in range(3))
    with pytest.raises(StatementError) as refused:
        _read("Date;Text;Total number of booking\n" + rows)
    assert refused.value.code == "NO_AMOUNT_COLUMN"


def test_bare_whole_numbers_are_asked_about() -> None:
    text = "2024-01-10;Coffee;350\n2024-01-11;Rent;800\n2024-01-12;Tea;120\n"
    asked = _read(text)
    assert [question.field for question in asked.questions][:1] == ["columns.amount"]
    assert asked.questions[0].choices == ("#3",)
    answered = _read(text, columns={"amount": "#3"}, signRule="SIGNED")
    assert answered.questions == ()
    assert [row.amount for row in answered.rows] == [Decimal(350), Decimal(800), Decimal(120)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-10;a;-350\n2024-01-11;b;800\n2024-01-12;c;500\n2024-01-13;d;20\n", -350),
        ("2024-01-10;a;350;1350\n2024-01-11;b;800;2150\n2024-01-12;c;100;2250\n", 350),
        ("Date;Text;Amount\n2024-01-10;a;350\n2024-01-11;b;31211648\n", 350),
        ("2024-01-10;1987555498;-3.50\n2024-01-11;1987555499;2.00\n", Decimal("-3.5")),
        ("2024-01-10;a;350 EUR\n2024-01-11;b;800 EUR\n", 350),
    ],
)
def test_evidence_makes_a_question_needless(text, expected) -> None:
    statement = _read(text)
    assert "columns.amount" not in [question.field for question in statement.questions]
    assert statement.rows[0].amount == expected
