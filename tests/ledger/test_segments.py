"""Segments: every write marks what it touches, readers and writers never disagree, seals hold."""

import asyncio
import random
import time
from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from sqlalchemy import select

from app import Running
from graph.handlers import job_handlers
from models.patience import MOST_SECONDS, give_back, patient
from models.sealing import SealBroken
from models.segments import PAGE_RECORDS, TRANSFER
from resolvers.accounts import delete_account, purge_accounts, restore_account
from resolvers.categories import CategoryCreate, create_category
from resolvers.inputs import parse
from resolvers.jobs import Worker
from resolvers.segments import BUILD_SEGMENTS, MANY, Months, Parts, read_parts, read_totals, reading
from resolvers.segments.parts import find, fits, sum_of, sums_by, uuid_at, words_of
from resolvers.transactions import (
    TransactionCreate,
    create_transactions,
    delete_transactions,
    purge_trash,
    restore_transaction,
    transactions_by_id,
)
from resolvers.transactions.recategorise import delete_category
from resolvers.transactions.rows import T
from resolvers.transactions.trash import delete_rows_of_account, restore_rows_of_account
from tests.ledger.books import Books, flipped

pytestmark = [pytest.mark.anyio, pytest.mark.case("E09")]

ALL = Months(date(1900, 1, 1), date(2200, 12, 31))
Seen = Counter[tuple[Any, ...]]


def seen(parts: Parts) -> Seen:
    """Parts as a bag of plain values."""
    return Counter(
        (
            uuid_at(parts.id_hi, parts.id_lo, at),
            parts.books[parts.book[at]],
            date.fromordinal(int(parts.day[at])),
            int(parts.minor[at]),
            uuid_at(parts.category_hi, parts.category_lo, at),
            bool(parts.flags[at] & TRANSFER),
        )
        for at in range(len(parts))
    )


async def both(books: Books, *, settle: bool = True) -> tuple[Seen, Seen]:
    """What segments and rows say in one moment."""
    ledger = books.actor.ledger_id
    async with books.database.read(books.actor.user_id) as tx:
        parts = await read_parts(tx, ledger, ALL)
        totals = await read_totals(tx, ledger, ALL.last)
        ids = {uuid_at(parts.id_hi, parts.id_lo, at) for at in range(len(parts))}
        rows = await tx.rows(
            select(T.c.id).where(T.c.ledger_id == ledger, T.c.deleted_at.is_(None))
        )
        opened = await transactions_by_id(tx, [(ledger, row.id) for row in rows])
    assert ids == {row.id for row in rows}
    wanted: Seen = Counter()
    sums: Counter[UUID] = Counter()
    for row in opened:
        assert row is not None
        sums[row.account_id] += row.amount_minor
        pieces = [(p.category_id, p.amount_minor) for p in row.splits]
        for category, minor in pieces or [(row.category_id, row.amount_minor)]:
            wanted[
                row.id, row.account_id, row.date, minor, category or UUID(int=0),
                row.transfer_id is not None,
            ] += 1  # fmt: skip
    told: Counter[UUID] = Counter()
    for (book, _, _), minor in totals.items():
        told[book] += minor
    assert {k: v for k, v in told.items() if v} == {k: v for k, v in sums.items() if v}
    if settle:
        await books.database.settle()
    return seen(parts), wanted


async def agree(books: Books) -> None:
    """Segments say what rows say, opened first and then stored."""
    for _ in range(2):
        found, wanted = await both(books)
        assert found == wanted


async def fresh(books: Books, root: asyncpg.Connection) -> int:
    """How many book-months are stored as of now."""
    return await root.fetchval(
        "SELECT count(*) FROM segments WHERE ledger_id = $1 AND page = 0 AND built = version",
        books.actor.ledger_id,
    )


async def test_every_write_marks_what_it_touches(books: Books, root: asyncpg.Connection) -> None:
    salary, first, _, side, split, changed, gone = books.rows
    await agree(books)
    made = await books.write(
        lambda w: create_category(w, parse(CategoryCreate, {"name": "t", "kind": "EXPENSE"}))
    )
    steps = [
        lambda: books.change(salary, amount="5"),
        lambda: books.change(first, date="2026-05-05"),
        lambda: books.change(side, amount="-9"),
        lambda: books.change(split, splits=[]),
        lambda: books.change(changed, accountId=books.savings),
        lambda: books.write(lambda w: restore_transaction(w, gone.id)),
        lambda: books.write(lambda w: delete_transactions(w, [(first.id, None)])),
        lambda: books.write(
            lambda w: delete_category(w, books.category, move_to=made.id, follow=())
        ),
        lambda: books.write(
            lambda w: delete_account(w, books.savings, clear=delete_rows_of_account, force=True)
        ),
        lambda: books.write(
            lambda w: restore_account(w, books.savings, bring_back=restore_rows_of_account)
        ),
        lambda: books.write(
            lambda w: delete_account(w, books.savings, clear=delete_rows_of_account, force=True)
        ),
        lambda: books.write(lambda w: purge_trash(w, w.now + timedelta(days=1))),
        lambda: books.write(lambda w: purge_accounts(w, w.now + timedelta(days=1))),
    ]
    for step in steps:
        await step()
        await agree(books)
    assert await books.found() == set()
    left = await root.fetch(
        "SELECT DISTINCT book FROM segments WHERE ledger_id = $1", books.actor.ledger_id
    )
    assert {row["book"] for row in left} == {books.giro}


