"""The names of months in the languages of banks, from the locale data of CLDR."""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final

# In the order in which they win when a name means different months.
_LANGUAGES: Final = (
    "en de fr es it pt nl sv da nb fi pl cs sk hu ro bg hr sl sr sr_Latn bs mk sq et lv lt el tr "
    "ru uk be ja ko zh vi id ms ca gl eu is ga cy mt he ar fa hi bn th ka hy az kk uz af sw fil"
)
# Short forms that banks print and CLDR does not list.
_PRINTED: Final = {
    "en": {"sept": 9},
    "de": {"mrz": 3, "mär": 3, "maerz": 3, "jän": 1, "jänner": 1, "feber": 2},
    "es": {"set": 9, "setiembre": 9},
    "nl": {"mrt": 3, "maa": 3},
}


@cache
def _names(language: str) -> dict[str, int]:
    """All spellings of one language, case-folded and without a closing point."""
    from babel.dates import get_month_names  # noqa: PLC0415 - slow to load, rarely needed

    names = dict(_PRINTED.get(language, {}))
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            for number, name in get_month_names(width, context, locale=language).items():
                names.setdefault(str(name).casefold().rstrip("."), int(number))
    return names


def _find(language: str, name: str) -> int:
    """The number of a month by its name or an unambiguous beginning, 0 when unknown."""
    names = _names(language)
    if name in names:
        return names[name]
    if len(name) < 3:
        return 0
    begun = {number for known, number in names.items() if known.startswith(name)}
    return begun.pop() if len(begun) == 1 else 0


@lru_cache(maxsize=4096)
def _month_numbers(names: frozenset[str]) -> dict[str, int]:
    best: dict[str, int] = {}
    for language in _LANGUAGES.split():
        found = {name: number for name in names if (number := _find(language, name))}
        if len(found) > len(best):
            best = found
        if len(best) == len(names):
            break
    return best


def month_numbers(names: Iterable[str]) -> dict[str, int]:
    """The months that names mean, read in the one language that knows most of them."""
    folded = frozenset(name.casefold().rstrip(".") for name in names)
    return (
        _month_numbers(folded)
        if len(folded) <= 60
        else _month_numbers(frozenset(sorted(folded)[:60]))
    )
