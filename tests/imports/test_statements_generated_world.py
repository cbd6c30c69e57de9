"""Tables as banks of many countries write them, made up: encoding, words, money, footers, balances."""

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.statements import read_csv


@dataclass(frozen=True)
class Country:
    """How banks of one country write."""

    encodings: tuple[str, ...]
    headers: tuple[str, str, str, str]
    """Of date, text, amount and balance."""
    texts: tuple[str, ...]
    code: str
    signs: tuple[str, ...]
    marks: tuple[tuple[str, str], ...]
    days: tuple[str, ...]
    total: str


COUNTRIES = {
    "ru": Country(
        ("utf-8", "cp1251", "utf-16"), ("Дата", "Описание", "Сумма", "Баланс"),
        ("Магазин продукты", "Платёж за услуги", "Перевод средств"), "RUB", ("₽", "RUB"),
        ((",", " "), (",", "")), ("%d.%m.%Y", "%d.%m.%y"), "Итого",
    ),
    "jp": Country(
        ("utf-8", "euc-jp", "shift_jis"), ("日付", "摘要", "金額", "残高"),
        ("カード決済スーパー", "口座振替 水道", "電気料金の支払い"), "JPY", ("円", "JPY"),
        ((".", ","),), ("%Y/%m/%d", "%Y-%m-%d"), "合計",
    ),
    "pl": Country(
        ("utf-8", "cp1250", "utf-8-sig"), ("Data", "Opis", "Kwota", "Saldo"),
        ("Zakupy żywność", "Płatność kartą", "Przelew wychodzący łączny"), "PLN", ("zł", "PLN"),
        ((",", " "), (",", ".")), ("%Y-%m-%d", "%d.%m.%Y"), "Razem",
    ),
    "de": Country(
        ("utf-8", "cp1252", "iso8859-15"), ("Buchungstag", "Verwendungszweck", "Betrag", "Saldo"),
        ("Überweisung März", "Lastschrift Nr. 7", "Bäckerei Übel & Söhne"), "EUR", ("€", "EUR"),
        ((",", "."), (",", "")), ("%d.%m.%Y", "%d.%m.%y"), "Summe",
    ),
    "us": Country(
        ("ascii", "utf-8", "utf-16-le"), ("Date", "Description", "Amount", "Balance"),
        ("GROCERY STORE 12", "Acme Inc. #77", "Rent, paid by check"), "USD", ("$", "USD"),
        ((".", ","), (".", "")), ("%m/%d/%Y", "%Y-%m-%d"), "Total",
    ),
    "in": Country(
        ("ascii", "utf-8"), ("Txn Date", "Narration", "Amount", "Closing Balance"),
        ("UPI 1234 groceries", "NEFT N12 Acme Ltd", "POS 77 Bazaar"), "INR", ("₹", "INR", "Rs."),
        ((".", ","),), ("%d/%m/%Y", "%d-%b-%Y"), "Total",
    ),
}  # fmt: skip


_NARROW = frozenset({"cp1250", "cp1251", "cp1252", "iso8859-15", "euc-jp", "shift_jis"})


@dataclass(frozen=True)
class Page:
    """A file, and what it says."""

    data: bytes
    code: str
    rows: list[tuple[date, str, Decimal]]
    narrow: bool
    """Whether a few words in an old encoding are too little to tell it by."""


def _figure(value: Decimal, mark: str, group: str, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}".replace(",", "\0").replace(".", mark)
    return ("-" if value < 0 else "") + text.replace("\0", group)


@st.composite
def pages(draw) -> Page:
    """A page whose days and figures leave nothing open."""
    country = COUNTRIES[draw(st.sampled_from(sorted(COUNTRIES)))]
    encoding = draw(st.sampled_from(country.encodings))
    mark, group = draw(st.sampled_from(country.marks))
    digits = 0 if country.code == "JPY" else 2
    minor = st.integers(1, 10**8).map(lambda n: n + (n % 10 == 0))
    moves = [-draw(minor), draw(minor), *draw(st.lists(minor | minor.map(int.__neg__), max_size=6))]
    form = draw(st.sampled_from(country.days))
    start = date(2026, draw(st.integers(1, 12)), 14)
    days = [start + timedelta(days=n) for n in range(len(moves))]
    texts = draw(st.lists(st.sampled_from(country.texts), min_size=len(moves), max_size=len(moves)))
    sign = draw(st.sampled_from(("", *country.signs)))
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        sign = country.code
    behind = draw(st.booleans()) or sign == "円"
    beside, balances = draw(st.booleans()), draw(st.booleans())
    delimiter = draw(st.sampled_from([";", "\t"] if "," in (mark, group) else [",", ";", "\t"]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))  # fmt: skip
    for line in draw(st.sampled_from(([], [["12-3456"], []], [[country.headers[1], "A. B."], []]))):
        writer.writerow(line)
    header = list(country.headers[:3]) + ([country.headers[3]] if balances else [])
    writer.writerow(header)
    balance, rows = draw(st.integers(10**6, 10**8)), []
    for day, text, move in zip(days, texts, moves, strict=True):
        balance += move
        value = Decimal(move).scaleb(-digits)
        plain = _figure(value, mark, group, digits)
        if beside and sign:
            plain = f"{plain} {sign}" if behind else f"{sign}{plain}" if sign in "$₹" else f"{sign} {plain}"  # fmt: skip
        cells = [day.strftime(form), text, plain]
        if balances:
            cells.append(_figure(Decimal(balance).scaleb(-digits), mark, group, digits))
        writer.writerow(cells)
        rows.append((day, text, value))
    if draw(st.booleans()):
        total = _figure(sum((row[2] for row in rows), Decimal(0)), mark, group, digits)
        writer.writerow([country.total, "", total] + ([""] if balances else []))
    narrow = encoding in _NARROW and len(set(texts)) < len(country.texts)
    return Page(out.getvalue().encode(encoding), country.code, rows, narrow)


@settings(max_examples=60, deadline=None)
@given(pages())
def test_pages_of_many_countries_are_read_as_they_were_written(page: Page) -> None:
    statement = read_csv(page.data, home_currency=page.code)
    good = [row for row in statement.rows if row.problem is None]
    assert [(row.date, row.amount) for row in good] == [(day, value) for day, _, value in page.rows]
    assert {row.currency for row in good} <= {None, page.code}
    if not page.narrow:
        assert [row.description for row in good] == [text for _, text, _ in page.rows]
    assert statement.questions == ()
    assert all(row.problem.decision == "SKIPPED" for row in statement.rows if row.problem)
