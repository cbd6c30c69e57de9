"""Reads OFX and QFX: the tags of SGML (1.x, ends left out) and of XML (2.x) by one scan."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from resolvers.statements.amounts import Mark, mark_vote
from resolvers.statements.dates import read_shape, to_date
from resolvers.statements.drafts import clean, shown, skipped
from resolvers.statements.formats.entries import (
    Draft,
    Entry,
    Part,
    amount_of,
    bad_amount,
    bad_date,
    currency_of,
    id_of,
    joined,
    last_line,
    told,
)
from resolvers.statements.formats.xml_trees import unsafe
from resolvers.statements.model import StatementError

COLUMNS: Final = {
    "date": "DTPOSTED", "amount": "TRNAMT", "payee": "NAME", "description": "MEMO",
    "notes": "CHECKNUM", "externalId": "FITID",
}  # fmt: skip
_TAG: Final = re.compile(r"<(/?)(?:\w{1,20}:)?([A-Za-z][A-Za-z0-9._]{0,40})(?:\s[^<>]{0,4000})?/?>")
_DOCTYPE: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)\b", re.IGNORECASE)
_MAX_VALUE: Final = 4_000
_MAX_TAGS: Final = 4_000_000
_STATEMENTS: Final = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
_RECORDS: Final = frozenset({"STMTTRN", "STMTTRNP"})
# Trades of an investment statement: they move shares, and each ends with what it cost.
_TRADES: Final = frozenset(
    [
        "BUYDEBT",
        "BUYMF",
        "BUYOPT",
        "BUYOTHER",
        "BUYSTOCK",
        "CLOSUREOPT",
        "INCOME",
        "INVEXPENSE",
        "JRNLFUND",
        "JRNLSEC",
        "MARGININTEREST",
        "REINVEST",
        "RETOFCAP",
        "SELLDEBT",
        "SELLMF",
        "SELLOPT",
        "SELLOTHER",
        "SELLSTOCK",
        "SPLIT",
        "TRANSFER",
    ]
)
_CLOSED: Final = frozenset({"OFX", "BANKTRANLIST"})
"""What every bank closes, so that its end tells whether the file is whole."""
_INNER: Final = frozenset(
    {"PAYEE", "BANKACCTTO", "CCACCTTO", "CURRENCY", "ORIGCURRENCY", "IMAGEDATA", "EXTDPAYEE"}
)
_OWN: Final = frozenset(
    {"TRNTYPE", "DTPOSTED", "DTUSER", "TRNAMT", "FITID", "MEMO", "CHECKNUM", "REFNUM", "SIC"}
)
_OUTSIDE: Final = _STATEMENTS | {"BANKTRANLIST", "BANKTRANLISTP", "LEDGERBAL", "AVAILBAL"}
_OUT: Final = frozenset(
    ["DEBIT", "CHECK", "FEE", "SRVCHG", "PAYMENT", "CASH", "DIRECTDEBIT", "REPEATPMT", "ATM", "POS"]
)


class _Tag(NamedTuple):
    name: str
    closes: bool
    text: str
    line: int


@dataclass(slots=True)
class _Record:
    """The fields of one transaction: (aggregate inside it or empty, tag) to text."""

    name: str
    line: int
    pending: bool
    card: bool
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    inner: str = ""

    def get(self, *names: str) -> str:
        for name in names:
            if value := self.values.get(("", name)):
                return value
        return ""

    def inside(self, name: str, *places: str) -> str:
        for place in places:
            if value := self.values.get((place, name)):
                return value
        return ""


def read_ofx(text: str, draft: Draft) -> None:
    """Fill a draft from OFX; raises `StatementError` BANK_ERROR when all it holds is a refusal."""
    if _DOCTYPE.search(text):
        raise unsafe("a document type")
    reader = _Reader(draft)
    last = None
    for tag in _tags(_without_cdata(text)):
        reader.take(tag)
        last = tag
    reader.end_record()
    if not reader.found and reader.refusal is not None:
        message = f"The bank answered with an error instead of a statement: {reader.refusal}"
        raise StatementError("BANK_ERROR", message)
    draft.mark = draft.mapping.decimal_mark or _mark(reader.amounts)
    for record, entry in reader.found:
        _fill(record, entry, draft.mark, include_pending=draft.mapping.include_pending)
    for part, closing in reader.closings:
        part.closing = amount_of(closing, draft.mark)
    _settle_signs(draft, reader)
    if last is not None and not (last.closes and last.name == "OFX") and reader.open_lists():
        draft.cut(last_line(text), f"{' and '.join(reader.open_lists())} is not closed")


def _without_cdata(text: str) -> str:
    """The text with marked sections written as plain text and comments left out."""
    if "<!" not in text:
        return text
    pieces: list[str] = []
    position = 0
    while (start := text.find("<!", position)) >= 0:
        closing = {"<![CDATA[": "]]>", "<!--": "-->"}
        opening = next((o for o in closing if text.startswith(o, start)), None)
        end = -1 if opening is None else text.find(closing[opening], start)
        if opening is None or end < 0:
            break
        pieces.append(text[position:start])
        body = text[start + len(opening) : end]
        pieces.append(html.escape(body) if opening == "<![CDATA[" else "\n" * body.count("\n"))
        position = end + len(closing[opening])
    return "".join([*pieces, text[position:]])


def _tags(text: str) -> Iterator[_Tag]:
    """The tags of a text, each with the value behind it and its line."""
    line, counted, last = 1, 0, None
    for seen, match in enumerate(_TAG.finditer(text)):
        if seen >= _MAX_TAGS:
            message = f"The file has more than {_MAX_TAGS} tags; split it into smaller files."
            raise StatementError("TOO_LARGE", message)
        if last is not None:
            line += text.count("\n", counted, last.start())
            counted = last.start()
            yield _tag(last, text[last.end() : match.start()][:_MAX_VALUE], line)
        last = match
    if last is not None:
        line += text.count("\n", counted, last.start())
        yield _tag(last, text[last.end() : last.end() + _MAX_VALUE], line)


def _tag(match: re.Match[str], value: str, line: int) -> _Tag:
    text = value.strip()
    if "&" in text:
        text = html.unescape(text)
        if re.search(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5});", text):
            # Some banks escape what is escaped already.
            text = html.unescape(text)
    return _Tag(match[2].upper(), bool(match[1]), text, line)


class _Reader:
    """Follows the tags; ends are known by what begins, since banks leave them out."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._record: _Record | None = None
        self._place = ""
        self._card = False
        self._pending = False
        self._severity = ""
        self.refusal: str | None = None
        self.found: list[tuple[_Record, Entry]] = []
        self.closings: list[tuple[Part, str]] = []
        self.amounts: list[str] = []
        self._open: dict[str, int] = {}

    def open_lists(self) -> list[str]:
        """What should have been closed: the list of transactions and the document, as tags."""
        return [f"<{name}> on line {line}" for name, line in self._open.items()]

    def take(self, tag: _Tag) -> None:
        """The next tag of the file."""
        name = tag.name
        if name in _CLOSED and not tag.closes:
            self._open[name] = tag.line
        elif name in _CLOSED:
            self._open.pop(name, None)
        if name in _RECORDS or name in _TRADES:
            # A trade may hold aggregates with the names of records and trades.
            if tag.closes:
                if self._record is None or name == self._record.name:
                    self.end_record()
            elif self._record is None or name in _RECORDS:
                self.end_record()
                pending = self._pending or name == "STMTTRNP"
                self._record = _Record(name, tag.line, pending, self._card)
        elif name in _OUTSIDE:
            self.end_record()
            self._outside(tag)
        elif self._record is not None:
            self._inside(self._record, tag)
        elif tag.text and not tag.closes:
            self._header(tag)

    def end_record(self) -> None:
        """A transaction is complete, by its end tag or by what begins behind it."""
        record, self._record = self._record, None
        if record is not None:
            self.found.append((record, self._draft.add(Entry(record.line))))
            self.amounts.append(record.get("TRNAMT"))

    def _outside(self, tag: _Tag) -> None:
        if tag.name in _STATEMENTS and not tag.closes:
            self._draft.part(tag.line)
            self._card, self._pending = tag.name == "CCSTMTRS", False
        if tag.name == "BANKTRANLISTP":
            self._pending = not tag.closes
        self._place = "" if tag.closes else tag.name

    def _inside(self, record: _Record, tag: _Tag) -> None:
        if tag.name in _INNER:
            record.inner = "" if tag.closes else tag.name
        elif tag.text and not tag.closes:
            if tag.name in _OWN:
                record.inner = ""
            key = (record.inner, tag.name)
            before = record.values.get(key)
            repeats = before is not None and tag.name in {"MEMO", "NAME"}
            repeats = repeats and len(before or "") < _MAX_VALUE
            if before is None or repeats:
                record.values[key] = f"{before} {tag.text}" if before else tag.text

    def _header(self, tag: _Tag) -> None:
        """A value outside of transactions: account, currency, balance, or the bank's answer."""
        draft, name, text = self._draft, tag.name, tag.text
        if name == "SEVERITY":
            self._severity = text.upper()
            if self._severity == "ERROR" and self.refusal is None:
                self.refusal = "no reason is given."
        elif name == "MESSAGE" and self._severity == "ERROR":
            self.refusal = shown(text)
        elif name in {"CURDEF", "ACCTID", "BANKID", "BROKERID"}:
            part = draft.last(tag.line)
            if name == "CURDEF":
                part.currency = part.currency or currency_of(text)
            elif name == "ACCTID":
                part.account = part.account or clean(text, 64)
            else:
                part.bank = part.bank or clean(text, 64)
        elif name == "BALAMT" and self._place == "LEDGERBAL":
            self.closings.append((draft.last(tag.line), text))


