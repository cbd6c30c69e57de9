"""Analyses through both doors: exact values, what counts where, and what is carried over."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.doors import Door, Refused

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class World:
    """A person with an account who plans and spends."""

    door: Door
    known: dict[str, str]
    giro: str
    budget: str = ""
    items: dict[str, str] = field(default_factory=dict)

    async def plan(self, *items: tuple[str, str, str], **more: Any) -> str:
        """A budget with items given as category key, amount and carry."""
        body = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"}
        rows = [
            {"categoryId": self.known[key], "amount": amount, "carry": carry}
            for key, amount, carry in items
        ]
        made = await self.door.call("CreateBudget", {**body, "items": rows, **more})
        self.budget = made["id"]
        self.items = {item["categoryId"]: item["id"] for item in made["items"]}
        return self.budget

    async def book(self, day: str, amount: str, key: str | None = None, **more: Any) -> str:
        """A transaction."""
        body = {"accountId": self.giro, "date": day, "amount": amount, "description": "x", **more}
        if key is not None:
            body["categoryId"] = self.known[key]
        return (await self.door.call("CreateTransaction", body))["id"]

    async def ask(self, day: str | None = None) -> dict[str, Any]:
        """The analysis of a day's period."""
        return await self.door.call("GetBudgetAnalysis", id=self.budget, date=day)

    async def of(self, key: str, day: str) -> tuple[Any, ...]:
        """Carried, actual and remaining of one item."""
        found = await self.ask(day)
        item = next(i for i in found["items"] if i["categoryId"] == self.known[key])
        assert item["itemId"] == self.items[self.known[key]]
        return item["carried"], item["actual"], item["remaining"]


@pytest.fixture
async def world(door: Door) -> World:
    known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    body = {"name": "Giro", "type": "CHECKING", "currency": "EUR"}
    return World(door, known, (await door.call("CreateAccount", body))["id"])


async def test_the_figures_are_exact(world: World) -> None:
    await world.plan(
        ("food", "300", "NONE"), ("transport", "50", "NONE"), ("salary", "2000", "NONE")
    )
    await world.book("2026-03-01", "-100.10", "food")
    await world.book("2026-03-31", "-0.05", "groceries")
    await world.book("2026-03-15", "-60", "transport", status="PENDING")
    await world.book("2026-03-15", "1999.99", "salary")
    await world.book("2026-03-02", "-12.34", "health")
    await world.book("2026-03-03", "-1")
    await world.book("2026-03-03", "5")
    await world.book("2026-03-03", "7", "interest")
    await world.book("2026-02-28", "-1000", "food")
    await world.book("2026-04-01", "-1000", "food")
    item = {one: world.items[world.known[one]] for one in ("food", "transport", "salary")}
    assert await world.ask("2026-03-10") == {
        "budgetId": world.budget,
        "from": "2026-03-01",
        "to": "2026-03-31",
        "currency": "EUR",
        "budgeted": "350.00",
        "carried": "0.00",
        "actual": "160.15",
        "remaining": "189.85",
        "percentUsed": 45.8,
        "items": [
            {
                "itemId": item["food"], "categoryId": world.known["food"], "budgeted": "300.00",
                "carried": "0.00", "actual": "100.15", "remaining": "199.85", "percentUsed": 33.4,
            },
            {
                "itemId": item["transport"], "categoryId": world.known["transport"],
                "budgeted": "50.00", "carried": "0.00", "actual": "60.00", "remaining": "-10.00",
                "percentUsed": 120.0,
            },
            {
                "itemId": item["salary"], "categoryId": world.known["salary"],
                "budgeted": "2000.00", "carried": "0.00", "actual": "1999.99", "remaining": "0.01",
                "percentUsed": 100.0,
            },
        ],
        "unbudgeted": "13.34",
        "missingRates": [],
    }  # fmt: skip


async def test_children_count_into_their_parent_unless_they_have_their_own(world: World) -> None:
    await world.plan(("food", "100", "NONE"), ("restaurants", "40", "NONE"))
    await world.book("2026-01-05", "-10", "food")
    await world.book("2026-01-05", "-20", "groceries")
    await world.book("2026-01-05", "-5", "restaurants")
    assert await world.of("food", "2026-01-31") == ("0.00", "30.00", "70.00")
    assert await world.of("restaurants", "2026-01-31") == ("0.00", "5.00", "35.00")
    where = {"id": world.budget, "itemId": world.items[world.known["restaurants"]]}
    await world.door.call("DeleteBudgetItem", **where)
    assert await world.of("food", "2026-01-31") == ("0.00", "35.00", "65.00")


