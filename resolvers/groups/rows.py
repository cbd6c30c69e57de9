"""Groups and their people read from the database.

Several groups are read in one statement: what a person may see of them, row-level security says.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select

from models.base import among, table
from models.database import Transaction as Tx
from models.groups import Group, GroupMember, GroupRow, MemberRow, ProfileRow
from models.ledgers import Membership
from resolvers.access import Actor
from resolvers.errors import Forbidden, NotFound
from resolvers.ledgers import LedgerWrite
from resolvers.paging import Order, Page, PageRequest, fetch_page

G: Final = table(Group)
M: Final = table(GroupMember)
_R: Final = table(Membership)

Key = tuple[UUID, UUID]
_GROUP: Final = tuple(f.name for f in fields(GroupRow))
_MEMBER: Final = tuple(f.name for f in fields(MemberRow))
GROUP_COLUMNS: Final = tuple(G.c[name] for name in _GROUP)
MEMBER_COLUMNS: Final = tuple(M.c[name] for name in _MEMBER)
_BY_NAME: Final = Order((M.c.name.collate("C"), M.c.id))


def group_row(found: Row[Any]) -> GroupRow:
    """A database row as the rules see it."""
    return GroupRow(**{name: getattr(found, name) for name in _GROUP})


def member_row(found: Row[Any]) -> MemberRow:
    """A database row as the rules see it."""
    return MemberRow(**{name: getattr(found, name) for name in _MEMBER})


async def list_groups(tx: Tx, actor: Actor, request: PageRequest) -> Page[GroupRow]:
    """A page of the groups to which the person belongs, by name."""
    statement = (
        select(*GROUP_COLUMNS)
        .select_from(_R.join(G, G.c.ledger_id == _R.c.ledger_id))
        .where(_R.c.user_id == actor.user_id)
    )
    page = await fetch_page(tx, statement, Order((G.c.name.collate("C"), G.c.id)), request)
    return page.map(lambda rows: [group_row(row) for row in rows])


async def count_groups(tx: Tx, actor: Actor) -> int:
    """To how many groups the person belongs."""
    joined = _R.join(G, G.c.ledger_id == _R.c.ledger_id)
    mine = select(func.count()).select_from(joined).where(_R.c.user_id == actor.user_id)
    return int(await tx.scalar(mine))


async def groups_by_id(tx: Tx, keys: Sequence[UUID]) -> list[GroupRow | None]:
    """Groups in the order of their ids; None for those to which the person does not belong."""
    rows = await tx.rows(select(*GROUP_COLUMNS).where(among(G.c.ledger_id, set(keys))))
    found = {row.ledger_id: group_row(row) for row in rows}
    return [found.get(key) for key in keys]


async def get_group(tx: Tx, group_id: UUID | None) -> GroupRow:
    """One group of the person; raises NOT_FOUND."""
    if group_id is not None:
        row = (await groups_by_id(tx, [group_id]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such group.")


async def roles_by_key(tx: Tx, keys: Sequence[Key]) -> list[str | None]:
    """The own roles, keys being (group, oneself)."""
    rows = await tx.rows(
        select(_R.c.ledger_id, _R.c.user_id, _R.c.role).where(
            among(_R.c.ledger_id, {ledger_id for ledger_id, _ in keys})
        )
    )
    found = {(row.ledger_id, row.user_id): row.role for row in rows}
    return [found.get(key) for key in keys]


def require_owner(write: LedgerWrite, what: str) -> None:
    """Raise FORBIDDEN for members who are no owners."""
    if write.role != "OWNER":
        raise Forbidden(f"Only an owner of the group may {what}.")


async def list_members(
    tx: Tx, group_id: UUID, request: PageRequest, *, former: bool = False
) -> Page[MemberRow]:
    """A page of a group's members by name; ``former`` lists those who left."""
    statement = select(*MEMBER_COLUMNS).where(
        M.c.ledger_id == group_id, M.c.left_at.is_not(None) if former else M.c.left_at.is_(None)
    )
    page = await fetch_page(tx, statement, _BY_NAME, request)
    return page.map(lambda rows: [member_row(row) for row in rows])


async def count_members(tx: Tx, group_id: UUID, *, former: bool = False) -> int:
    """How many members a group has, or had."""
    gone = M.c.left_at.is_not(None) if former else M.c.left_at.is_(None)
    mine = select(func.count()).select_from(M).where(M.c.ledger_id == group_id, gone)
    return int(await tx.scalar(mine))


async def members_by_id(tx: Tx, keys: Sequence[Key]) -> list[MemberRow | None]:
    """The groups' records of people, whether still there or not; keys are (group, user)."""
    rows = await tx.rows(
        select(*MEMBER_COLUMNS).where(
            among(M.c.ledger_id, {ledger_id for ledger_id, _ in keys}),
            among(M.c.id, {user_id for _, user_id in keys}),
        )
    )
    found = {(row.ledger_id, row.id): member_row(row) for row in rows}
    return [found.get(key) for key in keys]


async def members_of(tx: Tx, keys: Sequence[UUID]) -> list[list[MemberRow]]:
    """The present members of groups, by name."""
    rows = await tx.rows(
        select(*MEMBER_COLUMNS)
        .where(among(M.c.ledger_id, set(keys)), M.c.left_at.is_(None))
        .order_by(*_BY_NAME.columns)
    )
    found: dict[UUID, list[MemberRow]] = {key: [] for key in keys}
    for row in rows:
        found[row.ledger_id].append(member_row(row))
    return [found[key] for key in keys]


async def get_member(tx: Tx, group_id: UUID, user_id: UUID | None) -> MemberRow:
    """One present member; raises NOT_FOUND."""
    if user_id is not None:
        row = (await members_by_id(tx, [(group_id, user_id)]))[0]
        if row is not None and row.left_at is None:
            return row
    raise NotFound("There is no such member.")


async def profiles_by_id(tx: Tx, keys: Sequence[UUID]) -> list[ProfileRow | None]:
    """People with whom a group is shared now; None for everybody else."""
    rows = await tx.rows(
        select(M.c.id, M.c.name, M.c.email)
        .where(among(M.c.id, set(keys)), M.c.left_at.is_(None))
        .order_by(M.c.updated_at)
    )
    found = {row.id: ProfileRow(row.id, row.name, row.email) for row in rows}
    return [found.get(key) for key in keys]
