"""The takeout: every table and field of a person, one moment, constant memory, nothing left over."""

import asyncio
import dataclasses
import inspect
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from sqlalchemy import text

from app import Running
from graph.http import downloads
from models import ids
from models.tables import metadata
from resolvers import wire as wires
from resolvers.errors import Unavailable
from resolvers.exports import FORMAT_VERSION, Asked, opening
from resolvers.exports.kept import kept
from resolvers.exports.sections import CORE, NOT_TOLD, REST, TABLES
from resolvers.users import actor_of, get_user
from resolvers.wire import wire
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor
from tests.exports.files import answer_of, download, drained
from tests.statements import counted

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + b"receipt" * 20_000
NUMBER = "AT61 1904 3002 3457 3201"


async def life(door: Door, client: httpx2.AsyncClient, running: Running) -> dict[str, Any]:
    """One of everything that a person can have."""
    body = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "12.50"}
    giro = await door.call("CreateAccount", {**body, "number": NUMBER, "openingDate": "2026-01-01"})
    gone = await door.call("CreateAccount", {**body, "name": "Gone"})
    category = (await door.call("CreateCategory", {"name": "Café ☕", "kind": "EXPENSE"}))["id"]
    row = {"accountId": giro["id"], "date": "2026-01-05", "amount": "-9.99", "description": "x"}
    first = await door.call("CreateTransaction", {**row, "tags": ["a"], "notes": "secret\nnote", "status": "PENDING"})  # fmt: skip
    parts = [{"categoryId": category, "amount": "-4"}, {"categoryId": category, "amount": "-5.99", "notes": "n"}]  # fmt: skip
    split = await door.call("CreateTransaction", {**row, "splits": parts, "externalId": "e1"})
    refund = await door.call("CreateTransaction", {**row, "amount": "4", "refundOf": split["id"]})
    trashed = await door.call("CreateTransaction", {**row, "description": "trash"})
    await door.call("DeleteTransaction", id=trashed["id"])
    lost = {**row, "accountId": gone["id"]}
    await door.call("CreateTransaction", lost)
    await door.call("DeleteAccount", id=gone["id"], force=True)
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01"}
    budget = await door.call("CreateBudget", {**plan, "items": [{"categoryId": category, "amount": "50", "carry": "BOTH"}]})  # fmt: skip
    often = {"name": "Rent", "accountId": giro["id"], "amount": "-500", "description": "Rent"}
    template = await door.call("CreateTemplate", {**often, "frequency": "MONTHLY", "startDate": "2026-01-01"})  # fmt: skip
    await door.call("ExecuteTemplate", id=template["id"], date="2026-01-01")
    answer = await client.post(
        "/v1/uploads",
        files={"file": ("Café.png", PNG, "image/png")},
        data={"purpose": "RECEIPT", "transactionId": first["id"]},
        headers=door.headers,
    )
    file = answer.json()["data"]
    answer = await client.post(
        "/v1/imports/csv",
        files={"file": ("bank.csv", b"Date,Text,Amount\n2026-02-01,imported,-7.00\n", "text/csv")},
        data={"accountId": giro["id"]},
        headers=door.headers,
    )
    await drained(running)
    return {"giro": giro, "category": category, "first": first, "split": split, "refund": refund,
            "trashed": trashed, "budget": budget, "template": template, "file": file,
            "import": answer.json()["data"]["id"]}  # fmt: skip


def test_every_table_is_told_or_has_a_reason() -> None:
    """A new table of a person belongs into a section (and into docs/takeout.md), or says why not."""
    assert {*TABLES, *NOT_TOLD} == set(metadata.tables)
    assert {*TABLES.values()} <= {"profile", *CORE, *REST}
    told = (Path(__file__).resolve().parents[2] / "docs" / "takeout.md").read_text()
    for name in ("profile", *CORE, *REST):
        assert f"`{name}`" in told, name


def test_a_kept_object_has_every_field_of_its_row() -> None:
    derived = {
        "ledger_id",
        "split_count",
        "category_kind",
        "content_key",
        "user_id",
        "email_key",
        "refunded",
    }
    for row in {*kept.registry, *wire.registry} - {object}:
        functions = [one.registry[row] for one in (kept, wire) if row in one.registry]
        source = "".join(inspect.getsource(one) for one in [*functions, wires.stored])
        for one in dataclasses.fields(row):
            if one.name not in derived:
                assert f"row.{one.name}" in source, (row.__name__, one.name)


