"""Identifiers: UUIDv7 in the database, TypeID text on the wire.

A TypeID is a short type name, an underscore and the 128 bits in lower-case Crockford base32
(TypeID specification 0.3).  Ids made later sort later, so keyset pages follow creation.

All ids are objects of the driver's own class: it is a ``uuid.UUID``, made, hashed and written in a
fraction of the time.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final
from uuid import UUID

from asyncpg.pgproto import pgproto
from uuid_utils import uuid7

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_BODY_LENGTH: Final = 26
_BODY: Final = re.compile(f"[{_ALPHABET}]{{{_BODY_LENGTH}}}")
_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""Digits of Python's base 32."""
_LETTERS: Final = _ALPHABET.encode() + bytes(range(len(_ALPHABET), 256))
"""Letters of groups of five bits; any other character stays what it is."""
_BYTES: Final = attrgetter("bytes")
_FIFTY_BITS: Final = (1 << 50) - 1
_FORTY_BITS: Final = (1 << 40) - 1
_MAX: Final = 1 << 128

PREFIXES: Final = frozenset(
    [
        "user",
        "acct",
        "cat",
        "txn",
        "bdgt",
        "item",
        "grp",
        "gtxn",
        "inv",
        "tmpl",
        "file",
        "imp",
        "notif",
        "rule",
        "run",
        "tok",
        "ses",
        "rate",
    ]
)


def new_id() -> UUID:
    """A fresh time-ordered id, monotonic within this process."""
    return from_bytes(uuid7().bytes)


def quick(value: UUID) -> UUID:
    """The same id as the driver makes them: equal to any other, and hashed in a fraction."""
    made: UUID = pgproto.UUID(value.bytes)
    return made


def from_bytes(value: bytes) -> UUID:
    """An id of 16 bytes, as the driver makes them."""
    made: UUID = pgproto.UUID(value)
    return made


def encode(prefix: str, value: UUID) -> str:
    """The wire form of an id."""
    number = value.int
    # Written out, in three small numbers: lists of hundreds of rows write thousands of ids.
    high, middle, low = number >> 90, (number >> 40) & _FIFTY_BITS, number & _FORTY_BITS
    p = _PAIRS
    return (
        f"{prefix}_{p[high >> 30]}{p[high >> 20 & 1023]}{p[high >> 10 & 1023]}{p[high & 1023]}"
        f"{p[middle >> 40]}{p[middle >> 30 & 1023]}{p[middle >> 20 & 1023]}"
        f"{p[middle >> 10 & 1023]}{p[middle & 1023]}"
        f"{p[low >> 30]}{p[low >> 20 & 1023]}{p[low >> 10 & 1023]}{p[low & 1023]}"
    )


def encode_many(prefix: str, values: Sequence[UUID]) -> list[str]:
    """The wire forms of many ids of one type: as ``encode`` one by one, in a third of the time.

    All ids lie side by side in one long number, each with room for a comma and its prefix, and
    their groups of five bits are moved apart to a byte each: in five steps for all of them.
    """
    if not values:
        return []
    pad, steps, heads, size = _spreading(prefix, len(values))
    number = int.from_bytes(pad.join(map(_BYTES, values)))
    for moved, stays, by in steps:
        number = (number & moved) << by | number & stays
    text = (number | heads).to_bytes(size).translate(_LETTERS).decode("ascii")
    return text.split(",")


@lru_cache(maxsize=256)
def _spreading(prefix: str, count: int) -> tuple[bytes, list[tuple[int, int, int]], int, int]:
    """What lies between ids, steps that turn groups of five bits into bytes, heads, and how long.

    A step says which bits move, which stay, and how far.  Group g lies at bit 5g and belongs to bit
    8g: it moves by 3g, which is 48, 24, 12, 6 and 3 for the bits that are set in g.
    """
    head = f",{prefix}_".encode("ascii")
    lane = 8 * (len(head) + _BODY_LENGTH)
    every = sum(1 << lane * one for one in range(count))
    steps = []
    at = {group: 5 * group for group in range(_BODY_LENGTH)}
    for bit in (16, 8, 4, 2, 1):
        moved = sum(0b11111 << at[group] for group in at if group & bit)
        stays = sum(0b11111 << at[group] for group in at if not group & bit)
        steps.append((moved * every, stays * every, 3 * bit))
        at = {group: place + 3 * bit * bool(group & bit) for group, place in at.items()}
    heads = int.from_bytes(head + bytes(_BODY_LENGTH)) * every
    size = (len(head) + _BODY_LENGTH) * count
    # There is nothing before the first one: neither a comma nor room for it.
    return bytes(lane // 8 - 16), steps, heads ^ ord(",") << 8 * (size - 1), size - 1


def decode(prefix: str, text: object) -> UUID | None:
    """The database form of an id of one type, or None when the text is not such an id."""
    if not isinstance(text, str) or not text.startswith(prefix + "_"):
        return None
    body = text[len(prefix) + 1 :]
    if not _BODY.fullmatch(body):
        return None
    number = int(body.translate(_DIGITS), 32)
    return from_bytes(number.to_bytes(16)) if number < _MAX else None


def prefix_of(text: str) -> str | None:
    """The type name of a wire id, or None when it is none of ours."""
    prefix, _, body = text.partition("_")
    return prefix if prefix in PREFIXES and len(body) == _BODY_LENGTH else None
