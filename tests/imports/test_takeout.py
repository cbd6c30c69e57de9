"""A takeout of one person comes into another, empty account, and nothing of it is lost."""

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from app import Running
from models import ids
from resolvers.exports.sections import CORE, REST
from resolvers.imports.takeout.steps import STAGES
from resolvers.imports.takeout.survey import BROUGHT, STAYS, brought
from resolvers.users import get_user
from resolvers.verify import verify_ledger
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor, register
from tests.exports.files import drained
from tests.exports.test_takeout import life
from tests.groups.world import Circle, circle

pytestmark = pytest.mark.anyio


AUTO = 3
"""Dates of the template that posts by itself."""


async def rich_life(door: Door, client: httpx2.AsyncClient, running: Running) -> dict[str, Any]:
    """What `life` makes, and beside it whatever hangs together."""
    made = await life(door, client, running)
    assert door.person is not None
    graph = GraphQLDoor(client, door.person)
    me = {"name": "Ada Ü", "baseCurrency": "CHF", "locale": "de-AT", "timeZone": "Europe/Vienna"}
    await door.call("UpdateMe", me)
    giro = made["giro"]["id"]
    usd = await door.call("CreateAccount", {"name": "Dollars", "type": "SAVINGS", "currency": "USD", "institution": "Bank"})  # fmt: skip
    yen = await door.call("CreateAccount", {"name": "円", "type": "CASH", "currency": "JPY", "openingBalance": "1000"})  # fmt: skip
    await door.call("UpdateAccount", {"archived": True}, id=yen["id"])
    under = await door.call("CreateCategory", {"name": "Beans", "kind": "EXPENSE", "parentId": made["category"]})  # fmt: skip
    cats = (await door.call("ListCategories", limit=100))["items"]
    food = next(one for one in cats if one["key"] == "food")
    await door.call("UpdateCategory", {"name": "Nourishment", "color": "#abcdef"}, id=food["id"])
    await door.call("CreateCategory", {"name": "Mine, below", "kind": "EXPENSE", "parentId": food["id"]})  # fmt: skip
    gone = next(one for one in cats if one["key"] == "travel")
    await door.call("DeleteCategory", id=gone["id"])
    row = {"date": "2026-01-09", "description": "to dollars"}
    await door.call("CreateTransaction", {**row, "accountId": giro, "amount": "-100", "transferAccountId": usd["id"], "transferAmount": "110.5"})  # fmt: skip
    dead = await door.call("CreateTransaction", {**row, "accountId": giro, "amount": "-1", "transferAccountId": usd["id"], "transferAmount": "1"})  # fmt: skip
    await door.call("DeleteTransaction", id=dead["id"])
    await door.call("CreateTransaction", {**row, "accountId": giro, "amount": "-2", "categoryId": under["id"], "payee": "Ann", "status": "RECONCILED", "tags": ["x", "y z"]})  # fmt: skip
    for number in range(5):
        await door.call("CreateTransaction", {"accountId": giro, "date": "2026-01-10", "amount": "-1", "description": f"equal {number}"})  # fmt: skip
    found = (await door.call("ListTransactions", search="imported"))["items"][0]
    await door.call("UpdateTransaction", {"description": "by hand", "payee": "P"}, id=found["id"])
    asked = (
        'mutation{setRate(input:{from:"EUR",to:"USD",date:"2026-01-01",rate:"1.1234"}){rate{id}}}'
    )
    await graph.query(asked)
    rule = {"name": "Beans", "match": "ANY", "conditions": [{"field": "PAYEE", "value": "ann"}, {"field": "AMOUNT", "min": "1", "direction": "OUT", "not": True}, {"field": "ACCOUNT", "accountIds": [giro]}], "actions": {"categoryId": under["id"], "tags": ["t"], "notes": "n"}}  # fmt: skip
    await graph.query("mutation($i:CreateRuleInput!){createRule(input:$i){rule{id}}}", i=rule)
    await door.call("CreateTemplate", {"name": "Auto", "accountId": giro, "amount": "-3", "description": "auto", "frequency": "WEEKLY", "startDate": (datetime.now(UTC) - timedelta(days=16)).date().isoformat(), "autoPost": True})  # fmt: skip
    for _ in range(100):
        # The template's first dates are posted by a job, which may have to try again.
        await drained(running)
        if len((await door.call("ListTransactions", search="auto"))["items"]) == AUTO:
            break
        await asyncio.sleep(0.1)
    return made


