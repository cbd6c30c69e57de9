"""The arithmetic of sharing: exact shares, who owes whom, and the shortest way to settle.

All amounts are whole minor units, so that nothing is lost for currencies of any number of digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

Pair = tuple[UUID, UUID]
"""Who owes, and to whom."""


@dataclass(frozen=True, slots=True, order=True)
class Payment:
    """An amount that one person owes another, or should pay her."""

    from_id: UUID
    to_id: UUID
    minor: int


def apportion(total: int, weights: Mapping[UUID, int], seed: UUID) -> dict[UUID, int]:
    """Shares in proportion to weights above zero; they sum to the total to the last unit.

    Units that are left over go to the largest remainders (Hamilton's method); among equal
    remainders they begin at a place that the expense's id draws, so that over many expenses no
    one is always the one who pays the extra cent.
    """
    whole = sum(weights.values())
    people = sorted(weights)
    first = int.from_bytes(sha256(seed.bytes).digest()[:8], "big") % len(people)
    shares, order = {}, []
    for place, person in enumerate(people):
        share, remainder = divmod(total * weights[person], whole)
        shares[person] = share
        order.append((-remainder, (place - first) % len(people), person))
    left = total - sum(shares.values())
    for _, _, person in sorted(order)[:left]:
        shares[person] += 1
    return shares


def pairwise(paid: Mapping[UUID, int], owed: Mapping[UUID, int]) -> dict[Pair, int]:
    """What each of an expense owes each of its payers, in proportion to what those paid.

    Exact on both sides: a person's debts sum to her share, a payer's claims to what he paid; what
    somebody owes herself is left out.  Both sides have to have the same sum.
    """
    left = {person: minor for person, minor in sorted(paid.items()) if minor}
    debts: dict[Pair, int] = {}
    for debtor in sorted(owed):
        share, rest = owed[debtor], sum(left.values())
        if not share:
            continue
        parts = {payer: divmod(share * minor, rest) for payer, minor in left.items()}
        units = share - sum(whole for whole, _ in parts.values())
        up = set(sorted(parts, key=lambda payer: (-parts[payer][1], payer))[:units])
        for payer, (whole, _) in parts.items():
            minor = whole + (payer in up)
            left[payer] -= minor
            if payer != debtor and minor:
                debts[debtor, payer] = minor
        left = {payer: minor for payer, minor in left.items() if minor}
    return debts


def netted(debts: Mapping[Pair, int]) -> dict[Pair, int]:
    """Debts with those in both directions set off: keys are (lower id, higher id), values signed."""
    found: dict[Pair, int] = {}
    for (debtor, creditor), minor in debts.items():
        low, high = min(debtor, creditor), max(debtor, creditor)
        found[low, high] = found.get((low, high), 0) + (minor if debtor == low else -minor)
    return {pair: minor for pair, minor in found.items() if minor}


def simplify(nets: Mapping[UUID, int]) -> list[Payment]:
    """At most n - 1 payments that settle all nets, which have to sum to zero.

    Debtors and creditors stand in the order of their ids and pay each other along one line, so
    that paying one of the payments takes just that one away and leaves all others as they were.
    """
    creditors = ((person, net) for person, net in sorted(nets.items()) if net > 0)
    payments: list[Payment] = []
    claim, creditor = 0, None
    for debtor, net in sorted(nets.items()):
        debt = -net
        while debt > 0:
            if creditor is None or not claim:
                creditor, claim = next(creditors)
            minor = min(debt, claim)
            payments.append(Payment(debtor, creditor, minor))
            debt -= minor
            claim -= minor
    return payments
