"""Rules: made, changed, ordered, tested and deleted; what hands have set is locked."""

from typing import Any

import pytest

from graph.context import Services
from tests.doors import Door, GraphQLDoor, Person, Refused
from tests.rules.world import (
    LOCK,
    LOCKED,
    RULE,
    UPDATE,
    account,
    book,
    category,
    matched,
    rule,
    says,
    trial,
)
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

LIST = f"query($n: Int, $c: String, $a: Boolean){{ rules(first: $n, after: $c, active: $a) {{ totalCount pageInfo {{ endCursor hasNextPage }} nodes {{ {RULE} }} }} }}"


@pytest.fixture
def door(client: Any, ada: Person) -> GraphQLDoor:
    """Rules are of the graph: no documented path knows them."""
    return GraphQLDoor(client, ada)


async def test_a_made_rule_is_listed_as_it_was_told(door: GraphQLDoor) -> None:
    giro, food = await account(door), await category(door, "Food")
    made = await rule(
        door,
        says("PAYEE", " Édeka ", "STARTS"),
        {"field": "AMOUNT", "min": "5", "max": "10.5", "direction": "OUT"},
        {"field": "ACCOUNT", "accountIds": [giro, giro], "not": True},
        name="Groceries",
        match="ANY",
        stop=True,
        actions={"categoryId": food, "payee": "Edeka", "tags": ["a", "b", "a"], "notes": "n\nm"},
        key="k1",
    )
    nothing = dict.fromkeys(("operator", "value", "min", "max", "direction"))
    assert made == {
        "id": made["id"], "name": "Groceries", "position": 1, "active": True, "stop": True,
        "match": "ANY", "version": 1,
        "conditions": [
            {**nothing, "field": "PAYEE", "operator": "STARTS", "value": "Édeka", "accountIds": [], "not": False},
            {**nothing, "field": "AMOUNT", "min": "5", "max": "10.5", "direction": "OUT", "accountIds": [], "not": False},
            {**nothing, "field": "ACCOUNT", "accountIds": [giro], "not": True},
        ],
        "actions": {"categoryId": food, "category": {"name": "Food"}, "payee": "Edeka", "tags": ["a", "b"], "notes": "n\nm"},
    }  # fmt: skip
    assert made["id"].startswith("rule_")
    listed = (await door.query(LIST))["data"]["rules"]
    assert (listed["nodes"], listed["totalCount"]) == ([made], 1)
    mine = await door.query(f"{{ viewer {{ rules {{ nodes {{ {RULE} }} }} }} }}")
    assert mine["data"]["viewer"]["rules"]["nodes"] == [made]
    again = await door.query(f'{{ node(id: "{made["id"]}") {{ ... on Rule {{ {RULE} }} }} }}')
    assert again["data"]["node"] == made
    feed = (await door.call("ListChanges", limit=100))["changes"]
    told = next(one for one in feed if one["type"] == "rule.snapshot")["data"]
    assert {name: told[name] for name in made if name != "actions"} == {
        name: value for name, value in made.items() if name != "actions"
    }
    repeated = await rule(
        door, says("PAYEE", "x"), name="other", actions={"payee": "y"}, key="k2"
    )  # fmt: skip
    assert repeated["position"] == 2


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"name": ""}, "name"),
        ({"conditions": []}, "conditions"),
        ({"actions": {}}, "actions"),
        ({"conditions": [says("PAYEE", "")]}, "conditions.0.value"),
        ({"conditions": [{"field": "TEXT"}]}, "conditions.0.value"),
        ({"conditions": [says("TEXT", "(a", "MATCHES")]}, "conditions.0.value"),
        ({"conditions": [says("TEXT", "x" * 201)]}, "conditions.0.value"),
        ({"conditions": [says("AMOUNT", "x")]}, "conditions.0.operator conditions.0.value conditions.0.min"),
        ({"conditions": [{"field": "AMOUNT"}]}, "conditions.0.min"),
        ({"conditions": [{"field": "AMOUNT", "min": "-1"}]}, "conditions.0.min"),
        ({"conditions": [{"field": "AMOUNT", "min": "2", "max": "1"}]}, "conditions.0.max"),
        ({"conditions": [{"field": "PAYEE", "value": "x", "min": "1"}]}, "conditions.0.min"),
        ({"conditions": [{"field": "ACCOUNT"}]}, "conditions.0.accountIds"),
        ({"conditions": [{"field": "ACCOUNT", "accountIds": ["acct_00000000000000000000000000"]}]}, "conditions.0.accountIds"),
        ({"actions": {"categoryId": "cat_00000000000000000000000000"}}, "actions.categoryId"),
        ({"actions": {"tags": [""]}}, "actions.tags.0"),
    ],
)  # fmt: skip
async def test_wrong_fields_are_named_and_make_nothing(
    door: GraphQLDoor, wrong: dict[str, Any], path: str
) -> None:
    raw = {"conditions": [says("TEXT", "x")], **wrong}
    conditions = raw.pop("conditions")
    with pytest.raises(Refused) as refused:
        await rule(door, *conditions, **raw)
    assert set(refused.value.paths) == set(path.split())
    assert refused.value.code == "VALIDATION_ERROR"
    assert (await door.query(LIST))["data"]["rules"]["nodes"] == []


