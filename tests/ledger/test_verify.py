"""Verification on a real database: sound books are silent, every tampering is named exactly."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from graph.context import Services
from models.database import Database
from models.embedded.parts import Endpoints
from models.embedded.postgres import SUPERUSER
from models.ids import encode
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import (
    AccountCreate,
    AccountUpdate,
    create_account,
    delete_account,
    restore_account,
    update_account,
)
from resolvers.auth import RegisterInput
from resolvers.categories import CategoryCreate, CategoryUpdate, create_category, update_category
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite, repeat_of
from resolvers.transactions import (
    TransactionCreate,
    TransactionUpdate,
    create_transactions,
    delete_transactions,
    purge_trash,
    restore_transaction,
    update_transactions,
)
from resolvers.transactions.trash import delete_rows_of_account, restore_rows_of_account
from resolvers.transactions.writes import Patch, one
from resolvers.users import actor_of
from resolvers.verify import Difference, Report, verify_all, verify_ledger

pytestmark = pytest.mark.anyio

Found = set[tuple[str, str, UUID]]
AMOUNTS = ("1234.56", "-77.77", "-88.88", "-300.30", "-45.67", "-23.45", "-22.22", "-55.55")
NUMBERS = itertools.count(1)


@pytest.fixture
async def root(parts: Endpoints) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser, whom no policy stops."""
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user=SUPERUSER,
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


@dataclass(slots=True)
class Books:
    """A ledger with a bit of everything and its owner."""

    services: Services
    actor: Actor
    chain_key: bytes
    giro: UUID
    savings: UUID
    category: UUID
    rows: list[TransactionRow] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.services.database

    async def write(self, work: Any, **more: Any) -> Any:
        return (await self.services.ledgers.write(self.actor, work, **more)).value

    async def book(self, amount: str, **more: Any) -> TransactionRow:
        data = {
            "accountId": self.giro, "date": "2026-03-01", "amount": amount, "description": "x",
            **more,
        }  # fmt: skip
        return await self.write(
            lambda write: _one(create_transactions(write, [parse(TransactionCreate, data)]))
        )

    async def change(self, row: TransactionRow, **data: Any) -> TransactionRow:
        patch = Patch(row.id, parse(TransactionUpdate, data))
        return await self.write(lambda write: _one(update_transactions(write, [patch])))

    async def report(self) -> Report:
        actor = self.actor
        return await verify_ledger(self.database, self.chain_key, actor.ledger_id, actor.user_id)

    async def found(self) -> Found:
        """Kind, entity and id of each difference, none told twice, none with an amount."""
        differences = (await self.report()).differences
        told = [(str(d.kind), d.entity, d.entity_id) for d in differences]
        assert len(told) == len(set(told)), differences
        for difference in differences:
            assert difference.ledger_id == self.actor.ledger_id
            assert not any(
                amount.lstrip("-").replace(".", mark) in difference.message
                for amount in AMOUNTS
                for mark in ("", ".")
            )
        return set(told)


async def _one(made: Any) -> TransactionRow:
    return one(await made)


async def _found_books(services: Services) -> Books:
    data = {
        "email": f"verify{next(NUMBERS)}@example.org",
        "password": "correct horse battery staple 9",
        "name": "Ada",
    }
    actor = actor_of((await services.auth.register(parse(RegisterInput, data))).user)

    async def ground(write: LedgerWrite) -> tuple[UUID, UUID, UUID]:
        made = []
        for name in ("Giro", "Savings"):
            body = {
                "name": name, "type": "CHECKING", "currency": "EUR", "openingBalance": "10",
                "number": "AT61 1904",
            }  # fmt: skip
            made.append((await create_account(write, parse(AccountCreate, body))).id)
        category = parse(CategoryCreate, {"name": "Own", "kind": "EXPENSE"})
        return made[0], made[1], (await create_category(write, category)).id

    giro, savings, category = (await services.ledgers.write(actor, ground)).value
    return Books(services, actor, services.ledgers._chain_key, giro, savings, category)


