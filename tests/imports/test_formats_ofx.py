"""OFX and QFX: SGML without ends, XML, and what banks do to both."""

from datetime import date
from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, StatementError, read_file

HEADER = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\n"
    "CHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)
ACCOUNT = "<STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>10020030<ACCTID>1234567</BANKACCTFROM>"


def row(amount: str = "-1.00", day: str = "20240131", **more: str) -> str:
    """One transaction of SGML; the names of further tags come as keywords."""
    rest = "".join(f"<{name}>{value}\n" for name, value in more.items())
    return f"<STMTTRN>\n<TRNTYPE>OTHER\n<DTPOSTED>{day}\n<TRNAMT>{amount}\n{rest}</STMTTRN>\n"


def sgml(*rows: str, tail: str = "") -> str:
    """A whole file."""
    inner = "".join(rows)
    return f"{HEADER}<OFX>{ACCOUNT}\n<BANKTRANLIST>\n{inner}</BANKTRANLIST>{tail}</STMTRS></OFX>"


def read(text: str | bytes, **given) -> Statement:
    data = text if isinstance(text, bytes) else text.encode("cp1252")
    return read_file(data, CsvMapping.model_validate(given))


def amounts(statement: Statement) -> list[str]:
    return [str(one.amount) for one in statement.rows if one.problem is None]


def test_a_whole_statement() -> None:
    tail = "<LEDGERBAL><BALAMT>90.50<DTASOF>20240201</LEDGERBAL><AVAILBAL><BALAMT>1.00</AVAILBAL>"
    first = row("-9.50", FITID="A1", NAME="Café", MEMO="two coffees", CHECKNUM="17")
    statement = read(sgml(first, row("100", FITID="A2"), tail=tail))
    assert statement.format == "OFX"
    assert statement.detected.encoding == "cp1252"
    one, two = statement.rows
    assert (one.line, one.date, one.amount) == (13, date(2024, 1, 31), Decimal("-9.50"))
    assert (one.payee, one.description) == ("Café", "two coffees")
    assert (one.external_id, one.notes, one.currency) == ("A1", "Number: 17", "EUR")
    assert (two.description, two.external_id) == ("Other", "A2")
    (section,) = statement.sections
    assert (section.account, section.bank, section.currency) == ("1234567", "10020030", "EUR")
    assert (section.opening, section.closing, section.proven) == (None, Decimal("90.50"), None)
    assert (section.rows, section.total) == (2, Decimal("90.50"))
    assert statement.warnings == ()


def test_ends_may_be_missing_everywhere() -> None:
    bare = sgml(row("-1"), row("-2")).replace("</STMTTRN>\n", "").replace("</BANKTRANLIST>", "")
    assert amounts(read(bare)) == ["-1", "-2"]
    cut = sgml(row("-1"), row("-2", MEMO="last")).partition("</BANKTRANLIST>")[0]
    assert amounts(read(cut)) == ["-1", "-2"]


def test_all_on_one_line() -> None:
    text = sgml(row("-1", NAME="A"), row("2", NAME="B")).replace("\r\n", "").replace("\n", "")
    statement = read(text)
    assert amounts(statement) == ["-1", "2"]
    assert [one.description for one in statement.rows] == ["A", "B"]


def test_xml_with_processing_instruction_and_prefix() -> None:
    body = (
        '<?xml version="1.0" encoding="utf-16"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n'
        "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>usd</CURDEF><BANKTRANLIST>\n"
        "<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20240131120000.000[-5:EST]</DTPOSTED>"
        "<TRNAMT> 12.5 </TRNAMT><FITID>x</FITID><NAME>A &amp; B &#233;</NAME><MEMO/></STMTTRN>"
        "</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    )
    for text in (body, body.replace("<", "<o:").replace("<o:/", "</o:").replace("<o:?", "<?")):
        (one,) = read(text).rows
        assert (one.amount, one.currency, one.payee) == (Decimal("12.5"), "USD", "A & B é")
        assert (one.date, one.line) == (date(2024, 1, 31), 4)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Fish & Chips", "Fish & Chips"),
        ("Fish &amp; Chips", "Fish & Chips"),
        ("&amp;lt;PAY&amp;gt;", "<PAY>"),
        ("A < B", "A < B"),
        ("me <me@example.org> you", "me <me@example.org> you"),
        ("<![CDATA[Fish & <b>Chips</b>]]>", "Fish & <b>Chips</b>"),
        ('3/12 "quoted"', '3/12 "quoted"'),
        ("two\n  lines", "two lines"),
    ],
)
def test_signs_that_should_have_been_escaped(written: str, meant: str) -> None:
    (one,) = read(sgml(row(MEMO=written))).rows
    assert (one.description, one.problem) == (meant, None)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("20240131", date(2024, 1, 31)),
        ("20240131000000", date(2024, 1, 31)),
        ("20240131235959.999[-8:PST]", date(2024, 1, 31)),
        ("20240131000000[+5.30:IST]", date(2024, 1, 31)),
        ("202401311120", date(2024, 1, 31)),
        ("2024-01-31", date(2024, 1, 31)),
        ("2024-01-31T10:00:00", date(2024, 1, 31)),
        ("20240132", None),
        ("00000000", None),
        ("soon", None),
    ],
)
def test_dates(written: str, day: date | None) -> None:
    (one,) = read(sgml(row(day=written))).rows
    assert one.date == day
    assert (one.problem is None) == (day is not None)


