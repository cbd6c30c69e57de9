"""A repeated read: the same answer after one small query, and never one that is another's or old."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import httpx2
import pytest

from app import Running, create_app
from graph.context import Services
from models.stores.answers import Answers
from resolvers.access import Actor
from settings import Settings
from tests.auth.test_personal_tokens import token_for
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused, RestDoor
from tests.statements import counted

pytestmark = pytest.mark.anyio

BOOKS = "{accounts(first: 5){nodes{id name balance}}}"
ACCOUNT = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "10"}


async def seen(services: Services, door: Door, operation: str, **values: Any) -> tuple[Any, int]:
    """What an operation answers, and how many statements that took."""
    with counted(services.database, kept=True) as statements:
        found = await door.call(operation, **values)
    return found, len(statements)


async def repeated(services: Services, door: Door, operation: str, **values: Any) -> Any:
    """An answer that has been given before."""
    first, _ = await seen(services, door, operation, **values)
    again, cost = await seen(services, door, operation, **values)
    assert (again, cost) == (first, 1)
    return again


async def test_a_repeated_read_is_one_statement(services: Services, door: Door) -> None:
    account = await door.call("CreateAccount", ACCOUNT)
    assert (await repeated(services, door, "ListAccounts"))["items"] == [account]
    assert await repeated(services, door, "GetAccount", id=account["id"]) == account
    await repeated(services, door, "GetNetWorth")


async def test_an_own_write_is_seen_at_once(services: Services, door: Door) -> None:
    account = await door.call("CreateAccount", ACCOUNT)
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    for number in range(3):
        found = await repeated(services, door, "GetAccount", id=account["id"])
        assert found["balance"] == f"{10 - number}.00"
        await door.call("CreateTransaction", row)
    await door.call("UpdateAccount", {"name": "Other"}, id=account["id"])
    assert (await door.call("GetAccount", id=account["id"]))["name"] == "Other"
    await door.call("DeleteAccount", id=account["id"], force=True)
    with pytest.raises(Refused):
        await door.call("GetAccount", id=account["id"])


async def test_nobody_gets_the_answer_of_somebody_else(
    services: Services, door: Door, bob: Person
) -> None:
    account = await door.call("CreateAccount", ACCOUNT)
    await repeated(services, door, "ListAccounts")
    await repeated(services, door, "GetAccount", id=account["id"])
    other = door.as_person(bob)
    assert (await other.call("ListAccounts"))["items"] == []
    with pytest.raises(Refused) as refused:
        await other.call("GetAccount", id=account["id"])
    assert refused.value.code == "NOT_FOUND"


async def test_another_members_write_is_seen_at_once(
    services: Services, door: Door, bob: Person
) -> None:
    group = await door.call("CreateGroup", {"name": "Flat", "currency": "EUR"})
    beside = door.as_person(bob)
    asked = {"groupId": group["id"], "email": bob.email, "role": "MEMBER"}
    invited = await door.call("CreateInvitation", asked)
    await beside.call("AcceptInvitation", id=invited["id"])
    assert (await repeated(services, beside, "GetGroup", id=group["id"]))["name"] == "Flat"
    await door.call("UpdateGroup", {"name": "House"}, id=group["id"])
    assert (await beside.call("GetGroup", id=group["id"]))["name"] == "House"
    await repeated(services, beside, "GetGroup", id=group["id"])
    await door.call("RemoveGroupMember", id=group["id"], userId=bob.id)
    with pytest.raises(Refused) as refused:
        await beside.call("GetGroup", id=group["id"])
    assert refused.value.code == "NOT_FOUND"


async def test_a_token_with_other_scopes_gets_an_answer_of_its_own(
    services: Services, door: Door, client: Any, ada: Person
) -> None:
    account = await door.call("CreateAccount", ACCOUNT)
    await repeated(services, door, "GetAccount", id=account["id"])
    reader, _ = await token_for(client, ada, "transactions:read")
    with pytest.raises(Refused) as refused:
        await door.as_person(reader).call("GetAccount", id=account["id"])
    assert refused.value.code == "FORBIDDEN"


async def test_another_day_and_other_rates_are_another_answer(
    services: Services, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.call("CreateAccount", ACCOUNT)
    await repeated(services, door, "ListAccounts")
    monkeypatch.setattr("graph.validators.rates_version", lambda: "another")
    assert (await seen(services, door, "ListAccounts"))[1] > 1
    assert (await seen(services, door, "ListAccounts"))[1] == 1
    monkeypatch.setattr(Actor, "today", property(lambda _: date(2026, 1, 2)))
    assert (await seen(services, door, "ListAccounts"))[1] > 1
    assert (await seen(services, door, "ListAccounts"))[1] == 1


async def test_errors_are_made_anew(services: Services, client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    mixed = '{accounts(first: 1){nodes{id}} account(id: "acct_nonsense"){id}}'
    head = ada.headers
    for _ in range(2):
        with counted(services.database, kept=True) as statements:
            answer = await client.post("/graphql", json={"query": mixed}, headers=head)
        assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        assert len(statements) > 1
    rest = RestDoor(client, ada)
    for _ in range(2):
        with pytest.raises(Refused):
            await rest.call("GetAccount", id="acct_nonsense")
    assert (await door.query(BOOKS))["data"]["accounts"]["nodes"] == []


async def test_who_asks_for_a_fresh_answer_gets_one(
    services: Services, client: Any, ada: Person
) -> None:
    fresh = {**ada.headers, "Cache-Control": "no-cache"}
    for _ in range(2):
        with counted(services.database, kept=True) as statements:
            answer = await client.get("/v1/accounts", headers=fresh)
        assert (answer.status_code, "etag" in answer.headers) == (200, True)
        assert len(statements) > 1
        with counted(services.database, kept=True) as statements:
            await client.post("/graphql", json={"query": BOOKS}, headers=fresh)
        assert [one for one in statements if "visible_versions" in one] == []


async def test_a_cached_answer_has_the_headers_of_the_first(client: Any, ada: Person) -> None:
    made = await RestDoor(client, ada).call("CreateAccount", ACCOUNT)
    path = f"/v1/accounts/{made['id']}"
    first, again = [await client.get(path, headers=ada.headers) for _ in range(2)]
    own = {"x-request-id", "ratelimit"}
    for one in (first, again):
        assert one.headers["etag"].startswith('"1.')
        assert "ratelimit" in one.headers
    assert {k: v for k, v in first.headers.items() if k not in own} == {
        k: v for k, v in again.headers.items() if k not in own
    }
    same = {name: first.json()[name] for name in ("success", "data", "message")}
    assert {name: again.json()[name] for name in same} == same


async def test_a_cached_answer_counts_at_its_limit(client: Any, ada: Person) -> None:
    left = []
    for _ in range(3):
        answer = await client.post("/graphql", json={"query": BOOKS}, headers=ada.headers)
        left.append(int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]))
    assert [left[0] - one for one in left] == [0, 1, 2]


@pytest.mark.parametrize(
    ("query", "cached"),
    [
        (BOOKS, True),
        ("{viewer{name}}", True),
        # What changes without a version, has a clock in it, or is quicker made than looked for.
        ("{viewer{sessions{id}}}", False),
        ("{viewer{personalTokens{id}}}", False),
        ("{uploads(first: 1){nodes{downloadUrl}}}", False),
        ('{changes(after: "start"){hasMore}}', False),
        ("{__typename}", False),
    ],
)
async def test_what_versions_do_not_tell_is_not_cached(
    services: Services, client: Any, ada: Person, query: str, cached: bool
) -> None:
    for time in range(2):
        with counted(services.database, kept=True) as statements:
            answer = await client.post("/graphql", json={"query": query}, headers=ada.headers)
        assert "errors" not in answer.json(), answer.text
        looked = any("visible_versions" in one for one in statements[:1])
        assert (looked and len(statements) == 1) is (cached and time == 1), statements


async def test_variables_are_told_apart(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    for name in ("A", "B"):
        await door.call("CreateAccount", {**ACCOUNT, "name": name})
    query = "query($n: Int = 1){accounts(first: $n){nodes{name}}}"
    names = "query A($n: Int = 1){accounts(first: $n){nodes{name}}} query B{accounts(first: 2){nodes{id}}}"

    head = dict(ada.headers)

    async def told(text: str, operation: str | None = None, **variables: Any) -> Any:
        sent = {"query": text, "variables": variables, "operationName": operation}
        return (await client.post("/graphql", json=sent, headers=head)).json()

    assert len((await told(query))["data"]["accounts"]["nodes"]) == 1
    assert len((await told(query, n=2))["data"]["accounts"]["nodes"]) == 2
    # Null is not the default, and text is not a number.
    null = await told(query, n=None)
    head["Cache-Control"] = "no-cache"
    assert null == await told(query, n=None)
    del head["Cache-Control"]
    assert "errors" in await told(query, n="2")
    assert "errors" in await told(query, n=10**30)
    assert "name" in (await told(names, "A"))["data"]["accounts"]["nodes"][0]
    assert "id" in (await told(names, "B"))["data"]["accounts"]["nodes"][0]


@pytest.fixture
async def second(
    running: Running, settings: Settings
) -> AsyncIterator[tuple[Services, httpx2.AsyncClient]]:
    """Another process on the same parts, as far as its answers go."""
    answers = Answers(running.cache, running.chain_key)
    services = replace(running.services, answers=answers)
    transport = httpx2.ASGITransport(app=create_app(services, settings), client=("10.7.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield services, client


async def test_another_process_answers_from_redis(
    running: Running, second: Any, client: Any, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.services.answers, "_dear_seconds", 0.0)
    door = RestDoor(client, ada)
    account = await door.call("CreateAccount", ACCOUNT)
    first = await door.call("GetAccount", id=account["id"])
    await running.services.answers.settle()
    services, elsewhere = second
    found, cost = await seen(services, RestDoor(elsewhere, ada), "GetAccount", id=account["id"])
    assert (found, cost) == (first, 1)
    # And after a write it does not.
    await door.call("UpdateAccount", {"name": "Other"}, id=account["id"])
    found, cost = await seen(services, RestDoor(elsewhere, ada), "GetAccount", id=account["id"])
    assert (found["name"], cost > 1) == ("Other", True)


async def test_a_deleted_account_gets_nothing_more(
    services: Services, client: Any, ada: Person
) -> None:
    door = RestDoor(client, ada)
    await door.call("CreateAccount", ACCOUNT)
    await repeated(services, door, "ListAccounts")
    await door.call("DeleteUser", {"password": PASSWORD, "confirm": ada.email})
    answer = await client.get("/v1/accounts", headers=ada.headers)
    assert answer.status_code == 401
