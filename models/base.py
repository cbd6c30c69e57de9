"""The common ground of all tables: naming of constraints and the columns that every row has."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
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
    bindparam,
    cast,
)
from sqlmodel import Field, SQLModel

T = TypeVar("T")

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
# Tables are read and written as Core tables: nobody validates one.
SQLModel.model_config["defer_build"] = True
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


def among_named(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column is one of the values of a named parameter of a prepared statement."""
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


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


def maker(kind: type[T], names: Sequence[str] | None = None) -> Callable[..., T]:
    """A quicker way to make frozen rows with slots, all fields by position and none checked.

    A frozen dataclass sets each field through ``object.__setattr__``, which for a page of wide
    rows is a tenth of its time. Here an open twin of the class is filled, and then closed.
    ``names`` fills some fields only, in their order; the others stay unset.
    """
    every = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    names = every if names is None else names
    if not set(names) <= set(every):
        raise TypeError(f"{kind.__name__} has not all of {', '.join(names)}.")
    twin = type(f"_Open{kind.__name__}", (), {"__slots__": tuple(every)})
    lines = [f"def make({', '.join(names)}):", " _row = _new(_twin)"]
    lines += [f" _row.{name} = {name}" for name in names]
    lines += [" _row.__class__ = _kind", " return _row"]
    # No field begins so: a field called kind must not be taken for the class.
    scope: dict[str, Any] = {"_new": object.__new__, "_twin": twin, "_kind": kind}
    exec("\n".join(lines), scope)  # noqa: S102 - names of our own fields, as dataclasses do it
    made: Callable[..., T] = scope["make"]
    return made
