"""Reports through both doors: exact values, defaults, what counts where, what is refused."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from graph.context import Services
from resolvers.access import Actor
from resolvers.analytics import ReportRequest
from resolvers.analytics.intervals import intervals
from resolvers.flows import Span
from tests.doors import Door, GraphQLDoor, Person, Refused
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

SPRING = {"from": "2026-01-15", "to": "2026-03-10"}
REPORTS = (
    "GetNetWorth", "GetSpendingTrends", "GetCategoryBreakdown", "GetMonthlySummary",
    "GetBudgetPerformance",
)  # fmt: skip


@dataclass(slots=True)
class World:
    """A person with two accounts."""

    door: Door
    known: dict[str, str]
    giro: str
    card: str

    async def book(self, day: str, amount: str, key: str | None = None, **more: Any) -> str:
        """A transaction."""
        body = {"accountId": self.giro, "date": day, "amount": amount, "description": "x", **more}
        if key is not None:
            body["categoryId"] = self.known[key]
        return (await self.door.call("CreateTransaction", body))["id"]

    async def ask(self, report: str, **given: Any) -> dict[str, Any]:
        """A report of the spring."""
        return await self.door.call(report, **{**SPRING, **given})


@pytest.fixture
async def world(door: Door) -> World:
    known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    body = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "100"}
    giro = (await door.call("CreateAccount", body))["id"]
    card = {**body, "name": "Card", "type": "CREDIT_CARD", "openingBalance": "-40"}
    card |= {"openingDate": "2026-02-10"}
    return World(door, known, giro, (await door.call("CreateAccount", card))["id"])


async def test_what_counts_in_a_month(world: World) -> None:
    await world.book("2026-01-14", "-1000", "food")
    await world.book("2026-01-15", "-10.10", "groceries")
    await world.book("2026-01-31", "-0.05", "food", status="PENDING")
    await world.book("2026-01-20", "3", "food")
    await world.book("2026-01-20", "-2.50")
    await world.book("2026-01-20", "4")
    await world.book("2026-01-20", "-7", "salary")
    await world.book("2026-01-20", "50", transferAccountId=world.card)
    parts = [
        {"categoryId": world.known["rent"], "amount": "-30"},
        {"categoryId": world.known["interest"], "amount": "5"},
    ]
    await world.book("2026-01-21", "-25", splits=parts)
    gone = await world.book("2026-01-22", "-99", "food")
    await world.door.call("DeleteTransaction", id=gone)
    await world.book("2026-03-11", "-1000", "food")
    assert await world.ask("GetMonthlySummary") == {
        "currency": "EUR",
        "from": "2026-01-15",
        "to": "2026-03-10",
        "months": [
            {
                "month": "2026-01", "income": "2.00", "expenses": "39.65", "net": "-37.65",
                "savingsRate": -1882.5, "transactionCount": 7,
            },
            *(
                {
                    "month": month, "income": "0.00", "expenses": "0.00", "net": "0.00",
                    "savingsRate": None, "transactionCount": 0,
                }
                for month in ("2026-02", "2026-03")
            ),
        ],
        "missingRates": [],
        "staleRates": [],
    }  # fmt: skip


async def test_children_are_within_their_parents(world: World) -> None:
    await world.book("2026-02-01", "-10", "groceries")
    await world.book("2026-02-02", "-20", "restaurants")
    await world.book("2026-02-03", "-30", "food")
    await world.book("2026-02-04", "-20", "health")
    await world.book("2026-02-05", "-20")
    await world.book("2026-02-05", "2000", "salary")
    found = await world.ask("GetCategoryBreakdown")
    leaf = {"percent": 10.0, "count": 1, "children": []}
    assert (found["total"], found["kind"]) == ("100.00", "EXPENSE")
    assert found["categories"] == [
        {
            "categoryId": world.known["food"], "name": "Food", "amount": "60.00", "percent": 60.0,
            "count": 3,
            "children": [
                {
                    **leaf, "categoryId": world.known["restaurants"], "percent": 20.0,
                    "name": "Restaurants and coffee", "amount": "20.00",
                },
                {
                    **leaf, "categoryId": world.known["groceries"], "name": "Groceries",
                    "amount": "10.00",
                },
            ],
        },
        {
            **leaf, "categoryId": world.known["health"], "name": "Health", "amount": "20.00",
            "percent": 20.0,
        },
        {**leaf, "categoryId": None, "name": "Uncategorised", "amount": "20.00", "percent": 20.0},
    ]  # fmt: skip
    earned = await world.ask("GetCategoryBreakdown", kind="INCOME")
    assert [one["name"] for one in earned["categories"]] == ["Salary"]
    assert earned["total"] == "2000.00"


async def test_net_worth_at_the_ends_of_months(world: World) -> None:
    await world.book("2026-01-31", "-150")
    await world.book("2026-02-01", "70")
    await world.book("2026-03-10", "-5", status="PENDING")
    await world.book("2026-03-11", "-1000")
    await world.door.call("UpdateAccount", {"archived": True}, id=world.card)
    found = await world.ask("GetNetWorth")
    assert found == {
        "currency": "EUR",
        "from": "2026-01-15",
        "to": "2026-03-10",
        "points": [
            {"date": "2026-01-31", "assets": "0.00", "liabilities": "50.00", "netWorth": "-50.00"},
            {"date": "2026-02-28", "assets": "20.00", "liabilities": "40.00", "netWorth": "-20.00"},
            {"date": "2026-03-10", "assets": "15.00", "liabilities": "40.00", "netWorth": "-25.00"},
        ],
        "receivable": "0.00",
        "missingRates": [],
        "staleRates": [],
    }
    only = await world.ask("GetNetWorth", accountId=world.card, interval="YEAR")
    assert [one["netWorth"] for one in only["points"]] == ["-40.00"]
    for day in ("2026-02-09", "2026-02-10"):
        balance = await world.door.call("GetAccountBalance", id=world.card, asOf=day)
        rows = await world.door.call("ExplainNetWorth", date=day, accountId=world.card)
        assert [one["counted"] for one in rows["items"]] == (
            [] if balance["balance"] == "0.00" else [balance["balance"]]
        )


@pytest.mark.parametrize(
    ("interval", "labels"),
    [
        ("WEEK", ["2026-W53", "2027-W01", "2027-W02"]),
        ("MONTH", ["2026-12", "2027-01"]),
        ("QUARTER", ["2026-Q4", "2027-Q1"]),
        ("YEAR", ["2026", "2027"]),
    ],
)
async def test_intervals_go_by_the_calendar(world: World, interval: str, labels: list[str]) -> None:
    span = {"from": "2026-12-30", "to": "2027-01-12"}
    await world.book("2026-12-29", "-1000")
    await world.book("2026-12-31", "-1", payee="P")
    await world.book("2027-01-12", "-2", payee="P")
    await world.book("2027-01-13", "-1000")
    found = await world.ask("GetSpendingTrends", **span, interval=interval, groupBy="PAYEE")
    [series] = found["series"]
    assert (series["key"], series["name"]) == ("P", "P")
    assert [one["period"] for one in series["points"]] == labels
    amounts = [one["amount"] for one in series["points"]]
    assert (amounts[0], amounts[-1]) == ("1.00", "2.00")
    assert {"0.00"} >= set(amounts[1:-1])
    rows = await world.door.call(
        "ExplainSpendingTrends",
        **span, interval=interval, groupBy="PAYEE", series="P", period=labels[-1],
    )  # fmt: skip
    assert [one["counted"] for one in rows["items"]] == ["2.00"]


def test_intervals_hold_every_day_once() -> None:
    for kind in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"):
        span = Span(date(2023, 12, 30), date(2025, 3, 1))
        cuts = intervals(span, kind)  # type: ignore[arg-type]
        assert (cuts[0].first, cuts[-1].last) == span
        for one, other in pairwise(cuts):
            assert one.last + timedelta(days=1) == other.first
            assert one.label < other.label
        assert all(one.whole for one in cuts[1:-1])
    assert intervals(Span(date(2024, 2, 1), date(2024, 2, 29)), "MONTH")[0].whole
    assert not intervals(Span(date(2024, 2, 1), date(2024, 2, 28)), "MONTH")[0].whole


async def test_a_change_is_between_whole_intervals_that_are_over(world: World) -> None:
    for day, amount in (("2025-10-15", "-9"), ("2025-11-15", "-80"), ("2025-12-15", "-100")):
        await world.book(day, amount, "food")
    await world.book("2026-01-10", "-1", "food")
    spans = {
        ("2025-11-01", "2025-12-31"): 25.0,
        # January is cut short and November not whole: nothing to compare with.
        ("2025-11-02", "2026-01-10"): None,
        ("2025-10-01", "2026-01-10"): 25.0,
        ("2025-11-01", "2100-01-31"): None,
    }
    for (first, last), change in spans.items():
        found = await world.ask("GetSpendingTrends", **{"from": first, "to": last})
        assert found["series"][0]["changePercent"] == change


async def test_small_series_are_one(world: World) -> None:
    for number in range(1, 6):
        tags = ["big"] if number == 5 else [f"t{number}", "shared"]
        await world.book("2026-02-01", str(-10 * number), tags=tags)
    found = await world.ask("GetSpendingTrends", groupBy="TAG", top=2)
    told = [(one["key"], one["points"][1]["amount"]) for one in found["series"]]
    # What is in two small series is once in the rest.
    assert told == [("shared", "100.00"), ("(other)", "150.00")]
    rows = await world.door.call(
        "ExplainSpendingTrends", **SPRING, groupBy="TAG", top=2, series="(other)", limit=3
    )
    assert ([one["counted"] for one in rows["items"]], rows["hasMore"]) == (
        ["50.00", "40.00", "30.00"],
        True,
    )


async def test_rows_of_figures_are_paged_and_sum_up(world: World) -> None:
    parts = [{"categoryId": world.known[key], "amount": "-1"} for key in ("food", "rent", "food")]
    split = await world.book("2026-02-03", "-3", splits=parts)
    plain = await world.book("2026-02-04", "-5", "groceries")
    back = await world.book("2026-02-05", "2", "food")
    rows = await world.door.pages(
        "ExplainCategoryBreakdown", limit=1, **SPRING, categoryId=world.known["food"]
    )
    told = [(one["transactionId"], one["position"], one["amount"], one["counted"]) for one in rows]
    assert told == [
        (back, None, "2.00", "-2.00"),
        (plain, None, "-5.00", "5.00"),
        (split, 2, "-1.00", "1.00"),
        (split, 0, "-1.00", "1.00"),
    ]
    assert {one["countedCurrency"] for one in rows} == {"EUR"}
    total = await world.door.pages("ExplainCategoryBreakdown", limit=2, **SPRING)
    assert len(total) == 5
    none = await world.door.call("ExplainCategoryBreakdown", **SPRING, uncategorised=True)
    assert none["items"] == []
    for figure, counted_ in (("EXPENSES", "5.00"), ("NET", "-5.00")):
        rows = await world.door.call(
            "ExplainMonthlySummary", **SPRING, month="2026-02", figure=figure
        )
        found = {one["transactionId"]: one["counted"] for one in rows["items"]}
        assert found[plain] == counted_


async def test_budgets_explain_themselves(world: World) -> None:
    items = [{"categoryId": world.known["food"], "amount": "50"}]
    body = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"}
    budget = await world.door.call("CreateBudget", {**body, "items": items})
    food = await world.book("2026-02-03", "-3", "groceries")
    loose = await world.book("2026-02-04", "-4", "health")
    where = {"id": budget["id"], "date": "2026-02-20"}
    item = budget["items"][0]["id"]
    for more, wanted in (
        ({}, [(food, "3.00")]),
        ({"itemId": item}, [(food, "3.00")]),
        ({"unbudgeted": True}, [(loose, "4.00")]),
    ):
        rows = await world.door.call("ExplainBudgetAnalysis", **where, **more)
        assert [(one["transactionId"], one["counted"]) for one in rows["items"]] == wanted
    for more, path in (
        ({"itemId": budget["id"]}, "itemId"),
        ({"itemId": item, "unbudgeted": True}, "unbudgeted"),
    ):
        with pytest.raises(Refused) as refused:
            await world.door.call("ExplainBudgetAnalysis", **where, **more)
        assert list(refused.value.paths) == [path]


async def test_budgets_perform_period_by_period(world: World) -> None:
    for name, more in (("b", {"period": "WEEKLY"}), ("a", {}), ("c", {"currency": "USD"})):
        body = {
            "name": name, "period": "MONTHLY", "startDate": "2026-02-01", "currency": "EUR",
            "items": [{"categoryId": world.known["food"], "amount": "50"}], **more,
        }  # fmt: skip
        await world.door.call("CreateBudget", body)
    await world.book("2026-02-03", "-3", "food")
    found = await world.ask("GetBudgetPerformance", **{"from": "2026-01-01", "to": "2026-02-10"})
    told = [(one["from"], one["to"], one["actual"]) for one in found["budgets"]]
    assert told == [
        ("2026-02-01", "2026-02-28", "3.00"),
        ("2026-02-01", "2026-02-07", "3.00"),
        ("2026-02-08", "2026-02-14", "0.00"),
        ("2026-02-01", "2026-02-28", found["budgets"][3]["actual"]),
    ]
    dollars = found["budgets"][3]
    assert dollars["currency"] == "USD"
    assert dollars["actual"] not in {"3.00", "0.00", None}
    only = await world.ask("GetBudgetPerformance", currency="USD")
    assert {one["currency"] for one in only["budgets"]} == {"USD"}
    now = await world.door.call("GetBudgetPerformance")
    assert len(now["budgets"]) == 3
    with pytest.raises(Refused) as refused:
        await world.ask("GetBudgetPerformance", to="2060-01-01")
    assert refused.value.paths == {"from": "INVALID"}


async def test_one_account_only(world: World) -> None:
    await world.book("2026-02-01", "-1", "food")
    await world.book("2026-02-01", "-2", "food", accountId=world.card)
    found = await world.ask("GetMonthlySummary", accountId=world.card)
    assert [one["expenses"] for one in found["months"]] == ["0.00", "2.00", "0.00"]
    trends = await world.ask("GetSpendingTrends", groupBy="ACCOUNT")
    told = [(one["key"], one["name"], one["points"][1]["amount"]) for one in trends["series"]]
    assert told == [(world.card, "Card", "2.00"), (world.giro, "Giro", "1.00")]


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"from": "2026-03-11"}, ("to", "from")),
        ({"currency": "XXZ"}, ("currency",)),
        ({"accountId": "acct_00000000000000000000000000"}, ("accountId",)),
        ({"accountId": "x"}, ("accountId",)),
        ({"to": "2201-01-01"}, ("to",)),
        ({"from": "1899-12-31"}, ("from",)),
    ],
    ids=["backwards", "currency", "account", "malformed", "late", "early"],
)
async def test_what_cannot_be_reported_is_refused(
    world: World, report: str, given: dict[str, Any], paths: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as refused:
        await world.ask(report, **given)
    assert refused.value.code == "VALIDATION_ERROR"
    assert set(refused.value.paths) <= set(paths)


@pytest.mark.parametrize(
    ("operation", "given", "path"),
    [
        ("GetNetWorth", {"interval": "DAY", "from": "1990-01-01"}, "interval"),
        ("GetSpendingTrends", {"top": 0}, "top"),
        ("GetSpendingTrends", {"top": 101}, "top"),
        ("ExplainSpendingTrends", {"series": "nobody"}, "series"),
        ("ExplainMonthlySummary", {"month": "2026-04"}, "month"),
        ("ExplainMonthlySummary", {"month": "1"}, "month"),
        ("ExplainCategoryBreakdown", {"categoryId": "x"}, "categoryId"),
    ],
)
async def test_unknown_figures_are_refused(
    world: World, operation: str, given: dict[str, Any], path: str
) -> None:
    await world.book("2026-02-01", "-1", "food")
    with pytest.raises(Refused) as refused:
        await world.ask(operation, **given)
    assert list(refused.value.paths) == [path]


def test_the_default_is_twelve_whole_months_and_this_one() -> None:
    actor = Actor(None, None, None, "EUR", "en", "Europe/Berlin")  # type: ignore[arg-type]
    actor.__dict__["today"] = date(2026, 3, 31)
    request = ReportRequest()
    assert request.span(actor) == (date(2025, 3, 1), date(2026, 3, 31))
    actor.__dict__["today"] = date(2024, 2, 10)
    assert request.span(actor) == (date(2023, 2, 1), date(2024, 2, 29))
    assert request.span(actor, until_today=True) == (date(2023, 2, 1), date(2024, 2, 10))
    assert ReportRequest(to=date(2020, 5, 5)).span(actor) == (date(2019, 5, 1), date(2020, 5, 5))
    assert ReportRequest(from_=date(2024, 1, 5)).span(actor)[0] == date(2024, 1, 5)


def test_the_person_says_which_day_it_is() -> None:
    days = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        actor = Actor(None, None, None, "EUR", "en", zone)  # type: ignore[arg-type]
        days.add(ReportRequest().span(actor, until_today=True).last)
    assert len(days) == 2


async def test_the_graph_nests_reports_and_their_rows(world: World, ada: Person) -> None:
    await world.book("2026-02-01", "-1", "food", payee="P")
    graph = GraphQLDoor(world.door.client, ada)
    answer = await graph.query(
        """{ viewer { monthlySummary(from: "2026-02-01", to: "2026-02-28") {
          months { net rows(figure: EXPENSES, first: 5) { totalCount nodes {
            counted rate { source } transaction { payee } account { name } category { name } } } } }
          categoryBreakdown(from: "2026-02-01", to: "2026-02-28") { categories {
            category { name } rows(first: 1) { nodes { transactionId } } } } } }"""
    )
    [month] = answer["data"]["viewer"]["monthlySummary"]["months"]
    assert month["rows"] == {
        "totalCount": 1,
        "nodes": [
            {
                "counted": "1.00", "rate": {"source": "SAME"}, "transaction": {"payee": "P"},
                "account": {"name": "Giro"}, "category": {"name": "Food"},
            }
        ],
    }  # fmt: skip
    [share] = answer["data"]["viewer"]["categoryBreakdown"]["categories"]
    assert (share["category"]["name"], len(share["rows"]["nodes"])) == ("Food", 1)


async def test_statements_do_not_grow_with_rows(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 20)):
        door = GraphQLDoor(client, person)
        known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
        categories = list(known.values())
        accounts = []
        for number in range(size + 1):
            body = {"name": str(number), "type": "CASH", "currency": "USD" if number else "EUR"}
            accounts.append((await door.call("CreateAccount", body))["id"])
        rows = [
            {
                "accountId": account, "date": f"2026-0{1 + n % 3}-20", "amount": "-1",
                "description": "x", "payee": str(n), "categoryId": categories[n % len(categories)],
            }
            for n, account in enumerate(accounts)
        ]  # fmt: skip
        await door.call("CreateTransactions", transactions=rows)
        for n in range(size):
            body = {"name": str(n), "period": "MONTHLY", "startDate": "2026-01-01"}
            items = [
                {"categoryId": categories[n % len(categories)], "amount": "1", "carry": "BOTH"}
            ]
            await door.call("CreateBudget", {**body, "items": items})
        await door.call("GetNetWorth", **{**SPRING, "interval": "DAY"})
        await services.database.settle()
        with counted(services.database) as seen:
            for report in REPORTS:
                await door.call(report, **SPRING)
            await door.call("GetSpendingTrends", **SPRING, groupBy="PAYEE")
        counts.append(len(seen))
    assert counts[0] == counts[1]
