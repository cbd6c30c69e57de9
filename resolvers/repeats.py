"""Idempotency keys: a request that is sent again gets the answer that it had the first time."""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.base import table, utc_now
from models.database import Transaction
from models.idempotency import IdempotencyKey
from models.ids import new_id
from resolvers.access import Actor
from resolvers.errors import AppError, Conflict, ErrorCode, invalid

KEY_LIFETIME: Final = timedelta(hours=24)
_KEYS: Final = table(IdempotencyKey)


@dataclass(frozen=True, slots=True)
class Repeat:
    """An idempotency key with what it stands for; the same for both doors."""

    key: str
    operation: str
    payload: Any

    def fingerprint(self, secret: bytes) -> bytes:
        """Keyed hash of operation and input: tells other input without holding any of it."""
        canonical = json.dumps(self.payload, sort_keys=True, default=str, separators=(",", ":"))
        return hmac.digest(secret, f"{self.operation}\x00{canonical}".encode(), sha256)


def repeat_of(key: str | None, operation: str, payload: Any) -> Repeat | None:
    """A checked idempotency key, or None when the caller sent none."""
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise invalid("idempotencyKey", "1 to 255 printable ASCII characters.")
    return Repeat(key, operation, payload)


async def claim(
    tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes
) -> tuple[UUID | None, bytes | None]:
    """Take the key, or find the answer that it already has."""
    now = utc_now()
    mine = _KEYS.c.ledger_id == actor.ledger_id
    await tx.run(delete(_KEYS).where(mine, _KEYS.c.created_at < now - KEY_LIFETIME))
    fingerprint = repeat.fingerprint(secret)
    key_id = new_id()
    taken = await tx.first(
        upsert(_KEYS)
        .values(
            ledger_id=actor.ledger_id,
            key=repeat.key,
            id=key_id,
            operation=repeat.operation,
            fingerprint=fingerprint,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["ledger_id", "key"])
        .returning(_KEYS.c.id)
    )
    if taken is not None:
        return key_id, None
    stored = await look(tx, actor, repeat, secret)
    if stored is None:
        raise Conflict("The first request with this key is running.", retry_after_seconds=1)
    return None, stored


async def look(tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes) -> bytes | None:
    """The answer that a key already has; raises IDEMPOTENCY_KEY_REUSED for another input's."""
    mine = (_KEYS.c.ledger_id == actor.ledger_id, _KEYS.c.key == repeat.key)
    stands = _KEYS.c.created_at >= utc_now() - KEY_LIFETIME
    found = select(_KEYS.c.id, _KEYS.c.fingerprint, _KEYS.c.answer).where(*mine, stands)
    held = await tx.first(found)
    if held is None or held.answer is None:
        return None
    fingerprint = repeat.fingerprint(secret)
    if not hmac.compare_digest(held.fingerprint, fingerprint):
        raise AppError(
            "This idempotency key was used with another input; use a new key.",
            code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
        )
    return tx.ring(actor.ledger_id).unseal("idempotency_keys.answer", held.id, held.answer)


async def store(tx: Transaction, actor: Actor, key_id: UUID, image: bytes) -> None:
    """Keep the answer of a write under its key, sealed."""
    sealed = tx.ring(actor.ledger_id).seal("idempotency_keys.answer", key_id, image)
    await tx.run(
        update(_KEYS)
        .where(_KEYS.c.ledger_id == actor.ledger_id, _KEYS.c.id == key_id)
        .values(answer=sealed)
    )
