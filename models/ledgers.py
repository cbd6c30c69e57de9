"""Ledgers: the unit of tenancy, encryption, order and change; with their members and keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, Uuid
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, one_of

ROLES = ("OWNER", "MEMBER", "VIEWER")


class Ledger(SQLModel, table=True):
    """One set of books; writers lock this row, so a ledger's history is serial."""

    __tablename__ = "ledgers"
    __table_args__ = (one_of("kind", "kind", ("PERSONAL", "GROUP")),)

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Grows by one with each write transaction."""
    books: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Grows by one with each write transaction that can change a figure."""
    head_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, server_default=""))
    """Hash of the newest change: the end of the chain."""
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    noticed_version: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Up to which version the budgets were compared with what was written."""
    pruned_version: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Up to here the feed holds the last word about each object only."""
    pruned_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Sealed hash of that version's last change: where the chain begins."""


def pruned_place(version: int) -> str:
    """Where the hash of a checkpoint is sealed: it opens as that of no other version."""
    return f"ledgers.pruned_hash/{version}"


class Membership(SQLModel, table=True):
    """Who belongs to a ledger, in which role.  The application may only read its own rows."""

    __tablename__ = "memberships"
    __table_args__ = (one_of("role", "role", ROLES), Index(None, "user_id", "ledger_id"))

    ledger_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    )
    user_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    role: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    joined_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    pen: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Database transaction in which even a viewer may write: her own coming, going and name."""


class LedgerKey(SQLModel, table=True):
    """A ledger's data keys, wrapped by the master key; deleting them shreds the amounts."""

    __tablename__ = "ledger_keys"

    ledger_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    )
    key_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


class SystemKey(SQLModel, table=True):
    """Keys of the installation (change chain, token signing), wrapped by the master key."""

    __tablename__ = "system_keys"

    purpose: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    key_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    public: str | None = Field(default=None, sa_column=Column(Text))
    """The public half as a JSON Web Key, where there is one."""
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
