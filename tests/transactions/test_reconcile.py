"""Reconciling: what agrees is locked, what does not is explained, and locks hold at every door."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.context import Services
from models import ids
from models.ids import new_id
from resolvers.transactions.reconcile import _explanations, _Light
from resolvers.users import actor_of, get_user
from resolvers.verify import verify_ledger
from tests.doors import Door, GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio

DAY = "2026-01-31"


class World:
    """A person with two accounts and a statement."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.graph = GraphQLDoor(door.client, door.person)
        self.giro = self.spar = ""

    async def begin(self) -> "World":
        body = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "100"}
        self.giro = (await self.door.call("CreateAccount", body))["id"]
        self.spar = (await self.door.call("CreateAccount", {**body, "name": "Spar"}))["id"]
        return self

    async def book(self, amount: str, day: str = "2026-01-15", **more: Any) -> dict[str, Any]:
        body = {"accountId": self.giro, "date": day, "amount": amount, "description": "x", **more}
        return await self.door.call("CreateTransaction", body)

    async def agree(self, balance: str, day: str = DAY, **more: Any) -> dict[str, Any]:
        account = more.pop("id", self.giro)
        return await self.door.call(
            "ReconcileAccount", id=account, date=day, statementBalance=balance, **more
        )

    async def status(self, row: dict[str, Any]) -> str:
        return (await self.door.call("GetTransaction", id=row["id"]))["status"]

    async def reasons(self, balance: str) -> list[tuple[str, list[str]]]:
        told = await self.agree(balance)
        assert (told["agrees"], told["reconciled"]) == (False, 0)
        return [(one["reason"], one["transactionIds"]) for one in told["candidates"]]


@pytest.fixture
async def world(door: Door) -> World:
    return await World(door).begin()


async def test_what_agrees_is_locked(world: World, ada: Person, services: Services) -> None:
    first, second = await world.book("-10"), await world.book("-5.50", DAY)
    waits = await world.book("-3", status="PENDING")
    later = await world.book("-7", "2026-02-01")
    told = await world.agree("84.5", key="k1")
    assert told == {
        "accountId": world.giro, "date": DAY, "currency": "EUR", "statementBalance": "84.50",
        "balance": "84.50", "difference": "0.00", "agrees": True, "reconciled": 2,
        "candidates": [],
    }  # fmt: skip
    assert [await world.status(row) for row in (first, second, waits, later)] == [
        "RECONCILED", "RECONCILED", "PENDING", "POSTED",
    ]  # fmt: skip
    assert (await world.door.call("GetTransaction", id=first["id"]))["version"] == 2
    assert await world.agree("84.5", key="k1") == told
    assert world.door.replayed
    assert (await world.agree("84.50"))["reconciled"] == 0
    assert (await world.agree("77.50", "2026-02-01"))["reconciled"] == 1
    user_id = ids.decode("user", ada.id)
    async with services.database.read(user_id) as tx:
        actor = actor_of(await get_user(tx, user_id))
    report = await verify_ledger(
        services.database, services.ledgers._chain_key, actor.ledger_id, user_id
    )
    assert report.differences == ()


async def test_wrong_statements_are_wrong_fields(world: World, bob: Person) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for day, balance, path in ((tomorrow, "1", "date"), (DAY, "1.234", "statementBalance")):
        with pytest.raises(Refused) as refused:
            await world.agree(balance, day)
        assert refused.value.paths == {path: "INVALID"}
    for wrong in (world.giro[:-3] + "000", "acct_x"):
        with pytest.raises(Refused) as refused:
            await world.agree("1", id=wrong)
        assert refused.value.code == "NOT_FOUND"
    with pytest.raises(Refused) as refused:
        await World(world.door.as_person(bob)).agree("1", id=world.giro)
    assert refused.value.code == "NOT_FOUND"


async def test_differences_are_explained(world: World) -> None:
    coffee = await world.book("-4", description="Coffee")
    again = await world.book("-4", "2026-01-17", description="coffee")
    rent = await world.book("-50")
    waits = [await world.book(amount, status="PENDING") for amount in ("-6", "-9", "-2")]
    later = await world.book("-13", "2026-02-03")
    gone = await world.book("-21")
    await world.door.call("DeleteTransaction", id=gone["id"])
    told = await world.agree("36")
    assert (told["balance"], told["difference"]) == ("42.00", "-6.00")
    assert (await world.reasons("36"))[0] == ("PENDING", [waits[0]["id"]])
    pending = [one["id"] for one in reversed(waits)]
    assert ("PENDING", pending) in await world.reasons("25")
    assert ("PENDING", [waits[1]["id"], waits[0]["id"]]) in await world.reasons("27")
    assert (await world.reasons("46"))[0] == ("DUPLICATE", [again["id"], coffee["id"]])
    assert ("SIGN", [rent["id"]]) in await world.reasons("142")
    assert ("EXTRA", [rent["id"]]) in await world.reasons("92")
    assert await world.reasons("29") == [("LATER", [later["id"]])]
    assert await world.reasons("21") == [("TRASH", [gone["id"]])]
    assert await world.reasons("-42") == [("STATEMENT_SIGN", [])]
    assert await world.reasons("1000") == []
    # Nothing of this changed anything.
    assert await world.status(rent) == "POSTED"
    asked = """mutation($id: ID!) {
      reconcileAccount(accountId: $id, date: "2026-01-31", statementBalance: 21) {
        reconciliation { account { name } candidates { transactions { id deletedAt } } } } }"""
    answer = await world.graph.query(asked, id=world.giro)
    found = answer["data"]["reconcileAccount"]["reconciliation"]
    assert found["account"] == {"name": "Giro"}
    (candidate,) = found["candidates"]
    assert candidate["transactions"][0]["id"] == gone["id"]
    assert candidate["transactions"][0]["deletedAt"] is not None


