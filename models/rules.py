"""Rules: what is done to transactions that look like this, in the order of their places."""

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Uuid,
    text,
)
from sqlmodel import Field

from models.base import INSTANT, KEY_TEXT, TenantRow, VersionedRow, one_of

RUN_STATUSES = ("PROCESSING", "COMPLETED", "FAILED", "UNDOING", "UNDONE")
OUTCOMES = ("RESTORED", "PARTLY", "KEPT")


class Rule(VersionedRow, table=True):
    """Conditions and what follows from them; the words of both are sealed."""

    __tablename__ = "rules"
    __table_args__ = (
        CheckConstraint("position > 0", name="position"),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("ix_rules_position", "ledger_id", "position", "id"),
        Index("ix_rules_category", "ledger_id", "category_id"),
    )

    position: int = Field(sa_column=Column(Integer, nullable=False))
    active: bool = Field(sa_column=Column(Boolean, nullable=False))
    stop: bool = Field(sa_column=Column(Boolean, nullable=False))
    category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON: name, conditions and all actions but the category."""


class RuleRun(VersionedRow, table=True):
    """Rules run over the transactions that are there, and taken back again."""

    __tablename__ = "rule_runs"
    __table_args__ = (
        one_of("status", "status", RUN_STATUSES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        # One at a time in a ledger.
        Index(
            "uq_rule_runs_working",
            "ledger_id",
            unique=True,
            postgresql_where=text("status IN ('PROCESSING', 'UNDOING')"),
        ),
    )

    status: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    rule_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    rules: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON: the rules as they were when the run was asked for."""
    from_date: dt.date | None = Field(default=None, sa_column=Column(Date))
    to_date: dt.date | None = Field(default=None, sa_column=Column(Date))
    account_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    overwrite: bool = Field(sa_column=Column(Boolean, nullable=False))
    rows_done: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    rows_total: int | None = Field(default=None, sa_column=Column(Integer))
    changed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    restored: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    kept: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    last_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The last transaction that was looked at: where a killed run goes on."""
    error_code: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    started_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    finished_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class RuleChange(TenantRow, table=True):
    """What a run changed on one transaction, and what became of it when the run was taken back."""

    __tablename__ = "rule_changes"
    __table_args__ = (
        one_of("outcome", "outcome", OUTCOMES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "run_id"],
            ["rule_runs.ledger_id", "rule_runs.id"],
            ondelete="CASCADE",
        ),
        Index("uq_rule_changes_row", "ledger_id", "run_id", "transaction_id", unique=True),
        Index("ix_rule_changes_order", "ledger_id", "run_id", "id"),
    )

    run_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    transaction_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON: the labels before and after, and the rules that set them."""
    outcome: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    kept: list[str] = Field(sa_column=Column(ARRAY(KEY_TEXT), nullable=False, server_default="{}"))
    """``FIELD:REASON`` of what was not restored."""


@dataclass(frozen=True, slots=True)
class RuleCondition:
    """One thing that must hold, or must not (``negate``).

    Texts have ``operator`` and ``value``; amounts ``minimum``, ``maximum`` (decimal texts,
    compared with absolute values) and ``direction``; accounts ``account_ids``.
    """

    field: str
    operator: str | None = None
    value: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    direction: str | None = None
    account_ids: tuple[UUID, ...] = ()
    negate: bool = False


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with its words opened."""

    ledger_id: UUID
    id: UUID
    name: str
    position: int
    active: bool
    stop: bool
    match: str
    """ALL or ANY of the conditions."""
    conditions: tuple[RuleCondition, ...]
    category_id: UUID | None
    payee: str | None
    tags: tuple[str, ...]
    notes: str | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Labels:
    """What rules may set on a transaction, as it is or would be."""

    ledger_id: UUID
    category_id: UUID | None
    payee: str | None
    tags: tuple[str, ...]
    notes: str | None


@dataclass(frozen=True, slots=True)
class RuleRunRow:
    """A run as rules and graph see it."""

    ledger_id: UUID
    id: UUID
    status: str
    rule_ids: tuple[UUID, ...]
    from_date: dt.date | None
    to_date: dt.date | None
    account_id: UUID | None
    overwrite: bool
    rows_done: int
    rows_total: int | None
    changed: int
    restored: int
    kept: int
    last_id: UUID | None
    error_code: str | None
    started_at: datetime | None
    finished_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RuleChangeRow:
    """One change of a run with its contents opened."""

    ledger_id: UUID
    id: UUID
    run_id: UUID
    transaction_id: UUID
    before: Labels
    after: Labels
    rule_ids: tuple[UUID, ...]
    outcome: str | None
    kept: tuple[str, ...]
