"""Changes as they enter the feed: images of objects, sealed, and linked into the ledger's chain."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter

from models.changes import Link, content_mac, content_place, link_hash
from models.sealing import LedgerRing, new_key

_SALT_BYTES = 16


@cache
def image_of(kind: Hashable) -> TypeAdapter[Any]:
    """How a row or answer is written to and read from sealed JSON."""
    return TypeAdapter(cast("Any", kind))


@dataclass(slots=True)
class Record:
    """One changed object; ``before`` and ``after`` are rows, None where there is none."""

    entity: str
    entity_id: UUID
    op: str
    before: Any
    after: Any


def feed_rows(
    chain_key: bytes,
    ring: LedgerRing,
    records: Sequence[Record],
    *,
    version: int,
    actor_id: UUID,
    at: datetime,
    head: bytes,
) -> tuple[list[dict[str, Any]], bytes]:
    """Rows of the change table for one version, and the chain's new head."""
    rows = []
    for seq, record in enumerate(records):
        plaintext = _content(record)
        mac = content_mac(chain_key, plaintext)
        link = Link(
            ledger_id=ring.ledger_id,
            version=version,
            seq=seq,
            entity=record.entity,
            entity_id=record.entity_id,
            op=record.op,
            actor_id=actor_id,
            at=at,
            content_mac=mac,
        )
        digest = link_hash(chain_key, head, link)
        rows.append(
            {
                "ledger_id": link.ledger_id,
                "version": version,
                "seq": seq,
                "entity": link.entity,
                "entity_id": link.entity_id,
                "op": link.op,
                "actor_id": actor_id,
                "at": at,
                "content": ring.seal(content_place(version, seq), record.entity_id, plaintext),
                "content_mac": mac,
                "prev_hash": head,
                "hash": digest,
            }
        )
        head = digest
    return rows, head


def _content(record: Record) -> bytes:
    """Salt and images of one change; the salt keeps equal contents from having equal MACs."""
    parts = [b'{"salt":"' + new_key()[:_SALT_BYTES].hex().encode() + b'"']
    for name, row in (("before", record.before), ("after", record.after)):
        if row is not None:
            image = image_of(cast("Hashable", type(row))).dump_json(row)
            parts.append(b'"' + name.encode() + b'":' + image)
    return b",".join(parts) + b"}"