async def archive_of(client: httpx2.AsyncClient, person: Person) -> bytes:
    asked = "mutation{requestTakeout{export{downloadUrl}}}"
    answer = await GraphQLDoor(client, person).query(asked)
    url = urlsplit(answer["data"]["requestTakeout"]["export"]["downloadUrl"])
    return (await client.get(f"{url.path}?{url.query}")).content


def document_of(archive: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return json.loads(opened.read("data.json"))


async def put(door: Door, data: bytes, name: str = "takeout.zip", **more: Any) -> Any:
    """Upload and import; the answer of the import."""
    files = {"file": (name, data, "application/octet-stream")}
    answer = await door.client.post("/v1/uploads", files=files, headers=door.headers)
    assert answer.status_code == 201, answer.text
    body = {"uploadId": answer.json()["data"]["id"], **more}
    return await door.call("CreateImport", body)


def told(data: Any, import_id: str | None, adopted: dict[str, str]) -> Any:
    """A document with the ids that its objects get there, where it was brought in."""
    import_uuid = ids.decode("imp", import_id) if import_id else None

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(one) for one in value]
        if isinstance(value, dict):
            return {name: renamed(one) for name, one in value.items()}
        prefix = ids.prefix_of(value) if isinstance(value, str) else None
        if prefix is None or prefix in {"user", "grp", "gtxn"} or import_uuid is None:
            return value
        old = ids.decode(prefix, value)
        assert old is not None
        return adopted.get(value) or ids.encode(prefix, brought(import_uuid, old))

    return renamed(data)


def sorted_by_id(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda one: one.get("id") or (one["importId"], one["position"]))


async def test_nothing_is_lost_on_the_way(
    door: Door, client: httpx2.AsyncClient, running: Running
) -> None:
    await rich_life(door, client, running)
    assert door.person is not None
    archive = await archive_of(client, door.person)
    before = document_of(archive)
    eve = await register(client, name="Eve")
    theirs = door.as_person(eve)
    started = await put(theirs, archive)
    assert (started["status"], started["accountId"]) == ("PROCESSING", None)
    await drained(running)
    done = await theirs.call("GetImport", id=started["id"], limit=100)
    assert (done["status"], done["format"]) == ("COMPLETED", "TAKEOUT"), done
    count = len(before["transactions"]) + len(before["trashedTransactions"])
    assert done["counts"] == {"rows": count, "new": count, "duplicate": 0, "matched": 0, "skipped": 0, "failed": 0}  # fmt: skip
    assert done["warnings"] == []
    after = document_of(await archive_of(client, eve))

    keys = {one["key"]: one["id"] for one in after["categories"] if one["key"]}
    adopted = {one["id"]: keys[one["key"]] for one in before["categories"] if one["key"]}
    expected = told(before, started["id"], adopted)
    brought_along = {name for stage in STAGES for name in stage.sections}
    assert brought_along | set(STAYS) == {*CORE, *REST}
    for name in sorted(brought_along):
        new = after[name]
        if name in {"uploads", "imports"}:
            # Her own upload and import of the takeout.
            new = [one for one in new if one["id"] not in {started["id"], started["uploadId"]}]
        if name == "importRows":
            new = [one for one in new if one["importId"] != started["id"]]
        if name == "notifications":
            known = {one["id"] for one in expected[name]}
            new = [one for one in new if one["id"] in known]
        wanted = sorted_by_id(expected[name])
        found = sorted_by_id(new)
        assert wanted, name
        for one in [*wanted, *found]:
            one.pop("version", None)
            one.pop("uuid", None)
            # Made with keys and versions of the old ledger.
            for name_of_old in ("key", "leftVersion", "undo"):
                one.pop(name_of_old, None)
        for one in [*wanted, *found]:
            for item in one.get("items", ()):
                item.pop("version")
        assert found == wanted, name
    settings = ("name", "baseCurrency", "locale", "timeZone")
    assert [after["profile"][one] for one in settings] == [before["profile"][one] for one in settings]  # fmt: skip
    # In the order in which they were, day by day.
    assert [one["description"] for one in after["transactions"]] == [one["description"] for one in before["transactions"]]  # fmt: skip
    # The files are the same, byte for byte.
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        files = sorted(old.read(one) for one in old.namelist() if one.startswith("files/"))
    with zipfile.ZipFile(io.BytesIO(await archive_of(client, eve))) as now:
        there = [now.read(one) for one in now.namelist() if one.startswith("files/") and "takeout.zip" not in one]  # fmt: skip
    assert sorted(there) == files
    # Balances and books are what they were, and they are sound.
    assert await balances(theirs) == await balances(door)
    user_id = ids.decode("user", eve.id)
    assert user_id is not None
    async with running.services.database.read(user_id) as tx:
        ledger = (await get_user(tx, user_id)).ledger_id
    services = running.services
    report = await verify_ledger(services.database, services.ledgers._chain_key, ledger, user_id)
    assert report.differences == ()


