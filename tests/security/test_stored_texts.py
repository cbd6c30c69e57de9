"""Texts that break naive programs in every place that keeps one: both doors, the table, the paper."""

import csv
import io
from typing import Any

import httpx2
import pytest

from tests.doors import GraphQLDoor, Person, Refused, RestDoor
from tests.security.strings import FORMULAS, NAUGHTY, kept, storable

pytestmark = [pytest.mark.anyio, pytest.mark.case("G16")]

Fields = dict[str, int]
# Operation that makes -> the operation that shows it again, its texts with their most characters.
PLACES: dict[str, tuple[str, Fields]] = {
    "CreateAccount": ("GetAccount", {"name": 200, "institution": 200}),
    "CreateCategory": ("GetCategory", {"name": 200}),
    "CreateBudget": ("GetBudget", {"name": 200}),
    "CreateTemplate": ("GetTemplate", {"name": 200, "description": 500, "payee": 200}),
    "CreateGroup": ("GetGroup", {"name": 200}),
    "CreateTransaction": ("GetTransaction", {"description": 500, "payee": 200}),
    "UpdateMe": ("GetMe", {"name": 200}),
}


def body_of(operation: str, account: str, number: int, text: str) -> dict[str, Any]:
    """A body of which every text is one text."""
    day, month = "2026-01-01", "MONTHLY"
    rest: dict[str, dict[str, Any]] = {
        "CreateAccount": {"type": "CASH", "currency": "EUR"},
        "CreateCategory": {"kind": "EXPENSE"},
        "CreateBudget": {"period": month, "startDate": day},
        "CreateTemplate": {
            "accountId": account,
            "amount": "-1",
            "frequency": month,
            "startDate": day,
        },
        "CreateTransaction": {"accountId": account, "date": day, "amount": f"-{number + 1}"},
    }
    return {**rest.get(operation, {}), **dict.fromkeys(PLACES[operation][1], text)}


async def outcome(door: Any, operation: str, body: Any) -> tuple[Any, Refused | None]:
    """What was made, or why not."""
    try:
        return await door.call(operation, body), None
    except Refused as refused:
        return None, refused


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", [GraphQLDoor, RestDoor], ids=["graphql", "rest"])
@pytest.mark.parametrize("operation", PLACES)
async def test_a_text_comes_back_by_the_other_door_or_is_refused_by_its_field(
    eager: httpx2.AsyncClient, eve: Person, kind: Any, operation: str
) -> None:
    door = kind(eager, eve)
    other = (RestDoor if kind is GraphQLDoor else GraphQLDoor)(eager, eve)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    show, fields = PLACES[operation]
    stored = 0
    for number, text in enumerate(NAUGHTY):
        wrong = {name for name, most in fields.items() if not storable(text, most=most)}
        body = body_of(operation, account["id"], number, text)
        made, refused = await outcome(door, operation, body)
        if refused is not None and operation == "CreateCategory" and refused.code == "CONFLICT":
            # Another spelling of a name that there is.
            continue
        if refused is not None:
            assert (refused.code, set(refused.paths)) == ("VALIDATION_ERROR", wrong), text
            continue
        assert not wrong, (text, wrong)
        stored += 1
        variables = {} if operation == "UpdateMe" else {"id": made["id"]}
        found = await other.call(show, **variables)
        assert {name: found[name] for name in fields} == dict.fromkeys(fields, kept(text)), text
    assert stored > 50


@pytest.mark.case("F05", "F06")
async def test_the_table_and_the_paper_take_any_text(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    door = RestDoor(eager, eve)
    texts = list(dict.fromkeys(kept(one) for one in NAUGHTY if storable(one, most=200)))
    account = await door.call(
        "CreateAccount", {"name": FORMULAS[0], "type": "CASH", "currency": "EUR"}
    )
    rows = [body_of("CreateTransaction", account["id"], n, text) for n, text in enumerate(texts)]
    told = await door.call("CreateTransactions", transactions=rows)
    assert told["succeeded"] == len(texts) > 80
    table = await eager.get("/v1/analytics/export/csv", headers=eve.headers)
    assert table.status_code == 200
    found = {
        row["amount"]: row
        for row in csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline=""))
    }
    for number, text in enumerate(texts):
        row = found[f"-{number + 1}.00"]
        assert row["account"] == "'" + FORMULAS[0]
        for cell in (row["description"], row["payee"]):
            assert cell in {text, "'" + text}, text
            assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠")), text
    paper = await eager.get("/v1/analytics/export/pdf", headers=eve.headers)
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
