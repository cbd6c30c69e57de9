"""LITAS-ESIS, workbooks, and how a format is told by what a file holds."""

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, StatementError, read_file
from resolvers.statements.formats import format_of
from resolvers.statements.formats.xlsx_guard import check_workbook, is_workbook

LITAS = (
    "000\t20120304\t\tAGBLLT2X\tBank\t40100\tStreet\t\t\t\tAda\t1\tStreet\t\t\tBank\tLT12\tLTL\tM\r\n"
    "020\tLikutisPR\t20120101\t\t10000\t10000\r\n"
    "010\t8511\t20120127\t\t100\t100\tD\t\t\t08511\t1987555498\t\t\tMokestis už sąskaitą\tX\tBankas"
    '\tLT99\tUAB "Ąžuolas"\r\n'
    "010\t2300\t20120217\t\t30000\t30000\tC\t\t\t66\t2003969289\t\t\tHello\r\n"
    "010\t2300\t20121317\t\t1\t1\tC\r\n"
    "010\t2300\t20120217\t\tx\t1\tC\r\n"
    "010\t2300\t20120217\t\t1\t1\tZ\r\n"
    "020\tLikutisPB\t20120304\t\t39900\t39900\r\n"
    "999\t9\r\n"
)


def read(data: bytes, **given) -> Statement:
    return read_file(data, CsvMapping.model_validate(given))


@pytest.mark.parametrize("codec", ["cp1257", "utf-8", "utf-16"])
def test_litas(codec: str) -> None:
    statement = read(LITAS.encode(codec))
    assert statement.format == "LITAS-ESIS"
    first, second, *bad = statement.rows
    assert (first.line, first.date, first.amount) == (3, date(2012, 1, 27), Decimal("-1.00"))
    assert (first.description, first.payee) == ("Mokestis už sąskaitą", 'UAB "Ąžuolas"')
    assert (first.external_id, first.currency) == ("1987555498", "LTL")
    assert first.notes == "Number: 08511; Account: LT99; Bank: Bankas"
    assert second.amount == Decimal("300.00")
    assert [(r.line, r.problem.code) for r in bad if r.problem] == [
        (5, "BAD_DATE"),
        (6, "BAD_AMOUNT"),
        (7, "BAD_FLAG"),
    ]
    (section,) = statement.sections
    assert (section.account, section.bank, section.proven) == ("LT12", "AGBLLT2X", True)
    assert statement.warnings == ()


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("Date,Amount\n2024-01-01,1.00\n", "CSV"),
        ("OFXHEADER:100\nDATA:OFXSGML\n", "OFX"),
        ("\n\n OFXHEADER : 100\n", "OFX"),
        ("<OFX><SIGNONMSGSRSV1>", "OFX"),
        ("<?xml version='1.0'?><!-- x --><?OFX VERSION='200'?><OFX>", "OFX"),
        ("!Type:Bank\nD1/1/24\n", "QIF"),
        ("# comment\n\n!Account\n", "QIF"),
        ("D01/02/2024\nT-5.00\nPShop\n^\n", "QIF"),
        ("D01/02/2024,T-5.00\n^\n", "CSV"),
        (":20:X\n:25:1/2\n", "MT940"),
        ("{1:F01X}{4:\n:20:X\n:25:1\n", "MT940"),
        ("{1:F01X}{4::20:X\n:25:1\n", "CSV"),
        (":25:1\n:60F:C240101EUR1,\n:61:240101C1,NMSC\n", "MT940"),
        (":20:X\nonly one tag\n", "CSV"),
        ("000\tx\n010\ty\n", "LITAS-ESIS"),
        ("000\tx\nsome table\ty\n", "CSV"),
        ("<x:Document xmlns:x='urn:iso:std:iso:20022:tech:xsd:camt.054.001.02'>", "CAMT"),
        ("<Document><BkToCstmrAcctRpt>", "CAMT"),
        ("<html><body>camt.053 <OFX></body></html>", "MARKUP"),
        ("<Document><x/></Document>", "MARKUP"),
        ("", "CSV"),
    ],
)
def test_formats_are_told_by_content(text: str, format_: str) -> None:
    assert format_of(text) == format_


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b" \r\n\x00", "EMPTY_FILE"),
        (b"%PDF-1.7\n", "NOT_TEXT"),
        (b"\x1f\x8b\x08\x00rest", "NOT_TEXT"),
        (b"<html><body>Please sign in</body></html>", "UNSUPPORTED_FORMAT"),
        (b"<?xml version='1.0'?><Document><pain.001/></Document>", "UNSUPPORTED_FORMAT"),
        (bytes(range(1, 32)) * 400, "NOT_TEXT"),
    ],
)
def test_what_is_no_statement_is_named(data: bytes, code: str) -> None:
    with pytest.raises(StatementError) as refused:
        read(data)
    assert refused.value.code == code


def book(*sheets: str, **parts: str | bytes) -> bytes:
    """A workbook of sheets given as their rows in XML, and of further parts."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    numbers = range(1, len(sheets) + 1)
    listed = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="s{n}"/>' for n in numbers)
    links = "".join(
        f'<Relationship Id="s{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
        for n in numbers
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}">{links}</Relationships>',
    }
    for number, rows in zip(numbers, sheets, strict=True):
        data = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        files[f"xl/worksheets/s{number}.xml"] = data
    files |= parts
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # Made here, for a test of two hundred megabytes is no parameter.
            archive.writestr(name, data if data != b"BOMB" else b"\0" * 210_000_000)
    return out.getvalue()


def cells(number: int, *values: str) -> str:
    """A row of a sheet: figures as numbers, anything else as text."""
    made = ""
    for place, value in enumerate(values):
        at = f'r="{chr(65 + place)}{number}"'
        if value.lstrip("-").replace(".", "").isdigit():
            made += f"<c {at}><v>{value}</v></c>"
        else:
            made += f'<c {at} t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<row r="{number}">{made}</row>'


TABLE = (
    cells(2, "Date", "Text", "Amount")
    + cells(3, "2024-01-31", "Coffee", "-1.5")
    + cells(5, "2024-02-01", "Tea", "1234.567")
)


@pytest.mark.parametrize(
    ("rows", "parts", "code"),
    [
        (
            cells(1, "x") + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
            {},
            "TOO_MANY_ROWS",
        ),
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', {}, "TOO_MANY_COLUMNS"),
        ("<row r = '200001'/>", {}, "TOO_MANY_ROWS"),
        (TABLE, {"xl/evil.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}, "UNSAFE_FILE"),
        (TABLE, {"xl/wide.xml": "<a/>".encode("utf-16")}, "UNSAFE_FILE"),
        (TABLE, {"xl/old.xml": "<?xml version='1.0' encoding='iso-8859-1'?><a/>"}, "UNSAFE_FILE"),
        (TABLE, {"xl/bomb.bin": b"BOMB"}, "TOO_LARGE"),
        (TABLE, {f"xl/{n}": b"" for n in range(1_001)}, "UNSAFE_FILE"),
    ],
    ids=["far row", "far column", "row number", "entity", "utf-16", "latin", "bomb", "parts"],
)
def test_workbooks_made_to_do_harm_are_never_opened(rows: str, parts: dict, code: str) -> None:
    data = book(rows, **parts)
    assert is_workbook(data)
    with pytest.raises(StatementError) as refused:
        check_workbook(data, 200_000, 64)
    assert refused.value.code == code
    with pytest.raises(StatementError) as also:
        read(data)
    assert also.value.code == code


def test_damaged_and_locked_workbooks_and_other_archives_are_named() -> None:
    whole = book(TABLE)
    check_workbook(whole, 200_000, 64)
    flipped = bytearray(whole)
    flipped[200] ^= 255
    locked = bytearray(whole)
    for place in (whole.index(b"PK\x01\x02") + 8, 6):
        locked[place] |= 1
    for data, code in (
        (whole[:-60], "DAMAGED_FILE"),
        (bytes(locked), "UNSUPPORTED_FORMAT"),
        (whole.replace(b"xl/workbook.xml", b"xl/workbxxk.xml"), "NOT_TEXT"),
    ):
        with pytest.raises(StatementError) as refused:
            read(data)
        assert refused.value.code == code
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("camt.xml", "<Document/>")
    with pytest.raises(StatementError) as refused:
        read(archive.getvalue())
    assert refused.value.code == "NOT_TEXT"


def test_a_workbook_is_read_as_the_table_it_holds() -> None:
    pytest.importorskip("python_calamine", reason="the library for workbooks is not installed")
    statement = read(book(cells(1, "Notes"), TABLE))
    assert statement.format == "XLSX"
    assert [(r.line, r.date, str(r.amount), r.description) for r in statement.rows] == [
        (3, date(2024, 1, 31), "-1.50", "Coffee"),
        (5, date(2024, 2, 1), "1234.5670", "Tea"),
    ]
    assert statement.detected.delimiter is None
    with pytest.raises(StatementError) as refused:
        read(book(cells(1, "Notes")))
    assert refused.value.code == "NO_TABLE"
