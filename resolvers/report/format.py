"""Figures and names as they stand on paper, in the words of a place."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import (
    format_compact_currency,
    format_currency,
    format_decimal,
    get_decimal_symbol,
)

from resolvers.money import digits_of

_LONGEST: Final = 200
_MARKS: Final = 4
_LONG_WORD: Final = 20
_BROKEN_EVERY: Final = 8
_MAY_BREAK: Final = "\u200b"
_MISLEADING: Final = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff\ufff9-\ufffb]")


def clean(text: str | None, longest: int = _LONGEST) -> str:
    """Text that can be set: NFC, on one line, without signs that turn or pile up the rest.

    Cut with an ellipsis; at most four marks stand on one letter, and long words may be broken.
    """
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", _MISLEADING.sub("", text or "")):
        category = unicodedata.category(char)
        if category in {"Cs", "Cn", "Co"}:
            continue
        if category in {"Cc", "Zl", "Zp"}:
            kept.append(" ")
            continue
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MARKS:
            kept.append(char)
    shown = " ".join("".join(kept).split())
    if len(shown) > longest:
        shown = shown[: longest - 1].rstrip() + "…"
    return " ".join(_breakable(word) for word in shown.split(" "))


def _breakable(word: str) -> str:
    """A word that would leave its column may be broken, but never between letter and mark."""
    if len(word) <= _LONG_WORD:
        return word
    pieces = []
    for index, char in enumerate(word):
        if index and index % _BROKEN_EVERY == 0 and not unicodedata.combining(char):
            pieces.append(_MAY_BREAK)
        pieces.append(char)
    return "".join(pieces)


def _printed(figure: str) -> str:
    """A figure as it is printed.

    Its minus is as wide as a plus, since a hyphen is too short beside figures; a currency's code
    that stands where a sign would gets a space of its own.
    """
    return re.sub(r"([A-Z])(?=[0-9])", "\\1\u00a0", figure.replace("-", "−"))


@dataclass(frozen=True)
class Words:
    """How one place writes figures and days."""

    locale: Locale

    @classmethod
    def of(cls, tag: str) -> "Words":
        """The words of a locale such as de-AT; English where it is unknown.

        Also where people write from right to left: the report runs from left to right, and days
        and signs of currencies that run the other way would end up in disorder between its words.
        """
        parts = tag.replace("-", "_").split("_")
        while parts:
            try:
                found = Locale.parse("_".join(parts))
            except (UnknownLocaleError, ValueError):
                parts.pop()
            else:
                return cls(found if found.text_direction == "ltr" else Locale("en", "001"))
        return cls(Locale("en"))

    @cached_property
    def _mark(self) -> str:
        return str(get_decimal_symbol(self.locale))

    def number(self, minor: int, currency: str) -> str:
        """An amount without its currency, with the currency's own digits."""
        digits = digits_of(currency)
        # The grouping is the place's own (lakhs in India); the digits are the currency's.
        own = self.locale.decimal_formats[None].pattern.split(";")[0].split(".")[0]
        pattern = own + ("." + "0" * digits if digits else "")
        return _printed(format_decimal(Decimal(minor).scaleb(-digits), pattern, locale=self.locale))

    def money(self, minor: int | None, currency: str) -> str:
        """An amount with the sign of its currency."""
        if minor is None:
            return "–"
        digits = digits_of(currency)
        pattern = self.locale.currency_formats["standard"]
        whole, _, _ = pattern.pattern.partition(";")
        kept = re.sub(r"0(\.0+)?(?=[^0]*$)", "0" + ("." + "0" * digits if digits else ""), whole)
        value = Decimal(minor).scaleb(-digits)
        text = format_currency(value, currency, kept, self.locale, currency_digits=False)
        return _printed(text)

    def split(self, minor: int | None, currency: str) -> dict[str, str] | None:
        """An amount as what stands before its decimal mark, and the rest with it."""
        if minor is None:
            return None
        text = self.number(minor, currency)
        if not digits_of(currency):
            return {"whole": text, "part": ""}
        whole, mark, part = text.rpartition(self._mark)
        return {"whole": whole, "part": mark + part}

    def compact(self, minor: int, currency: str) -> str:
        """A round amount for an axis."""
        value = Decimal(minor).scaleb(-digits_of(currency))
        return _printed(
            format_compact_currency(value, currency, locale=self.locale, fraction_digits=2)
        )

    def count(self, number: int) -> str:
        """How many."""
        return str(format_decimal(number, locale=self.locale))

    def percent(self, value: Decimal | None) -> str:
        """A percent with one decimal; a dash for none."""
        if value is None:
            return "–"
        pattern = self.locale.percent_formats[None]
        kept = re.sub(r"0(?=[^0]*$)", "0.0", pattern.pattern.split(";")[0], count=1)
        return _printed(format_decimal(value / 100, kept, locale=self.locale))

    def day(self, day: date) -> str:
        """A day in figures and words: 5 Jan 2026."""
        return format_date(day, "medium", locale=self.locale)

    def long_day(self, day: date) -> str:
        """A day in full: 5 January 2026."""
        return format_date(day, "long", locale=self.locale)

    def month(self, day: date) -> str:
        """A month: January 2026."""
        return format_skeleton("yMMMM", day, locale=self.locale)

    def short_month(self, day: date) -> str:
        """A month below an axis: Jan 2026."""
        return format_skeleton("yMMM", day, locale=self.locale)

    def day_of_month(self, day: date) -> str:
        """A day below an axis: 5 Jan."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def span(self, first: date, last: date) -> str:
        """A range of days."""
        return f"{self.long_day(first)} – {self.long_day(last)}"
