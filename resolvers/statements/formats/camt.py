"""Reads CAMT.052, 053 and 054 of any version: the XML that banks of the world report with."""

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Final

from resolvers.statements.drafts import clean, shown, skipped
from resolvers.statements.formats.camt_repair import mended
from resolvers.statements.formats.camt_texts import describe
from resolvers.statements.formats.entries import (
    Draft,
    Entry,
    amount_of,
    bad_amount,
    bad_date,
    currency_of,
    id_of,
    telling,
)
from resolvers.statements.formats.xml_trees import Broken, Node, read_trees
from resolvers.statements.model import StatementError

COLUMNS: Final = {
    "date": "BookgDt", "amount": "Amt", "flag": "CdtDbtInd", "currency": "Amt/@Ccy",
    "status": "Sts", "description": "RmtInf", "payee": "RltdPties", "externalId": "AcctSvcrRef",
}  # fmt: skip
_FORMATS: Final = {"Stmt": "CAMT.053", "Rpt": "CAMT.052", "Ntfctn": "CAMT.054"}
_KEPT: Final = frozenset({"Acct", "Bal", "Ntry", "StmtPgntn"})
_BROKEN: Final = "BrokenNtry"
_CUT: Final = frozenset(
    {"no element found", "unclosed token", "unclosed CDATA section", "partial character"}
)
"""What the parser says of XML that ends too early."""
_ISO_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])", re.ASCII)


