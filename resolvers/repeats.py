"""Idempotency keys: a request that is sent again gets the answer that it had the first time."""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.base import table, utc_now
from models.database import Transaction
from models.idempotency import IdempotencyKey
from models.ids import new_id
from models.ledgers import Ledger
from models.statements import Inserted, Prepared
from resolvers.access import Actor
from resolvers.errors import AppError, Conflict, ErrorCode, invalid
from resolvers.ledger_states import Ahead

KEY_LIFETIME: Final = timedelta(hours=24)
_KEYS: Final = table(IdempotencyKey)
_HELD: Final = (_KEYS.c.id, _KEYS.c.created_at, _KEYS.c.fingerprint, _KEYS.c.answer)
_FORGET: Final = Prepared(
    delete(_KEYS).where(
        _KEYS.c.ledger_id == bindparam("ledger"),
        _KEYS.c.created_at < bindparam("over", type_=_KEYS.c.created_at.type),
    ),
    part="forgotten",
)
_KEEP: Final = Inserted(
    _KEYS, ("ledger_id", "key", "id", "operation", "fingerprint", "created_at", "answer")
)


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


def _with_key(states: Select[Any]) -> Select[Any]:
    """What a key of the ledger has, beside where the ledger stands."""
    mine = and_(
        _KEYS.c.ledger_id == table(Ledger).c.id,
        _KEYS.c.key == bindparam("repeated", type_=_KEYS.c.key.type),
    )
    return states.add_columns(*(one.label(f"held_{one.name}") for one in _HELD)).outerjoin(
        _KEYS, mine
    )


def held(repeat: Repeat) -> Ahead:
    """Asks what a key has in the statement that reads where its ledger stands."""
    return Ahead(_with_key, {"repeated": repeat.key})


async def recall(
    tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes, found: tuple[Any, ...]
) -> bytes | None:
    """The answer that a key has, of what ``held`` found under the lock of the actor's ledger.

    None for a key that is free and stays so: a key refers to its ledger's row, so whoever takes one
    without this lock has to wait until it is given back.
    """
    key_id, created_at, fingerprint, answer = found
    if key_id is None:
        return None
    over = utc_now() - KEY_LIFETIME
    if created_at < over:
        await tx.run(_FORGET, {"ledger": actor.ledger_id, "over": over})
        return None
    if answer is None:
        raise _running()
    return _opened(tx, actor, repeat, secret, (key_id, fingerprint, answer))


async def keep(tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes, image: bytes) -> None:
    """Take a free key with the answer of its write, sealed; keys whose time is over go."""
    now, key_id = utc_now(), new_id()
    mine = actor.ledger_id
    await tx.later(_FORGET, {"ledger": mine, "over": now - KEY_LIFETIME})
    await tx.later(
        _KEEP,
        {
            "ledger_id": mine,
            "key": repeat.key,
            "id": key_id,
            "operation": repeat.operation,
            "fingerprint": repeat.fingerprint(secret),
            "created_at": now,
            "answer": tx.ring(mine).seal("idempotency_keys.answer", key_id, image),
        },
    )


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
        raise _running()
    return None, stored


def _running() -> Conflict:
    return Conflict("The first request with this key is running.", retry_after_seconds=1)


async def look(tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes) -> bytes | None:
    """The answer that a key already has; raises IDEMPOTENCY_KEY_REUSED for another input's."""
    mine = (_KEYS.c.ledger_id == actor.ledger_id, _KEYS.c.key == repeat.key)
    stands = _KEYS.c.created_at >= utc_now() - KEY_LIFETIME
    found = select(_KEYS.c.id, _KEYS.c.fingerprint, _KEYS.c.answer).where(*mine, stands)
    row = await tx.first(found)
    if row is None or row.answer is None:
        return None
    return _opened(tx, actor, repeat, secret, (row.id, row.fingerprint, row.answer))


def _opened(
    tx: Transaction, actor: Actor, repeat: Repeat, secret: bytes, row: tuple[UUID, bytes, bytes]
) -> bytes:
    """The answer under a key; raises IDEMPOTENCY_KEY_REUSED for another input's."""
    key_id, fingerprint, answer = row
    if not hmac.compare_digest(fingerprint, repeat.fingerprint(secret)):
        raise AppError(
            "This idempotency key was used with another input; use a new key.",
            code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
        )
    return tx.ring(actor.ledger_id).unseal("idempotency_keys.answer", key_id, answer)


async def store(tx: Transaction, actor: Actor, key_id: UUID, image: bytes) -> None:
    """Keep the answer of a write under its key, sealed."""
    sealed = tx.ring(actor.ledger_id).seal("idempotency_keys.answer", key_id, image)
    await tx.run(
        update(_KEYS)
        .where(_KEYS.c.ledger_id == actor.ledger_id, _KEYS.c.id == key_id)
        .values(answer=sealed)
    )
