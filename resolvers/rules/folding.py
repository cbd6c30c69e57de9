"""Texts made comparable: no case, no accents, single spaces."""

import unicodedata
from functools import lru_cache
from typing import Final

# Letters that Unicode does not take apart into a plain one and its mark.
_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """A text without case and accents; its spaces stay as they are."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(char for char in apart if not unicodedata.combining(char))
    # Composed again, as Korean letters fall apart too.
    return unicodedata.normalize("NFC", kept.translate(_LETTERS))


def folded(text: str | None) -> str:
    """A text as it is compared: ``bare``, its words parted by single spaces."""
    return " ".join(bare(text or "").split())
