"""Reads dates in the spellings of banks, and finds the order of day, month and year."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from resolvers.statements.months import month_numbers

Order = Literal["YMD", "DMY", "MDY", "YDM"]
ORDERS: Final[tuple[Order, ...]] = ("YMD", "DMY", "MDY", "YDM")
_YEARS: Final = range(1900, 2201)
_ALL_YEARS: Final = range(1, 10_000)
_MAX_LENGTH: Final = 48
_REMEMBERED: Final = 16_384
_WEEKDAY: Final = r"(?:[^\W\d_]{2,12}\.?,?\s+|[^\W\d_]{2,12},)?"
_NUMERIC: Final = re.compile(
    _WEEKDAY + r"([0-9]{1,4})(\s?[-/.年\s년]\s?)([0-9]{1,2})(\s?[-/.月\s월]\s?)([0-9]{1,4})"
    r"(?![0-9])(.*)",
    re.DOTALL,
)
_COMPACT: Final = re.compile(r"([0-9]{8})(?:[0-9]{4}|[0-9]{6})?(?![0-9])(.*)", re.DOTALL)
_SHORT: Final = re.compile(r"([0-9]{6})")
_GAP: Final = r"[-/.,\s]*(?:de[l]?\s|di\s)?\s*"
_NAME: Final = r"([^\W\d_]{3,14})\.?"
_DAY: Final = r"([0-9]{1,2})(?:st|nd|rd|th|er|º|ª|\.)?"
_YEAR: Final = r"'?([0-9]{4}|[0-9]{2})(?![0-9])(.*)"
_DAY_NAME: Final = re.compile(_WEEKDAY + _DAY + _GAP + _NAME + _GAP + _YEAR, re.DOTALL)
_NAME_DAY: Final = re.compile(
    _WEEKDAY + _NAME + r"[-/.,\s]+" + _DAY + r"[-/.,\s]+" + _YEAR, re.DOTALL
)
_YEAR_NAME: Final = re.compile(r"([0-9]{4})" + _GAP + _NAME + _GAP + _DAY + r"(?![0-9])(.*)")
# A time, a fraction, a zone; nothing else may follow a date.
_REST: Final = re.compile(
    r"(?:[\s,日일]*|\s*г\.?|\.)"
    r"(?:(?:[T\s,\-;@_]*|\s+at\s+|\s+um\s+)[0-9]{1,2}[:.h][0-9]{2}"
    r"(?:[:.][0-9]{2}(?:[.,:][0-9]+)?)?)?"
    r"\s*(?:[AaPp]\.?[Mm]\.?|Uhr)?\s*(?:Z|[A-Z]{2,5}|(?:GMT|UTC)?[+-][0-9]{1,2}:?(?:[0-9]{2})?)?"
    r"\s*(?:\([^()]*\)|\[[^\[\]]*\])?\s*"
)
_TIME_FIRST: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s+(?=[0-9])")


class Shape(NamedTuple):
    """A date taken apart: three figures in written order, and the month's name if it has one."""

    kind: Literal["PARTS", "COMPACT", "SHORT", "NAMED"]
    figures: tuple[str, str, str]
    name: str
    gaps: tuple[str, str]


@lru_cache(maxsize=16384)
def read_shape(text: str) -> Shape | None:
    """The parts of a date cell, times and zones dropped; None when it is no date."""
    if not text or len(text) > _MAX_LENGTH:
        return None
    if text[0] not in "0123456789" and not any("0" <= c <= "9" for c in text):
        return None
    text = _TIME_FIRST.sub("", text, count=1)
    if match := _NUMERIC.fullmatch(text):
        a, first, b, second, c, rest = match.groups()
        spaced = first.isspace() or second.isspace()
        if _REST.fullmatch(rest) and not (spaced and len(a) != 4 and len(c) != 4):
            return Shape("PARTS", (a, b, c), "", (first, second))
    if (match := _COMPACT.fullmatch(text)) and _REST.fullmatch(match[2]):
        digits = match[1]
        return Shape("COMPACT", (digits[:4], digits[4:6], digits[6:]), "", ("", ""))
    if match := _SHORT.fullmatch(text):
        digits = match[1]
        return Shape("SHORT", (digits[:2], digits[2:4], digits[4:]), "", ("", ""))
    return _named(text)


def _named(text: str) -> Shape | None:
    if (match := _DAY_NAME.fullmatch(text)) and _REST.fullmatch(match[4]):
        return Shape("NAMED", (match[1], "", match[3]), match[2], (" ", " "))
    if (match := _NAME_DAY.fullmatch(text)) and _REST.fullmatch(match[4]):
        return Shape("NAMED", ("", match[2], match[3]), match[1], (" ", " "))
    if (match := _YEAR_NAME.fullmatch(text)) and _REST.fullmatch(match[4]):
        return Shape("NAMED", (match[1], "", match[3]), match[2], (" ", " "))
    return None


def _year(figures: str) -> int:
    number = int(figures)
    if len(figures) > 2:
        return number
    return 2000 + number if number < 69 else 1900 + number


def _made(year: str, month: int, day: str, years: range) -> date | None:
    if len(year) == 3 or len(day) > 2 or not day or not year:
        return None
    try:
        made = date(_year(year), month, int(day))
    except ValueError:
        return None
    return made if made.year in years else None


