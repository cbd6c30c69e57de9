"""A group's books and everybody's shares: sums that agree, kept sums recomputed, rows as in the feed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Table, select, text

from models.base import table
from models.groups import (
    Group,
    GroupRow,
    GroupTransactionRow,
    MemberRow,
    PaymentRow,
    PortionRow,
    ShareRow,
)
from models.invitations import InvitationRow
from resolvers.groups.balances import D, N, effect_of
from resolvers.groups.rows import M
from resolvers.groups.shares import SHARE_PLAIN, H
from resolvers.groups.transactions import PLAIN, P, X
from resolvers.invitations.rows import V
from resolvers.transactions.legs import moved_minor
from resolvers.transactions.rows import T
from resolvers.verify.finder import Finder, pages
from resolvers.verify.images import Stored, check_images, check_lost
from resolvers.verify.report import Kind, named

_G: Final = table(Group)
_ROLES: Final = text("SELECT user_id, role FROM roles_in(:group)")


class Sums:
    """What the living transactions of a group come to."""

    def __init__(self) -> None:
        self.paid: Counter[Any] = Counter()
        self.owed: Counter[Any] = Counter()
        self.debts: Counter[Any] = Counter()
        self.whole = True
        """False once an amount did not open: then kept sums cannot be judged."""

    def add(self, row: GroupTransactionRow) -> None:
        """Count one living transaction."""
        effect = effect_of(row)
        self.paid.update(effect.paid)
        self.owed.update(effect.owed)
        self.debts.update(effect.debts)


async def check_groups(finder: Finder) -> None:
    """Check what a ledger holds of groups: of its own group, or the shares of its owner."""
    sums = Sums()
    await _check_plain(finder, "group", _G, GroupRow)
    await _check_members(finder)
    await _check_plain(finder, "invitation", V, InvitationRow)
    await _check_transactions(finder, sums)
    await _check_sums(finder, sums)
    await _check_shares(finder)
    for entity in ("group", "member", "invitation", "group_transaction", "share"):
        await check_lost(finder, entity)


async def _check_plain(finder: Finder, entity: str, rows: Table, kind: type[Any]) -> None:
    names = [f.name for f in fields(kind)]
    statement = select(rows).where(rows.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (rows.c.id,)):
        found = [kind(**{name: getattr(row, name) for name in names}) for row in page]
        await check_images(finder, entity, found)


async def _check_members(finder: Finder) -> None:
    """The group's own record of its people is what their memberships say."""
    names = [f.name for f in fields(MemberRow)]
    found = await finder.tx.rows(_ROLES, {"group": finder.ledger_id})
    roles = {row.user_id: row.role for row in found}
    statement = select(M).where(M.c.ledger_id == finder.ledger_id)
    seen = set()
    async for page in pages(finder.tx, statement, (M.c.id,)):
        rows = [MemberRow(**{name: getattr(row, name) for name in names}) for row in page]
        for row in rows:
            seen.add(row.id)
            shown = row.role if row.left_at is None else None
            if shown != roles.get(row.id):
                message = f"{named('member', row.id)} is shown with another role than she has."
                finder.differs(Kind.MEMBER, "member", row.id, message)
        gone = [row.id for row in rows if row.left_at is not None]
        await check_images(finder, "member", [row for row in rows if row.left_at is None], gone)
    if seen:
        for user_id in roles.keys() - seen:
            message = f"{named('member', user_id)} belongs to the group, which has no record of it."
            finder.differs(Kind.MEMBER, "member", user_id, message)


async def _check_transactions(finder: Finder, sums: Sums) -> None:
    statement = select(X).where(X.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (X.c.id,)):
        parts = await _parts(finder, page)
        whole: list[Stored] = []
        trash = []
        for row in page:
            minor = finder.minor(
                "group_transactions.amount", "group_transaction", row.id, row.amount
            )
            if row.deleted_at is not None:
                trash.append(row.id)
            found = parts.get(row.id, ())
            if minor is None or found is None:
                sums.whole = False
                continue
            opened = _opened(row, minor, found)
            _check_parts(finder, opened)
            if row.deleted_at is None:
                sums.add(opened)
                whole.append(opened)
        await check_images(finder, "group_transaction", whole, trash)


async def _parts(
    finder: Finder, page: Sequence[Row[Any]]
) -> dict[UUID, list[tuple[Row[Any], int | None, int | None]] | None]:
    """Opened parts by transaction; None where one does not open."""
    rows = await finder.tx.rows(
        select(P).where(
            P.c.ledger_id == finder.ledger_id, P.c.transaction_id.in_([row.id for row in page])
        )
    )
    found: dict[UUID, list[tuple[Row[Any], int | None, int | None]] | None] = {}
    for row in rows:
        minors: list[int | None] = []
        shut = False
        for name, sealed in (("paid", row.paid), ("owed", row.owed)):
            minor = None
            if sealed is not None:
                minor = finder.minor(f"group_parts.{name}", "part", row.id, sealed)
                shut = shut or minor is None
            minors.append(minor)
        mine = found.setdefault(row.transaction_id, [])
        if shut or mine is None:
            found[row.transaction_id] = None
        else:
            mine.append((row, minors[0], minors[1]))
    return found


