"""Segments: the amounts of one book and month, packed and sealed together so that sums are fast.

A segment is derived from transactions and never the only place of anything.  A write raises
``version`` of the book-months that it touches, in its own transaction; a reader takes the packed
records where ``built`` is that version and opens the month's rows where it is not, and what it had
to open is stored afterwards for the next reader.  Content is sealed for its ledger, book, month,
currency, page and version: a blob that was moved or set back does not open.
"""

import datetime as dt
import struct
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Uuid,
)
from sqlmodel import Field, SQLModel

from models.base import KEY_TEXT

PAGE_RECORDS: Final = 1_024

TRANSFER: Final = 1
PENDING: Final = 2
RECONCILED: Final = 4
GROUP: Final = 8
"""A cash leg of a shared expense: what counts is the share and not the leg."""
REFUND: Final = 16
"""Names a transaction that it gives back; which one stands in the clear column."""
PART: Final = 32
POSITION_SHIFT: Final = 8
"""A split part's position stands above the flags."""

_PACK: Final = struct.Struct("<16sq16siI")
RECORD: Final = np.dtype(
    [
        ("id_hi", ">u8"), ("id_lo", ">u8"), ("minor", "<i8"), ("category_hi", ">u8"),
        ("category_lo", ">u8"), ("day", "<i4"), ("flags", "<u4"),
    ]
)  # fmt: skip
_FORMAT: Final = b"\x01"
_NO_CATEGORY: Final = bytes(16)

Records = npt.NDArray[np.void]


class Segment(SQLModel, table=True):
    """One page of a book-month; page 0 holds the versions for all of them."""

    __tablename__ = "segments"
    __table_args__ = (ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),)

    ledger_id: UUID = Field(primary_key=True, sa_type=Uuid)
    book: UUID = Field(primary_key=True, sa_type=Uuid)
    """The account."""
    month: dt.date = Field(sa_column=Column(Date, primary_key=True))
    """Its first day."""
    currency: str = Field(sa_column=Column(KEY_TEXT, primary_key=True))
    page: int = Field(sa_column=Column(Integer, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    """How often rows of the book-month were written."""
    built: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The version that the content is of; 0 before the first."""
    count: int = Field(sa_column=Column(Integer, nullable=False))
    """Records of all pages, on page 0."""
    total: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Sealed sum of all records, on page 0."""
    blob: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """Sealed records of this page."""


def blob_place(month: dt.date, currency: str, page: int, version: int) -> str:
    """What a page is sealed for, beside its book."""
    return f"segments.blob/{month.isoformat()}/{currency}/{page}/{version}"


def total_place(month: dt.date, currency: str, version: int) -> str:
    """What a sum is sealed for, beside its book."""
    return f"segments.total/{month.isoformat()}/{currency}/{version}"


def pack_record(
    transaction_id: UUID, minor: int, category_id: UUID | None, day: dt.date, flags: int
) -> bytes:
    """One record of 48 bytes."""
    category = _NO_CATEGORY if category_id is None else category_id.bytes
    return _PACK.pack(transaction_id.bytes, minor, category, day.toordinal(), flags)


def flags_of(status: str, *, transfer: bool, group: bool, refund: bool) -> int:
    """What of a transaction decides whether and how it counts."""
    found = {"PENDING": PENDING, "RECONCILED": RECONCILED}.get(status, 0)
    return found | transfer * TRANSFER | group * GROUP | refund * REFUND


def pages_of(records: bytes) -> list[bytes]:
    """Packed records as the plain contents of pages; none still is one empty page."""
    size = PAGE_RECORDS * _PACK.size
    return [_FORMAT + records[at : at + size] for at in range(0, len(records), size)] or [_FORMAT]


def records_of(page: bytes) -> bytes | None:
    """Packed records of an opened page; None when another build packed it in another way."""
    if page[:1] != _FORMAT or (len(page) - 1) % _PACK.size:
        return None
    return page[1:]


def columns_of(packed: bytes) -> Records:
    """Packed records as a table whose columns are read without copying."""
    return np.frombuffer(packed, dtype=RECORD)


def total_of(packed: bytes) -> int:
    """Exact sum of packed records."""
    # Python's integers: a sum of 64-bit numbers may need more than 64 bits.
    amounts: list[Any] = columns_of(packed)["minor"].tolist()
    return sum(amounts)
