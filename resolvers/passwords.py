"""Passwords: Argon2id in a small pool of threads, strength by zxcvbn."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from zxcvbn_rs_py import zxcvbn

from resolvers.errors import FieldError

MIN_LENGTH: Final = 12
MAX_BYTES: Final = 256
_MIN_SCORE: Final = 3
_LOOKED_AT: Final = 64
"""Characters that the strength estimate reads; its time grows with the square of them."""


class Passwords:
    """Hashes and verifies off the event loop; unknown users cost the same time as known ones."""

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")
        self._dummy = self._hasher.hash("nobody has this password")

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Argon2id hash in the PHC string format."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; None verifies against a hash that nothing opens."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._pool, self._matches, stored or self._dummy, _normal(password)
        )
        return found and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def problems(
        self, password: str, about: list[str], *, path: str = "password"
    ) -> list[FieldError]:
        """Why a new password is refused: too short, too long, or easily guessed."""
        text = _normal(password)
        if len(text) < MIN_LENGTH:
            return [FieldError(path, "TOO_SHORT", f"At least {MIN_LENGTH} characters.")]
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            return [FieldError(path, "TOO_LONG", f"At most {MAX_BYTES} bytes.")]
        if any(unicodedata.category(char) == "Cs" or char == "\x00" for char in text):
            return [FieldError(path, "INVALID", "Lone surrogates and NUL are not allowed.")]
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(
            self._pool, lambda: int(zxcvbn(text[:_LOOKED_AT], about).score)
        )
        if score < _MIN_SCORE:
            return [
                FieldError(path, "TOO_WEAK", "Too easy to guess: use more words or characters.")
            ]
        return []


def _normal(password: str) -> str:
    """NFC, as NIST SP 800-63B asks, and nothing else changed."""
    return unicodedata.normalize("NFC", password)
