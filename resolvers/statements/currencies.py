"""Currency codes and symbols as statements write them."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from iso4217 import Currency

from resolvers.money import is_currency


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Codes withdrawn within the life of electronic statements; ISO lists them apart.
_WITHDRAWN: Final = _set(
    "ADP AFA ATS AZM BEF BGL BGN BYB BYR CSD CSK CUC CYP DEM ECS EEK ESP FIM FRF GHC GRD HRK IEP "
    "ITL LTL LUF LVL MGF MRO MTL MXP MZM NLG PLZ PTE ROL RUR SDD SIT SKK SRG STD TMM TRL UAK VEB "
    "VEF XEU YUM ZMK ZWD ZWL ANG SLL"
)
_NOT_MONEY: Final = _set("XTS XXX XAU XAG XPT XPD XBA XBB XBC XBD XDR XSU XUA")
CODES: Final[frozenset[str]] = (
    frozenset(str(entry.code) for entry in Currency) | _WITHDRAWN
) - _NOT_MONEY
THREE_DIGITS: Final = _set("BHD IQD JOD KWD LYD OMR TND")
# Where the month may come first in a written date.
MONTH_FIRST: Final = frozenset({"USD", "CAD", "PHP"})
# Codes that are also words; they count only beside a label or an amount.
_WORDS: Final = frozenset({"ALL", "TOP", "TRY", "CUP", "MAD", "PEN", "GEL", "LAK", "ANG", "SOS"})

_SYMBOL_WORDS: Final = _set(
    "r$ us$ a$ au$ c$ ca$ nz$ hk$ s$ mx$ nt$ rs rs. re kr kr. kč kc zł zl ft lei лв лв. руб руб. "
    "р. р грн fr fr. sfr sfr. rm rp rp. bs s/ s/. tl din din. km kn rsd eu€ us ¥ 円 元 원 ден "
    "eur euro euros eur. usd chf gbp"
)
# Signs and short words that stand for one currency alone.
_ONE_CURRENCY: Final[dict[str, str]] = {
    sign: code
    for code, signs in {
        "EUR": "€ eu€ eur. euro euros", "GBP": "£ uk£", "INR": "₹", "PLN": "zł zl", "CZK": "kč kc",
        "HUF": "ft", "RON": "ron", "BGN": "лв лв.", "RUB": "₽", "UAH": "₴ грн грн.", "TRY": "₺ tl",
        "ILS": "₪ nis", "KRW": "₩ 원", "VND": "₫ đ", "THB": "฿", "PHP": "₱", "NGN": "₦", "GHS": "₵",
        "CRC": "₡", "PYG": "₲", "LAK": "₭", "MNT": "₮", "KZT": "₸", "AZN": "₼", "GEL": "₾",
        "AMD": "֏", "BDT": "৳", "KHR": "៛", "AFN": "؋", "BRL": "r$", "USD": "us$ usd$", "AUD":
        "a$ au$", "CAD": "c$ ca$", "NZD": "nz$", "HKD": "hk$", "SGD": "s$", "MXN": "mx$",
        "TWD": "nt$", "CHF": "sfr sfr.", "MYR": "rm", "IDR": "rp", "PEN": "s/ s/.", "BAM": "km",
        "MKD": "ден", "RSD": "din din.", "CNY": "元 cn¥ rmb", "JPY": "円 jp¥",
    }.items()
    for sign in signs.split()
}  # fmt: skip
_DOLLAR_CODES: Final = (
    "USD CAD AUD NZD HKD SGD MXN TWD ARS CLP COP UYU DOP BMD BSD BBD BZD BND KYD FJD GYD JMD LRD "
    "NAD SBD SRD TTD XCD ZWL ZWD CUP NIO BOB TVD"
)
# Signs that several countries use: each may mean any of these.
_MANY_CURRENCIES: Final[dict[str, frozenset[str]]] = {
    sign: _set(codes)
    for signs, codes in {
        "$": _DOLLAR_CODES,
        "kr kr.": "SEK NOK DKK ISK EEK",
        "¥": "JPY CNY",
        "rs rs. ₨ re": "INR PKR LKR NPR MUR SCR IDR",
        "﷼": "IRR OMR QAR SAR YER",
        "руб руб. р р.": "RUB BYN BYR RUR",
        "lei": "RON MDL ROL",
        "fr fr.": "CHF FRF BEF LUF XOF XAF XPF",
        "kn": "HRK",
        "bs": "BOB VES VEF VEB",
    }.items()
    for sign in signs.split()
}
_NAMES: Final = {
    str(entry.currency_name).casefold(): str(entry.code) for entry in Currency
}  # fmt: skip
_DOLLARS: Final = frozenset({"$", "us$", "us"})
_CODE: Final = re.compile(r"(?<![A-Za-z0-9])([A-Z]{3})(?![A-Za-z0-9])")
_BRACKETED: Final = re.compile(r"[(\[]\s*(?:in\s+)?([A-Z]{3})\s*[)\]]")


def is_code(text: str) -> bool:
    """Whether a text is exactly one ISO 4217 code in capitals."""
    return text in CODES


@lru_cache(maxsize=4096)
def written_code(text: str) -> str | None:
    """The currency that one cell of a column of currencies names, or None.

    A code in any case, a sign or a word of one currency only, or the currency's ISO name.
    """
    bare = " ".join(text.split())
    if len(bare) == 3 and bare.isascii() and is_currency(bare.upper()):
        return bare.upper()
    folded = bare.casefold()
    found = _ONE_CURRENCY.get(folded) or _NAMES.get(folded)
    if found is not None:
        return found
    # `EUR - Euro` and `Euro (EUR)` name it twice.
    codes = {code for code in _CODE.findall(bare) if is_currency(code)}
    return str(codes.pop()) if len(codes) == 1 else None


def may_mean(text: str) -> frozenset[str] | None:
    """The currencies that an ambiguous sign such as `$` or `kr` may stand for, else None."""
    return _MANY_CURRENCIES.get(" ".join(text.split()).casefold())


def sign_of(text: str) -> frozenset[str]:
    """The currencies that a sign or a word beside an amount may stand for; none if nobody knows."""
    code = written_code(text)
    return frozenset({code}) if code is not None else may_mean(text) or frozenset()


def reads_as_currency(text: str) -> bool:
    """Whether a cell can only be a currency: a code that is no word, or a sign of money."""
    if is_code(text):
        return True
    if len(text) == 1:
        return unicodedata.category(text) == "Sc"
    return text.upper() in CODES and text.isascii() and text.upper() not in _WORDS


def is_symbol(text: str) -> bool:
    """Whether a text is a currency symbol or the short word used as one."""
    if len(text) == 1 and unicodedata.category(text) == "Sc":
        return True
    return text.casefold() in _SYMBOL_WORDS


def speaks_against_month_first(text: str) -> bool:
    """Whether a text holds a symbol of a country that writes the day before the month."""
    words = re.split(r"[\s()\[\]:,;/\d]+", text.casefold())
    for word in words:
        if word in _DOLLARS or not word:
            continue
        if is_symbol(word) or any(is_symbol(c) and c != "$" for c in word if not c.isalpha()):
            return True
    return False


def code_in_header(text: str) -> str | None:
    """The currency a header names, as in `Amount (SGD)`, `Betrag EUR` or `Value in USD`."""
    bracketed = _BRACKETED.search(text)
    if bracketed and bracketed[1] in CODES:
        return str(bracketed[1])
    # A header all in capitals is full of three-letter words, so only a code at its end counts.
    found = [str(c) for c in _CODE.findall(text) if c in CODES and c not in _WORDS]
    if len(found) == 1 and text.strip() != found[0]:
        tail = text.strip().endswith(found[0]) or text != text.upper()
        return found[0] if tail else None
    return None


def code_in_cell(cell: str, *, labelled: bool) -> str | None:
    """The currency that one preamble cell names: `EUR`, `: EUR`, `150,00 EUR`, `(GBP)`."""
    bare = cell.strip(" \t:()[]=\"'")
    if bare in CODES and (labelled or bare not in _WORDS):
        return bare
    found = [str(c) for c in _CODE.findall(cell) if c in CODES]
    if len(found) != 1:
        return None
    code = found[0]
    beside_label = re.search(rf"[:=(]\s*{code}\b", cell) is not None
    beside_amount = re.search(rf"[0-9]\s?{code}\b|\b{code}\s?[-+]?[0-9][0-9.,' ]*$", cell)
    if labelled or beside_amount or (beside_label and code not in _WORDS):
        return code
    return None
