"""Published exchange rates that are younger than the installed table, and where they came from."""

import datetime as dt
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, Date, Numeric
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT


class PublishedRate(SQLModel, table=True):
    """Units of a currency that one euro bought on a day: nobody's data, outside row security.

    Rows are added and never changed, so what was converted once stays as it was.
    """

    __tablename__ = "published_rates"
    __table_args__ = (CheckConstraint("rate > 0", name="positive"),)

    day: dt.date = Field(sa_column=Column(Date, primary_key=True))
    currency: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    rate: Decimal = Field(sa_column=Column(Numeric(30, 12), nullable=False))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))


class RateSource(SQLModel, table=True):
    """An address that rates are fetched from: when it was asked, and what it answered with."""

    __tablename__ = "rate_sources"

    url: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    etag: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    asked_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
