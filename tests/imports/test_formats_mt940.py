"""MT940 and MT942: marks, dates without a year, and the free text of many countries."""

from datetime import date
from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, read_file


def mt(*fields: str, opening: str = "C240101EUR100,00", closing: str | None = None) -> str:
    """One message with the given fields between its balances."""
    head = [":20:STARTUMS", ":25:10020030/1234567", ":28C:1/1", f":60F:{opening}"]
    tail = [f":62F:{closing}"] if closing else []
    return "\r\n".join([*head, *fields, *tail, "-", ""])


def read(text: str | bytes, **given) -> Statement:
    data = text.encode() if isinstance(text, str) else text
    return read_file(data, CsvMapping.model_validate(given))


def one(*fields: str):
    """The only row of a message."""
    (row,) = read(mt(*fields)).rows
    return row


def test_a_whole_statement_proves_its_balances() -> None:
    text = mt(
        ":61:2401020103DR12,50NMSCNONREF//4711081542",
        ":86:105?00Lastschrift?20EREF+E-1?21SVWZ+Rent for Jan?32Land?33lord?31DE02?30BANKDE",
        ":61:240103C1000,NTRFREF 9",
        closing="C240103EUR1087,50",
    )
    statement = read(text)
    assert (statement.format, statement.warnings) == ("MT940", ())
    first, second = statement.rows
    assert (first.line, first.date, first.amount) == (5, date(2024, 1, 3), Decimal("-12.50"))
    assert (first.payee, first.description) == ("Land lord", "Rent for Jan")
    assert (first.external_id, first.currency) == ("4711081542", "EUR")
    assert first.notes == "Kind: Lastschrift; Account: DE02; Bank: BANKDE; End-to-end: E-1"
    assert (second.amount, second.description, second.notes) == (
        Decimal(1000),
        "REF 9",
        "Reference: REF 9",
    )
    (section,) = statement.sections
    assert (section.account, section.bank, section.currency) == ("1234567", "10020030", "EUR")
    assert (section.opening, section.closing, section.proven) == (
        Decimal("100.00"),
        Decimal("1087.50"),
        True,
    )


def test_balances_that_do_not_agree_are_told() -> None:
    statement = read(mt(":61:240102D12,50NMSC", closing="D240103EUR10,00"))
    assert statement.sections[0].proven is False
    (warning,) = statement.warnings
    assert warning == (
        "The balances of 1234567 on line 1 do not agree: 100.00 and the rows make 87.50, but the "
        "file states -10.00 (-97.50)."
    )


@pytest.mark.parametrize(
    ("mark", "amount"),
    [("C", "5"), ("D", "-5"), ("RC", "-5"), ("RD", "5"), ("CR", "5"), ("DR", "-5"), ("RCR", "-5"),
     ("RDR", "5"), ("d", "-5"), ("c", "5")],
)  # fmt: skip
def test_marks(mark: str, amount: str) -> None:
    assert str(one(f":61:2401020102{mark}5,NMSCX").amount) == amount


def test_the_balances_decide_on_a_reversal_that_is_meant_otherwise() -> None:
    entry = ":61:240102RC5,00NMSCX"
    said = read(mt(entry, closing="C240102EUR95,00"))
    assert (said.rows[0].amount, said.warnings) == (Decimal("-5.00"), ())
    other = read(mt(entry, closing="C240102EUR105,00"))
    assert other.rows[0].amount == Decimal("5.00")
    assert other.sections[0].proven is True
    (warning,) = other.warnings
    assert warning.startswith("Reversals (1) of the statement on line 1 count against their mark")
    neither = read(mt(entry, closing="C240102EUR99,00"))
    assert (neither.rows[0].amount, neither.sections[0].proven) == (Decimal("-5.00"), False)


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ("240102", date(2024, 1, 2)),
        ("2401020105", date(2024, 1, 5)),
        ("2401021230", date(2023, 12, 30)),
        ("2312310102", date(2024, 1, 2)),
        ("2403010229", date(2024, 2, 29)),
        ("2301020231", date(2023, 1, 2)),
        ("991231", date(1999, 12, 31)),
        ("240102 0105", date(2024, 1, 5)),
    ],
)
def test_booking_dates_lie_next_to_value_dates(dates: str, day: date) -> None:
    assert one(f":61:{dates}C5,00NMSCX").date == day