def to_date(
    shape: Shape, order: Order, names: dict[str, int] | None = None, years: range = _YEARS
) -> date | None:
    """The date of a shape under one order, or None when it is no day of the calendar."""
    a, b, c = shape.figures
    if shape.kind == "NAMED":
        month = (names or {}).get(shape.name.casefold(), 0)
        if not a:
            return _made(c, month, b, years)
        return _made(a, month, c, years) if len(a) == 4 else _made(c, month, a, years)
    if shape.kind == "COMPACT" and order in {"DMY", "MDY"}:
        digits = "".join(shape.figures)
        a, b, c = digits[:2], digits[2:4], digits[4:]
    if shape.kind == "PARTS" and len(a) == 4 and order in {"DMY", "MDY"}:
        # Some rows of the column begin with the year, and after a year comes the month.
        order = "YMD"
    elif shape.kind == "PARTS" and len(c) == 4 and order in {"YMD", "YDM"}:
        return None
    if order == "YMD":
        return _made(a, int(b), c, years)
    if order == "YDM":
        return _made(a, int(c), b, years) if len(c) < 3 else None
    if order == "DMY":
        return _made(c, int(b), a, years)
    return _made(c, int(a), b, years) if len(a) < 3 else None


@lru_cache(maxsize=8192)
def looks_like_date(text: str) -> bool:
    """Whether a cell is a date in some order; six bare digits are not enough."""
    shape = read_shape(text)
    if shape is None or shape.kind == "SHORT":
        return False
    if shape.kind == "NAMED":
        names = month_numbers({shape.name})
        return to_date(shape, "DMY", names) is not None
    if shape.kind == "COMPACT":
        found = [to_date(shape, order) for order in ("YMD", "DMY", "MDY")]
        return any(day is not None and 1970 <= day.year <= 2100 for day in found)
    return any(to_date(shape, order) is not None for order in ORDERS)


@dataclass(frozen=True, slots=True)
class DateReader:
    """The rule of a column: the order of its figures and the months its names mean."""

    order: Order
    names: dict[str, int]
    known: dict[str, date | None] = field(default_factory=dict, compare=False, repr=False)
    """Cells that were read: the rows of a day have the same."""

    def read(self, text: str) -> date | None:
        """The date of a cell, or None."""
        known = self.known
        if text in known:
            return known[text]
        shape = read_shape(text)
        day = None if shape is None else to_date(shape, self.order, self.names)
        if len(known) >= _REMEMBERED:
            known.clear()
        known[text] = day
        return day

    def beyond(self, text: str) -> bool:
        """Whether a cell is a day of the calendar, only too early or too late to be kept."""
        shape = read_shape(text)
        return shape is not None and (
            to_date(shape, self.order, self.names) is None
            and to_date(shape, self.order, self.names, _ALL_YEARS) is not None
        )


def shapes_of(texts: Iterable[str]) -> list[Shape]:
    """The shapes of all cells that have one."""
    return [shape for text in texts if (shape := read_shape(text)) is not None]


def possible_orders(shapes: Sequence[Shape]) -> tuple[Order, ...]:
    """The orders under which most figures are days of the calendar, likeliest first."""
    figures = [shape for shape in shapes if shape.kind != "NAMED"]
    if not figures:
        return ("DMY",)
    times = Counter(figures)
    counts = {
        o: sum(number for s, number in times.items() if to_date(s, o) is not None) for o in ORDERS
    }
    # A year of two digits comes last unless that cannot be; YDM is next to unheard of.
    rank = {"YMD": 2, "DMY": 1, "MDY": 1, "YDM": 4}
    if any(len(s.figures[0]) == 4 for s in figures if s.kind != "SHORT"):
        rank["YMD"] = 0
    elif figures[0].kind == "SHORT":
        rank["YMD"] = 1
    best = max(counts.values())
    kept = sorted((o for o in ORDERS if counts[o] == best and best), key=lambda o: rank[o])
    return tuple(o for o in kept if rank[o] == rank[kept[0]])


def order_of_format(text: str) -> Order | None:
    """The order that a format such as `DD.MM.YYYY`, `M/D/YY` or `%d/%m/%Y` means, or None."""
    plain = text.replace("%Y", "Y").replace("%y", "Y").replace("%m", "M").replace("%b", "M")
    plain = plain.replace("%B", "M").replace("%d", "D").replace("%e", "D")
    plain = re.sub(r"(?<=[ T,;-])(?:HH?|hh?|KK?)[:.]?(?:MM?|mm?).*$", "", plain)
    letters = ""
    for letter in re.sub(r"m", "M", plain.replace("yy", "YY").replace("dd", "DD")):
        if letter in "YMD" and letter not in letters:
            letters += letter
    return next((order for order in ORDERS if order == letters), None)


def describe(shapes: Sequence[Shape], order: Order) -> str:
    """The format in words a person may give back, such as `DD.MM.YYYY` or `M/D/YY`."""
    shape = next((s for s in shapes if to_date(s, order) or s.kind == "NAMED"), None)
    if shape is None:
        return "YYYY-MM-DD"
    if shape.kind == "NAMED":
        if not shape.figures[0]:
            return "MMM DD YYYY"
        return "YYYY MMM DD" if len(shape.figures[0]) == 4 else "DD MMM YYYY"
    if shape.kind == "COMPACT":
        return {"YMD": "YYYYMMDD", "DMY": "DDMMYYYY", "MDY": "MMDDYYYY"}.get(order, "YYYYDDMM")
    if shape.kind == "SHORT":
        return "".join(letter * 2 for letter in order)
    same = [s for s in shapes if s.kind == "PARTS" and s.gaps == shape.gaps]
    if len(shape.figures[0]) == 4 and order in {"DMY", "MDY"}:
        order = "YMD"
    parts = []
    for place, letter in enumerate(order):
        if letter == "Y":
            parts.append("YYYY" if len(shape.figures[place]) == 4 else "YY")
        else:
            short = any(len(s.figures[place]) == 1 for s in same)
            parts.append(letter if short else letter * 2)
    first, second = shape.gaps
    return f"{parts[0]}{first}{parts[1]}{second}{parts[2]}"
