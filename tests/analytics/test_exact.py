"""Every report against a naive exact model, over random books; every figure is the sum of its rows."""

import random
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.context import Services
from models import ids
from resolvers.accounts import AccountCreate, create_account
from resolvers.analytics import (
    Figure,
    ReportRequest,
    budget_performance,
    category_breakdown,
    monthly_summary,
    net_worth,
    spending_trends,
)
from resolvers.budgets import BudgetCreate, create_budget
from resolvers.categories import CategoryCreate, create_category
from resolvers.errors import AppError
from resolvers.flows import RowSet
from resolvers.inputs import parse
from resolvers.money import format_minor
from resolvers.paging import PageRequest
from resolvers.rates import RateSet, set_rate
from resolvers.transactions import (
    TransactionCreate,
    TransactionUpdate,
    create_transactions,
    delete_transactions,
    update_transactions,
)
from resolvers.transactions.writes import Patch
from resolvers.verify import verify_ledger
from tests.analytics.model import Flow, Model, Row, months, total
from tests.ledger.books import Books, found_books

pytestmark = pytest.mark.anyio

FIRST, LAST = date(2025, 11, 3), date(2026, 3, 20)
CURRENCIES = ("EUR", "USD", "JPY", "KWD", "RSD")
CHANCES = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class World:
    """A person's random books beside the model of them."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.chance = random.Random(seed)  # noqa: S311 - a test's seed, no secret
        self.model = Model({}, {})
        self.accounts: list[tuple[UUID, str]] = []

    async def found(self) -> None:
        """Categories three deep, an account of each currency, own rates of two."""
        write = self.books.write
        for account, currency in ((self.books.giro, "EUR"), (self.books.savings, "EUR")):
            self.accounts.append((account, currency))
            self.model.openings[account] = ("EUR", 1_000, None)
        for currency in CURRENCIES[1:]:
            body = {
                "name": currency, "type": "CASH", "currency": currency, "openingBalance": "7",
                "openingDate": "2026-01-10", "archived": currency == "JPY",
            }  # fmt: skip
            made = await write(lambda w, b=body: create_account(w, parse(AccountCreate, b)))
            self.accounts.append((made.id, currency))
            self.model.openings[made.id] = (currency, made.opening_minor, made.opening_date)
        for kind in ("EXPENSE", "INCOME"):
            above: UUID | None = None
            for depth in range(3):
                body = {"name": f"{kind} {depth}", "kind": kind}
                if above is not None:
                    body["parentId"] = ids.encode("cat", above)
                made = await write(lambda w, b=body: create_category(w, parse(CategoryCreate, b)))
                self.model.kinds[made.id], self.model.parents[made.id] = kind, above
                above = made.id if depth < 1 else above
        for currency, text in (("KWD", "0.339"), ("USD", "2")):
            day = FIRST + timedelta(days=self.chance.randrange(60))
            body = {"from": "EUR", "to": currency, "date": day.isoformat(), "rate": text}
            await write(lambda w, b=body: set_rate(w, parse(RateSet, b)))
            self.model.own["EUR", currency, day] = Fraction(text)

    def _category(self, *, none: bool = True) -> UUID | None:
        return self.chance.choice([*self.model.kinds, *((None,) if none else ())])

    def _minor(self) -> int:
        return self.chance.choice((1, -1)) * self.chance.choice(
            (0, 1, 5, 49, 50, 12_345, 10**9 + 7, 10**14)
        )

    async def book(self) -> None:
        """One transaction of any sort."""
        chance, model = self.chance, self.model
        account, currency = chance.choice(self.accounts)
        day = FIRST + timedelta(days=chance.randrange(-40, 180))
        body: dict[str, Any] = {
            "accountId": account, "date": day.isoformat(), "description": "x",
            "status": chance.choice(("PENDING", "POSTED")),
        }  # fmt: skip
        row = Row(UUID(int=0), account, currency, day, [])
        if chance.random() < 0.7:
            row.payee = body["payee"] = chance.choice(("Ada", "Bob", "Cy"))
            row.tags = tuple(sorted(chance.sample(("a", "b", "c"), chance.randrange(3))))
            body["tags"] = list(row.tags)
        sort = chance.choice(("plain", "plain", "plain", "split", "transfer"))
        if sort == "split":
            row.parts = [(self._category(none=False), self._minor() // 3) for _ in range(3)]
            body["splits"] = [
                {"categoryId": category, "amount": format_minor(minor, currency)}
                for category, minor in row.parts
            ]
        elif sort == "plain":
            row.parts = [(self._category(), self._minor())]
            body["categoryId"] = row.parts[0][0]
        else:
            row.parts, row.transfer = [(None, self._minor() // 4)], True
            peers = [a for a in self.accounts if a != (account, currency) and a[1] == currency]
            if not peers:
                return
            body["transferAccountId"] = peers[0][0]
            other = Row(UUID(int=0), peers[0][0], currency, day, [(None, -row.minor)], True)
            model.rows.append(other)
        body["amount"] = format_minor(row.minor, currency)
        data = parse(TransactionCreate, body)
        made = (await self.books.write(lambda w: create_transactions(w, [data])))[0]
        row.id = made.id
        model.rows.append(row)

    async def change(self) -> None:
        """Delete a row, make one a refund of another, or book one more."""
        plain = [r for r in self.model.rows if not (r.transfer or r.deleted) and r.id.int]
        if len(plain) < 2:
            return await self.book()
        one, other = self.chance.sample(plain, 2)
        what = self.chance.choice(("delete", "refund", "book"))
        if what == "delete":
            await self.books.write(lambda w: delete_transactions(w, [(one.id, None)]))
            one.deleted = True
        elif what == "refund" and one.refund_of is None:
            await self._refund(one, other)
        else:
            await self.book()
        return None

    async def _refund(self, one: Row, other: Row) -> None:
        data = parse(TransactionUpdate, {"refundOf": other.id})
        patch = Patch(one.id, data, None)
        [made] = await self.books.write(lambda w: update_transactions(w, [patch]))
        # Chains are refused: a purchase and its refunds are a flat group.
        if not isinstance(made, AppError):
            one.refund_of = other

    async def ask(self, report: Any, **given: Any) -> Any:
        request = ReportRequest(**{"from_": FIRST, "to": LAST, "currency": "EUR", **given})
        async with self.books.database.read(self.books.actor.user_id) as tx:
            return await report(tx, self.books.actor, request)


def rows_of(rows: RowSet) -> list[Any]:
    """All rows of a figure, page by page."""
    found: list[Any] = []
    after = None
    while True:
        page = rows.page(PageRequest(first=3, after=after))
        found += page.items
        if not page.has_next:
            assert len(found) == rows.count()
            assert len({(r.transaction_id, r.position) for r in found}) == len(found)
            days = [row.date for row in found]
            assert days == sorted(days, reverse=True)
            return found
        after = page.keys[-1]


def proved(figure: Figure) -> int | None:
    """A figure, after its rows were summed up."""
    counted = [row.counted_minor for row in rows_of(figure.rows)]
    summed = None if None in counted else sum(counted)
    assert summed == figure.minor
    return figure.minor


def percent(part: int | None, whole: int | None) -> Any:
    if part is None or whole is None or whole <= 0:
        return None
    return round(Fraction(1_000 * part, whole)) / Fraction(10)


async def check_summary(world: World, account: UUID | None) -> None:
    report = await world.ask(monthly_summary, account_id=account)
    spans = months(FIRST, LAST)
    assert [one.month for one in report.months] == [f"{first:%Y-%m}" for first, _ in spans]
    for found, (first, last) in zip(report.months, spans, strict=True):
        flows = world.model.flows(first, last, "EUR", account)
        income = total(flows, lambda f: f.income, 1)
        spent = total(flows, lambda f: not f.income, -1)
        assert proved(found.income) == income
        assert proved(found.expenses) == spent
        assert proved(found.net) == (None if income is None or spent is None else income - spent)
        assert found.transaction_count == len({id(flow.row) for flow in flows})
        assert found.savings_rate == percent(found.net.minor, income)


async def check_breakdown(world: World, kind: str) -> None:
    report = await world.ask(category_breakdown, kind=kind)
    sign = 1 if kind == "INCOME" else -1
    flows = [f for f in world.model.flows(FIRST, LAST, "EUR") if f.income == (kind == "INCOME")]
    whole = total(flows, lambda _: True, sign)
    assert proved(report.total) == whole
    seen: dict[UUID | None, Any] = {}

    def walk(shares: Any) -> None:
        for one in shares:
            seen[one.category_id] = one
            walk(one.children)

    walk(report.categories)
    wanted: dict[UUID | None, list[Flow]] = {}
    for flow in flows:
        for category in [*world.model.path(flow.category)] or [None]:
            wanted.setdefault(category, []).append(flow)
    assert seen.keys() == wanted.keys()
    for category, mine in wanted.items():
        assert proved(seen[category].amount) == total(mine, lambda _: True, sign)
        assert seen[category].count == len(mine)
        assert seen[category].percent == percent(seen[category].amount.minor, whole)


async def check_trends(world: World, group: str, top: int) -> None:
    report = await world.ask(spending_trends, group_by=group, top=top)
    flows = [f for f in world.model.flows(FIRST, LAST, "EUR") if not f.income]
    keys = {
        "CATEGORY": lambda f: [ids.encode("cat", f.category)] if f.category else [],
        "ACCOUNT": lambda f: [ids.encode("acct", f.row.account)],
        "PAYEE": lambda f: [f.row.payee] if f.row.payee else [],
        "TAG": lambda f: list(f.row.tags),
    }[group]
    spans = months(FIRST, LAST)
    named = {one.key for one in report.series} - {"(other)"}
    assert len(report.series) <= top
    for series in report.series:

        def inside(flow: Flow, key: str = series.key) -> bool:
            mine = keys(flow) or ["(none)"]
            return key in mine if key != "(other)" else any(one not in named for one in mine)

        for point, (first, last) in zip(series.points, spans, strict=True):
            assert (point.from_, point.to) == (first, last)
            cut = [f for f in flows if first <= f.row.day <= last]
            assert proved(point.amount) == total(cut, inside, -1)
        assert series.rows.count() == sum(1 for f in flows if inside(f))


async def check_worth(world: World, interval: str) -> None:
    report = await world.ask(net_worth, interval=interval)
    model = world.model
    ends = [last for _, last in months(FIRST, LAST)]
    if interval == "WEEK":
        ends = [FIRST + timedelta(days=6 + 7 * week) for week in range(20)]
        ends = [*[day for day in ends if day < LAST], LAST]
    assert [point.date for point in report.points] == ends
    for point in report.points:
        held = {one: model.balance(one, point.date) for one, _ in world.accounts}
        assert {h.account_id: h.balance_minor for h in point.holdings} == {
            one: minor for one, minor in held.items() if minor
        }
        values = [
            model.converted(held[one], currency, "EUR", point.date)
            for one, currency in world.accounts
        ]
        owned = [v for v, (one, _) in zip(values, world.accounts, strict=True) if held[one] > 0]
        owed = [v for v, (one, _) in zip(values, world.accounts, strict=True) if held[one] < 0]
        assert point.assets_minor == (None if None in owned else sum(owned))
        assert point.liabilities_minor == (None if None in owed else -sum(owed))
        assert point.net_minor == (None if None in values else sum(values))
        counted = [one.counted_minor for one in point.holdings]
        assert point.net_minor == (None if None in counted else sum(counted))


async def check_budgets(world: World) -> None:
    report = await world.ask(budget_performance, currency=None)
    model = world.model
    assert report.budgets
    for found in report.budgets:
        to = found.currency
        flows = model.flows(found.from_, found.to, to)
        planned = {one.item.category_id for one in found.items}
        place = {
            id(flow): next((c for c in model.path(flow.category) if c in planned), None)
            for flow in flows
        }
        for one in found.items:
            sign = 1 if model.kinds[one.item.category_id] == "INCOME" else -1
            actual = total(flows, lambda f: place[id(f)] == one.item.category_id, sign)  # noqa: B023
            assert one.figures.actual_minor == actual
            assert proved(Figure(actual, to, one.rows)) == actual
        loose = total(flows, lambda f: place[id(f)] is None and not f.income, -1)  # noqa: B023
        assert found.unbudgeted_minor == loose
        assert proved(Figure(loose, to, found.unbudgeted_rows)) == loose
        assert (
            proved(Figure(found.figures.actual_minor, to, found.rows)) == found.figures.actual_minor
        )


async def check_all(world: World) -> None:
    await check_summary(world, None)
    await check_summary(world, world.books.giro)
    for kind in ("INCOME", "EXPENSE"):
        await check_breakdown(world, kind)
    for group, top in (("CATEGORY", 50), ("PAYEE", 50), ("TAG", 2), ("ACCOUNT", 3)):
        await check_trends(world, group, top)
    for interval in ("MONTH", "WEEK"):
        await check_worth(world, interval)
    await check_budgets(world)


@CHANCES
@given(seed=st.integers(0, 2**32))
@pytest.mark.case("E10")
async def test_reports_are_the_model(services: Services, seed: int) -> None:
    world = World(await found_books(services), seed)
    await world.found()
    kinds = list(world.model.kinds)
    for currency, start in (("EUR", "2025-12-15"), ("JPY", "2026-01-31")):
        items = [{"categoryId": one, "amount": "5", "carry": "NONE"} for one in kinds[:5:2]]
        body = {
            "name": currency, "period": "MONTHLY", "startDate": start, "currency": currency,
            "items": items,
        }  # fmt: skip
        await world.books.write(lambda w, b=body: create_budget(w, parse(BudgetCreate, b)))
    for _ in range(25):
        await world.book()
    await check_all(world)
    await services.database.settle()
    await check_all(world)
    for _ in range(10):
        await world.change()
    await check_all(world)
    await services.database.settle()
    await check_all(world)
    books = world.books
    report = await verify_ledger(
        services.database, books.chain_key, books.actor.ledger_id, books.actor.user_id
    )
    assert report.differences == ()
