"""Reads QIF: records of lettered lines, whose dates say nothing of their order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from resolvers.statements.amounts import Mark, decimal_mark
from resolvers.statements.currencies import MONTH_FIRST
from resolvers.statements.dates import DateReader, order_of_format, read_shape, shapes_of
from resolvers.statements.drafts import clean, shown, skipped
from resolvers.statements.formats.entries import (
    Draft,
    Entry,
    amount_of,
    bad_amount,
    bad_date,
    joined,
    last_line,
    lines_of,
    told,
)
from resolvers.statements.model import Question, StatementError
from resolvers.statements.months import month_numbers
from resolvers.statements.order import DateColumns, Hints, find_order

COLUMNS: Final = {
    "date": "D", "amount": "T", "payee": "P", "description": "M", "notes": "N", "category": "L",
}  # fmt: skip
_BOOKS: Final = frozenset({"bank", "cash", "ccard", "oth a", "oth l"})
_TRADES: Final = frozenset({"invst", "port"})
_HEADER: Final = re.compile(r"!(type|account|option|clear)\b:?\s*(.*)", re.IGNORECASE)
_MAX_LINE: Final = 2_000
_MAX_SPLITS: Final = 20


@dataclass(slots=True)
class _Split:
    category: str
    memo: str = ""
    amount: str = ""


@dataclass(slots=True)
class _Record:
    """One record: its lines by letter, the first of each, and its splits."""

    line: int
    kind: str
    values: dict[str, str] = field(default_factory=dict)
    splits: list[_Split] = field(default_factory=list)

    def get(self, letter: str) -> str:
        return self.values.get(letter, "")

    @property
    def money(self) -> str:
        """T, or U, which repeats it for larger amounts."""
        return self.get("T") or self.get("U")


def read_qif(text: str, draft: Draft, home_currency: str | None) -> None:
    """Fill a draft from QIF; asks for the order of dates and the decimal mark if nothing tells.

    `home_currency` is the account's, which is all that a QIF's amounts can be in.
    """
    pairs: list[tuple[_Record, Entry]] = []
    account: str | None = None
    part = None
    for record in _records(text):
        if record.kind == "account":
            account, part = clean(record.get("N"), 64) or None, None
            continue
        if part is None:
            part = draft.part(record.line)
            part.account = account
        pairs.append((record, draft.add(Entry(record.line))))
    booked = [record for record, _ in pairs if record.kind in _BOOKS]
    draft.mark = _mark(booked, draft, home_currency)
    reader = _dates(booked, draft, home_currency)
    for record, entry in pairs:
        _fill(record, entry, draft, reader)
    _tell_cut(text, pairs, draft)


def _tell_cut(text: str, pairs: list[tuple[_Record, Entry]], draft: Draft) -> None:
    """Say where the last record has no end though the others have: its amount may be half of one.

    A file that is cut between two records tells nothing of it, as QIF has no end of its own.
    """
    lines = text.rstrip().rsplit("\n", 1)
    ends = text.count("\n^")
    if pairs and lines[-1].strip() != "^" and lines[-1][:1] != "!" and (ends or len(pairs) == 1):
        end = last_line(text)
        draft.cut(end, f"the last record, on line {pairs[-1][0].line}, has no end (^)")


def _records(text: str) -> Iterator[_Record]:
    """The records of transactions and accounts; lists of categories and the like are left out."""
    kind, listing, record = "bank", False, None
    for number, raw in lines_of(text):
        line = raw.strip()
        header = _HEADER.match(line) if line[:1] == "!" else None
        if header is not None or line == "^":
            if record is not None:
                yield record
            record = None
            if header is not None:
                word, name = header[1].lower(), header[2].strip().lower()
                # Between these two, accounts are only listed and nothing is of one of them.
                if word in {"option", "clear"}:
                    listing = word == "option" if name == "autoswitch" else listing
                    continue
                kind = "account" if word == "account" else name
                listing = listing and kind == "account"
            continue
        known = kind in _BOOKS or kind in _TRADES or (kind == "account" and not listing)
        if not line or not known or (line[0] == "#" and record is None):
            continue
        if record is not None and _begins_anew(record, line):
            yield record
            record = None
        record = record or _Record(number, kind)
        _take(record, line)
    if record is not None:
        yield record


def _begins_anew(record: _Record, line: str) -> bool:
    """Whether a second date says that the end of the record before is missing."""
    return line[0] == "D" and "D" in record.values and bool(record.money) and not record.splits


def _take(record: _Record, line: str) -> None:
    letter, value = line[0], line[1:].strip()
    if letter == "S" and record.kind in _BOOKS:
        record.splits.append(_Split(value))
    elif letter in {"E", "$"} and record.splits:
        if letter == "E":
            record.splits[-1].memo = value
        else:
            record.splits[-1].amount = value
    elif letter == "A" and "A" in record.values:
        record.values["A"] = f"{record.values['A']}, {value}"[:_MAX_LINE]
    elif not (record.splits and letter == "D"):
        record.values.setdefault(letter, value)


def _mark(records: list[_Record], draft: Draft, home_currency: str | None) -> Mark:
    if draft.mapping.decimal_mark is not None:
        return draft.mapping.decimal_mark
    texts = [record.money for record in records]
    texts += [split.amount for record in records for split in record.splits]
    mark, is_open = decimal_mark(texts, [draft.mapping.currency or home_currency])
    if is_open:
        example = next((t for t in texts if "." in t or "," in t), "")[:30]
        message = f"Is the mark in amounts such as {example!r} for decimals or for thousands?"
        choices = (mark, "," if mark == "." else ".")
        draft.questions.append(Question("decimalMark", message, choices))
    return mark


def _plain_date(text: str) -> str:
    """`1/ 2'06` as `1/2/2006`: figures are padded with blanks, and `'` begins a year from 2000."""
    text = re.sub(r"\s*([-/.'])\s*", r"\1", text.strip()[:40])
    return re.sub(
        r"'([0-9]{1,4})\b",
        lambda year: "/" + (year[1] if len(year[1]) == 4 else f"2{int(year[1]):03d}"),
        text,
    )


def _dates(records: list[_Record], draft: Draft, home_currency: str | None) -> DateReader:
    texts = [_plain_date(record.get("D")) for record in records]
    given = draft.mapping.date_format
    if given is not None:
        order = order_of_format(given)
        if order is None:
            message = f"The date format {given[:40]!r} needs a year, a month and a day."
            raise StatementError("BAD_MAPPING", message)
        draft.date_format = given
        return DateReader(order, month_numbers({s.name for s in shapes_of(texts) if s.name}))
    marks = [record.money for record in records]
    hints = Hints(
        decimal_comma=draft.mark == "," and any("," in text for text in marks),
        # The account's currency leans the guess only: programs write dates as their maker did.
        dollars=home_currency in MONTH_FIRST,
    )
    payees = [record.get("P") for record in records]
    columns = DateColumns(booked=texts, others=(), above=(), texts=payees)
    reader, draft.date_format, question = find_order(columns, hints)
    if question is not None:
        draft.questions.append(question)
    return reader


def _fill(record: _Record, entry: Entry, draft: Draft, reader: DateReader) -> None:
    text = _plain_date(record.get("D"))
    entry.day = reader.read(text) if read_shape(text) is not None else None
    entry.amount = amount_of(record.money, draft.mark) if record.money else None
    payee, memo = record.get("P"), record.get("M")
    entry.payee = clean(payee) or None
    entry.description = clean(memo) or clean(payee)
    if record.kind in _TRADES:
        entry.description = joined(record.get("N"), record.get("Y"), payee, memo)
        entry.problem = skipped("INVESTMENT", "The record is a trade, not a booking of money.")
        return
    category = record.get("L")
    if not category.startswith("["):
        # What follows the stroke is the class.
        entry.category = clean(category.partition("/")[0], 200) or None
    other = category[1:].partition("]")[0] if category.startswith("[") else ""
    if not entry.description:
        number = record.get("N")
        entry.description = joined("Transfer" if other else "", other, number and f"No. {number}")
    entry.notes = told(
        ("Number", record.get("N")),
        ("Transfer", other),
        ("Address", record.get("A")),
        ("Splits", _splits(record)),
    )
    if entry.amount is None:
        entry.fail("BAD_AMOUNT", bad_amount(record.money))
    if entry.day is None:
        entry.fail("BAD_DATE", bad_date(record.get("D"), draft.date_format))
    _check_splits(record, entry, draft)


def _splits(record: _Record) -> str:
    shown_splits = record.splits[:_MAX_SPLITS]
    return ", ".join(joined(s.category, s.amount, s.memo) for s in shown_splits)


def _check_splits(record: _Record, entry: Entry, draft: Draft) -> None:
    """Say where the parts of a booking do not make the whole; the whole counts."""
    amounts = [amount_of(s.amount, draft.mark) for s in record.splits if s.amount]
    known = [amount for amount in amounts if amount is not None]
    if not known or entry.amount is None or len(known) < len(record.splits):
        return
    total = sum(known, Decimal(0))
    if total != entry.amount and len(draft.warnings) < _MAX_SPLITS:
        draft.warnings.append(
            f"The splits of {shown(entry.description)!r} on line {record.line} make {total:f}, "
            f"not {entry.amount:f}."
        )
