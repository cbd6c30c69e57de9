"""Reads LITAS-ESIS, the record files of Lithuanian banks: tabs between fields, amounts in cents."""

import re
from decimal import Decimal
from typing import Final

from resolvers.statements.dates import read_shape, to_date
from resolvers.statements.drafts import clean
from resolvers.statements.formats.entries import (
    Draft,
    Entry,
    bad_amount,
    bad_date,
    currency_of,
    id_of,
    joined,
    lines_of,
    told,
)

COLUMNS: Final = {
    "date": "#3", "amount": "#5", "flag": "#7", "notes": "#10", "externalId": "#11",
    "description": "#14", "payee": "#18",
}  # fmt: skip
_MAX_FIELDS: Final = 64
_CENTS: Final = re.compile(r"[+-]?[0-9]{1,24}", re.ASCII)


def read_litas(text: str, draft: Draft) -> None:
    """Fill a draft from records: 000 begins an account, 020 is a balance, 010 a booking."""
    draft.sign_rule = "FLAG_COLUMN"
    widths: list[int] = []
    number, ended, fields = 0, False, [""]
    for number, line in lines_of(text):
        fields = [one.strip() for one in line.split("\t", _MAX_FIELDS)[:_MAX_FIELDS]]
        fields += [""] * (32 - len(fields))
        if fields[0] == "000":
            part = draft.part(number)
            part.bank = clean(fields[3], 64) or None
            part.account = clean(fields[16], 64) or None
            part.currency = currency_of(fields[17])
        elif fields[0] == "020":
            _balance(fields, draft, number)
        elif fields[0] == "010":
            draft.add(_entry(fields, number))
            widths.append(line.count("\t"))
        ended = ended or fields[0] == "999"
    last = draft.parts[-1] if draft.parts else None
    if len(widths) > 1 and widths[-1] < min(widths[:-1]) and fields[0] == "010":
        draft.cut(number, "its last record has fewer fields than the others")
    elif last is not None and last.opening is not None and last.closing is None:
        draft.cut(number, f"the account on line {last.line} has no closing balance (LikutisPB)")
    elif last is not None and not ended:
        draft.cut(number, "its end (a record 999) is not there")


def _cents(text: str) -> Decimal | None:
    return Decimal(text).scaleb(-2) if _CENTS.fullmatch(text) else None


def _balance(fields: list[str], draft: Draft, number: int) -> None:
    part, amount, kind = draft.last(number), _cents(fields[4]), fields[1].lower()
    if amount is not None and fields[6] == "D":
        amount = -abs(amount)
    if kind == "likutispr":
        part.opening = amount
    elif kind == "likutispb":
        part.closing = amount


def _entry(fields: list[str], number: int) -> Entry:
    shape = read_shape(fields[2])
    amount, flag = _cents(fields[4]), fields[6].upper()
    entry = Entry(
        line=number,
        day=None if shape is None else to_date(shape, "YMD"),
        amount=-amount if amount and flag == "D" else amount,
        description=joined(fields[13]) or clean(fields[17]),
        payee=clean(fields[17]) or None,
        notes=told(("Number", fields[9]), ("Account", fields[16]), ("Bank", fields[15])),
        external_id=id_of(fields[10]),
    )
    if amount is None:
        entry.fail("BAD_AMOUNT", bad_amount(fields[4]))
    elif flag not in {"C", "D"}:
        entry.fail("BAD_FLAG", f"{flag[:20]!r} says neither debit (D) nor credit (C).")
    if entry.day is None:
        entry.fail("BAD_DATE", bad_date(fields[2], "20240131"))
    return entry