class _Reader:
    """Turns the trees of a message into parts and entries."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._kind = ""
        self._balances: dict[str, list[Decimal]] = {}
        self.owner = ""

    def opened(self, name: str, line: int) -> None:
        """An element outside of entries begins."""
        if name in _FORMATS:
            self.close_part()
            self._kind = name
            self.draft.format = _FORMATS[name]
            self.draft.part(line)
            self.owner = ""
        elif name == _BROKEN:
            entry = self.draft.add(Entry(line))
            entry.fail("BAD_RECORD", "The entry is not well-formed XML.")

    def done(self, node: Node) -> None:
        """A kept element is complete."""
        if node.name == "Ntry":
            self._entry(node)
        elif node.name == "Bal":
            self._balance(node)
        elif node.name == "Acct":
            self._account(node)

    def close_part(self) -> None:
        """A statement is complete: settle which of its balances it begins and ends with."""
        found, self._balances = self._balances, {}
        if not self.draft.parts:
            return
        part = self.draft.parts[-1]
        interim = found.get("ITBD", []) if self._kind == "Stmt" else []
        # A page of a long statement begins and ends with interim balances.
        opening = found.get("OPBD") or found.get("PRCD") or interim[:1]
        used = 0 if found.get("OPBD") or found.get("PRCD") else 1
        closing = found.get("CLBD") or interim[used:][-1:]
        part.opening = opening[0] if opening else None
        part.closing = closing[-1] if closing else None

    def _account(self, node: Node) -> None:
        part = self.draft.last(node.line)
        if part.account is not None:
            return
        part.account = clean(node.get("Id/IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id") or "", 64) or None
        bank = "Svcr/FinInstnId/"
        names = ("BICFI", "BIC", "ClrSysMmbId/MmbId", "Nm")
        part.bank = clean(node.get(*(bank + name for name in names)) or "", 64) or None
        part.currency = part.currency or currency_of(node.get("Ccy"))
        self.owner = clean(node.get("Ownr/Nm") or "")

    def _balance(self, node: Node) -> None:
        code = node.get("Tp/CdOrPrtry/Cd", "Tp/Cd") or ""
        amount, currency = _money(node)
        side = node.get("CdtDbtInd")
        if amount is None or side not in {"CRDT", "DBIT"}:
            return
        part = self.draft.last(node.line)
        part.currency = part.currency or currency
        if currency == part.currency:
            self._balances.setdefault(code.upper(), []).append(
                -amount if side == "DBIT" else amount
            )

    def _entry(self, node: Node) -> None:
        part = self.draft.last(node.line)
        # The first version had no element around the details.
        details = [*node.all("NtryDtls/TxDtls"), *node.all("TxDtls")]
        amounts = _shares(node, details) if len(details) > 1 else None
        if amounts is None:
            self._add(node, node, details, _signed(node))
            return
        for detail, amount in zip(details, amounts, strict=True):
            entry = self._add(node, detail, [detail], amount)
            entry.currency = _money(node)[1] or part.currency

    def _add(self, node: Node, at: Node, details: list[Node], amount: Decimal | None) -> Entry:
        entry = self.draft.add(Entry(at.line))
        entry.amount, entry.currency = amount, _money(node)[1]
        booked = node.get("BookgDt/Dt", "BookgDt/DtTm")
        written = booked or node.get("ValDt/Dt", "ValDt/DtTm")
        entry.day = _day(written)
        # A detail of one of its own, else the entry's when it stands for the whole of it.
        one = details[0] if len(details) == 1 else None
        reference = None if one is None else id_of(one.get("Refs/AcctSvcrRef"))
        whole = id_of(node.get("AcctSvcrRef"))
        entry.external_id = (reference or whole) if at is node else reference
        if not telling(entry.external_id):
            entry.external_id = None
        describe(entry, node, details, self.owner)
        entry.turned = (node.get("RvslInd") or "").strip().lower() in {"true", "1"}
        self._judge(entry, node, written)
        return entry

    def _judge(self, entry: Entry, node: Node, written: str | None) -> None:
        """Whether an entry is booked, and whether it can be."""
        status = (node.get("Sts/Cd", "Sts/Prtry", "Sts") or "BOOK").upper()
        if status in {"PDNG", "FUTR"}:
            entry.counts = False
            if not self.draft.mapping.include_pending:
                entry.problem = skipped("PENDING", "The bank has not booked it yet.")
        elif status == "INFO":
            entry.counts = False
            entry.problem = skipped("NOTICE", "The entry only informs; nothing was booked.")
        if entry.amount is None:
            if _money(node)[0] is None:
                entry.fail("BAD_AMOUNT", bad_amount(node.get("Amt")))
            side = shown(node.get("CdtDbtInd") or "")
            entry.fail("BAD_FLAG", f"{side!r} says neither debit (DBIT) nor credit (CRDT).")
        if entry.day is None:
            entry.fail("BAD_DATE", bad_date(written, "2024-01-31"))


def read_camt(text: str, draft: Draft) -> None:
    """Fill a draft from CAMT.

    XML that is broken inside an entry costs that entry only.  Raises `StatementError`
    DAMAGED_FILE when nothing could be read.
    """
    draft.sign_rule = "FLAG_COLUMN"
    try:
        _read(text, draft)
    except Broken as broken:
        draft.parts.clear()
        draft.rows = 0
        reason = f"The XML is not well-formed on line {broken.line}: {broken.reason}."
        if broken.reason in _CUT:
            reason = (
                f"The file is cut off on line {broken.line}, so rows may be missing; export it "
                "again to be sure."
            )
        with suppress(Broken):
            _read(mended(text, _BROKEN), draft)
        if draft.rows == 0:
            raise StatementError("DAMAGED_FILE", reason) from broken
        draft.warnings.append(f"{reason} What could be read was read.")


def _read(text: str, draft: Draft) -> None:
    reader = _Reader(draft)
    try:
        read_trees(text, _KEPT, reader.opened, reader.done)
    finally:
        reader.close_part()


def _money(node: Node) -> tuple[Decimal | None, str | None]:
    """Amount without a sign and currency of an element's own `Amt`."""
    amount = node.find("Amt")
    if amount is None or not amount.text:
        return None, None
    return amount_of(amount.text, "."), currency_of(amount.attributes.get("Ccy"))


def _signed(node: Node) -> Decimal | None:
    amount, _ = _money(node)
    return _directed(amount, node.get("CdtDbtInd"))


def _directed(amount: Decimal | None, side: str | None) -> Decimal | None:
    if amount is None or side not in {"CRDT", "DBIT"}:
        return None
    return -abs(amount) + 0 if side == "DBIT" else amount


def _shares(node: Node, details: list[Node]) -> list[Decimal] | None:
    """The amounts of a batch's details, if each has one and together they make the entry."""
    whole, currency = _money(node)
    total = _signed(node)
    if whole is None or total is None:
        return None
    shares = []
    for detail in details:
        amount = detail.find("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
        if amount is None or currency_of(amount.attributes.get("Ccy")) not in {currency, None}:
            return None
        side = detail.get("CdtDbtInd") or node.get("CdtDbtInd")
        share = _directed(amount_of(amount.text, "."), side)
        if share is None:
            return None
        shares.append(share)
    return shares if sum(shares) == total else None


def _day(text: str | None) -> date | None:
    """The day as written, in the bank's zone."""
    found = _ISO_DAY.match((text or "").strip())
    try:
        return None if found is None else date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
