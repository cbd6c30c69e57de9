"""The change feed through both doors: cursors, snapshots, pages, and that it equals what is there."""

import ast
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from graph.changes import ChangeCursors, ChangeKind
from graph.context import Services
from models import ids
from resolvers.feed import KINDS, START, Seen, Snapshot, pack, unpack
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor
from tests.live.following import since
from tests.statements import counted

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
ROW = {"date": "2026-03-01", "amount": "-10.00", "description": "x"}


async def account(door: Door, name: str = "Giro", **more: Any) -> str:
    body = {"name": name, "type": "CHECKING", "currency": "EUR", **more}
    made = await door.call("CreateAccount", body)
    return str(made["id"])


def test_the_graph_knows_every_kind_of_the_feed() -> None:
    assert {kind.value for kind in ChangeKind} == set(KINDS)


def test_the_feed_shows_every_kind_that_is_recorded() -> None:
    recorded = set()
    for path in (ROOT / "resolvers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in {"record", "purged"} and isinstance(node.args[0], ast.Constant):
                recorded.add(node.args[0].value)
    assert {"account", "transaction", "user"} < recorded
    assert recorded == set(KINDS)


@pytest.mark.parametrize(
    "position",
    [
        START,
        {ids.new_id(): Seen(1)},
        {ids.new_id(): Seen(2**40, 7), ids.new_id(): Snapshot(3, ids.new_id(), "budgetItem")},
        {ids.new_id(): Snapshot(3)},
    ],
    ids=["start", "seen", "two", "snapshot"],
)
def test_a_position_survives_packing(position: Any) -> None:
    packed = pack(position)
    assert unpack(packed) == position
    assert pack(dict(reversed(position.items()))) == packed
    if packed:
        with pytest.raises(ValueError):
            unpack(packed[:-1])


async def test_it_begins_with_what_is_there_and_goes_on_with_what_happens(door: Door) -> None:
    first = await account(door, openingBalance="5")
    page = await door.call("ListChanges")
    made = [one for one in page["changes"] if one["id"] == first]
    assert [one["type"] for one in made] == ["account.snapshot"]
    assert made[0]["data"]["openingBalance"] == "5.00"
    assert {one["type"].partition(".")[2] for one in page["changes"]} == {"snapshot"}
    assert {one["groupId"] for one in page["changes"]} == {None}
    assert page["hasMore"] is False
    nothing = await door.call("ListChanges", cursor=page["cursor"])
    assert nothing == {"changes": [], "cursor": page["cursor"], "hasMore": False}

    await door.call("UpdateAccount", {"name": "Other"}, id=first)
    row = await door.call("CreateTransaction", {**ROW, "accountId": first})
    await door.call("DeleteTransaction", id=row["id"])
    await door.call("RestoreTransaction", id=row["id"])
    page = await door.call("ListChanges", cursor=page["cursor"])
    told = [(one["type"], one["id"], one["version"]) for one in page["changes"]]
    assert told == [
        ("account.updated", first, 2),
        ("transaction.created", row["id"], 1),
        ("transaction.deleted", row["id"], 2),
        ("transaction.restored", row["id"], 3),
    ]
    assert [one["data"] is None for one in page["changes"]] == [False, False, True, False]
    assert {one["actorId"] for one in page["changes"]} == {door.person and door.person.id}
    for at, one in enumerate(page["changes"]):
        rest = await door.call("ListChanges", cursor=one["cursor"])
        assert rest["changes"] == page["changes"][at + 1 :]


async def test_a_page_may_end_inside_of_one_write(door: Door) -> None:
    where = await account(door)
    start = (await door.call("ListChanges", limit=100))["cursor"]
    rows = [{**ROW, "accountId": where, "description": str(n)} for n in range(7)]
    await door.call("CreateTransactions", transactions=rows)
    whole = await since(door, start)
    assert [one["data"]["description"] for one in whole] == [str(n) for n in range(7)]
    for size in (1, 2, 3, 7):
        assert await since(door, start, limit=size) == whole


async def test_only_some_kinds_and_the_cursor_still_ends_at_the_present(door: Door) -> None:
    where = await account(door)
    row = await door.call("CreateTransaction", {**ROW, "accountId": where})
    found = await since(door, "start", kinds=["TRANSACTION"], limit=1)
    assert [one["id"] for one in found] == [row["id"]]
    page = await door.call("ListChanges", kinds=["BUDGET"])
    assert page["changes"] == []
    assert (await door.call("ListChanges", cursor=page["cursor"]))["changes"] == []
    await account(door, "Second")
    page = await door.call("ListChanges", cursor=page["cursor"], kinds=["BUDGET"])
    assert (page["changes"], page["hasMore"]) == ([], False)


@pytest.mark.case("G11")
async def test_one_cursor_is_good_at_every_door_and_for_one_person(
    client: Any, ada: Person, bob: Person
) -> None:
    rest, graph = RestDoor(client, ada), GraphQLDoor(client, ada)
    where = await account(rest)
    page = await graph.call("ListChanges")
    answer = await client.get("/v1/accounts", headers=ada.headers)
    viewer = await graph.query("{viewer{changeCursor}}")
    assert answer.headers["change-cursor"] == page["cursor"]
    assert viewer["data"]["viewer"]["changeCursor"] == page["cursor"]
    assert (await rest.call("ListChanges", cursor=page["cursor"]))["changes"] == []
    tag = {"If-None-Match": answer.headers["etag"]}
    same = await client.get("/v1/accounts", headers={**ada.headers, **tag})
    assert (same.status_code, same.headers["change-cursor"]) == (304, page["cursor"])
    content = b64encode(b"Date,Text,Amount\n2026-01-01,x,-1.00\n").decode()
    file = await graph.call("CreateUpload", {"filename": "a.csv", "content": content})
    # Links expire, so it has no validator; the cursor it has.
    shown = await client.get(f"/v1/uploads/{file['id']}", headers=ada.headers)
    viewer = await graph.query("{viewer{changeCursor}}")
    assert shown.headers["change-cursor"] == viewer["data"]["viewer"]["changeCursor"]
    assert "etag" not in shown.headers
    for cursor in (page["cursor"][:-2], "x", "", "é", "A" * 40_000, page["cursor"].swapcase()):
        for door in (rest, graph):
            with pytest.raises(Refused) as refused:
                await door.call("ListChanges", cursor=cursor)
            assert (refused.value.code, where in str(refused.value)) == ("INVALID_CURSOR", False)
    with pytest.raises(Refused) as refused:
        await RestDoor(client, bob).call("ListChanges", cursor=page["cursor"])
    assert refused.value.code == "INVALID_CURSOR"


async def test_a_cursor_of_a_future_that_was_restored_away_is_gone(
    door: Door, ada: Person, services: Services
) -> None:
    actor = await services.auth.actor(ada.token)
    ahead = ChangeCursors(services.cursor_key, actor).seal({actor.ledger_id: Seen(1_000)})
    with pytest.raises(Refused) as refused:
        await door.call("ListChanges", cursor=ahead)
    assert refused.value.code == "GONE"


async def test_a_transactions_kind_is_its_categorys_present_one(door: Door) -> None:
    where = await account(door)
    category = (await door.call("CreateCategory", {"name": "x", "kind": "EXPENSE"}))["id"]
    row = {**ROW, "accountId": where, "categoryId": category}
    made = await door.call("CreateTransaction", row)
    assert made["kind"] == "EXPENSE"
    refund = {**ROW, "accountId": where, "amount": "3.00", "refundOf": made["id"]}
    assert (await door.call("CreateTransaction", refund))["kind"] == "EXPENSE"
    await door.call("UpdateCategory", {"kind": "INCOME"}, id=category)
    found = [one["data"] for one in await since(door, "start", kinds=["TRANSACTION"])]
    assert [one["kind"] for one in found] == ["INCOME", "INCOME"]


async def test_nodes_of_a_page_load_together(client: Any, ada: Person, running: Any) -> None:
    door = GraphQLDoor(client, ada)
    where = await account(door)
    counts = []
    for number in (1, 20):
        rows = [{**ROW, "accountId": where} for _ in range(number)]
        cursor = (await door.query("{viewer{changeCursor}}"))["data"]["viewer"]["changeCursor"]
        await door.call("CreateTransactions", transactions=rows)
        text = (
            "query($c: String!){changes(after:$c, first:100){changes{data node{id "
            "... on Transaction {amount account{balance}}}}}}"
        )
        with counted(running.services.database) as ran:
            found = await door.query(text, c=cursor)
        assert len(found["data"]["changes"]["changes"]) == number
        assert all(one["node"]["amount"] == "-10.00" for one in found["data"]["changes"]["changes"])
        counts.append(len(ran))
    assert counts[0] == counts[1]
