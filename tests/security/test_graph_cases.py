"""What the graph withstands: documents over budget, probing, slow queries, mixed-up people."""

import asyncio
import json
from dataclasses import replace
from time import thread_time
from typing import Any

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from app import Running, create_app
from graph.context import Services
from graph.engine import Engine
from models.embedded.parts import Endpoints
from resolvers.errors import TooComplex
from settings import Settings
from tests.contract.test_json_body import MALFORMED, READ
from tests.doors import Door, GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio

BOMBS = {
    "fan-out of 22": "{...F0}"
    + "".join(f" fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(22))
    + " fragment F22 on Query {viewer {id}}",
    "fan-out of 140": "{...F0}"
    + "".join(f" fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(140))
    + " fragment F140 on Query {viewer {id}}",
    "lists of lists": "{accounts(first:100){nodes{transactions(first:100){nodes{account{"
    "transactions(first:100){nodes{id}}}}}}}}",
    "340 duplicates": "{" + "accounts{nodes{id}} " * 300 + "}",
    "500 duplicates": "{" + "viewer " * 500 + "}",
    "overlapping arguments": "{" + " ".join(f"accounts(first:{n}){{nodes{{id}}}}" for n in range(9)) + "}",
    "31 aliases in fragments": "{...A ...B} fragment A on Query {"
    + " ".join(f"a{n}: __typename" for n in range(16)) + "} fragment B on Query {"
    + " ".join(f"b{n}: __typename" for n in range(15)) + "}",
    "eleven levels": "{accounts{nodes{" + "transactions{nodes{account{" * 3 + "id" + "}}}" * 3 + "}}}",
    "a cycle": "{...A} fragment A on Query {...B} fragment B on Query {...A}",
}  # fmt: skip


@pytest.mark.case("G01", "G02", "G03", "G04", "G06")
@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_is_refused_before_anything_that_takes_time(
    client: httpx2.AsyncClient, bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation is where such documents cost seconds; they never get there."""

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("validated")

    monkeypatch.setattr("graph.engine.validate", never)
    with pytest.raises(TooComplex) as refused:
        Engine().compile(BOMBS[bomb])
    assert refused.value.details["found"] > refused.value.details["allowed"]
    answer = await client.post("/graphql", json={"query": BOMBS[bomb]})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert len(answer.content) < 600


@pytest.mark.case("G01", "G02", "G03")
@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_holds_nobody_up(client: httpx2.AsyncClient, bomb: str) -> None:
    """20 ms of work for the whole answer, and never 50 ms in one piece, in the best of some tries.

    Processor time of this thread, since a busy machine is no fault of the product.
    """
    pieces: list[float] = []
    over = False

    async def probe() -> None:
        while not over:
            begun = thread_time()
            await asyncio.sleep(0)
            pieces.append(thread_time() - begun)

    tries = []
    for _ in range(5):
        pieces.clear()
        over = False
        probing = asyncio.create_task(probe())
        await asyncio.sleep(0)
        begun = thread_time()
        answer = await client.post("/graphql", json={"query": BOMBS[bomb]})
        took = thread_time() - begun
        over = True
        await probing
        assert answer.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        tries.append((took, max(pieces)))
    assert min(took for took, _ in tries) <= 0.020, tries
    assert min(longest for _, longest in tries) <= 0.050, tries


PROBES = (
    "{__schema {types {name}}}",
    '{__type(name: "User") {name}}',
    "{viewe {id}}",
    "{viewer {emai}}",
    "{accounts(firs: 1) {nodes {id}}}",
    "{node(id: 1) {... on Acount {id}}}",
    "mutation {createAccount(input: {nam: 1}) {account {id}}}",
    'mutation {createAccount(input: {name: "x", type: CASHH, currency: "EUR"}) {account {id}}}',
    "query ($i: CreateAccountInpu) {viewer {id}}",
    "mutation {logi {session {expiresIn}}}",
)


@pytest.mark.case("G08")
async def test_production_gives_its_schema_to_no_probe(
    running: Running, settings: Settings, ada: Person
) -> None:
    strict = create_app(replace(running.services, introspection=False), settings)
    transport = httpx2.ASGITransport(app=strict)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for probe in PROBES:
            answer = await client.post("/graphql", json={"query": probe}, headers=ada.headers)
            assert "data" not in answer.json(), probe
            assert "Did you mean" not in answer.text, probe
        wrong = {"input": {"nam": "x", "type": "CASHH", "currency": "EUR"}}
        create = (
            "mutation ($input: CreateAccountInput!) {createAccount(input: $input) {account {id}}}"
        )
        body = {"query": create, "variables": wrong}
        answer = await client.post("/graphql", json=body, headers=ada.headers)
        assert "Did you mean" not in answer.text
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        assert "graphiql" not in page.text.lower()


@pytest.mark.case("G12")
async def test_people_who_ask_at_once_get_their_own(
    client: httpx2.AsyncClient, ada: Person, bob: Person
) -> None:
    """Loaders remember for one operation of one person, however the two are interleaved."""
    document = (
        "query ($id: ID!) { account(id: $id) { name transactions(first: 3) { nodes {"
        " description account { name } category { name } } } } viewer { email } }"
    )
    things: dict[str, tuple[Person, str]] = {}
    for person in (ada, bob):
        door = GraphQLDoor(client, person)
        mine = f"of {person.email}"
        body = {"name": mine, "type": "CASH", "currency": "EUR"}
        account = (await door.call("CreateAccount", body))["id"]
        category = (await door.call("CreateCategory", {"name": mine, "kind": "EXPENSE"}))["id"]
        row = {"accountId": account, "categoryId": category, "date": "2026-01-01", "amount": "-1"}
        for _ in range(3):
            await door.call("CreateTransaction", {**row, "description": mine})
        things[mine] = (person, account)

    async def ask(mine: str) -> None:
        person, account = things[mine]
        answer = await GraphQLDoor(client, person).query(document, id=account)
        row = {"description": mine, "account": {"name": mine}, "category": {"name": mine}}
        assert answer["data"] == {
            "account": {"name": mine, "transactions": {"nodes": [row] * 3}},
            "viewer": {"email": person.email},
        }

    async def ask_for_theirs(mine: str) -> None:
        (other,) = things.keys() - {mine}
        with pytest.raises(Refused) as refused:
            await GraphQLDoor(client, things[mine][0]).query(document, id=things[other][1])
        assert refused.value.code == "NOT_FOUND"

    turns = [*things] * 12
    await asyncio.gather(*(ask(mine) for mine in turns), *(ask_for_theirs(m) for m in turns))


@pytest.mark.case("G17")
async def test_a_refusal_of_the_database_shows_no_statement(
    door: Door, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(tx: Any, *_: Any, **__: Any) -> Any:
        await tx.run(text("SELECT secret_column FROM accounts WHERE name = 'of Ada'"))

    monkeypatch.setattr("graph.accounts.get_account", broken)
    with pytest.raises(Refused) as refused:
        await door.call("GetAccount", id="acct_" + "0" * 26)
    told = refused.value.message + json.dumps(refused.value.details)
    assert refused.value.code == "INTERNAL_ERROR"
    assert not any(word in told for word in ("secret_column", "SELECT", "accounts", "Ada"))


@pytest.mark.case("G18")
async def test_a_query_that_takes_too_long_is_stopped_in_the_database_too(
    services: Services, client: httpx2.AsyncClient, ada: Person, parts: Endpoints,
    settings: Settings, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async def slow(tx: Any, *_: Any, **__: Any) -> Any:
        await tx.scalar(text("SELECT pg_sleep(60)"))

    monkeypatch.setattr("graph.accounts.get_account", slow)
    app = create_app(services, settings.model_copy(update={"query_seconds": 0.2}))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as hasty:
        path = "/v1/accounts/acct_" + "0" * 26
        rest = await hasty.get(path, headers=ada.headers)
        assert (rest.status_code, rest.json()["error"]["code"]) == (503, "UNAVAILABLE")
        body = {"query": '{account(id: "acct_' + "0" * 26 + '") {id} viewer {id}}'}
        graph = await hasty.post("/graphql", json=body, headers=ada.headers)
        assert graph.status_code == 503
        assert graph.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    root = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    try:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1"
        while await root.fetchval(sleeping, "SELECT pg_sleep%"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    finally:
        await root.close()
    monkeypatch.undo()
    pool: Any = services.database.engine.pool
    for _ in range(pool.size() + 1):
        answer = await client.get("/v1/accounts", headers=ada.headers)
        assert answer.status_code == 200
    async with asyncio.timeout(10):
        # The line on which all ask for versions is given back once nobody does.
        while pool.checkedout():
            await services.database.drivers.rest()
            await asyncio.sleep(0.05)


@pytest.mark.case("G14")
async def test_no_file_of_json_is_an_accident_at_either_door(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    sent = {"Content-Type": "application/json", **eve.headers}
    bodies = {name: one[0] if isinstance(one, tuple) else one for name, one in READ.items()}
    bodies |= MALFORMED
    assert len(bodies) > 150
    for name, body in bodies.items():
        within = b'{"query": "{viewer{id}}", "variables": ' + body + b"}"
        for path, content in (
            ("/v1/accounts", body), ("/graphql", body), ("/graphql", within),
            ("/v1/auth/login", body),
        ):  # fmt: skip
            answer = await eager.post(path, content=content, headers=sent)
            assert answer.status_code < 500, (name, path, answer.text)
            assert "INTERNAL_ERROR" not in answer.text, (name, path)
            answer.json()
