"""Inserts of many rows that take them all as one text, which the server reads, plans and checks once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

_INTO: Final = re.compile(r"INSERT INTO (\S+) \(([^)]+)\) VALUES \((.+)\)")
_VALUE: Final = re.compile(r"\$\d+::([A-Z ]+?)(\[\])?(?: COLLATE \"C\")?")


_TOLD: Final = frozenset(
    {
        "BIGINT", "BOOLEAN", "BYTEA", "DATE", "INTEGER", "SMALLINT", "TEXT",
        "TIMESTAMP WITH TIME ZONE", "UUID", "VARCHAR",
    }
)  # fmt: skip
"""Types whose values JSON tells as PostgreSQL reads them."""


@dataclass(frozen=True, slots=True)
class Spread:
    """An insert of many rows that takes them all as one text.

    As arrays of columns they would take a third of the time of an import: the driver asks of each
    item, by Python's abstract classes, whether it is a list itself.
    """

    sql: str
    names: tuple[str, ...]

    def arguments(self, rows: Iterable[Sequence[Any]]) -> list[str]:
        """The text of rows of values."""
        names = self.names
        told = [dict(zip(names, row, strict=True)) for row in rows]
        return [orjson.dumps(told, default=in_json).decode()]


def in_json(value: Any) -> str:
    """What JSON has no word for."""
    # The driver's own ids are none of the standard library's, which JSON knows.
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


def spread_of(sql: str) -> Spread:
    """The insert of one row of plain values, for many rows; raises TypeError for any other."""
    found = _INTO.fullmatch(sql)
    kinds = [_VALUE.fullmatch(one) for one in found[3].split(", ")] if found else [None]
    known = [one for one in kinds if one is not None]
    if found is None or None in kinds or not {kind[1] for kind in known} <= _TOLD:
        raise TypeError("only an insert of plain values that JSON tells takes many rows")
    names = found[2].split(", ")
    columns = ", ".join(
        f"{name} {kind[1]}{kind[2] or ''}" for name, kind in zip(names, known, strict=True)
    )
    # Nothing but words of a compiled statement goes into it.
    into = f"INSERT INTO {found[1]} ({found[2]}) SELECT {found[2]}"
    given = f"FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS given ({columns})"
    return Spread(f"{into} {given}", tuple(name.strip('"') for name in names))
