"""Who paid, owes and is owed in a group: sealed sums kept with every write, never one from history."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from models.base import among, table
from models.database import Transaction as Tx
from models.groups import GroupDebt, GroupNet, GroupTransactionRow
from models.ids import encode, new_id
from resolvers.errors import AppError, ErrorCode
from resolvers.groups.rows import groups_by_id, members_of
from resolvers.groups.splits import netted, pairwise, simplify
from resolvers.ledgers import LedgerWrite
from resolvers.money import INT64_MAX, format_minor

N: Final = table(GroupNet)
D: Final = table(GroupDebt)


@dataclass(frozen=True, slots=True)
class Balance:
    """What a member paid and owes in one currency, in minor units."""

    group_id: UUID
    user_id: UUID
    currency: str
    paid_minor: int
    owed_minor: int

    @property
    def net_minor(self) -> int:
        """Above zero: the others owe her."""
        return self.paid_minor - self.owed_minor


@dataclass(frozen=True, slots=True)
class Debt:
    """What one member owes another, in minor units."""

    group_id: UUID
    from_id: UUID
    to_id: UUID
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class GroupBalances:
    """A group's balances, one for each member and currency, and two ways to settle them."""

    group_id: UUID
    balances: tuple[Balance, ...]
    debts: tuple[Debt, ...]
    simplified_debts: tuple[Debt, ...]


async def balances_of(tx: Tx, keys: Sequence[UUID]) -> list[GroupBalances]:
    """Balances of groups, in four statements however many groups, people and transactions.

    Present members appear in the group's own currency even if they have neither paid nor owe.
    """
    wanted = set(keys)
    nets = await nets_in(tx, wanted)
    pairs = await tx.rows(select(D).where(among(D.c.ledger_id, wanted)))
    groups = {row.id: row for row in await groups_by_id(tx, list(wanted)) if row is not None}
    present = dict(zip(groups, await members_of(tx, list(groups)), strict=True))
    debts: dict[UUID, list[Debt]] = {key: [] for key in wanted}
    for row in pairs:
        minor = tx.ring(row.ledger_id).unseal_minor("group_debts.amount", row.id, row.amount)
        ends = (row.low_id, row.high_id) if minor > 0 else (row.high_id, row.low_id)
        if minor:
            debts[row.ledger_id].append(Debt(row.ledger_id, *ends, row.currency, abs(minor)))
    found = {}
    for group_id, group in groups.items():
        mine = [one for one in nets if one.group_id == group_id]
        known = {(one.currency, one.user_id) for one in mine}
        mine += [
            Balance(group_id, member.id, group.currency, 0, 0)
            for member in present[group_id]
            if (group.currency, member.id) not in known
        ]
        found[group_id] = GroupBalances(
            group_id,
            tuple(sorted(mine, key=lambda one: (one.currency, one.user_id))),
            tuple(sorted(debts[group_id], key=lambda d: (d.currency, d.from_id, d.to_id))),
            tuple(_simplified(group_id, mine)),
        )
    return [found[key] for key in keys]


def _simplified(group_id: UUID, balances: Iterable[Balance]) -> list[Debt]:
    nets: dict[str, dict[UUID, int]] = {}
    for one in balances:
        nets.setdefault(one.currency, {})[one.user_id] = one.net_minor
    return [
        Debt(group_id, payment.from_id, payment.to_id, currency, payment.minor)
        for currency in sorted(nets)
        for payment in simplify(nets[currency])
    ]


async def nets_in(
    tx: Tx, group_ids: Collection[UUID], users: Collection[UUID] | None = None
) -> list[Balance]:
    """The kept sums of groups, of some of their people or all."""
    statement = select(N).where(among(N.c.ledger_id, group_ids))
    if users is not None:
        statement = statement.where(among(N.c.user_id, users))
    await tx.unlock(group_ids)
    return [_balance(tx, row) for row in await tx.rows(statement)]


def _balance(tx: Tx, row: Row[Any]) -> Balance:
    ring = tx.ring(row.ledger_id)
    return Balance(
        row.ledger_id,
        row.user_id,
        row.currency,
        ring.unseal_minor("group_nets.paid", row.id, row.paid),
        ring.unseal_minor("group_nets.owed", row.id, row.owed),
    )


def open_amounts(balances: Iterable[Balance]) -> dict[str, Any]:
    """Nets that are not zero, as the details of an error."""
    return {
        "balances": [
            {
                "userId": encode("user", one.user_id),
                "currency": one.currency,
                "net": format_minor(one.net_minor, one.currency),
            }
            for one in balances
            if one.net_minor
        ]
    }


