"""Invitations into groups, and the inboxes that tell when somebody's received ones have changed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, VersionedRow, one_of
from models.ledgers import ROLES

STATUSES = ("PENDING", "ACCEPTED", "DECLINED", "CANCELLED", "EXPIRED")
_PENDING = text("status = 'PENDING'")


class Invitation(VersionedRow, table=True):
    """An address asked into a group; whoever has the address sees it by a policy of its own."""

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", "role", ROLES),
        one_of("status", "status", STATUSES),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index(
            "uq_invitations_pending",
            "ledger_id",
            "email_key",
            unique=True,
            postgresql_where=_PENDING,
        ),
        Index("ix_invitations_received", "email_key", "id"),
        Index("ix_invitations_id", "id"),
        Index("ix_invitations_due", "expires_at", postgresql_where=_PENDING),
        Index("ix_invitations_token", "token_hash"),
    )

    email: str = Field(sa_column=Column(Text, nullable=False))
    email_key: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    role: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    status: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    group_name: str = Field(sa_column=Column(Text, nullable=False))
    """The group's name, for who cannot see the group yet."""
    invited_by: UUID = Field(sa_column=Column(Uuid, nullable=False))
    inviter_name: str = Field(sa_column=Column(Text, nullable=False))
    expires_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    answered_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    token_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """SHA-256 of the newest mailed token."""


class Inbox(SQLModel, table=True):
    """How often the received invitations of an address have changed; touched by functions alone."""

    __tablename__ = "inboxes"

    email_key: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation as its group and its addressee see it."""

    ledger_id: UUID
    id: UUID
    email: str
    email_key: str
    role: str
    status: str
    group_name: str
    invited_by: UUID
    inviter_name: str
    expires_at: datetime
    answered_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
