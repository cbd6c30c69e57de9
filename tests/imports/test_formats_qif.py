"""QIF: lettered lines, dates of every country, splits, lists that are no transactions."""

from datetime import date
from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, read_file


def qif(*days: str, head: str = "!Type:Bank") -> str:
    """A file of one transaction a day, each of another payee."""
    rows = (f"D{day}\nT-{n}.50\nPPayee {n}\n^" for n, day in enumerate(days, 1))
    return "\n".join([head, *rows, ""])


def read(text: str | bytes, currency: str = "EUR", **given) -> Statement:
    data = text.encode() if isinstance(text, str) else text
    return read_file(data, CsvMapping.model_validate(given), home_currency=currency)


def amounts(statement: Statement) -> list[str]:
    return [str(one.amount) for one in statement.rows if one.problem is None]


def days(statement: Statement) -> list[date | None]:
    return [one.date for one in statement.rows]


def test_a_whole_record() -> None:
    text = "!Type:CCard\nD31/12/2024\nT-1,234.50\nCX\nN1017\nPShop\nMshoes\nAStreet 1\nACity\nLClothes\n^\n"
    statement = read(text)
    (one,) = statement.rows
    assert statement.format == "QIF"
    assert (one.line, one.date, one.amount) == (2, date(2024, 12, 31), Decimal("-1234.50"))
    assert (one.payee, one.description, one.category) == ("Shop", "shoes", "Clothes")
    assert (one.currency, one.notes) == (None, "Number: 1017; Address: Street 1, City")
    assert (statement.questions, statement.warnings) == ((), ())


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1/ 2'06", date(2006, 1, 2)),
        ("12/31'6", date(2006, 12, 31)),
        ("2/10'2020", date(2020, 2, 10)),
        (" 2/14' 0", date(2000, 2, 14)),
        ("12/31/99", date(1999, 12, 31)),
        ("12-31-1999", date(1999, 12, 31)),
        ("2024-12-31", date(2024, 12, 31)),
        ("20241231", date(2024, 12, 31)),
        ("31.12.24", date(2024, 12, 31)),
        ("31 Dec 2024", date(2024, 12, 31)),
        ("31/12'24", date(2024, 12, 31)),
    ],
)
def test_dates_of_programs(written: str, day: date) -> None:
    second = {"1/ 2'06": "1/15'06", "2/10'2020": "2/14'2020"}.get(written, written)
    assert days(read(qif(written, second)))[0] == day


def test_the_order_of_dates_is_that_of_the_file() -> None:
    assert days(read(qif("3/4/24", "3/14/24"))) == [date(2024, 3, 4), date(2024, 3, 14)]
    assert days(read(qif("3/4/24", "14/4/24"))) == [date(2024, 4, 3), date(2024, 4, 14)]
    # Statements run in time, which only one order makes of these.
    sorted_days = read(qif("1/2/24", "2/2/24", "3/2/24", "5/2/24", "2/3/24", "4/3/24"))
    assert sorted_days.questions == ()
    assert days(sorted_days)[0] == date(2024, 2, 1)


def test_an_order_that_nothing_tells_is_asked_for() -> None:
    text = qif("3/4/24", "5/6/24")
    statement = read(text)
    (question,) = statement.questions
    assert (question.field, question.choices) == ("dateFormat", ("D/M/YY", "M/D/YY"))
    assert days(statement)[0] == date(2024, 4, 3)
    assert days(read(text, currency="USD"))[0] == date(2024, 3, 4)
    answered = read(text, dateFormat="M/D/YY")
    assert (answered.questions, days(answered)[0]) == ((), date(2024, 3, 4))


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (["-1,234.56", "5.00"], ["-1234.56", "5.00"]),
        (["-1.234,56", "5,00"], ["-1234.56", "5.00"]),
        (["-22,84"], ["-22.84"]),
        (["$1.00"], ["1.00"]),
        (["(3.00)", "4.00-"], ["-3.00", "-4.00"]),
    ],
)
def test_amounts(written: list[str], read_as: list[str]) -> None:
    rows = "".join(f"D31/12/24\nT{text}\n^\n" for text in written)
    assert amounts(read("!Type:Cash\n" + rows)) == read_as


def test_a_larger_amount_stands_in_u() -> None:
    assert amounts(read("!Type:Bank\nD31/12/24\nU-9.00\n^\n")) == ["-9.00"]


