"""Categories through both doors: the starter set, the tree, deletion with a successor."""

from typing import Any

import pytest

from tests.doors import Door, Person, Refused

pytestmark = pytest.mark.anyio


async def by_key(door: Door) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in await door.pages("ListCategories", limit=5)}


async def test_everyone_starts_with_leaves_of_both_kinds(door: Door) -> None:
    known = await by_key(door)
    parents = {row["parentId"] for row in known.values()}
    leaves = [row for row in known.values() if row["id"] not in parents]
    assert len(leaves) >= 8
    assert {row["kind"] for row in leaves} == {"INCOME", "EXPENSE"}
    assert known["groceries"]["parentId"] == known["food"]["id"]


async def test_a_category_is_made_changed_and_deleted(door: Door) -> None:
    food = (await by_key(door))["food"]
    made = await door.call(
        "CreateCategory",
        {"name": "Bakery", "kind": "EXPENSE", "parentId": food["id"], "color": "#a1b2c3"},
    )
    assert (made["parentId"], made["version"], made["key"]) == (food["id"], 1, None)
    moved = await door.call("UpdateCategory", {"parentId": None}, id=made["id"], version=1)
    assert (moved["parentId"], moved["color"], moved["version"]) == (None, "#a1b2c3", 2)
    gone = await door.call("DeleteCategory", id=made["id"])
    assert gone == {"id": made["id"], "deleted": True}
    with pytest.raises(Refused) as refused:
        await door.call("GetCategory", id=made["id"])
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"name": "x"}, {"kind": "REQUIRED"}),
        ({"name": "x", "kind": "OTHER"}, {"kind": "INVALID"}),
        ({"name": "x", "kind": "INCOME", "color": "red"}, {"color": "INVALID"}),
        ({"name": "x", "kind": "INCOME", "key": "Ä"}, {"key": "INVALID"}),
        ({"name": "x", "kind": "INCOME", "parentId": "cat_x"}, {"parentId": "NOT_FOUND"}),
    ],
)
async def test_wrong_categories_are_told_why(
    door: Door, body: dict[str, Any], paths: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        await door.call("CreateCategory", body)
    assert refused.value.paths == paths


async def test_the_tree_has_no_loops_and_one_kind_a_branch(door: Door) -> None:
    known = await by_key(door)
    for wrong in (known["food"]["id"], known["groceries"]["id"], known["salary"]["id"]):
        with pytest.raises(Refused) as refused:
            await door.call("UpdateCategory", {"parentId": wrong}, id=known["food"]["id"])
        assert refused.value.paths == {"parentId": "INVALID"}
    with pytest.raises(Refused) as refused:
        await door.call("UpdateCategory", {"kind": "INCOME"}, id=known["food"]["id"])
    assert refused.value.paths == {"kind": "INVALID"}


async def test_the_tree_stays_shallow(door: Door) -> None:
    parent = None
    for depth in range(5):
        body = {"name": f"level {depth}", "kind": "EXPENSE", "parentId": parent}
        parent = (await door.call("CreateCategory", body))["id"]
    with pytest.raises(Refused) as refused:
        await door.call(
            "CreateCategory", {"name": "too deep", "kind": "EXPENSE", "parentId": parent}
        )
    assert refused.value.paths == {"parentId": "INVALID"}


async def test_a_key_is_given_once(door: Door) -> None:
    with pytest.raises(Refused) as refused:
        await door.call("CreateCategory", {"name": "x", "kind": "EXPENSE", "key": "food"})
    assert refused.value.code == "CONFLICT"


async def test_a_category_in_use_needs_a_successor(door: Door) -> None:
    known = await by_key(door)
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    giro = (await door.call("CreateAccount", body))["id"]
    row = {"accountId": giro, "date": "2026-01-01", "description": "x"}
    food, health = known["food"]["id"], known["health"]["id"]
    plain = await door.call("CreateTransaction", {**row, "amount": "-3", "categoryId": food})
    parts = [{"categoryId": food, "amount": "-1"}, {"categoryId": health, "amount": "-1"}]
    split = await door.call("CreateTransaction", {**row, "amount": "-2", "splits": parts})
    trashed = await door.call("CreateTransaction", {**row, "amount": "-9", "categoryId": food})
    await door.call("DeleteTransaction", id=trashed["id"])
    with pytest.raises(Refused) as refused:
        await door.call("DeleteCategory", id=food)
    assert (refused.value.code, refused.value.details) == (
        "CONFLICT",
        {
            "transactions": 2,
            "splits": 1,
            "budgetItems": 0,
            "templates": 0,
            "rules": 0,
            "groupTransactions": 0,
            "shares": 0,
            "subcategories": 2,
        },
    )
    for wrong in (food, known["groceries"]["id"], known["salary"]["id"], "cat_x"):
        with pytest.raises(Refused) as refused:
            await door.call("DeleteCategory", id=food, moveTo=wrong)
        assert refused.value.code == "VALIDATION_ERROR"
    await door.call("DeleteCategory", id=food, moveTo=health)
    assert (await door.call("GetTransaction", id=plain["id"]))["categoryId"] == health
    moved = await door.call("GetTransaction", id=split["id"])
    assert [part["categoryId"] for part in moved["splits"]] == [health, health]
    groceries = await door.call("GetCategory", id=known["groceries"]["id"])
    assert groceries["parentId"] is None
    back = await door.call("RestoreTransaction", id=trashed["id"])
    assert back["categoryId"] == health


async def test_lists_are_filtered_by_kind(door: Door) -> None:
    rows = await door.pages("ListCategories", limit=100, kind="INCOME")
    assert {row["kind"] for row in rows} == {"INCOME"}


async def test_a_successor_is_checked_even_when_nothing_moves(door: Door, bob: Person) -> None:
    known = await by_key(door)
    foreign = (await by_key(door.as_person(bob)))["travel"]["id"]
    for wrong in (foreign, known["travel"]["id"], known["salary"]["id"], "cat_x"):
        with pytest.raises(Refused) as refused:
            await door.call("DeleteCategory", id=known["travel"]["id"], moveTo=wrong)
        assert list(refused.value.paths) == ["moveTo"]
    assert (await door.call("GetCategory", id=known["travel"]["id"]))["key"] == "travel"