def test_the_day_of_the_person_stands_in_for_a_missing_one() -> None:
    (one,) = read(sgml(row(day="", DTUSER="20240130"))).rows
    assert (one.date, one.problem) == (date(2024, 1, 30), None)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (["-200,00", "1.500"], ["-200.00", "1500"]),
        (["-200.00", "1,500"], ["-200.00", "1500"]),
        (["1.500"], ["1.500"]),
        (["1,500"], ["1.500"]),
        (["-1 234,56"], ["-1234.56"]),
        (["+5.00", "-.5"], ["5.00", "-0.5"]),
        (["- 12.00"], ["-12.00"]),
        (["1303.7355652284177"], ["1303.7355652284177"]),
        (["12"], ["12"]),
    ],
)
def test_amounts(written: list[str], read_as: list[str]) -> None:
    assert amounts(read(sgml(*map(row, written)))) == read_as


def test_one_bad_record_fails_alone() -> None:
    rows = [row("-1"), row("twelve"), row("-2", day="bad"), row(""), row("-3")]
    statement = read(sgml(*rows))
    assert amounts(statement) == ["-1", "-3"]
    failed = [(r.line, r.problem.decision, r.problem.code) for r in statement.rows if r.problem]
    assert failed == [
        (18, "FAILED", "BAD_AMOUNT"),
        (23, "FAILED", "BAD_DATE"),
        (28, "FAILED", "BAD_AMOUNT"),
    ]
    reasons = [r.problem.reason for r in statement.rows if r.problem]
    assert reasons[0] == "'twelve' is no amount."
    assert reasons[2] == "The record has no amount."


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("1252", "utf-8"), ("1251", "cp1251"), ("ISO-8859-1", "cp1252"), ("8859-2", "iso8859-2")],
)
def test_charsets(charset: str, codec: str) -> None:
    name = "Żółć" if codec == "iso8859-2" else "Ёлка" if codec == "cp1251" else "Café"
    text = sgml(row(NAME=name)).replace("CHARSET:1252", f"CHARSET:{charset}")
    (one,) = read(text.encode(codec)).rows
    assert one.payee == name


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_that_says_1252_and_is_unicode(codec: str) -> None:
    (one,) = read(sgml(row(NAME="Ωμέγα 漢字")).encode(codec)).rows
    assert one.payee == "Ωμέγα 漢字"


def test_several_accounts_and_currencies() -> None:
    card = (
        "<CCSTMTRS><CURDEF>USD<CCACCTFROM><ACCTID>4111</CCACCTFROM><BANKTRANLIST>"
        + row("-5.00", FITID="B1")
        + "</BANKTRANLIST><LEDGERBAL><BALAMT>-5.00</LEDGERBAL></CCSTMTRS>"
    )
    text = sgml(row("-1.00", FITID="A1")).replace("</OFX>", f"{card}</OFX>")
    statement = read(text)
    assert [(r.amount, r.currency) for r in statement.rows] == [
        (Decimal("-1.00"), "EUR"),
        (Decimal("-5.00"), "USD"),
    ]
    assert [(s.account, s.currency, s.closing) for s in statement.sections] == [
        ("1234567", "EUR", None),
        ("4111", "USD", Decimal("-5.00")),
    ]
    assert "2 accounts (1234567, 4111)" in statement.warnings[0]
    only = read(text, account="4111")
    assert amounts(only) == ["-5.00"]
    assert [r.problem.code for r in only.rows if r.problem] == ["OTHER_ACCOUNT"]
    by_number = read_file(text.encode(), account_number="DE05 1002 0030 0001 2345 67")
    assert amounts(by_number) == ["-1.00"]
    with pytest.raises(StatementError) as refused:
        read(text, account="99")
    assert refused.value.code == "BAD_MAPPING"
    assert "1234567, 4111" in refused.value.message


def test_currency_of_a_row_and_original_currency() -> None:
    own = row("-7", CURRENCY="").replace(
        "<CURRENCY>\n", "<CURRENCY><CURRATE>1.1<CURSYM>GBP</CURRENCY>"
    )
    was = row("-8", ORIGCURRENCY="").replace(
        "<ORIGCURRENCY>\n", "<ORIGCURRENCY><CURRATE>0.9<CURSYM>CHF</ORIGCURRENCY>"
    )
    first, second = read(sgml(own, was)).rows
    assert (first.currency, second.currency) == ("GBP", "EUR")
    assert second.notes == "Original currency: CHF; Rate: 0.9"


