"""What a page does not show is neither fetched nor opened, and its edges come along."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from graph.context import Context, Services
from models import ids
from models.sealing import LedgerRing
from tests.doors import GraphQLDoor, Person, Refused
from tests.execution.both import ENGINE, compared, fresh
from tests.statements import counted

pytestmark = pytest.mark.anyio

PAGE = """query ($first: Int!) { transactions(first: $first) {
  nodes { id date amount currency description payee status
    category { id name kind } account { id name currency } }
  pageInfo { hasNextPage endCursor } } }"""


async def book(client: httpx2.AsyncClient, person: Person, rows: int) -> GraphQLDoor:
    """Rows of all sorts on two accounts."""
    door = GraphQLDoor(client, person)
    known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    accounts = [
        (await door.call("CreateAccount", {"name": name, "type": "CASH", "currency": code}))["id"]
        for name, code in (("Giro", "EUR"), ("Yen", "JPY"))
    ]
    for number in range(rows):
        body = {
            "accountId": accounts[number % 2],
            "date": f"2026-01-{1 + number % 28:02d}",
            "amount": str(-number),
            "description": f"row {number}",
            "notes": "private" if number % 3 else None,
            "tags": ["a"] * (number % 2),
            "categoryId": known["rent"] if number % 4 else None,
        }
        await door.call("CreateTransaction", body)
    split = {"date": "2026-02-01", "amount": "-2", "description": "parts", "accountId": accounts[0]}
    parts = [{"categoryId": known["food"], "amount": "-1", "notes": "half"}] * 2
    made = await door.call("CreateTransaction", {**split, "splits": parts})
    back = {"accountId": accounts[0], "date": "2026-02-02", "amount": "2", "description": "back"}
    await door.call("CreateTransaction", {**back, "refundOf": made["id"]})
    over = {"accountId": accounts[0], "date": "2026-02-03", "amount": "-5", "description": "over"}
    await door.call(
        "CreateTransaction", {**over, "transferAccountId": accounts[1], "transferAmount": "700"}
    )
    return door


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The places of what is opened meanwhile."""
    places: list[str] = []
    one, many = LedgerRing.unseal, LedgerRing._minors_alike

    def unseal(self: LedgerRing, place: str, *rest: Any) -> Any:
        places.append(place)
        return one(self, place, *rest)

    def minors_alike(self: LedgerRing, place: str, ids: Any, cells: Any) -> Any:
        places.extend([place] * len(cells))
        return many(self, place, ids, cells)

    with monkeypatch.context() as patch:
        patch.setattr(LedgerRing, "unseal", unseal)
        patch.setattr(LedgerRing, "_minors_alike", minors_alike)
        yield places


async def asked(services: Services, person: Person, text: str, **variables: Any) -> dict[str, Any]:
    """The data of an answer that no cache has given."""
    compiled = ENGINE.compile(text, trusted=True)
    answer = await ENGINE.run(await context_of(services, person), compiled, variables)
    assert answer.raw_errors == []
    assert answer.data is not None
    return answer.data


async def test_a_page_with_its_edges_is_one_statement(
    client: httpx2.AsyncClient, ada: Person, services: Services
) -> None:
    await book(client, ada, 6)
    context = await context_of(services, ada)
    compiled = ENGINE.compile(PAGE, trusted=True)
    for size in (1, 10):
        with counted(services.database) as seen:
            answer = await ENGINE.run(fresh(context), compiled, {"first": size})
        assert answer.data is not None
        assert len(answer.data["transactions"]["nodes"]) == size
        assert len(seen) == 1
        for unseen in ("notes", "opening", "number", "tags", "locked", "content_key"):
            assert unseen not in seen[0]


async def test_what_is_not_shown_is_not_opened(
    client: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch, services: Services
) -> None:
    await book(client, ada, 4)
    page = "{{ transactions(first: 3) {{ nodes {{ {0} }} }} }}".format
    with opened(monkeypatch) as places, counted(services.database) as seen:
        data = await asked(services, ada, page("id date account { name }"))
    assert len(data["transactions"]["nodes"]) == 3
    assert places == []
    assert not any("amount" in one for one in seen)
    with opened(monkeypatch) as places:
        await asked(services, ada, page("amount"))
    assert places == ["transactions.amount"] * 3
    with opened(monkeypatch) as places:
        await asked(services, ada, page("account { openingBalance }"))
    assert places == ["accounts.opening"] * 2, "once for each account, however many rows it has"


async def test_edges_far_apart_load_alike_and_once(
    client: httpx2.AsyncClient, ada: Person, services: Services
) -> None:
    await book(client, ada, 4)
    context = await context_of(services, ada)
    text = """{ transactions(first: 2) { nodes { account { name }
      transfer { account { name } account2: account { institution } } } } }"""
    with counted(services.database) as seen:
        answer = await ENGINE.run(context, ENGINE.compile(text, trusted=True), {})
    assert answer.raw_errors == []
    tables = [re.findall(r"FROM (\w+)", one)[0] for one in seen]
    assert tables == ["transactions", "transactions"], "both accounts were read along"


def joined(plan: dict[str, Any]) -> list[float]:
    """How many rows came out of each join of a plan."""
    found = [plan["Actual Rows"]] if "Join Type" in plan else []
    return found + [one for inner in plan.get("Plans", ()) for one in joined(inner)]


@pytest.mark.parametrize("first", [10, 9])
async def test_edges_are_joined_to_the_rows_of_the_page_alone(
    client: httpx2.AsyncClient, ada: Person, services: Services, first: int
) -> None:
    """Whatever the planner knows of the tables, and without planning a usual page each time."""
    await book(client, ada, 30)
    seen: list[tuple[str, Any]] = []
    services.database.watch = lambda sql, values: seen.append((sql, values))
    try:
        await asked(services, ada, PAGE, first=first)
    finally:
        services.database.watch = None
    [(sql, values)] = [one for one in seen if "along" in one[0]]
    async with services.database.read(ids.decode("user", ada.id)) as tx:
        await tx.rows(sa.text("SELECT 1"))
        driver = tx._held.driver
        told = await driver.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
        plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        assert joined(plan) == [first + 1] * 2
        prepared = await driver.prepare(sql)
        for _ in range(8):
            assert len(await prepared.fetch(*values)) == first + 1
        plans = "SELECT max(generic_plans) FROM pg_prepared_statements WHERE statement = $1"
        if first == 10:
            assert await driver.fetchval(plans, sql) > 0


def fields_of(name: str) -> list[str]:
    """Every field of a type by itself, with what it takes to ask for it."""
    kind = ENGINE.schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    found = []
    for one, definition in kind.fields.items():
        if any(str(argument.type).endswith("!") for argument in definition.args.values()):
            continue
        inner = get_named_type(definition.type)
        found.append(one if is_leaf_type(inner) else f"{one} {{ __typename }}")
    return found


async def context_of(services: Services, person: Person) -> Context:
    return Context(services, await services.auth.actor(person.token), "glances")


async def test_one_transaction_with_its_edges_is_one_statement_of_what_is_looked_at(
    client: httpx2.AsyncClient, ada: Person, bob: Person, services: Services
) -> None:
    await book(client, ada, 3)
    page = await asked(services, ada, "{ transactions(first: 10) { nodes { id } } }")
    one = """query ($id: ID!) { transaction(id: $id) {
      id date amount account { id name } category { id name kind } } }"""
    compiled = ENGINE.compile(one, trusted=True)
    for node in page["transactions"]["nodes"]:
        context = await context_of(services, ada)
        with counted(services.database) as seen:
            found = await compared(context, compiled, {"id": node["id"]})
        assert found.raw_errors == []
        assert "notes" not in seen[0]
    with counted(services.database) as seen:
        await asked(services, ada, one, id=node["id"])
    assert len(seen) == 1
    for person, wanted in ((bob, node["id"]), (ada, "txn_00000000000000000000000000"), (ada, "x")):
        answer = await compared(await context_of(services, person), compiled, {"id": wanted})
        assert answer.data == {"transaction": None}
        assert [str(error.original_error) for error in answer.raw_errors] == [
            "There is no such transaction."
        ]


