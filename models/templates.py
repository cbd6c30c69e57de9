"""Templates: transactions that repeat by a schedule."""

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
    Text,
    Uuid,
    text,
)
from sqlmodel import Field

from models.base import KEY_TEXT, VersionedRow, one_of

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKEND_POLICIES = ("NONE", "BEFORE", "AFTER", "SKIP")


class Template(VersionedRow, table=True):
    """What is booked again and again; the schedule is told by its parts, never by a list of days."""

    __tablename__ = "templates"
    __table_args__ = (
        one_of("frequency", "frequency", FREQUENCIES),
        one_of("weekend_policy", "weekend_policy", WEEKEND_POLICIES),
        CheckConstraint("interval > 0", name="interval"),
        CheckConstraint("day_of_month BETWEEN 1 AND 31", name="day_of_month"),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["ledger_id", "account_id"], ["accounts.ledger_id", "accounts.id"]),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("ix_templates_name", "ledger_id", text('name COLLATE "C"'), "id"),
        Index("ix_templates_account", "ledger_id", "account_id"),
        Index("ix_templates_category", "ledger_id", "category_id"),
        Index("ix_templates_remind", "remind_on", postgresql_where=text("remind_on IS NOT NULL")),
        Index("ix_templates_due", "next_due", postgresql_where=text("next_due IS NOT NULL")),
    )

    name: str = Field(sa_column=Column(Text, nullable=False))
    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    payee: str | None = Field(default=None, sa_column=Column(Text))
    frequency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    interval: int = Field(sa_column=Column(Integer, nullable=False))
    day_of_month: int | None = Field(default=None, sa_column=Column(Integer))
    weekend_policy: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    start_date: dt.date = Field(sa_column=Column(Date, nullable=False))
    end_date: dt.date | None = Field(default=None, sa_column=Column(Date))
    auto_post: bool = Field(sa_column=Column(Boolean, nullable=False))
    settled_until: dt.date | None = Field(default=None, sa_column=Column(Date))
    """Dates up to here are not asked for any more: set when the schedule changes."""
    next_due: dt.date | None = Field(default=None, sa_column=Column(Date))
    """First date that waits to be posted; null unless the template posts by itself."""
    spent_dates: list[dt.date] = Field(
        sa_column=Column(ARRAY(Date), nullable=False, server_default="{}")
    )
    """Dates whose transactions have left the trash for good: they are not made again either."""
    remind_on: dt.date | None = Field(default=None, sa_column=Column(Date))
    """First date to remind of; null if the template posts by itself."""


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template with its amount opened (minor units of its account's currency)."""

    ledger_id: UUID
    id: UUID
    name: str
    account_id: UUID
    category_id: UUID | None
    amount_minor: int
    currency: str
    description: str
    payee: str | None
    frequency: str
    interval: int
    day_of_month: int | None
    weekend_policy: str
    start_date: dt.date
    end_date: dt.date | None
    auto_post: bool
    settled_until: dt.date | None
    version: int
    created_at: datetime
    updated_at: datetime