def _opened(
    row: Row[Any], minor: int, parts: Sequence[tuple[Row[Any], int | None, int | None]]
) -> GroupTransactionRow:
    payers = sorted((p for p in parts if p[1] is not None), key=lambda p: p[0].paid_position or 0)
    sharers = sorted((p for p in parts if p[2] is not None), key=lambda p: p[0].position or 0)
    return GroupTransactionRow(
        **{name: getattr(row, name) for name in PLAIN},
        amount_minor=minor,
        paid_by=tuple(
            PaymentRow(row.ledger_id, part.user_id, paid or 0, row.currency)
            for part, paid, _ in payers
        ),
        shares=tuple(
            PortionRow(row.ledger_id, part.user_id, owed or 0, part.weight, row.currency)
            for part, _, owed in sharers
        ),
    )


def _check_parts(finder: Finder, row: GroupTransactionRow) -> None:
    for what, parts in (("payments", row.paid_by), ("shares", row.shares)):
        if sum(part.amount_minor for part in parts) != row.amount_minor:
            name = named("group_transaction", row.id)
            message = f"The {what} of {name} do not sum to its amount."
            finder.differs(Kind.SPLIT, "group_transaction", row.id, message)


async def _check_sums(finder: Finder, sums: Sums) -> None:
    """Kept sums against those of the transactions; without rows both are zero."""
    paid, owed, debts = sums.paid.copy(), sums.owed.copy(), sums.debts.copy()
    rows = await finder.tx.rows(select(N).where(N.c.ledger_id == finder.ledger_id))
    for row in rows:
        for name, sealed, wanted in (("paid", row.paid, paid), ("owed", row.owed, owed)):
            minor = finder.minor(f"group_nets.{name}", "net", row.id, sealed)
            key = (row.user_id, row.currency)
            if minor is not None and sums.whole and minor != wanted.pop(key, 0):
                message = (
                    f"What {named('member', row.user_id)} {name} in {row.currency} is not the sum."
                )
                finder.differs(Kind.TOTAL, "member", row.user_id, message)
    for row in await finder.tx.rows(select(D).where(D.c.ledger_id == finder.ledger_id)):
        minor = finder.minor("group_debts.amount", "debt", row.id, row.amount)
        pair = (row.low_id, row.high_id, row.currency)
        if minor is not None and sums.whole and minor != debts.pop(pair, 0):
            message = f"What {named('member', row.low_id)} owes another member is not the sum."
            finder.differs(Kind.TOTAL, "member", row.low_id, message)
    for left in (paid, owed, debts):
        for key, minor in left.items():
            if minor and sums.whole:
                message = f"A kept sum of {named('member', key[0])} is missing."
                finder.differs(Kind.TOTAL, "member", key[0], message)


async def _check_shares(finder: Finder) -> None:
    """Shares as the feed left them; legs that moved what their shares say."""
    statement = select(H).where(H.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (H.c.id,)):
        whole: list[Stored] = []
        found = {}
        for row in page:
            paid = finder.minor("shares.paid", "share", row.id, row.paid)
            owed = finder.minor("shares.owed", "share", row.id, row.owed)
            if paid is None or owed is None:
                continue
            share = ShareRow(
                **{name: getattr(row, name) for name in SHARE_PLAIN},
                paid_minor=paid,
                owed_minor=owed,
            )
            found[row.id] = share
            if row.deleted_at is None:
                whole.append(share)
        trash = [row.id for row in page if row.deleted_at is not None]
        await check_images(finder, "share", whole, trash)
        await _check_legs(finder, found)


async def _check_legs(finder: Finder, shares: dict[UUID, ShareRow]) -> None:
    rows = await finder.tx.rows(
        select(T.c.id, T.c.amount, T.c.group_transaction_id, T.c.currency, T.c.group_id).where(
            T.c.ledger_id == finder.ledger_id,
            T.c.group_transaction_id.in_(shares),
            T.c.deleted_at.is_(None),
        )
    )
    for row in rows:
        share = shares[row.group_transaction_id]
        minor = finder.minor("transactions.amount", "transaction", row.id, row.amount, tell=False)
        agrees = (
            minor == moved_minor(share.kind, share.paid_minor, share.owed_minor)
            and row.currency == share.currency
        )
        if minor is None or (agrees and row.group_id == share.group_id and not share.deleted_at):
            continue
        message = f"{named('transaction', row.id)} is not the leg that its share says."
        finder.differs(Kind.LEG, "transaction", row.id, message)
