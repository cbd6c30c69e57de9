"""Notifications: what happened that somebody may want to know; their words and data are sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Uuid, text
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, VersionedRow, one_of

TYPES = (
    "INVITATION", "GROUP_EXPENSE", "SETTLEMENT", "BUDGET_THRESHOLD", "BUDGET_EXCEEDED",
    "TEMPLATE_POSTED", "TEMPLATE_DUE", "IMPORT_FINISHED", "SECURITY",
)  # fmt: skip


class Notification(VersionedRow, table=True):
    """One thing told to the owner of a personal ledger."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("type", "type", TYPES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index(
            "ix_notifications_unread", "ledger_id", "id", postgresql_where=text("read_at IS NULL")
        ),
    )

    type: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    title: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed JSON."""
    read_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class BudgetMark(SQLModel, table=True):
    """A threshold that a budget, or an item of it, is past in one period: it was told, or known."""

    __tablename__ = "budget_marks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ledger_id", "budget_id"], ["budgets.ledger_id", "budgets.id"], ondelete="CASCADE"
        ),
        Index("ix_budget_marks_budget", "ledger_id", "budget_id"),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    subject_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    """The item, or the budget itself for its sum."""
    period: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    percent: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    budget_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    notification_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """What told it; it may be deleted since."""


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification with its words and data opened."""

    ledger_id: UUID
    id: UUID
    type: str
    title: str
    body: str
    data: dict[str, Any]
    read_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
