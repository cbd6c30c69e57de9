"""Shared expenses and settlements through both doors: who paid, who owes, what is refused."""

from typing import Any

import pytest

from app import Running
from graph.context import Services
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor, register
from tests.groups.world import circle
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


def amounts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["amount"] for row in rows]


async def test_an_expense_is_shared_alike_and_paid_by_who_records_it(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob", "Cleo", roles={"Cleo": "VIEWER"})
    made = await world.spend("10.01")
    assert {name: made[name] for name in ("kind", "amount", "currency", "splitMethod")} == {
        "kind": "EXPENSE", "amount": "10.01", "currency": "EUR", "splitMethod": "EQUAL",
    }  # fmt: skip
    assert made["paidBy"] == [{"userId": world.ids[0], "amount": "10.01"}]
    assert sorted(amounts(made["shares"])) == ["5.00", "5.01"]
    assert {one["userId"] for one in made["shares"]} == set(world.ids[:2])
    assert (made["createdBy"], made["groupId"], made["accountId"]) == (
        world.ids[0], world.group, None,
    )  # fmt: skip
    assert await world.call("GetGroupTransaction", txId=made["id"]) == made
    assert (await world.call("ListGroupTransactions"))["items"] == [made]


@pytest.mark.case("M04")
@pytest.mark.parametrize(
    ("currency", "amount", "shares"),
    [
        ("JPY", "100", {"33", "34"}),
        ("EUR", "100.00", {"33.33", "33.34"}),
        ("KWD", "100.000", {"33.333", "33.334"}),
    ],
)
async def test_shares_sum_to_the_last_unit_whatever_its_size(
    door: Door, running: Running, currency: str, amount: str, shares: set[str]
) -> None:
    world = await circle(running, door, "Bob", "Cleo", currency=currency)
    made = await world.spend(amount)
    assert set(amounts(made["shares"])) == shares
    assert len(amounts(made["shares"])) == 3
    nets = (await world.nets())[currency]
    assert sum(int(net.replace(".", "")) for net in nets) == 0


async def test_several_pay_and_each_method_shares(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    one, two, three = world.ids
    paid = [{"userId": one, "amount": "60"}, {"userId": two, "amount": "30"}]
    exact = [{"userId": one, "amount": "10"}, {"userId": three, "amount": "80.00"}]
    made = await world.spend("90", paidBy=paid, splitMethod="EXACT", shares=exact)
    assert amounts(made["paidBy"]) == ["60.00", "30.00"]
    assert made["shares"] == [
        {"userId": one, "weight": None, "amount": "10.00"},
        {"userId": three, "weight": None, "amount": "80.00"},
    ]
    assert await world.nets() == {"EUR": ["50.00", "30.00", "-80.00"]}
    percents = [{"userId": one, "weight": "33.3334"}, {"userId": two, "weight": 66.6666}]
    made = await world.spend("100", by=2, splitMethod="PERCENT", shares=percents)
    assert [(s["weight"], s["amount"]) for s in made["shares"]] == [
        ("33.3334", "33.33"), ("66.6666", "66.67"),
    ]  # fmt: skip
    weights = [{"userId": one, "weight": "1"}, {"userId": two, "weight": "2.50"}]
    made = await world.spend("7", by=2, splitMethod="SHARES", shares=weights)
    assert [(s["weight"], s["amount"]) for s in made["shares"]] == [("1", "2.00"), ("2.5", "5.00")]
    assert await world.nets() == {"EUR": ["14.67", "-41.67", "27.00"]}


async def test_refusals_say_what_is_wrong_and_record_nothing(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    one, two = world.ids
    income = await door.call("CreateCategory", {"name": "x", "kind": "INCOME"}, groupId=world.group)
    own = (await door.call("ListCategories", limit=1))["items"][0]["id"]
    stranger = (await register(door.client, name="Eve")).id
    for body, paths in (
        ({"amount": "0"}, {"amount"}), ({"amount": "-1"}, {"amount"}), ({"amount": "1.001"}, {"amount"}),
        ({"description": ""}, {"description"}), ({"date": "1899-01-01"}, {"date"}),
        ({"currency": "EURO"}, {"currency"}), ({"colour": "red"}, {"colour"}),
        ({"categoryId": own}, {"categoryId"}), ({"categoryId": income["id"]}, {"categoryId"}),
        ({"shares": []}, {"shares"}), ({"splitMethod": "PERCENT"}, {"shares"}),
        ({"shares": [{"userId": stranger}]}, {"shares.0.userId"}),
        ({"shares": [{"userId": "user_" + "0" * 26}]}, {"shares.0.userId"}),
        ({"shares": [{"userId": one}, {"userId": one}]}, {"shares.1.userId"}),
        ({"shares": [{"userId": one, "amount": "3"}]}, {"shares.0.amount"}),
        ({"shares": [{"userId": one, "weight": "3"}]}, {"shares.0.weight"}),
        ({"splitMethod": "SHARES", "shares": [{"userId": one}]}, {"shares.0.weight"}),
        ({"splitMethod": "SHARES", "shares": [{"userId": one, "weight": "0"}]}, {"shares.0.weight"}),
        ({"splitMethod": "SHARES", "shares": [{"userId": one, "weight": "0.00001"}]}, {"shares.0.weight"}),
        ({"splitMethod": "EXACT", "shares": [{"userId": one}]}, {"shares.0.amount"}),
        ({"paidBy": [{"userId": stranger, "amount": "10"}]}, {"paidBy.0.userId"}),
        ({"paidBy": [{"userId": one, "amount": "0"}]}, {"paidBy.0.amount"}),
        ({"kind": "SETTLEMENT"}, {"shares"}),
        ({"kind": "SETTLEMENT", "shares": [{"userId": one}]}, {"shares.0.userId"}),
        ({"kind": "SETTLEMENT", "shares": [{"userId": two}], "splitMethod": "EQUAL"}, {"splitMethod"}),
        ({"kind": "SETTLEMENT", "shares": [{"userId": one}, {"userId": two}]}, {"shares"}),
        ({"accountId": "acct_" + "0" * 26}, {"accountId"}),
    ):  # fmt: skip
        refused = await told(
            world.spend("10", **body)
            if "amount" not in body
            else world.spend(**{"amount": "10", **body})
        )
        assert refused.code == "VALIDATION_ERROR"
        assert set(refused.paths) == paths, (body, refused.paths)
    assert (await world.call("ListGroupTransactions"))["items"] == []
    assert await world.nets() == {"EUR": ["0.00", "0.00"]}


async def test_a_sum_that_is_off_says_by_how_much(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    one, two = world.ids
    exact = [{"userId": one, "amount": "3.33"}, {"userId": two, "amount": "6.66"}]
    refused = await told(world.spend("10", splitMethod="EXACT", shares=exact))
    assert refused.paths == {"shares": "SPLIT_SUM"}
    assert refused.details["shares"] == {"sum": "9.99", "expected": "10.00", "difference": "0.01"}
    paid = [{"userId": one, "amount": "4"}, {"userId": two, "amount": "7"}]
    refused = await told(world.spend("10", paidBy=paid))
    assert refused.paths == {"paidBy": "PAID_SUM"}
    assert refused.details["paidBy"] == {"sum": "11.00", "expected": "10.00", "difference": "-1.00"}
    percents = [{"userId": one, "weight": "50"}, {"userId": two, "weight": "49.9"}]
    refused = await told(world.spend("10", splitMethod="PERCENT", shares=percents))
    assert refused.paths == {"shares": "SPLIT_SUM"}
    assert refused.details["shares"] == {"sum": "99.9", "expected": "100", "difference": "0.1"}


async def test_balances_show_who_owes_whom_and_the_short_way(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    one, two, three = world.ids
    await world.spend("30")
    await world.spend("30", by=1)
    await world.spend(
        "9", by=2, currency="USD", shares=[{"userId": one}, {"userId": two}, {"userId": three}]
    )
    found = await world.call("GetGroupBalances")
    assert await world.nets() == {
        "EUR": ["10.00", "10.00", "-20.00"], "USD": ["-3.00", "-3.00", "6.00"],
    }  # fmt: skip
    mine = next(b for b in found["balances"] if (b["userId"], b["currency"]) == (one, "EUR"))
    assert (mine["paid"], mine["owed"]) == ("30.00", "20.00")
    debts = {(d["fromUserId"], d["toUserId"], d["currency"]): d["amount"] for d in found["debts"]}
    assert debts == {
        (three, one, "EUR"): "10.00", (three, two, "EUR"): "10.00",
        (one, three, "USD"): "3.00", (two, three, "USD"): "3.00",
    }  # fmt: skip
    plan = found["simplifiedDebts"]
    assert sum(1 for d in plan if d["currency"] == "EUR") == 2
    first = next(d for d in plan if d["currency"] == "EUR")
    payer, receiver = (world.ids.index(first[end]) for end in ("fromUserId", "toUserId"))
    await world.settle(first["amount"], payer, receiver)
    after = (await world.call("GetGroupBalances"))["simplifiedDebts"]
    assert after == [d for d in plan if d != first]


async def test_a_settlement_is_one_payment_to_one(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    await world.spend("20")
    made = await world.settle("10", 1, 0)
    assert (made["kind"], made["description"], made["splitMethod"]) == (
        "SETTLEMENT", "Settlement", "EXACT",
    )  # fmt: skip
    assert made["shares"] == [{"userId": world.ids[0], "weight": None, "amount": "10.00"}]
    assert await world.nets() == {"EUR": ["0.00", "0.00"]}
    found = await world.call("GetGroupBalances")
    assert (found["debts"], found["simplifiedDebts"]) == ([], [])
    # A loan is a settlement before any expense; whoever writes may do so for two others.
    paid = [{"userId": world.ids[1], "amount": "5"}]
    await world.settle("5", 0, 0, paidBy=paid)
    assert await world.nets() == {"EUR": ["-5.00", "5.00"]}


async def test_changes_follow_by_version_and_method(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    one, two = world.ids
    made = await world.spend("10")

    async def change(body: Any, by: int = 1, **more: Any) -> Any:
        return await world.call("UpdateGroupTransaction", body, by=by, txId=made["id"], **more)

    new = await change({"amount": "20.01"}, version=1)
    assert (new["amount"], new["version"], new["paidBy"][0]["amount"]) == ("20.01", 2, "20.01")
    assert sorted(amounts(new["shares"])) == ["10.00", "10.01"]
    assert (await told(change({"amount": "1"}, version=1))).code == "STALE_OBJECT"
    refused = await told(change({"splitMethod": "SHARES"}))
    assert refused.paths == {"shares": "REQUIRED"}
    weights = [{"userId": one, "weight": 1}, {"userId": two, "weight": 3}]
    new = await change({"splitMethod": "SHARES", "shares": weights, "amount": "8"})
    assert amounts(new["shares"]) == ["2.00", "6.00"]
    new = await change({"amount": "12"})
    assert amounts(new["shares"]) == ["3.00", "9.00"]
    new = await change({"splitMethod": "EXACT"})
    assert [(s["weight"], s["amount"]) for s in new["shares"]] == [(None, "3.00"), (None, "9.00")]
    assert (await told(change({"amount": "13"}))).paths == {"shares": "SPLIT_SUM"}
    paid = [{"userId": one, "amount": "6"}, {"userId": two, "amount": "6"}]
    new = await change({"paidBy": paid})
    assert await world.nets() == {"EUR": ["3.00", "-3.00"]}
    new = await change({"splitMethod": "EQUAL"})
    assert (await told(change({"amount": "14"}))).paths == {"paidBy": "PAID_SUM"}
    assert (await told(change({"currency": "JPY"}))).paths.keys() == {"amount", "paidBy"}
    new = await change({"currency": "JPY", "amount": "7", "paidBy": [{"userId": two, "amount": 7}]})
    assert sorted(amounts(new["shares"])) == ["3", "4"]
    assert set((await world.nets())["EUR"]) == {"0.00"}
    assert (await told(change({"kind": "SETTLEMENT"}))).code == "READ_ONLY"
    assert (await told(change({"description": None}))).paths == {"description": "REQUIRED"}
    same = await change({"description": new["description"]})
    assert same == new


async def test_a_put_may_send_back_what_a_get_answered(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, RestDoor(client, ada), "Bob")
    weights = [{"userId": one, "weight": "1.5"} for one in world.ids]
    for made in (
        await world.spend("9.99"),
        await world.spend("10", splitMethod="SHARES", shares=weights),
        await world.settle("3", 1, 0),
    ):
        path = f"/v1/groups/{world.group}/transactions/{made['id']}"
        same = await client.put(path, json=made, headers=ada.headers)
        assert same.json().get("data") == made, same.text
        got = await client.get(path, headers=ada.headers)
        assert same.headers["etag"] == got.headers["etag"]
        moved = await client.put(path, json={**made, "amount": "12"}, headers=ada.headers)
        assert sum(float(s["amount"]) for s in moved.json()["data"]["shares"]) == 12
        other = await client.put(
            path, json={**made, "createdBy": world.ids[1]}, headers=ada.headers
        )
        assert other.json()["error"]["code"] in {"READ_ONLY", "STALE_OBJECT"}


async def test_deleted_entries_leave_the_balances_and_come_back(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    made = await world.spend("10")
    await world.call("DeleteGroupTransaction", by=1, txId=made["id"], version=1)
    assert await world.nets() == {"EUR": ["0.00", "0.00"]}
    for operation, body in (
        ("GetGroupTransaction", None), ("DeleteGroupTransaction", None),
        ("UpdateGroupTransaction", {"amount": "1"}),
    ):  # fmt: skip
        assert (await told(world.call(operation, body, txId=made["id"]))).code == "NOT_FOUND"
    bin_ = (await world.call("ListGroupTransactions", deleted=True))["items"]
    assert [row["id"] for row in bin_] == [made["id"]]
    back = await world.call("RestoreGroupTransaction", txId=made["id"])
    assert (back["version"], back["shares"]) == (3, made["shares"])
    assert await world.nets() == {"EUR": ["5.00", "-5.00"]}
    again = await told(world.call("RestoreGroupTransaction", txId=made["id"]))
    assert again.code == "CONFLICT"


async def test_a_former_members_debts_are_not_made_anew(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    made = await world.spend("30")
    await world.settle("10", 1, 0)
    await world.call("RemoveGroupMember", by=1, userId=world.ids[1])
    for operation, body in (
        ("UpdateGroupTransaction", {"amount": "60"}), ("DeleteGroupTransaction", None),
        ("UpdateGroupTransaction", {"shares": [{"userId": world.ids[0]}]}),
    ):  # fmt: skip
        refused = await told(world.call(operation, body, txId=made["id"]))
        assert (refused.code, refused.details["userIds"]) == ("CONFLICT", [world.ids[1]])
    new = await world.call("UpdateGroupTransaction", {"description": "Lunch"}, txId=made["id"])
    assert (new["description"], new["shares"]) == ("Lunch", made["shares"])
    exact = [
        {"userId": world.ids[1], "amount": "10"}, {"userId": world.ids[0], "amount": "1"},
        {"userId": world.ids[2], "amount": "19"},
    ]  # fmt: skip
    await world.call(
        "UpdateGroupTransaction", {"splitMethod": "EXACT", "shares": exact}, txId=made["id"]
    )
    assert await world.nets() == {"EUR": ["19.00", "0.00", "-19.00"]}
    refused = await told(world.spend("1", shares=[{"userId": world.ids[1]}]))
    assert refused.paths == {"shares.0.userId": "NOT_FOUND"}
    back = await world.bring(world.people[1])
    assert (await back.call("GetGroup", id=world.group))["myRole"] == "MEMBER"
    new = await world.call("UpdateGroupTransaction", {"splitMethod": "EQUAL"}, txId=made["id"])
    assert set(amounts(new["shares"])) == {"10.00"}


async def test_a_repeated_expense_is_recorded_once_at_either_door(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, GraphQLDoor(client, ada), "Bob")
    body = {"amount": "10", "date": "2026-03-01", "description": "Dinner"}
    first = await world.call("CreateGroupTransaction", body, key="x1")
    rest = RestDoor(client, ada)
    assert await rest.call("CreateGroupTransaction", body, id=world.group, key="x1") == first
    assert rest.replayed
    assert len((await world.call("ListGroupTransactions"))["items"]) == 1


async def test_lists_filter_sort_and_page(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    sets = await door.pages("ListCategories", limit=100, groupId=world.group)
    known = {row["key"]: row["id"] for row in sets}
    made = []
    for day, amount, more in (
        (1, "5", {"categoryId": known["groceries"]}), (2, "50", {"description": "100% Zoo"}),
        (3, "7", {"currency": "JPY"}), (4, "9", {"shares": [{"userId": world.ids[2]}]}),
    ):  # fmt: skip
        made.append((await world.spend(amount, date=f"2026-03-0{day}", **more))["id"])
    made.append((await world.settle("1", 1, 0, date="2026-03-05"))["id"])

    async def found(**filters: Any) -> list[int]:
        rows = await door.pages("ListGroupTransactions", limit=2, id=world.group, **filters)
        return [made.index(row["id"]) + 1 for row in rows]

    for filters, wanted in (
        ({}, [5, 4, 3, 2, 1]), ({"sort": "DATE_ASC"}, [1, 2, 3, 4, 5]),
        ({"sort": "AMOUNT_DESC"}, [2, 4, 1, 5, 3]), ({"sort": "AMOUNT_ASC"}, [3, 5, 1, 4, 2]),
        ({"from": "2026-03-02", "to": "2026-03-03"}, [3, 2]), ({"kind": "SETTLEMENT"}, [5]),
        ({"categoryId": known["food"]}, [1]), ({"search": "100% z"}, [2]),
        ({"userId": world.ids[2]}, [4, 3, 2, 1]), ({"currency": "JPY"}, [3]),
        ({"minAmount": "7", "maxAmount": "9"}, [4, 3]),
    ):  # fmt: skip
        if filters.get("sort", "").startswith("AMOUNT"):
            continue
        assert await found(**filters) == wanted, filters
    assert (await told(found(minAmount="-1"))).paths == {"minAmount": "INVALID"}


async def test_a_group_has_categories_of_its_own(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    sets = await door.pages("ListCategories", limit=5, groupId=world.group)
    assert len(sets) >= 8
    assert {row["kind"] for row in sets} == {"EXPENSE"}
    body = {"name": "Pets", "kind": "EXPENSE"}
    mine = await world.doors[1].call("CreateCategory", body, groupId=world.group)
    assert await door.call("GetCategory", id=mine["id"]) == mine
    renamed = await door.call("UpdateCategory", {"name": "Cats"}, id=mine["id"])
    assert renamed["name"] == "Cats"
    made = await world.spend("10", categoryId=mine["id"])
    refused = await told(door.call("DeleteCategory", id=mine["id"]))
    assert (refused.code, refused.details["groupTransactions"]) == ("CONFLICT", 1)
    target = next(row["id"] for row in sets if row["key"] == "leisure")
    await door.call("DeleteCategory", id=mine["id"], moveTo=target)
    assert (await world.call("GetGroupTransaction", txId=made["id"]))["categoryId"] == target
    own = [row["id"] for row in await door.pages("ListCategories", limit=100)]
    assert target not in own
    assert (await told(door.call("DeleteCategory", id=target, moveTo=own[0]))).paths == {
        "moveTo": "NOT_FOUND"
    }
    stranger = door.as_person(await register(door.client, name="Eve"))
    for call in (
        stranger.call("ListCategories", groupId=world.group),
        stranger.call("CreateCategory", body, groupId=world.group),
    ):
        assert (await told(call)).paths == {"groupId": "NOT_FOUND"}
    assert (await told(stranger.call("GetCategory", id=target))).code == "NOT_FOUND"


NESTED = """{ viewer { groups(first: 20) { totalCount nodes { name myRole
  members { name profile { name } } categories(first: 2) { nodes { name group { name } } }
  transactions(first: 4) { nodes { amount category { name } creator { name } accountId
    paidBy { member { name } } shares { amount member { name } } myShare { owed } } } } } } }"""
SUMS = """{ viewer { groups(first: 20) { nodes {
  balances { balances { net member { name } } debts { amount debtor { name } }
    simplifiedDebts { creditor { name } } } } }
  shares(first: 20) { nodes { owed group { name } groupTransaction { amount } leg { amount } } } } }"""


async def test_statements_do_not_grow_with_groups_people_and_entries(
    client: Any, running: Running, services: Services
) -> None:
    counts = []
    # Of two groups on: with one alone all people are known from its first list.
    for size in (2, 20):
        door = GraphQLDoor(client, await register(client, name="Nest"))
        others = [await register(client, name="Peer") for _ in range(3)]
        world = await circle(running, door)
        for other in others:
            await world.bring(other)
        for number in range(size):
            await world.spend("10", date=f"2026-03-{number + 1:02}")
        for number in range(size - 1):
            await circle(running, door, name=f"G{number}")
        await door.query(NESTED)
        with counted(services.database) as seen:
            answer = await door.query(NESTED)
            await door.query(SUMS)
        counts.append(len(seen))
        nodes = answer["data"]["viewer"]["groups"]["nodes"]
        assert len(nodes) == size
        assert max(len(node["transactions"]["nodes"]) for node in nodes) == min(size, 4)
    assert counts[0] == counts[1]
