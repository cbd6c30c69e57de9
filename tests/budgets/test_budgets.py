"""Budgets and their items through both doors: making, changing, moving, deleting."""

from typing import Any

import pytest

from graph.context import Services
from tests.doors import Door, GraphQLDoor, Person, Refused
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

PLAN = {"name": "Household", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"}


async def by_key(door: Door) -> dict[str, str]:
    return {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}


async def make(door: Door, **more: Any) -> dict[str, Any]:
    return await door.call("CreateBudget", {**PLAN, **more})


async def test_a_budget_is_made_with_its_items(door: Door) -> None:
    known = await by_key(door)
    items = [
        {"categoryId": known["food"], "amount": "300", "carry": "BOTH"},
        {"categoryId": known["salary"], "amount": 2000.5},
    ]
    made = await make(door, items=items)
    assert made["id"].startswith("bdgt_")
    assert (made["version"], made["endDate"], made["alertPercents"]) == (1, None, [80, 100])
    assert [(i["categoryId"], i["amount"], i["carry"]) for i in made["items"]] == [
        (known["food"], "300.00", "BOTH"),
        (known["salary"], "2000.50", "NONE"),
    ]
    assert all(i["id"].startswith("item_") and i["budgetId"] == made["id"] for i in made["items"])
    assert await door.call("GetBudget", id=made["id"]) == made
    assert (await door.call("ListBudgets"))["items"] == [made]
    assert await door.pages("ListBudgetItems", id=made["id"], limit=1) == made["items"]


async def test_the_base_currency_is_what_is_meant_by_none(door: Door) -> None:
    body = {name: value for name, value in PLAN.items() if name != "currency"}
    made = await door.call("CreateBudget", {**body, "alertPercents": [100, 50, 50]})
    assert made["currency"] == "EUR"
    assert made["alertPercents"] == [50, 100]


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"name": ""}, {"name": "INVALID"}),
        ({"period": "DAILY"}, {"period": "INVALID"}),
        ({"period": "CUSTOM"}, {"endDate": "REQUIRED"}),
        ({"endDate": "2025-12-31"}, {"endDate": "INVALID"}),
        ({"startDate": "2026-02-30"}, {"startDate": "INVALID"}),
        ({"currency": "XXX"}, {"currency": "INVALID"}),
        ({"alertPercents": [0]}, {"alertPercents.0": "INVALID"}),
        ({"alertPercents": [1001]}, {"alertPercents.0": "INVALID"}),
        ({"items": [{"categoryId": "cat_x", "amount": "1"}]}, {"items.0.categoryId": "NOT_FOUND"}),
        ({"colour": "red"}, {"colour": "UNKNOWN_FIELD"}),
    ],
)
async def test_wrong_budgets_are_told_why(
    door: Door, wrong: dict[str, Any], paths: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        await make(door, **wrong)
    assert (refused.value.code, refused.value.paths) == ("VALIDATION_ERROR", paths)
    assert (await door.call("ListBudgets"))["items"] == []


async def test_every_wrong_item_is_named_and_nothing_is_made(door: Door, bob: Person) -> None:
    mine, others = await by_key(door), await by_key(door.as_person(bob))
    items = [
        {"categoryId": mine["food"], "amount": "1.001"},
        {"categoryId": mine["food"], "amount": "1"},
        {"categoryId": others["rent"], "amount": "1"},
        {"categoryId": mine["rent"], "amount": "-1"},
    ]
    with pytest.raises(Refused) as refused:
        await make(door, items=items)
    assert refused.value.paths == {
        "items.0.amount": "INVALID",
        "items.1.categoryId": "DUPLICATE",
        "items.2.categoryId": "NOT_FOUND",
        "items.3.amount": "INVALID",
    }
    assert (await door.call("ListBudgets"))["items"] == []


async def test_absent_stays_null_clears_and_what_was_got_may_be_put_back(door: Door) -> None:
    known = await by_key(door)
    items = [{"categoryId": known["food"], "amount": "1"}]
    made = await make(door, endDate="2026-12-31", items=items)
    assert await door.call("UpdateBudget", {"name": "Household"}, id=made["id"]) == made
    changed = await door.call(
        "UpdateBudget", {"name": "Flat", "period": "WEEKLY"}, id=made["id"], version=1
    )
    assert (changed["name"], changed["period"], changed["version"]) == ("Flat", "WEEKLY", 2)
    assert changed["endDate"] == "2026-12-31"
    open_end = await door.call("UpdateBudget", {"endDate": None}, id=made["id"])
    assert open_end["endDate"] is None
    for wrong, paths in (
        ({"period": "CUSTOM"}, {"endDate": "REQUIRED"}),
        ({"name": None}, {"name": "REQUIRED"}),
        ({"endDate": "2025-01-01"}, {"endDate": "INVALID"}),
    ):
        with pytest.raises(Refused) as refused:
            await door.call("UpdateBudget", wrong, id=made["id"])
        assert refused.value.paths == paths
    with pytest.raises(Refused) as refused:
        await door.call("UpdateBudget", {"name": "Old"}, id=made["id"], version=1)
    assert refused.value.code == "STALE_OBJECT"
    assert refused.value.details["current"] == open_end


async def test_the_whole_body_goes_back_and_forth(client: Any, ada: Person) -> None:
    headers = ada.headers
    known = await by_key(GraphQLDoor(client, ada))
    body = {**PLAN, "items": [{"categoryId": known["food"], "amount": "1"}]}
    answer = await client.post("/v1/budgets", json=body, headers=headers)
    made, place = answer.json()["data"], answer.headers["location"]
    assert place.endswith(f"/v1/budgets/{made['id']}")
    same = await client.put(place, json=made, headers=headers)
    assert same.json()["data"] == made
    changed = {**made, "items": [{**made["items"][0], "amount": "2.00"}]}
    refused = (await client.put(place, json=changed, headers=headers)).json()["error"]
    assert refused["code"] == "READ_ONLY"
    assert refused["details"]["fields"][0]["path"] == "items"


async def test_an_item_made_by_rest_has_an_address_and_a_validator(
    client: Any, ada: Person
) -> None:
    door, headers = GraphQLDoor(client, ada), ada.headers
    known, budget = await by_key(door), await make(door)
    path = f"/v1/budgets/{budget['id']}/items"
    body = {"categoryId": known["food"], "amount": "12.30"}
    answer = await client.post(path, json=body, headers=headers)
    item, place, tag = answer.json()["data"], answer.headers["location"], answer.headers["etag"]
    assert place.endswith(f"{path}/{item['id']}")
    again = await client.get(place, headers={**headers, "If-None-Match": tag})
    assert (again.status_code, again.headers["etag"]) == (304, tag)
    assert (await client.get(place, headers=headers)).json()["data"] == item
    changed = await client.put(place, json={**item, "amount": "13"}, headers=headers)
    assert (changed.json()["data"]["amount"], changed.json()["data"]["version"]) == ("13.00", 2)
    stale = await client.put(place, json={"amount": "1"}, headers={**headers, "If-Match": tag})
    assert stale.status_code == 412
    assert (await client.get(place, headers={**headers, "If-None-Match": tag})).status_code == 200


async def test_items_come_change_and_go(door: Door) -> None:
    known, budget = await by_key(door), await make(door)
    one = await door.call(
        "CreateBudgetItem", {"categoryId": known["food"], "amount": "10"}, id=budget["id"]
    )
    assert (one["amount"], one["carry"], one["version"]) == ("10.00", "NONE", 1)
    with pytest.raises(Refused) as refused:
        await door.call(
            "CreateBudgetItem", {"categoryId": known["food"], "amount": "1"}, id=budget["id"]
        )
    assert (refused.value.code, refused.value.details["id"]) == ("CONFLICT", one["id"])
    two = await door.call(
        "CreateBudgetItem", {"categoryId": known["rent"], "amount": "5"}, id=budget["id"]
    )
    where = {"id": budget["id"], "itemId": two["id"]}
    with pytest.raises(Refused) as refused:
        await door.call("UpdateBudgetItem", {"categoryId": known["food"]}, **where)
    assert refused.value.code == "CONFLICT"
    body = {"categoryId": known["health"], "amount": "6", "carry": "SURPLUS"}
    changed = await door.call("UpdateBudgetItem", body, version=1, **where)
    assert {name: changed[name] for name in body} == {**body, "amount": "6.00"}
    assert await door.call("UpdateBudgetItem", {"amount": "6.00"}, **where) == changed
    for wrong, paths in (
        ({"amount": "-1"}, {"amount": "INVALID"}),
        ({"amount": None}, {"amount": "REQUIRED"}),
        ({"categoryId": "cat_x"}, {"categoryId": "NOT_FOUND"}),
        ({"carry": "SOME"}, {"carry": "INVALID"}),
    ):
        with pytest.raises(Refused) as refused:
            await door.call("UpdateBudgetItem", wrong, **where)
        assert refused.value.paths == paths
    assert (await door.call("GetBudget", id=budget["id"]))["items"] == [one, changed]
    gone = await door.call("DeleteBudgetItem", id=budget["id"], itemId=one["id"])
    assert gone == {"id": one["id"], "deleted": True}
    assert (await door.call("GetBudget", id=budget["id"]))["items"] == [changed]


async def test_an_item_is_found_in_its_own_budget_only(door: Door) -> None:
    known, one, other = await by_key(door), await make(door), await make(door, name="Other")
    body = {"categoryId": known["food"], "amount": "10"}
    item = await door.call("CreateBudgetItem", body, id=one["id"])
    for wrong in (other["id"], "bdgt_x", item["id"]):
        where = {"id": wrong, "itemId": item["id"]}
        for operation, sent in (
            ("GetBudgetItem", None),
            ("UpdateBudgetItem", {"amount": "1"}),
            ("DeleteBudgetItem", None),
        ):
            with pytest.raises(Refused) as refused:
                await door.call(operation, sent, **where)
            assert refused.value.code == "NOT_FOUND"
    assert (await door.call("GetBudget", id=one["id"]))["items"] == [item]


async def test_the_currency_is_fixed_while_there_are_items(door: Door) -> None:
    known, made = await by_key(door), await make(door)
    assert (await door.call("UpdateBudget", {"currency": "JPY"}, id=made["id"]))[
        "currency"
    ] == "JPY"
    body = {"categoryId": known["food"], "amount": "1000"}
    item = await door.call("CreateBudgetItem", body, id=made["id"])
    assert item["amount"] == "1000"
    with pytest.raises(Refused) as refused:
        await door.call("UpdateBudget", {"currency": "EUR"}, id=made["id"])
    assert (refused.value.code, refused.value.paths) == ("READ_ONLY", {"currency": "READ_ONLY"})


async def test_a_repeated_write_happens_once(door: Door) -> None:
    known = await by_key(door)
    items = [{"categoryId": known["food"], "amount": "1"}]
    first = await door.call("CreateBudget", {**PLAN, "items": items}, key="b1")
    assert await door.call("CreateBudget", {**PLAN, "items": items}, key="b1") == first
    assert door.replayed
    body = {"categoryId": known["rent"], "amount": "2"}
    item = await door.call("CreateBudgetItem", body, key="b2", id=first["id"])
    assert await door.call("CreateBudgetItem", body, key="b2", id=first["id"]) == item
    assert len((await door.call("ListBudgets"))["items"]) == 1
    assert len(await door.pages("ListBudgetItems", id=first["id"], limit=100)) == 2


async def test_a_deleted_budget_takes_its_items_along(door: Door) -> None:
    known = await by_key(door)
    made = await make(door, items=[{"categoryId": known["food"], "amount": "1"}])
    with pytest.raises(Refused) as refused:
        await door.call("DeleteBudget", id=made["id"], version=9)
    assert refused.value.code == "STALE_OBJECT"
    assert await door.call("DeleteBudget", id=made["id"]) == {"id": made["id"], "deleted": True}
    for operation in ("GetBudget", "DeleteBudget", "ListBudgetItems", "GetBudgetAnalysis"):
        with pytest.raises(Refused) as refused:
            await door.call(operation, id=made["id"])
        assert refused.value.code == "NOT_FOUND"
    assert await door.call("DeleteCategory", id=known["travel"])


async def test_items_follow_a_category_that_goes(door: Door) -> None:
    known = await by_key(door)
    alone = await make(door, name="A", items=[{"categoryId": known["leisure"], "amount": "7"}])
    both = [
        {"categoryId": known["leisure"], "amount": "7"},
        {"categoryId": known["travel"], "amount": "30", "carry": "BOTH"},
    ]
    together = await make(door, name="B", items=both)
    with pytest.raises(Refused) as refused:
        await door.call("DeleteCategory", id=known["leisure"])
    assert refused.value.details["budgetItems"] == 2
    await door.call("DeleteCategory", id=known["leisure"], moveTo=known["travel"])
    (moved,) = (await door.call("GetBudget", id=alone["id"]))["items"]
    assert (moved["id"], moved["categoryId"]) == (alone["items"][0]["id"], known["travel"])
    assert (moved["amount"], moved["version"]) == ("7.00", 2)
    (summed,) = (await door.call("GetBudget", id=together["id"]))["items"]
    assert summed["id"] == together["items"][1]["id"]
    assert (summed["amount"], summed["carry"]) == ("37.00", "BOTH")


NESTED = """{ viewer { budgets(first: 25) { totalCount nodes { name
  items { amount category { name parent { name } } budget { name } }
  analysis(date: "2026-02-15") { actual carried unbudgeted items { actual category { name } item { amount } } } } } } }"""


async def test_statements_do_not_grow_with_budgets_and_items(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 12)):
        door = GraphQLDoor(client, person)
        known = list((await by_key(door)).values())
        for number in range(size):
            items = [
                {"categoryId": one, "amount": "1", "carry": "BOTH"} for one in known[-size - 1 :]
            ]
            await make(door, name=f"B{number}", items=items)
        await door.query(NESTED)
        with counted(services.database) as seen:
            answer = await door.query(NESTED)
        counts.append(len(seen))
        nodes = answer["data"]["viewer"]["budgets"]["nodes"]
        assert len(nodes) == size
        assert len(nodes[0]["items"]) == size + 1
    assert counts[0] == counts[1]


async def test_node_finds_budgets_and_items(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    known = await by_key(door)
    made = await make(door, items=[{"categoryId": known["food"], "amount": "1"}])
    document = """query ($ids: [ID!]!) { nodes(ids: $ids) {
      id __typename ... on BudgetItem { budget { id } } } }"""
    answer = await door.query(document, ids=[made["id"], made["items"][0]["id"]])
    assert answer["data"]["nodes"] == [
        {"id": made["id"], "__typename": "Budget"},
        {"id": made["items"][0]["id"], "__typename": "BudgetItem", "budget": {"id": made["id"]}},
    ]
