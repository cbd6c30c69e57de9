"""Categories: what money was for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Text, Uuid, text
from sqlmodel import Field

from models.base import KEY_TEXT, VersionedRow, one_of

KINDS = ("INCOME", "EXPENSE")


class Category(VersionedRow, table=True):
    """A node of a ledger's tree of categories."""

    __tablename__ = "categories"
    __table_args__ = (
        one_of("kind", "kind", KINDS),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["ledger_id", "parent_id"], ["categories.ledger_id", "categories.id"]),
        Index(
            "uq_categories_key",
            "ledger_id",
            "key",
            unique=True,
            postgresql_where=text("key IS NOT NULL"),
        ),
        Index(None, "ledger_id", "parent_id"),
        Index("ix_categories_name", "ledger_id", text('name COLLATE "C"'), "id"),
    )

    parent_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    name: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    key: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    color: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    icon: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    archived: bool = Field(sa_column=Column(Boolean, nullable=False))


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A category as rules and graph see it."""

    ledger_id: UUID
    id: UUID
    parent_id: UUID | None
    name: str
    kind: str
    key: str | None
    color: str | None
    icon: str | None
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime
