"""Tells an encoding by the words of banks: the names of columns and months that it makes of bytes.

A detector goes by how often signs are, which a short file says little of; a header that reads as a
known word only in one encoding says more.
"""

import codecs
import re
from functools import cache
from typing import Final

from resolvers.statements.months import month_numbers
from resolvers.statements.words import HEADER_WORDS, fold

_CODECS: Final = (
    "cp1252", "cp1250", "iso8859-2", "cp1254", "cp1257", "cp1251", "koi8_r", "cp1253", "cp1255",
    "cp1256", "iso8859-15",
)  # fmt: skip
_PIECE: Final = re.compile(rb"[^\x00-\x1f\",;|]*[\x80-\xff][^\x00-\x1f\",;|]*")
_HEAD: Final = 65_536
_MOST: Final = 60
_MONTH: Final = re.compile(rb"[0-9][ .-]{1,2}([A-Za-z\x80-\xff]{3,12})[ .-]{1,2}[0-9]")


@cache
def _known() -> frozenset[str]:
    return frozenset(fold(one) for phrases in HEADER_WORDS.values() for one in phrases)


def better_codec(data: bytes, found: str) -> str:
    """The encoding in which more words are known than in the one found; that one, if in none."""
    head = data[:_HEAD]
    pieces = list(dict.fromkeys(one.strip() for one in _PIECE.findall(head)))[:_MOST]
    months = {one for one in _MONTH.findall(head) if not one.isascii()}
    best, most = found, _hits(found, pieces, months)
    for codec in _CODECS:
        hits = _hits(codec, pieces, months)
        if hits > most:
            best, most = codec, hits
    return codecs.lookup(best).name


def _hits(codec: str, pieces: list[bytes], months: set[bytes]) -> int:
    try:
        cells = [piece.decode(codec) for piece in pieces]
        names = [name.decode(codec) for name in months]
    except UnicodeDecodeError:
        return 0
    return sum(fold(cell) in _known() for cell in cells) + len(month_numbers(names))
