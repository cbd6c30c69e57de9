"""Own exchange rates of a ledger: what its owner says that a currency was worth on a day."""

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Date, ForeignKeyConstraint, Index, Numeric, text
from sqlmodel import Field

from models.base import KEY_TEXT, VersionedRow


class Rate(VersionedRow, table=True):
    """How many units of one currency one unit of another was worth; no amount of anybody's."""

    __tablename__ = "rates"
    __table_args__ = (
        CheckConstraint("rate > 0", name="positive"),
        CheckConstraint("from_currency <> to_currency", name="pair"),
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        # One for each pair and day, whichever way round it was given.
        Index(
            "uq_rates_pair",
            "ledger_id",
            text('LEAST(from_currency, to_currency) COLLATE "C"'),
            text('GREATEST(from_currency, to_currency) COLLATE "C"'),
            "day",
            unique=True,
        ),
    )

    from_currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    to_currency: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    day: dt.date = Field(sa_column=Column(Date, nullable=False))
    rate: Decimal = Field(sa_column=Column(Numeric(30, 12), nullable=False))


@dataclass(frozen=True, slots=True)
class RateRow:
    """An own rate: one unit of ``from_currency`` is ``rate`` units of ``to_currency``."""

    ledger_id: UUID
    id: UUID
    from_currency: str
    to_currency: str
    day: dt.date
    rate: Decimal
    version: int
    created_at: datetime
    updated_at: datetime
