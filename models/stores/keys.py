"""Master keys: who wraps the data keys of ledgers.  ``local`` is a key file of mode 0600.

A wrapped key names in its first bytes which master key wrapped it, so that no key is ever tried:
``pt-loc2`` and a fingerprint, or what a provider of another kind begins with.  What names nobody is
from before there were names, and belongs to the oldest key of the file.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from models.sealing import SealBroken, new_key, open_bytes, seal_bytes

_KIND: Final = b"pt-loc2\x00"
_NAME_BYTES: Final = 8


class KeyProvider(Protocol):
    """Wraps and unwraps 256-bit data keys; the context must be the same both times."""

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """The wrapped form, safe to store beside the data."""

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; raises SealBroken when wrapped key or context are not right."""

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the master key that wraps now has wrapped this."""


def name_of(master: bytes) -> bytes:
    """The public name of a master key: tells keys apart and nothing about them."""
    return sha256(b"pockettrend master key\x00" + master).digest()[:_NAME_BYTES]


class LocalKeys:
    """Master keys in a file of their own, one a line: the first wraps, all of them unwrap.

    The file is looked at again whenever it may matter, so that running processes follow a
    rotation.
    """

    def __init__(self, *masters: bytes, file: Path | None = None) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._use(masters)

    @classmethod
    def from_file(cls, path: Path, *, create: bool) -> "LocalKeys":
        """Read the key file; make it with mode 0600 when absent and ``create`` is set."""
        if create and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = _written(path, [new_key()])
            try:
                # A link and not a rename: of two starters, the first one's key stays.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        found = cls(*read_keys(path), file=path)
        found._stamp = _stamp(path)
        return found

    def _use(self, masters: tuple[bytes, ...]) -> None:
        if not masters or any(len(master) != 32 for master in masters):
            raise ValueError("A master key is 32 bytes (64 hexadecimal digits in its file).")
        self._masters = {name_of(master): master for master in masters}
        self._first, self._oldest = masters[0], masters[-1]

    def _look(self) -> None:
        """Follow the file; one that is half written or gone changes nothing."""
        if self._file is None:
            return
        try:
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._use(read_keys(self._file))
                self._stamp = stamp
        except (OSError, ValueError):
            return

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a data key under the first master key."""
        self._look()
        name = name_of(self._first)
        return _KIND + name + seal_bytes(self._first, key, _KIND + name + context)

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open a wrapped data key."""
        if not wrapped.startswith(_KIND):
            return open_bytes(self._oldest, wrapped, b"wrap" + context)
        end = len(_KIND) + _NAME_BYTES
        name = wrapped[len(_KIND) : end]
        if name not in self._masters:
            self._look()
        master = self._masters.get(name)
        if master is None:
            raise SealBroken("A key was wrapped by a master key that is not here.")
        return open_bytes(master, wrapped[end:], wrapped[:end] + context)

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the first master key has wrapped this."""
        self._look()
        return wrapped.startswith(_KIND + name_of(self._first))


def read_keys(path: Path) -> tuple[bytes, ...]:
    """The keys of a file, the one in use first; raises OSError, ValueError."""
    return tuple(bytes.fromhex(line) for line in path.read_text().split())


def replace_keys(path: Path, masters: list[bytes]) -> None:
    """Write a key file anew, whole or not at all."""
    _written(path, masters).rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written(path: Path, masters: list[bytes]) -> Path:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("".join(master.hex() + "\n" for master in masters))
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino
