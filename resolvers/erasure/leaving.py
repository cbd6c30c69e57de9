"""Leaving the groups of who deletes her account: nothing owed, and somebody left in charge.

What keeps a person is looked for in all groups before she leaves any of them.  Leaving is a write of
each group: a crash between two of them leaves somebody who may ask again.
"""

from typing import Any
from uuid import UUID

from models import ids
from models.database import Transaction
from models.groups import GroupRow
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.exports.every import every
from resolvers.groups import (
    delete_group,
    forget_member,
    list_groups,
    members_of,
    remove_member,
)
from resolvers.groups.balances import nets_in, open_amounts
from resolvers.invitations import cancel_all
from resolvers.ledgers import Ledgers, LedgerWrite


async def hindrances(tx: Transaction, actor: Actor) -> list[dict[str, Any]]:
    """Groups that do not let a person go, each with why: a debt, or the last owner's duty."""
    found: list[dict[str, Any]] = []
    mine = [group async for group in every(lambda page: list_groups(tx, actor, page))]
    nets = await nets_in(tx, [group.id for group in mine], [actor.user_id])
    for group, members in zip(mine, await members_of(tx, [one.id for one in mine]), strict=True):
        owed = [one for one in nets if one.group_id == group.id and one.net_minor]
        if owed:
            found.append(_told(group, "DEBT", **open_amounts(owed)))
        owners = {one.id for one in members if one.role == "OWNER"}
        if len(members) > 1 and owners == {actor.user_id}:
            found.append(_told(group, "LAST_OWNER"))
    return found


def _told(group: GroupRow, reason: str, **more: Any) -> dict[str, Any]:
    return {"groupId": ids.encode("grp", group.id), "name": group.name, "reason": reason, **more}


async def leave_groups(ledgers: Ledgers, actor: Actor) -> None:
    """Leave every group; one without anybody else is closed, and its keys go with it.

    Each group keeps that somebody was there, under the name of a deleted user.  Raises CONFLICT
    when a debt has come up meanwhile.
    """
    async with ledgers.database.read(actor.user_id) as tx:
        mine = [group.id async for group in every(lambda page: list_groups(tx, actor, page))]

    async def work(write: LedgerWrite) -> None:
        members = (await members_of(write.tx, [write.ledger_id]))[0]
        if [one.id for one in members] == [actor.user_id]:
            await delete_group(write, clear=cancel_all)
            return
        await forget_member(write, actor.user_id)
        await remove_member(write, actor.user_id)

    for group_id in mine:
        await _leave(ledgers, actor, group_id, work)


async def _leave(ledgers: Ledgers, actor: Actor, group_id: UUID, work: Any) -> None:
    try:
        await ledgers.write(actor, work, ledger_id=group_id, own_affair=True)
    except NotFound:
        # Removed by an owner a moment ago.
        return
