"""Files on their way in: sealed into the file store while they stream, then named in the ledger.

The object is stored before its row, so that a row never names an object that is not there.  What
a crash leaves between the two is an object without a row, which the sweep removes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import ValidationInfo, field_validator
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from models.database import Database
from models.ids import new_id
from models.sealed_files import seal_chunks
from models.sealing import LedgerRing
from models.stores.files import FileStore
from models.uploads import UploadRow
from resolvers.access import Actor
from resolvers.bounds import DEFAULTS, Bounds
from resolvers.errors import TooLarge
from resolvers.inputs import Input, TransactionRef
from resolvers.ledgers import Ledgers, LedgerWrite, Outcome
from resolvers.repeats import repeat_of
from resolvers.uploads.names import clean_filename
from resolvers.uploads.receipts import require_provable
from resolvers.uploads.rows import NAMES, U
from resolvers.uploads.sniff import HEAD_BYTES, TAKEOUT, ZIP, check_purpose, sniff

_MANY_FILES: Final = frozenset({ZIP, TAKEOUT})
"""What holds much of a person, and so has a bound of its own."""


class UploadCreate(Input):
    """What is told about a file beside its bytes."""

    purpose: Literal["STATEMENT", "RECEIPT"] | None = None
    transaction_id: TransactionRef | None = None

    @property
    def meant(self) -> str:
        """The purpose: what proves a transaction is a receipt, all else a statement if not told."""
        return self.purpose or ("STATEMENT" if self.transaction_id is None else "RECEIPT")

    @field_validator("transaction_id")
    @classmethod
    def _statements_prove_nothing(cls, value: UUID | None, told: ValidationInfo) -> UUID | None:
        if value is not None and told.data.get("purpose") == "STATEMENT":
            raise ValueError("Only a RECEIPT proves a transaction.")
        return value


@dataclass(frozen=True, slots=True)
class Received:
    """A file that lies sealed in the store and is named by no ledger yet."""

    ledger_id: UUID
    file_id: UUID
    filename: str
    content_type: str
    size: int
    sha256: str


@dataclass(slots=True)
class _Meter:
    """Counts and hashes plaintext as it passes, and stops it at the limit."""

    most: int
    size: int = 0
    hash: Any = field(default_factory=sha256)

    async def through(self, head: bytes, rest: AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
        yield self._seen(head)
        if rest is not None:
            async for piece in rest:
                yield self._seen(piece)

    def _seen(self, piece: bytes) -> bytes:
        self.size += len(piece)
        if self.size > self.most:
            raise TooLarge(
                f"The file has more than {self.most:,} bytes.",
                details={"limit": "bytes", "allowed": self.most},
            )
        self.hash.update(piece)
        return piece


async def _head(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The first 64 KiB, and what follows unless the file has ended."""
    head = bytearray()
    async for piece in chunks:
        head += piece
        if len(head) >= HEAD_BYTES:
            return bytes(head), chunks
    return bytes(head), None


async def ring_of(database: Database, actor: Actor) -> LedgerRing:
    """The keys of the person's ledger, without a transaction that waits for a slow sender."""
    async with database.read(actor.user_id) as tx:
        await tx.unlock([actor.ledger_id])
        return tx.ring(actor.ledger_id)


async def receive_file(
    database: Database,
    files: FileStore,
    actor: Actor,
    chunks: AsyncIterator[bytes],
    *,
    filename: str | None,
    declared: str | None,
    purpose: str | None = None,
    bounds: Bounds = DEFAULTS,
) -> Received:
    """Stream plaintext into the store, sealed; nothing of it is ever spooled.

    ``purpose``, where it is known already, refuses a wrong type before anything is stored.
    Raises UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE (over its bound) and VALIDATION_ERROR (empty).
    """
    name = clean_filename(filename)
    head, rest = await _head(chunks)
    content_type = sniff(head[:HEAD_BYTES], name, declared)
    if purpose is not None:
        check_purpose(content_type, purpose)
    ring = await ring_of(database, actor)
    file_id = new_id()
    many = content_type in _MANY_FILES
    meter = _Meter(bounds.takeout_bytes if many else bounds.file_bytes)
    sealed = seal_chunks(ring, file_id, meter.through(head, rest))
    await files.put(actor.ledger_id, file_id, sealed)
    return Received(
        actor.ledger_id, file_id, name, content_type, meter.size, meter.hash.hexdigest()
    )


async def drop_received(files: FileStore, received: Received) -> None:
    """Remove a stored file that no ledger will name."""
    await files.delete(received.ledger_id, received.file_id)


async def keep_upload(
    ledgers: Ledgers,
    files: FileStore,
    actor: Actor,
    received: Received,
    data: UploadCreate,
    *,
    key: str | None = None,
) -> Outcome[UploadRow]:
    """Name a stored file in the ledger; when the write fails, the file goes.

    ``key`` is an idempotency key: the same file with the same input gives the first answer, and
    the second copy of the bytes goes.
    """

    async def work(write: LedgerWrite) -> UploadRow:
        return await insert_upload(write, received, data)

    told = {
        "filename": received.filename,
        "contentType": received.content_type,
        "size": received.size,
        "sha256": received.sha256,
        "purpose": data.meant,
        "transactionId": data.transaction_id,
    }
    try:
        check_purpose(received.content_type, data.meant)
        outcome = await ledgers.write(
            actor, work, repeat=repeat_of(key, "uploadFile", told), answer=UploadRow
        )
    except Exception as error:
        if not _may_have_committed(error):
            await drop_received(files, received)
        raise
    if outcome.value.id != received.file_id:
        await drop_received(files, received)
    return outcome


def _may_have_committed(error: Exception) -> bool:
    """A connection that broke does not tell; such a file is left for the sweep to decide."""
    return isinstance(error, OSError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


async def store_upload(
    ledgers: Ledgers,
    files: FileStore,
    actor: Actor,
    chunks: AsyncIterator[bytes],
    data: UploadCreate,
    *,
    filename: str | None,
    declared: str | None,
    key: str | None = None,
    bounds: Bounds = DEFAULTS,
) -> Outcome[UploadRow]:
    """Receive a file whose purpose is known and name it in the ledger."""
    received = await receive_file(
        ledgers.database,
        files,
        actor,
        chunks,
        filename=filename,
        declared=declared,
        purpose=data.meant,
        bounds=bounds,
    )
    return await keep_upload(ledgers, files, actor, received, data, key=key)


async def insert_upload(write: LedgerWrite, received: Received, data: UploadCreate) -> UploadRow:
    """The row of a stored file; an unknown transaction is a field error."""
    if data.transaction_id is not None:
        await require_provable(write, data.transaction_id)
    row = UploadRow(
        ledger_id=write.ledger_id, id=received.file_id, filename=received.filename,
        content_type=received.content_type, size=received.size, sha256=received.sha256,
        purpose=data.meant, transaction_id=data.transaction_id, version=1,
        created_at=write.now, updated_at=write.now,
    )  # fmt: skip
    await write.tx.run(insert(U).values({name: getattr(row, name) for name in NAMES}))
    write.record("upload", "CREATE", None, row)
    return row
