"""Forgetting: of what happened more than 400 days ago, the feed keeps the last word only.

The newest image of every object stays, so that a snapshot is whole however old its objects are.  The
chain begins anew behind a sealed checkpoint, and cursors from before it are GONE.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, text, update

from models.base import table
from models.changes import Change
from models.ledgers import Ledger, pruned_place
from resolvers.jobs import Handler, Job, actor_of_job, fence
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.ticks import FEED_DAYS

_CH: Final = table(Change)
_L: Final = table(Ledger)


def pruning_handler(ledgers: Ledgers) -> Handler:
    """The handler that prunes a ledger's feed, acting as an owner."""

    async def prune(job: Job) -> None:
        actor = await actor_of_job(ledgers.database, job)

        async def work(write: LedgerWrite) -> int:
            await fence(write.tx, job)
            return await prune_feed(write, write.now - timedelta(days=FEED_DAYS))

        await ledgers.write(actor, work, ledger_id=job.ledger_id)

    return prune


async def prune_feed(write: LedgerWrite, before: datetime) -> int:
    """Move the checkpoint behind what is older, and remove what is superseded; how much that was.

    Makes no version: nothing that anybody can see has changed.
    """
    last = await write.tx.first(
        select(_CH.c.version, _CH.c.hash)
        .where(_CH.c.ledger_id == write.ledger_id, _CH.c.at < before)
        .order_by(_CH.c.version.desc(), _CH.c.seq.desc())
        .limit(1)
    )
    if last is None:
        return 0
    place = pruned_place(last.version)
    await write.tx.run(
        update(_L)
        .where(_L.c.id == write.ledger_id)
        .values(
            pruned_version=last.version,
            pruned_hash=write.ring.seal(place, write.ledger_id, last.hash),
        )
    )
    gone = await write.tx.scalar(
        text("SELECT prune_changes(:ledger, :until)"),
        {"ledger": write.ledger_id, "until": last.version},
    )
    return int(gone)
