"""The forecast: booked, scheduled and planned amounts, each counted once, at the newest rates."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from graph.context import Services
from models import ids
from models.ecb import published
from resolvers.accounts import AccountCreate, create_account
from resolvers.analytics import Forecast, forecast
from resolvers.budgets import BudgetCreate, create_budget
from resolvers.categories import CategoryCreate, create_category
from resolvers.errors import AppError
from resolvers.inputs import parse
from resolvers.templates import TemplateCreate, create_template, execute_template
from tests.ledger.books import Books, found_books

pytestmark = pytest.mark.anyio

TODAY = date(2026, 3, 10)


class World:
    """A person on a day in March with categories of both kinds."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.actor = replace(books.actor)
        self.actor.__dict__["today"] = TODAY
        books.actor = self.actor
        self.known: dict[str, str] = {}

    async def found(self) -> None:
        for name, kind, parent in (
            ("salary", "INCOME", None), ("home", "EXPENSE", None), ("rent", "EXPENSE", "home"),
            ("food", "EXPENSE", None),
        ):  # fmt: skip
            body = {"name": name, "kind": kind}
            if parent is not None:
                body["parentId"] = self.known[parent]
            made = await self.books.write(
                lambda w, b=body: create_category(w, parse(CategoryCreate, b))
            )
            self.known[name] = ids.encode("cat", made.id)

    async def template(self, amount: str, key: str | None, **more: Any) -> Any:
        body = {
            "name": "x", "accountId": ids.encode("acct", self.books.giro), "amount": amount,
            "description": "x", "frequency": "MONTHLY", "startDate": "2026-01-05", **more,
        }  # fmt: skip
        if key is not None:
            body["categoryId"] = self.known[key]
        return await self.books.write(lambda w: create_template(w, parse(TemplateCreate, body)))

    async def budget(self, *items: tuple[str, str], **more: Any) -> None:
        body = {
            "name": "x", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR",
            "items": [{"categoryId": self.known[key], "amount": plan} for key, plan in items],
            **more,
        }  # fmt: skip
        await self.books.write(lambda w: create_budget(w, parse(BudgetCreate, body)))

    async def book(self, day: str, amount: str, key: str | None = None) -> None:
        more = {} if key is None else {"categoryId": self.known[key]}
        await self.books.book(amount, date=day, **more)

    async def ask(self, months: int = 2) -> Forecast:
        async with self.books.database.read(self.actor.user_id) as tx:
            return await forecast(tx, self.actor, months)


@pytest.fixture
async def world(services: Services) -> World:
    made = World(await found_books(services))
    await made.found()
    return made


def shown(found: Forecast) -> list[tuple[int | None, ...]]:
    """Income, expenses and net of months, beside the net worth at their ends."""
    return [
        (one.income.minor, one.expenses.minor, one.net_minor, point.net_minor)
        for one, point in zip(found.months, found.points, strict=True)
    ]


async def test_nothing_ahead_stays_as_it_is(world: World) -> None:
    await world.book("2026-02-01", "-5")
    found = await world.ask(1)
    # Two accounts opened with ten euros each.
    assert shown(found) == [(0, 0, 0, 1_500), (0, 0, 0, 1_500)]
    assert [one.month for one in found.months] == ["2026-03", "2026-04"]
    assert [one.date for one in found.points] == [date(2026, 3, 31), date(2026, 4, 30)]


async def test_templates_come_on_their_dates(world: World) -> None:
    salary = await world.template("1000", "salary", startDate="2026-01-25")
    await world.template("-300", "rent")
    # The fifth of March has passed: what was not booked then is no forecast.
    assert shown(await world.ask()) == [
        (100_000, 0, 100_000, 102_000),
        (100_000, 30_000, 70_000, 172_000),
        (100_000, 30_000, 70_000, 242_000),
    ]
    await world.books.write(lambda w: execute_template(w, salary.id, date(2026, 4, 25)))
    found = await world.ask()
    assert shown(found)[1] == (100_000, 30_000, 70_000, 172_000)
    april = found.months[1]
    assert [april.net_of(name) for name in ("booked_minor", "scheduled_minor")] == [
        100_000,
        -30_000,
    ]


async def test_plans_count_as_far_as_nothing_fills_them(world: World) -> None:
    await world.template("-300", "rent", startDate="2026-01-15")
    await world.budget(("home", "400"), ("food", "100"))
    await world.book("2026-03-02", "-70", "food")
    await world.book("2026-04-02", "-130", "food")
    found = await world.ask(2)
    planned = [one.expenses.planned_minor for one in found.months]
    assert planned == [10_000 + 3_000, 10_000, 20_000]
    assert shown(found) == [
        (0, 50_000, -50_000, 2_000 - 7_000 - 43_000),
        (0, 53_000, -53_000, 2_000 - 7_000 - 43_000 - 53_000),
        (0, 50_000, -50_000, 2_000 - 7_000 - 43_000 - 53_000 - 50_000),
    ]


async def test_a_category_in_two_budgets_counts_once(world: World) -> None:
    await world.budget(("home", "400"), name="a")
    await world.budget(("rent", "300"), ("food", "100"), name="b")
    found = await world.ask(1)
    assert found.months[1].expenses.planned_minor == 50_000


async def test_items_within_items_plan_for_themselves(world: World) -> None:
    await world.budget(("home", "100"), ("rent", "300"))
    await world.book("2026-04-02", "-350", "rent")
    found = await world.ask(1)
    assert found.months[1].expenses.planned_minor == 10_000


async def test_periods_are_shared_out_by_their_days(world: World) -> None:
    await world.budget(("food", "62"), startDate="2026-03-17", endDate="2026-04-20")
    found = await world.ask(2)
    # 15 of 31 days lie in March; in April 16 of those and the cut period of four days.
    assert [one.expenses.planned_minor for one in found.months] == [3_000, 9_400, 0]


async def test_money_of_the_future_takes_the_newest_rate(world: World) -> None:
    body = {"name": "D", "type": "CASH", "currency": "USD"}
    made = await world.books.write(lambda w: create_account(w, parse(AccountCreate, body)))
    account = ids.encode("acct", made.id)
    await world.template("-100", None, accountId=account, startDate="2026-04-01")
    found = await world.ask(1)
    bank = published().on_or_before("USD", TODAY, 7)
    assert bank is not None
    assert found.months[1].expenses.minor == round(10_000 / Fraction(bank[0]))
    body = {"name": "R", "type": "CASH", "currency": "RSD"}
    made = await world.books.write(lambda w: create_account(w, parse(AccountCreate, body)))
    await world.template(
        "-100", None, accountId=ids.encode("acct", made.id), startDate="2026-04-01"
    )
    found = await world.ask(1)
    assert (found.months[1].expenses.minor, found.points[1].net_minor) == (None, None)
    assert found.points[0].net_minor == 2_000
    assert [(one.from_, one.to) for one in found.head.missing_rates] == [("RSD", "EUR")]


@pytest.mark.parametrize("months", [0, 25])
async def test_the_future_is_not_endless(world: World, months: int) -> None:
    with pytest.raises(AppError) as refused:
        await world.ask(months)
    assert refused.value.code == "VALIDATION_ERROR"
