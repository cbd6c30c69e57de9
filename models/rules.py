"""Rules: what is done to transactions that look like this, in the order of their places."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Uuid,
)
from sqlmodel import Field

from models.base import VersionedRow


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
