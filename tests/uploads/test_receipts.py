"""Receipts: attached at the door or later, gone and back with what they prove."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from graph.context import Services
from models import ids
from models.base import utc_now
from models.ids import encode, new_id
from resolvers.transactions import purge_trash
from resolvers.uploads import MAX_RECEIPTS, sweep_orphans
from resolvers.users import actor_of, get_user
from resolvers.verify import verify_ledger
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor
from tests.statements import counted

pytestmark = pytest.mark.anyio

PDF = b"%PDF-1.7\n1 0 obj << >> endobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32
ATTACH = """mutation($file: ID!, $txn: ID, $seen: Int, $key: String) {
  attachReceipt(uploadId: $file, transactionId: $txn, expectedVersion: $seen, idempotencyKey: $key) {
    upload { id version transactionId transaction { id receipts { id } } }
  }
}"""


async def send(door: Door, data: bytes, name: str = "a.pdf", **fields: Any) -> Any:
    """A file through the door that is being tested."""
    if isinstance(door, GraphQLDoor):
        body = {"filename": name, "content": b64encode(data).decode(), **fields}
        return await door.call("CreateUpload", body)
    answer = await door.client.post(
        "/v1/uploads", files={"file": (name, data)}, data=fields, headers=door.headers
    )
    content = answer.json()
    if not content["success"]:
        error = content["error"]
        raise Refused(answer.status_code, error["code"], error["message"], error["details"])
    return content["data"]


async def bought(door: Door) -> tuple[str, str]:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    account = (await door.call("CreateAccount", body))["id"]
    row = {"accountId": account, "date": "2026-01-01", "amount": "-5", "description": "x"}
    return account, (await door.call("CreateTransaction", row))["id"]


def graph(door: Door) -> GraphQLDoor:
    return GraphQLDoor(door.client, door.person)


async def attach(door: Door, file: str, txn: str | None, **more: Any) -> Any:
    answer = await graph(door).query(ATTACH, file=file, txn=txn, **more)
    return answer["data"]["attachReceipt"]["upload"]


async def receipts(door: Door, txn: str) -> list[str]:
    asked = "query($id: ID!) { transaction(id: $id) { receipts { id } } }"
    answer = await graph(door).query(asked, id=txn)
    return [one["id"] for one in answer["data"]["transaction"]["receipts"]]


async def test_a_receipt_comes_with_its_transaction(door: Door) -> None:
    _, txn = await bought(door)
    told = await send(door, PDF, transactionId=txn)
    assert (told["purpose"], told["transactionId"]) == ("RECEIPT", txn)
    more = await send(door, PNG, "b.png", purpose="RECEIPT", transactionId=txn)
    assert await receipts(door, txn) == [told["id"], more["id"]]
    assert (await door.call("GetUpload", id=told["id"]))["transactionId"] == txn


async def test_wrong_transactions_and_wrong_files_are_wrong_fields(door: Door, bob: Person) -> None:
    _, txn = await bought(door)
    _, foreign = await bought(door.as_person(bob))
    for wrong in (foreign, encode("txn", new_id()), "txn_x", encode("acct", new_id())):
        with pytest.raises(Refused) as refused:
            await send(door, PDF, purpose="RECEIPT", transactionId=wrong)
        assert (refused.value.code, refused.value.paths) == (
            "VALIDATION_ERROR",
            {"transactionId": "NOT_FOUND"},
        )
    with pytest.raises(Refused) as refused:
        await send(door, b"a,b\n1,2\n", "a.csv", purpose="STATEMENT", transactionId=txn)
    assert refused.value.paths == {"transactionId": "INVALID"}
    for data, name in (
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "a.svg"),
        (b"<!doctype html><html></html>", "a.html"),
        (b"GIF89a" + bytes(20), "a.gif"),
        (b"a,b\n1,2\n", "a.csv"),
    ):
        with pytest.raises(Refused) as refused:
            await send(door, data, name, purpose="RECEIPT", transactionId=txn)
        assert refused.value.code == "UNSUPPORTED_MEDIA_TYPE"
    assert await receipts(door, txn) == []


async def test_attaching_moving_and_taking_off(door: Door, bob: Person) -> None:
    account, txn = await bought(door)
    other = await door.call(
        "CreateTransaction",
        {"accountId": account, "date": "2026-01-01", "amount": "-6", "description": "y"},
    )
    file = (await send(door, PDF, purpose="RECEIPT"))["id"]
    assert await attach(door, file, txn) == {
        "id": file, "version": 2, "transactionId": txn,
        "transaction": {"id": txn, "receipts": [{"id": file}]},
    }  # fmt: skip
    assert (await attach(door, file, txn))["version"] == 2
    assert (await attach(door, file, other["id"], seen=2, key="k"))["version"] == 3
    assert (await attach(door, file, other["id"], seen=2, key="k"))["version"] == 3
    assert await receipts(door, txn) == []
    with pytest.raises(Refused) as refused:
        await attach(door, file, txn, seen=2)
    assert (refused.value.code, refused.value.details["current"]["version"]) == ("STALE_OBJECT", 3)
    _, foreign = await bought(door.as_person(bob))
    for wrong in (foreign, "txn_x"):
        with pytest.raises(Refused) as refused:
            await attach(door, file, wrong)
        assert refused.value.paths == {"transactionId": "NOT_FOUND"}
    with pytest.raises(Refused) as refused:
        await attach(door.as_person(bob), file, foreign)
    assert refused.value.code == "NOT_FOUND"
    with pytest.raises(Refused) as refused:
        await graph(door).query(
            f'mutation {{ attachReceipt(uploadId: "{file}") {{ upload {{ id }} }} }}'
        )
    assert refused.value.paths == {"transactionId": "REQUIRED"}
    statement = (await send(door, b"a,b\n1,2\n", "a.csv"))["id"]
    with pytest.raises(Refused) as refused:
        await attach(door, statement, txn)
    assert refused.value.paths == {"uploadId": "INVALID"}
    assert (await attach(door, file, None))["transaction"] is None
    assert await receipts(door, other["id"]) == []


async def test_a_transaction_has_a_most_of_receipts(door: Door) -> None:
    _, txn = await bought(door)
    for _ in range(MAX_RECEIPTS):
        await send(door, PDF, transactionId=txn)
    with pytest.raises(Refused) as refused:
        await send(door, PDF, transactionId=txn)
    assert refused.value.code == "CONFLICT"
    assert len(await receipts(door, txn)) == MAX_RECEIPTS


async def test_receipts_go_and_come_back_with_what_they_prove(
    door: Door, ada: Person, services: Services
) -> None:
    account, txn = await bought(door)
    file = (await send(door, PDF, transactionId=txn))["id"]
    link = (await door.call("GetUpload", id=file))["downloadUrl"]
    for away, back, thing in (
        ("DeleteTransaction", "RestoreTransaction", txn),
        ("DeleteAccount", "RestoreAccount", account),
    ):
        await door.call(away, id=thing, **({"force": True} if thing == account else {}))
        seen = await door.call("GetUpload", id=file)
        assert (seen["transactionId"], seen["version"]) == (txn, 1)
        asked = "query($id: ID!) { upload(id: $id) { transaction { id } } }"
        assert (await graph(door).query(asked, id=file))["data"]["upload"]["transaction"] is None
        assert (await door.client.get(link)).content == PDF
        with pytest.raises(Refused) as refused:
            await send(door, PDF, transactionId=txn)
        assert refused.value.paths == {"transactionId": "NOT_FOUND"}
        await door.call(back, id=thing)
        assert await receipts(door, txn) == [file]
    await door.call("DeleteTransaction", id=txn)
    user_id = ids.decode("user", ada.id)
    async with services.database.read(user_id) as tx:
        actor = actor_of(await get_user(tx, user_id))
    day = timedelta(days=1)
    await services.ledgers.write(actor, lambda write: purge_trash(write, write.now + day))
    with pytest.raises(Refused) as refused:
        await door.call("GetUpload", id=file)
    assert refused.value.code == "NOT_FOUND"
    assert (await door.client.get(link)).status_code == 410
    there = {name[1] async for name in services.files.older_than(utc_now() + day)}
    assert ids.decode("file", file) in there
    await sweep_orphans(services.database, services.files, utc_now() + day)
    there = {name[1] async for name in services.files.older_than(utc_now() + day)}
    assert ids.decode("file", file) not in there
    report = await verify_ledger(
        services.database, services.ledgers._chain_key, actor.ledger_id, user_id
    )
    assert report.differences == ()


@pytest.mark.case("F02")
async def test_a_receipt_is_saved_and_never_shown(client: Any, ada: Person) -> None:
    door = RestDoor(client, ada)
    _, txn = await bought(door)
    told = await send(door, PNG, '../Beleg "ä"\r\n.png', transactionId=txn)
    answer = await client.get(told["downloadUrl"])
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told_name = answer.headers["content-disposition"]
    assert told_name.startswith('attachment; filename="')
    assert "filename*=UTF-8''Beleg%20" in told_name
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    wrong = await client.get(told["downloadUrl"] + "x")
    assert wrong.status_code == 404
    assert (await door.call("DeleteUpload", id=told["id"]))["deleted"] is True
    assert await receipts(door, txn) == []


async def test_statements_do_not_grow_with_receipts(
    client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    counts = []
    asked = "{ transactions(first: 100) { nodes { receipts { id transaction { id } } } } }"
    for rows in (1, 20):
        for _ in range(rows):
            _, txn = await bought(door)
            await send(door, PDF, transactionId=txn)
        with counted(services.database) as seen:
            answer = await door.query(asked)
        nodes = answer["data"]["transactions"]["nodes"]
        assert all(len(node["receipts"]) == 1 for node in nodes)
        counts.append(len(seen))
    assert counts[0] == counts[1]
