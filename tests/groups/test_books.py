"""A group's money in everybody's own books: shares, legs, what reports read; jobs drained first."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import Running
from graph.context import Services
from models import ids
from resolvers.groups import own_shares, receivables
from resolvers.users import get_user
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor, register
from tests.groups.world import Circle, circle

pytestmark = pytest.mark.anyio


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


async def books(
    services: Services, person: Person
) -> tuple[list[tuple[str, str, int, int]], dict[str, int]]:
    """Shares and receivables as reports read them."""
    who = ids.decode("user", person.id)
    assert isinstance(who, UUID)
    async with services.database.read(who) as tx:
        ledger = (await get_user(tx, who)).ledger_id
        rows = await own_shares(tx, ledger, date(2026, 1, 1), date(2026, 12, 31))
        owed = await receivables(tx, ledger, date(2026, 12, 31))
    rows.sort(key=lambda row: (row.date, row.id))
    return [(row.kind, row.currency, row.paid_minor, row.owed_minor) for row in rows], owed


async def cash(door: Door, **more: Any) -> str:
    body = {"name": "Cash", "type": "CASH", "currency": "EUR", "openingBalance": "100", **more}
    return (await door.call("CreateAccount", body))["id"]


async def balance(door: Door, account: str) -> str:
    return (await door.call("GetAccount", id=account))["balance"]


async def test_everybody_books_her_own_part(
    door: Door, running: Running, services: Services
) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    await world.spend("30")
    assert await books(services, world.people[0]) == (
        [("EXPENSE", "EUR", 3000, 1000)], {"EUR": 2000},
    )  # fmt: skip
    assert await books(services, world.people[1]) == ([], {})
    await world.drain()
    for person in world.people[1:]:
        assert await books(services, person) == ([("EXPENSE", "EUR", 0, 1000)], {"EUR": -1000})
    await world.settle("10", 1, 0)
    await world.spend("5", by=2, currency="USD", shares=[{"userId": world.ids[0]}])
    await world.drain()
    found = [await books(services, person) for person in world.people]
    assert [one[1] for one in found] == [
        {"EUR": 1000, "USD": -500}, {}, {"EUR": -1000, "USD": 500},
    ]  # fmt: skip
    assert ("SETTLEMENT", "EUR", 0, 1000) in found[0][0]
    assert ("SETTLEMENT", "EUR", 1000, 0) in found[1][0]


async def test_changes_deletions_and_returns_flow(
    door: Door, running: Running, services: Services
) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    made = await world.spend("30")
    await world.drain()
    exact = [{"userId": world.ids[0], "amount": "20"}, {"userId": world.ids[1], "amount": "10"}]
    change = {"splitMethod": "EXACT", "shares": exact}
    await world.call("UpdateGroupTransaction", change, by=1, txId=made["id"])
    await world.drain()
    found = [(await books(services, person))[0] for person in world.people]
    assert found == [[("EXPENSE", "EUR", 3000, 2000)], [("EXPENSE", "EUR", 0, 1000)], []]
    await world.call("DeleteGroupTransaction", by=1, txId=made["id"])
    await world.call("RestoreGroupTransaction", by=1, txId=made["id"])
    await world.call("DeleteGroupTransaction", by=1, txId=made["id"])
    await world.drain()
    assert [await books(services, person) for person in world.people] == [([], {})] * 3
    await world.call("RestoreGroupTransaction", by=2, txId=made["id"])
    await world.drain()
    assert [(await books(services, person))[0] for person in world.people] == found


async def test_an_own_account_pays_in_the_same_write(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    account = await cash(door)
    groceries = next(
        row for row in await door.pages("ListCategories", limit=100, groupId=world.group)
        if row["key"] == "groceries"
    )  # fmt: skip
    made = await world.spend("30", accountId=account, categoryId=groceries["id"])
    assert made["accountId"] == account
    assert await balance(door, account) == "70.00"
    (leg,) = (await door.call("ListTransactions"))["items"]
    wanted = {
        "amount": "-30.00",
        "groupId": world.group,
        "kind": "EXPENSE",
        "description": "Dinner",
    }
    assert {name: leg[name] for name in wanted} == wanted
    own = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    assert leg["categoryId"] == own["groceries"]
    settled = await world.settle("15", 1, 0)
    graph = GraphQLDoor(door.client, door.person)
    booked = """mutation($id: ID!, $a: ID) { bookGroupLeg(groupTransactionId: $id, accountId: $a) {
      share { net leg { amount kind group { name } groupTransaction { id } share { owed } } } } }"""
    await world.drain()
    answer = await graph.query(booked, id=settled["id"], a=account)
    assert answer["data"]["bookGroupLeg"]["share"] == {
        "net": "-15.00",
        "leg": {
            "amount": "15.00", "kind": "TRANSFER", "group": {"name": "Trip"},
            "groupTransaction": {"id": settled["id"]}, "share": {"owed": "15.00"},
        },
    }  # fmt: skip
    assert await balance(door, account) == "85.00"
    kinds = [
        row["amount"] for row in (await door.call("ListTransactions", kind="TRANSFER"))["items"]
    ]
    assert kinds == ["15.00"]
    assert len((await door.call("ListTransactions", kind="EXPENSE"))["items"]) == 1
    await graph.query(booked, id=settled["id"], a=None)
    assert await balance(door, account) == "70.00"


async def test_what_does_not_fit_an_account_books_nothing_at_all(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    euros, dollars = await cash(door), await cash(door, currency="USD")
    theirs = await cash(world.doors[1])
    paid = {"paidBy": [{"userId": world.ids[1], "amount": "30"}]}
    for more, code in (
        ({"accountId": dollars}, "INVALID"), ({"accountId": theirs}, "NOT_FOUND"),
        ({"accountId": euros, **paid}, "INVALID"),
    ):  # fmt: skip
        assert (await told(world.spend("30", **more))).paths == {"accountId": code}
    assert (await world.call("ListGroupTransactions"))["items"] == []
    assert (await door.call("ListTransactions"))["items"] == []
    assert await world.nets() == {"EUR": ["0.00", "0.00"]}


async def test_a_leg_follows_the_group_and_only_the_group(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    account, other = await cash(door), await cash(door, name="Bank")
    made = await world.spend("30", accountId=account)
    (leg,) = (await door.call("ListTransactions"))["items"]
    for body in ({"amount": "-1"}, {"categoryId": None}, {"refundOf": leg["id"]}):
        refused = await told(door.call("UpdateTransaction", body, id=leg["id"]))
        assert (refused.code, set(refused.paths)) == ("READ_ONLY", set(body))
    mine = {"description": "Pizza", "amount": "-30", "payee": "Luigi"}
    await door.call("UpdateTransaction", mine, id=leg["id"])
    await world.call("UpdateGroupTransaction", {"amount": "50"}, by=1, txId=made["id"])
    await world.drain()
    assert await balance(door, account) == "50.00"
    (leg,) = (await door.call("ListTransactions"))["items"]
    assert (leg["description"], leg["payee"], leg["amount"]) == ("Pizza", "Luigi", "-50.00")
    new = await world.call("UpdateGroupTransaction", {"accountId": other}, txId=made["id"])
    assert (new["accountId"], new["version"]) == (other, 2)
    assert [await balance(door, one) for one in (account, other)] == ["100.00", "50.00"]
    await world.call("DeleteGroupTransaction", by=1, txId=made["id"])
    await world.drain()
    assert await balance(door, other) == "100.00"
    await world.call("RestoreGroupTransaction", by=1, txId=made["id"])
    await world.drain()
    assert await balance(door, other) == "50.00"
    paid = [{"userId": world.ids[1], "amount": "50"}]
    await world.call("UpdateGroupTransaction", {"paidBy": paid}, by=1, txId=made["id"])
    await world.drain()
    assert await balance(door, other) == "100.00"
    # Somebody else paid by now: money that never left the account does not leave it again.
    assert (await told(door.call("RestoreTransaction", id=leg["id"]))).code == "CONFLICT"
    assert await balance(door, other) == "100.00"


async def test_a_reconciled_leg_is_locked_for_its_owner_and_opens_for_the_group(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    account, other = await cash(door), await cash(door, name="Bank")
    made = await world.spend("30", accountId=account)
    locked = await door.call(
        "ReconcileAccount", id=account, date="2026-03-01", statementBalance="70"
    )
    assert (locked["agrees"], locked["reconciled"]) == (True, 1)
    (leg,) = (await door.call("ListTransactions"))["items"]
    for wanted, code in ((other, "READ_ONLY"), (None, "CONFLICT")):
        refused = await told(
            world.call("UpdateGroupTransaction", {"accountId": wanted}, txId=made["id"])
        )
        assert refused.code == code
    for change, status, amount in (
        ({"description": "Lunch"}, "RECONCILED", "-30.00"),
        ({"amount": "50"}, "POSTED", "-50.00"),
    ):
        await world.call("UpdateGroupTransaction", change, by=1, txId=made["id"])
        await world.drain()
        seen = await door.call("GetTransaction", id=leg["id"])
        assert (seen["status"], seen["amount"]) == (status, amount)
    again = await door.call(
        "ReconcileAccount", id=account, date="2026-03-01", statementBalance="70"
    )
    assert (again["agrees"], again["difference"]) == (False, "20.00")


async def test_a_leg_taken_back_can_be_booked_anew(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    account = await cash(door)
    made = await world.spend("30", accountId=account)
    (leg,) = (await door.call("ListTransactions"))["items"]
    await door.call("DeleteTransaction", id=leg["id"])
    assert (await world.call("GetGroupTransaction", txId=made["id"]))["accountId"] is None
    await world.call("UpdateGroupTransaction", {"accountId": account}, txId=made["id"])
    assert await balance(door, account) == "70.00"
    # The same money is not counted twice.
    assert (await told(door.call("RestoreTransaction", id=leg["id"]))).code == "CONFLICT"
    assert await balance(door, account) == "70.00"


async def test_a_leg_comes_back_from_the_trash_with_what_was_paid_by_now(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    account = await cash(door)
    made = await world.spend("30", accountId=account)
    (leg,) = (await door.call("ListTransactions"))["items"]
    await door.call("DeleteTransaction", id=leg["id"])
    await world.call("UpdateGroupTransaction", {"amount": "40"}, txId=made["id"])
    back = await door.call("RestoreTransaction", id=leg["id"])
    assert (back["groupId"], back["amount"]) == (world.group, "-40.00")
    assert await balance(door, account) == "60.00"
    await door.call("DeleteAccount", id=account, force=True)
    await world.call("UpdateGroupTransaction", {"amount": "50"}, txId=made["id"])
    await door.call("RestoreAccount", id=account)
    assert await balance(door, account) == "50.00"


async def test_an_account_comes_back_without_legs_that_were_booked_elsewhere(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    account, other = await cash(door), await cash(door, name="Bank")
    made = await world.spend("30", accountId=account)
    await door.call("DeleteAccount", id=account, force=True)
    await world.call("UpdateGroupTransaction", {"accountId": other}, txId=made["id"])
    await door.call("RestoreAccount", id=account)
    assert [await balance(door, one) for one in (account, other)] == ["100.00", "70.00"]
    (leg,) = (await door.call("ListTransactions"))["items"]
    await world.call("DeleteGroupTransaction", txId=made["id"])
    refused = await told(door.call("RestoreTransaction", id=leg["id"]))
    assert refused.code == "CONFLICT"
    await world.call("RestoreGroupTransaction", txId=made["id"])
    assert [await balance(door, one) for one in (account, other)] == ["100.00", "70.00"]


async def test_a_share_counts_in_the_own_category_of_the_same_key(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    bob = world.doors[1]
    sets = {
        row["key"]: row["id"]
        for row in await door.pages("ListCategories", limit=100, groupId=world.group)
    }
    own = {row["key"]: row["id"] for row in await bob.pages("ListCategories", limit=100)}
    await bob.call("DeleteCategory", id=own["travel"])
    for key in ("restaurants", "travel", None):
        more = {} if key is None else {"categoryId": sets[key]}
        await world.spend("10", description=key or "none", **more)
    await world.drain()
    graph = GraphQLDoor(door.client, world.people[1])
    document = "{shares{nodes{description category{key name} groupTransaction{id}}}}"
    rows = (await graph.query(document))["data"]["shares"]["nodes"]
    found = {row["description"]: row["category"]["key"] for row in rows}
    assert found == {"restaurants": "restaurants", "travel": "shared", "none": "shared"}
    wanted = next(r["groupTransaction"]["id"] for r in rows if r["description"] == "none")
    moved = await graph.query(
        """mutation($id: ID!, $c: ID!) { categoriseShare(groupTransactionId: $id, categoryId: $c) {
           share { category { key } } } }""",
        id=wanted, c=own["leisure"],
    )  # fmt: skip
    assert moved["data"]["categoriseShare"]["share"]["category"]["key"] == "leisure"
    await world.call("UpdateGroupTransaction", {"amount": "12"}, txId=wanted)
    await world.drain()
    rows = (await graph.query("{shares{nodes{owed category{key} groupTransaction{id}}}}"))["data"]
    kept = next(r for r in rows["shares"]["nodes"] if r["groupTransaction"]["id"] == wanted)
    assert (kept["owed"], kept["category"]["key"]) == ("6.00", "leisure")
    refused = await told(bob.call("DeleteCategory", id=own["leisure"]))
    assert refused.details["shares"] == 1
    await bob.call("DeleteCategory", id=own["leisure"], moveTo=own["health"])
    rows = (await graph.query("{shares{nodes{category{key}}}}"))["data"]["shares"]["nodes"]
    assert "health" in {row["category"]["key"] for row in rows}


async def test_budgets_count_the_own_share_and_not_what_was_laid_out(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    account = await cash(door)
    own = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    sets = {
        row["key"]: row["id"]
        for row in await door.pages("ListCategories", limit=100, groupId=world.group)
    }
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-03-01", "currency": "EUR"}
    items = [{"categoryId": own["restaurants"], "amount": "100"}]
    budget = (await door.call("CreateBudget", {**plan, "items": items}))["id"]
    await world.spend("30", accountId=account, categoryId=sets["restaurants"])
    await world.settle("15", 1, 0)
    await world.drain()
    found = await door.call("GetBudgetAnalysis", id=budget, date="2026-03-15")
    assert (found["actual"], found["unbudgeted"]) == ("15.00", "0.00")


async def test_who_leaves_before_the_jobs_ran_loses_nothing(
    door: Door, running: Running, services: Services
) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    await world.spend("30")
    await world.settle("10", 1, 0)
    await world.call("RemoveGroupMember", userId=world.ids[1])
    await world.settle("10", 2, 0)
    await world.call("RemoveGroupMember", by=2, userId=world.ids[2])
    assert (await told(world.call("GetGroup", by=1))).code == "NOT_FOUND"
    await world.drain()
    for person in world.people[1:]:
        assert await books(services, person) == (
            [("EXPENSE", "EUR", 0, 1000), ("SETTLEMENT", "EUR", 1000, 0)], {},
        )  # fmt: skip
        who = ids.decode("user", person.id)
        async with services.database.read(who) as tx:
            assert await tx.scalar(text("SELECT count(*) FROM group_transactions")) == 0


async def test_many_writers_keep_group_and_books_agreeing(
    client: Any, running: Running, services: Services, ada: Person
) -> None:
    world = await circle(running, RestDoor(client, ada), "Bob", "Cleo")
    accounts = [await cash(door) for door in world.doors]

    async def busy(by: int, number: int) -> None:
        for _ in range(20):
            try:
                await world.spend("9", by=by, accountId=accounts[by], description=f"{by}.{number}")
            except Refused as refused:
                if refused.code != "CONFLICT":
                    raise
                await asyncio.sleep(0.05)
            else:
                return

    await asyncio.gather(*(busy(by, number) for by in range(3) for number in range(4)))
    await world.drain()
    assert await world.nets() == {"EUR": ["0.00", "0.00", "0.00"]}
    for index, person in enumerate(world.people):
        shares, owed = await books(services, person)
        assert (len(shares), owed) == (12, {})
        assert await balance(world.doors[index], accounts[index]) == "64.00"


async def test_a_stranger_reaches_no_share(client: Any, running: Running, ada: Person) -> None:
    world: Circle = await circle(running, GraphQLDoor(client, ada), "Bob")
    made = await world.spend("30")
    stranger = GraphQLDoor(client, await register(client, name="Eve"))
    account = await cash(stranger)
    leg = "mutation($id: ID!, $a: ID) { bookGroupLeg(groupTransactionId: $id, accountId: $a) { share { net } } }"
    assert (await told(stranger.query(leg, id=made["id"], a=account))).code == "NOT_FOUND"
    assert (await stranger.query("{shares{nodes{net}}}"))["data"]["shares"]["nodes"] == []


async def test_who_comes_back_catches_up_on_what_was_changed_meanwhile(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    made = await world.spend("30")
    await world.settle("15", 1, 0)
    await world.call("RemoveGroupMember", userId=world.ids[1])
    await world.drain()
    await world.call("UpdateGroupTransaction", {"description": "Lunch"}, txId=made["id"])
    back = await world.bring(world.people[1])
    await world.drain()
    query = "{ viewer { shares(first: 5) { nodes { description } } } }"
    told_now = await GraphQLDoor(door.client, back.person).query(query)
    shares = told_now["data"]["viewer"]["shares"]["nodes"]
    assert "Lunch" in {one["description"] for one in shares}
