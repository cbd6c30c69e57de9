"""Decides what is money in and what is money out, with the running balance as proof."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final

from resolvers.statements.amounts import Side
from resolvers.statements.model import Question, SignRule
from resolvers.statements.phrases import MONEY_IN, MONEY_OUT
from resolvers.statements.words import fold

_CARDS: Final = ("CREDIT", "CARD")
_LEAST_PROOF: Final = 2
_RULES: Final = ("SIGNED", "NEGATED")


@dataclass(slots=True)
class Entry:
    """The figures of one booked row as written."""

    amount: Decimal | None
    side: Side | None = None
    balance: Decimal | None = None
    fee: Decimal | None = None
    signed: bool = False
    # Made only where words decide, for that is slow.
    text: Callable[[], str] = str
    currency: str | None = None
    day: date | None = None


@dataclass(slots=True)
class Verdict:
    """The rule, the holder's view of every entry (None where unknown), and what stays open."""

    rule: SignRule
    values: list[Decimal | None]
    questions: list[Question] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fee: bool = False


def chain_share(
    amounts: Sequence[Decimal | None],
    balances: Sequence[Decimal | None],
    direction: int = 0,
    *,
    opening: bool = False,
) -> int:
    """Percent of the steps between balances that the amounts explain.

    `direction` is 1 when the file runs forward in time, -1 when backward, 0 for the better of
    both; `opening` also tries balances that stand before their row's amount. Rows without a
    balance add to the step that spans them.
    """
    steps = 0
    after, first = {1: 0, -1: 0}, {1: 0, -1: 0}
    before: Decimal | None = None
    later = between = Decimal(0)
    for amount, balance in zip(amounts, balances, strict=True):
        moved = amount if amount is not None else Decimal(0)
        between += moved
        if balance is None:
            later += moved
            continue
        if before is not None:
            steps += 1
            rise = balance - before
            after[1] += rise == between
            after[-1] += -rise == later
            first[1] += rise == later
            first[-1] += -rise == between
        before, between, later = balance, Decimal(0), moved
    ways = (direction,) if direction else (1, -1)
    explained = max(after[way] for way in ways)
    if opening:
        explained = max(explained, *(first[way] for way in ways))
    return explained * 100 // steps if steps else 0


def _direction(entries: Sequence[Entry]) -> int:
    """Whether the rows run forward (1) or backward (-1) in time, 0 when days do not tell."""
    days = [e.day for e in entries if e.day is not None]
    ups = sum(b > a for a, b in pairwise(days))
    downs = sum(b < a for a, b in pairwise(days))
    if ups and not downs:
        return 1
    return -1 if downs and not ups else 0


def _proof(
    entries: Sequence[Entry], values: Sequence[Decimal | None], *, as_written: bool = True
) -> int:
    """`chain_share` of the currency with most rows, as every currency has its own balance.

    Signs as written may also be proven by other layouts than the usual one; what turns them
    round may not, as a balance before each amount looks like the usual one with turned signs.
    """
    chains: dict[str | None, tuple[list[Decimal | None], list[Decimal | None]]] = {}
    for entry, value in zip(entries, values, strict=True):
        amounts, balances = chains.setdefault(entry.currency, ([], []))
        amounts.append(value)
        balances.append(entry.balance)
    longest = max(chains.values(), key=lambda chain: len(chain[0]), default=([], []))
    direction = _direction(entries)
    share = chain_share(*longest, direction)
    if as_written and share < 50:
        # Within a day some banks list the other way round than across days.
        share = chain_share(*longest, opening=True)
    return share


def decide(
    entries: Sequence[Entry],
    rule: SignRule | None,
    account_type: str | None,
    fee_name: str | None,
    *,
    flagged: bool,
    fee_given: bool,
) -> Verdict:
    """The sign rule of an amount column and the signed values under it."""
    _fill_sides(entries, flagged=flagged)
    verdict = _ruled(entries, rule) if rule else _found(entries, account_type)
    _apply_fees(entries, verdict, fee_name or "fee", given=fee_given)
    return verdict