@pytest.fixture
async def books(services: Services) -> Books:
    """Own books for one test: plain rows, a split, a transfer, one changed, one in the trash."""
    books = await _found_books(services)
    salary = await books.book("1234.56", notes="Net", tags=["work"])
    first = await books.book("-77.77", categoryId=books.category)
    second = await books.book("-88.88", categoryId=books.category)
    side = await books.book("-300.30", transferAccountId=books.savings)
    parts = [
        {"categoryId": books.category, "amount": "-23.45", "notes": "one"},
        {"categoryId": books.category, "amount": "-22.22"},
    ]
    split = await books.book("-45.67", splits=parts)
    changed = await books.change(await books.book("-55.55"), amount="-66.66", payee="Καφές")
    gone = await books.book("-9.99", notes="gone")
    await books.write(lambda write: delete_transactions(write, [(gone.id, None)]))
    books.rows = [salary, first, second, side, split, changed, gone]
    return books


async def feed(root: asyncpg.Connection, books: Books) -> list[asyncpg.Record]:
    return await root.fetch(
        "SELECT * FROM changes WHERE ledger_id = $1 ORDER BY version, seq", books.actor.ledger_id
    )


def flipped(value: bytes, at: int = 20) -> bytes:
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


async def test_sound_books_have_no_differences(books: Books) -> None:
    report = await books.report()
    assert report.differences == ()
    assert (report.ledgers, report.transactions) == (1, 8)
    assert report.changes == 19 + 3 + 10
    assert report.lines() == ["1 ledgers, 8 transactions, 32 changes: no differences"]


async def test_books_stay_sound_through_everything_that_a_person_can_do(books: Books) -> None:
    _, _, second, side, split, changed, gone = books.rows
    await books.book("5", refundOf=second.id)
    await books.change(side, amount="-12.12", date="2026-04-01")
    await books.change(split, splits=[])
    await books.change(changed, accountId=encode("acct", books.savings), tags=["a", "b"])
    update = parse(CategoryUpdate, {"kind": "INCOME", "name": "Other"})
    await books.write(lambda write: update_category(write, books.category, update))
    await books.write(lambda write: restore_transaction(write, gone.id))
    rename = parse(AccountUpdate, {"name": "Neu", "openingBalance": "-5.5", "number": None})
    await books.write(lambda write: update_account(write, books.giro, rename))
    await books.write(lambda write: delete_transactions(write, [(second.id, None)]))
    # Purging empties the refund's link without an entry in the feed.
    await books.write(lambda write: purge_trash(write, write.now + timedelta(days=1)))
    assert await books.found() == set()
    clear = delete_rows_of_account
    await books.write(lambda write: delete_account(write, books.savings, clear=clear, force=True))
    assert await books.found() == set()
    back = restore_rows_of_account
    await books.write(lambda write: restore_account(write, books.savings, bring_back=back))
    assert await books.found() == set()


async def test_amounts_that_change_places_do_not_open(
    books: Books, root: asyncpg.Connection
) -> None:
    one_row, other = books.rows[1], books.rows[2]
    await root.execute(
        "UPDATE transactions t SET amount = o.amount FROM transactions o "
        "WHERE t.id = ANY($1) AND o.id = ANY($1) AND o.id <> t.id",
        [one_row.id, other.id],
    )
    assert await books.found() == {
        ("SEAL", "transaction", one_row.id),
        ("SEAL", "transaction", other.id),
    }


CELLS = (
    ("accounts", "opening", "account"), ("accounts", "total", "account"),
    ("accounts", "number", "account"), ("transactions", "amount", "transaction"),
    ("transactions", "notes", "transaction"), ("splits", "amount", "split"),
    ("splits", "notes", "split"),
)  # fmt: skip