@dataclass(frozen=True, slots=True)
class Effect:
    """What a group transaction adds to the sums of a group."""

    paid: Mapping[tuple[UUID, str], int]
    owed: Mapping[tuple[UUID, str], int]
    debts: Mapping[tuple[UUID, UUID, str], int]


def effect_of(row: GroupTransactionRow | None) -> Effect:
    """The effect of a living transaction; nothing for one that is not."""
    if row is None or row.deleted_at is not None:
        return Effect({}, {}, {})
    paid = {one.user_id: one.amount_minor for one in row.paid_by}
    owed = {one.user_id: one.amount_minor for one in row.shares}
    return Effect(
        {(user, row.currency): minor for user, minor in paid.items()},
        {(user, row.currency): minor for user, minor in owed.items()},
        {(*pair, row.currency): minor for pair, minor in netted(pairwise(paid, owed)).items()},
    )


def _difference(old: Mapping[Any, int], new: Mapping[Any, int]) -> dict[Any, int]:
    change = Counter(new)
    change.subtract(old)
    return {key: delta for key, delta in change.items() if delta}


async def apply_effect(
    write: LedgerWrite, old: GroupTransactionRow | None, new: GroupTransactionRow | None
) -> None:
    """Change the kept sums by what a transaction is now instead of what it was."""
    before, after = effect_of(old), effect_of(new)
    write.figures = True
    await _move_nets(
        write, _difference(before.paid, after.paid), _difference(before.owed, after.owed)
    )
    await _move_debts(write, _difference(before.debts, after.debts))


async def _move_nets(
    write: LedgerWrite,
    paid: Mapping[tuple[UUID, str], int],
    owed: Mapping[tuple[UUID, str], int],
) -> None:
    keys = paid.keys() | owed.keys()
    if not keys:
        return
    rows = await write.tx.rows(
        select(N).where(
            N.c.ledger_id == write.ledger_id, among(N.c.user_id, {user for user, _ in keys})
        )
    )
    there = {(row.user_id, row.currency): row for row in rows}
    made, changed = [], []
    for key in sorted(keys):
        row = there.get(key)
        known = Balance(write.ledger_id, *key, 0, 0) if row is None else _balance(write.tx, row)
        row_id = new_id() if row is None else row.id
        sums = (known.paid_minor + paid.get(key, 0), known.owed_minor + owed.get(key, 0))
        if max(sums) > INT64_MAX:
            raise _overflow()
        cells = {
            "paid": write.ring.seal_minor("group_nets.paid", row_id, sums[0]),
            "owed": write.ring.seal_minor("group_nets.owed", row_id, sums[1]),
        }
        if row is None:
            ids = {"ledger_id": write.ledger_id, "id": row_id}
            made.append({**ids, "user_id": key[0], "currency": key[1], **cells})
        else:
            changed.append({"which": row_id, **{f"new_{name}": c for name, c in cells.items()}})
    if made:
        await write.tx.run(insert(N), made)
    if changed:
        await write.tx.run(
            update(N)
            .where(N.c.ledger_id == write.ledger_id, N.c.id == bindparam("which"))
            .values(paid=bindparam("new_paid"), owed=bindparam("new_owed")),
            changed,
        )


async def _move_debts(write: LedgerWrite, moved: Mapping[tuple[UUID, UUID, str], int]) -> None:
    if not moved:
        return
    rows = await write.tx.rows(
        select(D).where(
            D.c.ledger_id == write.ledger_id, among(D.c.low_id, {low for low, _, _ in moved})
        )
    )
    there = {(row.low_id, row.high_id, row.currency): row for row in rows}
    made, changed = [], []
    for key, delta in sorted(moved.items()):
        row = there.get(key)
        row_id, minor = (new_id(), delta) if row is None else (row.id, delta)
        if row is not None:
            minor += write.ring.unseal_minor("group_debts.amount", row_id, row.amount)
        if abs(minor) > INT64_MAX:
            raise _overflow()
        sealed = write.ring.seal_minor("group_debts.amount", row_id, minor)
        if row is None:
            pair = {"low_id": key[0], "high_id": key[1], "currency": key[2]}
            made.append({"ledger_id": write.ledger_id, "id": row_id, **pair, "amount": sealed})
        else:
            changed.append({"which": row_id, "sealed": sealed})
    if made:
        await write.tx.run(insert(D), made)
    if changed:
        await write.tx.run(
            update(D)
            .where(D.c.ledger_id == write.ledger_id, D.c.id == bindparam("which"))
            .values(amount=bindparam("sealed")),
            changed,
        )


def _overflow() -> AppError:
    return AppError(
        "A balance of the group would leave the range of 64-bit minor units.",
        code=ErrorCode.OVERFLOW,
    )
