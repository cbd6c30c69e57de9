"""Sealing: AES-256-GCM of amounts and private text under a key of their ledger.

Format 1 of a sealed value: ``version(1) key_no(4) nonce(12) ciphertext tag(16)``.  An amount is a
little-endian int64 of minor units, so that its size tells nothing.  The associated data binds
ledger, row, key and column: a value moved anywhere else does not open.  The key is chosen by its
number and never by trial (AES-GCM does not commit to a key).  NIST SP 800-38D bounds the use of a
key with random nonces at 2^32; keys are replaced long before, at 2^30.
"""

import asyncio
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_HEADER: Final = struct.Struct(">cI12s")
_INT64: Final = struct.Struct("<q")
_TAG_BYTES: Final = 16
_MINOR: Final = struct.Struct(f">cI12s{_INT64.size + _TAG_BYTES}s")
"""A sealed amount: header, then ciphertext and tag."""
KEY_CACHE_SECONDS: Final = 300


class SealBroken(Exception):
    """A sealed value is not what was sealed for this place: tampered with, moved, or cut."""


class KeyMissing(Exception):
    """The ledger's key is gone (shredded) or was not loaded."""


def new_key() -> bytes:
    """A random 256-bit key."""
    return os.urandom(32)


def derive(key: bytes, purpose: str, *, context: bytes = b"") -> bytes:
    """A 256-bit key for one purpose out of another key (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode() + context).derive(
        key
    )


def seal_bytes(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """AES-256-GCM with a random nonce in front; ``context`` must be the same to open."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def open_bytes(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Inverse of ``seal_bytes``; raises SealBroken."""
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("A sealed value did not open.") from error


