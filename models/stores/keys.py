"""Master keys: who wraps the data keys of ledgers.  ``local`` is a key file of mode 0600."""

import os
from pathlib import Path
from typing import Protocol

from models.sealing import new_key, open_bytes, seal_bytes


class KeyProvider(Protocol):
    """Wraps and unwraps 256-bit data keys; the context must be the same both times."""

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """The wrapped form, safe to store beside the data."""

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; raises SealBroken when wrapped key or context are not right."""


class LocalKeys:
    """A master key in a file of its own."""

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise ValueError("A master key is 32 bytes (64 hexadecimal digits in its file).")
        self._master = master

    @classmethod
    def from_file(cls, path: Path, *, create: bool) -> "LocalKeys":
        """Read the key file; make it with mode 0600 when absent and ``create`` is set."""
        if create and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(new_key().hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link and not a rename: of two starters, the first one's key stays.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return cls(bytes.fromhex(path.read_text().strip()))

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a data key under the master key."""
        return seal_bytes(self._master, key, b"wrap" + context)

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open a wrapped data key."""
        return open_bytes(self._master, wrapped, b"wrap" + context)
