"""Files of every format made to break a reader: bounded work, then rows or one clear error."""

from decimal import Decimal

import pytest

from resolvers.statements import Statement, StatementError, read_file

OFX = "OFXHEADER:100\n\n<OFX><STMTRS><CURDEF>EUR<BANKTRANLIST>"
OFX_ROW = "<STMTTRN><DTPOSTED>20240131<TRNAMT>-1.00</STMTTRN>"
QIF = "!Type:Bank\n"
QIF_ROW = "D31/12/24\nT-1.00\n^\n"
MT = ":20:X\n:25:1/2\n:60F:C240101EUR0,\n"
MT_ROW = ":61:240102D1,00NMSC\n"
CAMT = "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'><B><Stmt>"
CAMT_ROW = (
    "<Ntry><Amt Ccy='EUR'>1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>"
    "<BookgDt><Dt>2024-01-31</Dt></BookgDt></Ntry>"
)
CAMT_END = "</Stmt></B></Document>"
LITAS = "000\tx\n"
LITAS_ROW = "010\t1\t20240131\t\t100\t100\tD\n"
BIG = 1_200_000


def read(text: str) -> Statement:
    return read_file(text.encode("utf-8", "replace"), home_currency="EUR")


def booked(text: str) -> list[Decimal | None]:
    return [row.amount for row in read(text).rows if row.problem is None]


@pytest.mark.case("F02")
@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>" + CAMT + CAMT_ROW + CAMT_END,
        "<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'>" + CAMT + CAMT_ROW + CAMT_END,
        "<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>" + CAMT
        + "<Ntry>&f;</Ntry>" + CAMT_END,
        CAMT + "<a>" * 65,
        CAMT + "<a>" * 1_000_000,
        CAMT + "<a b='" + "x" * BIG + "'/>" + CAMT_END,
        CAMT + "<Ntry><AddtlNtryInf>" + "x" * BIG + "</AddtlNtryInf></Ntry>" + CAMT_END,
        "<!DOCTYPE OFX [<!ENTITY a 'a'>]>" + "<OFX>" + OFX_ROW + "</OFX>",
    ],
    ids=["laughs", "dtd", "file", "deep", "deeper", "attribute", "text", "ofx"],
)  # fmt: skip
def test_what_attacks_are_made_of_is_refused(text: str) -> None:
    with pytest.raises(StatementError) as refused:
        read(text)
    assert refused.value.code == "UNSAFE_FILE"


@pytest.mark.case("F04")
@pytest.mark.parametrize(
    ("text", "count"),
    [
        (OFX + OFX_ROW + "<" * BIG, 1),
        (OFX + OFX_ROW + "<![CDATA[" * (BIG // 9), 1),
        (OFX + OFX_ROW.replace("</", "<MEMO>" + "&amp;" * (BIG // 5) + "</"), 1),
        (OFX + OFX_ROW.replace("</", "<MEMO>x" * (BIG // 7) + "</"), 1),
        (OFX + OFX_ROW + "<A>" * (BIG // 3), 1),
        (OFX + "\x00" * 20 + OFX_ROW * 50, 50),
        (QIF + QIF_ROW + "\n" * BIG + QIF_ROW, 2),
        (QIF + QIF_ROW + "P" + "x" * BIG + "\n" + QIF_ROW, 2),
        (QIF + QIF_ROW.replace("^", "Sx\n" * (BIG // 3) + "^"), 1),
        (QIF + "^\n" * (BIG // 2) + QIF_ROW, 1),
        (MT + MT_ROW + ":86:" + "?20x\n" * (BIG // 5), 1),
        (MT + MT_ROW + ":86:x\n" * (BIG // 6), 1),
        (MT + MT_ROW + ":86:" + "EREF+" * (BIG // 5) + "\n" + MT_ROW, 2),
        (MT + MT_ROW + ":61:" + "9" * BIG + "\n" + MT_ROW, 2),
        (CAMT + CAMT_ROW + "&" * BIG + CAMT_END, 1),
        (CAMT + CAMT_ROW + "<Ntry " * (BIG // 6) + CAMT_ROW, 2),
        (CAMT + CAMT_ROW + "<" * BIG, 1),
        (LITAS + LITAS_ROW + "010" + "\t" * BIG + "\n" + LITAS_ROW, 2),
    ],
    ids=[
        "ofx signs", "ofx sections", "ofx entities", "ofx memos", "ofx tags", "ofx zeros",
        "qif lines", "qif line", "qif splits", "qif ends", "mt subfields", "mt details",
        "mt keywords", "mt figures", "camt ampersands", "camt tags", "camt signs", "litas tabs",
    ],
)  # fmt: skip
def test_odd_masses_cost_their_record_only(text: str, count: int) -> None:
    assert booked(text) == [Decimal("-1.00")] * count


@pytest.mark.case("F04")
@pytest.mark.parametrize(
    ("head", "row", "tail"),
    [
        (OFX, OFX_ROW, ""),
        (QIF, QIF_ROW, ""),
        (MT, MT_ROW, ""),
        (CAMT, CAMT_ROW, CAMT_END),
        (LITAS, LITAS_ROW, ""),
    ],
    ids=["ofx", "qif", "mt940", "camt", "litas"],
)
def test_more_rows_than_a_file_may_have_are_refused(head: str, row: str, tail: str) -> None:
    data = (head + row * 101 + tail).encode()
    assert len(read_file(data, max_rows=101).rows) == 101
    with pytest.raises(StatementError) as refused:
        read_file(data, max_rows=100)
    assert refused.value.code == "TOO_MANY_ROWS"


def test_more_statements_tags_or_lines_than_a_file_may_have_are_refused(monkeypatch) -> None:
    with pytest.raises(StatementError) as refused:
        read(":20:A\n:25:1\n" * 50_001)
    assert refused.value.code == "TOO_LARGE"
    monkeypatch.setattr("resolvers.statements.formats.ofx._MAX_TAGS", 100)
    monkeypatch.setattr("resolvers.statements.formats.entries._MAX_LINES", 100)
    monkeypatch.setattr("resolvers.statements.formats.xml_trees._MAX_ELEMENTS", 100)
    for text in (OFX + OFX_ROW * 60, QIF + QIF_ROW * 60, CAMT + CAMT_ROW * 60 + CAMT_END):
        with pytest.raises(StatementError) as refused:
            read(text)
        assert refused.value.code == "TOO_LARGE"