async def test_a_takeout_is_not_taken_back_in_pieces(
    ada: Person, client: httpx2.AsyncClient, running: Running
) -> None:
    graph = GraphQLDoor(client, ada)
    started = await put(graph, await archive_of(client, await register(client, name="Eve")))
    await drained(running)
    asked = "mutation($id:ID!){revertImport(id:$id){import{id}}}"
    with pytest.raises(Refused) as refused:
        await graph.query(asked, id=started["id"])
    assert (refused.value.code, refused.value.details["format"]) == ("CONFLICT", "TAKEOUT")


async def balances(door: Door) -> list[tuple[str, str]]:
    accounts = (await door.call("ListAccounts", limit=100))["items"]
    return sorted((one["name"], one["balance"]) for one in accounts)


async def test_the_same_statement_adds_nothing_after_the_move(
    ada: Person, client: httpx2.AsyncClient, running: Running
) -> None:
    """What was read from a file is told again in the new account, edited by hand or not."""
    door = RestDoor(client, ada)
    await rich_life(door, client, running)
    assert door.person is not None
    theirs = door.as_person(await register(client, name="Eve"))
    await put(theirs, await archive_of(client, door.person))
    await drained(running)
    giro = next(
        one for one in (await theirs.call("ListAccounts"))["items"] if one["name"] == "Giro"
    )
    statement = b"Date,Text,Amount\n2026-02-01,imported,-7.00\n"
    started = await put(theirs, statement, "bank.csv", accountId=giro["id"])
    await drained(running)
    done = await theirs.call("GetImport", id=started["id"])
    assert (done["counts"]["new"], done["counts"]["duplicate"]) == (0, 1)


async def test_the_document_alone_comes_too_and_says_what_it_lacks(
    ada: Person, client: httpx2.AsyncClient, running: Running
) -> None:
    door = RestDoor(client, ada)
    await rich_life(door, client, running)
    assert door.person is not None
    document = json.dumps(document_of(await archive_of(client, door.person)), indent=1).encode()
    theirs = door.as_person(await register(client, name="Eve"))
    started = await put(theirs, document, "data.json")
    await drained(running)
    done = await theirs.call("GetImport", id=started["id"])
    assert done["status"] == "COMPLETED"
    assert done["warnings"] == [
        "The bytes of 2 uploaded files are not in it; the archive of requestTakeout holds them."
    ]
    assert await balances(theirs) == await balances(door)
    shown = (await theirs.call("ListImports"))["items"]
    assert [one["format"] for one in shown] == ["TAKEOUT", "CSV"]