async def test_parts_of_splits_count_one_by_one(world: World) -> None:
    await world.plan(("food", "100", "NONE"), ("health", "100", "NONE"))
    parts = [("groceries", "-30"), ("groceries", "-1.50"), ("health", "4"), ("travel", "-2.50")]
    splits = [{"categoryId": world.known[key], "amount": amount} for key, amount in parts]
    await world.book("2026-01-05", "-30", splits=splits)
    assert await world.of("food", "2026-01-31") == ("0.00", "31.50", "68.50")
    assert await world.of("health", "2026-01-31") == ("0.00", "-4.00", "104.00")
    assert (await world.ask("2026-01-31"))["unbudgeted"] == "2.50"


async def test_refunds_net_and_are_never_clamped(world: World) -> None:
    await world.plan(("shopping", "100", "NONE"), ("salary", "50", "NONE"))
    bought = await world.book("2026-01-30", "-80", "shopping")
    await world.book("2026-02-02", "80", "shopping")
    assert await world.of("shopping", "2026-01-31") == ("0.00", "80.00", "20.00")
    assert await world.of("shopping", "2026-02-02") == ("0.00", "-80.00", "180.00")
    # A refund that only names what it refunds nets that category, on its own date.
    await world.book("2026-03-02", "30", refundOf=bought)
    await world.book("2026-03-02", "5", "salary", refundOf=bought)
    assert await world.of("shopping", "2026-03-02") == ("0.00", "-35.00", "135.00")
    assert await world.of("salary", "2026-03-02") == ("0.00", "0.00", "50.00")
    assert (await world.ask("2026-02-02"))["items"][0]["percentUsed"] == -80.0


async def test_transfers_and_deleted_rows_are_out_and_later_rows_of_the_period_in(
    world: World,
) -> None:
    await world.plan(("food", "100", "NONE"), startDate="2199-12-01")
    body = {"name": "Spar", "type": "SAVINGS", "currency": "EUR"}
    other = (await world.door.call("CreateAccount", body))["id"]
    await world.book("2199-12-05", "-50", transferAccountId=other)
    gone = await world.book("2199-12-05", "-9", "food")
    await world.door.call("DeleteTransaction", id=gone)
    await world.book("2199-12-31", "-8", "food")
    found = await world.ask("2199-12-01")
    assert (found["actual"], found["unbudgeted"]) == ("8.00", "0.00")


@pytest.mark.parametrize(
    ("carry", "carried"),
    [
        ("NONE", ["0.00", "0.00", "0.00", "0.00", "0.00"]),
        ("SURPLUS", ["0.00", "60.00", "0.00", "100.00", "200.00"]),
        ("BOTH", ["0.00", "60.00", "-90.00", "10.00", "110.00"]),
    ],
)
async def test_what_is_carried_crosses_gaps(world: World, carry: str, carried: list[str]) -> None:
    await world.plan(("food", "100", carry))
    await world.book("2025-12-31", "-500", "food")
    await world.book("2026-01-10", "-40", "groceries")
    await world.book("2026-02-10", "-250", "food")
    # Nothing happens in March and April.
    seen = [(await world.of("food", f"2026-{month:02d}-15"))[0] for month in range(1, 6)]
    assert seen == carried
    total = await world.ask("2026-05-15")
    assert (total["carried"], total["budgeted"]) == (carried[4], "100.00")


async def test_a_late_edit_is_right_in_every_later_period(world: World) -> None:
    await world.plan(("food", "100", "BOTH"))
    january = await world.book("2026-01-10", "-40", "food")
    assert (await world.of("food", "2026-04-01"))[0] == "260.00"
    await world.door.call("UpdateTransaction", {"amount": "-140"}, id=january)
    assert (await world.of("food", "2026-04-01"))[0] == "160.00"
    await world.book("2026-02-10", "-1", "food")
    assert (await world.of("food", "2026-04-01"))[0] == "159.00"
    await world.door.call("DeleteTransaction", id=january)
    assert (await world.of("food", "2026-04-01"))[0] == "299.00"
    where = {"id": world.budget, "itemId": world.items[world.known["food"]]}
    await world.door.call("UpdateBudgetItem", {"amount": "10"}, **where)
    assert (await world.of("food", "2026-04-01"))[0] == "29.00"


async def test_months_of_a_payday_are_clamped(world: World) -> None:
    await world.plan(("food", "10", "BOTH"), startDate="2024-01-31")
    for day in ("2024-02-28", "2024-02-29", "2024-03-30", "2024-03-31"):
        await world.book(day, "-1", "food")
    spans = {
        "2024-02-28": ("2024-01-31", "2024-02-28", "1.00", "0.00"),
        "2024-02-29": ("2024-02-29", "2024-03-30", "2.00", "9.00"),
        "2024-03-31": ("2024-03-31", "2024-04-29", "1.00", "17.00"),
    }
    for day, wanted in spans.items():
        found = await world.ask(day)
        assert (found["from"], found["to"], found["actual"], found["carried"]) == wanted


