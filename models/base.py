"""The common ground of all tables: naming of constraints and the columns that every row has."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    LargeBinary,
    String,
    Table,
    Uuid,
    any_,
    cast,
)
from sqlmodel import Field, SQLModel

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
SQLModel.metadata.naming_convention = NAMING
metadata = SQLModel.metadata

INSTANT: Final = DateTime(timezone=True)
KEY_TEXT: Final = String(collation="C")
"""Text that is compared or sorted: by code point, so that every server sorts alike."""


def utc_now() -> datetime:
    """This instant, UTC, in the database's microseconds."""
    return datetime.now(UTC)


def one_of(name: str, column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A check that a text column holds one of the given words (enums are not leakproof)."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=name)


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model, for statements that return plain rows."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column is one of some values: one array parameter, however many there are."""
    return column == any_(cast(list(values), ARRAY(column.type)))


def sealed_column(*, nullable: bool = False) -> Any:
    """A column of AES-256-GCM ciphertext."""
    return Field(sa_column=Column(LargeBinary, nullable=nullable))


class TenantRow(SQLModel):
    """What every row of a ledger begins with; the key leads with the ledger."""

    ledger_id: UUID = Field(primary_key=True, sa_type=Uuid)
    id: UUID = Field(primary_key=True, sa_type=Uuid)


class VersionedRow(TenantRow):
    """A stored object: version and times."""

    version: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