@pytest.mark.parametrize(("table", "column", "entity"), CELLS)
async def test_one_flipped_bit_is_one_difference(
    books: Books, root: asyncpg.Connection, table: str, column: str, entity: str
) -> None:
    row = await root.fetchrow(
        f"SELECT id, {column} AS cell FROM {table} "
        f"WHERE ledger_id = $1 AND {column} IS NOT NULL ORDER BY id LIMIT 1",
        books.actor.ledger_id,
    )
    for at in (0, 3, 9, 20, len(row["cell"]) - 1):
        await root.execute(
            f"UPDATE {table} SET {column} = $2 WHERE id = $1", row["id"], flipped(row["cell"], at)
        )
        assert await books.found() == {("SEAL", entity, row["id"])}
    [difference] = (await books.report()).differences
    assert difference.message.startswith(f"{table}.{column} of ")
    await root.execute(f"UPDATE {table} SET {column} = '' WHERE id = $1", row["id"])
    assert await books.found() == {("SEAL", entity, row["id"])}


async def test_cells_of_the_trash_and_of_stored_answers_are_opened_too(
    books: Books, root: asyncpg.Connection
) -> None:
    body = {"name": "Third", "type": "CASH", "currency": "EUR"}

    async def work(write: LedgerWrite) -> UUID:
        return (await create_account(write, parse(AccountCreate, body))).id

    await books.write(work, repeat=repeat_of("once", "x", body), answer=UUID)
    assert await books.found() == set()
    key_id = await root.fetchval(
        "UPDATE idempotency_keys SET answer = answer || '\\x00' WHERE ledger_id = $1 RETURNING id",
        books.actor.ledger_id,
    )
    gone = books.rows[6]
    await root.execute("UPDATE transactions SET amount = amount || '\\x00' WHERE id = $1", gone.id)
    assert await books.found() == {
        ("SEAL", "idempotency key", key_id),
        ("SEAL", "transaction", gone.id),
    }


async def test_an_older_total_opens_and_is_wrong(books: Books, root: asyncpg.Connection) -> None:
    old = await root.fetchval("SELECT total FROM accounts WHERE id = $1", books.giro)
    await books.book("-1.00")
    assert await books.found() == set()
    await root.execute("UPDATE accounts SET total = $2 WHERE id = $1", books.giro, old)
    assert await books.found() == {("TOTAL", "account", books.giro)}


async def test_an_older_amount_opens_and_is_not_what_the_feed_says(
    books: Books, root: asyncpg.Connection
) -> None:
    row = books.rows[3]
    old = await root.fetchval("SELECT amount FROM transactions WHERE id = $1", row.id)
    await books.change(row, amount="-55.55")
    await root.execute("UPDATE transactions SET amount = $2 WHERE id = $1", row.id, old)
    assert await books.found() == {
        ("TOTAL", "account", books.giro),
        ("TRANSFER", "transaction", row.id),
        ("ROW", "transaction", row.id),
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("date", date(2020, 1, 1)),
        ("description", "y"),
        ("status", "PENDING"),
        ("tags", ["work", "more"]),
        ("version", 7),
        ("payee", "Somebody"),
        ("external_id", "e1"),
    ],
)
async def test_a_changed_plain_column_is_told_by_its_name(
    books: Books, root: asyncpg.Connection, column: str, value: Any
) -> None:
    row = books.rows[0]
    await root.execute(f"UPDATE transactions SET {column} = $2 WHERE id = $1", row.id, value)
    assert await books.found() == {("ROW", "transaction", row.id)}
    [difference] = (await books.report()).differences
    assert difference.message.endswith(f"is not as its last change left it: {column}.")


async def test_changed_accounts_and_categories_are_told(
    books: Books, root: asyncpg.Connection
) -> None:
    await root.execute("UPDATE accounts SET opening_date = now() WHERE id = $1", books.giro)
    await root.execute("UPDATE categories SET kind = 'INCOME' WHERE id = $1", books.category)
    assert await books.found() == {
        ("ROW", "account", books.giro),
        ("ROW", "category", books.category),
    }


