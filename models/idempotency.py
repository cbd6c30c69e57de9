"""Answers kept for repeated writes: one effect for one idempotency key within 24 hours."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT


class IdempotencyKey(SQLModel, table=True):
    """A key of one person with the fingerprint of its input and the sealed image of its effect."""

    __tablename__ = "idempotency_keys"

    ledger_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    )
    key: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    operation: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False, index=True))
