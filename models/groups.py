"""Groups: who shares a ledger, what was spent together, who owes whom, and what each books of it."""

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, TenantRow, VersionedRow, one_of
from models.ledgers import ROLES

KINDS = ("EXPENSE", "SETTLEMENT")
METHODS = ("EQUAL", "EXACT", "PERCENT", "SHARES")
_LIVE = text("deleted_at IS NULL")


class Group(VersionedRow, table=True):
    """What a group's ledger is called; the id is the ledger's own."""

    __tablename__ = "groups"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    name: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))


class GroupMember(VersionedRow, table=True):
    """The group's own record of a person, kept when she leaves; the id is the user's.

    Rights come from ``memberships``; the role here is what the others are shown.
    """

    __tablename__ = "group_members"
    __table_args__ = (
        one_of("role", "role", ROLES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("ix_group_members_user", "id"),
    )

    name: str = Field(sa_column=Column(Text, nullable=False))
    email: str | None = Field(default=None, sa_column=Column(Text))
    role: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    joined_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    left_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class GroupTransaction(VersionedRow, table=True):
    """One expense that several share, or one payment from a member to another."""

    __tablename__ = "group_transactions"
    __table_args__ = (
        one_of("kind", "kind", KINDS),
        one_of("split_method", "split_method", METHODS),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("ix_group_transactions_newest", "ledger_id", "date", "id", postgresql_where=_LIVE),
        Index("ix_group_transactions_category", "ledger_id", "category_id"),
    )

    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    date: dt.date = Field(sa_column=Column(Date, nullable=False))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    split_method: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    created_by: UUID = Field(sa_column=Column(Uuid, nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class GroupPart(TenantRow, table=True):
    """What one member paid for and owes of a group transaction."""

    __tablename__ = "group_parts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ledger_id", "transaction_id"],
            ["group_transactions.ledger_id", "group_transactions.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["ledger_id", "user_id"], ["group_members.ledger_id", "group_members.id"]
        ),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("uq_group_parts_user", "ledger_id", "transaction_id", "user_id", unique=True),
        Index("ix_group_parts_user", "ledger_id", "user_id"),
    )

    transaction_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    paid_position: int | None = Field(default=None, sa_column=Column(Integer))
    """Place among the payers."""
    position: int | None = Field(default=None, sa_column=Column(Integer))
    """Place among the shares."""
    paid: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Null for who paid nothing."""
    owed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Null for who has no share."""
    weight: str | None = Field(default=None, sa_column=Column(KEY_TEXT))


class GroupNet(TenantRow, table=True):
    """What a member paid and owes in one currency, over all living transactions."""

    __tablename__ = "group_nets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ledger_id", "user_id"],
            ["group_members.ledger_id", "group_members.id"],
            ondelete="CASCADE",
        ),
        Index("uq_group_nets_user", "ledger_id", "user_id", "currency", unique=True),
    )

    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    paid: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    owed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class GroupDebt(TenantRow, table=True):
    """What one member owes another out of their common transactions, in one currency."""

    __tablename__ = "group_debts"
    __table_args__ = (
        CheckConstraint("low_id < high_id", name="order"),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("uq_group_debts_pair", "ledger_id", "low_id", "high_id", "currency", unique=True),
    )

    low_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    high_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    amount: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Signed: the first owes the second when positive, the other way round when negative."""


class Farewell(SQLModel, table=True):
    """Somebody who has left a group and whose own books still wait for its last word.

    Nobody reads it but definer functions: it lets her own job, and nothing else, look once more.
    """

    __tablename__ = "farewells"

    ledger_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    )
    user_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    left_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


class Share(VersionedRow, table=True):
    """A group transaction in a member's own books; the id is the group transaction's."""

    __tablename__ = "shares"
    __table_args__ = (
        one_of("kind", "kind", KINDS),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["ledger_id", "category_id"], ["categories.ledger_id", "categories.id"]
        ),
        Index("ix_shares_newest", "ledger_id", "date", "id", postgresql_where=_LIVE),
        Index("ix_shares_category", "ledger_id", "category_id"),
        Index("ix_shares_group", "ledger_id", "group_id"),
    )

    group_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    date: dt.date = Field(sa_column=Column(Date, nullable=False))
    currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    paid: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    owed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The member's own category; null for settlements."""
    group_category_id: UUID | None = Field(default=None, sa_column=Column(Uuid))
    """The group's category from which the own one was found."""
    source_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Version of the group transaction that is booked here."""
    deleted_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as rules and graph see it."""

    ledger_id: UUID
    id: UUID
    name: str
    currency: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A person in a group; ``id`` is the user's."""

    ledger_id: UUID
    id: UUID
    name: str
    email: str | None
    role: str
    joined_at: datetime
    left_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """What people see of each other who share a group."""

    id: UUID
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """Who paid how much of a group transaction (minor units of its currency)."""

    ledger_id: UUID
    user_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PortionRow:
    """Who owes how much of a group transaction (minor units of its currency)."""

    ledger_id: UUID
    user_id: UUID
    amount_minor: int
    weight: str | None
    currency: str


@dataclass(frozen=True, slots=True)
class GroupTransactionRow:
    """A group transaction with its figures opened (minor units of its currency)."""

    ledger_id: UUID
    id: UUID
    kind: str
    date: dt.date
    amount_minor: int
    currency: str
    description: str
    category_id: UUID | None
    split_method: str
    created_by: UUID
    paid_by: tuple[PaymentRow, ...]
    shares: tuple[PortionRow, ...]
    deleted_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A group transaction in a member's own books (minor units of its currency)."""

    ledger_id: UUID
    id: UUID
    group_id: UUID
    kind: str
    date: dt.date
    currency: str
    description: str
    paid_minor: int
    owed_minor: int
    category_id: UUID | None
    group_category_id: UUID | None
    source_version: int
    deleted_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