async def test_a_day_outside_the_budget_is_refused(world: World) -> None:
    await world.plan(("food", "10", "NONE"), startDate="2024-03-10", endDate="2024-05-20")
    for day in ("2024-03-09", "2024-05-21", "2024-02-30"):
        with pytest.raises(Refused) as refused:
            await world.ask(day)
        assert refused.value.paths == {"date": "INVALID"}
    assert (await world.ask("2024-05-20"))["to"] == "2024-05-20"


async def test_no_day_means_today_or_the_nearest_one(world: World) -> None:
    year = datetime.now(UTC).year
    for more, span in (
        ({"startDate": "2024-03-10", "endDate": "2024-05-20"}, ("2024-05-10", "2024-05-20")),
        ({"startDate": "2199-03-10"}, ("2199-03-10", "2199-04-09")),
        ({"startDate": "2000-01-01", "period": "YEARLY"}, (f"{year}-01-01", f"{year}-12-31")),
    ):
        await world.plan(("food", "10", "NONE"), **more)
        found = await world.ask()
        assert (found["from"], found["to"]) == span


async def test_a_custom_budget_is_one_period(world: World) -> None:
    await world.plan(
        ("travel", "500", "BOTH"), period="CUSTOM", startDate="2026-07-01", endDate="2026-07-14"
    )
    await world.book("2026-06-30", "-1", "travel")
    await world.book("2026-07-01", "-2", "travel")
    await world.book("2026-07-14", "-4", "travel")
    await world.book("2026-07-15", "-8", "travel")
    found = await world.ask("2026-07-02")
    assert (found["from"], found["to"]) == ("2026-07-01", "2026-07-14")
    assert (found["carried"], found["actual"], found["percentUsed"]) == ("0.00", "6.00", 1.2)


async def test_nothing_planned_has_no_share(world: World) -> None:
    await world.plan(("food", "0", "NONE"))
    await world.book("2026-01-10", "-40", "food")
    found = await world.ask("2026-01-10")
    assert (found["remaining"], found["percentUsed"]) == ("-40.00", None)
    assert found["items"][0]["percentUsed"] is None


async def test_a_sum_without_a_rate_is_null_and_says_what_is_missing(world: World) -> None:
    await world.plan(("food", "100", "BOTH"), ("health", "50", "NONE"), ("salary", "9", "NONE"))
    body = {"name": "Dinar", "type": "CASH", "currency": "RSD"}
    dinars = (await world.door.call("CreateAccount", body))["id"]
    await world.book("2026-02-10", "-5", "food", accountId=dinars)
    await world.book("2026-02-11", "0", "health", accountId=dinars)
    await world.book("2026-02-11", "7", "interest", accountId=dinars)
    await world.book("2026-02-12", "-3", "health")
    before = await world.ask("2026-01-10")
    assert (before["actual"], before["missingRates"]) == ("0.00", [])
    found = await world.ask("2026-02-10")
    rate = {"from": "RSD", "to": "EUR", "date": "2026-02-10"}
    assert found["missingRates"] == [rate]
    assert [found[name] for name in ("budgeted", "carried", "unbudgeted")] == ["150.00", "100.00", "0.00"]  # fmt: skip
    assert [found[name] for name in ("actual", "remaining", "percentUsed")] == [None] * 3
    food, health, _ = found["items"]
    assert [food[name] for name in ("actual", "remaining", "percentUsed")] == [None] * 3
    assert (food["carried"], health["actual"], health["remaining"]) == ("100.00", "3.00", "47.00")
    later = await world.ask("2026-03-10")
    assert later["missingRates"] == [rate]
    food = later["items"][0]
    assert (food["carried"], food["actual"], food["remaining"]) == (None, "0.00", None)
    assert (later["carried"], later["actual"], later["remaining"]) == (None, "0.00", None)
    await world.book("2026-03-10", "-1", "travel", accountId=dinars)
    assert (await world.ask("2026-03-10"))["unbudgeted"] is None


async def test_sums_leave_the_range_of_amounts_but_never_wrap(world: World) -> None:
    most, days = "1000000000000.00", date(2199, 12, 31) - date(1900, 1, 1)
    long = {"startDate": "1900-01-01", "period": "WEEKLY"}
    await world.plan(("food", most, "BOTH"), **long)
    carried = (await world.ask("2199-12-31"))["carried"]
    assert carried == f"{days.days // 7 * 10**12}.00"
    many = ("food", "rent", "health", "travel", "fees", "leisure")
    await world.plan(*((key, most, "BOTH") for key in many), **long)
    with pytest.raises(Refused) as refused:
        await world.ask("2199-12-31")
    assert refused.value.code == "OVERFLOW"
