"""Uploading and importing through both doors, with a real worker."""

import asyncio
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import Running
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor

pytestmark = pytest.mark.anyio

CSV = b"""Date,Description,Amount
2026-01-05,Coffee,-3.50
2026-01-05,Coffee,-3.50
2026-01-05,Coffee,-3.50
2026-01-06,Salary,2000.00
2026-01-07,broken,x.50
"""


@pytest.fixture
async def worker(running: Running):
    """The product's own worker beside the application."""
    stop = asyncio.Event()
    task = asyncio.create_task(running.work(stop))
    yield
    stop.set()
    await task


async def account(door: Door, currency: str = "EUR") -> str:
    body = {"name": "Giro", "type": "CHECKING", "currency": currency}
    return (await door.call("CreateAccount", body))["id"]


async def upload(client: httpx2.AsyncClient, door: Door, data: bytes, name: str = "a.csv") -> Any:
    """A file through the door that is being tested."""
    if isinstance(door, GraphQLDoor):
        body = {"filename": name, "content": b64encode(data).decode()}
        return await door.call("CreateUpload", body)
    files = {"file": (name, data, "application/octet-stream")}
    answer = await client.post("/v1/uploads", files=files, headers=door.headers)
    content = answer.json()
    if not content["success"]:
        error = content["error"]
        raise Refused(answer.status_code, error["code"], error["message"], error["details"])
    assert answer.status_code == 201
    return content["data"]


async def finished(door: Door, import_id: str, **more: Any) -> Any:
    for _ in range(400):
        found = await door.call("GetImport", id=import_id, **more)
        if found["status"] != "PROCESSING":
            return found
        await asyncio.sleep(0.025)
    raise AssertionError("the import did not finish")


def rows_of(found: Any) -> list[Any]:
    """Rows of an import in either door's shape."""
    return found["rows"].get("items", found["rows"].get("nodes"))


