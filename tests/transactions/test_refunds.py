"""Refunds: linked to what they refund, of its kind, on its category, in their own time."""

from datetime import timedelta
from typing import Any

import pytest

from graph.context import Services
from models import ids
from resolvers.transactions import purge_trash
from resolvers.users import actor_of, get_user
from tests.doors import Door, GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio

ASKED = """query($id: ID!) { transaction(id: $id) {
  kind refundOf refundedAmount refunded { id } refunds(first: 10) { totalCount nodes { id } }
} }"""


class World:
    """A person with two accounts who buys and sends back."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.graph = GraphQLDoor(door.client, door.person)
        self.known: dict[str, str] = {}
        self.giro = self.dollars = ""

    async def begin(self) -> "World":
        rows = (await self.door.call("ListCategories", limit=100))["items"]
        self.known = {row["key"]: row["id"] for row in rows}
        body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
        self.giro = (await self.door.call("CreateAccount", body))["id"]
        self.dollars = (await self.door.call("CreateAccount", {**body, "currency": "USD"}))["id"]
        return self

    async def book(self, amount: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        body = {"accountId": self.giro, "date": "2026-01-15", "amount": amount, "description": "x"}
        if key is not None:
            body["categoryId"] = self.known[key]
        return await self.door.call("CreateTransaction", {**body, **more})

    async def change(self, row: dict[str, Any], **data: Any) -> dict[str, Any]:
        return await self.door.call("UpdateTransaction", data, id=row["id"])

    async def ask(self, row: dict[str, Any]) -> dict[str, Any]:
        return (await self.graph.query(ASKED, id=row["id"]))["data"]["transaction"]

    async def listed(self, **wanted: Any) -> set[str]:
        rows = (await self.door.call("ListTransactions", **wanted))["items"]
        return {row["id"] for row in rows}

    async def refused(self, row: dict[str, Any] | None, target: str, **more: Any) -> dict[str, str]:
        data = {"refundOf": target}
        written = self.book("5", **data, **more) if row is None else self.change(row, **data)
        with pytest.raises(Refused) as refused:
            await written
        assert refused.value.code == "VALIDATION_ERROR"
        return refused.value.paths


@pytest.fixture
async def world(door: Door) -> World:
    return await World(door).begin()


async def test_a_refund_is_of_the_kind_of_what_it_refunds(world: World) -> None:
    bought = await world.book("-50", "shopping")
    plain = await world.book("-20")
    earned = await world.book("1000", "salary")
    parts = [
        {"categoryId": world.known["groceries"], "amount": "-60"},
        {"categoryId": world.known["travel"], "amount": "-40"},
    ]
    split = await world.book("-100", splits=parts)
    wanted = [
        (await world.book("30", refundOf=bought["id"]), "EXPENSE"),
        (await world.book("20", refundOf=plain["id"]), "EXPENSE"),
        (await world.book("40", refundOf=split["id"]), "EXPENSE"),
        (await world.book("40", "salary", refundOf=split["id"]), "INCOME"),
        (await world.book("5", "salary", refundOf=bought["id"]), "EXPENSE"),
        (await world.book("-100", refundOf=earned["id"]), "INCOME"),
        (await world.book("-7", "food", refundOf=earned["id"]), "INCOME"),
        (await world.book("0", refundOf=bought["id"]), "EXPENSE"),
    ]
    for row, kind in wanted:
        assert row["kind"] == kind
        assert (await world.door.call("GetTransaction", id=row["id"]))["kind"] == kind
        assert row["id"] in await world.listed(kind=kind)
        other = "INCOME" if kind == "EXPENSE" else "EXPENSE"
        assert row["id"] not in await world.listed(kind=other)
        assert row["id"] not in await world.listed(kind=other, minAmount="0")


async def test_a_refund_is_listed_where_it_nets(world: World) -> None:
    bought = await world.book("-50", "groceries")
    bare = await world.book("30", refundOf=bought["id"])
    other = await world.book("5", "salary", refundOf=bought["id"])
    parts = [{"categoryId": world.known["travel"], "amount": "1"}] * 2
    split = await world.book("2", splits=parts, refundOf=bought["id"])
    mine = {bought["id"], bare["id"], other["id"]}
    assert await world.listed(categoryId=world.known["groceries"]) == mine
    assert await world.listed(categoryId=world.known["food"]) == mine
    assert await world.listed(categoryId=world.known["salary"]) == set()
    assert await world.listed(categoryId=world.known["travel"]) == {split["id"]}


async def test_several_partial_refunds_in_any_account(world: World) -> None:
    bought = await world.book("-500", "shopping")
    first = await world.book("300", refundOf=bought["id"], date="2026-03-01")
    second = await world.book("25.50", refundOf=bought["id"], date="2026-04-01")
    abroad = await world.book(
        "10", refundOf=bought["id"], accountId=world.dollars, date="2026-02-01"
    )
    seen = await world.ask(bought)
    assert (seen["refundedAmount"], seen["refundOf"]) == ("325.50", None)
    assert seen["refunds"] == {
        "totalCount": 3,
        "nodes": [{"id": second["id"]}, {"id": first["id"]}, {"id": abroad["id"]}],
    }
    assert (await world.ask(first))["refunded"] == {"id": bought["id"]}
    await world.door.call("DeleteTransaction", id=second["id"])
    await world.change(first, refundOf=None)
    assert (await world.ask(bought))["refundedAmount"] == "0.00"
    assert (await world.ask(first))["kind"] == "INCOME"


async def test_what_cannot_be_refunded(world: World) -> None:
    bought = await world.book("-50", "shopping")
    body = {"transferAccountId": world.dollars, "transferAmount": "1"}
    transfer = await world.book("-1", **body)
    refund = await world.book("5", refundOf=bought["id"])
    gone = await world.book("-1")
    await world.door.call("DeleteTransaction", id=gone["id"])
    plain = await world.book("1")
    invalid, missing = {"refundOf": "INVALID"}, {"refundOf": "NOT_FOUND"}
    for row in (None, plain):
        assert await world.refused(row, transfer["id"]) == invalid
        assert await world.refused(row, transfer["transferId"]) == invalid
        assert await world.refused(row, refund["id"]) == invalid
        assert await world.refused(row, gone["id"]) == missing
        assert await world.refused(row, "txn_nothing") == missing
    assert await world.refused(plain, plain["id"]) == invalid
    assert await world.refused(transfer, bought["id"]) == invalid
    assert await world.refused(bought, plain["id"]) == invalid, "it has a refund itself"
    await world.door.call("DeleteTransaction", id=refund["id"])
    assert await world.refused(bought, plain["id"]) == invalid, "the trash counts"
    assert await world.refused(None, bought["id"], **body) == invalid
    assert (await world.ask(plain))["refundOf"] is None


async def test_a_batch_makes_no_chain(world: World) -> None:
    rows = [await world.book(amount) for amount in ("-3", "2", "1")]
    first, second, third = [row["id"] for row in rows]
    for chain in (
        [(second, first), (third, second)],
        [(second, third), (first, second)],
        [(first, second), (second, first)],
    ):
        batch = [{"id": row, "refundOf": target} for row, target in chain]
        with pytest.raises(Refused) as refused:
            await world.door.call("UpdateTransactions", transactions=batch)
        assert refused.value.paths == {"transactions.1": "VALIDATION_ERROR"}
    batch = [{"id": second, "refundOf": first}, {"id": third, "refundOf": first}]
    made = await world.door.call("UpdateTransactions", transactions=batch)
    assert made["succeeded"] == 2
    assert (await world.ask(rows[0]))["refundedAmount"] == "3.00"
    # What was read comes back unchanged, and is no change.
    again = await world.door.call("UpdateTransactions", transactions=batch)
    assert again["succeeded"] == 2
    assert (await world.door.call("GetTransaction", id=second))["version"] == 2


async def test_a_link_lasts_as_long_as_what_it_names(
    world: World, ada: Person, services: Services
) -> None:
    bought = await world.book("-50", "shopping")
    refund = await world.book("50", refundOf=bought["id"])
    await world.door.call("DeleteTransaction", id=bought["id"])
    seen = await world.ask(refund)
    assert (seen["kind"], seen["refundOf"], seen["refunded"]) == ("EXPENSE", bought["id"], None)
    # It may be sent back as it was read, although it names what lies in the trash.
    kept = await world.change(refund, description="y", refundOf=bought["id"])
    assert (kept["refundOf"], kept["version"]) == (bought["id"], 2)
    await world.door.call("RestoreTransaction", id=bought["id"])
    assert (await world.ask(bought))["refundedAmount"] == "50.00"
    await world.door.call("DeleteTransaction", id=bought["id"])
    user_id = ids.decode("user", ada.id)
    async with services.database.read(user_id) as tx:
        actor = actor_of(await get_user(tx, user_id))
    later = timedelta(days=1)
    await services.ledgers.write(actor, lambda write: purge_trash(write, write.now + later))
    seen = await world.ask(refund)
    assert (seen["kind"], seen["refundOf"]) == ("INCOME", None)


async def test_a_refund_without_any_category_lowers_what_is_not_budgeted(world: World) -> None:
    items = [{"categoryId": world.known["travel"], "amount": "1"}]
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01", "items": items}
    budget = (await world.door.call("CreateBudget", plan))["id"]
    bought = await world.book("-50")
    await world.book("20", refundOf=bought["id"])
    await world.book("7")
    found = await world.door.call("GetBudgetAnalysis", id=budget, date="2026-01-31")
    assert found["unbudgeted"] == "30.00"