PATHS = [
    ("Transaction", 'transaction(id: "{id}") {{ {0} }}'),
    ("Transaction", "transactions(first: 20) {{ nodes {{ {0} }} }}"),
    ("Transaction", "transactions(first: 20) {{ edges {{ cursor node {{ {0} }} }} }}"),
    ("Transaction", "transactions(first: 20) {{ nodes {{ transfer {{ {0} }} refunded {{ {0} }} }} }}"),
    ("Account", "transactions(first: 20) {{ nodes {{ account {{ {0} }} }} }}"),
    ("Category", "transactions(first: 20) {{ nodes {{ category {{ {0} }} }} }}"),
    ("Category", "transactions(first: 20) {{ nodes {{ splits {{ category {{ {0} }} }} }} }}"),
    ("Split", "transactions(first: 20) {{ nodes {{ splits {{ {0} }} }} }}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path"), PATHS, ids=[path for _, path in PATHS])
async def test_every_field_alone_finds_all_that_it_looks_at(
    client: httpx2.AsyncClient, ada: Person, services: Services, kind: str, path: str
) -> None:
    await book(client, ada, 6)
    context = await context_of(services, ada)
    page = await asked(services, ada, "{ transactions(first: 1) { nodes { id } } }")
    newest = page["transactions"]["nodes"][0]["id"]
    for one in fields_of(kind):
        compiled = ENGINE.compile(f"{{ {path.format(one, id=newest)} }}", trusted=True)
        answer = await compared(context, compiled, {})
        assert answer.raw_errors == [], one


async def test_a_page_by_every_order_and_side_is_the_same_whole_and_in_part(
    client: httpx2.AsyncClient, ada: Person, services: Services
) -> None:
    door = await book(client, ada, 6)
    context = await context_of(services, ada)
    whole = await door.query("{ transactions(first: 3) { pageInfo { endCursor } } }")
    cursor = whole["data"]["transactions"]["pageInfo"]["endCursor"]
    fields = "nodes { amount category { name } } pageInfo { startCursor endCursor hasNextPage }"
    for sides in (
        "first: 0",
        "last: 4",
        f'first: 2, after: "{cursor}"',
        f'last: 2, before: "{cursor}"',
        "sort: DATE_ASC",
        "sort: AMOUNT_DESC",
        'filter: { search: "row" }',
        "filter: { deleted: true }",
    ):
        compiled = ENGINE.compile(f"{{ transactions({sides}) {{ {fields} }} }}", trusted=True)
        answer = await compared(context, compiled, {})
        assert answer.raw_errors == [], sides


async def test_nobody_reads_along_what_is_not_hers(
    client: httpx2.AsyncClient, ada: Person, bob: Person
) -> None:
    await book(client, ada, 2)
    door = GraphQLDoor(client, bob)
    answer = await door.query(PAGE, first=10)
    assert answer["data"]["transactions"]["nodes"] == []


async def test_one_transaction_is_one_statement_with_its_edges(
    client: httpx2.AsyncClient, ada: Person, bob: Person, services: Services
) -> None:
    door = await book(client, ada, 3)
    one = """query ($id: ID!) { transaction(id: $id) {
      id date amount tags category { id name } account { id name } } }"""
    listed = PAGE.replace("currency description payee status\n", "tags\n")
    nodes = (await door.query(listed, first=50))["data"]["transactions"]["nodes"]
    assert len(nodes) == 7
    for node in nodes:
        with counted(services.database) as statements:
            found = (await door.query(one, id=node["id"]))["data"]["transaction"]
        assert len([text for text in statements if "FROM transactions" in text]) == 1
        assert not [text for text in statements if text.startswith("SELECT accounts")]
        assert (found["amount"], found["tags"]) == (node["amount"], node["tags"])
        for edge in ("category", "account"):
            kept = node[edge] and {name: node[edge][name] for name in ("id", "name")}
            assert found[edge] == kept
    await door.call("DeleteTransaction", id=nodes[0]["id"])
    for who, wanted in ((ada, nodes[0]["id"]), (bob, nodes[1]["id"]), (ada, "txn_nothing")):
        with pytest.raises(Refused) as refused:
            await GraphQLDoor(client, who).query(one, id=wanted)
        assert refused.value.code == "NOT_FOUND"