async def test_rows_that_vanish_and_rows_from_nowhere_are_told(
    books: Books, root: asyncpg.Connection
) -> None:
    hidden, gone = books.rows[0], books.rows[6]
    await root.execute("UPDATE transactions SET deleted_at = now() WHERE id = $1", hidden.id)
    assert await books.found() == {
        ("TOTAL", "account", books.giro),
        ("ROW", "transaction", hidden.id),
    }
    await root.execute("UPDATE transactions SET deleted_at = NULL WHERE id = $1", hidden.id)
    await root.execute("UPDATE transactions SET deleted_at = NULL WHERE id = $1", gone.id)
    assert await books.found() == {
        ("TOTAL", "account", books.giro),
        ("ROW", "transaction", gone.id),
    }
    await root.execute("UPDATE transactions SET deleted_at = now() WHERE id = $1", gone.id)
    stranger = await root.fetchval(
        "INSERT INTO categories SELECT ledger_id, gen_random_uuid(), version, created_at, "
        "updated_at, parent_id, name, kind, 'stranger', color, icon, archived "
        "FROM categories WHERE id = $1 RETURNING id",
        books.category,
    )
    assert await books.found() == {("ROW", "category", stranger)}


async def test_split_parts_must_sum_and_be_counted(books: Books, root: asyncpg.Connection) -> None:
    split = books.rows[4]
    part = split.splits[0].id
    saved = await root.fetchrow("SELECT * FROM splits WHERE id = $1", part)
    await root.execute("UPDATE transactions SET split_count = 3 WHERE id = $1", split.id)
    wanted = {("SPLIT", "transaction", split.id), ("ROW", "transaction", split.id)}
    assert await books.found() == wanted
    await root.execute("UPDATE transactions SET split_count = 2 WHERE id = $1", split.id)
    more = [
        {"categoryId": encode("cat", books.category), "amount": amount}
        for amount in ("-20.00", "-25.67")
    ]
    await books.change(split, splits=more)
    assert await books.found() == set()
    # A part of before comes back in the place of one of now: it opens, the sum is wrong.
    await root.execute("DELETE FROM splits WHERE transaction_id = $1 AND position = 0", split.id)
    await root.execute(
        "INSERT INTO splits (ledger_id, id, transaction_id, position, category_id, amount) "
        "VALUES ($1, $2, $3, 0, $4, $5)",
        *(saved[name] for name in ("ledger_id", "id", "transaction_id", "category_id", "amount")),
    )
    assert await books.found() == wanted


async def test_a_transfer_names_both_its_sides(books: Books, root: asyncpg.Connection) -> None:
    side = books.rows[3]
    await root.execute("UPDATE transactions SET transfer_id = NULL WHERE id = $1", side.id)
    assert await books.found() == {
        ("ROW", "transaction", side.id),
        ("TRANSFER", "transaction", side.transfer_id),
    }


async def test_an_altered_change_is_named(books: Books, root: asyncpg.Connection) -> None:
    row = (await feed(root, books))[-3]
    where = "WHERE ledger_id = $1 AND version = $2 AND seq = $3"
    key = (row["ledger_id"], row["version"], row["seq"])
    for column, value in (
        ("at", row["at"] + timedelta(microseconds=1)),
        ("actor_id", books.giro),
        ("op", "RESTORE"),
        ("content_mac", flipped(row["content_mac"])),
        ("prev_hash", flipped(row["prev_hash"])),
        ("hash", flipped(row["hash"])),
    ):
        await root.execute(f"UPDATE changes SET {column} = $4 {where}", *key, value)
        found = await books.found()
        assert found == {("CHAIN", "change", row["entity_id"])}, (column, found)
        [difference] = (await books.report()).differences
        assert f"Change {row['version']}/{row['seq']} " in difference.message
        await root.execute(f"UPDATE changes SET {column} = $4 {where}", *key, row[column])
    await root.execute(f"UPDATE changes SET content = $4 {where}", *key, flipped(row["content"]))
    assert await books.found() == {("SEAL", "change", row["entity_id"])}


