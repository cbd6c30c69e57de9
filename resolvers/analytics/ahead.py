"""The job that builds segments ahead, so that the first report after an import is as fast as any."""

from sqlalchemy import text

from resolvers.jobs import Handler, Job, actor_of_job
from resolvers.ledgers import Ledgers
from resolvers.segments import build_ahead

# A later job of the same ledger sees all that this one would, and more.
_LATER = text(
    "SELECT 1 FROM jobs WHERE ledger_id = :ledger AND kind = :kind AND state = 'WAITING' "
    "AND id > :id LIMIT 1"
)


def building_handler(ledgers: Ledgers) -> Handler:
    """The handler that packs what a wide write left stale, acting as the writer."""

    async def build(job: Job) -> None:
        values = {"ledger": job.ledger_id, "kind": job.kind, "id": job.id}
        if await ledgers.database.call(_LATER, values):
            return
        actor = await actor_of_job(ledgers.database, job)
        await build_ahead(ledgers.database, actor.user_id, job.ledger_id)

    return build
