"""The product's own graph under both executors: stored operations and documents made at random."""

from typing import Any

import httpx2
import pytest

from graph.context import Context, Services
from tests.doors import Person, RestDoor, operations, row_of
from tests.execution.both import ENGINE, compared
from tests.execution.documents import Maker

pytestmark = pytest.mark.anyio

ROWS = 24
FRESH = frozenset({"export"})
"""Fields that answer something new each time: sealed links."""


async def world(client: httpx2.AsyncClient, person: Person) -> dict[str, list[str]]:
    """A ledger with something of everything; ids by their prefix."""
    door = RestDoor(client, person)
    kinds = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    category = list(kinds.values())
    accounts = [
        await door.call(
            "CreateAccount",
            {"name": name, "type": "CASH", "currency": "EUR", "openingBalance": "10"},
        )
        for name in ("Giro", "Cash", "Pocket")
    ]
    ids = [one["id"] for one in accounts]
    rows: list[dict[str, Any]] = [
        {
            "accountId": ids[n % 3],
            "date": f"2026-{1 + n % 12:02d}-{1 + n:02d}",
            "amount": f"{-n}.{n:02d}",
            "description": f"row {n}",
            "tags": ["a", "b"][: n % 3],
            "categoryId": category[n % 7] if n % 4 else None,
            "status": "PENDING" if n % 5 == 0 else "POSTED",
            "notes": "sealed" if n % 3 == 0 else None,
        }
        for n in range(ROWS)
    ]
    made = await door.call("CreateTransactions", transactions=rows)
    assert made["succeeded"] == ROWS
    parts = [{"categoryId": kinds["rent"], "amount": "-1"}] * 2
    split = {"accountId": ids[0], "date": "2026-02-02", "amount": "-2", "description": "parts"}
    await door.call("CreateTransaction", {**split, "splits": parts})
    transfer = {"accountId": ids[0], "date": "2026-02-03", "amount": "-5", "description": "over"}
    await door.call("CreateTransaction", {**transfer, "transferAccountId": ids[1]})
    items = [{"categoryId": kinds["rent"], "amount": "700"}]
    budget = {"name": "Home", "period": "MONTHLY", "startDate": "2026-01-01", "items": items}
    await door.call("CreateBudget", budget)
    listed = await door.pages("ListTransactions", limit=100)
    budgets = await door.pages("ListBudgets", limit=100)
    return {
        "acct": [*ids, "acct_none"],
        "txn": [row["id"] for row in listed],
        "cat": category,
        "bdgt": [one["id"] for one in budgets],
    }


async def context_of(services: Services, person: Person) -> Context:
    """A context in which a person asks."""
    return Context(services, await services.auth.actor(person.token), "made")


def values_for(name: str, ids: dict[str, list[str]], path: str) -> list[Any]:
    """Values for a variable of a stored operation."""
    kind = {"accounts": "acct", "transactions": "txn", "categories": "cat", "budgets": "bdgt"}
    prefix = kind.get(path.split("/")[1], "txn")
    return {
        "id": [*ids.get(prefix, [])[:2], "nonsense"],
        "limit": [None, 1, 3, 101],
        "cursor": [None, "wrong"],
        "asOf": [None, "2026-03-01"],
    }.get(name, [None])


async def test_every_stored_query_has_one_answer(
    client: httpx2.AsyncClient, ada: Person, services: Services
) -> None:
    ids = await world(client, ada)
    context = await context_of(services, ada)
    nobody = Context(services, None, "made")
    for name, stored in operations().items():
        if stored.writes:
            continue
        compiled = ENGINE.compile(stored.text, trusted=True)
        assert ENGINE.plan(compiled, compiled.operation(name)) is not None, name
        path = row_of(name).path
        named = {one: values_for(one, ids, path) for one in stored.variables}
        for turn in range(8):
            variables = {
                one: choices[turn % len(choices)]
                for one, choices in named.items()
                if choices[turn % len(choices)] is not None
            }
            await compared(context, compiled, variables, name)
        await compared(nobody, compiled, variables, name)


def test_every_stored_write_has_a_plan() -> None:
    for name, stored in operations().items():
        compiled = ENGINE.compile(stored.text, trusted=True)
        assert ENGINE.plan(compiled, compiled.operation(name)) is not None


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ viewer { email } ...F } fragment F on Query { __schema { queryType { name } } }",
    ],
)
def test_introspection_runs_under_the_reference(document: str) -> None:
    compiled = ENGINE.compile(document)
    assert compiled.refused is None
    assert ENGINE.plan(compiled, compiled.operation(None)) is None


@pytest.mark.parametrize("chunk", range(4))
async def test_made_documents_have_one_answer(
    client: httpx2.AsyncClient, ada: Person, services: Services, chunk: int
) -> None:
    ids = await world(client, ada)
    context = await context_of(services, ada)
    known: dict[str, list[Any]] = {
        "ID": [one for some in ids.values() for one in some[:4]],
        "ID.accountId": ids["acct"],
        "ID.categoryId": ids["cat"][:3],
        "Int": [0, 1, 2, 5, 30],
        "String": ["", "row", "a"],
        "String.after": ["wrong"],
        "String.before": ["wrong"],
        "Date": ["2026-02-02", "2026-03-01", "2026-12-31"],
        "Amount": ["1", "12.50"],
        "Boolean": [True, False],
    }
    ran = 0
    for seed in range(chunk * 60, chunk * 60 + 60):
        maker = Maker.seeded(ENGINE.schema, seed, known, depth=4, omit=FRESH)
        text, variables = maker.document()
        compiled = ENGINE.compile(text, trusted=True)
        if compiled.refused is not None:
            continue
        await compared(context, compiled, variables)
        ran += 1
    assert ran > 30
