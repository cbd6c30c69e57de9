"""Batches through both doors: policies, per-row results, limits."""

from typing import Any
from uuid import uuid4

import pytest

from models import ids
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.transactions import transactions_by_id
from resolvers.users import get_user
from tests.doors import Door, Refused, RestDoor

pytestmark = pytest.mark.anyio


async def account(door: Door) -> str:
    body = {"name": "Giro", "type": "CHECKING", "currency": "EUR"}
    return (await door.call("CreateAccount", body))["id"]


def rows(account_id: str, count: int) -> list[dict[str, Any]]:
    return [
        {"accountId": account_id, "date": "2026-01-01", "amount": "1.00", "description": f"r{n}"}
        for n in range(count)
    ]


async def total(door: Door, account_id: str) -> str:
    return (await door.call("GetAccount", id=account_id))["balance"]


@pytest.mark.case("M07")
async def test_one_bad_row_of_500_under_both_policies(door: Door) -> None:
    giro = await account(door)
    batch = rows(giro, 500)
    batch[250]["amount"] = "1.001"
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransactions", transactions=batch)
    details = refused.value.details
    assert (details["succeeded"], details["failed"]) == (0, 1)
    assert details["results"][250]["error"]["details"]["fields"][0]["path"] == "amount"
    assert details["results"][249] == {"index": 249, "id": None, "status": "ok", "error": None}
    assert [one["path"] for one in details["fields"]] == ["transactions.250"]
    assert await total(door, giro) == "0.00"
    kept = await door.call("CreateTransactions", transactions=batch, policy="SKIP_FAILED")
    assert (kept["succeeded"], kept["failed"]) == (499, 1)
    assert [row["index"] for row in kept["results"] if row["status"] == "error"] == [250]
    assert await total(door, giro) == "499.00"


@pytest.mark.case("M07")
@pytest.mark.parametrize("operation", ["CreateTransactions", "UpdateTransactions"])
async def test_501_rows_are_too_many(door: Door, operation: str) -> None:
    with pytest.raises(Refused) as refused:
        await door.call(operation, transactions=rows("x", 501))
    assert refused.value.code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("bad", [5, None, "x", [], {"zz": 1}])
async def test_a_row_of_any_shape_is_only_its_own_error(door: Door, bad: object) -> None:
    giro = await account(door)
    answer = await door.call(
        "CreateTransactions", transactions=[*rows(giro, 1), bad], policy="SKIP_FAILED"
    )
    assert [row["status"] for row in answer["results"]] == ["ok", "error"]
    assert answer["results"][1]["error"]["code"] == "VALIDATION_ERROR"


async def test_rows_are_changed_with_their_own_versions(door: Door) -> None:
    giro = await account(door)
    made = await door.call("CreateTransactions", transactions=rows(giro, 3))
    ids = [row["id"] for row in made["results"]]
    answer = await door.call(
        "UpdateTransactions",
        transactions=[
            {"id": ids[0], "amount": "5", "version": 1},
            {"id": ids[1], "amount": "5", "version": 7},
            {"id": ids[2], "description": "new"},
            {"id": ids[0], "amount": "6"},
            {"id": "txn_00000000000000000000000000", "amount": "6"},
            {"amount": "6"},
        ],
        policy="SKIP_FAILED",
    )
    assert [(r["error"] or {}).get("code") for r in answer["results"]] == [
        None, "STALE_OBJECT", None, "CONFLICT", "NOT_FOUND", "VALIDATION_ERROR",
    ]  # fmt: skip
    assert await total(door, giro) == "7.00"


async def test_what_was_got_can_be_put_back(door: Door) -> None:
    giro = await account(door)
    await door.call("CreateTransactions", transactions=rows(giro, 2))
    got = (await door.call("ListTransactions"))["items"]
    answer = await door.call("UpdateTransactions", transactions=got)
    assert (answer["succeeded"], answer["failed"]) == (2, 0)
    assert (await door.call("ListTransactions"))["items"] == got
    stolen = {**got[0], "id": got[0]["id"], "currency": "USD"}
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTransactions", transactions=[stolen])
    assert refused.value.details["results"][0]["error"]["code"] == "READ_ONLY"


async def test_a_row_is_deleted_once_in_a_batch(door: Door) -> None:
    giro = await account(door)
    made = await door.call("CreateTransactions", transactions=rows(giro, 2))
    one, two = (row["id"] for row in made["results"])
    answer = await door.call("DeleteTransactions", ids=[one, two, one], policy="SKIP_FAILED")
    assert (answer["succeeded"], answer["failed"]) == (2, 1)
    assert answer["results"][2]["error"]["code"] == "CONFLICT"


async def test_batches_are_deleted_by_id(door: Door) -> None:
    giro = await account(door)
    made = await door.call("CreateTransactions", transactions=rows(giro, 3))
    ids = [row["id"] for row in made["results"]]
    with pytest.raises(Refused):
        await door.call("DeleteTransactions", ids=[ids[0], "txn_00000000000000000000000000"])
    assert await total(door, giro) == "3.00"
    gone = await door.call("DeleteTransactions", ids=ids[:2])
    assert (gone["succeeded"], gone["failed"]) == (2, 0)
    assert await total(door, giro) == "1.00"


@pytest.mark.case("X01")
async def test_a_batch_has_one_effect_for_its_key(door: Door) -> None:
    giro = await account(door)
    first = await door.call("CreateTransactions", transactions=rows(giro, 2), key="k")
    assert door.replayed is False
    again = await door.call("CreateTransactions", transactions=rows(giro, 2), key="k")
    assert (again, door.replayed) == (first, True)
    assert await total(door, giro) == "2.00"
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransactions", transactions=rows(giro, 3), key="k")
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


async def test_batches_may_be_larger_than_a_statement_has_parameters(
    client: Any, ada: Any, services: Any
) -> None:
    giro = ids.decode("acct", await account(RestDoor(client, ada)))
    user_id = ids.decode("user", ada.id)
    async with services.database.read(user_id) as tx:
        ledger = (await get_user(tx, user_id)).ledger_id
        keys = [(ledger, giro), *((ledger, uuid4()) for _ in range(40_000))]
        for batch in (accounts_by_id, categories_by_id, transactions_by_id):
            found = await batch(tx, keys)
            assert len(found) == len(keys)
            assert sum(row is not None for row in found) == (batch is accounts_by_id)
