"""Founding, changing and closing groups."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, text, update

from models.base import table, utc_now
from models.database import Database, key_context
from models.database import Transaction as Tx
from models.groups import GroupRow
from models.ledgers import LedgerKey
from models.sealing import new_key
from resolvers.categories import create_starter_set
from resolvers.errors import Conflict, Forbidden, Invalid
from resolvers.groups.balances import nets_in, open_amounts
from resolvers.groups.inputs import GroupCreate, GroupUpdate
from resolvers.groups.members import FAREWELL, enter
from resolvers.groups.rows import G, get_group, members_of, require_owner
from resolvers.inputs import not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, Step, require_version
from resolvers.users import get_user
from resolvers.wire import wire

_OPEN: Final = text("SELECT open_group_ledger(:group)")
_CLOSE: Final = text("SELECT close_group(:group)")


def _cells(row: GroupRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


def founding(database: Database, group_id: UUID) -> Step:
    """What opens a group's ledger, with a data key of its own, before it is locked."""

    async def open_ledger(tx: Tx) -> None:
        await tx.run(_OPEN, {"group": group_id})
        wrapped = await database.keys.wrap(new_key(), key_context(group_id, 1))
        await tx.run(
            insert(table(LedgerKey)).values(
                ledger_id=group_id, key_no=1, wrapped=wrapped, created_at=utc_now()
            )
        )

    return open_ledger


async def create_group(write: LedgerWrite, data: GroupCreate) -> GroupRow:
    """Fill a ledger that was just opened: its name, its first owner, its own categories."""
    row = GroupRow(
        ledger_id=write.ledger_id,
        id=write.ledger_id,
        name=data.name,
        currency=data.currency or write.actor.base_currency,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.tx.run(insert(G).values(**_cells(row)))
    write.record("group", "CREATE", None, row)
    user = await get_user(write.tx, write.actor.user_id)
    await enter(write, user.id, user.name, user.email, "OWNER")
    await create_starter_set(write, kind="EXPENSE")
    return row


async def update_group(
    write: LedgerWrite,
    data: GroupUpdate,
    *,
    renamed: Callable[[LedgerWrite, str], Awaitable[None]],
    expected_version: int | None = None,
    unchanged: Mapping[str, Any] | None = None,
) -> GroupRow:
    """Change a group; its currency is that of new transactions, those there keep theirs.

    ``renamed`` tells a new name to what repeats it (groups do not know invitations).
    """
    require_owner(write, "change it")
    old = await get_group(write.tx, write.ledger_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "name", "currency")
    if wrong:
        raise Invalid(wrong)
    new = replace(old, name=data.name or old.name, currency=data.currency or old.currency)
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(update(G).where(G.c.ledger_id == write.ledger_id).values(**_cells(new)))
    write.record("group", "UPDATE", old, new)
    if new.name != old.name:
        await renamed(write, new.name)
    return new


async def delete_group(
    write: LedgerWrite,
    *,
    clear: Callable[[LedgerWrite], Awaitable[None]],
    expected_version: int | None = None,
) -> GroupRow:
    """Close a group for everybody; CONFLICT with the amounts while anyone owes.

    ``clear`` ends what leads into it (groups do not know invitations).

    Everybody's own books keep what was booked.  When the last of them has the group's last word,
    the group's ledger and its keys are gone for good.
    """
    require_owner(write, "delete it")
    old = await get_group(write.tx, write.ledger_id)
    require_version(old, expected_version)
    nets = await nets_in(write.tx, [write.ledger_id])
    if any(one.net_minor for one in nets):
        raise Conflict("Somebody still owes; settle first.", details=open_amounts(nets))
    await clear(write)
    for member in (await members_of(write.tx, [write.ledger_id]))[0]:
        write.enqueue(FAREWELL, write.ledger_id, actor_id=member.id)
    write.record("group", "DELETE", old, None)

    async def close(tx: Tx) -> None:
        if await tx.scalar(_CLOSE, {"group": write.ledger_id}) != "DONE":
            raise Forbidden("Only an owner of the group may delete it.")

    write.last.append(close)
    return old
