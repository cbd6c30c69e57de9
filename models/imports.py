"""Imports: files turned into transactions, with a decision and a reason for every row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import INSTANT, KEY_TEXT, TenantRow, VersionedRow, one_of

STATUSES = ("PROCESSING", "PENDING", "COMPLETED", "FAILED", "REVERTED")
DECISIONS = ("NEW", "DUPLICATE", "MATCHED", "TRANSFER", "SKIPPED", "FAILED")
DELETED_POLICIES = ("SKIP", "RESTORE")
MEMORIES = ("APART", "LEFT_OUT", "SAME")
EDITED_POLICIES = ("KEEP", "REMOVE")


class Import(VersionedRow, table=True):
    """One run over one uploaded file."""

    __tablename__ = "imports"
    __table_args__ = (
        one_of("status", "status", STATUSES),
        one_of("deleted_policy", "deleted_policy", DELETED_POLICIES),
        one_of("reverting", "reverting", EDITED_POLICIES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["ledger_id", "upload_id"], ["uploads.ledger_id", "uploads.id"]),
        ForeignKeyConstraint(["ledger_id", "account_id"], ["accounts.ledger_id", "accounts.id"]),
        Index("ix_imports_upload", "ledger_id", "upload_id"),
    )

    upload_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    account_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The account that it fills; null where the file itself says which ones."""
    status: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    format: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    dry_run: bool = Field(sa_column=Column(Boolean, nullable=False))
    deleted_policy: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    confirmed: bool = Field(sa_column=Column(Boolean, nullable=False, server_default="false"))
    """Somebody has looked at the guess and accepted it."""
    report: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON: mapping, what was detected, questions, warnings (they may name figures)."""
    counts: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    accounts: list[dict[str, str]] = Field(sa_column=Column(JSONB, nullable=False))
    error_code: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    rows_done: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    """Rows whose decision is committed: where a killed run goes on."""
    rows_total: int | None = Field(default=None, sa_column=Column(Integer))
    started_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    finished_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    reverting: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    """What happens to rows that were changed since, while a worker takes the import back."""
    rulings: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Sealed JSON: what a person decided about rows before they are booked."""


class ImportRow(TenantRow, table=True):
    """One record of an imported file and what became of it; its contents are sealed."""

    __tablename__ = "import_rows"
    __table_args__ = (
        one_of("decision", "decision", DECISIONS),
        ForeignKeyConstraint(
            ["ledger_id", "import_id"],
            ["imports.ledger_id", "imports.id"],
            ondelete="CASCADE",
        ),
        Index("uq_import_rows_position", "ledger_id", "import_id", "position", unique=True),
    )

    import_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    position: int = Field(sa_column=Column(Integer, nullable=False))
    line: int = Field(sa_column=Column(Integer, nullable=False))
    decision: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    transaction_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    other_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The transaction in another account that it was joined to as a transfer."""
    left_version: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Version in which the import left its transaction: whoever finds another looks closer."""


class ImportMemory(TenantRow, table=True):
    """What a person has said about a row of a bank, for the next file that says the same."""

    __tablename__ = "import_memories"
    __table_args__ = (
        one_of("kind", "kind", MEMORIES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("ix_import_memories_print", "ledger_id", "print"),
    )

    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    """APART: two rows are not one; LEFT_OUT: it is not booked; SAME: it is that transaction."""
    print: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Content key of the row; of APART a keyed hash of the row and of what it is not."""
    transaction_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


@dataclass(frozen=True, slots=True)
class ImportRunRow:
    """An import as rules and graph see it."""

    ledger_id: UUID
    id: UUID
    upload_id: UUID
    account_id: UUID | None
    status: str
    format: str | None
    dry_run: bool
    deleted_policy: str
    confirmed: bool
    mapping: dict[str, Any] | None
    detected: dict[str, Any] | None
    questions: list[dict[str, Any]]
    warnings: list[str]
    headers: list[str]
    """The file's columns, told when it could not be read, so that a person can make a mapping."""
    counts: dict[str, int]
    accounts: list[dict[str, str]]
    """``currency`` and ``accountId`` (as on the wire) of every account that the rows go to."""
    error_code: str | None
    error_message: str | None
    rows_done: int
    rows_total: int | None
    started_at: datetime | None
    finished_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    reverting: str | None = None
    """KEEP or REMOVE (what was changed since) while a worker takes it back."""
    opened: tuple[str, ...] = ()
    """Accounts, as on the wire, that it has opened."""
    mapping_name: str | None = None
    """What a person calls the mapping."""
    kept: int = 0
    """Transactions that a revert has left because they were changed since."""


@dataclass(frozen=True, slots=True)
class ImportLineRow:
    """One decided row of an import with its contents opened."""

    id: UUID
    ledger_id: UUID
    import_id: UUID
    position: int
    line: int
    decision: str
    reason: str | None
    transaction_id: UUID | None
    date: str | None
    amount: str | None
    currency: str | None
    description: str | None
    other_id: UUID | None = None
    left_version: int | None = None
    code: str | None = None
    """The reason as a stable word; None for rows stored before there was one."""
    score: int | None = None
    """How sure the decision is, 0 to 100."""
    overruled: bool = False
    """A person decided it."""
    payee: str | None = None
    notes: str | None = None
    category: str | None = None
    external_id: str | None = None
    """The bank's id, as far as the transaction was given it."""
    bank_id: str | None = None
    """The bank's id as the file has it."""
    memory: str | None = None
    """What was remembered of an earlier import and decided about the row."""
    minor: int | None = None
    """The amount in minor units of ``currency``."""
    key: str | None = None
    """The content key in hexadecimal digits."""
    undo: dict[str, Any] | None = None
    """What the row changed, so that it can be taken back."""
