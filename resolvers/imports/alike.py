"""How much two bookings look like one: days between them and words that they share.

Scores are whole percents.  Amounts never enter them: only what is equal to the last minor unit (or
by the day's rate, for a transfer between currencies) is compared at all.
"""

import re
import unicodedata
from fractions import Fraction
from typing import Final

MATCH_DAYS: Final = 7
"""How far a booking may lie from what was entered by hand or posted from a template."""
TRANSFER_DAYS: Final = 4
"""How long money is on its way between two accounts of one person."""
ENOUGH: Final = 40
"""From this score on two bookings are taken for one."""
_A_DAY: Final = 6
_WORDS: Final = 40
_A_TRANSFER_DAY: Final = 8
_TRANSFER: Final = 90
_TRANSFER_WORDS: Final = 10
_CONVERTED: Final = 10
_MISSED: Final = 400
_TOKEN: Final = re.compile(r"[^\W\d_]{2,}|\d{3,}")


def tokens(*texts: str | None) -> frozenset[str]:
    """Words of two letters and more and numbers of three digits and more, folded."""
    joined = " ".join(text for text in texts if text)
    return frozenset(_TOKEN.findall(unicodedata.normalize("NFKC", joined).casefold()))


def alike(one: frozenset[str], other: frozenset[str]) -> Fraction:
    """Share of the shorter text's words that the longer one has: 0 to 1.

    A bank writes what a person writes and much around it, so the shorter one is the measure.
    """
    if not one or not other:
        return Fraction(0)
    return Fraction(len(one & other), min(len(one), len(other)))


def match_score(days: int, likeness: Fraction) -> int:
    """Of a row of a bank and one that was entered: 100 on the same day in the same words.

    Other words are good for three days, the same words for the whole window.
    """
    return round(100 - _A_DAY * days - _WORDS * (1 - likeness))


def transfer_score(days: int, likeness: Fraction, off: Fraction | None) -> int:
    """Of the two sides of a transfer; ``off`` is the share by which it misses the day's rate."""
    score = _TRANSFER - _A_TRANSFER_DAY * days + _TRANSFER_WORDS * likeness
    if off is not None:
        score -= _CONVERTED + _MISSED * off
    return round(score)
