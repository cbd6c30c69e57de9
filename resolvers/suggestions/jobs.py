"""The job that learns a large ledger from the beginning, acting as the person who asked."""

from resolvers.jobs import Handler, Job
from resolvers.ledgers import Ledgers
from resolvers.suggestions.keeping import learn_ledger


def learning_handler(ledgers: Ledgers) -> Handler:
    """The handler of jobs of the kind ``learn_categories``; doing it twice does no harm."""

    async def learn(job: Job) -> None:
        await learn_ledger(ledgers.database, job.ledger_id, job.actor_id)

    return learn
