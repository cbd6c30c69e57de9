"""The feed forgets after 400 days what was superseded, and nothing that is the last word."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import time_machine
from sqlalchemy import text

from app import Running
from graph.context import Services
from graph.handlers import job_handlers
from models import ids
from models.base import utc_now
from resolvers.errors import Gone
from resolvers.feed import START, Position, Seen, read_changes
from resolvers.jobs import Worker
from resolvers.ticks import PRUNE_FEED, enqueue_due_pruning
from resolvers.transactions import delete_transactions, restore_transaction
from tests.ledger.books import Books, feed, flipped, found_books
from tests.ledger.conftest import root

pytestmark = pytest.mark.anyio
__all__ = ["root"]
LONG_AGO = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def old_books(services: Services) -> Books:
    """Books of two years ago, and something of today."""
    with time_machine.travel(LONG_AGO):
        books = await found_books(services)
        kept = await books.book("-77.77")
        changed = await books.book("-88.88")
        for amount in ("-1", "-2", "-55.55"):
            changed = await books.change(changed, amount=amount)
        gone = await books.book("-9.99")
        await books.write(lambda write: delete_transactions(write, [(gone.id, None)]))
    books.rows = [kept, changed, gone]
    await books.write(lambda write: _restore(write, gone.id))
    return books


async def _restore(write, transaction_id):
    return await restore_transaction(write, transaction_id)


async def everything(books: Books, position: Position = START) -> list[tuple[str, str, object]]:
    found = []
    more = True
    while more:
        async with books.database.read(books.actor.user_id) as tx:
            page = await read_changes(tx, position, limit=3)
        found += [(event.type, event.id, event.data) for event in page.events]
        position, more = page.position, page.more
    return found


async def prune(running: Running, books: Books) -> set[str]:
    await enqueue_due_pruning(books.database)
    handlers = {PRUNE_FEED: job_handlers(running.services)[PRUNE_FEED]}
    outcomes: list[str] = []
    await Worker(
        books.database, running.broker, handlers, observe=lambda _k, how, _s: outcomes.append(how)
    ).run_due()
    return set(outcomes)


async def test_what_is_superseded_goes_and_the_last_word_stays(
    running: Running, old_books: Books, root: asyncpg.Connection
) -> None:
    books = old_books
    before, rows = await everything(books), await feed(root, books)
    assert await books.found() == set()
    young = [row for row in rows if utc_now() - row["at"] < timedelta(days=400)]
    checkpoint = max(row["version"] for row in rows) - len({row["version"] for row in young})
    assert await prune(running, books) == {"done"}
    left = await feed(root, books)
    assert len(left) < len(rows)
    assert left[-len(young) :] == young
    assert [row for row in left if row["entity_id"] == books.rows[1].id] == [
        [row for row in rows if row["entity_id"] == books.rows[1].id][-1]
    ]
    assert await books.found() == set()
    assert await everything(books) == before
    here = books.actor.ledger_id
    since = await everything(books, {here: Seen(checkpoint)})
    assert [kind for kind, _, _ in since] == ["transaction.restored"]
    for version in (1, checkpoint - 1):
        with pytest.raises(Gone):
            await everything(books, {here: Seen(version)})
    # A second time there is nothing to do, and writing goes on behind it.
    assert await prune(running, books) == set()
    assert await feed(root, books) == left
    row = await books.book("-5")
    news = await everything(books, {here: Seen(left[-1]["version"])})
    assert [(kind, id_) for kind, id_, _ in news] == [
        ("transaction.created", ids.encode("txn", row.id))
    ]
    assert await books.found() == set()


async def test_what_is_left_is_still_watched(
    running: Running, old_books: Books, root: asyncpg.Connection
) -> None:
    books = old_books
    await prune(running, books)
    rows = await feed(root, books)
    first, ledger = rows[0], books.actor.ledger_id
    await root.execute(
        "UPDATE changes SET content = $2 WHERE hash = $1", first["hash"], flipped(first["content"])
    )
    assert {kind for kind, _, _ in await books.found()} == {"SEAL"}
    await root.execute(
        "UPDATE changes SET content = $2, at = $3 WHERE hash = $1",
        first["hash"],
        first["content"],
        first["at"] + timedelta(seconds=1),
    )
    assert await books.found() == {("CHAIN", "change", first["entity_id"])}
    await root.execute("UPDATE changes SET at = $2 WHERE hash = $1", first["hash"], first["at"])
    # The first one behind the checkpoint has to follow it.
    head = await root.fetchrow(
        "SELECT pruned_version, pruned_hash FROM ledgers WHERE id = $1", ledger
    )
    behind = next(row for row in rows if row["version"] > head["pruned_version"])
    forged = flipped(behind["prev_hash"])
    await root.execute("UPDATE changes SET prev_hash = $2 WHERE hash = $1", behind["hash"], forged)
    assert await books.found() == {("CHAIN", "change", behind["entity_id"])}
    await root.execute(
        "UPDATE changes SET prev_hash = $2 WHERE hash = $1", behind["hash"], behind["prev_hash"]
    )
    for version, sealed in (
        (head["pruned_version"], flipped(head["pruned_hash"])),
        (head["pruned_version"] - 1, head["pruned_hash"]),
        (head["pruned_version"], None),
        (0, None),
    ):
        await root.execute(
            "UPDATE ledgers SET pruned_version = $2, pruned_hash = $3 WHERE id = $1",
            ledger, version, sealed,
        )  # fmt: skip
        assert await books.found(), (version, sealed)


async def test_nobody_prunes_what_is_young_or_not_theirs(
    services: Services, old_books: Books, root: asyncpg.Connection
) -> None:
    books, other = old_books, await found_books(services)
    before = await feed(root, books)

    async def ask(user_id, ledger_id):
        return await services.database.change(
            user_id,
            lambda tx: tx.scalar(
                text("SELECT prune_changes(:ledger, :until)"),
                {"ledger": ledger_id, "until": 2**60},
            ),
        )

    assert await ask(other.actor.user_id, books.actor.ledger_id) == 0
    assert await ask(None, books.actor.ledger_id) == 0
    assert await feed(root, books) == before
    assert await ask(other.actor.user_id, other.actor.ledger_id) == 0