@pytest.mark.parametrize(
    ("written", "amount"),
    [("800,", "800"), ("0,5", "0.5"), ("1234,56", "1234.56"), ("1.234,56", "1234.56"),
     ("1234.56", "1234.56"), (",50", "0.50"), ("000000000070,00", "70.00")],
)  # fmt: skip
def test_amounts(written: str, amount: str) -> None:
    assert str(one(f":61:240102C{written}NMSCX").amount) == amount


def test_one_bad_record_fails_alone() -> None:
    statement = read(
        mt(":61:240102C1,00NMSC", ":61:249902C2,00NMSC", ":61:nonsense", ":61:240103C3,00NMSC")
    )
    assert [str(r.amount) for r in statement.rows if r.problem is None] == ["1.00", "3.00"]
    assert [(r.line, r.problem.code) for r in statement.rows if r.problem] == [
        (6, "BAD_DATE"),
        (7, "BAD_RECORD"),
    ]


def test_sepa_keywords_over_full_and_short_subfields() -> None:
    row = one(
        ":61:240102D17,90NDDTKREF+",
        ":86:105?00Basislastschrift?10931?20EREF+1046450041914",
        "?21KREF+2025112686347345587700?22000000001754",
        "?23MREF+5VYJ2258F7ZQG?24CRED+LU96ZZZ000000000000000?250058",
        "?26SVWZ+1046450041914/. Shop S?27.a r.l., your order at Shop",
        "?30PPLXLUL2?31LU8975?32Pay Europe S.a.r.l. et C Co?33.A",
    )
    assert row.description == "1046450041914/. Shop S.a r.l., your order at Shop"
    assert row.payee == "Pay Europe S.a.r.l. et C Co.A"
    assert row.notes == (
        "Kind: Basislastschrift; Account: LU8975; Bank: PPLXLUL2; End-to-end: 1046450041914; "
        "Customer: 2025112686347345587700000000001754; Mandate: 5VYJ2258F7ZQG; "
        "Creditor: LU96ZZZ0000000000000000058"
    )


@pytest.mark.parametrize("sign", ["?", "<", "~", "^", "@"])
def test_subfields_behind_any_sign(sign: str) -> None:
    text = f":86:020{sign}00Transfer{sign}20Invoice{sign}21 42{sign}32ACME{sign}38PL08 1060"
    row = one(":61:240102C1,00NMSC", text)
    assert (row.payee, row.description) == ("ACME", "Invoice 42")
    assert row.notes == "Kind: Transfer; Account: PL081060"


def test_the_dutch_way_of_strokes() -> None:
    row = one(
        ":61:240102D9,00N192NONREF",
        ":86:/TRTP/SEPA OVERBOEKING/IBAN/NL26VAYB8060476890/BIC/VAYBNL21/NAME/J",
        "ANSEN/REMI/Invoice 7/EREF/NOTPROVIDED",
    )
    assert (row.payee, row.description) == ("JANSEN", "Invoice 7")
    assert row.notes == "Kind: SEPA OVERBOEKING; Account: NL26VAYB8060476890; Bank: VAYBNL21"
    ing = one(
        ":61:240102C9,00NTRFEREF//000000001005",
        ":86:/EREF/E7//CNTP/NL32INGB0000012345/INGBNL2A/ING Shop/AMSTERDAM///REMI/USTD//Thanks/",
    )
    assert (ing.payee, ing.description) == ("ING Shop", "Thanks")
    assert "Account: NL32INGB0000012345" in (ing.notes or "")


def test_free_text_and_lines_without_any() -> None:
    row = one(":61:240102D9,00NMSC", ":86:CARD PAYMENT", "SHOP LONDON")
    assert row.description == "CARD PAYMENT SHOP LONDON"
    assert one(":61:240102D9,00NMSCNONREF", "Card transaction").description == "Card transaction"
    assert one(":61:240102D9,00NMSCNONREF").description == "NMSC"