async def test_a_file_is_stored_told_and_given_back(door: Door, client: Any) -> None:
    stored = await upload(client, door, CSV, "../January statement.csv")
    assert (stored["size"], stored["purpose"]) == (len(CSV), "STATEMENT")
    assert stored["filename"] == "January statement.csv"
    found = await door.call("GetUpload", id=stored["id"])
    link = found["downloadUrl"].removeprefix("http://testserver")
    given = await client.get(link)
    assert (given.status_code, given.content) == (200, CSV)
    assert given.headers["content-disposition"].startswith("attachment")
    assert (await client.get(link[:-1] + ("A" if link[-1] != "A" else "B"))).status_code == 404
    assert (await door.call("DeleteUpload", id=stored["id"]))["deleted"] is True
    assert (await client.get(link)).status_code == 410
    with pytest.raises(Refused) as refused:
        await door.call("GetUpload", id=stored["id"])
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04" + b"\x00" * 40, "UNSUPPORTED_MEDIA_TYPE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "UNSUPPORTED_MEDIA_TYPE"),
        (b"\x7fELF" + b"\x00" * 40, "UNSUPPORTED_MEDIA_TYPE"),
        (b"", "VALIDATION_ERROR"),
    ],
)
@pytest.mark.case("F02")
async def test_what_is_no_statement_is_refused_by_what_it_is(
    door: Door, client: Any, data: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await upload(client, door, data)
    assert refused.value.code == code


@pytest.mark.case("F08")
async def test_the_same_file_twice_adds_nothing_and_equal_rows_stay(
    door: Door, client: Any, worker: None
) -> None:
    giro = await account(door)
    stored = await upload(client, door, CSV)
    body = {"uploadId": stored["id"], "accountId": giro}
    started = await door.call("CreateImport", body)
    assert started["status"] == "PROCESSING"
    first = await finished(door, started["id"])
    assert first["status"] == "COMPLETED", first
    assert first["counts"] == {
        "rows": 5, "new": 4, "duplicate": 0, "matched": 0, "skipped": 0, "failed": 1,
    }  # fmt: skip
    assert [row["decision"] for row in rows_of(first)] == ["NEW"] * 4 + ["FAILED"]
    assert rows_of(first)[4]["line"] == 6
    assert rows_of(first)[4]["reason"]
    assert (await door.call("GetAccount", id=giro))["balance"] == "1989.50"
    again = await finished(door, (await door.call("CreateImport", body))["id"])
    assert (again["counts"]["new"], again["counts"]["duplicate"]) == (0, 4)
    booked = await door.pages("ListTransactions", limit=2)
    assert len(booked) == 4
    assert {row["importId"] for row in booked} == {started["id"]}
    assert {row["transactionId"] for row in rows_of(first)[:4]} == {row["id"] for row in booked}


async def test_a_dry_run_shows_everything_and_books_nothing(
    door: Door, client: Any, worker: None
) -> None:
    giro = await account(door)
    stored = await upload(client, door, CSV)
    body = {"uploadId": stored["id"], "accountId": giro, "dryRun": True}
    shown = await finished(door, (await door.call("CreateImport", body))["id"])
    assert (shown["status"], shown["dryRun"], shown["counts"]["new"]) == ("COMPLETED", True, 4)
    assert (await door.call("ListTransactions"))["items"] == []
    real = await finished(door, (await door.call("CreateImport", {**body, "dryRun": False}))["id"])
    assert real["counts"] == shown["counts"]


async def test_an_undecidable_file_waits_and_is_processed_with_an_answer(
    door: Door, client: Any, worker: None
) -> None:
    giro = await account(door)
    data = b"Date,Text,Amount\n2026-01-05,Rent,500.00\n2026-01-06,Food,20.00\n"
    stored = await upload(client, door, data)
    body = {"uploadId": stored["id"], "accountId": giro}
    waiting = await finished(door, (await door.call("CreateImport", body))["id"])
    assert waiting["status"] == "PENDING"
    assert [one["field"] for one in waiting["questions"]] == ["signRule"]
    assert [row["amount"] for row in rows_of(waiting)] == ["500.00", "20.00"]
    assert (await door.call("ListTransactions"))["items"] == []
    going = await door.call("ProcessImport", {"mapping": {"signRule": "NEGATED"}}, id=waiting["id"])
    assert going["status"] == "PROCESSING"
    done = await finished(door, waiting["id"])
    assert (done["status"], done["counts"]["new"]) == ("COMPLETED", 2)
    assert (await door.call("GetAccount", id=giro))["balance"] == "-520.00"
    with pytest.raises(Refused) as refused:
        await door.call("ProcessImport", {}, id=waiting["id"])
    assert refused.value.code == "CONFLICT"


async def test_a_mapping_is_remembered_and_offered_by_name(
    door: Door, client: Any, worker: None
) -> None:
    giro, other = await account(door), await account(door)

    async def bring(number: int, into: str, head: str = "Date,Text,Amount", **more: Any) -> Any:
        data = f"{head}\n2026-0{number}-05,Rent,500.00\n2026-0{number}-06,Food,20.00\n".encode()
        stored = await upload(client, door, data, f"card {number}.csv")
        body = {"uploadId": stored["id"], "accountId": into, **more}
        return await finished(door, (await door.call("CreateImport", body))["id"])

    first = await bring(1, giro)
    assert (first["status"], first["offers"]) == ("PENDING", [])
    answer = {"mapping": {"signRule": "NEGATED"}, "mappingName": "My card"}
    await door.call("ProcessImport", answer, id=first["id"])
    assert (await finished(door, first["id"]))["offers"] == []
    second = await bring(2, giro)
    offer = {"importId": first["id"], "name": "My card", "mapping": {"signRule": "NEGATED"}}
    assert second["offers"] == [offer]
    listed = (await door.call("ListImports"))["items"]
    assert [one["offers"] for one in listed] == [[offer], []]
    await door.call("ProcessImport", {"mappingFrom": first["id"]}, id=second["id"])
    done = await finished(door, second["id"])
    assert (done["status"], done["mapping"]) == ("COMPLETED", {"signRule": "NEGATED"})
    assert (await door.call("GetAccount", id=giro))["balance"] == "-1040.00"
    # An accepted guess is remembered, too; another header or account is another matter.
    guess = await bring(3, other)
    assert guess["offers"] == []
    await door.call("ProcessImport", {}, id=guess["id"])
    accepted = await finished(door, guess["id"])
    again = await bring(4, other)
    assert [(one["name"], one["mapping"]) for one in again["offers"]] == [
        ("card 3.csv", {"signRule": accepted["detected"]["signRule"]})
    ]
    assert (await bring(5, giro, "Date,Words,Amount"))["offers"] == []
    direct = await bring(6, giro, mappingFrom=first["id"])
    assert (direct["status"], direct["counts"]["new"]) == ("COMPLETED", 2)
    with pytest.raises(Refused) as refused:
        await bring(7, giro, mappingFrom=giro.replace("acct_", "imp_"))
    assert refused.value.paths == {"mappingFrom": "NOT_FOUND"}
    # What fitted no row is offered to nobody.
    wrong = {"columns": {"amount": "Note"}, "signRule": "NEGATED"}
    useless = await bring(8, giro, "Date,Note,Amount", mapping=wrong)
    assert (useless["counts"]["failed"], useless["counts"]["rows"]) == (2, 2)
    assert (await bring(9, giro, "Date,Note,Amount"))["offers"] == []


OVERRULE = """mutation Overrule($id: ID!, $rows: [ImportRulingInput!]!, $key: String) {
  overruleImportRows(id: $id, rows: $rows, idempotencyKey: $key) {
    import {
      status counts { new matched skipped }
      rows(first: 5) { nodes { position decision reasonCode overruled transaction { description } } }
    }
  }
}"""


async def test_decisions_are_overruled_before_and_after(
    door: Door, client: Any, ada: Person, worker: None
) -> None:
    giro = await account(door)
    body = {"accountId": giro, "date": "2026-01-04", "amount": "-3.50", "description": "Coffee"}
    entered = await door.call("CreateTransaction", body)
    stored = await upload(client, door, CSV)
    body = {"uploadId": stored["id"], "accountId": giro, "dryRun": True}
    shown = await finished(door, (await door.call("CreateImport", body))["id"])
    first = rows_of(shown)[0]
    assert (first["decision"], first["reasonCode"], first["score"], first["transactionId"]) == (
        "MATCHED", "BY_HAND", 94, entered["id"]
    )  # fmt: skip
    graph = GraphQLDoor(client, ada)
    rows = [{"position": 3, "decision": "SKIPPED"}]
    for replayed in (False, True):
        await graph.query(OVERRULE, id=shown["id"], rows=rows, key="k")
        assert graph.replayed is replayed
    shown = await finished(door, shown["id"])
    assert [row["decision"] for row in rows_of(shown)] == [
        "MATCHED", "NEW", "NEW", "SKIPPED", "FAILED"
    ]  # fmt: skip
    assert (await door.call("GetAccount", id=giro))["balance"] == "-3.50"
    await door.call("ProcessImport", {}, id=shown["id"])
    done = await finished(door, shown["id"])
    assert (done["status"], done["dryRun"], done["counts"]) == ("COMPLETED", False, shown["counts"])
    rows = [{"position": 3, "decision": "NEW"}, {"position": 0, "decision": "NEW"}]
    after = (await graph.query(OVERRULE, id=done["id"], rows=rows))["data"]
    after = after["overruleImportRows"]["import"]
    assert (after["status"], after["counts"]) == ("COMPLETED", {"new": 4, "matched": 0, "skipped": 0})  # fmt: skip
    assert [row["overruled"] for row in after["rows"]["nodes"]] == [True, False, False, True, False]
    assert (await door.call("GetAccount", id=giro))["balance"] == "1986.00"
    with pytest.raises(Refused) as refused:
        await graph.query(OVERRULE, id=done["id"], rows=[{"position": 4, "decision": "NEW"}])
    assert refused.value.code == "VALIDATION_ERROR"


REVERT = """mutation Revert($id: ID!, $edited: EditedPolicy) {
  revertImport(id: $id, edited: $edited) { import { id status version progress { done total } } }
}"""


async def test_an_import_is_taken_back(door: Door, client: Any, ada: Person, worker: None) -> None:
    giro = await account(door)
    stored = await upload(client, door, CSV)
    body = {"uploadId": stored["id"], "accountId": giro}
    first = await finished(door, (await door.call("CreateImport", body))["id"])
    rows = (await door.call("ListTransactions"))["items"]
    edited = await door.call("UpdateTransaction", {"notes": "mine"}, id=rows[0]["id"])
    graph = GraphQLDoor(client, ada)
    with pytest.raises(Refused) as refused:
        await graph.query(REVERT, id=first["id"])
    assert (refused.value.code, refused.value.details) == (
        "CONFLICT", {"edited": 1, "transactions": [edited["id"]]}
    )  # fmt: skip
    going = (await graph.query(REVERT, id=first["id"], edited="REMOVE"))["data"]
    going = going["revertImport"]["import"]
    assert going["status"] == "PROCESSING"
    ended = await finished(door, first["id"])
    assert (ended["status"], ended["kept"], ended["progress"]) == (
        "REVERTED", 0, {"done": 5, "total": 5}
    )  # fmt: skip
    assert (await door.call("ListTransactions"))["items"] == []
    assert (await door.call("GetAccount", id=giro))["balance"] == "0.00"
    again = await finished(door, (await door.call("CreateImport", body))["id"])
    assert again["counts"] == first["counts"]


async def test_twice_overlapping_taken_back_and_again_to_the_row(
    door: Door, client: Any, ada: Person, worker: None
) -> None:
    head = "Date,Description,Amount\n"
    first = f"{head}2026-01-02,Coffee,-3.20\n2026-01-03,Rent,-800.00\n2026-01-25,Wages,2500.00\n"
    over = f"{head}2026-01-25,Wages,2500.00\n2026-01-25,Wages,2500.00\n2026-02-01,Rent,-800.00\n"
    giro = await account(door)

    async def bring_in(text: str) -> tuple[str, dict[str, int]]:
        stored = await upload(client, door, text.encode())
        told = {"uploadId": stored["id"], "accountId": giro}
        found = await finished(door, (await door.call("CreateImport", told))["id"])
        assert found["status"] == "COMPLETED"
        return found["id"], {name: n for name, n in found["counts"].items() if n}

    async def ledger() -> list[tuple[str, str, str]]:
        rows = (await door.call("ListTransactions", limit=100))["items"]
        return sorted((row["date"], row["description"], row["amount"]) for row in rows)

    await bring_in(first)
    january = await ledger()
    assert (await bring_in(first))[1] == {"rows": 3, "duplicate": 3}
    assert await ledger() == january
    second, counts = await bring_in(over)
    assert counts == {"rows": 3, "duplicate": 1, "new": 2}
    both = [
        ("2026-01-02", "Coffee", "-3.20"), ("2026-01-03", "Rent", "-800.00"),
        ("2026-01-25", "Wages", "2500.00"), ("2026-01-25", "Wages", "2500.00"),
        ("2026-02-01", "Rent", "-800.00"),
    ]  # fmt: skip
    assert await ledger() == both
    await GraphQLDoor(client, ada).query(REVERT, id=second)
    assert (await finished(door, second))["status"] == "REVERTED"
    assert await ledger() == january == both[:3]
    assert (await bring_in(over))[1] == counts
    assert await ledger() == both
    assert (await door.call("GetAccount", id=giro))["balance"] == "3396.80"


async def test_a_file_that_is_no_table_says_so(door: Door, client: Any, worker: None) -> None:
    stored = await upload(client, door, b"Dear customer,\nthank you for asking.\n")
    body = {"uploadId": stored["id"], "accountId": await account(door)}
    failed = await finished(door, (await door.call("CreateImport", body))["id"])
    assert failed["status"] == "FAILED"
    assert failed["error"]["code"]
    assert failed["error"]["message"]


async def test_rows_are_paged_and_filtered(door: Door, client: Any, worker: None) -> None:
    lines = "".join(f"2026-01-{1 + n % 28:02d},row {n},-{n}.00\n" for n in range(1, 131))
    stored = await upload(client, door, ("Date,Text,Amount\n" + lines).encode())
    body = {"uploadId": stored["id"], "accountId": await account(door)}
    done = await finished(door, (await door.call("CreateImport", body))["id"], limit=100)
    assert (len(rows_of(done)), done["counts"]["new"]) == (100, 130)
    none = await door.call("GetImport", id=done["id"], decision="DUPLICATE")
    assert rows_of(none) == []


async def test_one_request_uploads_and_imports(client: Any, ada: Person, worker: None) -> None:
    door = RestDoor(client, ada)
    giro = await account(door)
    for _ in range(2):
        answer = await client.post(
            "/v1/imports/csv",
            files={"file": ("a.csv", CSV, "text/csv")},
            data={"accountId": giro},
            headers={**ada.headers, "Idempotency-Key": "k"},
        )
        assert answer.status_code == 202, answer.text
    assert answer.headers["idempotency-replayed"] == "true"
    data = answer.json()["data"]
    assert answer.headers["location"] == f"http://testserver/v1/imports/{data['id']}"
    assert (await finished(door, data["id"]))["counts"]["new"] == 4
    assert len((await door.call("ListImports"))["items"]) == 1
    bad = await client.post(
        "/v1/imports/csv",
        files={"file": ("a.csv", CSV, "text/csv")},
        data={"accountId": "acct_x"},
        headers=ada.headers,
    )
    assert bad.json()["error"]["details"]["fields"][0]["path"] == "accountId"
    named = await client.post(
        "/v1/imports/csv",
        files={"file": ("b.csv", CSV, "text/csv")},
        data={"accountId": giro, "mappingFrom": data["id"], "mappingName": "Mine"},
        headers=ada.headers,
    )
    assert (named.status_code, named.json()["data"]["mappingName"]) == (202, "Mine")


async def test_another_persons_files_and_imports_are_not_found(
    door: Door, bob: Person, client: Any
) -> None:
    other = door.as_person(bob)
    stored = await upload(client, other, CSV)
    theirs = await account(other)
    run = await other.call("CreateImport", {"uploadId": stored["id"], "accountId": theirs})
    for operation, wanted in (("GetUpload", stored), ("DeleteUpload", stored), ("GetImport", run), ("ProcessImport", run)):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await door.call(operation, id=wanted["id"])
        assert refused.value.code == "NOT_FOUND"
    mine = await account(door)
    for body in ({"uploadId": stored["id"], "accountId": mine}, {"uploadId": "file_x", "accountId": mine}):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await door.call("CreateImport", body)
        assert refused.value.paths == {"uploadId": "NOT_FOUND"}


async def test_806_real_rows_by_either_door(
    door: Door, client: Any, worker: None, shared_folder: Path
) -> None:
    path = shared_folder / "bank-data/Predictive-Spending-Tracker/personal_transactions.csv"
    giro = await account(door, "USD")
    stored = await upload(client, door, path.read_bytes())
    body = {"uploadId": stored["id"], "accountId": giro}
    done = await finished(door, (await door.call("CreateImport", body))["id"])
    assert (done["status"], done["counts"]["new"]) == ("COMPLETED", 806)
    rows = await door.pages("ListTransactions", limit=100)
    assert len({row["id"] for row in rows}) == 806
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("28185.98")
    assert (await door.call("GetAccount", id=giro))["balance"] == "28185.98"
