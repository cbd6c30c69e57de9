"""The audit of a person: what happened to her sign-in, chained so that nothing can be taken out."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT


class AuditEntry(SQLModel, table=True):
    """One event.  The application may add entries; it can neither change nor remove one."""

    __tablename__ = "audit_entries"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    session_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    details: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON."""
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Keyed hash over this entry and the one before it."""


class AuditHead(SQLModel, table=True):
    """Where the audit of a ledger ends; entries are added under the lock of this row."""

    __tablename__ = "audit_heads"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry as its person sees it."""

    ledger_id: UUID
    seq: int
    event: str
    at: datetime
    session_id: UUID | None
    details: dict[str, Any]


def entry_hash(
    key: bytes, before: bytes, ledger_id: UUID, seq: int, event: str, at: datetime,
    session_id: UUID | None, sealed: bytes,
) -> bytes:  # fmt: skip
    """The link of an entry: over all that is stored of it and the link before."""
    session = session_id.bytes if session_id is not None else b"\x00" * 16
    moment = int(at.timestamp() * 1_000_000).to_bytes(8, "big")
    parts = (before, ledger_id.bytes, seq.to_bytes(8, "big"), event.encode(), moment, session)
    packed = b"".join(len(part).to_bytes(4, "big") + part for part in (*parts, sealed))
    return hmac.digest(key, packed, sha256)


def details_place(seq: int) -> str:
    """Where the details of an entry are sealed: they open as those of no other entry."""
    return f"audit_entries.details/{seq}"