def test_payee_and_account_of_the_other_side() -> None:
    more = (
        "<PAYEE><NAME>Landlord<ADDR1>Street 1</PAYEE><BANKACCTTO><BANKID>1<ACCTID>777</BANKACCTTO>"
    )
    text = sgml(row("-500")).replace("</STMTTRN>", f"{more}<MEMO>Rent</STMTTRN>")
    statement = read(text)
    (one,) = statement.rows
    assert (one.payee, one.description, one.notes) == ("Landlord", "Rent", "Account: 777")
    assert statement.sections[0].account == "1234567"


def test_what_is_pending_or_taken_back_or_a_trade() -> None:
    pending = (
        "<BANKTRANLISTP><STMTTRNP><TRNAMT>-4<DTTRAN>20240202<NAME>Hotel</STMTTRNP></BANKTRANLISTP>"
    )
    undone = row("-1", CORRECTFITID="A1", CORRECTACTION="DELETE")
    text = sgml(row("-3"), undone).replace("</STMTRS>", f"{pending}</STMTRS>")
    statement = read(text)
    assert [(r.problem.code if r.problem else None) for r in statement.rows] == [
        None,
        "CORRECTION",
        "PENDING",
    ]
    assert amounts(read(text, includePending=True)) == ["-3", "-4"]


def test_trades_are_told_and_money_beside_them_is_booked() -> None:
    text = (
        f"{HEADER}<OFX><INVSTMTRS><CURDEF>USD<INVACCTFROM><BROKERID>b<ACCTID>9</INVACCTFROM>"
        "<INVTRANLIST><BUYSTOCK><INVBUY><INVTRAN><FITID>1<DTTRADE>20240105<MEMO>Buy ACME</INVTRAN>"
        "<UNITS>2<TOTAL>-20.00</INVBUY><BUYTYPE>BUY</BUYSTOCK><INVBANKTRAN>"
        + row("50.00", FITID="2")
        + "<SUBACCTFUND>CASH</INVBANKTRAN></INVTRANLIST></INVSTMTRS></OFX>"
    )
    trade, cash = read(text).rows
    assert trade.problem is not None
    assert (trade.problem.code, trade.amount, trade.description) == (
        "INVESTMENT",
        Decimal("-20.00"),
        "Buy ACME",
    )
    assert (cash.amount, cash.problem) == (Decimal("50.00"), None)


def test_amounts_without_signs_take_them_from_the_kinds() -> None:
    rows = [row("5.00"), row("7.00"), row("9.00")]
    kinds = ("DEBIT", "CREDIT", "FEE")
    typed = [one.replace("OTHER", kind) for one, kind in zip(rows, kinds, strict=True)]
    statement = read(sgml(*typed))
    assert amounts(statement) == ["-5.00", "7.00", "-9.00"]
    assert statement.detected.sign_rule == "FLAG_COLUMN"
    assert statement.warnings == (
        "No amount has a sign, so TRNTYPE says which of them are money out.",
    )
    assert amounts(read(sgml(*typed), signRule="SIGNED")) == ["5.00", "7.00", "9.00"]
    # One minus is enough: then the bank does sign its amounts, and kinds say nothing.
    assert amounts(read(sgml(*typed, row("-1.00")))) == ["5.00", "7.00", "9.00", "-1.00"]


def test_amounts_turned_round_on_a_card() -> None:
    typed = [row("5.00").replace("OTHER", "DEBIT"), row("-7.00").replace("OTHER", "CREDIT")]
    statement = read(sgml(*typed))
    assert amounts(statement) == ["-5.00", "7.00"]
    assert statement.detected.sign_rule == "NEGATED"
    assert amounts(read(sgml(row("5.00"), row("-7.00")), signRule="NEGATED")) == ["-5.00", "7.00"]


def test_ids_that_name_nothing_are_not_used() -> None:
    repeated = read(sgml(row(FITID="20240131100"), row(FITID="20240131100"), row(FITID="B")))
    assert [one.external_id for one in repeated.rows] == [None, None, "B"]
    counted = read(sgml(row(FITID="1"), row(FITID="2"), row(FITID="3")))
    assert [one.external_id for one in counted.rows] == [None, None, None]
    empty = read(sgml(row(FITID="0"), row(FITID="NONE")))
    assert [one.external_id for one in empty.rows] == [None, None]


def test_an_answer_that_is_an_error_is_told() -> None:
    text = (
        f"{HEADER}<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<SEVERITY>ERROR"
        "<MESSAGE>Signon invalid</STATUS></SONRS></SIGNONMSGSRSV1></OFX>"
    )
    with pytest.raises(StatementError) as refused:
        read(text)
    assert refused.value.code == "BANK_ERROR"
    assert refused.value.message.endswith("Signon invalid")
    empty = read(sgml())
    assert (empty.rows, empty.warnings) == ((), ("The file holds no transactions.",))


def test_what_belongs_to_tables_is_told_to_be_of_no_use() -> None:
    statement = read(sgml(row()), delimiter=";", columns={"date": "x"})
    assert statement.warnings == (
        "The file is OFX, not a table, so delimiter and columns were not used.",
    )
