"""Rotation of keys: nothing that is read or written meanwhile notices, and old words stay legible."""

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app import Running
from models.base import utc_now
from models.database import Database, Transaction
from models.sealing import RingCache, SealBroken, new_key, seal_bytes
from models.stores.keys import LocalKeys, read_keys, replace_keys
from resolvers.jobs import Worker
from resolvers.ledgers import Ledgers
from resolvers.noticing import notice
from resolvers.rotation import next_key, rotate_all, rotation_handler
from resolvers.ticks import ROTATE_KEY, due_keys, enqueue_due_rotation
from tests.ledger.books import Books, found_books

pytestmark = pytest.mark.anyio


def process(books: Books, *, cached: float, pause: float) -> Books:
    """The same books as another process sees them, with its own memory of keys."""
    services = books.services
    database = Database(
        services.database.engine,
        services.database.keys,
        trust_addresses=True,
        key_pause_seconds=pause,
    )
    database.rings = RingCache(seconds=cached)
    ledgers = Ledgers(database, books.chain_key, services.ledgers.broker, notice)
    other = dataclasses.replace(services, database=database, ledgers=ledgers)
    return dataclasses.replace(books, services=other)


async def rotate(books: Books) -> bool:
    async def work(tx: Transaction) -> bool:
        return await next_key(tx, books.actor.ledger_id, before=utc_now() + timedelta(days=1))

    return await books.database.change(books.actor.user_id, work)


async def sealed_under(root: asyncpg.Connection, books: Books) -> list[int]:
    rows = await root.fetch(
        "SELECT get_byte(amount, 4) AS key FROM transactions WHERE ledger_id = $1 ORDER BY id",
        books.actor.ledger_id,
    )
    return [row["key"] for row in rows]


@pytest.mark.case("E05")
async def test_reads_and_writes_go_on_while_keys_rotate(
    books: Books, root: asyncpg.Connection
) -> None:
    processes = [process(books, cached=0.2, pause=0.4) for _ in range(2)]
    over = asyncio.Event()

    async def work(own: Books) -> int:
        count = 0
        while not over.is_set():
            await own.book("-1.00")
            report = await own.report()
            assert report.differences == ()
            count += 1
        return count

    working = [asyncio.create_task(work(own)) for own in processes]
    for _ in range(3):
        await asyncio.sleep(0.5)
        assert await rotate(books) is True
    await asyncio.sleep(0.8)
    over.set()
    counts = await asyncio.gather(*working)
    assert all(counts)
    # A process that starts now seals with the newest key; what the first one sealed still opens.
    late = process(books, cached=0.2, pause=0.4)
    await late.book("-1.00")
    used = await sealed_under(root, books)
    assert (used[0], used[-1]) == (1, 4)
    assert (await late.report()).differences == ()


async def test_a_new_key_waits_until_every_process_knows_it(books: Books) -> None:
    await rotate(books)
    own = process(books, cached=0.0, pause=360)
    async with own.database.read(own.actor.user_id) as tx:
        await tx.unlock([own.actor.ledger_id])
        ring = tx.ring(own.actor.ledger_id)
    assert (sorted(ring.keys), ring.current) == ([1, 2], 1)


async def test_only_old_keys_are_due_and_shredded_ledgers_stay_so(
    books: Books, running: Running, root: asyncpg.Connection
) -> None:
    database, ledger = books.database, books.actor.ledger_id
    # What other tests have left old is rotated first, and what they asked for has run.
    handlers = {ROTATE_KEY: rotation_handler(database, due_keys)}
    await Worker(database, running.broker, handlers).run_due()
    await rotate_all(database, due_keys(), progress=lambda _done: None)
    assert await rotate_all(database, due_keys(), progress=lambda _done: None) == 0
    old = utc_now() - timedelta(days=366)
    await root.execute("UPDATE ledger_keys SET created_at = $2 WHERE ledger_id = $1", ledger, old)
    assert await enqueue_due_rotation(database) == 1
    assert await enqueue_due_rotation(database) == 0
    assert await Worker(database, running.broker, handlers).run_due() == 1
    assert await enqueue_due_rotation(database) == 0
    numbers = "SELECT array_agg(key_no ORDER BY key_no) FROM ledger_keys WHERE ledger_id = $1"
    assert await root.fetchval(numbers, ledger) == [1, 2]
    assert (await books.report()).differences == ()

    await root.execute("DELETE FROM ledger_keys WHERE ledger_id = $1", ledger)
    assert await rotate(books) is False
    assert await root.fetchval(numbers, ledger) is None


async def test_nobody_rotates_the_keys_of_others(books: Books, services) -> None:
    other = await found_books(services)

    async def work(tx: Transaction) -> bool:
        return await next_key(tx, other.actor.ledger_id, before=utc_now() + timedelta(days=1))

    assert await books.database.change(books.actor.user_id, work) is False


class TestMasterKeys:
    async def test_the_first_wraps_and_all_open(self) -> None:
        old, new, key = new_key(), new_key(), new_key()
        before = await LocalKeys(old).wrap(key, b"here")
        both = LocalKeys(new, old)
        after = await both.wrap(key, b"here")
        assert await both.unwrap(before, b"here") == key
        assert await LocalKeys(new).unwrap(after, b"here") == key
        assert (both.is_current(before), both.is_current(after)) == (False, True)
        for keys, wrapped in ((LocalKeys(new), before), (LocalKeys(old), after)):
            with pytest.raises(SealBroken):
                await keys.unwrap(wrapped, b"here")

    async def test_what_names_nobody_is_from_the_oldest(self) -> None:
        old, key = new_key(), new_key()
        legacy = seal_bytes(old, key, b"wrap" + b"here")
        assert await LocalKeys(new_key(), old).unwrap(legacy, b"here") == key
        assert LocalKeys(old).is_current(legacy) is False
        with pytest.raises(SealBroken):
            await LocalKeys(old, new_key()).unwrap(legacy, b"here")

    @pytest.mark.parametrize("at", [0, 9, 20, 40, -1])
    async def test_a_changed_byte_or_another_place_does_not_open(self, at: int) -> None:
        keys = LocalKeys(new_key())
        wrapped = await keys.wrap(new_key(), b"here")
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            await keys.unwrap(bytes(changed), b"here")
        with pytest.raises(SealBroken):
            await keys.unwrap(wrapped, b"there")

    async def test_running_processes_follow_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / uuid4().hex / "master.key"
        running = LocalKeys.from_file(path, create=True)
        (old,) = read_keys(path)
        before = await running.wrap(b"k" * 32, b"")
        replace_keys(path, [new_key(), old])
        assert path.stat().st_mode & 0o777 == 0o600
        assert running.is_current(before) is False
        elsewhere = await LocalKeys.from_file(path, create=False).wrap(b"k" * 32, b"")
        assert await running.unwrap(elsewhere, b"") == b"k" * 32
        assert LocalKeys.from_file(path, create=False).is_current(await running.wrap(b"", b""))
        path.write_text("half")
        assert await running.unwrap(before, b"") == b"k" * 32
