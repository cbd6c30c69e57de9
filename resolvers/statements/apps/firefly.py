"""Firefly III: its export of transactions, where each row names where money comes from and goes."""

from decimal import Decimal
from typing import Final

from resolvers.statements.apps.model import Export, Ledger, Movement
from resolvers.statements.apps.tables import Row, Sheet, iso_day, plain

_OWN: Final = {
    "asset account": None, "default account": None, "cash account": "CASH", "loan": "LOAN",
    "debt": "LOAN", "mortgage": "LOAN",
}  # fmt: skip


def read_firefly(sheet: Sheet) -> Export:
    """Withdrawals and deposits are one movement, transfers are two."""
    found = Export("FIREFLY", [], headers=sheet.headers, date_format="YYYY-MM-DD")
    for row in sheet.rows:
        day, amount = iso_day(row["date"]), plain(row["amount"])
        if day is None or amount is None:
            found.failures.append((row.line, "The row has no date or no amount that can be read."))
            continue
        out = _side(found, row, "source", day)
        into = _side(found, row, "destination", day)
        if out is not None:
            out.amount = -abs(amount)
        if into is not None:
            into.amount = abs(amount)
            foreign = plain(row["foreign_amount"])
            code = row["foreign_currency_code"]
            if out is not None and foreign and code and code != row["currency_code"]:
                into.amount, into.currency = abs(foreign), code
        sides = [one for one in (out, into) if one is not None]
        if len(sides) == 2:
            at = len(found.movements)
            for one, other, place in ((sides[0], sides[1], at + 1), (sides[1], sides[0], at)):
                one.transfer, one.pair, one.category, one.payee = other.account, place, (), None
        if not sides:
            found.failures.append((row.line, "Neither side of the row is an own account."))
        if sides and "deposit" in row["type"].casefold() and row["category"]:
            found.income.add((row["category"],))
        found.movements += sides
    return found


def _side(found: Export, row: Row, side: str, day: object) -> Movement | None:
    """The movement on one side, if that is an own account."""
    kind = row[f"{side}_type"].casefold()
    name = row[f"{side}_name"]
    if kind not in _OWN or not name:
        return None
    other = "destination" if side == "source" else "source"
    payee = row[f"{other}_name"] or None
    if row["type"].casefold() in {"opening balance", "reconciliation"}:
        payee = None
    group = row["group_title"]
    notes = "\n".join(one for one in (group, row["notes"]) if one) or None
    code = row["currency_code"] or None
    if name not in found.ledgers:
        found.ledgers[name] = Ledger(name, _OWN[kind], code)
    tags = [one.strip() for one in row["tags"].split(",") if one.strip()]
    budget = row["budget"]
    return Movement(
        line=row.line,
        account=name,
        day=day,  # type: ignore[arg-type]
        amount=Decimal(0),
        description=row["description"] or payee or "(no description)",
        currency=code,
        payee=payee,
        notes=notes,
        category=(row["category"],) if row["category"] else (),
        tags=tuple(dict.fromkeys([*tags, *([budget] if budget else [])])),
        status="RECONCILED" if row["reconciled"].casefold() in {"1", "true"} else "POSTED",
        external_id=row.text("external_id"),
    )
