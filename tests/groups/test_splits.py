"""Shares, debts and settlements: exact for every amount, every weight and every number of people."""

from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.groups.splits import Payment, apportion, netted, pairwise, simplify

IDS = st.uuids()
TOTALS = st.integers(min_value=1, max_value=10**14)
WEIGHTS = st.dictionaries(IDS, st.integers(min_value=1, max_value=10**9), min_size=1, max_size=12)


def nth(number: int) -> UUID:
    return UUID(int=number)


@pytest.mark.case("M04")
@given(TOTALS, WEIGHTS, IDS)
def test_shares_sum_to_the_last_unit_and_stray_by_less_than_one(
    total: int, weights: dict[UUID, int], seed: UUID
) -> None:
    shares = apportion(total, weights, seed)
    whole = sum(weights.values())
    assert sum(shares.values()) == total
    for person, share in shares.items():
        assert share >= 0
        assert abs(share * whole - total * weights[person]) < whole


@given(TOTALS, st.lists(IDS, min_size=1, max_size=12, unique=True), IDS)
def test_equal_shares_differ_by_one_at_most(total: int, people: list[UUID], seed: UUID) -> None:
    shares = apportion(total, dict.fromkeys(people, 1), seed)
    assert max(shares.values()) - min(shares.values()) <= 1
    assert shares == apportion(total, dict.fromkeys(reversed(people), 7), seed)


def test_the_extra_cent_wanders_from_expense_to_expense() -> None:
    people = [nth(number) for number in range(1, 4)]
    extra = [
        max(apportion(1000, dict.fromkeys(people, 1), nth(seed)).items(), key=lambda one: one[1])[0]
        for seed in range(300)
    ]
    assert all(80 < extra.count(person) < 120 for person in people)


@st.composite
def expenses(draw: st.DrawFn) -> tuple[dict[UUID, int], dict[UUID, int]]:
    people = draw(st.lists(IDS, min_size=1, max_size=7, unique=True))
    total = draw(st.integers(min_value=1, max_value=10**9))
    sides = []
    for _ in range(2):
        chosen = draw(st.lists(st.sampled_from(people), min_size=1, unique=True))
        cuts = sorted(draw(st.integers(min_value=0, max_value=total)) for _ in chosen[1:])
        edges = [0, *cuts, total]
        sides.append({p: edges[i + 1] - edges[i] for i, p in enumerate(chosen)})
    return sides[0], sides[1]


@given(expenses())
def test_pairwise_debts_are_exact_on_both_sides(
    expense: tuple[dict[UUID, int], dict[UUID, int]],
) -> None:
    paid, owed = expense
    debts = pairwise(paid, owed)
    assert all(minor > 0 and debtor != payer for (debtor, payer), minor in debts.items())
    total = sum(paid.values())
    for person in paid.keys() | owed.keys():
        claims = sum(minor for (_, payer), minor in debts.items() if payer == person)
        owes = sum(minor for (debtor, _), minor in debts.items() if debtor == person)
        assert claims - owes == paid.get(person, 0) - owed.get(person, 0)
    if len(paid) == 1:
        assert debts == {(p, q): m for q in paid for p, m in owed.items() if p != q and m}
    for (debtor, payer), minor in debts.items():
        assert abs(minor * total - owed[debtor] * paid[payer]) <= total * len(owed)


@given(st.dictionaries(st.tuples(IDS, IDS).filter(lambda p: p[0] != p[1]), TOTALS, max_size=9))
def test_netting_keeps_what_each_is_owed(debts: dict[tuple[UUID, UUID], int]) -> None:
    kept = netted(debts)
    assert all(low < high for low, high in kept)
    for person in {one for pair in debts for one in pair}:
        before = sum(m for (_, c), m in debts.items() if c == person) - sum(
            m for (d, _), m in debts.items() if d == person
        )
        after = sum(m for (_, high), m in kept.items() if high == person) - sum(
            m for (low, _), m in kept.items() if low == person
        )
        assert before == after


@st.composite
def balanced(draw: st.DrawFn) -> dict[UUID, int]:
    people = draw(st.lists(IDS, min_size=2, max_size=12, unique=True))
    size = st.integers(min_value=-(10**12), max_value=10**12)
    nets = {person: draw(size) for person in people[1:]}
    return {people[0]: -sum(nets.values()), **nets}


def paid(nets: dict[UUID, int], payment: Payment, minor: int) -> dict[UUID, int]:
    return {
        **nets,
        payment.from_id: nets[payment.from_id] + minor,
        payment.to_id: nets[payment.to_id] - minor,
    }


@given(balanced(), st.data())
@example({nth(1): -30, nth(2): 10, nth(3): 20}, None)
def test_a_plan_settles_everyone_and_is_stable_while_it_is_paid(
    nets: dict[UUID, int], data: st.DataObject | None
) -> None:
    plan = simplify(nets)
    assert len(plan) <= max(len([net for net in nets.values() if net]) - 1, 0)
    assert all(one.minor > 0 for one in plan)
    settled = nets
    for one in plan:
        settled = paid(settled, one, one.minor)
    assert not any(settled.values())
    for index, one in enumerate(plan):
        assert simplify(paid(nets, one, one.minor)) == [*plan[:index], *plan[index + 1 :]]
        if data is not None and one.minor > 1:
            part = data.draw(st.integers(min_value=1, max_value=one.minor - 1))
            rest = Payment(one.from_id, one.to_id, one.minor - part)
            assert simplify(paid(nets, one, part)) == [*plan[:index], rest, *plan[index + 1 :]]
