"""Tells whether a table of text was cut off in its last line: half an amount looks like a whole one."""

import re
from collections.abc import Sequence
from typing import Final

from resolvers.statements.amounts import Mark
from resolvers.statements.columns import Roles
from resolvers.statements.drafts import Draft, failed

_SEEN: Final = 5_000
_PART_OF_A_DATE: Final = re.compile(r"[0-9][0-9./-]{0,9}")


def check_end(drafts: Sequence[Draft], roles: Roles, mark: Mark) -> str | None:
    """A warning if the last line, which has no line end, ends before it should.

    Its row fails where its amount may be half of one: where the line ends in the amount, and all
    other amounts have the same number of decimals and this one has fewer.
    """
    last = drafts[-1]
    others = [d.record.cells for d in drafts[-_SEEN:-1] if d.problem is None]
    if not others:
        return None
    cells = last.record.cells
    end = len(cells) - 1
    short = len(cells) < min(map(len, others))
    money = roles.money
    in_amount = end in {money.amount, money.debit, money.credit}
    if last.problem is None:
        column = [c[end] for c in others if end < len(c)] if end in money.columns() else []
        half = cells[end] != "" and _is_half(cells[end], column, mark)
        if not (half or short):
            return None
        half = half and in_amount
    else:
        date = cells[roles.date] if roles.date <= end else ""
        begun = last.day is not None or _PART_OF_A_DATE.fullmatch(date) is not None
        half = begun and last.problem.code in {"NOTICE", "BAD_AMOUNT", "BAD_DATE"}
        if not (half and (short or in_amount)):
            return None
    if half:
        last.problem = failed("CUT_OFF", "The file ends in the middle of this line.")
    return (
        f"The file seems to be cut off in line {last.record.line}. Rows may be missing; export it "
        "again to be sure."
    )


def _is_half(text: str, others: Sequence[str], mark: Mark) -> bool:
    """Whether an amount has fewer decimals than all others, which are written with a fixed number."""
    found = [_decimals(other, mark) for other in others if other]
    # Without a last 0 they may be as many as each amount needs.
    fixed = len(set(map(len, found))) == 1 and any(one.endswith("0") for one in found)
    return fixed and len(_decimals(text, mark)) < len(found[0])


def _decimals(text: str, mark: Mark) -> str:
    """The figures behind the mark."""
    _, found, behind = text.rpartition(mark)
    return behind[: len(behind) - len(behind.lstrip("0123456789"))] if found else ""
