"""The change feed: audit trail, delta feed and source of live updates in one keyed hash chain."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, one_of

OPS: Final = ("CREATE", "UPDATE", "DELETE", "RESTORE")


class Change(SQLModel, table=True):
    """One changed object in one version of a ledger; its contents are sealed."""

    __tablename__ = "changes"
    __table_args__ = (one_of("op", "op", OPS), Index(None, "ledger_id", "entity_id", "version"))

    ledger_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    )
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    entity: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    entity_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    op: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    actor_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON: a 16-byte salt, the object before and after."""
    content_mac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    prev_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


@dataclass(frozen=True, slots=True)
class Link:
    """What the chain covers of one change: its metadata and the MAC of its contents."""

    ledger_id: UUID
    version: int
    seq: int
    entity: str
    entity_id: UUID
    op: str
    actor_id: UUID
    at: datetime
    content_mac: bytes


def content_place(version: int, seq: int) -> str:
    """Where the contents of one change are sealed: they open in no other change of its object."""
    return f"changes.content/{version}/{seq}"


def content_mac(chain_key: bytes, plaintext: bytes) -> bytes:
    """HMAC-SHA-256 of the plaintext contents, which begin with their own random salt.

    The chain holds this and not the ciphertext, so that keys rotate without breaking it.
    """
    return hmac.digest(chain_key, b"content" + plaintext, sha256)


def link_hash(chain_key: bytes, prev_hash: bytes, link: Link) -> bytes:
    """Hash of one change over its predecessor, keyed so that a database superuser cannot redo it.

    Every part is of fixed length or ends with a zero byte, so that no two links read alike.
    """
    micros = int(link.at.timestamp()) * 1_000_000 + link.at.microsecond
    message = b"".join(
        (
            b"link\x00",
            prev_hash.rjust(32, b"\x00"),
            link.ledger_id.bytes,
            link.version.to_bytes(8, "big"),
            link.seq.to_bytes(4, "big"),
            link.entity.encode() + b"\x00",
            link.entity_id.bytes,
            link.op.encode() + b"\x00",
            link.actor_id.bytes,
            micros.to_bytes(8, "big"),
            link.content_mac,
        )
    )
    return hmac.digest(chain_key, message, sha256)
