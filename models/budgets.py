"""Budgets and their items: what is planned for a category in each period."""

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
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

from models.base import KEY_TEXT, VersionedRow, one_of

PERIODS = ("WEEKLY", "BIWEEKLY", "MONTHLY", "QUARTERLY", "YEARLY", "CUSTOM")
CARRIES = ("NONE", "SURPLUS", "BOTH")


class Budget(VersionedRow, table=True):
    """A plan that repeats from its start; its figures lie in its items."""

    __tablename__ = "budgets"
    __table_args__ = (
        one_of("period", "period", PERIODS),
        CheckConstraint("end_date >= start_date", name="dates"),
        CheckConstraint("period <> 'CUSTOM' OR end_date IS NOT NULL", name="custom_end"),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("ix_budgets_name", "ledger_id", text('name COLLATE "C"'), "id"),
    )

    name: str = Field(sa_column=Column(Text, nullable=False))
    period: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    start_date: dt.date = Field(sa_column=Column(Date, nullable=False))
    end_date: dt.date | None = Field(default=None, sa_column=Column(Date))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    alert_percents: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))


class BudgetItem(VersionedRow, table=True):
    """The sealed plan for one category of a budget."""

    __tablename__ = "budget_items"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        one_of("carry", "carry", CARRIES),
        ForeignKeyConstraint(
            ["ledger_id", "budget_id"], ["budgets.ledger_id", "budgets.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("uq_budget_items_category", "ledger_id", "budget_id", "category_id", unique=True),
        Index("ix_budget_items_category", "ledger_id", "category_id"),
    )

    budget_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    category_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    carry: str = Field(sa_column=Column(KEY_TEXT, nullable=False))


@dataclass(frozen=True, slots=True)
class BudgetItemRow:
    """An item with its amount opened (minor units of the budget's currency)."""

    ledger_id: UUID
    id: UUID
    budget_id: UUID
    category_id: UUID
    amount_minor: int
    currency: str
    """The budget's, read along; it is fixed while the budget has items."""
    carry: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget with its items in the order in which they were made."""

    ledger_id: UUID
    id: UUID
    name: str
    period: str
    start_date: dt.date
    end_date: dt.date | None
    currency: str
    alert_percents: tuple[int, ...]
    items: tuple[BudgetItemRow, ...]
    version: int
    created_at: datetime
    updated_at: datetime
