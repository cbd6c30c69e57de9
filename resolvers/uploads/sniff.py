"""Tells what a file is by its first bytes, and refuses what it says it is not."""

import re
from typing import Final

from resolvers.errors import UnsupportedMediaType, invalid
from resolvers.statements import StatementError
from resolvers.statements.archives import DOCUMENT, is_document
from resolvers.statements.recognise import format_of_bytes
from resolvers.uploads.names import extension_of

HEAD_BYTES: Final = 65_536
"""How much of a file decides its type."""

CSV: Final = "text/csv"
OFX: Final = "application/x-ofx"
QIF: Final = "application/x-qif"
MT940: Final = "application/x-mt940"
CAMT: Final = "application/xml"
LITAS: Final = "text/x-litas-esis"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TAKEOUT: Final = "application/json"
ZIP: Final = "application/zip"
PDF: Final = "application/pdf"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
WEBP: Final = "image/webp"
HEIC: Final = "image/heic"

STATEMENTS: Final = frozenset({CSV, OFX, QIF, MT940, CAMT, LITAS, XLSX, TAKEOUT, ZIP})
OF_ONE_ACCOUNT: Final = STATEMENTS - {CSV, TAKEOUT, ZIP}
"""Statements of a bank: whoever imports one has to say which account it is of."""
RECEIPTS: Final = frozenset({PDF, PNG, JPEG, WEBP, HEIC})
ACCEPTED: Final = {"STATEMENT": STATEMENTS, "RECEIPT": RECEIPTS}

# Magic number, what it is to a person, and our name for it where it is accepted.
_MAGIC: Final[tuple[tuple[bytes, str, str | None], ...]] = (
    (b"%PDF-", "a PDF document", PDF),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", PNG),
    (b"\xff\xd8\xff", "a JPEG picture", JPEG),
    (b"GIF8", "a GIF picture", None),
    (b"BM", "a BMP picture", None),
    (b"II*\x00", "a TIFF picture", None),
    (b"MM\x00*", "a TIFF picture", None),
    (b"\x1f\x8b", "a gzip archive", None),
    (b"BZh", "a bzip2 archive", None),
    (b"\xfd7zXZ\x00", "an xz archive", None),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", None),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", None),
    (b"Rar!\x1a\x07", "a RAR archive", None),
    (b"MZ", "a Windows program", None),
    (b"\x7fELF", "a program", None),
    (b"\xca\xfe\xba\xbe", "a program", None),
    (b"\xcf\xfa\xed\xfe", "a program", None),
    (b"\xce\xfa\xed\xfe", "a program", None),
    (b"\x00asm", "a program", None),
    (b"\xd0\xcf\x11\xe0", "an old Office document (save it as CSV or XLSX)", None),
    (b"{\\rtf", "an RTF document", None),
    (b"SQLite format 3", "a database", None),
    (b"RIFF", "a media file", None),
    (b"OggS", "a media file", None),
    (b"ID3", "a media file", None),
)
# A short magic number of letters may begin a table, so it needs binary data behind it.
_LETTERS: Final = frozenset({b"BM", b"MZ", b"ID3", b"RIFF", b"OggS", b"BZh", b"GIF8"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"})
_ZIP_ENTRY: Final = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_MARKUP: Final = re.compile(
    r"<\s*(?:!doctype\s+)?(svg|html|head|body|script|iframe|img)\b", re.IGNORECASE
)
# What YNAB and Actual put into their archives.
_EXPORTED: Final = (b"register.csv", b"plan.csv", b"budget.csv", b"db.sqlite")
_JSON: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,100}(?:\{\s{0,100}[\"}]|\[\s{0,100}[\[{\]])"
)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")

# Browsers declare what the name says and banks name statements as they like, so what is declared
# and what a file is called are compared by family only: a statement is a statement.
_STATEMENT_TYPES: Final = STATEMENTS | frozenset(
    {
        "text/plain", "text/x-csv", "text/tab-separated-values", "application/csv",
        "application/x-csv", "text/comma-separated-values", "application/vnd.ms-excel",
        "text/x-comma-separated-values", "text/xml", "application/ofx", "application/vnd.intu.qfx",
        "text/ofx", "text/sgml", "application/qif", "text/qif", "text/x-qif", "image/x-qif",
        "application/mt940", "text/mt940", "application/swift", "application/camt+xml",
        "text/json", "application/x-zip-compressed", "application/x-zip",
        # What tables of extensions make of .qbo, .qif, .acc, .asc, .sta and .dat.
        "application/vnd.intu.qbo", "image/x-quicktime", "application/x-qw",
        "application/vnd.americandynamics.acc", "application/pgp-signature",
        "application/vnd.stardivision.mail", "application/x-ns-proxy-autoconfig",
    }
)  # fmt: skip
_DECLARED: Final = {
    **dict.fromkeys(STATEMENTS, _STATEMENT_TYPES),
    PDF: frozenset({PDF, "application/x-pdf"}),
    PNG: frozenset({PNG, "image/x-png"}),
    JPEG: frozenset({JPEG, "image/jpg", "image/pjpeg"}),
    WEBP: frozenset({WEBP}),
    HEIC: frozenset({HEIC, "image/heif"}),
}
_UNDECLARED: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})

_TEXT_FORMATS: Final = {
    "CSV": CSV, "OFX": OFX, "QIF": QIF, "MT940": MT940, "CAMT": CAMT, "LITAS-ESIS": LITAS,
}  # fmt: skip
_STATEMENT_EXTENSIONS: Final = "csv tsv txt ofx qfx qif sta mt940 940 swi xml camt xls xlsx"
_NEVER: Final = (
    "exe dll bat cmd ps1 sh js mjs vbs jar msi app apk html htm xhtml svg svgz php gz tgz bz2 "
    "xz 7z rar tar zst docx doc"
)
_EXTENSIONS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(_STATEMENT_EXTENSIONS.split(), STATEMENTS),
    "json": frozenset({TAKEOUT}),
    "zip": frozenset({ZIP}),
    "pdf": frozenset({PDF}),
    "png": frozenset({PNG}),
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), frozenset({JPEG})),
    "webp": frozenset({WEBP}),
    **dict.fromkeys(("heic", "heif"), frozenset({HEIC})),
    **dict.fromkeys(_NEVER.split(), frozenset[str]()),
}