def test_splits_are_kept_as_notes_and_must_make_the_whole() -> None:
    record = "D31/12/24\nT-10.00\nPShop\nLFood/Trip\nSFood/Trip\nEbread\n$-6.00\nSHome\nD1/1/20\n$-{}\n^\n"
    good = read("!Type:Bank\n" + record.format("4.00"))
    (one,) = good.rows
    assert (one.category, one.date) == ("Food", date(2024, 12, 31))
    assert one.notes == "Splits: Food/Trip -6.00 bread, Home -4.00"
    assert good.warnings == ()
    off = read("!Type:Bank\n" + record.format("3.00"))
    assert off.warnings == ("The splits of 'Shop' on line 2 make -9.00, not -10.00.",)
    assert amounts(off) == ["-10.00"]


def test_transfers_name_the_other_account() -> None:
    (one,) = read("!Type:Bank\nD31/12/24\nT-10.00\nL[Savings]\n^\n").rows
    assert (one.category, one.notes, one.description) == (
        None,
        "Transfer: Savings",
        "Transfer Savings",
    )


def test_lists_are_no_transactions() -> None:
    text = (
        "# made by a program\n\n!Type:Cat\nNFood\nE\n^\n!Type:Class\nNTrip\n^\n"
        "!Type:Memorized\nKP\nT-99.00\nPOld\n^\n" + qif("31/12/24") + "!Type:Security\nNACME\n^\n"
        '!Type:Prices\n"ACME",1.00,"1/1/24"\n^\n'
    )
    statement = read(text)
    assert amounts(statement) == ["-1.50"]
    assert [one.line for one in statement.rows] == [16]


def test_trades_are_told_and_left_out() -> None:
    text = qif("31/12/24") + "!Type:Invst\nD31/12/24\nNBuy\nYACME\nI32.00\nQ3\nT96.00\n^\n"
    _, trade = read(text).rows
    assert trade.problem is not None
    assert (trade.problem.code, trade.description) == ("INVESTMENT", "Buy ACME")


def test_several_accounts_in_one_file() -> None:
    listed = "!Option:AutoSwitch\n!Account\nNGiro\nTBank\n^\nNCard\nTCCard\n^\n!Clear:AutoSwitch\n"
    text = (
        listed + "!Account\nNGiro\nTBank\n^\n" + qif("30/12/24", "31/12/24")
        + "!Account\nNCard\nTCCard\n^\n" + qif("31/12/24", head="!Type:CCard")
    )  # fmt: skip
    statement = read(text)
    assert [(s.account, s.rows) for s in statement.sections] == [("Giro", 2), ("Card", 1)]
    assert "2 accounts (Giro, Card)" in statement.warnings[0]
    assert amounts(read(text, account="Card")) == ["-1.50"]


def test_one_bad_record_fails_alone() -> None:
    text = "!Type:Bank\nD31/12/24\nT-1.00\n^\nDsoon\nT-2.00\n^\nD31/12/24\nTmuch\n^\nPnobody\n^\n^\nD31/12/24\nT-3.00"
    statement = read(text)
    assert amounts(statement) == ["-1.00", "-3.00"]
    failed = [(r.line, r.problem.code, r.problem.reason) for r in statement.rows if r.problem]
    assert failed == [
        (5, "BAD_DATE", "'soon' is no date; a date is written like DD/MM/YY."),
        (8, "BAD_AMOUNT", "'much' is no amount."),
        (11, "BAD_AMOUNT", "The record has no amount."),
    ]


def test_a_missing_end_of_record_is_known_by_the_next_date() -> None:
    text = "!Type:Bank\nD30/12/24\nT-1.00\nPA\nD31/12/24\nT-2.00\nPB\n"
    statement = read(text)
    assert [(r.line, r.payee, str(r.amount)) for r in statement.rows] == [
        (2, "A", "-1.00"),
        (5, "B", "-2.00"),
    ]


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_line_ends(codec: str, ends: str) -> None:
    text = "!Type:Bank\nD31.12.24\nT-1,50\nPBäckerei Müller grüßt schön\n^\n".replace("\n", ends)
    (one,) = read(text.encode(codec)).rows
    assert (one.payee, str(one.amount)) == ("Bäckerei Müller grüßt schön", "-1.50")


@pytest.mark.parametrize(
    "head", ["!type:bank", "!TYPE:Bank ", "!Type:Oth A", "!Account\nNX\n^\n!Type:Oth L", ""]
)
def test_heads(head: str) -> None:
    statement = read(qif("30/12/24", "31/12/24", head=head).lstrip("\n"))
    assert (statement.format, amounts(statement)) == ("QIF", ["-1.50", "-2.50"])