async def test_a_rule_changes_in_parts_and_by_its_version(door: GraphQLDoor) -> None:
    made = await rule(door, says("TEXT", "x"))
    changed = (await door.query(UPDATE, id=made["id"], i={"active": False, "name": "N"}))["data"]
    changed = changed["updateRule"]["rule"]
    assert changed == {**made, "active": False, "name": "N", "version": 2}
    with pytest.raises(Refused) as refused:
        await door.query(UPDATE, id=made["id"], i={"name": "M"}, v=1)
    assert (refused.value.code, refused.value.details["current"]["name"]) == ("STALE_OBJECT", "N")
    for wrong, path in (
        ({"name": None}, "name"), ({"actions": {}}, "actions"), ({"conditions": []}, "conditions"),
        ({"actions": {"categoryId": "cat_x"}}, "actions.categoryId"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await door.query(UPDATE, id=made["id"], i=wrong)
        assert set(refused.value.paths) == {path}
    idle = await door.query(UPDATE, id=made["id"], i={"stop": True, "actions": {}})
    assert idle["data"]["updateRule"]["rule"]["actions"]["tags"] == []
    with pytest.raises(Refused) as refused:
        await door.query(UPDATE, id=made["id"], i={"stop": False})
    assert set(refused.value.paths) == {"stop"}
    assert (await door.query(LIST, a=True))["data"]["rules"]["totalCount"] == 0


async def test_the_order_is_given_as_a_whole(door: GraphQLDoor) -> None:
    ids = [(await rule(door, says("TEXT", "x"), name=f"r{i}"))["id"] for i in range(3)]
    order = "mutation($ids: [ID!]!){ reorderRules(ids: $ids) { rules { id position version } } }"
    moved = (await door.query(order, ids=[ids[2], ids[1], ids[0]]))["data"]["reorderRules"]["rules"]
    assert moved == [
        {"id": ids[2], "position": 1, "version": 2},
        {"id": ids[1], "position": 2, "version": 1},
        {"id": ids[0], "position": 3, "version": 2},
    ]
    for wrong in (ids[:2], [*ids, ids[0]], [ids[0], ids[1], "rule_00000000000000000000000000"], []):
        with pytest.raises(Refused) as refused:
            await door.query(order, ids=wrong)
        assert set(refused.value.paths) == {"ids"}
    names, cursor = [], None
    for _ in range(3):
        page = (await door.query(LIST, n=1, c=cursor))["data"]["rules"]
        names += [one["name"] for one in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
    assert (names, page["pageInfo"]["hasNextPage"]) == (["r2", "r1", "r0"], False)
    gone = f'mutation {{ deleteRule(id: "{ids[1]}", expectedVersion: 1) {{ id deleted }} }}'
    assert (await door.query(gone))["data"]["deleteRule"] == {"id": ids[1], "deleted": True}
    assert (await rule(door, says("TEXT", "x")))["position"] == 4


async def test_conditions_see_words_without_case_and_accents(door: GraphQLDoor) -> None:
    giro = await account(door)
    for place, name in enumerate(("EDÉKA Markt", "edeka  nord", "Café Łódź", "Straße", None)):
        await book(door, giro, name, date=f"2026-01-{place + 1:02}")
    for condition, found in (
        (says("PAYEE", "edeka"), ["edeka  nord", "EDÉKA Markt"]),
        (says("PAYEE", "Edeka Nord", "EQUALS"), ["edeka  nord"]),
        (says("PAYEE", "cafe", "STARTS"), ["Café Łódź"]),
        (says("PAYEE", "LODZ", "ENDS"), ["Café Łódź"]),
        (says("PAYEE", "STRASSE"), ["Straße"]),
        (says("PAYEE", r"^EDEKA \w+$", "MATCHES"), ["edeka  nord", "EDÉKA Markt"]),
        (says("PAYEE", "e", "CONTAINS", **{"not": True}), [None]),
        (says("DESCRIPTION", "markt"), []),
        (says("TEXT", "markt"), ["EDÉKA Markt"]),
        (says("TEXT", "card"), [None, "Straße", "Café Łódź", "edeka  nord", "EDÉKA Markt"]),
    ):
        assert await matched(door, condition) == found, condition
    some = [says("PAYEE", "nord"), says("PAYEE", "cafe")]
    assert await matched(door, *some) == []
    assert await matched(door, *some, match="ANY") == ["Café Łódź", "edeka  nord"]


async def test_amounts_are_compared_in_each_rows_own_currency(door: GraphQLDoor) -> None:
    euro, yen = await account(door), await account(door, "JPY")
    for place, (where, amount) in enumerate(
        ((euro, "-9.99"), (euro, "10"), (euro, "-10.01"), (yen, "-10"), (euro, "0"))
    ):
        await book(door, where, amount, amount=amount, date=f"2026-01-{place + 1:02}")
    for bounds, found in (
        ({"min": "10"}, ["-10", "-10.01", "10"]),
        ({"max": "10", "direction": "OUT"}, ["-10", "-9.99"]),
        ({"direction": "IN"}, ["10"]),
        ({"min": "10.005", "max": "10.01"}, ["-10.01"]),
        ({"max": "0"}, ["0"]),
        ({"direction": "OUT", "not": True}, ["0", "10"]),
    ):
        assert await matched(door, {"field": "AMOUNT", **bounds}) == found, bounds
    named = {"field": "ACCOUNT", "accountIds": [yen]}
    assert await matched(door, named) == ["-10"]
    assert await matched(door, {**named, "not": True}, rows={"from": "2026-01-03"}) == [
        "0",
        "-10.01",
    ]
    assert await matched(door, named, rows={"accountId": euro}) == []


async def test_a_trial_says_what_would_change_and_writes_nothing(door: GraphQLDoor) -> None:
    giro, food, old = await account(door), await category(door, "Food"), await category(door, "Old")
    plain = await book(door, giro, None, description="Edeka 1")
    held = await book(door, giro, "Edeka", categoryId=old, tags=["mine"], notes="own")
    parts = [{"categoryId": old, "amount": "-2"}, {"categoryId": old, "amount": "-3"}]
    split = await book(door, giro, None, description="Edeka 2", splits=parts)
    spar = await account(door, name="Spar")
    await door.call("CreateTransaction", {"accountId": giro, "date": "2026-01-01", "amount": "-1", "description": "Edeka", "transferAccountId": spar})  # fmt: skip
    before = await door.query("{ viewer { changeCursor } }")
    actions = {"categoryId": food, "payee": "EDEKA", "tags": ["shop"], "notes": "by rule"}
    found = await trial(door, says("TEXT", "edeka"), actions=actions)
    assert (found["matched"], found["changed"], found["rows"]["totalCount"]) == (3, 2, 3)
    rows = {one["transaction"]["id"]: one for one in found["rows"]["nodes"]}
    after = {"categoryId": food, "payee": "EDEKA", "tags": ["shop"], "notes": "by rule"}
    assert rows[plain]["changedFields"] == ["CATEGORY", "PAYEE", "TAGS", "NOTES"]
    assert (rows[plain]["after"], rows[plain]["kept"]) == (after, [])
    assert rows[held]["changedFields"] == []
    assert rows[held]["after"] == {"categoryId": old, "payee": "Edeka", "tags": ["mine"], "notes": "own"}  # fmt: skip
    assert {(one["field"], one["reason"]) for one in rows[held]["kept"]} == {
        (name, "LOCKED") for name in ("CATEGORY", "PAYEE", "TAGS", "NOTES")
    }
    assert rows[split]["kept"] == [{"field": "CATEGORY", "reason": "SPLIT"}]
    assert await door.query("{ viewer { changeCursor } }") == before
    page = (await trial(door, says("TEXT", "edeka"), n=2))["rows"]
    rest = (await trial(door, says("TEXT", "edeka"), n=2, c=page["pageInfo"]["endCursor"]))["rows"]
    shown = [one["transaction"]["id"] for one in [*page["nodes"], *rest["nodes"]]]
    assert (set(shown), len(shown)) == ({plain, held, split}, 3)
    assert rest["pageInfo"]["hasNextPage"] is False
    with pytest.raises(Refused) as refused:
        await trial(door, says("TEXT", "[", "MATCHES"))
    assert set(refused.value.paths) == {"rule.conditions.0.value"}


async def test_what_a_hand_sets_is_locked_and_can_be_freed(door: GraphQLDoor) -> None:
    giro, food = await account(door), await category(door, "Food")
    one = await book(door, giro, None)

    async def locks() -> list[str]:
        return (await door.query(LOCKED, id=one))["data"]["transaction"]["lockedFields"]

    assert await locks() == []
    await door.call("UpdateTransaction", {"amount": "-6", "payee": None}, id=one)
    assert await locks() == []
    await door.call("UpdateTransaction", {"tags": ["x"], "categoryId": food}, id=one)
    assert await locks() == ["CATEGORY", "TAGS"]
    await door.call("UpdateTransaction", {"categoryId": None, "notes": "n"}, id=one)
    assert await locks() == ["CATEGORY", "TAGS", "NOTES"]
    freed = (await door.query(LOCK, id=one, l=["PAYEE"]))["data"]["updateTransaction"]
    assert freed["transaction"] == {"lockedFields": ["PAYEE"], "version": 5}
    await door.query(LOCK, id=one, l=[])
    assert await locks() == []
    await door.call("UpdateTransactions", transactions=[{"id": one, "payee": "P"}])
    assert await locks() == ["PAYEE"]


async def test_both_doors_lock_alike(door_kind: type[Door], client: Any, ada: Person) -> None:
    door, graph = door_kind(client, ada), GraphQLDoor(client, ada)
    giro, spar = await account(graph), await account(graph, name="Spar")
    one = await book(door, giro, "P", tags=["t"])  # type: ignore[arg-type]
    found = await door.call("GetTransaction", id=one)
    if door_kind is not GraphQLDoor:
        await client.put(f"/v1/transactions/{one}", json=found, headers=ada.headers)
    told = (await graph.query(LOCKED, id=one))["data"]["transaction"]
    assert told["lockedFields"] == ["PAYEE", "TAGS"]
    raw = {"accountId": giro, "date": "2026-01-01", "amount": "-1", "description": "x"}
    side = await door.call("CreateTransaction", {**raw, "transferAccountId": spar})
    await door.call("UpdateTransaction", {"notes": "n"}, id=side["id"])
    for each in (side["id"], side["transferId"]):
        told = (await graph.query(LOCKED, id=each))["data"]["transaction"]
        assert (told["lockedFields"], told["notes"]) == (["NOTES"], "n")


async def test_rules_follow_their_category(door: GraphQLDoor) -> None:
    food, meals = await category(door, "Food"), await category(door, "Meals")
    made = await rule(door, says("TEXT", "x"), actions={"categoryId": food})
    with pytest.raises(Refused) as refused:
        await door.call("DeleteCategory", id=food)
    assert refused.value.details["rules"] == 1
    await door.call("DeleteCategory", id=food, moveTo=meals)
    found = (await door.query(LIST))["data"]["rules"]["nodes"]
    assert [(one["actions"]["categoryId"], one["version"]) for one in found] == [(meals, 2)]
    assert found[0]["id"] == made["id"]


async def test_a_ledger_holds_so_many_patterns(door: GraphQLDoor) -> None:
    for _ in range(4):
        await rule(door, *(says("TEXT", f"a{i}", "MATCHES") for i in range(5)))
    for number in (1, 6):
        with pytest.raises(Refused) as refused:
            await rule(door, *(says("TEXT", "b", "MATCHES") for _ in range(number)))
        assert set(refused.value.paths) == {"conditions"}
    await rule(door, says("TEXT", "b"))


async def test_statements_do_not_grow_with_rules(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 12)):
        door = GraphQLDoor(client, person)
        giro = await account(door)
        for index in range(size):
            food = await category(door, f"c{index}")
            where = {"field": "ACCOUNT", "accountIds": [giro]}
            await rule(door, where, says("TEXT", "x"), actions={"categoryId": food})
            await book(door, giro, "x")
        for document in (
            "{ rules { totalCount nodes { accounts { name } actions { category { name } } } } }",
            '{ testRule(rule: {conditions: [{field: TEXT, value: "x"}], actions: {tags: ["y"]}}) { matched rows { nodes { transaction { account { name } } after { category { name } } } } } }',
        ):
            with counted(services.database) as seen:
                await door.query(document)
            counts.append(len(seen))
    assert counts[:2] == counts[2:]