def sniff(head: bytes, filename: str, declared: str | None) -> str:
    """The content type of a file by its first 64 KiB.

    Raises VALIDATION_ERROR for an empty file, and UNSUPPORTED_MEDIA_TYPE naming what was found
    when that is no accepted type or not what the declared type or the extension says.
    """
    if not head:
        raise invalid("file", "The file is empty.", "REQUIRED")
    found = _accepted(head)
    told = (declared or "").partition(";")[0].strip().lower()
    if told not in _UNDECLARED and told not in _DECLARED[found]:
        raise _refused(f"The file is declared as {told[:60]!r} but is {found}.", found)
    allowed = _EXTENSIONS.get(extension_of(filename))
    if allowed is not None and found not in allowed:
        raise _refused(f"The file is named .{extension_of(filename)} but is {found}.", found)
    return found


def check_purpose(content_type: str, purpose: str) -> None:
    """Raise UNSUPPORTED_MEDIA_TYPE unless a purpose takes files of a type."""
    accepted = ACCEPTED[purpose]
    if content_type not in accepted:
        names = ", ".join(sorted(accepted))
        raise _refused(f"A {purpose} is one of {names}; this file is {content_type}.", content_type)


def _refused(message: str, found: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(message, details={"found": found})


def _accepted(head: bytes) -> str:
    binary = _BINARY.search(head[:512]) is not None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    for magic, name, content_type in _MAGIC:
        if head.startswith(magic) and (magic not in _LETTERS or binary):
            if content_type is None:
                raise _refused(f"The file is {name}, which is not accepted.", name)
            return content_type
    if head[4:8] == b"ftyp":
        return _heic(head)
    if head.startswith(b"PK"):
        return _zip(head)
    if head[257:262] == b"ustar":
        raise _refused("The file is a tar archive, which is not accepted.", "a tar archive")
    return _text(head)


def _heic(head: bytes) -> str:
    if head[8:12] in _HEIC_BRANDS:
        return HEIC
    raise _refused("The file is a video or media file, which is not accepted.", "a media file")


def _zip(head: bytes) -> str:
    """A spreadsheet is a zip archive whose workbook lies in ``xl/``; takeouts are archives too."""
    for entry in _ZIP_ENTRY.finditer(head):
        length = int.from_bytes(entry.group(1), "little")
        name = head[entry.end() : entry.end() + length]
        if name.startswith((b"xl/workbook", b"xl/worksheets/")):
            return XLSX
        if name == DOCUMENT.encode() or name.lower().endswith(_EXPORTED):
            return ZIP
    raise _refused("The file is a zip archive, which is not accepted.", "a zip archive")


def _text(head: bytes) -> str:
    if _JSON.match(head):
        if is_document(head):
            return TAKEOUT
        raise _refused(
            (
                "The file is a JSON document, but no takeout of ours; of other apps send the CSV, or the "
                "ZIP of Actual or YNAB."
            ),
            "a JSON document",
        )
    try:
        found = format_of_bytes(head)
    except StatementError as error:
        if error.code == "EMPTY_FILE" and not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe\x1a"):
            raise invalid("file", "The file is empty.", "REQUIRED") from error
        message = "The file is binary data of an unknown kind, which is not accepted."
        raise _refused(message, "binary data") from error
    return _TEXT_FORMATS[found] if found in _TEXT_FORMATS else _markup(head)


def _markup(head: bytes) -> str:
    found = _MARKUP.search(head[:4_096].replace(b"\x00", b"").decode("ascii", "replace"))
    name = "another kind of XML"
    if found is not None:
        name = "an SVG picture" if found.group(1).lower() == "svg" else "an HTML page"
    raise _refused(f"The file is {name}, which is not accepted.", name)