@dataclass(slots=True)
class LedgerRing:
    """The opened data keys of one ledger; the highest number seals unless another is named."""

    ledger_id: UUID
    keys: dict[int, AESGCM]
    loaded_at: float = field(default_factory=monotonic)
    sealing: int | None = None
    """Number of the key that seals while a newer one is not known everywhere yet."""
    _head: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._head = b"pt1" + self.ledger_id.bytes

    @property
    def current(self) -> int:
        """Number of the key that seals."""
        return self.sealing or max(self.keys)

    def _context(self, place: str, row_id: UUID, key_no: int) -> bytes:
        return b"".join((self._head, row_id.bytes, key_no.to_bytes(4, "big"), place.encode()))

    def seal(self, place: str, row_id: UUID, plaintext: bytes) -> bytes:
        """Seal bytes for one cell; ``place`` is ``table.column``."""
        key_no = self.sealing or max(self.keys)
        nonce = os.urandom(12)
        sealed = self.keys[key_no].encrypt(nonce, plaintext, self._context(place, row_id, key_no))
        return _HEADER.pack(_VERSION, key_no, nonce) + sealed

    def unseal(self, place: str, row_id: UUID, sealed: bytes) -> bytes:
        """Open what ``seal`` made for this very cell; raises SealBroken or KeyMissing."""
        if len(sealed) < _HEADER.size + _TAG_BYTES:
            raise SealBroken(f"A value in {place} is cut short.")
        version, key_no, nonce = _HEADER.unpack_from(sealed)
        if version != _VERSION:
            raise SealBroken(f"A value in {place} has an unknown format.")
        key = self.keys.get(key_no)
        if key is None:
            raise KeyMissing(f"Key {key_no} of the ledger is not there.")
        try:
            return key.decrypt(nonce, sealed[_HEADER.size :], self._context(place, row_id, key_no))
        except InvalidTag as error:
            raise _not_authentic(place) from error

    def unseal_each(
        self, places: Sequence[str], ids: Sequence[UUID], cells: Sequence[bytes]
    ) -> list[bytes]:
        """Open cells of as many places and rows: as one by one, in less time."""
        heads = {one: self._head + one.bytes for one in set(ids)}
        keys = {number.to_bytes(4, "big"): key.decrypt for number, key in self.keys.items()}
        opened = []
        for place, row_id, cell in zip(places, ids, cells, strict=True):
            number = cell[1:5]
            try:
                # A cell that is too short has no such number, or does not open.
                if cell[:1] == _VERSION:
                    context = heads[row_id] + number + place.encode()
                    opened.append(keys[number](cell[5:17], cell[17:], context))
                    continue
            except (InvalidTag, KeyError, ValueError):
                pass
            # Whatever is wrong with it, this says it.
            opened.append(self.unseal(place, row_id, cell))
        return opened

    def seal_minor(self, place: str, row_id: UUID, minor: int) -> bytes:
        """Seal an amount of minor units (int64)."""
        return self.seal(place, row_id, _INT64.pack(minor))

    def unseal_minor(self, place: str, row_id: UUID, sealed: bytes) -> int:
        """Open an amount of minor units."""
        plaintext = self.unseal(place, row_id, sealed)
        if len(plaintext) != _INT64.size:
            raise SealBroken(f"A value in {place} is not an amount.")
        minor: int = _INT64.unpack(plaintext)[0]
        return minor

    def unseal_minors(
        self, place: str, ids: Sequence[UUID], cells: Sequence[bytes]
    ) -> Sequence[int]:
        """Open a column of amounts with the ids of their rows: as one by one, in half the time."""
        opened = self._minors_alike(place, ids, cells)
        if opened is None:
            # Whatever is wrong with one, this says it.
            opened = [
                self.unseal_minor(place, row_id, cell)
                for row_id, cell in zip(ids, cells, strict=True)
            ]
        return opened

    def _minors_alike(
        self, place: str, ids: Sequence[UUID], cells: Sequence[bytes]
    ) -> Sequence[int] | None:
        """Amounts that are sealed under one key; None where they are not, or one does not open."""
        if set(map(len, cells)) != {_MINOR.size}:
            return None
        versions, numbers, nonces, sealed = zip(*_MINOR.iter_unpack(b"".join(cells)), strict=True)
        key_no = numbers[0]
        key = self.keys.get(key_no)
        if key is None or set(versions) != {_VERSION} or set(numbers) != {key_no}:
            return None
        head = self._head
        rest = key_no.to_bytes(4, "big") + place.encode()
        contexts = [head + row_id.bytes + rest for row_id in ids]
        if len(contexts) != len(sealed):
            return None
        try:
            opened = list(map(key.decrypt, nonces, sealed, contexts))
        except InvalidTag:
            return None
        return struct.unpack(f"<{len(opened)}q", b"".join(opened))

    def seal_text(self, place: str, row_id: UUID, text: str | None) -> bytes | None:
        """Seal text; None stays None."""
        return None if text is None else self.seal(place, row_id, text.encode())

    def unseal_text(self, place: str, row_id: UUID, sealed: bytes | None) -> str | None:
        """Open text; None stays None."""
        return None if sealed is None else self.unseal(place, row_id, sealed).decode()


def _not_authentic(place: str) -> SealBroken:
    return SealBroken(f"A value in {place} failed its authenticity check.")


class RingCache:
    """Opened rings of this process, kept for five minutes so that shredded keys fade everywhere."""

    def __init__(self, *, capacity: int = 10_000, seconds: float = KEY_CACHE_SECONDS) -> None:
        self._rings: dict[UUID, LedgerRing] = {}
        self._capacity = capacity
        self._seconds = seconds

    def get(self, ledger_id: UUID) -> LedgerRing | None:
        """The ring if it was opened in the last five minutes."""
        ring = self._rings.get(ledger_id)
        if ring is None or monotonic() - ring.loaded_at > self._seconds:
            return None
        return ring

    def put(self, ring: LedgerRing) -> None:
        """Remember a ring; the oldest goes when the cache is full.

        Its keys leave the memory when their time is over, whether anybody asks again or not.
        """
        self._rings.pop(ring.ledger_id, None)
        if len(self._rings) >= self._capacity:
            del self._rings[next(iter(self._rings))]
        self._rings[ring.ledger_id] = ring
        with suppress(RuntimeError):
            # Without a loop nobody serves, and the process is over soon.
            asyncio.get_running_loop().call_later(self._seconds, self._fade, ring)

    def _fade(self, ring: LedgerRing) -> None:
        if self._rings.get(ring.ledger_id) is ring:
            del self._rings[ring.ledger_id]

    def drop(self, ledger_id: UUID) -> None:
        """Forget a ring at once."""
        self._rings.pop(ledger_id, None)
