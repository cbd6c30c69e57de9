"""The job that posts a template's missed dates, acting as the template's owner."""

from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.templates import post_due


def posting_handler(ledgers: Ledgers) -> Handler:
    """The handler that catches a template up to its owner's today."""

    async def post(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def work(write: LedgerWrite) -> bool:
            await fence(write.tx, job)
            return await post_due(write, job.subject_id)

        more = True
        while more:
            more = (await ledgers.write(actor, work, ledger_id=job.ledger_id)).value

    return post