async def test_words_alone_leave_segments_as_they_are(
    books: Books, root: asyncpg.Connection
) -> None:
    await agree(books)
    before = await fresh(books, root)
    assert before > 0
    await books.change(books.rows[0], description="y", notes="z", tags=["w"], payee="P")
    assert await fresh(books, root) == before


async def test_a_write_reads_its_own_rows_back(books: Books) -> None:
    await agree(books)
    data = {
        "accountId": books.giro, "date": "2026-03-01", "amount": "-1", "description": "x",
    }  # fmt: skip

    async def work(write: Any) -> int:
        await create_transactions(write, [parse(TransactionCreate, data)])
        return len(await read_parts(write.tx, write.ledger_id, ALL))

    found, _ = await both(books)
    assert await books.write(work, answer=int) == sum(found.values()) + 1


async def test_large_months_are_paged(books: Books, root: asyncpg.Connection) -> None:
    data = [
        parse(
            TransactionCreate,
            {"accountId": books.giro, "date": "2026-07-01", "amount": str(n), "description": "x"},
        )
        for n in range(PAGE_RECORDS + 10)
    ]
    for start in range(0, len(data), 500):
        batch = data[start : start + 500]
        await books.write(lambda w, b=batch: create_transactions(w, b))
    await agree(books)
    pages = "SELECT page, count, version = built AS now FROM segments WHERE book = $1 AND month = $2 ORDER BY page"
    month = (books.giro, date(2026, 7, 1))
    assert [tuple(row) for row in await root.fetch(pages, *month)] == [
        (0, len(data), True),
        (1, 0, True),
    ]
    ids = await root.fetch(
        "SELECT id FROM transactions WHERE account_id = $1 AND date = $2 LIMIT 20", *month
    )
    gone = [(row["id"], None) for row in ids]
    await books.write(lambda w: delete_transactions(w, gone))
    await agree(books)
    assert [row["page"] for row in await root.fetch(pages, *month)] == [0]


@pytest.mark.case("E02")
@pytest.mark.parametrize("column", ["blob", "total"])
async def test_an_altered_segment_is_an_error_and_no_number(
    books: Books, root: asyncpg.Connection, column: str
) -> None:
    await agree(books)
    cell = await root.fetchrow(
        f"SELECT book, month, {column} AS cell FROM segments WHERE ledger_id = $1 LIMIT 1",
        books.actor.ledger_id,
    )
    await root.execute(
        f"UPDATE segments SET {column} = $3 WHERE book = $1 AND month = $2",
        cell["book"], cell["month"], flipped(cell["cell"]),
    )  # fmt: skip
    with pytest.raises(SealBroken):
        await both(books)
    assert await books.found() == {("SEAL", "account", cell["book"])}


@pytest.mark.case("E01")
async def test_a_segment_opens_only_where_and_when_it_was_sealed(
    books: Books, root: asyncpg.Connection
) -> None:
    await agree(books)
    old = await root.fetchrow(
        "SELECT * FROM segments WHERE book = $1 AND month = $2", books.giro, date(2026, 3, 1)
    )
    await books.change(books.rows[0], amount="5")
    await agree(books)
    # The content of an earlier version under the present one.
    await root.execute(
        "UPDATE segments SET blob = $3, total = $4 WHERE book = $1 AND month = $2",
        books.giro, date(2026, 3, 1), old["blob"], old["total"],
    )  # fmt: skip
    with pytest.raises(SealBroken):
        await both(books)
    # Of another month.
    await root.execute(
        "UPDATE segments SET version = $3, built = $3, month = $4 WHERE book = $1 AND month = $2",
        books.giro, date(2026, 3, 1), old["version"], date(2027, 3, 1),
    )  # fmt: skip
    with pytest.raises(SealBroken):
        await both(books)


async def test_what_segments_leave_out_is_told(books: Books, root: asyncpg.Connection) -> None:
    await agree(books)
    await root.execute("DELETE FROM segments WHERE book = $1", books.giro)
    assert await books.found() == {("SEGMENT", "account", books.giro)}
    await root.execute(
        "UPDATE transactions SET status = 'PENDING' WHERE account_id = $1", books.savings
    )
    kinds = {(kind, entity) for kind, entity, _ in await books.found()}
    assert kinds == {("SEGMENT", "account"), ("ROW", "transaction")}


