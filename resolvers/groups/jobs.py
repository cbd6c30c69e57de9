"""Jobs of groups: every member's books, the last word to who left, and new names."""

from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from models.database import Database
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.errors import NotFound, Unauthenticated
from resolvers.groups.books import sync_from_group
from resolvers.groups.members import rename_member
from resolvers.groups.rows import G
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.users import get_user

_END: Final = text("SELECT end_farewell(:group)")


async def _actor(database: Database, job: Job) -> Actor | None:
    """The person as whom a job acts; None once her account is gone."""
    try:
        return await actor_of_job(database, job)
    except Unauthenticated:
        return None


def share_handler(ledgers: Ledgers) -> Handler:
    """The handler that brings one group transaction into a member's own books."""

    async def bring(job: Job) -> None:
        actor = await _actor(ledgers.database, job)
        if actor is None:
            return

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await sync_from_group(write, job.ledger_id, job.subject_id)

        await ledgers.write(actor, work)

    return bring


def farewell_handler(ledgers: Ledgers) -> Handler:
    """The handler that brings all that is left of a group to who left it, and closes the door."""

    async def close(job: Job) -> None:
        actor = await _actor(ledgers.database, job)
        more = actor is not None

        async def work(write: LedgerWrite) -> bool:
            await fence(write.tx, job)
            return await sync_from_group(write, job.ledger_id)

        while more and actor is not None:
            more = (await ledgers.write(actor, work)).value

        async def end(tx: Tx) -> None:
            await fence(tx, job)
            await tx.run(_END, {"group": job.ledger_id})

        await ledgers.database.change(job.actor_id, end)

    return close


def profile_handler(ledgers: Ledgers) -> Handler:
    """The handler that tells a person's groups her new name."""

    async def tell(job: Job) -> None:
        actor = await _actor(ledgers.database, job)
        if actor is None:
            return

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            # Read behind the lock: of two changes at once the newer name stays.
            await rename_member(write, await get_user(write.tx, actor.user_id))

        for group_id in await group_ids(ledgers.database, actor):
            try:
                await ledgers.write(actor, work, ledger_id=group_id, own_affair=True)
            except NotFound:
                # Left meanwhile: the group's record keeps the name that she had.
                continue

    return tell


async def group_ids(database: Database, actor: Actor) -> list[UUID]:
    """The groups to which a person belongs."""
    async with database.read(actor.user_id) as tx:
        return [row.ledger_id for row in await tx.rows(select(G.c.ledger_id))]
