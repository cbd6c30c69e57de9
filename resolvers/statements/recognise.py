"""Tells the format of a text file by what it holds, never by its name."""

import re
from typing import Final, Literal

from resolvers.statements.decode import decode

TextFormat = Literal["OFX", "CAMT", "QIF", "MT940", "LITAS-ESIS", "MARKUP", "CSV"]

_HEAD: Final = 65_536
_OFX: Final = re.compile(r"<OFX\s*>|<\?OFX\b|<\w{1,20}:OFX\b", re.IGNORECASE)
_OFX_HEADER: Final = re.compile(r"^\s{0,20}OFXHEADER\s?[:=]", re.IGNORECASE | re.MULTILINE)
_CAMT: Final = re.compile(
    r"urn:[\w:.$]{0,60}camt\.05[234]"
    r"|<(?:\w{1,20}:)?BkToCstmr(?:Stmt|AcctRpt|DbtCdtNtfctn)(?:V[0-9]{2})?\b"
)
_PAGE: Final = re.compile(r"<(?:!doctype\s{1,20})?(?:html|svg)\b", re.IGNORECASE)
_QIF: Final = re.compile(r"!(?:Type|Account|Option|Clear)\b", re.IGNORECASE)
_BARE_QIF: Final = re.compile(r"D\s?[0-9]{1,4}\s?[-/.'][^,;\t]{3,12}\Z")
_SWIFT: Final = re.compile(
    r"^(?:\{4:)?:(20|25P?|28C?|60[FM]|61|62[FM]|34F|13D?|90[CD]|86):", re.MULTILINE
)
# A header of type 000, then movements (010), balances (020) and perhaps an end (999).
_LITAS: Final = re.compile(r"(?:000|010|020|030|999)\t")
_LITAS_LINES: Final = 200


def format_of_bytes(data: bytes, encoding: str | None = None) -> TextFormat:
    """The format of a file by its first 64 KiB; raises what `decode` raises for what is no text."""
    head = data[:_HEAD]
    if len(head) == _HEAD:
        # A sign may be cut where the head ends; a detector would take it for another encoding.
        end = head.rfind(b"\n") + 1
        head = head[:end] if end * 2 > _HEAD else re.sub(rb"[\x80-\xff]{1,4}\Z", b"", head)
    # What tells a format is ASCII in every encoding, so nothing has to be detected for it.
    return format_of(decode(head, encoding, declared="iso8859-1")[0])


def format_of(text: str) -> TextFormat:
    """The format of a text with any line ends; what is no other format is a table, CSV."""
    head = text[:_HEAD].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff \t\n")
    if head.startswith("<") and _PAGE.search(head[:1_000]):
        return "MARKUP"
    if _is_ofx(head):
        return "OFX"
    if head.startswith("<"):
        return "CAMT" if _CAMT.search(head[:8_192]) else "MARKUP"
    if _is_qif(head):
        return "QIF"
    tags = {found[1][:2] for found in _SWIFT.finditer(head)}
    if {"20", "25"} <= tags or len(tags) > 2:
        return "MT940"
    return "LITAS-ESIS" if _is_litas(head) else "CSV"


def _is_ofx(head: str) -> bool:
    if head.startswith("<"):
        return _OFX.search(head[:8_192]) is not None
    return _OFX_HEADER.search(head[:2_000]) is not None


def _is_qif(head: str) -> bool:
    lines = [line.strip() for line in head.split("\n", 400)[:400]]
    first = [line for line in lines if line and not line.startswith("#")][:3]
    if not first:
        return False
    if _QIF.match(first[0]):
        return True
    money = any(re.match(r"[TU]\s?[-+]?[0-9]", line) for line in lines)
    return "^" in lines and money and _BARE_QIF.match(first[0]) is not None


def _is_litas(head: str) -> bool:
    if not head.startswith("000\t"):
        return False
    lines = [line for line in head.split("\n") if line.strip()][:_LITAS_LINES]
    typed = sum(_LITAS.match(line) is not None for line in lines)
    return len(lines) > 1 and typed * 10 >= len(lines) * 9
