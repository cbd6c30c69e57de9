"""Joins amounts again that a comma-separated file has cut at their decimal comma."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from resolvers.statements.layout import Layout, has_date
from resolvers.statements.table import Record
from resolvers.statements.words import header_scores

_MONEY: Final = ("amount", "debit", "credit", "balance", "fee")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.?[0-9]{3})*")
_CENTS: Final = re.compile(r"[0-9]{2}")


def joined(layout: Layout, delimiter: str) -> Layout:
    """The layout with `-12,50` in one cell where nearly every row is longer for that reason."""
    if delimiter != "," or not layout.headers:
        return layout
    columns = [column for column, header in enumerate(layout.headers) if _is_money(header)]
    if all(len(r.cells) <= layout.width for r in layout.body):
        return layout
    dated = [r for r in layout.body if has_date(r.cells)]
    cut = [r for r in dated if len(r.cells) > layout.width]
    if not columns or not cut or len(cut) * 10 < len(dated) * 9:
        return layout
    repaired = {r.line: cells for r in cut if (cells := _join(r.cells, columns, layout.width))}
    if len(repaired) * 10 < len(dated) * 9:
        return layout
    body = [Record(r.line, repaired.get(r.line, r.cells), r.fault) for r in layout.body]
    return replace(layout, body=body)


def _is_money(header: str) -> bool:
    scores = header_scores(header)
    return bool(scores) and max(scores, key=lambda role: scores[role]) in _MONEY


def _join(cells: Sequence[str], columns: Sequence[int], width: int) -> list[str] | None:
    """The cells with as many joins at columns of money as the row is too long, or None."""
    left = list(cells)
    for column in columns:
        if len(left) == width:
            break
        pair = left[column : column + 2]
        if len(pair) == 2 and _WHOLE.fullmatch(pair[0]) and _CENTS.fullmatch(pair[1]):
            left[column : column + 2] = [",".join(pair)]
    return left if len(left) == width else None
