"""Splitwise: the expenses of a group, each person's column holding what she lent or owes."""

from decimal import Decimal
from typing import Final

from resolvers.statements.apps.model import Export, Ledger, Movement
from resolvers.statements.apps.tables import APPS, Sheet, iso_day, plain
from resolvers.statements.model import CsvMapping, Question, StatementError

ACCOUNT: Final = "Splitwise"
_TOTAL: Final = "total balance"
_PAYMENT: Final = "payment"
_GENERAL: Final = frozenset({"", "general", _PAYMENT})


def read_splitwise(sheet: Sheet, mapping: CsvMapping | None, person: str) -> Export:
    """One person's part: what she lent comes in, what she owes goes out, so the balance is theirs.

    Who she is is told by ``mapping.account``, else by her name; raises BAD_MAPPING for a name that
    is not there.
    """
    people = [one for one in sheet.headers if one.casefold() not in APPS["SPLITWISE"] and one]
    wanted = (mapping.account if mapping is not None else None) or ""
    found = Export("SPLITWISE", [], headers=sheet.headers, date_format="YYYY-MM-DD")
    me = _who(people, wanted) if wanted else _who(people, person) or _who(people, person.split(maxsplit=1)[0] if person.split() else "")  # fmt: skip
    if wanted and me is None:
        message = f"The export has no person {wanted!r}; it has {', '.join(people)}."
        raise StatementError("BAD_MAPPING", message, sheet.headers)
    if me is None:
        message = "Which of these people are you?"
        found.questions = (Question("account", message, tuple(people)),)
        me = people[0]
    for row in sheet.rows:
        if row["description"].casefold() == _TOTAL or not row["date"]:
            found.skipped.append((row.line, "The row tells a total, not an expense."))
            continue
        day, net, code = iso_day(row["date"]), plain(row[me.casefold()]), row["currency"].upper()
        if day is None or net is None:
            found.failures.append((row.line, "The row has no date or no amount that can be read."))
            continue
        if net == Decimal(0):
            found.skipped.append((row.line, "You have no part in this expense."))
            continue
        category = row["category"]
        found.ledgers[ACCOUNT] = Ledger(ACCOUNT, "OTHER")
        found.movements.append(
            Movement(
                line=row.line,
                account=ACCOUNT,
                day=day,
                amount=net,
                description=row["description"] or "(no description)",
                currency=code or None,
                notes=f"Cost {row['cost']} {code}",
                category=() if category.casefold() in _GENERAL else (category,),
            )
        )
    return found


def _who(people: list[str], name: str) -> str | None:
    fits = [one for one in people if one.casefold() == name.casefold()]
    if not fits and name:
        fits = [one for one in people if one.casefold().split()[:1] == [name.casefold()]]
    return fits[0] if len(fits) == 1 else None
