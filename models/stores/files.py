"""Stored files: bytes that are sealed in chunks while they stream in, and opened while they leave."""

from collections.abc import AsyncIterator
from typing import Protocol
from uuid import UUID


class FileStore(Protocol):
    """Keeps sealed objects by ledger and id; it never sees plaintext."""

    async def put(self, ledger_id: UUID, file_id: UUID, chunks: AsyncIterator[bytes]) -> int:
        """Store sealed chunks under a name; all or nothing.  Returns the stored size."""

    def get(self, ledger_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """The sealed bytes in pieces; raises FileNotFoundError."""

    async def delete(self, ledger_id: UUID, file_id: UUID) -> None:
        """Remove; absent is fine."""
