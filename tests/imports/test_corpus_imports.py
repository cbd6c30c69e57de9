"""The real bank files through the product: uploaded, imported by a worker, counted in the books."""

import asyncio
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from app import Running
from tests.doors import Person, RestDoor
from tests.imports.test_formats_corpus import OTHERS
from tests.imports.test_statements_corpus import (
    CORPUS,
    ENTRIES,
    MANIFEST_ERRATA,
    MAPPINGS,
    NEVER,
    REFUSED,
    _expected,
)

pytestmark = pytest.mark.anyio


async def _finished(door: RestDoor, import_id: str) -> Any:
    for _ in range(800):
        found = await door.call("GetImport", id=import_id)
        if found["status"] != "PROCESSING":
            return found
        await asyncio.sleep(0.025)
    raise AssertionError("the import did not finish")


async def _imported(client: Any, door: RestDoor, entry: Any) -> tuple[Any, dict[str, Decimal]]:
    """One file into an account of its own; what came of it, and the sum of each currency."""
    expected = _expected(entry)
    currency = next((code for code in expected if code != "(none)"), "EUR")
    body = {"name": entry["path"][-60:], "type": "CHECKING", "currency": currency}
    account = (await door.call("CreateAccount", body))["id"]
    answer = await client.post(
        "/v1/imports/csv",
        files={"file": ("statement.csv", (CORPUS / entry["path"]).read_bytes())},
        data={"accountId": account},
        headers=door.headers,
    )
    assert answer.status_code == 202, answer.text
    run = await _finished(door, answer.json()["data"]["id"])
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for target in run["accounts"]:
        for row in await door.pages("ListTransactions", limit=100, accountId=target["accountId"]):
            assert row["importId"] == run["id"]
            sums[row["currency"]] += Decimal(row["amount"])
    if "(none)" in expected:
        sums["(none)"] = sums.pop(currency, Decimal(0))
    return run, dict(sums)


async def test_the_corpus_arrives_in_the_books(client: Any, ada: Person, running: Running) -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    door = RestDoor(client, ada)
    stop = asyncio.Event()
    worker = asyncio.create_task(running.work(stop))
    unasked = []
    for entry in ENTRIES:
        path = entry["path"]
        if path in REFUSED:
            continue
        run, sums = await _imported(client, door, entry)
        if run["status"] == "PENDING":
            assert path in MAPPINGS, run["questions"]
            answer = {"mapping": dict(MAPPINGS[path])}
            await door.call("ProcessImport", answer, id=run["id"])
            run = await _finished(door, run["id"])
            if run["status"] == "PENDING":
                # A sign of another currency: it is the account's money all the same.
                assert [one["field"] for one in run["questions"]] == ["currency"]
                await door.call("ProcessImport", {}, id=run["id"])
                run = await _finished(door, run["id"])
        elif path not in MANIFEST_ERRATA:
            unasked.append(path)
            assert {code: total for code, total in sums.items() if total} == {
                code: total for code, total in _expected(entry).items() if total
            }, path
        assert (run["status"], run["counts"]["new"]) == (
            "COMPLETED",
            int(entry["expected_transactions"]),
        ), (path, run["counts"], run["error"])
    stop.set()
    await worker
    assert len(unasked) >= 26


async def test_every_other_format_arrives_and_arrives_once(
    client: Any, ada: Person, running: Running
) -> None:
    if not OTHERS:
        pytest.skip(NEVER)
    door = RestDoor(client, ada)
    stop = asyncio.Event()
    worker = asyncio.create_task(running.work(stop))
    exact = []
    for entry in OTHERS:
        count = int(entry["expected_transactions"])
        run, sums = await _imported(client, door, entry)
        assert (run["status"], run["counts"]["new"]) == ("COMPLETED", count), (entry, run["error"])
        expected = _expected(entry)
        if entry["path"] == "ofxgo/moneymrkt1_v203.ofx":
            # Finer than a cent, so each row is rounded half to even, and that is told.
            expected = {"USD": Decimal("4774.87")}
            assert "rounded half to even" in run["warnings"][0]
        assert sums == expected, entry["path"]
        again = await door.call(
            "CreateImport", {"uploadId": run["uploadId"], "accountId": run["accountId"]}
        )
        again = await _finished(door, again["id"])
        assert (again["counts"]["new"], again["counts"]["duplicate"]) == (0, count), entry["path"]
        exact.append(entry["path"])
    stop.set()
    await worker
    assert len(exact) >= 16