async def test_contents_of_two_changes_of_one_object_open_in_each_others_place(
    books: Books, root: asyncpg.Connection
) -> None:
    changed = books.rows[5]
    one_row, other = [r for r in await feed(root, books) if r["entity_id"] == changed.id]
    for row, content in ((one_row, other["content"]), (other, one_row["content"])):
        await root.execute(
            "UPDATE changes SET content = $4 WHERE ledger_id = $1 AND version = $2 AND seq = $3",
            row["ledger_id"], row["version"], row["seq"], content,
        )  # fmt: skip
    # Both stand side by side in the feed: one break, named by its first row.
    assert await books.found() == {("CHAIN", "change", changed.id)}


async def test_a_removed_change_is_named_by_the_one_behind_it(
    books: Books, root: asyncpg.Connection
) -> None:
    rows = await feed(root, books)
    # The creation of a row that was changed later: its newest image stays.
    at = next(i for i, r in enumerate(rows) if r["entity_id"] == books.rows[5].id)
    await root.execute("DELETE FROM changes WHERE hash = $1", rows[at]["hash"])
    assert await books.found() == {("CHAIN", "change", rows[at + 1]["entity_id"])}
    [difference] = (await books.report()).differences
    last = rows[at - 1]
    assert f"does not follow {last['version']}/{last['seq']}:" in difference.message
    # The only change of a row: the row is from nowhere, too.  Two breaks apart are two.
    await root.execute("DELETE FROM changes WHERE hash = $1", rows[2]["hash"])
    assert await books.found() == {
        ("CHAIN", "change", rows[at + 1]["entity_id"]),
        ("CHAIN", "change", rows[3]["entity_id"]),
        ("ROW", "category", rows[2]["entity_id"]),
    }


async def test_the_first_change_is_missed(books: Books, root: asyncpg.Connection) -> None:
    rows = await feed(root, books)
    await root.execute("DELETE FROM changes WHERE hash = $1", rows[0]["hash"])
    assert await books.found() == {("CHAIN", "change", rows[1]["entity_id"])}
    [difference] = (await books.report()).differences
    assert "does not follow the beginning" in difference.message


@pytest.mark.parametrize("distance", [1, 5])
async def test_changes_that_change_places_are_named(
    books: Books, root: asyncpg.Connection, distance: int
) -> None:
    rows = await feed(root, books)
    one_row, other = rows[3], rows[3 + distance]
    assert one_row["version"] == other["version"]
    for seq, digest in ((-1, one_row["hash"]), (one_row["seq"], other["hash"])):
        await root.execute("UPDATE changes SET seq = $1 WHERE hash = $2", seq, digest)
    await root.execute("UPDATE changes SET seq = $1 WHERE hash = $2", other["seq"], one_row["hash"])
    # In each place stands the other one; neighbours are one break.
    places = [other["entity_id"], one_row["entity_id"]][: 1 if distance == 1 else 2]
    assert await books.found() == {("CHAIN", "change", place) for place in places}


async def test_a_tail_cut_off_is_missed(books: Books, root: asyncpg.Connection) -> None:
    rows = await feed(root, books)
    gone = books.rows[6]
    assert [r["entity_id"] for r in rows[-2:]] == [gone.id, gone.id]
    await root.execute(
        "DELETE FROM changes WHERE ledger_id = $1 AND version >= $2",
        books.actor.ledger_id,
        rows[-2]["version"],
    )
    assert await books.found() == {("HEAD", "ledger", books.actor.ledger_id)}
    # With the ledger set back along, the chain is whole, but the row in the trash is left of it.
    await root.execute(
        "UPDATE ledgers SET version = $2, head_hash = $3 WHERE id = $1",
        books.actor.ledger_id,
        rows[-3]["version"],
        rows[-3]["hash"],
    )
    from_nowhere = ("ROW", "transaction", gone.id)
    assert await books.found() == {from_nowhere}
    # One more off the tail: the row that it changed is newer than the feed.
    await root.execute("DELETE FROM changes WHERE hash = $1", rows[-3]["hash"])
    await root.execute(
        "UPDATE ledgers SET version = $2, head_hash = $3 WHERE id = $1",
        books.actor.ledger_id,
        rows[-4]["version"],
        rows[-4]["hash"],
    )
    assert await books.found() == {from_nowhere, ("ROW", "transaction", books.rows[5].id)}
    await root.execute(
        "UPDATE ledgers SET head_hash = $2 WHERE id = $1", books.actor.ledger_id, rows[-5]["hash"]
    )
    assert ("HEAD", "ledger", books.actor.ledger_id) in await books.found()


