"""What the scheduler looks for from time to time; finding it leaves jobs that do the work."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import TextClause, text

from models.base import utc_now
from models.database import Database, Transaction
from models.ids import new_id
from resolvers.transactions.trash import DAYS_IN_TRASH

POST_TEMPLATE: Final = "post_template"
REMIND_TEMPLATE: Final = "remind_template"
PRUNE_FEED: Final = "prune_feed"
FEED_DAYS: Final = 400
"""How far back the feed tells every step."""
_PRUNE_EVERY: Final = timedelta(days=7)
"""A ledger is pruned by weeks and not by minutes."""
ROTATE_KEY: Final = "rotate_key"
KEY_DAYS: Final = 365
"""How long a data key seals before the next one does."""
EXPIRE_INVITATION: Final = "expire_invitation"
PURGE_TRASH: Final = "purge_trash"
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
_DUE_TEMPLATES: Final = text(
    "SELECT ledger_id, user_id, template_id AS subject FROM due_templates(:before)"
)
_DUE_REMINDERS: Final = text(
    "SELECT ledger_id, user_id, template_id AS subject FROM due_reminders(:before)"
)
_DUE_INVITATIONS: Final = text(
    "SELECT ledger_id, user_id, invitation_id AS subject FROM due_invitations(:before)"
)
_DUE_PRUNING: Final = text(
    "SELECT ledger_id, user_id, ledger_id AS subject FROM due_pruning(:before)"
)
_DUE_ROTATION: Final = text(
    "SELECT ledger_id, user_id, ledger_id AS subject FROM due_rotation(:before)"
)


async def enqueue_due_templates(database: Database) -> int:
    """Leave a job for each template with a date to post; of several callers at once, one does."""
    return await _enqueue(database, POST_TEMPLATE, _DUE_TEMPLATES, _after_today())


async def enqueue_due_reminders(database: Database) -> int:
    """Leave a job for each template with a date to remind of; of several callers, one does."""
    return await _enqueue(database, REMIND_TEMPLATE, _DUE_REMINDERS, _after_today())


def _after_today() -> date:
    """The first day that has begun nowhere on Earth."""
    return (utc_now() + _EASTERNMOST).date() + timedelta(days=1)


async def enqueue_due_invitations(database: Database) -> int:
    """Leave a job for each invitation whose time is over; of several callers at once, one does."""
    return await _enqueue(database, EXPIRE_INVITATION, _DUE_INVITATIONS, utc_now())


async def enqueue_due_pruning(database: Database) -> int:
    """Leave a job for each ledger whose feed reaches back too far."""
    before = utc_now() - timedelta(days=FEED_DAYS) - _PRUNE_EVERY
    return await _enqueue(database, PRUNE_FEED, _DUE_PRUNING, before)


def due_keys() -> datetime:
    """Newest keys from before this instant are due."""
    return utc_now() - timedelta(days=KEY_DAYS)


async def enqueue_due_rotation(database: Database) -> int:
    """Leave a job for each ledger whose newest key is a year old."""
    return await _enqueue(database, ROTATE_KEY, _DUE_ROTATION, due_keys())


async def _enqueue(database: Database, kind: str, due: TextClause, before: date) -> int:
    async def work(tx: Transaction) -> int:
        if not await tx.scalar(_SINGLE_TICK):
            return 0
        added = 0
        for one in await tx.rows(due, {"before": before}):
            values = {"id": new_id(), "kind": kind, "subject": one.subject}
            values |= {"ledger": one.ledger_id, "actor": one.user_id}
            added += await tx.run(_ENQUEUE_DUE, values)
        return added

    return await database.change(None, work)


_TRASH_TICK: Final = text("SELECT pg_try_advisory_xact_lock(8101958432)")
_DUE_TRASH: Final = text("SELECT ledger_id, user_id FROM due_trash(:before)")
# What cannot be removed yet (an import still names its account) must not come back every minute.
_ENQUEUE_ONCE: Final = text(
    """
    INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at)
    SELECT :id, CAST(:kind AS text), CAST(:ledger AS uuid), :actor, CAST(:ledger AS uuid),
      clock_timestamp(), clock_timestamp()
    WHERE NOT EXISTS (
      SELECT 1 FROM jobs WHERE kind = CAST(:kind AS text) AND ledger_id = CAST(:ledger AS uuid)
        AND (state IN ('WAITING', 'RUNNING') OR created_at > clock_timestamp() - interval '20 hours')
    )
    """
)
_FORGET_DONE: Final = text(
    "DELETE FROM jobs WHERE state = 'DONE' AND created_at < clock_timestamp() - interval '2 days'"
)


async def enqueue_due_trash(database: Database) -> int:
    """Leave a job for each ledger whose trash is due; of several callers at once, one does."""
    before = utc_now() - timedelta(days=DAYS_IN_TRASH)

    async def work(tx: Transaction) -> int:
        if not await tx.scalar(_TRASH_TICK):
            return 0
        added = 0
        for due in await tx.rows(_DUE_TRASH, {"before": before}):
            values = {"id": new_id(), "kind": PURGE_TRASH, "ledger": due.ledger_id}
            added += await tx.run(_ENQUEUE_ONCE, {**values, "actor": due.user_id})
        await tx.run(_FORGET_DONE)
        return added

    return await database.change(None, work)


TICKS: Final = {
    PURGE_TRASH: enqueue_due_trash,
    POST_TEMPLATE: enqueue_due_templates,
    EXPIRE_INVITATION: enqueue_due_invitations,
    PRUNE_FEED: enqueue_due_pruning,
    REMIND_TEMPLATE: enqueue_due_reminders,
    ROTATE_KEY: enqueue_due_rotation,
}
"""What to look for, for a worker that can do the kind of job that it leaves."""