def _mark(amounts: list[str]) -> Mark:
    """The decimal mark; amounts that could be read either way have decimals, as OFX says."""
    votes = [mark_vote(re.sub(r"[^0-9.,]", "", text)) for text in amounts]
    for point, comma in ((".", ","), ("?.", "?,")):
        if votes.count(point) or votes.count(comma):
            return "." if votes.count(point) >= votes.count(comma) else ","
    return "."


def _day(text: str) -> date | None:
    """The day as the bank wrote it, in the bank's zone: its time and offset are left out."""
    digits = text.strip()[:8]
    if re.fullmatch(r"[0-9]{8}", digits, re.ASCII):
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:
            return None
    shape = read_shape(text.strip()[:40])
    return None if shape is None else to_date(shape, "YMD")


def _fill(record: _Record, entry: Entry, mark: Mark, *, include_pending: bool) -> None:
    if record.name in _TRADES:
        _fill_trade(record, entry, mark)
        return
    posted = record.get("DTPOSTED", "DTTRAN", "DTUSER", "DTAVAIL")
    entry.day = _day(posted)
    amount = record.get("TRNAMT")
    entry.amount = _amount(amount, mark)
    entry.currency = currency_of(record.inside("CURSYM", "CURRENCY"))
    name = record.get("NAME") or record.inside("NAME", "PAYEE", "EXTDPAYEE")
    entry.payee = clean(name) or None
    number, kind = record.get("CHECKNUM"), record.get("TRNTYPE")
    entry.description = clean(record.get("MEMO")) or clean(name)
    if not entry.description:
        entry.description = joined(kind.capitalize(), number)
    entry.notes = told(
        ("Number", number),
        ("Reference", record.get("REFNUM")),
        ("Account", record.inside("ACCTID", "BANKACCTTO", "CCACCTTO")),
        ("Original currency", record.inside("CURSYM", "ORIGCURRENCY")),
        ("Rate", record.inside("CURRATE", "ORIGCURRENCY")),
    )
    entry.external_id = id_of(record.get("FITID"))
    if record.pending and not include_pending:
        entry.problem = skipped("PENDING", "The bank has not booked it yet.")
    elif record.get("CORRECTACTION").upper() == "DELETE":
        old = shown(record.get("CORRECTFITID"))
        reason = f"The bank takes the booking {old!r} back; delete it if you have it."
        entry.problem = skipped("CORRECTION", reason)
    entry.counts = not record.pending
    if entry.amount is None:
        entry.fail("BAD_AMOUNT", bad_amount(amount))
    if entry.day is None:
        entry.fail("BAD_DATE", bad_date(posted, "20240131"))


