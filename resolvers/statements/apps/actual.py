"""Actual: its archive with a database of SQLite, or the table that one account exports.

The database is opened in memory and read only, with a budget of steps: what a hostile file makes
of its tables (views, triggers, endless queries) ends as an error.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any, Final

from resolvers.statements.apps.model import Export, Ledger, Movement, Part, Path, Plan
from resolvers.statements.apps.tables import Sheet, with_cells
from resolvers.statements.model import CsvMapping, StatementError

MAX_BYTES: Final = 200_000_000
_MAX_ROWS: Final = 200_000
_STEPS: Final = 1_000
_MOST_CALLS: Final = 200_000
"""Times a thousand steps of SQLite's machine: seconds, not minutes."""
_CENTS: Final = -2
_TAG: Final = "#"


def read_actual_table(data: bytes, sheet: Sheet, mapping: CsvMapping | None, home: str) -> Export:
    """The table of one or all accounts."""
    statement, rows = with_cells(data, sheet, mapping, home)
    found = Export("ACTUAL", [], questions=statement.questions, warnings=list(statement.warnings))
    found.headers, found.date_format = statement.headers, statement.detected.date_format
    for at, cells in rows:
        row = statement.rows[at]
        if row.problem is not None or row.date is None or row.amount is None:
            reason = row.problem.reason if row.problem else "The row has no date or no amount."
            found.failures.append((row.line, reason))
            continue
        notes, payee = cells["notes"], cells["payee"]
        path = tuple(one for one in (cells["category_group"], cells["category"]) if one)
        found.movements.append(
            Movement(
                line=row.line, account=cells["account"] or "Actual", day=row.date,
                amount=row.amount, description=notes or payee or "(no description)",
                currency=row.currency, payee=payee or None, notes=notes or None, category=path,
                tags=_tags(notes), status=_status(cells["cleared"], cells["reconciled"]),
            )
        )  # fmt: skip
    return found


def _status(cleared: object, reconciled: object) -> str:
    if str(reconciled).casefold() in {"1", "true", "reconciled"} or str(cleared).casefold() == "reconciled":  # fmt: skip
        return "RECONCILED"
    return "PENDING" if str(cleared).casefold() in {"0", "false", "not cleared"} else "POSTED"


def _tags(notes: str) -> tuple[str, ...]:
    words = (word.strip(",.;:!?") for word in notes.split())
    return tuple(dict.fromkeys(one[1:] for one in words if one.startswith(_TAG) and len(one) > 1))


class _Base:
    """The database, of which only known tables and columns are read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._calls = 0
        connection.set_progress_handler(self._step, _STEPS)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")

    def _step(self) -> int:
        self._calls += 1
        return int(self._calls > _MOST_CALLS)

    def rows(self, table: str, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows of a table; a column that this version of Actual lacks has its default."""
        have = {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}
        kind = self._connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,))
        if (kind.fetchone() or ("",))[0] != "table":
            return
        names = [name for name in wanted if name in have]
        columns = ", ".join(f'"{name}"' for name in names)
        for number, row in enumerate(self._connection.execute(f'SELECT {columns} FROM "{table}"')):  # noqa: S608
            if number >= _MAX_ROWS:
                message = f"The database has more than {_MAX_ROWS} rows in {table}."
                raise StatementError("TOO_MANY_ROWS", message)
            yield {**wanted, **dict(zip(names, row, strict=True))}


def read_actual(data: bytes) -> Export:
    """The whole budget; raises DAMAGED_FILE for what is no database of Actual."""
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(data)
            return _read(_Base(connection))
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        message = "The database in the archive is damaged, or no budget of Actual."
        raise StatementError("DAMAGED_FILE", message) from error


def _named(base: _Base, table: str, **more: Any) -> dict[str, dict[str, Any]]:
    wanted = {"id": None, "name": "", "tombstone": 0, **more}
    return {str(row["id"]): row for row in base.rows(table, wanted) if row["id"] is not None}


