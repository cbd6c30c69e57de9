"""Splitwise: the expenses of a group, each person's column holding what she lent or owes."""

from collections.abc import Sequence
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

    Who she is is told by ``mapping.account``, else by her name; without one that is there it is
    asked.  Raises NO_AMOUNT_COLUMN for an export without people.
    """
    people = [one for one in sheet.headers if one.casefold() not in APPS["SPLITWISE"] and one]
    wanted = (mapping.account if mapping is not None else None) or ""
    found = Export("SPLITWISE", [], headers=sheet.headers, date_format="YYYY-MM-DD")
    me = chosen(people, wanted) if wanted else chosen(people, person) or chosen(people, person.split(maxsplit=1)[0] if person.split() else "")  # fmt: skip
    if not people:
        message = "The export has no column of a person after 'Currency'; export the group anew."
        raise StatementError("NO_AMOUNT_COLUMN", message, sheet.headers)
    if me is None:
        # Asked again rather than failed: whoever mistypes a name has a file that is good.
        message = "Which of these people are you?"
        if wanted:
            message = f"The export has no person {wanted!r}. {message}"
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


def chosen(people: Sequence[str], name: str) -> str | None:
    """The one of some people that a name means: in full, or by a first name that only one has."""
    fits = [one for one in people if one.casefold() == name.casefold()]
    if not fits and name:
        fits = [one for one in people if one.casefold().split()[:1] == [name.casefold()]]
    return fits[0] if len(fits) == 1 else None
