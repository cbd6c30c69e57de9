"""Reads MT940 and MT942: tagged lines of SWIFT messages, one statement each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from resolvers.statements.drafts import clean, shown, skipped
from resolvers.statements.formats.entries import (
    Draft,
    Entry,
    Part,
    amount_of,
    bad_amount,
    currency_of,
    id_of,
    joined,
    last_line,
    lines_of,
    telling,
    told,
)
from resolvers.statements.formats.mt940_details import read_details

COLUMNS: Final = {
    "date": ":61:", "amount": ":61:", "flag": ":61:", "currency": ":60F:", "description": ":86:",
    "payee": ":86:", "externalId": ":61: //",
}  # fmt: skip
_TAG: Final = re.compile(r"\s*:(13D?|2[01]|25P?|28C?|34F|60[FM]|61|62[FM]|6[45]|86|90[CD]|NS):(.*)")
_MAX_LINES: Final = 40
_BALANCE: Final = re.compile(
    r"\s*([CD])\s*([0-9]{6})\s*([A-Z]{3})\s*(-?[0-9][0-9.,' ]*)", re.IGNORECASE
)
# Value date, booking date, mark, funds letter, amount, kind, references.
_ENTRY: Final = re.compile(
    r"\s*([0-9]{6})\s?([0-9]{4})?\s?(R[CD]|E[CD]|C|D)([A-Z])?\s?([-+]?[0-9.,]*[0-9][.,]?)"
    r"\s?([A-Z][A-Z0-9]{3})?(.*)",
    re.IGNORECASE,
)
_PIVOT: Final = 80


@dataclass(slots=True)
class _Field:
    """A tag with its lines; the first is what stands behind the tag."""

    tag: str
    line: int
    lines: list[str] = field(default_factory=list)


def read_mt940(text: str, draft: Draft) -> None:
    """Fill a draft from MT940 or MT942; a record that cannot be read fails alone."""
    draft.sign_rule, draft.mark = "FLAG_COLUMN", ","
    entry: Entry | None = None
    details: list[str] = []
    opened: set[int] = set()
    interim = False
    for one in _fields(text):
        if one.tag == "86" and entry is not None:
            details += one.lines[: _MAX_LINES - len(details)]
        if one.tag in {"86", "NS"}:
            continue
        _describe(entry, details)
        entry, details = None, []
        if one.tag == "61":
            entry = draft.add(_entry(one, draft.mapping.include_pending))
            continue
        interim = interim or one.tag in {"34F", "13", "13D", "90C", "90D"}
        _part_of(one, draft, opened)
    _describe(entry, details)
    if interim:
        draft.format = "MT942"
    _tell_cut(text, draft, interim=interim)


def _tell_cut(text: str, draft: Draft, *, interim: bool) -> None:
    """Say where the last statement has not come to its end.

    A statement ends with its closing balance.  An interim report may go without one, so there
    only the sign at the end of a message tells, if others before have it, or the envelope is open.
    """
    end = last_line(text)
    last = draft.parts[-1] if draft.parts else None
    if last is None:
        return
    if not interim:
        unended = [part for part in draft.parts if part.opening is not None and not part.ended]
        if last in unended or (last.entries and not last.ended):
            draft.cut(end, f"the statement on line {last.line} has no closing balance (:62F:)")
        for part in unended[:_MAX_LINES]:
            if part is not last:
                draft.warnings.append(
                    f"The statement on line {part.line} has no closing balance (:62F:), so nothing "
                    "proves that all of its rows are there."
                )
        return
    whole = text.rstrip()
    closes = whole.endswith(("\n-", "-}", "}"))
    marked = "\n-\n" in text or "\n-}" in text or "{4:" in text
    if marked and not closes and not last.ended:
        draft.cut(end, f"the report on line {last.line} has no end (a line with -)")


def _fields(text: str) -> Iterator[_Field]:
    """The tags of all messages; what SWIFT puts around a message is left out."""
    current: _Field | None = None
    for number, raw in lines_of(text):
        line = raw
        if line[:1] == "{" or line.startswith("-}"):
            # `{1:…}{2:…}{4:` in front of a message and `-}{5:…}` behind it.
            if current is not None:
                yield current
            current = None
            line = line.rpartition("{4:")[2] if "{4:" in line else ""
        found = _TAG.match(line)
        if found is not None or line.strip() == "-":
            if current is not None:
                yield current
            current = None if found is None else _Field(found[1], number, [found[2]])
        elif current is not None and line.strip() and len(current.lines) < _MAX_LINES:
            current.lines.append(line)
    if current is not None:
        yield current


def _part_of(one: _Field, draft: Draft, opened: set[int]) -> None:
    """What a tag outside of entries says about its statement."""
    value = one.lines[0].strip()
    part = draft.parts[-1] if draft.parts else None
    begins = one.tag == "20" or part is None
    if part is not None and (one.tag, bool(part.account)) in {("25", True), ("25P", True)}:
        # Some banks write the reference once only.
        begins = begins or bool(part.entries or part.closing is not None)
    if part is not None and one.tag in {"60F", "60M"} and id(part) in opened:
        begins = True
    if begins or part is None:
        before, part = part, draft.part(one.line)
        if one.tag not in {"20", "25", "25P"} and before is not None:
            part.account, part.bank = before.account, before.bank
    if one.tag in {"25", "25P"}:
        part.bank, part.account = _account(value)
    elif one.tag in {"60F", "60M"}:
        opened.add(id(part))
        part.opening = _balance(value, part, draft, one.line)
    elif one.tag in {"90C", "90D"}:
        part.ended = True
    elif one.tag in {"62F", "62M"}:
        part.ended = True
        part.closing = _balance(value, part, draft, one.line)
    elif one.tag == "34F":
        part.currency = part.currency or currency_of(value[:3])


def _account(value: str) -> tuple[str | None, str | None]:
    """Bank and account: `BLZ/number`, `BIC/number`, an IBAN, with or without a currency."""
    bank, stroke, number = value.partition("/")
    if not stroke:
        bank, number = "", bank
    number = re.sub(r"(?<=[0-9])\s*[A-Z]{3}\Z", "", number.strip())
    return clean(bank, 64) or None, clean(number, 64) or None


def _balance(value: str, part: Part, draft: Draft, line: int) -> Decimal | None:
    found = _BALANCE.match(value)
    amount = None if found is None else amount_of(found[4].rstrip(" .,"), ",")
    if found is None or amount is None:
        draft.warnings.append(f"The balance {shown(value)!r} on line {line} could not be read.")
        return None
    part.currency = part.currency or currency_of(found[3])
    return -amount if found[1].upper() == "D" else amount


def _year(text: str) -> int:
    number = int(text)
    return 1900 + number if number >= _PIVOT else 2000 + number


def _days(value: str, booked: str | None) -> date | None:
    """The booking date, whose year is that which brings it next to the value date."""
    try:
        valued = date(_year(value[:2]), int(value[2:4]), int(value[4:]))
    except ValueError:
        return None
    if booked is None:
        return valued
    near: list[date] = []
    for year in (valued.year - 1, valued.year, valued.year + 1):
        try:
            near.append(date(year, int(booked[:2]), int(booked[2:])))
        except ValueError:
            continue
    # A booking date that is no day leaves the value date.
    return min(near, key=lambda day: abs((day - valued).days), default=valued)


def _entry(one: _Field, include_pending: bool) -> Entry:
    entry = Entry(one.line)
    found = _ENTRY.match(one.lines[0])
    if found is None:
        entry.description = clean(one.lines[0])
        entry.fail("BAD_RECORD", f"{shown(one.lines[0])!r} is no entry of a statement.")
        return entry
    value, booked, mark, _, amount, kind, rest = found.groups()
    entry.day = _days(value, booked)
    if entry.day is None:
        entry.fail("BAD_DATE", f"{value!r} is no date; a date is written like 240131.")
    money = amount_of(amount, ",")
    if money is None:
        entry.fail("BAD_AMOUNT", bad_amount(amount))
    else:
        # The mark of a reversal names what is taken back: RC takes a credit back, so it is out.
        plus = mark.upper() in {"C", "RD", "EC"} and money > 0
        entry.amount = (abs(money) if plus else -abs(money)) + 0
        # A minus says little beside a mark, so it leaves the word to the balances.
        entry.turned = mark[:1].upper() == "R" or money < 0
    if mark[:1].upper() == "E":
        entry.counts = False
        if not include_pending:
            entry.problem = entry.problem or skipped("PENDING", "The bank only expects it.")
    customer, _, bank = rest.partition("//")
    entry.external_id = bank.strip() if telling(bank.strip()) else None
    more = joined(*one.lines[1:])
    reference = id_of(customer.strip().removesuffix("KREF+"))
    reference = reference if reference is not None and len(reference) > 1 else None
    entry.description = more or joined(reference or kind)
    entry.notes = told(("Reference", reference), ("More", more))
    return entry


def _describe(entry: Entry | None, lines: list[str]) -> None:
    """Lay the texts of :86: over what :61: says."""
    if entry is None or not lines:
        return
    details = read_details(lines)
    reference = entry.notes
    entry.description = details.purpose or details.kind or entry.description
    entry.payee = details.payee
    kind = details.kind if details.purpose else None
    more = told(("Kind", kind), *details.references)
    entry.notes = clean("; ".join(one for one in (reference, more) if one)) or None
