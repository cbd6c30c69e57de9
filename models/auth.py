"""Sessions, their refresh tokens and mailed tokens: the truth about who is signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
)
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, one_of


class Session(SQLModel, table=True):
    """One sign-in: a family of refresh tokens that lives and dies together."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index(None, "ledger_id", "user_id"),
        Index("ix_sessions_id", "id"),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    user_agent: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    last_used_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    expires_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    revoked_reason: str | None = Field(default=None, sa_column=Column(KEY_TEXT))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its owner sees it among her others."""

    id: UUID
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class RefreshToken(SQLModel, table=True):
    """One link of a session's token family; only the hash of the token rests here."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ledger_id", "session_id"], ["sessions.ledger_id", "sessions.id"], ondelete="CASCADE"
        ),
        Index(None, "ledger_id", "session_id"),
        Index("uq_refresh_tokens_hash", "hash", unique=True),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    session_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    issued_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    rotated_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    child: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """The next token, sealed under a key derived from this one, for the lost-answer window."""
    child_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


PURPOSES: Final = ("RESET", "VERIFY")


class MailedToken(SQLModel, table=True):
    """A secret that went out by mail, good once; only its hash rests here.

    Its id is that of the job that mailed it, so a repeated job replaces its own token.
    """

    __tablename__ = "mailed_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        one_of("purpose", "purpose", PURPOSES),
        Index(None, "ledger_id", "user_id"),
        Index("uq_mailed_tokens_hash", "hash", unique=True),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    purpose: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    issued_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    expires_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class Registration(SQLModel, table=True):
    """A sign-up that waits for its address to be proved.

    It is nobody's yet and so lies outside row-level security: what it says rests sealed under a
    key of the installation, and ``address`` is a keyed hash that only tells equal addresses.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        Index(None, "address"),
        Index(None, "expires_at"),
        Index("uq_registrations_hash", "hash", unique=True),
    )

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    address: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Of the mailed token; absent until the mail is written."""
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    expires_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


class SecondFactor(SQLModel, table=True):
    """The secret of a person's one-time codes (RFC 6238), sealed; good once it is confirmed."""

    __tablename__ = "second_factors"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    last_step: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The newest time step whose code was used: no code of it or before is good again."""
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    confirmed_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class RecoveryCode(SQLModel, table=True):
    """A code that stands in for a lost device, once; only its hash rests here."""

    __tablename__ = "recovery_codes"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


class PersonalToken(SQLModel, table=True):
    """A token for a program of its owner, with the scopes that it was given; by its hash only."""

    __tablename__ = "personal_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("uq_personal_tokens_hash", "hash", unique=True),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    scopes: list[str] = Field(sa_column=Column(ARRAY(KEY_TEXT), nullable=False))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    last_used_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    expires_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))


@dataclass(frozen=True, slots=True)
class PersonalTokenRow:
    """A personal token as its owner sees it among others: without its secret."""

    ledger_id: UUID
    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class Identity(SQLModel, table=True):
    """Who a person is at another provider (OpenID Connect), as a keyed hash of issuer and subject."""

    __tablename__ = "identities"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("uq_identities_subject", "subject", unique=True),
    )

    ledger_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    provider: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    subject: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


class SignInFailure(SQLModel, table=True):
    """How often in a row signing in with an address failed, whether anybody has it or not.

    It is nobody's and so lies outside row-level security; ``address`` is a keyed hash.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index(None, "last_at"),)

    address: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    failures: int = Field(sa_column=Column(Integer, nullable=False))
    last_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