def _read(base: _Base) -> Export:
    found = Export("ACTUAL", [], date_format="YYYYMMDD")
    accounts = {
        key: row
        for key, row in _named(base, "accounts", closed=0, offbudget=0, type="").items()
        if not row["tombstone"]
    }
    groups = _named(base, "category_groups", is_income=0)
    categories = _named(base, "categories", cat_group=None, is_income=0)
    moved = {str(r["id"]): str(r["transferId"]) for r in base.rows("category_mapping", {"id": None, "transferId": None})}  # fmt: skip
    merged = {str(r["id"]): str(r["targetId"]) for r in base.rows("payee_mapping", {"id": None, "targetId": None})}  # fmt: skip
    payees = _named(base, "payees", transfer_acct=None)
    for row in accounts.values():
        found.ledgers[str(row["name"])] = Ledger(str(row["name"]), None, None, bool(row["closed"]))

    def path(category: object) -> Path:
        one = categories.get(moved.get(str(category), str(category)))
        if one is None:
            return ()
        group = groups.get(str(one["cat_group"]))
        made = tuple(str(part["name"]) for part in (group, one) if part and part["name"])
        if one["is_income"]:
            found.income.add(made)
        return made

    rows = _transactions(base)
    parts: dict[str, list[Part]] = {}
    for row in rows:
        if row["isChild"]:
            parent = str(row["parent_id"] or str(row["id"]).partition("/")[0])
            parts.setdefault(parent, []).append(Part(path(row["category"]), _cents(row), _text(row["notes"])))  # fmt: skip
    places: dict[str, int] = {}
    links: dict[int, str] = {}
    for number, row in enumerate(rows, 1):
        account = accounts.get(str(row["acct"]))
        day = _day(row["date"])
        if row["isChild"] or account is None:
            continue
        if day is None:
            found.failures.append((number, "The transaction has no date that can be read."))
            continue
        key = str(row["description"])
        payee = payees.get(merged.get(key, key), {})
        other = accounts.get(str(payee.get("transfer_acct")))
        notes = _text(row["notes"])
        name = None if other else _text(payee.get("name"))
        places[str(row["id"])] = len(found.movements)
        if row["transferred_id"]:
            links[len(found.movements)] = str(row["transferred_id"])
        found.movements.append(
            Movement(
                line=number, account=str(account["name"]), day=day, amount=_cents(row),
                description=notes or name or "(no description)", payee=name, notes=notes,
                category=() if row["isParent"] else path(row["category"]),
                tags=_tags(notes or ""), status=_status(row["cleared"], row["reconciled"]),
                external_id=_text(row["financial_id"]),
                transfer=str(other["name"]) if other else None,
                parts=tuple(parts.get(str(row["id"]), ())) if row["isParent"] else (),
            )
        )  # fmt: skip
    for place, link in links.items():
        side = places.get(link)
        if side is not None and links.get(side) in places and places[links[side]] == place:
            found.movements[place].pair = side
    _plans(base, found, path)
    return found


def _transactions(base: _Base) -> list[dict[str, Any]]:
    wanted = {
        "id": None, "isParent": 0, "isChild": 0, "acct": None, "category": None, "amount": 0,
        "description": None, "notes": None, "date": None, "financial_id": None,
        "transferred_id": None, "cleared": 1, "reconciled": 0, "tombstone": 0, "parent_id": None,
    }  # fmt: skip
    rows = [row for row in base.rows("transactions", wanted) if not row["tombstone"]]
    return sorted(rows, key=lambda row: (str(row["date"]), str(row["id"])))


def _plans(base: _Base, found: Export, path: Any) -> None:
    rows = []
    wanted = {"month": None, "category": None, "amount": 0}
    for row in base.rows("zero_budgets", wanted):
        month = _day(int(row["month"]) * 100 + 1) if str(row["month"]).isdigit() else None
        made = path(row["category"])
        if month is not None and made and isinstance(row["amount"], int) and row["amount"] > 0:
            rows.append(Plan(month, made, Decimal(row["amount"]).scaleb(_CENTS)))
    if rows:
        newest = max(row.month for row in rows)
        found.plans = [row for row in rows if row.month == newest]


def _cents(row: Mapping[str, Any]) -> Decimal:
    amount = row["amount"]
    return Decimal(amount if isinstance(amount, int) else 0).scaleb(_CENTS)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _day(value: object) -> date | None:
    try:
        number = int(str(value))
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return None
