"""Takes one record apart: its date, its money, and whether it is a transaction at all."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from resolvers.statements.amounts import Mark, Money, parse_money
from resolvers.statements.columns import Roles
from resolvers.statements.currencies import may_mean, written_code
from resolvers.statements.dates import DateReader, looks_like_date
from resolvers.statements.layout import Layout
from resolvers.statements.model import RowProblem, SignRule
from resolvers.statements.phrases import is_balance_line, state_of
from resolvers.statements.table import Record, other_delimiter

MAX_TEXT: Final = 500
_NOTHING: Final = frozenset({"", "-", "--", "–", "—", "n/a", "na", "null", "none"})
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything about a file that is settled before its rows are read."""

    dates: DateReader
    mark: Mark
    strict_mark: bool
    currency: str | None
    file_currency: str | None
    sign_rule: SignRule | None
    account_type: str | None
    include_pending: bool
    date_format: str
    fee_given: bool
    home_currency: str | None = None
    open_end: bool = False
    """Whether the last line lacks its end."""


@dataclass(slots=True)
class Draft:
    """A record on its way to a row; `problem` is None while it may be a transaction."""

    record: Record
    cells: list[str]
    day: date | None = None
    amount: Money | None = None
    debit: Money | None = None
    credit: Money | None = None
    fee: Money | None = None
    balance: Decimal | None = None
    currency: str | None = None
    more: str = ""
    problem: RowProblem | None = None
    value: Decimal | None = None

    def money(self) -> Iterator[Money]:
        """The amounts that make its value, as they are written."""
        return (one for one in (self.amount, self.debit, self.credit) if one is not None)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """NFC, one space between words, no control characters, at most `limit` long."""
    if not text:
        return ""
    if not text.isprintable() or not unicodedata.is_normalized("NFC", text):
        # Cut first: a field may be long, and composing only shortens.
        text = unicodedata.normalize("NFC", text[: limit * 4])
        kept = []
        for sign in text:
            kind = unicodedata.category(sign)
            if kind == "Cc" or kind[0] == "Z":
                kept.append(" ")
            elif kind[0] != "C":
                kept.append(sign)
        text = "".join(kept)
    return " ".join(text.split())[:limit].rstrip()


def shown(cell: str) -> str:
    """A cell as a reason may quote it: cleaned and short."""
    text = clean(cell, _SHOWN + 1)
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text


def failed(code: str, reason: str) -> RowProblem:
    """A row that should have been read and could not be."""
    return RowProblem("FAILED", code, reason)


def skipped(code: str, reason: str) -> RowProblem:
    """A row that is no booked transaction."""
    return RowProblem("SKIPPED", code, reason)


