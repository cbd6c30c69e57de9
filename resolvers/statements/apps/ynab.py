"""YNAB: the register of all accounts, and the plan (formerly budget) beside it."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from resolvers.statements.amounts import parse_money
from resolvers.statements.apps.model import Export, Movement, Path, Plan, pair_sides
from resolvers.statements.apps.tables import Row, Sheet, sheet_of, with_cells
from resolvers.statements.model import CsvMapping

_STATUS: Final[Mapping[str, str]] = {
    "uncleared": "PENDING", "u": "PENDING", "cleared": "POSTED", "c": "POSTED",
    "reconciled": "RECONCILED", "r": "RECONCILED",
}  # fmt: skip
_TRANSFER: Final = "transfer"
_INCOME: Final = frozenset({"inflow", "income", "ready to assign"})
_NONE: Final = frozenset({"", "uncategorized", "split (multiple categories)..."})
_NO_CATEGORY: Final = frozenset({"ready to assign", "to be budgeted", "available this month"})
_MONTHS: Final = ("%b %Y", "%B %Y", "%Y-%m", "%m/%Y", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y")


def read_register(data: bytes, sheet: Sheet, mapping: CsvMapping | None, home: str) -> Export:
    """The register: dates, amounts and their questions are read as those of any table."""
    statement, rows = with_cells(data, sheet, mapping, home)
    found = Export("YNAB", [], questions=statement.questions, warnings=list(statement.warnings))
    found.headers, found.date_format = statement.headers, statement.detected.date_format
    for at, cells in rows:
        row = statement.rows[at]
        if row.problem is not None or row.date is None or row.amount is None:
            reason = row.problem.reason if row.problem else "The row has no date or no amount."
            told = found.skipped if row.problem and row.problem.decision == "SKIPPED" else found.failures  # fmt: skip
            told.append((row.line, reason))
            continue
        payee = cells["payee"]
        other = _other(payee)
        path = () if other else _path(cells, found.income)
        flag = cells["flag"]
        found.movements.append(
            Movement(
                line=row.line,
                account=cells["account"] or "YNAB",
                day=row.date,
                amount=row.amount,
                description=cells["memo"] or payee or "(no description)",
                currency=row.currency,
                payee=None if other else payee or None,
                notes=cells.text("memo"),
                category=path,
                tags=(flag,) if flag else (),
                status=_STATUS.get(cells["cleared"].casefold(), "POSTED"),
                transfer=other,
            )
        )
    pair_sides(found.movements)
    return found


def _other(payee: str) -> str | None:
    """The account that a payee such as ``Transfer : Savings`` names."""
    word, colon, name = payee.partition(":")
    if colon and word.strip().casefold() == _TRANSFER:
        return name.strip() or None
    return None


def _path(cells: Row, income: set[Path]) -> Path:
    group, name = cells["category group"], cells["category"]
    if not group and not name:
        # YNAB 4 says it in two other columns, and the oldest in one.
        group, name = cells["master category"], cells["sub category"]
    if not name:
        group, _, name = cells["category group/category"].partition(":")
        group, name = group.strip(), name.strip()
    if name.casefold() in _NONE | _NO_CATEGORY:
        return ()
    path = tuple(one for one in (group, name) if one)
    if group.casefold() in _INCOME:
        income.add(path)
        return path
    return path


def read_plan(data: bytes, found: Export) -> None:
    """The plan of the newest month; ours has one amount for all months."""
    rows = []
    for row in sheet_of(data).rows:
        month = _month(row["month"])
        money = parse_money(row["assigned"] or row["budgeted"], ".")
        path = _path(row, set())
        if month is not None and money is not None and path:
            rows.append(Plan(month, path, money.value))
    if not rows:
        found.warnings.append("The plan has no month that could be read, so it was left out.")
        return
    newest = max(row.month for row in rows)
    months = len({row.month for row in rows})
    found.plans = [row for row in rows if row.month == newest and row.amount > Decimal(0)]
    if months > 1:
        found.warnings.append(
            f"The plan has {months} months; a budget here has one amount for all of them, so "
            f"those of {newest:%Y-%m} were taken."
        )


def _month(text: str) -> date | None:
    for form in _MONTHS:
        try:
            return datetime.strptime(text.strip(), form).date().replace(day=1)  # noqa: DTZ007
        except ValueError:
            continue
    return None
