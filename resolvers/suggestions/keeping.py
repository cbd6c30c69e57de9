"""What is learned of a ledger, kept sealed and brought up to date by the change feed.

A reader opens the counts and adds what the feed tells since: every change of a transaction says
what it was and what it is, so that the old choice is taken out and the new one counted.  A ledger
that has moved on too far, or has never been learned and is large, is left to a job; nobody waits
for it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from models.base import table, utc_now
from models.changes import Change, content_place
from models.database import Database
from models.database import Transaction as Tx
from models.ids import new_id
from models.ledgers import Ledger
from models.sealing import LedgerRing
from models.suggestions import LearnedCategories
from resolvers.paging import Order, PageRequest, fetch_page
from resolvers.suggestions.learning import FORMAT, Learned, Told
from resolvers.transactions.rows import T

LEARN: Final = "learn_categories"
AT_ONCE: Final = 500
"""Changes that a reader catches up on, and choices that one without counts begins with."""
ROWS_AT_ONCE: Final = 2_000
_QUIET: Final = timedelta(seconds=2)
_K: Final = table(LearnedCategories)
_F: Final = table(Change)
_L: Final = table(Ledger)
_PLACE: Final = "learned_categories.content"
_ONCE: Final = text(
    """
    INSERT INTO jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at)
    SELECT CAST(:id AS uuid), CAST(:kind AS text), CAST(:ledger AS uuid), CAST(:actor AS uuid),
      CAST(:ledger AS uuid), CAST(:run_at AS timestamptz), clock_timestamp()
    WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE kind = CAST(:kind AS text)
      AND subject_id = CAST(:ledger AS uuid) AND state = 'WAITING')
    """
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Counts with the ledger's version that they are of."""

    learned: Learned
    version: int


async def learned_of(tx: Tx, ledger_id: UUID, user_id: UUID) -> Learned | None:
    """What is learned of a ledger by this moment, or lately; None where a job has to begin.

    Three statements at most, over ``AT_ONCE`` rows at most.
    """
    head = await tx.first(
        select(_L.c.version, _L.c.pruned_version, _K.c.version.label("learned"), _K.c.content)
        .select_from(_L.outerjoin(_K, _K.c.ledger_id == _L.c.id))
        .where(_L.c.id == ledger_id)
    )
    if head is None:
        return None
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    kept = None
    if head.content is not None:
        kept = _opened(ring, ledger_id, head.content, head.learned)
    if kept is None:
        choices = [one async for one in _choices(tx, ledger_id, most=AT_ONCE + 1)]
        if len(choices) > AT_ONCE:
            tx.afterwards(_asking(ledger_id, user_id))
            return None
        kept = Kept(Learned.of(choices), head.version)
    elif kept.version < head.version:
        # What the feed has forgotten cannot be caught up on.
        told = head.pruned_version <= kept.version
        if not told or not await _catch_up(tx, ring, kept):
            tx.afterwards(_asking(ledger_id, user_id))
            return kept.learned
    else:
        return kept.learned
    tx.afterwards(_keeping(ledger_id, Kept(kept.learned, head.version)))
    return kept.learned


def _opened(ring: LedgerRing, ledger_id: UUID, content: bytes, version: int) -> Kept | None:
    """Stored counts; None for those that another release has counted in another way."""
    packed = ring.unseal(_PLACE, ledger_id, content)
    return Kept(Learned.unpacked(packed[1:]), version) if packed[0] == FORMAT else None


async def _catch_up(tx: Tx, ring: LedgerRing, kept: Kept) -> bool:
    """Count what the feed tells since; False, with nothing counted, where that is too much."""
    rows = await tx.rows(
        select(_F.c.version, _F.c.seq, _F.c.entity_id, _F.c.content)
        .where(
            _F.c.ledger_id == ring.ledger_id,
            _F.c.version > kept.version,
            _F.c.entity == "transaction",
        )
        .order_by(_F.c.version, _F.c.seq)
        .limit(AT_ONCE + 1)
    )
    if len(rows) > AT_ONCE:
        return False
    for row in rows:
        place = content_place(row.version, row.seq)
        said = from_json(ring.unseal(place, row.entity_id, row.content))
        for name, count in (("before", kept.learned.unlearn), ("after", kept.learned.learn)):
            choice = _choice(said.get(name))
            if choice is not None:
                count(*choice)
    return True


def _choice(image: dict[str, Any] | None) -> tuple[Told, UUID] | None:
    """The choice that a transaction's image holds, if it holds one."""
    if image is None or image["category_id"] is None:
        return None
    if image["transfer_id"] is not None or image["deleted_at"] is not None:
        return None
    told = Told(image["payee"], image["description"], image["amount_minor"], image["currency"])
    return told, UUID(image["category_id"])


async def _choices(
    tx: Tx, ledger_id: UUID, *, most: int | None = None
) -> AsyncIterator[tuple[Told, UUID]]:
    """The choices that living transactions hold, page by page; with ``most`` one page of so many."""
    await tx.unlock([ledger_id])
    ring = tx.ring(ledger_id)
    statement = select(
        T.c.id, T.c.category_id, T.c.payee, T.c.description, T.c.amount, T.c.currency
    ).where(
        T.c.ledger_id == ledger_id,
        T.c.deleted_at.is_(None),
        T.c.transfer_id.is_(None),
        T.c.category_id.is_not(None),
    )
    after = None
    while True:
        request = PageRequest(most or ROWS_AT_ONCE, after)
        page = await fetch_page(tx, statement, Order((T.c.id,)), request)
        for row in page.items:
            minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
            yield Told(row.payee, row.description, minor, row.currency), row.category_id
        if not page.has_next or most is not None:
            return
        after = page.keys[-1]


async def learn_all(tx: Tx, ledger_id: UUID) -> Kept:
    """Counts of everything, as of this moment."""
    version = int(await tx.scalar(select(_L.c.version).where(_L.c.id == ledger_id)))
    learned = Learned()
    async for told, category_id in _choices(tx, ledger_id):
        learned.learn(told, category_id)
    return Kept(learned, version)


async def keep(tx: Tx, ledger_id: UUID, kept: Kept) -> None:
    """Store counts, unless newer ones lie there."""
    await tx.unlock([ledger_id])
    packed = bytes([FORMAT]) + kept.learned.packed()
    cells = {
        "version": kept.version,
        "content": tx.ring(ledger_id).seal(_PLACE, ledger_id, packed),
    }
    statement = upsert(_K).values(ledger_id=ledger_id, id=ledger_id, **cells)
    await tx.run(
        statement.on_conflict_do_update(
            index_elements=["ledger_id", "id"], set_=cells, where=_K.c.version <= kept.version
        )
    )


def _keeping(ledger_id: UUID, kept: Kept) -> Any:
    async def work(tx: Tx) -> None:
        await keep(tx, ledger_id, kept)

    return work


def _asking(ledger_id: UUID, user_id: UUID) -> Any:
    """Leave a job that learns from the beginning; one that waits is enough."""

    async def work(tx: Tx) -> None:
        values = {"id": new_id(), "kind": LEARN, "ledger": ledger_id, "actor": user_id}
        await tx.run(_ONCE, {**values, "run_at": utc_now() + _QUIET})

    return work


async def learn_ledger(database: Database, ledger_id: UUID, user_id: UUID) -> int:
    """Learn a ledger from the beginning and store it; how many choices were counted."""
    async with database.read(user_id) as tx:
        kept = await learn_all(tx, ledger_id)

    async def work(tx: Tx) -> None:
        await keep(tx, ledger_id, kept)

    await database.change(user_id, work)
    return sum(kept.learned.chosen.values())