async def test_nothing_is_lost(door: Door, client: httpx2.AsyncClient, running: Running) -> None:
    made = await life(door, client, running)
    content = await download(door, "json")
    data = json.loads(content)
    assert (data["format"], data["formatVersion"]) == ("pocket-trend-takeout", FORMAT_VERSION)
    assert (data["complete"], data["filter"]) == (True, {})
    assert list(data)[-len({**CORE, **REST}) :] == [*CORE, *REST]
    assert data["profile"]["email"] == door.person.email
    account = next(one for one in data["accounts"] if one["id"] == made["giro"]["id"])
    assert (account["number"], account["openingBalance"], account["openingDate"]) == (NUMBER, "12.50", "2026-01-01")  # fmt: skip
    for name, key in (("transactions", "first"), ("transactions", "split"), ("transactions", "refund"), ("budgets", "budget"), ("templates", "template"), ("uploads", "file")):  # fmt: skip
        found = next(one for one in data[name] if one["id"] == made[key]["id"])
        derived = {"balance", "downloadUrl", "nextDate", "missingDates"}
        shown = {k: v for k, v in made[key].items() if k not in derived}
        assert {k: found[k] for k in shown} == shown, name
    assert len(data["transactions"]) == 5
    assert data["trashedTransactions"][0]["id"] == made["trashed"]["id"]
    assert len(data["trashedTransactions"]) == 2
    assert [one["name"] for one in data["trashedAccounts"]] == ["Gone"]
    assert all(one["deletedAt"] for one in [*data["trashedTransactions"], *data["trashedAccounts"]])
    executed = next(one for one in data["transactions"] if one["templateId"])
    assert executed["occurrenceDate"] == "2026-01-01"
    assert [one["id"] for one in data["imports"]] == [made["import"]]
    assert [(one["decision"], one["amount"]) for one in data["importRows"]] == [("NEW", "-7.00")]
    assert "IMPORT_FINISHED" in {one["type"] for one in data["notifications"]}
    assert len(data["sessions"]) == 1
    assert {one["entity"] for one in data["changes"]} >= {
        "user",
        "account",
        "transaction",
        "budget",
    }
    listed = (await door.call("ListCategories", limit=100))["items"]
    assert sorted(one["id"] for one in data["categories"]) == sorted(one["id"] for one in listed)


async def test_a_filter_leaves_the_transactions_and_what_they_refer_to(
    door: Door, client: httpx2.AsyncClient, running: Running
) -> None:
    made = await life(door, client, running)
    data = json.loads(await download(door, "json", **{"from": "2026-02-01", "to": "2026-02-28"}))
    assert (data["complete"], data["filter"]) == (False, {"from": "2026-02-01", "to": "2026-02-28"})
    assert [one["description"] for one in data["transactions"]] == ["imported"]
    assert [one["id"] for one in data["accounts"]] == [made["giro"]["id"]]
    assert not {*REST} & {*data}


async def test_another_person_is_in_no_file_of_mine(
    door: Door, client: httpx2.AsyncClient, running: Running, bob: Person
) -> None:
    await life(door, client, running)
    theirs = door.as_person(bob)
    data = json.loads(await download(theirs, "json"))
    assert [len(data[name]) for name in ("accounts", "transactions", "uploads")] == [0, 0, 0]
    assert door.person.email not in json.dumps(data)


async def test_the_archive_holds_data_table_and_files(
    door: Door, client: httpx2.AsyncClient, running: Running
) -> None:
    made = await life(door, client, running)
    graph = GraphQLDoor(client, door.person)
    asked = "mutation{requestTakeout{export{filename contentType downloadUrl expiresAt}}}"
    link = (await graph.query(asked))["data"]["requestTakeout"]["export"]
    assert link["contentType"] == "application/zip"
    url = urlsplit(link["downloadUrl"])
    answer = await client.get(f"{url.path}?{url.query}")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "private, no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        statement = next(name for name in archive.namelist() if name.endswith("bank.csv"))
        receipt = f"files/{made['file']['id']}/Café.png"
        assert archive.namelist()[:3] == ["README.txt", "data.json", "transactions.csv"]
        assert set(archive.namelist()[3:]) == {receipt, statement}
        assert archive.read(receipt) == PNG
        data = json.loads(archive.read("data.json"))
        assert data["complete"]
        assert archive.read("transactions.csv") == await download(door, "csv")


async def test_a_link_ends_with_its_session_and_its_time(
    client: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = GraphQLDoor(client, ada)
    link = await door.call("Export", format="CSV")
    assert re.fullmatch(r"pocket-trend-transactions-\d{4}-\d\d-\d\d\.csv", link["filename"])
    url = urlsplit(link["downloadUrl"])
    path = f"{url.path}?{url.query}"
    assert (await client.get(path)).status_code == 200
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for changed in (path[:-1] + ("A" if path[-1] != "A" else "B"), url.path, f"{url.path}?token=!", path + "A" * 7_000):  # fmt: skip
        assert (await client.get(changed)).status_code == 404, changed[:200]
    now = opening.utc_now()
    monkeypatch.setattr(opening, "utc_now", lambda: now.replace(year=now.year + 1))
    assert (await client.get(path)).status_code == 410
    monkeypatch.undo()
    await RestDoor(client, ada).call("Logout")
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "GONE")


async def many(running: Running, door: Door, count: int) -> Any:
    account = (await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"}))[
        "id"
    ]
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "many"}
    for start in range(0, count, 500):
        rows = [row] * min(500, count - start)
        await door.call("CreateTransactions", transactions=rows)
    user_id = ids.decode("user", door.person.id)
    async with running.services.database.read(user_id) as tx:
        return actor_of(await get_user(tx, user_id))


async def test_pages_are_read_as_they_leave(client: httpx2.AsyncClient, ada: Person, running: Running) -> None:  # fmt: skip
    """Constant memory: no piece is large, and no statement is sent ahead of the reader."""
    actor = await many(running, RestDoor(client, ada), 1_700)
    with counted(running.services.database) as statements:
        opened = await running.services.exports.open(actor, Asked("JSON"))
        begun = sum("FROM transactions" in one for one in statements)
        sizes = [len(piece) async for piece in opened.pieces]
    assert begun == 1
    assert sum("FROM transactions" in one for one in statements) == 4 + 1
    assert max(sizes) < 500_000
    assert len(sizes) > 4


@pytest.mark.parametrize("format", ["CSV", "JSON", "ZIP"])
async def test_a_reader_who_leaves_gives_the_connection_back(
    client: httpx2.AsyncClient, ada: Person, running: Running, format: Any
) -> None:
    actor = await many(running, RestDoor(client, ada), 1_700)
    drivers, pool = running.services.database.drivers, running.services.database.engine.pool
    await drivers.rest()
    before = pool.checkedout()
    opened = await running.services.exports.open(actor, Asked(format))
    assert pool.checkedout() == before + 1
    sent: list[Any] = []
    left = asyncio.Event()

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        left.set()
        await asyncio.sleep(0)

    await downloads.Download(opened)({"type": "http", "method": "GET"}, receive, send)
    await drivers.rest()
    assert pool.checkedout() == before
    assert len(sent) <= 4


async def test_a_failure_on_the_way_cuts_the_answer_short(
    client: httpx2.AsyncClient, ada: Person, running: Running
) -> None:
    door = RestDoor(client, ada)
    actor = await many(running, door, 1_700)
    last = (await door.call("ListTransactions", limit=1))["items"][0]["id"]
    found = {"id": ids.decode("txn", last), "ledger": actor.ledger_id}

    async def break_it(tx: Any) -> None:
        await tx.run(text("UPDATE transactions SET amount = '\\x00' WHERE id = :id AND ledger_id = :ledger"), found)  # fmt: skip

    await running.services.database.change(actor.user_id, break_it)
    drivers, pool = running.services.database.drivers, running.services.database.engine.pool
    await drivers.rest()
    before = pool.checkedout()
    with pytest.raises(Exception, match="cut short"):
        await answer_of(door, "csv")
    # The server closes what was cut short behind the answer.
    with anyio.fail_after(10):
        while pool.checkedout() != before:
            await anyio.sleep(0.01)
            await drivers.rest()


async def test_what_fails_at_once_is_told(client: httpx2.AsyncClient, ada: Person, running: Running) -> None:  # fmt: skip
    door = RestDoor(client, ada)
    actor = await many(running, door, 1)

    async def break_it(tx: Any) -> None:
        await tx.run(text("UPDATE transactions SET amount = '\\x00' WHERE ledger_id = :l"), {"l": actor.ledger_id})  # fmt: skip

    await running.services.database.change(actor.user_id, break_it)
    answer = await answer_of(door, "csv")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "DATA_INTEGRITY")


async def test_few_exports_run_at_a_time(
    client: httpx2.AsyncClient, ada: Person, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = await many(running, RestDoor(client, ada), 1)
    exports = running.services.exports
    held = [await exports.open(actor, Asked("CSV")) for _ in range(opening.AT_ONCE)]
    monkeypatch.setattr(opening, "WAIT_SECONDS", 0.01)
    with pytest.raises(Unavailable):
        await exports.open(actor, Asked("CSV"))
    for one in held:
        await one.pieces.aclose()
    opened = await exports.open(actor, Asked("CSV"))
    await opened.pieces.aclose()


async def test_exports_are_few_an_hour(
    door: Door, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.services.limits, "_width", 1)
    for _ in range(10):
        await download(door, "csv")
    with pytest.raises(Refused) as refused:
        await download(door, "csv")
    assert (refused.value.code, refused.value.details["policy"]) == ("RATE_LIMITED", "export")