async def test_readers_and_writers_never_disagree(books: Books) -> None:
    """Writers beside readers of snapshots that store what they had to open."""
    chance = random.Random(7)  # noqa: S311 - a test's seed, no secret
    until = time.monotonic() + 4
    looked = 0

    async def write() -> None:
        alive: list[UUID] = []
        while time.monotonic() < until:
            if alive and chance.random() < 0.3:
                gone = alive.pop(chance.randrange(len(alive)))
                await books.write(lambda w, g=gone: delete_transactions(w, [(g, None)]))
                continue
            day = date(2026, 1, 1) + timedelta(days=chance.randrange(120))
            row = await books.book(str(chance.randrange(-500, 500)), date=day.isoformat())
            alive.append(row.id)

    async def read() -> None:
        nonlocal looked
        while time.monotonic() < until:
            found, wanted = await both(books, settle=False)
            assert found == wanted
            looked += 1

    await asyncio.gather(write(), write(), read(), read())
    assert looked > 5
    await books.database.settle()
    await agree(books)
    assert await books.found() == set()


def test_sums_are_exact_or_refused_but_never_wrapped() -> None:
    large = np.array([2**62, 2**62, -(2**62)], dtype=np.int64)
    assert not fits(large)
    assert sum_of(large) == 2**62
    assert sums_by(np.array([0, 1, 1]), large, 2) == [2**62, 0]
    with pytest.raises(Exception, match="64-bit"):
        sum_of(large[:2])
    with pytest.raises(Exception, match="64-bit"):
        sums_by(np.array([0, 0]), large[:2], 1)


def test_ids_are_found_even_if_they_share_a_half() -> None:
    known = [UUID(int=1 << 64 | 5), UUID(int=2 << 64 | 5), UUID(int=3 << 64 | 9)]
    asked = [UUID(int=2 << 64 | 5), UUID(int=4 << 64 | 5), UUID(int=3 << 64 | 9), UUID(int=0)]
    assert find(*words_of(asked), *words_of(known)).tolist() == [1, -1, 2, -1]
    assert find(*words_of(asked), *words_of(known[:1])).tolist() == [-1, -1, -1, -1]


async def test_a_write_of_many_rows_in_one_month_is_built_ahead_too(
    books: Books, root: asyncpg.Connection
) -> None:
    cells = {"accountId": books.giro, "date": "2026-01-05", "amount": "-1.05", "description": "x"}
    wanted = [parse(TransactionCreate, cells) for _ in range(MANY)]
    waiting = "SELECT count(*) FROM jobs WHERE kind = 'build_segments' AND ledger_id = $1"
    await books.write(lambda w: create_transactions(w, wanted[1:]))
    assert await root.fetchval(waiting, books.actor.ledger_id) == 0
    await books.write(lambda w: create_transactions(w, wanted))
    assert await root.fetchval(waiting, books.actor.ledger_id) == 1


async def test_time_for_packing_does_not_count_and_batches_outlive_a_failure(
    books: Books, root: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 1)
    packing, packed = reading.pack_months, []

    async def failing(tx: Any, ledger_id: UUID, places: Any) -> Any:
        if packed:
            raise ConnectionError
        packed.append(len(places))
        return await packing(tx, ledger_id, places)

    monkeypatch.setattr(reading, "pack_months", failing)
    moment = await books.database.open_read(books.actor.user_id)
    with pytest.raises(ConnectionError):
        await read_parts(moment, books.actor.ledger_id, ALL)
    await moment.end()
    await books.database.settle()
    assert packed == [1]
    assert await fresh(books, root) == 1
    monkeypatch.setattr(reading, "pack_months", packing)
    async with asyncio.timeout(60) as limit:
        before = limit.when()
        with patient(limit):
            await both(books)
        after = limit.when()
        assert before is not None
        assert after is not None
        assert before < after < before + MOST_SECONDS
        with patient(limit):
            give_back(MOST_SECONDS * 2)
            give_back(1.0)
        assert limit.when() == after + MOST_SECONDS, "and no more than that"
    await agree(books)


async def test_what_a_wide_write_left_is_built_before_anybody_asks(
    books: Books, root: asyncpg.Connection, running: Running
) -> None:
    ledger = books.actor.ledger_id
    wanted = [
        parse(
            TransactionCreate,
            {"accountId": books.giro, "date": day, "amount": "-1.05", "description": "x"},
        )
        for day in (f"{year}-{month:02}-03" for year in (2016, 2017) for month in range(1, 13))
    ]
    await books.write(lambda w: create_transactions(w, wanted[:3]))
    waiting = "SELECT count(*) FROM jobs WHERE kind = 'build_segments' AND ledger_id = $1"
    assert await root.fetchval(waiting, ledger) == 0, "a few months are for the next reader"
    await books.write(lambda w: create_transactions(w, wanted[3:15]))
    await books.write(lambda w: create_transactions(w, wanted[15:]))
    stale = "SELECT count(*) FROM segments WHERE ledger_id = $1 AND page = 0 AND built < version"
    assert await root.fetchval(stale, ledger) >= len(wanted)
    now = "UPDATE jobs SET run_at = now() WHERE kind = 'build_segments' AND ledger_id = $1"
    await root.execute(now, ledger)
    handlers = {BUILD_SEGMENTS: job_handlers(running.services)[BUILD_SEGMENTS]}
    await Worker(books.database, running.broker, handlers).run_due()
    assert await root.fetchval(stale, ledger) == 0
    await agree(books)
