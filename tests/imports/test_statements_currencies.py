"""What a column of currencies may hold: codes, signs, and what is neither."""

from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, read_csv


def _read(
    cells: list[str], header: str = "Currency", home: str | None = "EUR", amount: str = "-1.00"
) -> Statement:
    rows = "".join(f"2024-01-{n + 10},row {n};x,{amount},{c}\n" for n, c in enumerate(cells))
    text = f"Date,Description,Amount,{header}\n{rows}"
    return read_csv(text.encode(), home_currency=home)


def _told(statement: Statement) -> list[str | None]:
    """The currency of each row, or the code of its problem."""
    return [row.problem.code if row.problem else row.currency for row in statement.rows]


BAD = "BAD_CURRENCY"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["eur", "usd", "Jpy"], ["EUR", "USD", "JPY"]),
        (["EUR", "USD", "BTC"], ["EUR", "USD", BAD]),
        (["EUR", "XXX", "ABC", "JPY", "DEM"], ["EUR", BAD, BAD, "JPY", "DEM"]),
        (["BTC", "XAU"], [BAD, BAD]),
        (["EUR"] * 10 + ["USD"] * 10 + ["BTC", "XAU"], ["EUR"] * 10 + ["USD"] * 10 + [BAD, BAD]),
        (["€", "£", "₹", "zł", "Kč", "US$"], ["EUR", "GBP", "INR", "PLN", "CZK", "USD"]),
        (["€", "$", "kr", "¥"], ["EUR", BAD, BAD, BAD]),
        (["EUR - Euro", "US Dollar", "Euro"], ["EUR", "USD", "EUR"]),
        (["EUR", "", "-"], ["EUR", None, None]),
        (["", "", "", "", "usd"], [None, None, None, None, "USD"]),
    ],
)
def test_every_cell_is_a_currency_or_fails_its_row(cells, expected) -> None:
    assert _told(_read(cells)) == expected


@pytest.mark.parametrize(
    ("home", "cells", "expected"),
    [
        ("USD", ["$", "€"], ["USD", "EUR"]),
        ("CAD", ["$", "$"], ["CAD", "CAD"]),
        ("SEK", ["kr", "$"], ["SEK", BAD]),
        ("CNY", ["¥", "¥"], ["CNY", "CNY"]),
        (None, ["$", "€"], [None, "EUR"]),
    ],
)
def test_a_sign_of_many_currencies_is_the_accounts_or_nobodys(home, cells, expected) -> None:
    assert _told(_read(cells, home=home)) == expected


def test_the_reason_names_the_cell() -> None:
    rows = _read(["EUR", "BTC", "$"]).rows
    assert rows[1].problem is not None
    assert rows[1].problem.decision == "FAILED"
    assert rows[1].problem.reason == "'BTC' in the column 'Currency' is no currency of ISO 4217."
    assert rows[2].problem is not None
    assert "'$'" in rows[2].problem.reason
    assert rows[1].amount == Decimal("-1.00")


@pytest.mark.parametrize(
    "header",
    ["currency", "Währung", "Devise", "Moneda", "Divisa", "Waluta", "Валюта", "通貨", "Valuutta",
     "Para Birimi", "Currency code", "Mena", "Munt", "Valutakod", "Kod waluty", "货币", "العملة",
     "Mata uang", "Döviz", "Kontowährung", "Transaction Currency", "Cur."],
)  # fmt: skip
def test_a_header_in_any_language_makes_the_column(header) -> None:
    assert _told(_read(["usd", "eth", "btc"], header)) == ["USD", BAD, BAD]


def test_cells_make_the_column_where_no_header_does() -> None:
    assert _told(_read(["eur", "usd", "eur"], "Q")) == ["EUR", "USD", "EUR"]
    assert _told(_read(["€", "€", "£"], "")) == ["EUR", "EUR", "GBP"]
    assert _told(_read(["EUR", "BTC", "JPY"], "Q")) == ["EUR", BAD, "JPY"]
    assert _told(_read([*["EUR"] * 9, "BTC"], "Q")) == [*["EUR"] * 9, BAD]


@pytest.mark.parametrize(
    "cells", [["all", "top", "all"], ["red", "blue", "tax"], ["1.5", "2", "3"]]
)
def test_words_and_figures_make_no_currency(cells) -> None:
    assert _told(_read(cells, "Q")) == [None] * 3


