"""The job of a run of rules, forth and back, acting as the person who asked for it."""

from resolvers.errors import Unauthenticated
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.rules.runs import fail_run, step_run


def rules_handler(ledgers: Ledgers) -> Handler:
    """The handler that goes on with a run until it has ended."""

    async def work(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def step(write: LedgerWrite) -> bool:
            await fence(write.tx, job)
            return await step_run(write, job.subject_id)

        more = True
        while more:
            more = (await ledgers.write(actor, step, ledger_id=job.ledger_id)).value

    return work


def rules_last_words(ledgers: Ledgers) -> Handler:
    """What is done for a run whose job is given up: it ends as FAILED, nobody waits for ever."""

    async def work(job: Job) -> None:
        try:
            actor = await actor_of_job(ledgers.database, job)
        except Unauthenticated:
            return

        async def give_up(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await fail_run(write, job.subject_id)

        await ledgers.write(actor, give_up, ledger_id=job.ledger_id)

    return work
