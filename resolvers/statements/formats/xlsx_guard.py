"""Looks through a workbook before it is opened: what it unpacks to, and how far its cells reach.

The library that reads workbooks makes room for everything between the first and the last cell,
so that 1.4 kB with one cell in the last corner of a sheet would make it ask for 550 GB and end
the process.  Nothing is opened that has not been looked through here.
"""

import io
import re
import zipfile
import zlib
from typing import Final

from resolvers.statements.formats.xml_trees import unsafe
from resolvers.statements.model import StatementError

_SIGNATURE: Final = b"PK\x03\x04"
_MAX_PARTS: Final = 1_000
_MAX_UNPACKED: Final = 200_000_000
_PIECE: Final = 1_048_576
# Longer than any name, reference or declaration, so that none is cut between two pieces.
_OVERLAP: Final = 256
_REFERENCE: Final = re.compile(rb"""\br\s*=\s*["']\s*\$?([A-Za-z]{0,12})\$?([0-9]{1,20})""")
_FORBIDDEN: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)\b", re.IGNORECASE)
_ENCODING: Final = re.compile(
    rb"""<\?xml[^>]{0,200}encoding\s*=\s*["']([\w-]{1,40})""", re.IGNORECASE
)
_PLAIN: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})


def is_workbook(data: bytes) -> bool:
    """Whether bytes are an archive that says to hold a spreadsheet."""
    return data.startswith(_SIGNATURE) and b"xl/" in data


def check_workbook(data: bytes, max_rows: int, max_columns: int) -> None:
    """Raise `StatementError` unless a workbook may be opened.

    NOT_TEXT for an archive that holds no workbook, DAMAGED_FILE for a broken one, UNSAFE_FILE
    for what attacks are made of, TOO_LARGE, TOO_MANY_ROWS and TOO_MANY_COLUMNS for its size.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive, max_rows, max_columns)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise StatementError("DAMAGED_FILE", "The workbook is damaged or incomplete.") from error


def _check(archive: zipfile.ZipFile, max_rows: int, max_columns: int) -> None:
    parts = archive.infolist()
    if len(parts) > _MAX_PARTS:
        raise unsafe(f"more than {_MAX_PARTS} parts in its archive")
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        message = "The file is a zip archive without a workbook; unpack it, or save it as XLSX."
        raise StatementError("NOT_TEXT", message)
    if len(names) < len(parts):
        raise unsafe("two parts of one name in its archive")
    unpacked = 0
    for part in parts:
        if part.flag_bits & 1:
            message = "The workbook is locked with a password; save it without one."
            raise StatementError("UNSUPPORTED_FORMAT", message)
        is_sheet = part.filename.startswith("xl/worksheets/")
        unpacked = _check_part(
            archive, part, unpacked, (max_rows, max_columns) if is_sheet else None
        )


def _check_part(
    archive: zipfile.ZipFile, part: zipfile.ZipInfo, unpacked: int, limits: tuple[int, int] | None
) -> int:
    """Read a part piece by piece, however large it claims to be; returns the sum so far."""
    markup = part.filename.endswith((".xml", ".rels"))
    tail = b""
    first = True
    with archive.open(part) as stream:
        while piece := stream.read(_PIECE):
            unpacked += len(piece)
            if unpacked > _MAX_UNPACKED:
                message = f"The workbook unpacks to more than {_MAX_UNPACKED // 10**6} MB."
                raise StatementError("TOO_LARGE", message)
            window = tail + piece
            if markup:
                if first:
                    _check_encoding(window)
                if _FORBIDDEN.search(window):
                    raise unsafe("a document type")
            if limits is not None:
                _check_references(window, *limits)
            tail, first = window[-_OVERLAP:], False
    return unpacked


def _check_encoding(window: bytes) -> None:
    declared = _ENCODING.search(window[:400])
    if window.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")) or b"\x00" in window[:400]:
        raise unsafe("parts in UTF-16")
    if declared is not None and declared[1].lower() not in _PLAIN:
        raise unsafe("parts in another encoding than UTF-8")


def _check_references(window: bytes, max_rows: int, max_columns: int) -> None:
    for letters, digits in set(_REFERENCE.findall(window)):
        if int(digits) > max_rows:
            message = f"A sheet reaches beyond row {max_rows}; split it into smaller files."
            raise StatementError("TOO_MANY_ROWS", message)
        if letters and _column(letters) > max_columns:
            message = f"A sheet has more than {max_columns} columns."
            raise StatementError("TOO_MANY_COLUMNS", message)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
