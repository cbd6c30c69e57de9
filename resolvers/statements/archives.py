"""Archives that may hold something to import: what they are told by, and a guarded way in."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from resolvers.statements.model import StatementError

DOCUMENT: Final = "data.json"
"""The document of a takeout's archive."""
_MAX_MEMBERS: Final = 20_000
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_COUNT_AT: Final = 10
_MANY: Final = 0xFFFF
_MOST_UNPACKED: Final = 2_000_000_000
"""Bytes of all files of an archive together."""
_LEAST_SUSPECT: Final = 20_000_000
_MOST_GROWTH: Final = 200
"""How many times its size a large file may grow: text that people wrote grows ten to forty times."""
_FORMAT: Final = re.compile(rb'"format"\s*:\s*"pocket-trend-takeout"')
_HEAD: Final = 65_536

FAILURES: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
)  # fmt: skip


def is_document(head: bytes) -> bool:
    """Whether the beginning of a file is that of a takeout's document."""
    start = head[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and _FORMAT.search(start) is not None


def is_takeout(data: bytes) -> bool:
    """Whether a file is a takeout: its document, or an archive that holds one."""
    if not data.startswith(b"PK"):
        return is_document(data)
    try:
        with opened(data) as archive:
            return DOCUMENT in archive.namelist()
    except StatementError:
        # Whoever opens it is told why it cannot be opened.
        return False


def check_members(data: bytes) -> None:
    """Raise UNSAFE_FILE for an archive whose list of contents alone would take much memory."""
    at = data.rfind(_END, max(0, len(data) - _END_BYTES - 65_536))
    if at < 0 or at + _END_BYTES > len(data):
        raise StatementError("DAMAGED_FILE", "The zip archive is damaged or incomplete.")
    (count,) = struct.unpack_from("<H", data, at + _COUNT_AT)
    # What has more says so in another place; each is named by a record of its own anyway.
    if count == _MANY or data.count(b"PK\x01\x02") > _MAX_MEMBERS:
        message = f"The zip archive holds more than {_MAX_MEMBERS} files, so it was not opened."
        raise StatementError("UNSAFE_FILE", message)


def _check_growth(parts: Sequence[zipfile.ZipInfo]) -> None:
    """Raise UNSAFE_FILE for what is only packed to cost us time; no file unpacks to more than it says."""
    whole = sum(part.file_size for part in parts)
    if whole > _MOST_UNPACKED:
        message = f"The zip archive unpacks to {whole:,} bytes; {_MOST_UNPACKED:,} are the most."
        raise StatementError("TOO_LARGE", message)
    for part in parts:
        grows = part.file_size > part.compress_size * _MOST_GROWTH
        if part.file_size > _LEAST_SUSPECT and grows:
            message = (
                f"{part.filename[:60]!r} in the zip archive unpacks to more than {_MOST_GROWTH} "
                "times its size, as no real export does, so it was not opened."
            )
            raise StatementError("UNSAFE_FILE", message)


@contextmanager
def opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    """An archive that may be looked into; raises DAMAGED_FILE, UNSAFE_FILE, UNSUPPORTED_FORMAT."""
    check_members(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len({part.filename for part in parts}) < len(parts):
                raise StatementError("UNSAFE_FILE", "The zip archive holds two files of one name.")
            if any(part.flag_bits & 1 for part in parts):
                message = "The zip archive is locked with a password; save it without one."
                raise StatementError("UNSUPPORTED_FORMAT", message)
            _check_growth(parts)
            yield archive
    except FAILURES as error:
        message = "The zip archive is damaged or incomplete."
        raise StatementError("DAMAGED_FILE", message) from error
