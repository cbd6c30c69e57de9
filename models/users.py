"""Users: who somebody is and in which words, currency and time zone they think."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Text, UniqueConstraint, Uuid
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT


class User(SQLModel, table=True):
    """A person with a personal ledger.  ``email_key`` is the normalised address."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email_key"), UniqueConstraint("ledger_id"))

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    ledger_id: UUID = Field(sa_column=Column(Uuid, ForeignKey("ledgers.id"), nullable=False))
    email: str = Field(sa_column=Column(Text, nullable=False))
    email_key: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    base_currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    locale: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    time_zone: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    password_hash: str | None = Field(default=None, sa_column=Column(Text))
    email_verified_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    two_factor_enabled_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    updated_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as the graph sees it: no secret in it."""

    id: UUID
    ledger_id: UUID
    email: str
    name: str
    base_currency: str
    locale: str
    time_zone: str
    email_verified: bool
    two_factor_enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime
