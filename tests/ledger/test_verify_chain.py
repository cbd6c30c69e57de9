"""Verification of the change chain: altered, removed, swapped and cut-off changes are named."""

from datetime import timedelta

import asyncpg
import pytest

from tests.ledger.books import Books, feed, flipped

pytestmark = [pytest.mark.anyio, pytest.mark.case("L02")]


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


async def test_contents_of_two_changes_of_one_object_do_not_open_in_each_others_place(
    books: Books, root: asyncpg.Connection
) -> None:
    changed = books.rows[5]
    one_row, other = [r for r in await feed(root, books) if r["entity_id"] == changed.id]
    for row, content in ((one_row, other["content"]), (other, one_row["content"])):
        await root.execute(
            "UPDATE changes SET content = $4 WHERE ledger_id = $1 AND version = $2 AND seq = $3",
            row["ledger_id"], row["version"], row["seq"], content,
        )  # fmt: skip
    differences = (await books.report()).differences
    assert [(str(d.kind), d.entity_id) for d in differences] == [("SEAL", changed.id)] * 2


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
    # In each place stands the other one, where it does not open; neighbours are one break.
    moved = [other["entity_id"], one_row["entity_id"]]
    breaks = moved[: 1 if distance == 1 else 2]
    assert await books.found() == {
        *(("CHAIN", "change", place) for place in breaks),
        *(("SEAL", "change", place) for place in moved),
    }


async def test_a_tail_cut_off_is_missed(books: Books, root: asyncpg.Connection) -> None:
    rows = await feed(root, books)
    gone = books.rows[6]
    assert [r["entity_id"] for r in rows[-2:]] == [gone.id, gone.id]
    await root.execute(
        "DELETE FROM changes WHERE ledger_id = $1 AND version >= $2",
        books.actor.ledger_id,
        rows[-2]["version"],
    )
    from_nowhere = ("ROW", "transaction", gone.id)
    assert await books.found() == {("HEAD", "ledger", books.actor.ledger_id), from_nowhere}
    # With the ledger set back along, the chain is whole, but the row in the trash is left of it.
    await root.execute(
        "UPDATE ledgers SET version = $2, head_hash = $3 WHERE id = $1",
        books.actor.ledger_id,
        rows[-3]["version"],
        rows[-3]["hash"],
    )
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