class Drafter:
    """Makes drafts of records under the roles and rules of one file."""

    def __init__(self, layout: Layout, roles: Roles, rules: Rules) -> None:
        self._layout = layout
        self._roles = roles
        self._rules = rules
        money = roles.money
        self._needed = tuple(c for c in (money.amount, money.debit, money.credit) if c is not None)
        texts = {*roles.description, *roles.fallback, roles.payee, roles.notes}
        self._labels = tuple(sorted(c for c in texts if c is not None))

    def draft(self, record: Record) -> Draft:
        """The draft of one record; never raises."""
        draft = Draft(record, record.cells)
        if record.fault is not None:
            draft.problem = _fault(record)
            return draft
        draft.cells = self._aligned(record.cells)
        self._read(draft)
        return draft

    def cell(self, draft: Draft, column: int | None) -> str:
        """A cell of a draft, empty where the record is too short."""
        if column is None or column >= len(draft.cells):
            return ""
        return draft.cells[column]

    def _aligned(self, cells: list[str]) -> list[str]:
        """Puts cells back in their columns when a text holds delimiters without quotes."""
        extra = len(cells) - self._layout.width
        if extra < 1 or self._fits(cells):
            return cells
        for column in (*self._roles.description, self._roles.payee, *self._roles.fallback):
            if column is None:
                continue
            end = column + extra + 1
            moved = [*cells[:column], ", ".join(cells[column:end]), *cells[end:]]
            if self._fits(moved):
                return moved
        return cells

    def _fits(self, cells: Sequence[str]) -> bool:
        date_column = self._roles.date
        if date_column >= len(cells) or not self._rules.dates.read(cells[date_column]):
            return False
        money = [cells[c] for c in self._needed if c < len(cells) and cells[c]]
        return bool(money) and all(self._money(cell) for cell in money)

    def _money(self, cell: str) -> Money | None:
        return parse_money(cell, self._rules.mark, strict=self._rules.strict_mark)

    def _read(self, draft: Draft) -> None:
        roles, money = self._roles, self._roles.money
        date_text = self.cell(draft, roles.date)
        draft.day = self._rules.dates.read(date_text)
        draft.balance = self._balance(draft)
        texts = {column: self.cell(draft, column) for column in self._needed}
        texts = {c: text for c, text in texts.items() if text.casefold() not in _NOTHING}
        if not texts:
            draft.problem = self._without_amount(draft)
            return
        found = {column: self._money(text) for column, text in texts.items()}
        draft.amount = found.get(money.amount) if money.amount is not None else None
        draft.debit = found.get(money.debit) if money.debit is not None else None
        draft.credit = found.get(money.credit) if money.credit is not None else None
        if money.fee is not None:
            draft.fee = self._money(self.cell(draft, money.fee))
        bad = next((text for column, text in texts.items() if found[column] is None), None)
        draft.currency, unknown = self._currency(draft)
        draft.problem = self._problem(draft, date_text, bad) or unknown

    def _balance(self, draft: Draft) -> Decimal | None:
        column = self._roles.money.balance
        if column is None:
            return None
        text = self.cell(draft, column)
        money = self._money(text) if text else None
        if money is None:
            return None
        return -abs(money.value) if money.side == "DEBIT" else money.value

    def _currency(self, draft: Draft) -> tuple[str | None, RowProblem | None]:
        """The currency of a row, and the problem of one whose currency nobody can tell."""
        if self._rules.currency is not None:
            return self._rules.currency, None
        if self._roles.currency is not None:
            written = self.cell(draft, self._roles.currency)
            if written.casefold() not in _NOTHING:
                return self._written(written)
        return self._implied(draft), None

    def _written(self, cell: str) -> tuple[str | None, RowProblem | None]:
        code = written_code(cell)
        if code is not None:
            return code, None
        name = f"{shown(cell)!r} in the column {self._layout.name(self._roles.currency or 0)!r}"
        possible = may_mean(cell)
        if possible is None:
            return None, failed("BAD_CURRENCY", f"{name} is no currency of ISO 4217.")
        home = self._rules.home_currency
        if home is None or home in possible:
            # Only the account's own money is taken on a mere sign, so it opens no other account.
            return home, None
        reason = f"{name} may be several currencies, but not {home}; write its code, such as "
        return None, failed("BAD_CURRENCY", f"{reason}{min(possible)}.")

    def _implied(self, draft: Draft) -> str | None:
        """The currency that stands beside the amount, or the one of the whole file."""
        for money in draft.money():
            if money.currency:
                return money.currency
        return self._rules.file_currency

    def _without_amount(self, draft: Draft) -> RowProblem:
        if any(is_balance_line(cell) for cell in draft.cells if 1 < len(cell) < 120):
            return skipped("BALANCE_LINE", "The row tells a balance or a total, not a transaction.")
        other = other_delimiter(draft.cells, self._layout.width)
        if other is not None:
            reason = f"The columns of this row are separated by {other!r}, those of others are not."
            return failed("OTHER_DELIMITER", reason)
        first = next((cell for cell in draft.cells if cell), "")
        reason = f"The row has no amount ({shown(first)!r}), so it is a notice, not a transaction."
        return skipped("NOTICE", reason)

    def _problem(self, draft: Draft, date_text: str, bad: str | None) -> RowProblem | None:
        """Why a record with an amount is no good row, or None."""
        sure = draft.day is not None
        labels = [self.cell(draft, c) for c in self._labels] if sure else draft.cells
        if any(is_balance_line(cell, sure=sure) for cell in labels if 1 < len(cell) < 60):
            return skipped("BALANCE_LINE", "The row tells a balance or a total, not a transaction.")
        state = self._state(draft)
        if state is not None:
            return state
        if draft.day is None:
            problem = self._without_date(draft, date_text, bad)
            if problem is not None:
                return problem
        if bad is not None:
            right = "1,234.56" if self._rules.mark == "." else "1.234,56"
            return failed(
                "BAD_AMOUNT", f"{shown(bad)!r} is no amount; an amount is written like {right}."
            )
        return None

    def _state(self, draft: Draft) -> RowProblem | None:
        status = self.cell(draft, self._roles.status)
        state = state_of(status) if status else None
        if state == "DECLINED":
            self._other_day(draft)
            return skipped("DECLINED", f"The status {shown(status)!r} says that it was not booked.")
        if state == "PENDING":
            self._other_day(draft)
            if not self._rules.include_pending:
                return skipped(
                    "PENDING", f"The status {shown(status)!r} says it is not booked yet."
                )
        return None

    def _other_day(self, draft: Draft) -> None:
        """The date of another column where the booking date is still missing."""
        if draft.day is not None:
            return
        for column in self._roles.other_dates:
            day = self._rules.dates.read(self.cell(draft, column))
            if day is not None:
                draft.day = day
                return

    def _without_date(self, draft: Draft, date_text: str, bad: str | None) -> RowProblem | None:
        if not date_text:
            self._other_day(draft)
            waits = self._roles.booked and self._roles.status is None
            if draft.day is not None and waits and not self._rules.include_pending:
                return skipped("PENDING", "The row has no booking date yet.")
            if draft.day is not None:
                return None
        elif state_of(date_text) == "PENDING":
            return skipped("PENDING", f"Instead of a date stands {shown(date_text)!r}.")
        elif bad is not None and sum(map(bool, draft.cells)) * 2 < self._layout.width:
            return skipped("NOTICE", f"{shown(date_text)!r} is a notice, not a transaction.")
        if not date_text:
            reason = f"The row has no date; a date is written like {self._rules.date_format}."
            return failed("BAD_DATE", reason)
        if self._rules.dates.beyond(date_text):
            reason = f"The date {shown(date_text)!r} lies outside the years 1900 to 2200."
            return failed("BAD_DATE", reason)
        reason = (
            f"{shown(date_text)!r} is no date; a date is written like {self._rules.date_format}."
        )
        return failed("BAD_DATE", reason)


def is_continuation(draft: Draft, text_columns: frozenset[int]) -> bool:
    """Whether a record only goes on with the text of the row above it."""
    if draft.problem is None or draft.problem.code != "NOTICE" or draft.day is not None:
        return False
    filled = [column for column, cell in enumerate(draft.cells) if cell]
    if not filled or any(column not in text_columns for column in filled):
        return False
    # The first column of a file without a text before it is where footers stand.
    return 0 not in filled and not any(looks_like_date(draft.cells[c]) for c in filled)


def _fault(record: Record) -> RowProblem:
    if record.fault == "TOO_LONG":
        longest = max(record.cells, key=len)
        return failed(
            "TOO_LONG", f"A field that begins {shown(longest)!r} is longer than a field may be."
        )
    return failed("TOO_MANY_COLUMNS", "The row has more columns than a file may have.")


def numbered(values: Sequence[str]) -> bool:
    """Whether ids only count the rows of this file, up or down, and so mean nothing elsewhere."""
    if not all(re.fullmatch(r"[0-9]{1,9}", value) for value in values):
        return False
    numbers = [int(value) for value in values]
    return sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers))) and (
        min(numbers) in {0, 1}
    )
