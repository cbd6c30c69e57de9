"""Money: exact amounts as integers of minor units, as text with the currency's own digits."""

import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Final

from iso4217 import Currency

from resolvers.errors import AppError, ErrorCode

MAX_MINOR: Final = 10**14
"""Largest magnitude of one amount, minor units."""
INT64_MAX: Final = 2**63 - 1
_CENTS: Final = tuple(f".{cents:02d}" for cents in range(100))

_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,18})?", re.ASCII)

# Currencies that ISO 4217 has withdrawn (list three of the standard): old books still hold them.
_WITHDRAWN_2: Final = (
    "AFA ANG AOK AON AOR ARA ARP ATS AYM AZM BAD BEF BGL BGN BRB BRC BRE BRN BRR BUK BYB CSD CSK "
    "CUC CYP DDM DEM ECS EEK FIM FRF GEK GHC GHS GRD GWP HRD HRK IEP LTL LTT LVL LVR MDC MKN MLF "
    "MRO MTL MXP MZM NIC NLG PEI PES PLZ PTE RHD ROL RUR SDD SDP SIT SKK SLL SRG STD SUR SVC TJR "
    "UAK USS VEB VEF XFO YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWL ZWR"
)
_WITHDRAWN_0: Final = "ADP BYR ESP ITL LUF MGF TMM TPE TRL XEU"


@cache
def _digits() -> dict[str, int]:
    known = dict.fromkeys(_WITHDRAWN_2.split(), 2) | dict.fromkeys(_WITHDRAWN_0.split(), 0)
    # Codes without minor units (gold, test codes) are no currency that an account can have.
    known |= {c.value: c.exponent for c in Currency if c.exponent is not None}
    return known


def is_currency(code: str) -> bool:
    """Whether a code is a currency of ISO 4217, present or withdrawn."""
    return code in _digits()


def digits_of(currency: str) -> int:
    """Digits after the decimal point: JPY 0, EUR 2, KWD 3 (ISO 4217)."""
    return _digits()[currency]


def plain_amount(text: str) -> bool:
    """Whether text is a number in plain notation: ASCII digits, an optional minus and point.

    Checked before any conversion: exponents, underscores and other scripts' digits never reach
    ``Decimal``, which takes them all and for one of them runs for minutes.
    """
    return len(text) <= 40 and _PLAIN.fullmatch(text) is not None


def parse_minor(text: str, currency: str) -> int:
    """Minor units of an amount in plain notation; raises ValueError with a sentence."""
    if not plain_amount(text):
        raise ValueError('An amount is a plain decimal number such as "-12.34".')
    digits = digits_of(currency)
    whole, _, fraction = text.partition(".")
    if len(fraction) > digits:
        raise ValueError(
            f"{currency} has {digits} digits after the point; {len(fraction)} were given."
            if digits
            else f"{currency} has no digits after the point."
        )
    minor = int(whole.lstrip("-") + fraction.ljust(digits, "0"))
    if minor > MAX_MINOR:
        raise ValueError(f"The amount is over the limit of {format_minor(MAX_MINOR, currency)}.")
    return -minor if text.startswith("-") else minor


def format_minor(minor: int, currency: str) -> str:
    """Text of an amount with exactly the currency's digits."""
    digits = digits_of(currency)
    sign = "-" if minor < 0 else ""
    if digits == 0:
        return f"{sign}{abs(minor)}"
    whole, fraction = divmod(abs(minor), 10**digits)
    return f"{sign}{whole}.{fraction:0{digits}d}"


def format_minors(minors: Sequence[int], currencies: Sequence[str]) -> list[str]:
    """Texts of many amounts: as ``format_minor`` one by one, in less time."""
    if len(set(currencies)) == 1 and digits_of(currencies[0]) == 2:
        return [
            f"{one // 100}{_CENTS[one % 100]}"
            if one >= 0
            else f"-{-one // 100}{_CENTS[-one % 100]}"
            for one in minors
        ]
    return list(map(format_minor, minors, currencies))


def round_to_minor(amount: Decimal, currency: str) -> tuple[int, bool]:
    """Minor units of an exact amount, rounded half to even, and whether rounding changed it."""
    scaled = amount.scaleb(digits_of(currency))
    rounded = scaled.to_integral_value(rounding=ROUND_HALF_EVEN)
    return int(rounded), rounded != scaled


def checked_sum(amounts: Iterable[int]) -> int:
    """Exact sum of minor units; raises OVERFLOW beyond 64 bits instead of wrapping."""
    total = sum(amounts)
    if abs(total) > INT64_MAX:
        raise overflow("The sum is beyond the range of 64-bit minor units.")
    return total


def overflow(message: str) -> AppError:
    """An amount that no stored or told amount can be."""
    return AppError(message, code=ErrorCode.OVERFLOW)


def percent(part: int, whole: int) -> Decimal | None:
    """A share in percent with one decimal, rounded half to even; None of nothing or less."""
    if whole <= 0:
        return None
    share = Decimal(100 * part) / Decimal(whole)
    # Adding zero makes a negative zero a plain one.
    return share.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN) + 0