def test_a_currency_of_another_amount_is_not_that_of_the_booking() -> None:
    head = "Date,Description,Amount,Foreign Spend,Currency\n"
    rows = "".join(f"2024-01-{n},x,-1.00,,\n" for n in range(10, 20))
    statement = read_csv(f"{head}{rows}2024-01-20,x,-1.00,-1.10,USD\n".encode())
    assert {row.currency for row in statement.rows} == {None}


def test_one_foreign_row_of_thousands_is_seen() -> None:
    rows = "".join(f"2024-01-{1 + n % 28:02},row {n},-1.00,\n" for n in range(5_000))
    text = f"Date,Description,Amount,Currency\n{rows}"
    text = text.replace("row 3333,-1.00,", "row 3333,-1.00,usd")
    assert [row.currency for row in read_csv(text.encode()).rows if row.currency] == ["USD"]


def test_a_rate_or_a_date_named_like_a_currency_is_none() -> None:
    assert _told(_read(["1.08", "1.09"], "Currency")) == [None, None]
    assert _told(_read(["2024-02-10", "2024-02-11"], "Valuta")) == [None, None]


def test_small_codes_are_evidence_for_the_decimal_mark() -> None:
    statement = _read(["kwd", "kwd"], amount="-1.525", home="KWD")
    assert [row.amount for row in statement.rows] == [Decimal("-1.525")] * 2
    assert "decimalMark" not in [question.field for question in statement.questions]


def _signs(*amounts: str, home: str | None = "EUR", **mapping: object) -> Statement:
    rows = "".join(f'2024-01-{n + 10},row {n},"{a}"\n' for n, a in enumerate(amounts))
    given = CsvMapping.model_validate(mapping) if mapping else None
    return read_csv(f"Date,Description,Amount\n{rows}".encode(), given, home_currency=home)


@pytest.mark.parametrize(
    ("amounts", "home", "choices"),
    [
        (["-$3.20", "$5.00"], "EUR", ("USD", "EUR")),
        (["-$3.20", "5.00"], "EUR", ("USD", "EUR")),
        (["-€3.20", "€5.00"], "USD", ("EUR", "USD")),
        (["-3.20 eur", "5.00 eur"], "USD", ("EUR", "USD")),
        (["-3.20 kr"], "EUR", ("DKK", "EUR")),
        (["-£3.20", "$1.00"], "EUR", ("USD", "GBP", "EUR")),
    ],
)
def test_a_sign_of_another_currency_is_asked_about(amounts, home, choices) -> None:
    statement = _signs(*amounts, home=home)
    (question,) = [one for one in statement.questions if one.field == "currency"]
    assert question.choices == choices
    assert home in question.message
    # The guess is the account's, and an answer settles it.
    assert _told(statement) == [None] * len(amounts)
    answered = _signs(*amounts, home=home, currency=choices[0])
    assert _told(answered) == [choices[0]] * len(amounts)
    assert "currency" not in [one.field for one in answered.questions]


@pytest.mark.parametrize(
    ("amounts", "home"),
    [
        (["-$3.20", "$5.00"], "USD"),
        (["-$3.20", "$5.00"], "CAD"),
        (["-€3.20"], "EUR"),
        (["-3.20 eur"], "EUR"),
        (["-3.20 kr"], "SEK"),
        (["-¥320"], "JPY"),
        (["-3.20"], "EUR"),
        (["-$3.20"], None),
    ],
)
def test_a_sign_that_agrees_with_the_account_is_not_asked_about(amounts, home) -> None:
    assert _signs(*amounts, home=home).questions == ()


def test_a_foreign_sign_among_own_ones_fails_its_row() -> None:
    statement = _signs("-€3.20", "-$4.00", "-€1.00")
    assert _told(statement) == [None, BAD, None]
    assert statement.questions == ()
    problem = statement.rows[1].problem
    assert problem is not None
    assert "USD" in problem.reason


@pytest.mark.parametrize(
    ("home", "choices"), [("KWD", (".", ",")), ("TND", (".", ",")), ("EUR", (",", "."))]
)
def test_three_digits_of_the_accounts_money_are_likelier_than_thousands(
    home: str, choices: tuple[str, str]
) -> None:
    statement = _signs("-1.250", "-2.500", home=home)
    (asked,) = [one for one in statement.questions if one.field == "decimalMark"]
    assert tuple(asked.choices) == choices
    assert str(statement.rows[0].amount) == ("-1.250" if choices[0] == "." else "-1250")
