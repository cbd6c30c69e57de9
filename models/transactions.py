"""Transactions and their split parts: the rows that every figure is made of."""

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import Base64Bytes
from sqlalchemy import (
    ARRAY,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlmodel import Field

from models.base import INSTANT, KEY_TEXT, TenantRow, VersionedRow, one_of

STATUSES = ("PENDING", "POSTED", "RECONCILED")
LOCKABLE = ("CATEGORY", "PAYEE", "TAGS", "NOTES")
"""Fields that a hand locks by setting them."""
_LIVE = text("deleted_at IS NULL")


class Transaction(VersionedRow, table=True):
    """One movement of money on one account; a transfer is two that name each other."""

    __tablename__ = "transactions"
    __table_args__ = (
        one_of("status", "status", STATUSES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["ledger_id", "account_id"], ["accounts.ledger_id", "accounts.id"]),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        ForeignKeyConstraint(
            ["ledger_id", "transfer_id"],
            ["transactions.ledger_id", "transactions.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(
            ["ledger_id", "refund_of"],
            ["transactions.ledger_id", "transactions.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(
            ["ledger_id", "group_transaction_id"], ["shares.ledger_id", "shares.id"]
        ),
        Index("ix_transactions_newest", "ledger_id", "date", "id", postgresql_where=_LIVE),
        Index(
            "ix_transactions_account",
            "ledger_id",
            "account_id",
            "date",
            "id",
            postgresql_where=_LIVE,
        ),
        Index(
            "ix_transactions_pending",
            "ledger_id",
            "account_id",
            "date",
            postgresql_where=text("deleted_at IS NULL AND status = 'PENDING'"),
        ),
        Index("ix_transactions_category", "ledger_id", "category_id", "date", "id"),
        Index("ix_transactions_transfer", "ledger_id", "transfer_id"),
        Index("ix_transactions_refund", "ledger_id", "refund_of"),
        Index(
            "ix_transactions_content",
            "ledger_id",
            "content_key",
            postgresql_where=text("content_key IS NOT NULL"),
        ),
        Index(
            "ix_transactions_external",
            "ledger_id",
            "account_id",
            "external_id",
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(
            "ix_transactions_trash", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")
        ),
        Index(
            "uq_transactions_external",
            "ledger_id",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL AND deleted_at IS NULL"),
        ),
        # The trash counts: one transaction for each date of a template, ever.
        Index(
            "uq_transactions_occurrence",
            "ledger_id",
            "template_id",
            "occurrence_date",
            unique=True,
            postgresql_where=text("template_id IS NOT NULL"),
        ),
        Index(
            "uq_transactions_leg",
            "ledger_id",
            "group_transaction_id",
            unique=True,
            postgresql_where=text("group_transaction_id IS NOT NULL AND deleted_at IS NULL"),
        ),
    )

    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    date: dt.date = Field(sa_column=Column(Date, nullable=False))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    payee: str | None = Field(default=None, sa_column=Column(Text))
    notes: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    tags: list[str] = Field(sa_column=Column(ARRAY(KEY_TEXT), nullable=False))
    status: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    split_count: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    transfer_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    refund_of: UUID | None = Field(default=None, sa_column=Column(Uuid))
    external_id: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    import_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    template_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    group_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    content_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Keyed hash of what an imported row said, so that the same file twice adds nothing."""
    deleted_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    occurrence_date: dt.date | None = Field(default=None, sa_column=Column(Date))
    """The template's date for which it was made; ``date`` may be moved, this stays."""
    group_transaction_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The group transaction, and own share of it, whose money moved here."""
    locked: list[str] = Field(
        sa_column=Column(ARRAY(KEY_TEXT), nullable=False, server_default="{}")
    )
    """Which of its LOCKABLE fields a hand has set: rules, imports and suggestions leave them."""


class Split(TenantRow, table=True):
    """One part of a split transaction; parts are ordered and sum to the amount."""

    __tablename__ = "splits"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "transaction_id"],
            ["transactions.ledger_id", "transactions.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("uq_splits_position", "ledger_id", "transaction_id", "position", unique=True),
        Index("ix_splits_category", "ledger_id", "category_id"),
    )

    transaction_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    position: int = Field(sa_column=Column(Integer, nullable=False))
    category_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    notes: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A split part with its amount opened (minor units, the parent's currency)."""

    id: UUID
    category_id: UUID
    amount_minor: int
    notes: str | None
    currency: str


@dataclass(frozen=True, slots=True)
class RefundedRow:
    """What a refund must know of the transaction that it refunds, living or in the trash."""

    category_id: UUID | None
    """Its category, which the refund nets; None for one without, a split and a transfer."""
    category_kind: str | None
    """INCOME or EXPENSE of that category."""
    spent: bool
    """Whether its money went out (or was nothing): what it counts as without a category."""


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transaction with its figures opened (minor units of its currency)."""

    ledger_id: UUID
    id: UUID
    account_id: UUID
    category_id: UUID | None
    date: dt.date
    amount_minor: int
    currency: str
    description: str
    payee: str | None
    notes: str | None
    tags: tuple[str, ...]
    status: str
    split_count: int
    splits: tuple[SplitRow, ...]
    transfer_id: UUID | None
    refund_of: UUID | None
    external_id: str | None
    import_id: UUID | None
    template_id: UUID | None
    group_id: UUID | None
    category_kind: str | None
    """INCOME or EXPENSE of the category, read along so that ``kind`` costs no query."""
    content_key: Base64Bytes | None
    deleted_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    occurrence_date: dt.date | None = None
    """Absent in answers and feed entries that were stored before templates."""
    group_transaction_id: UUID | None = None
    """Absent where images were stored before groups."""
    refunded: RefundedRow | None = None
    """Read along like ``category_kind``: a refund counts as what it refunds."""
    locked: tuple[str, ...] = ()
    """Of LOCKABLE, in that order: what a hand has set."""
