"""Jobs that tell people things, each acting as the person who is told."""

from models import ids
from resolvers.errors import Unauthenticated
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.noticing.budgets import tell_of_money
from resolvers.notifications import SECURITY_JOBS, add_notification
from resolvers.notifications.words import SECURITY


def budgets_handler(ledgers: Ledgers) -> Handler:
    """The handler that compares a ledger's budgets with the money that was written."""

    async def tell(job: Job) -> None:
        try:
            actor = await actor_of_job(ledgers.database, job)
        except Unauthenticated:
            return

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await tell_of_money(write)

        await ledgers.write(actor, work)

    return tell


def security_handler(ledgers: Ledgers, kind: str) -> Handler:
    """The handler that tells a person of one kind of event of signing in."""
    event = SECURITY_JOBS[kind]

    async def tell(job: Job) -> None:
        try:
            actor = await actor_of_job(ledgers.database, job)
        except Unauthenticated:
            return
        data = {"event": event}
        if job.subject_id != job.actor_id:
            data["sessionId"] = ids.encode("ses", job.subject_id)

        async def work(write: LedgerWrite) -> None:
            await fence(write.tx, job)
            await add_notification(write, "SECURITY", SECURITY[event], data, once=job.id)

        await ledgers.write(actor, work)

    return tell
