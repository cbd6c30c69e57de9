"""Uploads: what somebody gave us as a file; the bytes rest sealed in the file store."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Text, Uuid, text
from sqlmodel import Field

from models.base import INSTANT, KEY_TEXT, VersionedRow, one_of

PURPOSES = ("STATEMENT", "RECEIPT")


class Upload(VersionedRow, table=True):
    """A stored file's facts."""

    __tablename__ = "uploads"
    __table_args__ = (
        one_of("purpose", "purpose", PURPOSES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "transaction_id"],
            ["transactions.ledger_id", "transactions.id"],
            ondelete="SET NULL (transaction_id)",
        ),
        Index("ix_uploads_transaction", "ledger_id", "transaction_id"),
        Index("ix_uploads_live", "ledger_id", "id", postgresql_where=text("deleted_at IS NULL")),
    )

    filename: str = Field(sa_column=Column(Text, nullable=False))
    content_type: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    purpose: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    transaction_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


@dataclass(frozen=True, slots=True)
class UploadRow:
    """An upload as rules and graph see it."""

    ledger_id: UUID
    id: UUID
    filename: str
    content_type: str
    size: int
    sha256: str
    purpose: str
    transaction_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
