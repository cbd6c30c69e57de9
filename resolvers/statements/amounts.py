"""Reads an amount as a bank writes it into an exact Decimal, and finds the decimal mark."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from resolvers.statements.currencies import CODES, THREE_DIGITS, is_symbol

Mark = Literal[".", ","]
Side = Literal["DEBIT", "CREDIT"]
MAX_DIGITS: Final = 26  # within Decimal's default precision, so sums stay exact
_MAX_LENGTH: Final = 64
# Only ASCII digits ever reach Decimal, which would take other scripts, NaN and exponents too.
_PARTS: Final = re.compile(
    r"((?:[^0-9.,]|(?<=[^\W\d_])\.)*)([.,]?[0-9](?:[0-9.,'’ ]*[0-9])?[.,]?)([^0-9]*)"
)
_PLAIN: Final = re.compile(r"([+-]?)([0-9]{1,20}(?:\.[0-9]{1,12})?)")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f\u2009\u2007]+")
_GROUPED: Final = {
    ".": re.compile(
        r"(?:[0-9]*|[0-9]{1,3}([,'’ ])[0-9]{3}(?:\1[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"
        r"(?:\.[0-9]*)?"
    ),
    ",": re.compile(r"(?:[0-9]*|[0-9]{1,3}([.'’ ])[0-9]{3}(?:\1[0-9]{3})*)(?:,[0-9]*)?"),
}
_AFFIX: Final = re.compile(r"[+\-−–—]+|[()]|[^\s+\-−–—()]+")
_SIDES: Final[dict[str, Side]] = {
    "CR": "CREDIT",
    "CR.": "CREDIT",
    "C": "CREDIT",
    "H": "CREDIT",
    "HABEN": "CREDIT",
    "CREDIT": "CREDIT",
    "DR": "DEBIT",
    "DR.": "DEBIT",
    "D": "DEBIT",
    "S": "DEBIT",
    "SOLL": "DEBIT",
    "DEBIT": "DEBIT",
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as written: its signed value and what stood beside it."""

    value: Decimal
    currency: str | None = None
    symbol: str | None = None
    side: Side | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True)
class _Affix:
    negative: bool = False
    signed: bool = False
    currency: str | None = None
    symbol: str | None = None
    side: Side | None = None
    opens: int = 0
    closes: int = 0


@lru_cache(maxsize=1024)
def _affix(text: str) -> _Affix | None:
    """What stands before or after the figures, or None when it is no part of an amount."""
    signs = ""
    currency = symbol = None
    side: Side | None = None
    opens = closes = 0
    for part in _AFFIX.findall(text):
        if part[0] in "+-−–—":
            signs += part
        elif part in "()":
            opens += part == "("
            closes += part == ")"
        elif part in CODES and currency is None:
            currency = part
        elif part.upper() in _SIDES and side is None:
            side = _SIDES[part.upper()]
        elif symbol is None and part not in CODES and is_symbol(part):
            symbol = part
        else:
            return None
    if len(signs) > 1 or opens > 1 or closes > 1:
        return None
    negative = signs not in {"", "+"}
    return _Affix(negative, bool(signs), currency, symbol, side, opens, closes)


def _split(text: str) -> tuple[_Affix, str, _Affix] | None:
    """The parts before, in and after the figures of an amount, or None."""
    if len(text) > _MAX_LENGTH:
        return None
    match = _PARTS.fullmatch(_SPACES.sub(" ", text.strip()))
    if match is None:
        return None
    before, core, after = match[1], match[2], match[3]
    if core[-1] in ".,":
        core = core[:-1]
        # Swiss and German round sums: `85.-`, `1'000,--`
        after = re.sub(r"^\s*(?:--?|—|–)", "", after)
    first, last = _affix(before), _affix(after)
    if first is None or last is None:
        return None
    if first.opens != last.closes or first.closes or last.opens:
        return None
    if (first.signed and last.signed) or (first.currency and last.currency):
        return None
    return first, core, last


