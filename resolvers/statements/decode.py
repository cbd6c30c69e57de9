"""Turns the bytes of a text file into text, whatever its encoding."""

import codecs
import re
from typing import Final

import chardet

from resolvers.statements.model import StatementError, codec_of
from resolvers.statements.telling import better_codec

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES: Final = (
    (b"PK\x03\x04", "a zip archive or spreadsheet (save it as CSV first)"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document (save it as CSV first)"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a media file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"SQLite format 3", "a database"),
)
# The wider code page that contains the one a detector names, so that no sign is lost.
_WIDER: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
# What a file is when it holds bytes that its ISO code page keeps for control characters.
_WINDOWS: Final = {
    "iso8859-2": "cp1250",
    "iso8859-5": "cp1251",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-6": "cp1256",
    "iso8859-13": "cp1257",
}
_UPPER_CONTROLS: Final = re.compile(rb"[\x80-\x9f]")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_SAMPLE: Final = 65_536
_LEAST_CONFIDENCE: Final = "0.03"
# The detector reads everything up to this size; beyond it, only the lines that hold accents.
_DETECT_BYTES: Final = 2_000_000


def decode(
    data: bytes, encoding: str | None = None, *, declared: str | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """The text, the encoding it was read in, and warnings about signs that were lost.

    ``encoding`` is a person's word and holds.  ``declared`` is the file's own, which banks copy
    from a pattern: it counts only after a byte order mark and after text that is UTF-8.  Raises `StatementError` EMPTY_FILE, NOT_TEXT (a picture, an archive, binary data), or
    BAD_MAPPING when a given encoding is unknown.
    """
    if not data.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe\x1a"):
        raise StatementError("EMPTY_FILE", "The file is empty: it holds no line to read.")
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            message = f"The file is {name}, not a text file with rows and columns."
            raise StatementError("NOT_TEXT", message)
    if encoding is not None:
        return _decode_as(data, _known(encoding))
    for bom, codec in _BOMS:
        if data.startswith(bom):
            text, _, warnings = _decode_as(data, codec)
            return text, codec.removesuffix("-sig"), warnings
    wide = _wide_without_bom(data)
    if wide is not None:
        return _decode_as(data, wide)
    _refuse_binary(data)
    try:
        return data.decode("utf-8"), "utf-8", ()
    except UnicodeDecodeError:
        pass
    damaged = _damaged_utf8(data)
    if damaged is not None:
        return damaged
    return _as_declared(data, declared) or _detect(data)


_NARROW: Final = ("cp125", "iso8859", "koi8", "mac", "cp8", "cp4", "cp7")
"""How encodings of one byte for each sign are called."""
_DECLARED: Final = re.compile(
    rb"^\s*CHARSET\s*[:=]\s*([\w-]{1,20})|<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w-]{1,20})",
    re.IGNORECASE | re.MULTILINE,
)


def declared_encoding(data: bytes) -> str | None:
    """What an OFX header or an XML declaration says about the encoding, as Python names it."""
    found = _DECLARED.search(data[:4_096])
    if found is None:
        return None
    name = (found[1] or found[2]).decode("ascii", "replace")
    if re.fullmatch(r"(?:12|8)\d\d", name):
        name = f"cp{name}"
    elif name.startswith("8859"):
        name = f"iso{name}"
    codec = codec_of(name)
    # A single byte that says it is of a wider encoding has been refused as that by now.
    return None if codec is None or codec.startswith(("utf", "ascii")) else codec


def _as_declared(data: bytes, declared: str | None) -> tuple[str, str, tuple[str, ...]] | None:
    if declared is None:
        return None
    for codec in (_WIDER.get(declared, declared), declared):
        try:
            return data.decode(codec), codec, ()
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _known(encoding: str) -> str:
    codec = codec_of(encoding)
    if codec is None:
        message = f"The encoding {encoding[:40]!r} is not known; utf-8 and cp1252 are common."
        raise StatementError("BAD_MAPPING", message)
    return codec


def _decode_as(data: bytes, codec: str) -> tuple[str, str, tuple[str, ...]]:
    try:
        return data.decode(codec).removeprefix("\ufeff"), codec, ()
    except (UnicodeDecodeError, UnicodeError):
        text = data.decode(codec, "replace").removeprefix("\ufeff")
        lost = text.count("\ufffd")
        return text, codec, (f"{lost} signs could not be read as {codec}.",)
    except LookupError as problem:
        message = f"The encoding {codec[:40]!r} does not decode text."
        raise StatementError("BAD_MAPPING", message) from problem


def _wide_without_bom(data: bytes) -> str | None:
    """UTF-16 without its mark: text of any bank has ASCII digits, so half the bytes are zero."""
    head = data[: _SAMPLE & ~1]
    if len(head) < 4:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd * 10 > half * 6 and even * 10 < half:
        return "utf-16-le"
    if even * 10 > half * 6 and odd * 10 < half:
        return "utf-16-be"
    return None


def _refuse_binary(data: bytes) -> None:
    head = data[:_SAMPLE]
    controls = len(_CONTROLS.findall(head))
    if controls * 20 > len(head):
        message = "The file holds binary data, not text with rows and columns."
        raise StatementError("NOT_TEXT", message)


def _damaged_utf8(data: bytes) -> tuple[str, str, tuple[str, ...]] | None:
    """UTF-8 with a few broken signs, which no other encoding would explain better."""
    text = data.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    ascii_signs = len(data) - len(re.sub(rb"[\x00-\x7f]+", b"", data))
    whole = len(text) - ascii_signs - lost
    if whole >= 5 * lost:
        return text, "utf-8", (f"{lost} signs could not be read as utf-8.",)
    return None


def _detect(data: bytes) -> tuple[str, str, tuple[str, ...]]:
    seen = data
    if len(data) > _DETECT_BYTES:
        lines = (line for line in data.splitlines(keepends=True) if not line.isascii())
        seen = b"".join(lines)[:_DETECT_BYTES]
    found = chardet.detect(seen, max_bytes=len(seen))
    name = str(found.get("encoding") or "cp1252").lower()
    if f"{found.get('confidence') or 0:.4f}" < _LEAST_CONFIDENCE:
        name = "cp1252"
    try:
        name = codecs.lookup(name).name
    except LookupError:
        name = "cp1252"
    if name.startswith("iso8859") and _UPPER_CONTROLS.search(data):
        name = _WINDOWS.get(name, "cp1254" if name == "iso8859-9" else "cp1252")
    if name.startswith(_NARROW):
        name = better_codec(data, _WIDER.get(name, name))
    for codec in (_WIDER.get(name, name), name, "cp1252"):
        try:
            return data.decode(codec), codecs.lookup(codec).name, ()
        except UnicodeDecodeError:
            continue
    return _decode_as(data, "cp1252")