async def test_locked_figures_stay_and_words_move(world: World) -> None:
    known = {
        row["key"]: row["id"]
        for row in (await world.door.call("ListCategories", limit=100))["items"]
    }
    row = await world.book("-10")
    await world.agree("90")
    for change in ({"amount": "-11"}, {"date": "2026-01-16"}, {"accountId": world.spar}):
        with pytest.raises(Refused) as refused:
            await world.door.call("UpdateTransaction", change, id=row["id"])
        assert (refused.value.code, refused.value.paths) == (
            "READ_ONLY",
            dict.fromkeys(change, "READ_ONLY"),
        )
        with pytest.raises(Refused) as refused:
            await world.door.call("UpdateTransactions", transactions=[{"id": row["id"], **change}])
        assert refused.value.paths == {"transactions.0": "READ_ONLY"}
    for call in (
        world.door.call("DeleteTransaction", id=row["id"]),
        world.door.call("DeleteTransactions", ids=[row["id"]]),
    ):
        with pytest.raises(Refused):
            await call
    free = {
        "description": "y", "payee": "p", "notes": "n", "tags": ["t"], "amount": "-10.00",
        "categoryId": known["groceries"], "externalId": "e", "date": "2026-01-15",
    }  # fmt: skip
    changed = await world.door.call("UpdateTransaction", free, id=row["id"])
    assert (changed["status"], changed["categoryId"]) == ("RECONCILED", known["groceries"])
    parts = [{"categoryId": known["travel"], "amount": "-5"}] * 2
    split = {"splits": parts, "categoryId": None}
    assert (await world.door.call("UpdateTransaction", split, id=row["id"]))["splits"]
    await world.door.call("DeleteCategory", id=known["travel"], moveTo=known["groceries"])
    opened = await world.door.call("UpdateTransaction", {"status": "POSTED"}, id=row["id"])
    assert opened["status"] == "POSTED"
    await world.door.call("UpdateTransaction", {"status": "RECONCILED"}, id=row["id"])
    # Told in one word with the change, the lock opens as well.
    both = {"status": "POSTED", "date": "2026-01-20"}
    assert (await world.door.call("UpdateTransaction", both, id=row["id"]))["date"] == "2026-01-20"
    assert (await world.door.call("DeleteTransaction", id=row["id"]))["deleted"]


async def test_both_sides_of_a_transfer_are_locked(world: World) -> None:
    row = await world.book("-10", transferAccountId=world.spar)
    await world.agree("110", id=world.spar)
    assert await world.status({"id": row["transferId"]}) == "RECONCILED"
    assert await world.status(row) == "POSTED"
    for change in ({"amount": "-11"}, {"date": "2026-01-16"}):
        with pytest.raises(Refused) as refused:
            await world.door.call("UpdateTransaction", change, id=row["id"])
        assert refused.value.paths == dict.fromkeys(change, "READ_ONLY")
    with pytest.raises(Refused) as refused:
        await world.door.call("DeleteTransaction", id=row["id"])
    assert (refused.value.code, refused.value.details) == (
        "CONFLICT",
        {"reconciled": row["transferId"]},
    )
    # Words change on both sides; the open side may move to another account.
    body = {"name": "Third", "type": "CASH", "currency": "EUR"}
    third = (await world.door.call("CreateAccount", body))["id"]
    change = {"description": "z", "accountId": third}
    assert (await world.door.call("UpdateTransaction", change, id=row["id"]))["accountId"] == third
    # An account goes as a whole, and comes back as it was.
    await world.door.call("DeleteAccount", id=world.spar, force=True)
    await world.door.call("RestoreAccount", id=world.spar)
    assert await world.status({"id": row["transferId"]}) == "RECONCILED"
    assert (await world.door.call("GetAccount", id=world.spar))["balance"] == "110.00"


LIGHT = st.builds(
    _Light,
    id=st.builds(new_id),
    day=st.dates(date(2026, 1, 20), date(2026, 2, 5)),
    minor=st.integers(-20, 20),
    status=st.sampled_from(["PENDING", "POSTED"]),
    words=st.sampled_from([("a", None), ("b", "p")]),
)


@given(rows=st.lists(LIGHT, max_size=12), gap=st.integers(-40, 40).filter(bool))
def test_every_explanation_closes_the_gap(rows: list[_Light], gap: int) -> None:
    known = {row.id: row for row in rows}
    end = date(2026, 1, 31)
    effects = {
        "PENDING": lambda found: sum(row.minor for row in found),
        "DUPLICATE": lambda found: -found[0].minor,
        "SIGN": lambda found: -2 * found[0].minor,
        "LATER": lambda found: found[0].minor,
        "EXTRA": lambda found: -found[0].minor,
    }
    for one in _explanations(rows, [], end, gap):
        found = [known[row] for row in one.transaction_ids]
        assert effects[one.reason](found) == gap
        assert all((row.day > end) is (one.reason == "LATER") for row in found)
        assert all((row.status == "PENDING") is (one.reason == "PENDING") for row in found) or (
            one.reason == "LATER"
        )