def _fill_sides(entries: Sequence[Entry], *, flagged: bool) -> None:
    """Where only one side is ever marked, what is not marked is the other one.

    A column for the sign in which nothing is marked means charges: credits are the exception.
    """
    seen = {entry.side for entry in entries if entry.side}
    if len(seen) > 1 or not (seen or flagged) or all(entry.side for entry in entries):
        return
    other: Side = "CREDIT" if "DEBIT" in seen else "DEBIT"
    if not seen and any((entry.amount or 0) < 0 for entry in entries):
        return
    if other == "CREDIT" and any((entry.amount or 0) < 0 for entry in entries):
        return
    for entry in entries:
        entry.side = entry.side or other


def _ruled(entries: Sequence[Entry], rule: SignRule) -> Verdict:
    if rule == "FLAG_COLUMN":
        return Verdict(rule, [_flagged(entry) for entry in entries])
    turn = -1 if rule == "NEGATED" else 1
    return Verdict(rule, [_times(entry.amount, turn) for entry in entries])


def _times(amount: Decimal | None, turn: int) -> Decimal | None:
    # Not a product: that would round to the context's digits, and make -0.
    if amount is None or turn > 0 or amount == 0:
        return amount
    return amount.copy_negate()


def _flagged(entry: Entry) -> Decimal | None:
    if entry.amount is None or entry.amount == 0:
        return entry.amount
    if entry.side is None:
        return None
    return _times(entry.amount, 1 if entry.side == "CREDIT" else -1)


def _found(entries: Sequence[Entry], account_type: str | None) -> Verdict:
    by_flag = _by_flag(entries)
    if by_flag is not None:
        return by_flag
    moved = [e for e in entries if e.amount]
    negative = sum(1 for e in moved if e.amount is not None and e.amount < 0)
    by_balance = _by_balance(entries, negative=negative)
    if by_balance is not None:
        return by_balance
    if not moved or negative or any(e.signed for e in moved):
        return _mixed(entries, moved, negative, account_type)
    verdict = _ruled(entries, "UNSIGNED")
    verdict.questions.append(
        Question(
            "signRule",
            "All amounts are positive and nothing in the file says which of them were paid out: "
            "is money in positive (SIGNED), or are these expenses (NEGATED)?",
            _RULES,
        )
    )
    return verdict


def _by_flag(entries: Sequence[Entry]) -> Verdict | None:
    """The rule that a debit/credit flag and the signs beside it agree on."""
    count = {("DEBIT", 1): 0, ("DEBIT", -1): 0, ("CREDIT", 1): 0, ("CREDIT", -1): 0}
    for entry in entries:
        if entry.side and entry.amount:
            count[entry.side, 1 if entry.amount > 0 else -1] += 1
    if not any(count.values()):
        return None
    debit = count["DEBIT", 1] - count["DEBIT", -1]
    credit = count["CREDIT", 1] - count["CREDIT", -1]
    if debit < 0 <= credit or (debit <= 0 < credit and count["DEBIT", -1]):
        return _ruled(entries, "SIGNED")
    if debit > 0 > credit or (debit == 0 and credit < 0):
        return _ruled(entries, "NEGATED")
    if debit >= 0 and credit >= 0:
        return _ruled(entries, "FLAG_COLUMN")
    verdict = _ruled(entries, "SIGNED")
    verdict.questions.append(
        Question(
            "signRule",
            "The signs of the amounts and the debit/credit column contradict each other: which "
            "of them says what is money in?",
            (*_RULES, "FLAG_COLUMN"),
        )
    )
    return verdict


