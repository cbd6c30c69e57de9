"""What is found out for a column at once is what it is row by row, alone and beside any other."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from graph.scalars import id_text, id_texts
from models.ids import new_id
from models.transactions import RefundedRow
from resolvers.wire import kind_of, kinds_of

_ID = new_id()
_NAMES = (
    "transfer_id", "group_id", "category_id", "split_count", "category_kind", "refunded",
    "amount_minor",
)  # fmt: skip


def _rows() -> list[Any]:
    earned = RefundedRow(*[None] * len(RefundedRow.__dataclass_fields__))  # type: ignore[arg-type]
    every = product(
        (None, _ID), (None, _ID), (None, _ID), (0, 2), (None, "INCOME", "EXPENSE"),
        (None, earned), (-5, 0, 5),
    )  # fmt: skip
    return [SimpleNamespace(**dict(zip(_NAMES, one, strict=True))) for one in every]


def _kinds(rows: list[Any]) -> list[str]:
    return kinds_of(*[[getattr(row, name) for row in rows] for name in _NAMES])  # type: ignore[arg-type]


def test_kinds_of_rows_are_those_of_each() -> None:
    rows = _rows()
    assert _kinds(rows) == [kind_of(row) for row in rows]
    for row in rows:
        assert _kinds([row]) == [kind_of(row)]
        assert _kinds([row, rows[0]]) == [kind_of(row), kind_of(rows[0])]
    assert _kinds([]) == []


@pytest.mark.parametrize("given", [[], [None], [None, None], [_ID], [None, _ID], [_ID, _ID]])
def test_ids_of_a_column_are_those_of_each(given: list[Any]) -> None:
    assert id_texts("txn")(given) == [id_text("txn", one) for one in given]
