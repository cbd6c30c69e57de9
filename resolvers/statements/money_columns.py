"""Finds the columns that hold money: amount, debit and credit, flag, balance and fee."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from resolvers.statements.amounts import parse_money
from resolvers.statements.layout import Profile, has_date
from resolvers.statements.model import StatementError
from resolvers.statements.signs import chain_share
from resolvers.statements.words import fold

if TYPE_CHECKING:
    from resolvers.statements.columns import Assigner

_NAMED: Final = 500
_PROOF_ROWS: Final = 300
_PROOF_COLUMNS: Final = 6
_MOST_SPREAD: Final = 4
# A letter glued to the digits counts too: `D1234567` is no debit.
_ID: Final = re.compile(r"[A-Za-z]?(?:0[0-9]{2,}|[0-9]{10,})|[A-Za-z][0-9]{5,}")


@dataclass(frozen=True, slots=True)
class MoneyColumns:
    """The 0-based columns of money; either `amount` or one of `debit` and `credit` is set."""

    amount: int | None = None
    debit: int | None = None
    credit: int | None = None
    flag: int | None = None
    balance: int | None = None
    fee: int | None = None
    guessed_pair: bool = False
    # Columns that may be the amount as well as the one taken, where nothing but figures speaks.
    weak: tuple[int, ...] = ()

    def columns(self) -> set[int]:
        """All columns in use."""
        used = (self.amount, self.debit, self.credit, self.flag, self.balance, self.fee)
        return {column for column in used if column is not None}


def find_money(assigner: "Assigner", given: Mapping[str, int | None]) -> MoneyColumns:
    """The columns of money by mapping, header and cells.

    Raises `StatementError` NO_AMOUNT_COLUMN when there is none.
    """
    found = MoneyColumns(
        amount=given.get("amount"),
        debit=given.get("debit"),
        credit=given.get("credit"),
        flag=given.get("flag"),
        balance=given.get("balance"),
        fee=given.get("fee"),
    )
    if "balance" not in given:
        found = replace(found, balance=_named(assigner, "balance", set()))
    used = found.columns()
    if found.debit is not None and "credit" not in given and "amount" not in given:
        found = replace(found, credit=_named(assigner, "credit", used))
    elif found.credit is not None and "debit" not in given and "amount" not in given:
        found = replace(found, debit=_named(assigner, "debit", used))
    if found.amount is None and found.debit is None and found.credit is None:
        found = _by_header(assigner, found, used)
    if found.amount is None and found.debit is None and found.credit is None:
        found = _by_cells(assigner, found)
    if found.amount is None and found.debit is None and found.credit is None:
        raise StatementError(
            "NO_AMOUNT_COLUMN",
            "No column of amounts was found; name it in the mapping as columns.amount, or "
            "columns.debit and columns.credit.",
            assigner.layout.names(),
        )
    used = found.columns()
    if "fee" not in given and found.amount is not None and not _is_net(assigner, found.amount):
        found = replace(found, fee=_named(assigner, "fee", used))
    if "flag" not in given and found.amount is not None:
        found = replace(found, flag=_flag(assigner, found.columns()))
    return found


def _is_net(assigner: "Assigner", column: int) -> bool:
    """Whether fees are off the amount already, by the word of its header."""
    headers = assigner.layout.headers
    words = fold(headers[column]).split() if column < len(headers) else []
    return not {"net", "netto", "nett", "total"}.isdisjoint(words)


def _named(assigner: "Assigner", role: str, used: set[int]) -> int | None:
    """The column of figures whose header names a role best."""
    ranked: list[tuple[int, int]] = []
    for column in assigner.free():
        score = assigner.score(column, role)
        if column in used or score < (_NAMED if role != "amount" else 150):
            continue
        others = [v for r, v in assigner.scores[column].items() if r not in {role, "flag"}]
        if others and max(others) > score + 100:
            continue
        profile = assigner.profiles[column]
        empty_file = not any(p.filled for p in assigner.profiles)
        empty = profile.filled == 0 and (empty_file or role in {"debit", "credit"})
        if role == "amount" and score < _NAMED and _is_ids(profile):
            continue
        if profile.numeric or empty:
            # A column that most rows leave empty is not the amount.
            rows = max(p.filled for p in assigner.profiles) if assigner.profiles else 0
            sparse = role == "amount" and profile.filled * 3 < rows
            ranked.append((score - (600 if sparse else 0), -column))
    return -max(ranked)[1] if ranked else None


def _by_header(assigner: "Assigner", found: MoneyColumns, used: set[int]) -> MoneyColumns:
    amount = _named(assigner, "amount", used)
    debit = _named(assigner, "debit", used)
    credit = _named(assigner, "credit", used | ({debit} if debit is not None else set()))
    if debit is not None and credit is not None and debit != credit:
        filled = assigner.profiles[debit].filled + assigner.profiles[credit].filled
        if filled and (
            amount is None or amount in {debit, credit} or filled * 10 >= 7 * _rows(assigner)
        ):
            return replace(found, debit=debit, credit=credit)
    if amount is not None:
        return replace(found, amount=amount)
    return _half(assigner, found, debit, credit)


def _half(
    assigner: "Assigner", found: MoneyColumns, debit: int | None, credit: int | None
) -> MoneyColumns:
    """One half of a pair that is named, with the column that fills its gaps if there is one."""
    half = debit if debit is not None else credit
    if half is None or not assigner.profiles[half].filled:
        return found
    rows = _dated(assigner)
    for other in assigner.free():
        taken = other == half or other in found.columns()
        if not taken and _is_money(assigner.profiles[other]) and _complements(rows, (half, other)):
            debit, credit = (half, other) if debit is not None else (other, half)
            break
    return replace(found, debit=debit, credit=credit)


def _dated(assigner: "Assigner") -> list[list[str]]:
    return [r.cells for r in assigner.layout.body if has_date(r.cells)][:_PROOF_ROWS]


def _rows(assigner: "Assigner") -> int:
    return max((p.filled for p in assigner.profiles), default=0)


def _by_cells(assigner: "Assigner", found: MoneyColumns) -> MoneyColumns:
    """The columns of money where headers are absent or say nothing."""
    free = [c for c in assigner.free() if c not in found.columns()]
    candidates = [c for c in free if _is_money(assigner.profiles[c])]
    if not candidates:
        return _by_counts(assigner, found, free)
    if len(candidates) == 1:
        return replace(found, amount=candidates[0])
    rows = _dated(assigner)
    pair = _complements(rows, candidates)
    if pair is not None:
        rest = [c for c in candidates if c not in pair]
        balance = found.balance if found.balance is not None else (rest[-1] if rest else None)
        debit, credit, proven = _directions(rows, pair, balance)
        return replace(found, debit=debit, credit=credit, balance=balance, guessed_pair=not proven)
    proven_pair = _balance_pair(rows, candidates[:_PROOF_COLUMNS])
    if proven_pair is not None and found.balance is None:
        return replace(found, amount=proven_pair[0], balance=proven_pair[1])
    candidates.sort(
        key=lambda c: (
            -assigner.profiles[c].filled,
            -int(assigner.profiles[c].negative > 0),
            c,
        )
    )
    return replace(found, amount=candidates[0])


def _by_counts(assigner: "Assigner", found: MoneyColumns, free: Sequence[int]) -> MoneyColumns:
    """The amount among columns of bare whole numbers: proven by a balance, or to be asked."""
    counts = [c for c in free if _is_count(assigner.profiles[c])]
    if not counts:
        return found
    proven = _balance_pair(_dated(assigner), counts[-_PROOF_COLUMNS:])
    if proven is not None and found.balance is None:
        return replace(found, amount=proven[0], balance=proven[1])
    signed = [c for c in counts if assigner.profiles[c].negative]
    if len(signed) == 1:
        return replace(found, amount=signed[0])
    # The last column is where tables put their figures.
    return replace(found, amount=counts[-1], weak=tuple(counts))


def _is_money(profile: Profile) -> bool:
    return profile.numeric and profile.mostly(profile.money, 30) and not _is_ids(profile)


def _is_count(profile: Profile) -> bool:
    """Whole numbers that are short enough to be amounts; ids and account numbers are long."""
    lengths = [len(value.lstrip("+-")) for value in profile.values]
    # Numbers of two and of eight digits side by side are references of several kinds.
    alike = bool(lengths) and max(lengths) <= 9 and max(lengths) - min(lengths) <= _MOST_SPREAD
    return profile.numeric and alike and not _is_ids(profile)


def _is_ids(profile: Profile) -> bool:
    """Whether cells are ids, references or account numbers: long, or zeros at the beginning."""
    ids = sum(_ID.fullmatch(value) is not None for value in profile.values)
    return bool(ids) and ids * 4 >= len(profile.values)


def _complements(rows: Sequence[list[str]], candidates: Sequence[int]) -> tuple[int, int] | None:
    """Two columns of which every row fills exactly one (the other one is empty or zero)."""
    for place, first in enumerate(candidates[:_PROOF_COLUMNS]):
        for second in candidates[place + 1 : _PROOF_COLUMNS]:
            states = [(_holds(row, first), _holds(row, second)) for row in rows]
            one = sum(a != b for a, b in states)
            both = any(a and b for a, b in states)
            each = any(a for a, _ in states) and any(b for _, b in states)
            if each and not both and one * 10 >= 9 * len(rows):
                return first, second
    return None


def _holds(row: Sequence[str], column: int) -> bool:
    cell = row[column] if column < len(row) else ""
    money = parse_money(cell, ".") if cell else None
    return money is not None and money.value != 0


def _values(rows: Sequence[list[str]], column: int | None) -> list[Decimal | None]:
    values: list[Decimal | None] = []
    for row in rows:
        cell = row[column] if column is not None and column < len(row) else ""
        money = parse_money(cell, ".") if cell else None
        values.append(money.value if money else None)
    return values


def _directions(
    rows: Sequence[list[str]], pair: tuple[int, int], balance: int | None
) -> tuple[int, int, bool]:
    """Which of two columns takes money out, and whether the balance proves it."""
    first, second = _values(rows, pair[0]), _values(rows, pair[1])
    if balance is not None:
        after = _values(rows, balance)
        none = Decimal(0)
        plain = [(b or none) - abs(a or none) for a, b in zip(first, second, strict=True)]
        usual = chain_share(plain, after)
        reverse = chain_share([-value for value in plain], after)
        if max(usual, reverse) >= 50:
            return (*pair, True) if usual >= reverse else (pair[1], pair[0], True)
    if any(v is not None and v < 0 for v in first):
        return (*pair, True)
    if any(v is not None and v < 0 for v in second):
        return pair[1], pair[0], True
    return (*pair, False)


def _balance_pair(rows: Sequence[list[str]], candidates: Sequence[int]) -> tuple[int, int] | None:
    """The amount and the balance that it leads to, proven by arithmetic."""
    best: tuple[int, int, int] | None = None
    columns = {c: _values(rows, c) for c in candidates}
    for amount in candidates:
        for balance in candidates:
            if amount == balance:
                continue
            signed = columns[amount]
            # A proof that takes the signs as they are is worth more than one that turns them.
            turned = [-v if v else v for v in signed]
            share = max(
                2 * chain_share(signed, columns[balance]),
                2 * chain_share(turned, columns[balance]) - 1,
            )
            if share >= 100 and (best is None or share > best[0]):
                best = (share, amount, balance)
    return (best[1], best[2]) if best else None


def _flag(assigner: "Assigner", used: set[int]) -> int | None:
    """The column whose cells say debit or credit; an empty one counts if its header says sign."""
    ranked: list[tuple[int, int]] = []
    for column in assigner.free():
        if column in used or assigner.score(column, "category") >= 700:
            continue
        profile = assigner.profiles[column]
        score = max(
            assigner.score(column, "flag"),
            *(assigner.score(column, role) // 2 for role in ("debit", "credit")),
        )
        if profile.filled == 0:
            if "sign" in assigner.layout.name(column).casefold() and score >= 900:
                ranked.append((score - 500, -column))
            continue
        short = all(len(value) < 2 for value in profile.values)
        named = score >= _NAMED
        # K is credit in the Baltics, beside a D; alone it may be anything.
        if not named and {"K", "k"} & set(profile.values) and len(profile.values) < 2:
            continue
        if profile.mostly(profile.sides, 80) and (named or not short or len(profile.values) == 2):
            ranked.append((score, -column))
    return -max(ranked)[1] if ranked else None
