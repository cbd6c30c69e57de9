"""Erasures: who was deleted, by ids alone, so that the work goes on when everything else is gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, Index, Integer, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from models.base import INSTANT


class Erasure(SQLModel, table=True):
    """One deleted person: what was counted, which keys were shredded, how far the work is.

    It stays as the operator's record and holds nothing personal once its mail has left.
    """

    __tablename__ = "erasures"
    __table_args__ = (Index("uq_erasures_ledger", "ledger_id", unique=True),)

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    ledger_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    shredded_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    erased_at: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    key_numbers: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    counts: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    address: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Sealed, for the one mail that is still owed; null after it."""


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """An erasure as those see it who carry it out."""

    id: UUID
    user_id: UUID
    ledger_id: UUID
    shredded_at: datetime
    erased_at: datetime | None
    key_numbers: list[int]
    counts: dict[str, Any]
    address: bytes | None