async def test_numbers_that_no_change_can_have_are_no_crash(
    books: Books, root: asyncpg.Connection
) -> None:
    rows = await feed(root, books)
    last = rows[-1]
    for column, value in (("version", -5), ("version", 2**62), ("seq", -1), ("seq", 2**31 - 1)):
        await root.execute(f"UPDATE changes SET {column} = $1 WHERE hash = $2", value, last["hash"])
        assert "CHAIN" in {kind for kind, _, _ in await books.found()}
        await root.execute(
            f"UPDATE changes SET {column} = $1 WHERE hash = $2", last[column], last["hash"]
        )
    for at in ("infinity", "-infinity", "1066-10-14"):
        await root.execute(
            "UPDATE changes SET at = $1::text::timestamptz WHERE hash = $2", at, last["hash"]
        )
        assert await books.found() == {("CHAIN", "change", last["entity_id"])}


async def test_lost_keys_are_told_once_and_the_chain_is_checked_still(
    books: Books, root: asyncpg.Connection
) -> None:
    ledger = books.actor.ledger_id
    wrapped = await root.fetchval("SELECT wrapped FROM ledger_keys WHERE ledger_id = $1", ledger)
    await root.execute(
        "UPDATE ledger_keys SET wrapped = $2 WHERE ledger_id = $1", ledger, flipped(wrapped)
    )
    assert await books.found() == {("KEYS", "ledger", ledger)}
    rows = await feed(root, books)
    await root.execute("DELETE FROM changes WHERE hash = $1", rows[5]["hash"])
    await root.execute("DELETE FROM ledger_keys WHERE ledger_id = $1", ledger)
    assert await books.found() == {
        ("KEYS", "ledger", ledger),
        ("CHAIN", "change", rows[6]["entity_id"]),
    }


async def test_all_ledgers_are_walked_and_each_difference_is_its_ledgers_own(
    books: Books, root: asyncpg.Connection
) -> None:
    other = await _found_books(books.services)
    await root.execute("UPDATE accounts SET name = 'x' WHERE id = $1", other.giro)
    steps: list[tuple[int, int]] = []
    report = await verify_all(
        books.database, books.chain_key, progress=lambda *step: steps.append(step)
    )
    told = [d for d in report.differences if d.ledger_id == other.actor.ledger_id]
    assert [(d.kind, d.entity_id) for d in told] == [("ROW", other.giro)]
    assert not [d for d in report.differences if d.ledger_id == books.actor.ledger_id]
    assert isinstance(report.differences[0], Difference)
    assert report.ledgers >= 2
    assert report.transactions >= 8
    total = steps[-1][1]
    assert steps == [(done, total) for done in range(1, total + 1)]
    stranger = await verify_ledger(
        books.database, books.chain_key, other.actor.ledger_id, books.actor.user_id
    )
    assert stranger == Report()


async def test_more_rows_than_a_page_are_all_seen(
    books: Books, root: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.verify.finder.pages.__kwdefaults__", {"rows": 3})
    monkeypatch.setattr("resolvers.verify.images.PAGE_ROWS", 3)
    assert (await books.report()).changes == 32
    assert await books.found() == set()
    last = max(books.rows, key=lambda row: row.id if row is not books.rows[6] else UUID(int=0))
    await root.execute("UPDATE transactions SET status = 'PENDING' WHERE id = $1", last.id)
    assert await books.found() == {("ROW", "transaction", last.id)}
