"""What a file is by its bytes, and what its name may be."""

import gzip
import io
import unicodedata
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.errors import AppError, ErrorCode
from resolvers.uploads.names import MAX_NAME, attachment, clean_filename
from resolvers.uploads.sniff import check_purpose, sniff

CSV = b"Date,Amount\n2024-01-02,1.00\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
CAMT = b'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "x")
    return buffer.getvalue()


XLSX = zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (CSV, "text/csv"),
        ("Datum;Betrag\n2.1.2024;1,00 €\n".encode("cp1252"), "text/csv"),
        ("Datum;Betrag\n2.1.2024;1,00\n".encode("utf-16"), "text/csv"),
        (b"MZ,BM\n1,2\n", "text/csv"),
        # Some tools put the line of a script above a table; files are only ever attachments.
        (b"#!/usr/bin/env -S hledger -f\n2024-01-02,$1\n", "text/csv"),
        (b"OFXHEADER:100\r\nDATA:OFXSGML\r\n<OFX>", "application/x-ofx"),
        (b'<?xml version="1.0"?>\n<?OFX OFXHEADER="200"?><OFX>', "application/x-ofx"),
        (b"!Type:Bank\nD1/2/24\nT-1.00\n^\n", "application/x-qif"),
        (b":20:STARTUMS\r\n:25:1/2\r\n:60F:C240101EUR1,\r\n", "application/x-mt940"),
        (b"{1:F01BANK}{4:\r\n:20:X\r\n:25:1\r\n", "application/x-mt940"),
        (CAMT, "application/xml"),
        ("\ufeff".encode() + CAMT, "application/xml"),
        (CAMT.decode().encode("utf-16"), "application/xml"),
        (b"# made by a program\n!Type:Bank\n", "application/x-qif"),
        (b"000\tx\n010\ty\n", "text/x-litas-esis"),
        (b"%PDF-1.7\n", "application/pdf"),
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "image/heic"),
        (XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_types_that_are_accepted(head: bytes, found: str) -> None:
    assert sniff(head, "anything", None) == found
    assert sniff(head, "anything", "application/octet-stream") == found


@pytest.mark.case("F02")
@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "an SVG picture"),
        (b"<?xml version='1.0'?><!DOCTYPE svg><svg/>", "an SVG picture"),
        (b"\xef\xbb\xbf <!doctype html><p>", "an HTML page"),
        (b"<script>alert(1)</script>", "an HTML page"),
        (b"<Document><x/></Document>", "another kind of XML"),
        (zipped("a.csv"), "a zip archive"),
        (zipped("word/document.xml"), "a zip archive"),
        (b"PK\x05\x06" + b"\x00" * 18, "a zip archive"),
        (gzip.compress(CSV, mtime=0), "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c\x00", "a 7z archive"),
        (b"MZ\x90\x00\x03", "a Windows program"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"GIF89a\x01\x00\x01\x00", "a GIF picture"),
        (b"\x00\x00\x00\x18ftypmp42\x00", "a media file"),
        (b"x" * 257 + b"ustar\x0000", "a tar archive"),
        (bytes(range(256)) * 4, "binary data"),
    ],
)
def test_types_that_are_refused_by_name(head: bytes, name: str) -> None:
    with pytest.raises(AppError) as caught:
        sniff(head, "a.csv", "text/csv")
    assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA_TYPE
    assert caught.value.details["found"] == name


def test_a_file_of_one_line_longer_than_what_is_looked_at() -> None:
    head = (b"<?xml version='1.0'?>\n" + CAMT.partition(b"?>")[2] + b"<a/>" * 20_000)[:65_536]
    assert sniff(head, "a.xml", None) == "application/xml"


@pytest.mark.parametrize("head", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_a_wrong_field(head: bytes) -> None:
    with pytest.raises(AppError) as caught:
        sniff(head, "a.csv", None)
    assert caught.value.code == ErrorCode.VALIDATION_ERROR


@pytest.mark.case("F02")
@pytest.mark.parametrize(
    ("head", "filename", "declared"),
    [
        (PNG, "a.png", "text/csv"),
        (CSV, "a.csv", "image/png"),
        (CSV, "a.csv", "text/html"),
        (CSV, "a.csv", "image/svg+xml"),
        (CSV, "a.pdf", None),
        (CSV, "a.exe", None),
        (CSV, "a.HTML", None),
        (PNG, "a.csv", None),
        (XLSX, "a.zip", None),
    ],
)
def test_what_a_file_says_must_be_what_it_is(head: bytes, filename: str, declared: str) -> None:
    with pytest.raises(AppError) as caught:
        sniff(head, filename, declared)
    assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize(
    ("filename", "declared"),
    [
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.csv", "application/vnd.ms-excel"),
        ("a.xls", "TEXT/PLAIN"),
        ("umsatz.2024-01", ""),
        ("litas.acc", "application/vnd.americandynamics.acc"),
        ("a.qif", "image/x-quicktime"),
        ("a.txt", None),
    ],
)
def test_what_banks_and_browsers_really_send(filename: str, declared: str | None) -> None:
    assert sniff(CSV, filename, declared) == "text/csv"
    # Whatever its name says, a statement is what it holds.
    assert sniff(CAMT, filename, declared) == "application/xml"
    assert sniff(XLSX, filename, declared).endswith("spreadsheetml.sheet")


def test_a_head_that_ends_within_a_sign_is_still_text() -> None:
    head = ("Café,Überweisung\n" * 6_000).encode()[:65_536]
    assert sniff(head, "a.csv", None) == "text/csv"


def test_purposes() -> None:
    check_purpose("text/csv", "STATEMENT")
    check_purpose("application/pdf", "RECEIPT")
    for content_type, purpose in (("application/pdf", "STATEMENT"), ("text/csv", "RECEIPT")):
        with pytest.raises(AppError):
            check_purpose(content_type, purpose)


@pytest.mark.case("F03")
@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\bank.csv", "bank.csv"),
        ("a\x00b\r\nc.csv", "abc.csv"),
        ("fdp\u202evsc.exe", "fdpvsc.exe"),
        ("..", "file"),
        ("", "file"),
        (None, "file"),
        ("\ud800.csv", "csv"),
        ("e\u0301.csv", "é.csv"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("Kontoauszug  März 2024.csv", "Kontoauszug März 2024.csv"),
    ],
)
def test_names(raw: str | None, clean: str) -> None:
    assert clean_filename(raw) == clean


@pytest.mark.case("F03")
@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_every_name_becomes_harmless(raw: str) -> None:
    name = clean_filename(raw)
    assert 1 <= len(name) <= MAX_NAME
    assert name == clean_filename(name) == unicodedata.normalize("NFC", name)
    assert not set(name) & set("/\\\x00\r\n\u202e\u2066")
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert "\\" not in header
