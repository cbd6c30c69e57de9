"""Emptying a ledger's trash of what has lain there long enough: work for a job."""

from datetime import timedelta

from resolvers.accounts import purge_accounts
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.templates import purge_templates
from resolvers.transactions import purge_trash
from resolvers.transactions.trash import DAYS_IN_TRASH


def trash_handler(ledgers: Ledgers) -> Handler:
    """The handler that empties a ledger's trash of what has lain there for 30 days."""

    async def purge(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            before = write.now - timedelta(days=DAYS_IN_TRASH)
            await purge_trash(write, before)
            await purge_templates(write, before)
            await purge_accounts(write, before)

        await ledgers.write(actor, work, ledger_id=job.ledger_id)

    return purge
