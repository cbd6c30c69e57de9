"""What no plan covers runs under the reference executor: a field that fails takes no other with it."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import httpx2
import pytest

from graph.context import Context
from graph.reference import unbroken
from tests.contract.test_known import account_of
from tests.doors import GraphQLDoor, Person

pytestmark = pytest.mark.anyio
# A page of 500 is refused, and its connection may not be null: so the account is.
FAILS = "balance transactions(first: 500) { totalCount }"
INTROSPECTED = "__schema { queryType { name } }"
SKIPPED = "... on Node { ... on Group { id @skip(if: $v) } }"
"""Not planned with ``v`` null."""


async def asked(client: httpx2.AsyncClient, person: Person, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    answer = await client.post("/graphql", json=body, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(answer: Any) -> list[tuple[str, list[str]]]:
    return [(error["extensions"]["code"], error["path"]) for error in answer["errors"]]


@pytest.mark.parametrize("around", [INTROSPECTED, ""], ids=["reference", "plan"])
async def test_two_fields_that_load_the_same_fail_alone(
    client: httpx2.AsyncClient, ada: Person, around: str
) -> None:
    account = await account_of(client, ada)
    query = f"query($i: ID!) {{ {around} a: account(id: $i) {{ {FAILS} }} b: account(id: $i) {{ balance }} }}"
    for _ in range(5):
        answer = await asked(client, ada, query, i=account)
        answer["data"].pop("__schema", None)
        assert answer["data"] == {"a": None, "b": {"balance": "10.00"}}
        assert codes(answer) == [("VALIDATION_ERROR", ["a", "transactions"])]


async def test_a_mutation_that_is_done_says_so(client: httpx2.AsyncClient, ada: Person) -> None:
    account = await account_of(client, ada)
    query = (
        "mutation($v: Boolean = true, $i: CreateTransactionInput!) { a: createTransaction(input: $i) {"
        f"transaction {{ id x: account {{ {FAILS} }} y: account {{ balance {SKIPPED} }} }} }} }}"
    )
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
    answer = await asked(client, ada, query, v=None, i=row)
    assert [code for code, _ in codes(answer)] == ["VALIDATION_ERROR"] * len(answer["errors"])
    assert (await GraphQLDoor(client, ada).call("GetAccount", id=account))["balance"] == "9.00"


async def test_a_failure_behind_a_write_says_that_it_is_done(
    client: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await account_of(client, ada)
    query = (
        "mutation($i: CreateTransactionInput!) { a: createTransaction(input: $i) "
        "{ transaction { id account { name } } } }"
    )
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}

    for failure, code in ((OSError(), "UNAVAILABLE"), (KeyError("x"), "INTERNAL_ERROR")):
        fails = AsyncMock(side_effect=failure)
        with monkeypatch.context() as patch:
            patch.setattr(Context, "load_many", fails)
            [error] = (await asked(client, ada, query, i=row))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["details"]["done"]) == (code, True)
        assert error["path"] == ["a", "transaction", "account"]
        assert "do not send it again" in error["message"]
    row["description"] = ""
    [error] = (await asked(client, ada, query, i=row))["errors"]
    assert "done" not in error["extensions"]["details"], "nothing was written"


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    lost = asyncio.get_running_loop().create_future()
    lost.cancel()
    with pytest.raises(RuntimeError):
        await unbroken(lost)
    waits = asyncio.create_task(unbroken(asyncio.sleep(60)))
    await asyncio.sleep(0)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
