"""Columns written, opened and put into words at once are what one by one gives."""

from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from models import ids
from models.base import maker
from models.sealing import KeyMissing, LedgerRing, SealBroken, new_key
from models.transactions import TransactionRow
from resolvers.money import INT64_MAX, format_minor, format_minors

PLACE = "transactions.amount"
MINORS = st.integers(-INT64_MAX - 1, INT64_MAX)


@settings(max_examples=30)
@given(st.lists(st.uuids() | st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)]), max_size=120))
def test_ids_together_are_ids_one_by_one(values: list[UUID]) -> None:
    assert ids.encode_many("txn", values) == [ids.encode("txn", one) for one in values]


@settings(max_examples=30)
@given(st.lists(st.tuples(MINORS, st.sampled_from(["EUR", "JPY", "KWD"])), max_size=60))
def test_amounts_together_are_amounts_one_by_one(given: list[tuple[int, str]]) -> None:
    for rows in (given, [(minor, "EUR") for minor, _ in given]):
        minors, currencies = [one for one, _ in rows], [one for _, one in rows]
        assert format_minors(minors, currencies) == [format_minor(*one) for one in rows]


def test_an_id_of_the_driver_is_the_same_id() -> None:
    one = uuid4()
    assert ids.quick(one) == one
    assert {one: 1}[ids.quick(one)] == {ids.quick(one): 1}[one] == 1


def sealed(minors: list[int]) -> tuple[LedgerRing, list[UUID], list[bytes]]:
    ring = LedgerRing(uuid4(), {1: AESGCM(new_key()), 2: AESGCM(new_key())})
    rows = [uuid4() for _ in minors]
    ring.sealing = 1
    cells = [ring.seal_minor(PLACE, row, one) for row, one in zip(rows, minors, strict=True)]
    return ring, rows, cells


@settings(max_examples=15)
@given(st.lists(MINORS, max_size=20))
def test_amounts_open_together(minors: list[int]) -> None:
    ring, rows, cells = sealed(minors)
    assert list(ring.unseal_minors(PLACE, rows, cells)) == minors


def test_amounts_under_several_keys_open_together() -> None:
    ring, rows, cells = sealed([1, 2, 3])
    ring.sealing = 2
    cells[1] = ring.seal_minor(PLACE, rows[1], -7)
    assert list(ring.unseal_minors(PLACE, rows, cells)) == [1, -7, 3]
    del ring.keys[2]
    with pytest.raises(KeyMissing):
        ring.unseal_minors(PLACE, rows, cells)


@pytest.mark.parametrize("bent", ["bit", "cut", "format", "moved", "place"])
def test_one_that_is_wrong_among_many_is_noticed(bent: str) -> None:
    ring, rows, cells = sealed([1, 2, 3])
    place = PLACE
    if bent == "bit":
        cells[1] = cells[1][:-1] + bytes([cells[1][-1] ^ 1])
    elif bent == "cut":
        cells[1] = cells[1][:-1]
    elif bent == "format":
        cells[1] = b"\x02" + cells[1][1:]
    elif bent == "moved":
        cells[1], cells[2] = cells[2], cells[1]
    else:
        place = "splits.amount"
    with pytest.raises(SealBroken):
        ring.unseal_minors(place, rows, cells)


def test_what_was_not_fetched_cannot_be_seen() -> None:
    make = maker(TransactionRow, ("id", "currency"))
    row = make(uuid4(), "EUR")
    assert isinstance(row, TransactionRow)
    assert row.currency == "EUR"
    for unseen in ("notes", "amount_minor", "locked"):
        with pytest.raises(AttributeError):
            getattr(row, unseen)
    with pytest.raises(AttributeError):
        row.currency = "USD"  # type: ignore[misc]
    with pytest.raises(TypeError):
        maker(TransactionRow, ("colour",))


def test_cells_of_many_places_open_together() -> None:
    ring = LedgerRing(uuid4(), {1: AESGCM(new_key()), 2: AESGCM(new_key())})
    rows = [uuid4(), uuid4()]
    wanted = [(f"segments.blob/{one}", rows[one % 2], bytes([one] * one)) for one in range(6)]
    cells = []
    for number, (place, row, content) in enumerate(wanted):
        ring.sealing = 1 + number % 2
        cells.append(ring.seal(place, row, content))
    places, ids_ = [one for one, _, _ in wanted], [one for _, one, _ in wanted]
    assert ring.unseal_each(places, ids_, cells) == [one for _, _, one in wanted]
    assert ring.unseal_each([], [], []) == []
    for wrong in (b"", cells[3][:20], b"\x02" + cells[3][1:], cells[1], cells[3][:-1] + b"\x00"):
        with pytest.raises(SealBroken):
            ring.unseal_each(places, ids_, [*cells[:3], wrong, *cells[4:]])
    del ring.keys[2]
    with pytest.raises(KeyMissing):
        ring.unseal_each(places, ids_, cells)