def _amount(text: str, mark: Mark) -> Decimal | None:
    return amount_of(re.sub(r"(?<=[-+])\s+", "", text), mark) if text else None


def _fill_trade(record: _Record, entry: Entry, mark: Mark) -> None:
    entry.day = _day(record.get("DTTRADE", "DTSETTLE"))
    entry.amount = _amount(record.get("TOTAL"), mark)
    entry.description = clean(record.get("MEMO")) or record.name.capitalize()
    entry.problem = skipped("INVESTMENT", "The record is a trade, not a booking of money.")


def _settle_signs(draft: Draft, reader: _Reader) -> None:
    """Take the direction from the kinds where the amounts cannot be meant as OFX wants them.

    OFX signs its amounts.  Some banks write all of them without a sign, and some turn all of
    them round on cards: then no row disagrees, which chance would not bring about.
    """
    rule = draft.mapping.sign_rule
    if rule not in {None, "FLAG_COLUMN"}:
        return
    booked = [(r.get("TRNTYPE").upper(), r.card, e) for r, e in reader.found if e.amount]
    out = [e.amount for kind, _, e in booked if kind == "DEBIT" and e.amount]
    into = [e.amount for kind, _, e in booked if kind == "CREDIT" and e.amount]
    unsigned = bool(out) and all(e.amount is not None and e.amount > 0 for _, _, e in booked)
    if rule or unsigned:
        draft.sign_rule = "FLAG_COLUMN"
        for kind, card, entry in booked:
            # What is paid to a card comes in.
            if entry.amount and kind in _OUT and not (card and kind == "PAYMENT"):
                entry.amount = -abs(entry.amount)
            elif entry.amount and kind == "CREDIT":
                entry.amount = abs(entry.amount)
        if rule is None:
            message = "No amount has a sign, so TRNTYPE says which of them are money out."
            draft.warnings.append(message)
    elif out and into and min(out) > 0 and max(into) < 0:
        draft.sign_rule = "NEGATED"
        for _, _, entry in booked:
            entry.amount = -entry.amount if entry.amount else entry.amount
        draft.warnings.append(
            "Amounts are turned round: those called DEBIT are positive and those called CREDIT "
            "negative."
        )
