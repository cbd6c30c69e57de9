"""Names of uploaded files: kept to be shown, never used as a path."""

import unicodedata
from typing import Final
from urllib.parse import quote

MAX_NAME: Final = 200
_NAMELESS: Final = "file"
# Joiners shape Persian and Indic words and emoji; every other format character only misleads.
_JOINERS: Final = frozenset("\u200c\u200d")
_ATTR_CHARS: Final = "!#$&+-.^_`|~"


def clean_filename(name: str | None) -> str:
    """The last part of a name: NFC, without control, bidi and other unseen signs, at most 200.

    A name of which nothing is left is ``file``.  Cleaning a clean name changes nothing.
    """
    text = (name or "").replace("\\", "/").rpartition("/")[2]
    for _ in range(2):
        # Twice, because composing can only follow what removing a sign brought together.
        text = unicodedata.normalize("NFC", text)
        text = "".join(_shown(char) for char in text)
    text = unicodedata.normalize("NFC", " ".join(text.split())).strip(" .")
    if len(text) > MAX_NAME:
        text = _shortened(text)
    return text if text.strip("\u200c\u200d .") else _NAMELESS


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category.startswith("Z"):
        return " "
    if category in {"Cc", "Cs", "Cn"} or (category == "Cf" and char not in _JOINERS):
        return ""
    return char


def _shortened(text: str) -> str:
    """Cut in the middle of the stem, so that the extension stays."""
    stem, dot, extension = text.rpartition(".")
    if not dot or len(extension) > 10:
        return text[:MAX_NAME].rstrip(" .")
    return f"{stem[: MAX_NAME - len(extension) - 1].rstrip(' .')}.{extension}"


def attachment(name: str) -> str:
    """A Content-Disposition value that saves under a name (RFC 6266, RFC 8187).

    The plain form holds letters and digits only, so that nothing in it can end the quotes.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " .-_") else "_" for c in name)
    coded = quote(name, safe=_ATTR_CHARS, errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"


def extension_of(name: str) -> str:
    """The lower-case extension without its dot; empty when there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
