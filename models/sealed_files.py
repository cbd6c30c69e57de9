"""Files sealed in chunks while they stream, so that no plaintext is ever spooled.

A sealed file is a row of sealed values, each of 64 KiB of plaintext but the last one, which has 1
to 64 KiB.  The associated data of a chunk binds ledger, file, key, its number and whether it is
the last, so that a file that was cut, reordered, mixed with another or lengthened does not open.
"""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from models.sealing import LedgerRing

CHUNK_BYTES: Final = 65_536
OVERHEAD_BYTES: Final = 33
"""Header and tag that sealing adds to a chunk."""
_SEALED_BYTES: Final = CHUNK_BYTES + OVERHEAD_BYTES


def _place(number: int, *, last: bool) -> str:
    return f"uploads.content\x00{number}\x00{int(last)}"


async def seal_chunks(
    ring: LedgerRing, file_id: UUID, plaintext: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Seal a stream of pieces of any size, one chunk of 64 KiB in memory at a time."""
    buffer = bytearray()
    number = 0
    async for piece in plaintext:
        buffer += piece
        while len(buffer) > CHUNK_BYTES:
            chunk = bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
            yield ring.seal(_place(number, last=False), file_id, chunk)
            number += 1
    yield ring.seal(_place(number, last=True), file_id, bytes(buffer))


async def open_chunks(
    ring: LedgerRing, file_id: UUID, sealed: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Open what ``seal_chunks`` made, whatever the pieces it is read in.

    Raises SealBroken at the first chunk that is not what was sealed at this place; nothing of
    that chunk is given out.
    """
    buffer = bytearray()
    number = 0
    async for piece in sealed:
        buffer += piece
        # What is followed by more is not the last chunk; the rest stays until the end is known.
        while len(buffer) > _SEALED_BYTES:
            chunk = bytes(buffer[:_SEALED_BYTES])
            del buffer[:_SEALED_BYTES]
            yield ring.unseal(_place(number, last=False), file_id, chunk)
            number += 1
    yield ring.unseal(_place(number, last=True), file_id, bytes(buffer))
