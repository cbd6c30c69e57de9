"""The end of invitations that nobody answered: written down, so that versions tell."""

from typing import Final

from resolvers.invitations.rows import V, in_group
from resolvers.invitations.writes import settle
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.ticks import EXPIRE_INVITATION as EXPIRE

EXPIRE_INVITATION: Final = EXPIRE


def expiry_handler(ledgers: Ledgers) -> Handler:
    """The handler that ends one invitation whose time is over, acting as an owner."""

    async def expire(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            for row in await in_group(write.tx, write.ledger_id, V.c.id == job.subject_id):
                if row.status == "PENDING" and row.expires_at <= write.now:
                    await settle(write, row, "EXPIRED")

        await ledgers.write(actor, work, ledger_id=job.ledger_id)

    return expire