def test_text_behind_the_balances_is_of_no_entry() -> None:
    text = mt(":61:240102D9,00NMSC", closing="C240102EUR91,00").replace(
        "-\r\n", ":86:the bank wishes a nice day\r\n-\r\n"
    )
    assert read(text).rows[0].description == "NMSC"


def test_messages_in_the_wrapping_of_swift() -> None:
    inner = mt(":61:240102C1,00NMSC", closing="C240102EUR101,00").removesuffix("-\r\n")
    text = f"{{1:F01BANKDEFF}}{{2:O940}}{{4:\r\n{inner}-}}{{5:}}{{1:F01}}{{4:\r\n{inner}-}}"
    statement = read(text)
    assert [section.proven for section in statement.sections] == [True, True]
    assert len(statement.rows) == 2


def test_pages_of_one_statement_and_dutch_heads() -> None:
    first = mt(":61:240102C1,00NMSC").replace("-\r\n", ":62M:C240102EUR101,00\r\n-\r\n")
    second = mt(":61:240103C2,00NMSC", opening="C240102EUR101,00", closing="C240103EUR103,00")
    text = "ABNANL2A\r\n940\r\nABNANL2A\r\n" + first + second.replace(":60F:", ":60M:")
    statement = read(text)
    assert statement.format == "MT940"
    assert [section.proven for section in statement.sections] == [True, True]
    assert statement.warnings == ()


def test_a_reference_that_stands_once_still_parts_the_statements() -> None:
    first = mt(":61:240102C1,00NMSC", closing="C240102EUR101,00").replace("-\r\n", "")
    second = mt(":61:240103C2,00NMSC", opening="D240102USD5,00", closing="D240103USD3,00")
    statement = read(first + second.partition("\r\n")[2].replace("1234567", "777"))
    assert [(s.account, s.currency, s.proven) for s in statement.sections] == [
        ("1234567", "EUR", True),
        ("777", "USD", True),
    ]
    assert [r.currency for r in statement.rows] == ["EUR", "USD"]


def test_interim_reports_tell_what_is_only_expected() -> None:
    text = (
        ":20:X\r\n:25:10020030/1234567\r\n:28C:1\r\n:34F:EURD0,\r\n:13D:2401021200+0100\r\n"
        ":61:240102ED4,00NMSCX\r\n:61:240102C1,00NMSCX\r\n:90D:1EUR4,00\r\n:90C:1EUR1,00\r\n-"
    )
    statement = read(text)
    assert statement.format == "MT942"
    expected, booked = statement.rows
    assert expected.problem is not None
    assert (expected.problem.decision, expected.problem.code) == ("SKIPPED", "PENDING")
    assert (expected.amount, booked.amount, booked.currency) == (Decimal(-4), Decimal(1), "EUR")
    assert [r.problem for r in read(text, includePending=True).rows] == [None, None]


def test_the_same_booking_in_two_reports_of_a_day_counts_once() -> None:
    entry = ":61:240102C1,00NMSCX//REF20240102001"
    other = ":61:240102C1,00NMSCX//REF20240102002"
    statement = read(mt(entry) + mt(entry, other))
    codes = [r.problem.code if r.problem else None for r in statement.rows]
    assert codes == [None, "REPEATED", None]
    # Inside one statement two equal lines are two bookings.
    twice = read(mt(entry, entry))
    assert [(r.problem, r.external_id) for r in twice.rows] == [(None, None), (None, None)]


def test_a_reference_too_plain_to_be_an_id_is_none() -> None:
    assert one(":61:240102C1,00NMSCX//55555").external_id is None
    assert one(":61:240102C1,00NMSCX//NONREF").external_id is None


@pytest.mark.parametrize(
    ("codec", "name"), [("cp1252", "Müller"), ("utf-8", "Łódź"), ("cp852", "Müller")]
)
def test_encodings(codec: str, name: str) -> None:
    text = mt(":61:240102C1,00NMSC", f":86:166?00Gutschrift?20Für {name}?32{name}")
    given = {"encoding": codec} if codec == "cp852" else {}
    assert read(text.encode(codec), **given).rows[0].payee == name