async def test_what_belongs_to_a_group_stays_there(
    ada: Person, client: httpx2.AsyncClient, running: Running
) -> None:
    door = RestDoor(client, ada)
    world: Circle = await circle(running, door, "Bob")
    account = await door.call("CreateAccount", {"name": "A", "type": "CASH", "currency": "EUR"})
    await world.spend("10", accountId=account["id"])
    await drained(running)
    theirs = door.as_person(await register(client, name="Eve"))
    started = await put(theirs, await archive_of(client, world.people[0]))
    await drained(running)
    done = await theirs.call("GetImport", id=started["id"])
    assert done["status"] == "COMPLETED", done
    assert done["warnings"] == [
        "1 groups stay behind: they belong to all of their members.",
        "1 shared expenses and settlements stay behind: they belong to the groups.",
        "1 shares of them stay behind: they are made from the groups.",
        "1 invitations stay behind: they are between people of the place they were sent at.",
        "1 transactions were your part in groups; they come as transactions of your own.",
    ]
    (row,) = (await theirs.call("ListTransactions"))["items"]
    assert (row["amount"], row["groupId"], row["kind"]) == ("-10.00", None, "EXPENSE")


async def test_an_account_with_anything_in_it_is_refused(
    door: Door, client: httpx2.AsyncClient, running: Running
) -> None:
    assert door.person is not None
    body = {"name": "A", "type": "CASH", "currency": "EUR"}
    account = await door.call("CreateAccount", body)
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "1", "description": "x"}
    await door.call("CreateTransaction", row)
    archive = await archive_of(client, door.person)
    started = await put(door, archive)
    await drained(running)
    done = await door.call("GetImport", id=started["id"])
    assert (done["status"], done["error"]["code"]) == ("FAILED", "NOT_EMPTY")
    assert "1 accounts, 1 transactions" in done["error"]["message"]
    assert len((await door.call("ListTransactions"))["items"]) == 1
    # The empty account that the import names does not count.
    theirs = door.as_person(await register(client, name="Eve"))
    own = await theirs.call("CreateAccount", {**body, "name": "First"})
    started = await put(theirs, archive, accountId=own["id"])
    await drained(running)
    assert (await theirs.call("GetImport", id=started["id"]))["status"] == "COMPLETED"
    assert await balances(theirs) == [("A", "1.00"), ("First", "0.00")]


async def test_a_dry_run_of_a_takeout_stores_nothing(
    ada: Person, client: httpx2.AsyncClient, running: Running
) -> None:
    door = RestDoor(client, ada)
    await rich_life(door, client, running)
    assert door.person is not None
    archive = await archive_of(client, door.person)
    theirs = door.as_person(await register(client, name="Eve"))
    cats = await theirs.call("ListCategories", limit=100)
    started = await put(theirs, archive, dryRun=True)
    await drained(running)
    shown = await theirs.call("GetImport", id=started["id"])
    assert (shown["status"], shown["counts"]["failed"]) == ("COMPLETED", 0)
    assert (await theirs.call("ListAccounts"))["items"] == []
    assert await theirs.call("ListCategories", limit=100) == cats
    real = await put(theirs, archive)
    await drained(running)
    assert (await theirs.call("GetImport", id=real["id"]))["counts"] == shown["counts"]


def test_the_page_tells_of_every_section_whether_it_comes_back() -> None:
    page = Path("docs/takeout.md").read_text()
    document, _, back = page.partition("## Bringing it back")
    stays = back.partition("| section | why |")[2]
    for name in {*CORE, *REST}:
        assert f"`{name}`" in document
        assert (f"`{name}`" in stays) is (name in STAYS), name
    assert BROUGHT | STAYS.keys() == CORE.keys() | REST.keys()
    assert {name for stage in STAGES for name in stage.sections} == BROUGHT