def _by_balance(entries: Sequence[Entry], *, negative: int) -> Verdict | None:
    """The rule that the running balance proves."""
    balances = [e.balance for e in entries]
    if sum(b is not None for b in balances) < 2:
        return None
    plain = [e.amount for e in entries]
    signed = _proof(entries, plain)
    negated = _proof(entries, [_times(a, -1) for a in plain], as_written=False)
    # Amounts without any minus must explain every step, or their signs are not as written.
    enough = 50 if negative else 100
    # Of two rows the balance proves one, so where none has a minus the other one stays open.
    alone = not negative and sum(bool(e.amount) for e in entries) == _LEAST_PROOF
    if not alone and max(signed, negated) >= enough and signed != negated:
        return _ruled(entries, "SIGNED" if signed > negated else "NEGATED")
    derived = None if negative else _from_steps(entries)
    if derived is None:
        return None
    verdict = Verdict("UNSIGNED", derived)
    verdict.warnings.append("The signs were taken from the steps of the running balance.")
    open_rows = sum(v is None for v in derived)
    if open_rows:
        verdict.values = [
            e.amount if v is None else v for e, v in zip(entries, derived, strict=True)
        ]
        verdict.questions.append(
            Question(
                "signRule",
                f"The running balance does not say whether {open_rows} of the amounts are money "
                "in or money out; they are shown as money in.",
                ("UNSIGNED",),
            )
        )
    return verdict


def _from_steps(entries: Sequence[Entry]) -> list[Decimal | None] | None:
    """Signs from the step each amount makes in the balance, in the file order that fits."""
    best: list[Decimal | None] = []
    most = 0
    direction = _direction(entries)
    for step in (-direction,) if direction else (-1, 1):
        values: list[Decimal | None] = []
        fits = 0
        for place, entry in enumerate(entries):
            near = place + step
            before = entries[near].balance if 0 <= near < len(entries) else None
            value = entry.amount if not entry.amount else None
            if entry.amount and before is not None and entry.balance is not None:
                moved = entry.balance - before
                if abs(moved) == entry.amount:
                    value, fits = moved, fits + 1
            values.append(value)
        if fits > most:
            best, most = values, fits
    moving = sum(1 for e in entries if e.amount)
    return best if most * 2 >= moving and most else None


def _mixed(
    entries: Sequence[Entry], moved: Sequence[Entry], negative: int, account_type: str | None
) -> Verdict:
    """Amounts with signs: as written, unless they are a card's charges without a minus."""
    is_card = any(word in (account_type or "").upper() for word in _CARDS)
    positive = len(moved) - negative
    mostly_in = positive * 10 >= len(moved) * 6
    if not negative or not positive:
        return _ruled(entries, "SIGNED")
    texts = [(e.amount or 0, fold(e.text())) for e in moved]
    received = [amount for amount, text in texts if MONEY_IN.search(text)]
    bought = [amount for amount, text in texts if MONEY_OUT.search(text)]
    # On a card two rows may be all there is: one purchase, and the payment for the last ones.
    received_out = (mostly_in or is_card) and bool(received) and max(received) < 0
    bought_in = bool(bought) and all(amount > 0 for amount in bought)
    if not (received_out or bought_in or (is_card and mostly_in)) or (bought and not bought_in):
        return _ruled(entries, "SIGNED")
    verdict = _ruled(entries, "NEGATED")
    if not (is_card and (received_out or bought_in)) and not (bought_in and len(bought) > 2):
        verdict.questions.append(
            Question(
                "signRule",
                "Payments received carry a minus and charges do not, as on a credit card: are the "
                "signs turned round (NEGATED)?",
                ("NEGATED", "SIGNED"),
            )
        )
    return verdict


def _apply_fees(entries: Sequence[Entry], verdict: Verdict, name: str, *, given: bool) -> None:
    """Takes a fee beside the amount off it where the balance or the mapping says so."""
    if not any(e.fee for e in entries):
        return
    # Fees are written with and without a minus; they always lower what arrives.
    reduced = [
        v - abs(e.fee) if v is not None and e.fee is not None else v
        for e, v in zip(entries, verdict.values, strict=True)
    ]
    without, within = _proof(entries, reduced), _proof(entries, verdict.values)
    if given or without > within:
        verdict.values, verdict.fee = reduced, True
    elif without == within:
        verdict.values, verdict.fee = reduced, True
        verdict.questions.append(
            Question(
                "columns.fee",
                "The file has a column of fees and no balance that would prove whether the "
                "amounts already hold them: are they to be taken off (the name of the column) or "
                "not (none)?",
                (name, "none"),
            )
        )
