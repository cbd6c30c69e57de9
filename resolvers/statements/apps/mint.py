"""Mint: all transactions of all accounts in one table, amounts without a sign."""

from typing import Final

from resolvers.statements.apps.model import Export, Movement
from resolvers.statements.apps.tables import Sheet, with_cells
from resolvers.statements.model import CsvMapping

_BETWEEN: Final = frozenset({"transfer", "credit card payment"})
_NEAR_DAYS: Final = 5
_MOST_ALIKE: Final = 200
_INCOME: Final = frozenset({"income", "paycheck", "interest income", "bonus", "reimbursement", "rental income", "returned purchase"})  # fmt: skip


def read_mint(data: bytes, sheet: Sheet, mapping: CsvMapping | None, home: str) -> Export:
    """The table; its column of types gives the sign."""
    statement, rows = with_cells(data, sheet, mapping, home)
    found = Export("MINT", [], questions=statement.questions, warnings=list(statement.warnings))
    found.headers, found.date_format = statement.headers, statement.detected.date_format
    for at, cells in rows:
        row = statement.rows[at]
        if row.problem is not None or row.date is None or row.amount is None:
            reason = row.problem.reason if row.problem else "The row has no date or no amount."
            found.failures.append((row.line, reason))
            continue
        category = cells["category"]
        between = category.casefold() in _BETWEEN
        path = () if between or category.casefold() in {"", "uncategorized"} else (category,)
        if category.casefold() in _INCOME:
            found.income.add(path)
        original, payee = cells["original description"], cells["description"]
        labels = cells["labels"]
        found.movements.append(
            Movement(
                line=row.line,
                account=cells["account name"] or "Mint",
                day=row.date,
                amount=row.amount,
                description=original or payee or "(no description)",
                currency=row.currency,
                payee=payee or None,
                notes=cells.text("notes"),
                category=path,
                tags=tuple(one.strip() for one in labels.split(",") if one.strip()),
                transfer="" if between else None,
            )
        )
    _pair(found.movements)
    return found


def _pair(movements: list[Movement]) -> None:
    """The sides of transfers, which do not name each other: opposite amounts of two accounts.

    Only where one other side is possible; money that may have gone to either of two accounts is
    left for a person.
    """
    sides: dict[object, list[int]] = {}
    for place, one in enumerate(movements):
        if one.transfer is not None:
            one.transfer = None
            sides.setdefault(abs(one.amount), []).append(place)
    for places in sides.values():
        if len(places) > _MOST_ALIKE:
            # So many of one amount are never told apart.
            continue
        for at in places:
            one = movements[at]
            fits = [
                other
                for other in places
                if movements[other].amount == -one.amount != 0
                and movements[other].account != one.account
                and movements[other].pair in {None, at}
                and abs((movements[other].day - one.day).days) <= _NEAR_DAYS
            ]
            if one.pair is None and len(fits) == 1 and one.amount < 0:
                one.transfer = movements[fits[0]].account
                movements[fits[0]].transfer = one.account
                one.pair, movements[fits[0]].pair = fits[0], at