def _figures(core: str, mark: str) -> Decimal | None:
    """The value of bare figures under one decimal mark; None when the groups do not fit."""
    if core[0] == "0" and len(core) > 1 and core[1] not in ".,0123456789":
        return None
    if _GROUPED[mark].fullmatch(core) is None:
        return None
    whole, _, fraction = core.partition(mark)
    digits = re.sub(r"[^0-9]", "", whole)
    if not 1 <= len(digits) + len(fraction) <= MAX_DIGITS:
        return None
    return Decimal(f"{digits or '0'}.{fraction}" if fraction else digits)


def parse_money(text: str, mark: Mark, *, strict: bool = False) -> Money | None:
    """The amount a cell holds under the column's decimal mark, or None if it holds none.

    `1.234,56`, `1'234.56`, `12,34,567.00`, `($85.00)`, `- $21.59`, `85.00-`, `12 EUR CR` are
    amounts. A figure that can only be meant with the other mark is read so, unless `strict`.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and (mark == "." or "." not in text):
        value = Decimal(plain[2])
        return Money(-value if plain[1] == "-" else value, signed=bool(plain[1]))
    parts = _split(text)
    if parts is None:
        return None
    first, core, last = parts
    value_or_none = _figures(core, mark)
    if value_or_none is None and not strict:
        vote = mark_vote(core)
        value_or_none = _figures(core, vote) if vote in {".", ","} else None
    if value_or_none is None:
        return None
    negative = first.negative or last.negative or bool(first.opens)
    return Money(
        -value_or_none if negative else value_or_none,
        first.currency or last.currency,
        first.symbol or last.symbol,
        first.side or last.side,
        first.signed or last.signed or bool(first.opens),
    )


def mark_vote(core: str) -> str:
    """What figures say about the decimal mark: `.`, `,`, `?.` or `?,` (could be it), or nothing."""
    dots, commas = core.count("."), core.count(",")
    if dots and commas:
        last = "." if core.rfind(".") > core.rfind(",") else ","
        return last if core.count(last) == 1 else ""
    if not dots and not commas:
        return ""
    separator = "." if dots else ","
    if dots + commas > 1:
        return "," if dots else "."
    head, _, tail = core.partition(separator)
    if len(tail) != 3 or not head or len(head) > 3 or head[0] == "0":
        return separator
    return f"?{separator}"


def decimal_mark(texts: Iterable[str], currencies: Iterable[str | None]) -> tuple[Mark, bool]:
    """The decimal mark of a column and whether its figures leave it open.

    Figures such as `1.525` alone say nothing, save that few currencies have three digits.
    """
    votes: Counter[str] = Counter()
    short = 0
    for text in texts:
        if "." in text or "," in text:
            if parts := _split(text):
                votes[mark_vote(parts[1])] += 1
        elif text and text.lstrip("+-")[:4].isdigit():
            # Three decimals would be written on every amount, so `500` means thousands.
            short += len(text) < 5
            votes["whole"] += len(text) > 5
    if votes["."] or votes[","]:
        return ("." if votes["."] >= votes[","] else ","), False
    if not votes["?."] and not votes["?,"]:
        return ".", False
    seen: Mark = "." if votes["?."] >= votes["?,"] else ","
    other: Mark = "," if seen == "." else "."
    codes = {code for code in currencies if code}
    if codes and codes <= THREE_DIGITS:
        return seen, False
    settled = short > 0 and not votes["whole"]
    return other, not codes and not settled


@lru_cache(maxsize=8192)
def looks_like_amount(text: str) -> bool:
    """Whether a cell can be an amount under either decimal mark."""
    if not text or len(text) > _MAX_LENGTH:
        return False
    parts = _split(text)
    if parts is None:
        return False
    return _figures(parts[1], ".") is not None or _figures(parts[1], ",") is not None


def looks_like_money(text: str) -> bool:
    """Whether an amount also has decimals, a sign or a currency, as an id or a count has not."""
    parts = _split(text)
    if parts is None:
        return False
    first, core, last = parts
    beside = first.signed or last.signed or first.opens or first.currency or last.currency
    if beside or first.symbol or last.symbol or last.side:
        return True
    return re.search(r"[.,'’ ][0-9]{1,2}$|[.,][0-9]{3}$", core) is not None
