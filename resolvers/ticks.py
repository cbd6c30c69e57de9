"""What the scheduler looks for from time to time; finding it leaves jobs that do the work."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from models.base import utc_now
from models.database import Database, Transaction
from models.ids import new_id

POST_TEMPLATE: Final = "post_template"
PRUNE_FEED: Final = "prune_feed"
FEED_DAYS: Final = 400
"""How far back the feed tells every step."""
_PRUNE_EVERY: Final = timedelta(days=7)
"""A ledger is pruned by weeks and not by minutes."""
_EASTERNMOST: Final = timedelta(hours=14)
"""The first day on Earth begins this long before that of UTC."""
_SINGLE_TICK: Final = text("SELECT pg_try_advisory_xact_lock(8101958433)")
# One waiting job is enough, and one that failed for good must not come back every minute.
_ENQUEUE_DUE: Final = text(
    """
    INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at)
    SELECT :id, CAST(:kind AS text), :ledger, :actor, CAST(:subject AS uuid),
      clock_timestamp(), clock_timestamp()
    WHERE NOT EXISTS (
      SELECT 1 FROM jobs WHERE kind = CAST(:kind AS text) AND subject_id = CAST(:subject AS uuid)
        AND (state IN ('WAITING', 'RUNNING')
          OR (state = 'DEAD' AND created_at > clock_timestamp() - interval '20 hours'))
    )
    """
)
_DUE_PRUNING: Final = text("SELECT ledger_id, user_id FROM due_pruning(:before)")
_DUE_TEMPLATES: Final = text("SELECT ledger_id, user_id, template_id FROM due_templates(:before)")


async def enqueue_due_templates(database: Database) -> int:
    """Leave a job for each template with a date to post; of several callers at once, one does."""
    before = (utc_now() + _EASTERNMOST).date() + timedelta(days=1)

    async def work(tx: Transaction) -> int:
        if not await tx.scalar(_SINGLE_TICK):
            return 0
        added = 0
        for due in await tx.rows(_DUE_TEMPLATES, {"before": before}):
            values = {"id": new_id(), "kind": POST_TEMPLATE, "subject": due.template_id}
            values |= {"ledger": due.ledger_id, "actor": due.user_id}
            added += await tx.run(_ENQUEUE_DUE, values)
        return added

    return await database.change(None, work)


async def enqueue_due_pruning(database: Database) -> int:
    """Leave a job for each ledger whose feed reaches back too far."""
    before = utc_now() - timedelta(days=FEED_DAYS) - _PRUNE_EVERY

    async def work(tx: Transaction) -> int:
        if not await tx.scalar(_SINGLE_TICK):
            return 0
        added = 0
        for due in await tx.rows(_DUE_PRUNING, {"before": before}):
            values = {"id": new_id(), "kind": PRUNE_FEED, "subject": due.ledger_id}
            values |= {"ledger": due.ledger_id, "actor": due.user_id}
            added += await tx.run(_ENQUEUE_DUE, values)
        return added

    return await database.change(None, work)


TICKS: Final = {POST_TEMPLATE: enqueue_due_templates, PRUNE_FEED: enqueue_due_pruning}
"""What to look for, for a worker that can do the kind of job that it leaves."""
