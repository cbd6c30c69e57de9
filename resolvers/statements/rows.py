"""Turns the records below the header into the rows of a statement."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from resolvers.statements.columns import Roles
from resolvers.statements.currencies import sign_of
from resolvers.statements.cutting import check_end
from resolvers.statements.drafts import (
    MAX_TEXT,
    Draft,
    Drafter,
    Rules,
    clean,
    failed,
    is_continuation,
    numbered,
    shown,
)
from resolvers.statements.layout import Layout
from resolvers.statements.model import Question, SignRule, StatementError, StatementRow
from resolvers.statements.phrases import side_of
from resolvers.statements.signs import Entry, Verdict, chain_share, decide


def _likely(sign: str) -> str:
    """The first guess at what a sign stands for: a dollar is one of the United States."""
    meant = sign_of(sign)
    return "USD" if "USD" in meant else min(meant)


@dataclass(slots=True, eq=False)
class _Words:
    """The words of a draft, for when they decide; a third of what a partial function takes."""

    reader: "RowReader"
    draft: Draft

    def __call__(self) -> str:
        return self.reader.words(self.draft)


class RowReader:
    """Reads the body of one file; afterwards tells the sign rule and what stayed open."""

    def __init__(self, layout: Layout, roles: Roles, rules: Rules) -> None:
        self._layout = layout
        self._roles = roles
        self._rules = rules
        self._drafter = Drafter(layout, roles, rules)
        self._id_column: int | None = None
        self.sign_rule: SignRule = "SIGNED"
        self.questions: list[Question] = []
        self.warnings: list[str] = []

    def read(self) -> list[StatementRow]:
        """All rows in file order, good ones and others.

        Raises `StatementError` BAD_MAPPING when the given sign rule needs a column that is not
        there.
        """
        self._check_rule()
        drafts = self._drafts()
        # What is read of a file of many rows lies in memory once: drafts hold the records.
        self._layout.body.clear()
        if self._rules.open_end and drafts:
            told = check_end(drafts, self._roles, self._rules.mark)
            self.warnings += [told] if told else []
        booked = [d for d in drafts if d.problem is None or d.problem.code == "BALANCE_LINE"]
        if self._roles.money.amount is None:
            self._from_pair([d for d in booked if d.problem is None])
        else:
            self._from_amount(booked)
        self._check_signs([d for d in drafts if d.problem is None])
        self._id_column = self._unique_ids([d for d in drafts if d.problem is None])
        del booked
        # Each draft goes as its row comes.
        drafts.reverse()
        return [self._row(drafts.pop()) for _ in range(len(drafts))]

    def named_columns(self) -> dict[str, str]:
        """Role -> the name of its column, for those roles that have one."""
        roles, money = self._roles, self._roles.money
        places: dict[str, int | None] = {
            "date": roles.date,
            "amount": money.amount,
            "debit": money.debit,
            "credit": money.credit,
            "flag": money.flag if self.sign_rule == "FLAG_COLUMN" else None,
            "currency": roles.currency,
            "description": roles.description[0] if roles.description else None,
            "payee": roles.payee,
            "notes": roles.notes,
            "category": roles.category,
            "externalId": self._id_column,
            "status": roles.status,
            "balance": money.balance,
            "fee": money.fee,
        }
        return {role: self._layout.name(c) for role, c in places.items() if c is not None}

    def _check_rule(self) -> None:
        rule, money = self._rules.sign_rule, self._roles.money
        if rule == "FLAG_COLUMN" and money.flag is None and money.amount is None:
            message = "The sign rule FLAG_COLUMN needs columns.amount and columns.flag."
        elif rule == "DEBIT_CREDIT_COLUMNS" and money.debit is None and money.credit is None:
            message = "The sign rule DEBIT_CREDIT_COLUMNS needs columns.debit and columns.credit."
        else:
            return
        raise StatementError("BAD_MAPPING", message, self._layout.names())

    def _drafts(self) -> list[Draft]:
        """One draft per record, continuations joined to the row they go on with."""
        roles = self._roles
        text = frozenset(
            c for c in (*roles.description, roles.payee, roles.notes, *roles.fallback) if c
        )
        drafts: list[Draft] = []
        for record in self._layout.body:
            draft = self._drafter.draft(record)
            last = drafts[-1] if drafts else None
            if last is not None and last.problem is None and is_continuation(draft, text):
                last.more = f"{last.more} {' '.join(c for c in draft.cells if c)}"[:1000]
                continue
            drafts.append(draft)
        return drafts

    def _from_pair(self, drafts: list[Draft]) -> None:
        """Amounts of a debit and a credit column; a debit may carry its minus already."""
        self.sign_rule = "DEBIT_CREDIT_COLUMNS"
        debits = [d.debit.value for d in drafts if d.debit is not None and d.debit.value]
        signed = sum(v < 0 for v in debits) * 2 > len(debits)
        turned = self._rules.sign_rule == "NEGATED"
        against = not signed and self._credits_against(drafts)
        for draft in drafts:
            plus = draft.credit.value if draft.credit is not None else Decimal(0)
            plus = abs(plus) if against else plus
            minus = draft.debit.value if draft.debit is not None else Decimal(0)
            value = plus + minus if signed else plus - minus
            draft.value = -value if turned and value else value
        if self._roles.money.guessed_pair and self._rules.sign_rule is None:
            self.questions.append(
                Question(
                    "columns.debit",
                    "Two columns hold amounts by turns, and nothing says which of them is money "
                    "out; the first one was taken.",
                    tuple(
                        self._layout.name(c)
                        for c in (self._roles.money.debit, self._roles.money.credit)
                        if c is not None
                    ),
                )
            )

    @staticmethod
    def _credits_against(drafts: list[Draft]) -> bool:
        """Whether every credit carries a minus and no debit does, as the debts of a card go down.

        Where a running balance is stated, it has to agree.
        """
        paid_in = [d.credit.value if d.credit is not None else Decimal(0) for d in drafts]
        paid_out = [d.debit.value if d.debit is not None else Decimal(0) for d in drafts]
        if not any(paid_in) or max(paid_in) > 0 or not any(paid_out) or min(paid_out) < 0:
            return False
        balances = [d.balance for d in drafts]
        pairs = list(zip(paid_in, paid_out, strict=True))
        plain = chain_share([plus - minus for plus, minus in pairs], balances)
        return plain <= chain_share([abs(plus) - minus for plus, minus in pairs], balances)

    def _from_amount(self, drafts: list[Draft]) -> None:
        entries = [self._entry(draft) for draft in drafts]
        fee = self._roles.money.fee
        verdict: Verdict = decide(
            entries,
            self._rules.sign_rule,
            self._rules.account_type,
            None if fee is None else self._layout.name(fee),
            flagged=self._roles.money.flag is not None,
            fee_given=self._rules.fee_given,
        )
        self.sign_rule = verdict.rule
        self.questions += verdict.questions
        self.warnings += verdict.warnings
        for draft, value in zip(drafts, verdict.values, strict=True):
            if draft.problem is not None:
                continue
            draft.value = value
            if value is None:
                flag = shown(self._drafter.cell(draft, self._roles.money.flag))
                draft.problem = failed(
                    "BAD_FLAG", f"{flag!r} says neither debit nor credit, so the sign is unknown."
                )

    def _check_signs(self, good: list[Draft]) -> None:
        """Ask whether amounts that stand beside another currency's sign are the account's.

        A mere sign opens no other account, but it is not taken for the account's money either.
        Where other rows have the account's own sign, those with another one cannot be meant.
        """
        home = self._rules.home_currency
        if home is None:
            return
        foreign: list[tuple[Draft, str]] = []
        own = False
        for draft in good:
            sign = next((m.symbol for m in draft.money() if m.symbol), None)
            if sign is None or draft.currency is not None:
                continue
            meant = sign_of(sign)
            if home in meant:
                own = True
            elif meant:
                foreign.append((draft, sign))
        if not foreign:
            return
        signs = sorted({sign for _, sign in foreign})
        if own:
            for draft, sign in foreign:
                draft.problem = failed(
                    "BAD_CURRENCY",
                    f"{shown(sign)!r} beside the amount is not {home}; write the code of its "
                    f"currency, such as {_likely(sign)}.",
                )
            return
        named = " and ".join(repr(shown(sign)) for sign in signs[:3])
        one = len(foreign) == 1
        message = (
            f"{len(foreign)} amount{' is' if one else 's are'} written with {named}, and the "
            f"account is in {home}; in which currency {'is it' if one else 'are they'}?"
        )
        choices = dict.fromkeys((*(_likely(sign) for sign in signs[:3]), home))
        self.questions.append(Question("currency", message, tuple(choices)))

    def _entry(self, draft: Draft) -> Entry:
        if draft.problem is not None:
            return Entry(None, balance=draft.balance)
        money = draft.amount
        flag = self._roles.money.flag
        side = None if flag is None else side_of(self._drafter.cell(draft, flag))
        if side is None and money is not None:
            side = money.side
        return Entry(
            amount=money.value if money is not None else None,
            side=side,
            balance=draft.balance,
            fee=draft.fee.value if draft.fee is not None else None,
            signed=money is not None and money.signed,
            text=_Words(self, draft),
            currency=draft.currency,
            day=draft.day,
        )

    def _unique_ids(self, good: list[Draft]) -> int | None:
        """The column of ids whose values are all different, as an id's must be."""
        for column in self._roles.ids:
            values = [v for d in good if (v := self._drafter.cell(d, column))]
            distinct = len(set(values)) == len(values)
            if not values or not distinct:
                if values and "externalId" in self._roles.given:
                    common = Counter(values).most_common(1)[0][0]
                    self.warnings.append(
                        f"The column of ids repeats {shown(common)!r}, so it was not used."
                    )
                continue
            if "externalId" in self._roles.given:
                return column
            telling = all(" " not in v and any(map(str.isdigit, v)) for v in values)
            if telling and len(values) * 2 >= len(good) and not numbered(values):
                return column
        return None

    def _pieces(self, draft: Draft) -> list[str]:
        """The texts that describe a draft, without repeats."""
        roles = self._roles
        cells = [self._drafter.cell(draft, column) for column in roles.description]
        cells += draft.cells[self._layout.width :]
        if draft.more:
            cells.append(draft.more)
        return list(dict.fromkeys(cell for cell in cells if cell))

    def words(self, draft: Draft) -> str:
        """The texts of a draft with those of its kind and category."""
        columns = (self._roles.category, *self._roles.fallback)
        kinds = (self._drafter.cell(draft, column) for column in columns)
        return " ".join((*self._pieces(draft), *kinds))[:300]

    def _text(self, draft: Draft, column: int | None, limit: int = MAX_TEXT) -> str | None:
        """A cell without what no text needs; None where nothing is left."""
        if column is None:
            return None
        return clean(self._drafter.cell(draft, column), limit) or None

    def _row(self, draft: Draft) -> StatementRow:
        roles, cell = self._roles, self._drafter.cell
        text = clean(" ".join(self._pieces(draft)))
        payee = self._text(draft, roles.payee)
        if not text:
            others = (cell(draft, column) for column in roles.fallback)
            text = payee or next((t for other in others if (t := clean(other))), "")
        if not text and draft.problem is not None:
            text = clean(" ".join(c for c in draft.cells if c)[:2000])
        given_id = self._text(draft, self._id_column, 200)
        value = draft.value
        if draft.problem is not None and draft.amount is not None:
            value = draft.amount.value
        return StatementRow(
            line=draft.record.line,
            date=draft.day,
            amount=value,
            currency=draft.currency,
            description=text,
            payee=payee,
            notes=self._text(draft, roles.notes),
            category=self._text(draft, roles.category),
            external_id=given_id,
            balance=draft.balance,
            problem=draft.problem,
        )
