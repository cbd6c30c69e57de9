"""The job of an import, as the worker runs it."""

from models.stores.files import FileStore
from resolvers.bounds import DEFAULTS, Bounds
from resolvers.errors import Unauthenticated
from resolvers.imports.run import abandon_import, run_import
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite


def import_handler(
    ledgers: Ledgers, files: FileStore, secret: bytes, bounds: Bounds = DEFAULTS
) -> Handler:
    """The handler of jobs of the kind ``import``; ``secret`` as in ``run_import``."""

    async def work(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)
        await run_import(
            ledgers,
            ledgers.database,
            files,
            job,
            actor=actor,
            fence=fence,
            secret=secret,
            bounds=bounds,
        )

    return work


def import_last_words(ledgers: Ledgers) -> Handler:
    """What is done for an import whose job is given up: it ends as FAILED, nobody waits for ever."""

    async def work(job: Job) -> None:
        try:
            actor = await actor_of_job(ledgers.database, job)
        except Unauthenticated:
            return

        async def give_up(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await abandon_import(write, job.subject_id)

        await ledgers.write(actor, give_up)

    return work
