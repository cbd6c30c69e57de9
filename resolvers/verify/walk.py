"""The way through all ledgers: each in one snapshot, read as one of its members."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text

from models.base import table
from models.database import Database, Transaction
from models.ledgers import Ledger, pruned_place
from models.sealing import KeyMissing, LedgerRing, SealBroken
from resolvers.verify.audit import check_audit
from resolvers.verify.books import check_books
from resolvers.verify.chain import Checkpoint, check_chain
from resolvers.verify.finder import Finder
from resolvers.verify.report import Difference, Kind, Report

_LEDGERS: Final = table(Ledger)
_GATE: Final = text("SELECT ledger_id, user_id FROM ledgers_to_verify()")


async def verify_all(
    database: Database,
    chain_key: bytes,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check every ledger; ``progress`` hears how many ledgers of how many are done.

    Not seen is a ledger that was set back as a whole to an earlier state of its own, rows and feed
    and head together: for that, compare its version with the last backup's.
    """
    todo = await database.call(_GATE)
    ledgers = transactions = changes = 0
    differences: list[Difference] = []
    for done, one in enumerate(todo, 1):
        report = await verify_ledger(database, chain_key, one.ledger_id, one.user_id)
        ledgers += report.ledgers
        transactions += report.transactions
        changes += report.changes
        differences += report.differences
        if progress is not None:
            progress(done, len(todo))
    return Report(ledgers, transactions, changes, tuple(differences))


async def verify_ledger(
    database: Database, chain_key: bytes, ledger_id: UUID, user_id: UUID
) -> Report:
    """Check one ledger as one of its members sees it; one that is gone by now counts as none."""
    # What is stored is checked, not keys that this process still remembers.
    database.rings.drop(ledger_id)
    async with database.read(user_id) as tx:
        head = await tx.first(
            select(
                _LEDGERS.c.version,
                _LEDGERS.c.head_hash,
                _LEDGERS.c.pruned_version,
                _LEDGERS.c.pruned_hash,
            ).where(_LEDGERS.c.id == ledger_id)
        )
        if head is None:
            return Report()
        finder = Finder(tx, ledger_id, chain_key)
        finder.ring = await _ring(tx, finder)
        begin = _checkpoint(finder, head)
        changes = await check_chain(finder, head.version, head.head_hash, begin)
        await check_audit(finder)
        transactions = 0 if finder.ring is None else await check_books(finder)
        return Report(1, transactions, changes, tuple(finder.found))


def _checkpoint(finder: Finder, head: Row[Any]) -> Checkpoint:
    """Where the chain begins: at nothing, or behind what the feed has forgotten."""
    if head.pruned_version == 0 and head.pruned_hash is None:
        return Checkpoint()
    place = pruned_place(head.pruned_version)
    opened = finder.opened(place, "ledger", finder.ledger_id, head.pruned_hash)
    if opened is None and head.pruned_hash is None:
        finder.differs(
            Kind.HEAD,
            "ledger",
            finder.ledger_id,
            "The feed's beginning was cut off: no checkpoint.",
        )
    return Checkpoint(head.pruned_version, opened)


async def _ring(tx: Transaction, finder: Finder) -> LedgerRing | None:
    """The ledger's keys; without them nothing opens, which is told once and not for every cell."""
    try:
        await tx.unlock([finder.ledger_id])
        return tx.ring(finder.ledger_id)
    except (SealBroken, KeyMissing) as error:
        message = f"ledger_keys.wrapped: {error}"
        finder.differs(Kind.KEYS, "ledger", finder.ledger_id, message)
        return None
