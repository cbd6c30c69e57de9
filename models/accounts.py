"""Accounts: where money lies, with a sealed running total."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, ForeignKeyConstraint, Index, LargeBinary, Text, text
from sqlmodel import Field

from models.base import INSTANT, KEY_TEXT, VersionedRow, one_of

TYPES = ("CHECKING", "SAVINGS", "CREDIT_CARD", "CASH", "INVESTMENT", "LOAN", "OTHER")


class Account(VersionedRow, table=True):
    """An account.  ``total`` is the sealed sum of all its live transactions, whatever their date."""

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("type", "type", TYPES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("ix_accounts_name", "ledger_id", text('name COLLATE "C"'), "id"),
    )

    name: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    opening: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    opening_date: date | None = Field(default=None, sa_column=Column(Date))
    total: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    institution: str | None = Field(default=None, sa_column=Column(Text))
    number: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    archived: bool = Field(sa_column=Column(Boolean, nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its figures opened (minor units of its currency)."""

    ledger_id: UUID
    id: UUID
    name: str
    type: str
    currency: str
    opening_minor: int
    opening_date: date | None
    institution: str | None
    number: str | None
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime
