"""Reads JSON from the network: exact numbers, bounded in size and depth, and only strict JSON.

What the standard decoder would take is narrowed to what two readers cannot understand differently:
no NaN, no repeated keys, no half characters. Numbers are never rounded: an integer becomes ``int``,
every other number ``Decimal`` with the digits that were sent.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from resolvers.errors import BadRequest, FieldError, Invalid, TooLarge

MAX_EXPONENT = 30  # either way: more would write out as a text that no money or rate needs
SHOWN = 40  # characters of a wrong key that a message repeats
LITERAL_PREFIX = 200  # characters of a wrong number that tell it from the right ones before it

BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)
# Possessive throughout, so that no input makes the matcher go back; an open string ends the text.
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
NO_BRACKETS = re.compile(rf"{STRING}|[^\[\]{{}}\"]++", re.DOTALL)
ONE_KIND = str.maketrans("{}", "[]")
WHOLE_ESCAPES = re.compile(
    r"(?:[^\\]++|\\[^u]"
    r"|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4})*+"
)


class _WrongNumberError(Exception):
    """A number that is not read here, or is none of JSON's."""

    def __init__(self, literal: str, why: str, *, malformed: bool = False) -> None:
        super().__init__(why)
        self.literal = literal
        self.why = why
        self.malformed = malformed


def parse_json(
    data: bytes,
    *,
    max_bytes: int = 1_048_576,
    max_depth: int = 32,
    max_digits: int = 40,
    what: str = "The body",
) -> Any:
    """One JSON value (RFC 8259) of at most so many bytes, levels, and digits per number.

    A UTF-8 byte order mark is skipped. An exponent may be at most 30 either way; ``-0`` becomes
    ``Decimal("-0")``, because an integer would lose the sign. Raises ``TooLarge`` for too many
    bytes, ``BadRequest`` for what is not JSON or says one thing twice, ``Invalid`` for a number
    out of range or a string with NUL or half a surrogate pair. Positions count characters from 1;
    ``what`` begins the messages.
    """
    if len(data) > max_bytes:
        raise TooLarge(
            f"{what} has {len(data)} bytes; the limit is {max_bytes}.",
            details={"limit": "bytes", "allowed": max_bytes, "found": len(data)},
        )
    text = _decode(data, what)
    if not text.strip(" \t\r\n"):
        raise BadRequest(f"{what} is empty; JSON is expected.")
    _check_depth(text, max_depth, what)
    try:
        value = _decoder(max_digits).decode(text)
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise _malformed(f"{what} is not JSON: {reason}", error.pos + 1) from error
    except _WrongNumberError as error:
        position = _position_of(text, error.literal)
        if error.malformed:
            raise _malformed(f"{what} is not JSON: {error.why}", position) from error
        message = f"The number at character {position} {error.why}."
        raise _wrong("INVALID_NUMBER", message, position) from error
    _check_characters(text)
    return value


def _decode(data: bytes, what: str) -> str:
    try:
        return data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start + (len(BOM) if data.startswith(BOM) else 0) + 1
        message = f"{what} is not UTF-8 at byte {at}."
        raise BadRequest(message, details={"byte": at}) from error


def _check_depth(text: str, max_depth: int, what: str) -> None:
    """Refuse deep nesting before the decoder, which recurses, meets it.

    Each pass takes the innermost pairs away, so ``max_depth`` passes leave nothing of a document
    that is flat enough. Which bracket closes which is the decoder's affair; those left without a
    partner are refused here only if they are too many.
    """
    if text.count("[") + text.count("{") <= max_depth:
        return
    brackets = NO_BRACKETS.sub("", text).translate(ONE_KIND)
    for _ in range(max_depth):
        brackets = brackets.replace("[]", "")
    if "[]" in brackets or brackets.count("[") > max_depth:
        raise BadRequest(
            f"{what} is nested deeper than {max_depth} levels.",
            details={"limit": "depth", "allowed": max_depth},
        )


def _number_reader(max_digits: int) -> Callable[[str], int | Decimal]:
    def read(literal: str) -> int | Decimal:
        if len(literal) <= max_digits and literal.isdigit() and literal.isascii():
            return int(literal)
        match = NUMBER.fullmatch(literal)
        if match is None:
            raise _WrongNumberError(literal, "is not written as JSON writes numbers")
        whole, fraction, exponent = match.groups()
        digits = len(whole) + len(fraction or "")
        if digits > max_digits:
            raise _WrongNumberError(literal, f"has {digits} digits; the limit is {max_digits}")
        # The length goes first: an exponent of a million digits is not converted to be compared.
        if exponent and (len(exponent) > max_digits or abs(int(exponent)) > MAX_EXPONENT):
            raise _WrongNumberError(literal, f"has an exponent over {MAX_EXPONENT}")
        if fraction is None and exponent is None and literal != "-0":
            return int(literal)
        return Decimal(literal)

    return read


@lru_cache(maxsize=8)
def _decoder(max_digits: int) -> json.JSONDecoder:
    read = _number_reader(max_digits)
    return json.JSONDecoder(
        parse_float=read,
        parse_int=read,
        parse_constant=_refuse_constant,
        object_pairs_hook=_object,
    )


def _refuse_constant(name: str) -> Any:
    raise _WrongNumberError(name, f"{name} is no number", malformed=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key in members if counts[key] > 1)
        raise BadRequest(f"The key {_shown(twice)} is given twice in one object.")
    return members


def _check_characters(text: str) -> None:
    """Find NUL and half surrogate pairs, which valid JSON can only write as escapes."""
    if "\\u" not in text:
        return
    end = WHOLE_ESCAPES.match(text)
    position = end.end() if end else 0
    if position < len(text):
        escape = text[position : position + 6]
        kind = "the character NUL" if escape == r"\u0000" else "half a surrogate pair"
        message = f"The string at character {position + 1} holds {kind} ({escape})."
        raise _wrong("INVALID_CHARACTER", message, position + 1)


def _position_of(text: str, literal: str) -> int:
    """Where a number or constant that the decoder handed over stands outside strings."""
    wanted = re.escape(literal[:LITERAL_PREFIX])
    other = r'-?+[0-9][0-9.eE+\-]*+|[A-Za-z]++|[^"0-9A-Za-z\-]++|-'
    before = re.match(rf"(?:{STRING}|(?!{wanted})(?:{other}))*+", text, re.DOTALL)
    return (before.end() if before else 0) + 1


def _shown(key: str) -> str:
    short = key if len(key) <= SHOWN else key[:SHOWN] + "…"
    return json.dumps(short)


def _malformed(message: str, position: int) -> BadRequest:
    return BadRequest(f"{message} at character {position}.", details={"position": position})


def _wrong(code: str, message: str, position: int) -> Invalid:
    return Invalid([FieldError("", code, message)], details={"position": position})
