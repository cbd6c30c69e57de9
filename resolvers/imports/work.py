"""The job of an import, as the worker runs it."""

from models.stores.files import FileStore
from resolvers.imports.run import abandon_import, run_import
from resolvers.jobs import MAX_ATTEMPTS, Handler, Job, JobLost, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite


def import_handler(ledgers: Ledgers, files: FileStore, secret: bytes) -> Handler:
    """The handler of jobs of the kind ``import``; ``secret`` as in ``run_import``.

    When the last attempt fails, the import ends as FAILED, so that nobody waits for it for ever.
    """

    async def work(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def give_up(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await abandon_import(write, job.subject_id)

        try:
            await run_import(
                ledgers, ledgers.database, files, job, actor=actor, fence=fence, secret=secret
            )
        except JobLost:
            raise
        except Exception:
            if job.attempts >= MAX_ATTEMPTS:
                await ledgers.write(actor, give_up)
            raise

    return work
