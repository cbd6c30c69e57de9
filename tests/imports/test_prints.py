"""The print of a transaction that an import has made: kept for years, so its bytes stay the same."""

from datetime import date
from hashlib import sha256
from json import dumps
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from resolvers.imports.effects import print_of
from resolvers.statements import read_csv

WORDS = ("Coffee", "", None, 'Café "Zwölf"\\ \n\t', "東京 🧾 \ud800", "\x00\x1f\x7f</script>")


def row(**more: Any) -> Any:
    told = {
        "account_id": UUID(int=1), "category_id": None, "date": date(2024, 2, 29),
        "amount_minor": -320, "description": "Coffee", "payee": None, "notes": None, "tags": (),
        "status": "POSTED", "refund_of": None, "splits": (),
    }  # fmt: skip
    return SimpleNamespace(**(told | more))


def written(one: Any) -> str:
    """The print as it has always been written."""
    said = [
        str(one.account_id), str(one.category_id), one.date.isoformat(), one.amount_minor,
        one.description, one.payee, one.notes, list(one.tags), one.status, str(one.refund_of),
        [[str(part.category_id), part.amount_minor, part.notes] for part in one.splits],
    ]  # fmt: skip
    return sha256(dumps(said).encode()).hexdigest()[:32]


@pytest.mark.parametrize("at", range(len(WORDS)))
def test_a_print_stays_what_it_was(at: int) -> None:
    part = SimpleNamespace(category_id=UUID(int=9), amount_minor=-1, notes=WORDS[at])
    for one in (
        row(description=WORDS[at] or "", payee=WORDS[at], notes=WORDS[at]),
        row(payee=WORDS[at], amount_minor=2**62, category_id=UUID(int=2), status="PENDING"),
        row(notes=WORDS[at], refund_of=UUID(int=3), date=date(1900, 1, 1)),
        row(notes=WORDS[at], tags=("a", "b")),
        row(notes=WORDS[at], splits=(part, part)),
    ):
        assert print_of(one) == written(one)


def test_records_of_a_table_are_let_go_and_its_rows_stay_in_order() -> None:
    lines = [f"2024-01-{1 + i % 28:02},Shop {i},-{i}.00" for i in range(1, 61)]
    data = ("Date,Description,Amount\n" + "\n".join(lines)).encode()
    for text in (data, data.partition(b"\n")[2]):
        found = read_csv(text)
        assert [one.description for one in found.rows] == [f"Shop {i}" for i in range(1, 61)]
