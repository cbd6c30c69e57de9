"""Files that end too early: each says so, at whatever place it was cut."""

import pytest

from resolvers.statements import Statement, StatementError, read_file
from tests.imports.test_statements_corpus import CORPUS, entries

MT940 = """:20:START
:25:10020030/1234567
:28C:1/1
:60F:C240101EUR100,00
:61:2401020102D12,50NMSCNONREF
:86:Bread and butter
:61:2401030103C1000,00NMSCNONREF
:86:Wages
:61:2401040104D900,00NMSCNONREF
:86:Rent
:62F:C240104EUR187,50
-
"""
MT942 = """{1:F01X}{2:O942X}{4:
:20:START
:25:10020030/1234567
:28C:1/1
:34F:EUR0,00
:13D:2401041200+0100
:61:2401020102D12,50NMSCNONREF
:86:Bread and butter
:61:2401030103C1000,00NMSCNONREF
:86:Wages
-}
"""
OFX = """OFXHEADER:100

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR
<BANKTRANLIST>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20240102<TRNAMT>-12.50<FITID>1<NAME>Bread</STMTTRN>
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20240103<TRNAMT>1000.00<FITID>2<NAME>Wages</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20240104<TRNAMT>-900.00<FITID>3<NAME>Rent</STMTTRN>
</BANKTRANLIST>
<LEDGERBAL><BALAMT>187.50<DTASOF>20240104</LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
QIF = """!Type:Bank
D2024-01-02
T-12.50
PBread
^
D2024-01-03
T1000.00
PWages
^
D2024-01-24
T-900.00
PRent
^
"""
_FIELDS = "\t\t\t\tBread\tAGBLLT2X\tBank\tLT1\tBaker\t0\t\t\t\t\t\t\t\t"
LITAS = "\n".join(
    [
        "000\t20240104\t\tAGBLLT2X\tBank\t1\t\t\t\t\tAda\t0\tStreet\t\t\tBank\tLT222\tEUR",
        "020\tLikutisPR\t20240101\t\t10000\t10000",
        f"010\t1\t20240102\t\t1250\t1250\tD\t\t\t1\t0001{_FIELDS}",
        f"010\t1\t20240103\t\t100000\t100000\tC\t\t\t2\t0002{_FIELDS}",
        f"010\t1\t20240104\t\t90000\t90000\tD\t\t\t3\t0003{_FIELDS}",
        "020\tLikutisPB\t20240104\t\t18750\t18750",
        "999\t5\n",
    ]
)


def _camt() -> str:
    rows = "".join(
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2024-01-0{day}</Dt></BookgDt></Ntry>\n"
        for day, (amount, side) in enumerate((("12.50", "DBIT"), ("1000.00", "CRDT")), 2)
    )
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>\n'
        f"<Stmt><Acct><Id><IBAN>DE02</IBAN></Id></Acct>\n{rows}</Stmt></BkToCstmrStmt></Document>\n"
    )


FILES = {
    "MT940": MT940, "MT942": MT942, "OFX": OFX, "QIF": QIF, "LITAS-ESIS": LITAS,
    "CAMT.053": _camt(),
}  # fmt: skip


def good(statement: Statement) -> list[tuple[object, ...]]:
    return [(row.date, row.amount) for row in statement.rows if row.problem is None]


@pytest.mark.parametrize("name", FILES)
def test_no_place_to_cut_a_file_loses_rows_in_silence(name: str) -> None:
    text = FILES[name]
    whole = read_file(text.encode())
    assert (whole.format, whole.warnings) == (name, ())
    rows = good(whole)
    silent = []
    for end in range(1, len(text)):
        try:
            cut = read_file(text[:end].encode())
        except StatementError:
            continue
        if cut.format != name:
            # So little is left that it is no such file.
            continue
        told = any("cut off" in one or "no transactions" in one for one in cut.warnings)
        if good(cut) != rows and not told:
            silent.append(end)
    # Between two records QIF tells nothing, as it has no end of its own.
    between = [i for i in range(1, len(text)) if name == "QIF" and text[:i].rstrip()[-2:] == "\n^"]
    assert [end for end in silent if end not in between] == []


@pytest.mark.parametrize("name", FILES)
def test_the_line_is_named(name: str) -> None:
    text = FILES[name]
    cut = text[: text.index("Rent" if "Rent" in text else "1000") + 3]
    line = len(cut.splitlines())
    (told,) = [one for one in read_file(cut.encode()).warnings if "cut off" in one]
    assert f"line {line}" in told


def test_whole_files_of_banks_are_not_suspected() -> None:
    found = {}
    for entry in entries(tables=False):
        statement = read_file((CORPUS / entry["path"]).read_bytes(), home_currency="EUR")
        told = [one for one in statement.warnings if "cut off" in one or ":62F:" in one]
        if told:
            found[entry["path"]] = told
    assert found == {}


TABLE = (
    "Date;Payee;Note;Amount\r\n"
    "2026-01-05;Baker;bread;-3,50\r\n"
    "2026-01-06;Employer;wages;1.000,00\r\n"
    "2026-01-07;Landlord;rent;-912,34"
)


def ends(text: str) -> tuple[list[str | None], list[str]]:
    statement = read_file(text.encode())
    codes = [None if row.problem is None else row.problem.code for row in statement.rows]
    return codes, [warning.partition(".")[0] for warning in statement.warnings]


@pytest.mark.parametrize("left", range(1, 32))
def test_a_table_that_ends_within_a_line_books_no_half_of_it(left: int) -> None:
    whole = TABLE.rindex("2026")
    assert len(TABLE) - whole == 32
    cut = TABLE[: whole + left]
    assert ends(cut) == ([None, None, "CUT_OFF"], ["The file seems to be cut off in line 4"])


def test_a_table_whose_last_line_is_whole_needs_no_end_of_it() -> None:
    for text in (TABLE, TABLE + "\r\n", TABLE[: TABLE.rindex("\r\n")]):
        codes, warnings = ends(text)
        assert (set(codes), warnings) == ({None}, [])
    pair = "Date,Payee,Out,In\n2026-01-05,A,,3.50\n2026-01-06,B,,3.00\n2026-01-07,C,4.00,"
    assert ends(pair) == ([None] * 3, [])
    assert ends(pair + "5.0")[0] == [None, None, "CUT_OFF"]
    # As many decimals as each amount needs.
    short = "Date,Payee,Amount\n2026-01-05,A,-3.5\n2026-01-06,B,-3.25\n2026-01-07,C,-3.75\n"
    assert ends(short + "2026-01-08,D,-4") == ([None] * 4, [])
    assert ends(short.replace("-3.5\n", "-3.51\n") + "2026-01-08,D,-4") == ([None] * 4, [])
    # Lines below a table are no cut rows of it.
    assert ends(TABLE + "\r\nMade on 2026-01-08")[1] == []
    assert ends(TABLE + "\r\nSum;;;84,16")[1] == []


def test_a_table_that_lacks_less_than_an_amount_says_so_and_books_it() -> None:
    text = (
        "Date,Payee,Amount,Balance,Note\n2026-01-05,A,-3.50,96.50,x\n2026-01-06,B,-6.00,90.50,y\n"
    )
    told = ["The file seems to be cut off in line 4"]
    assert ends(text + "2026-01-07,C,-7.00,83.50") == ([None] * 3, told)
    without = text.replace(",Note", "").replace(",x", "").replace(",y", "")
    assert ends(without + "2026-01-07,C,-7.00,83.") == ([None] * 3, told)
    assert ends(without + "2026-01-07,C,-7.") == ([None, None, "CUT_OFF"], told)


def test_a_line_with_other_delimiters_is_not_taken_for_a_notice() -> None:
    lines = TABLE.split("\r\n")
    mixed = "\n".join([*lines, "2026-01-08\tBaker\tcake\t-4,50", "Thank you; come again", ""])
    statement = read_file(mixed.encode())
    found = [
        (row.line, row.problem.decision, row.problem.code) for row in statement.rows if row.problem
    ]
    assert found == [(5, "FAILED", "OTHER_DELIMITER"), (6, "SKIPPED", "NOTICE")]
