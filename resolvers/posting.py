"""The jobs that post a template's missed dates or remind of them, acting as its owner."""

from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.templates import post_due, remind_of_due


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


def reminding_handler(ledgers: Ledgers) -> Handler:
    """The handler that reminds of a template's date which nobody has booked."""

    async def remind(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await remind_of_due(write, job.subject_id)

        await ledgers.write(actor, work, ledger_id=job.ledger_id)

    return remind
