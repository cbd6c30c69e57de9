"""Ten years of one person: two reports over sealed segments against the same sums in plain SQL."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any, Final

from bench.client import BadAnswer, Client, checked, request_bytes
from bench.measure import Contestant, ratio
from bench.pages import ROUNDS
from bench.plain import connect, fill_history
from bench.seed import FRESH, row
from bench.server import Server
from bench.stage import Goal, Results, Stage, named, run
from models.embedded.postgres import OWNER

ROWS: Final = 100_000
_TO: Final = date(2026, 6, 30)
_FROM: Final = date(2016, 8, 1)
_SPANS: Final = [f"from={_FROM + timedelta(days=day)}&to={_TO}" for day in range(20)]
"""All begin before the first row: everybody sums everything, and nobody twice the same."""
_CASES: Final = {
    "monthly_summary": ("/analytics/monthly-summary", "/months"),
    "category_breakdown": ("/analytics/category-breakdown", "/shares"),
}


async def _fill(stage: Stage) -> None:
    person = stage.person_with(ROWS)
    kinds = dict.fromkeys(person.categories, "EXPENSE") | dict.fromkeys(person.incomes, "INCOME")
    owner = await connect(stage.endpoints, OWNER, stage.endpoints.owner_password)
    await fill_history(owner, (row(person, number) for number in range(ROWS)), kinds)
    await owner.close()
    await stage.settled()


def _asking(case: str, name: str, server: Server, asked: Sequence[bytes]) -> Contestant:
    turn = cycle(asked)
    return Contestant(case, name, server, lambda: next(turn))


def measure(stage: Stage) -> Results:
    """Rounds of both reports by both."""
    # First, for the history lies beside the peers' other tables.
    plain = stage.handwritten
    run(_fill(stage))
    person = stage.person_with(ROWS)
    asking = []
    for case, (ours, theirs) in _CASES.items():
        requests = [person.get(f"{ours}?{span}", **FRESH) for span in _SPANS]
        asking.append(_asking(case, "rest", stage.product, requests))
        requests = [request_bytes("GET", f"{theirs}?{span}") for span in _SPANS]
        asking.append(_asking(case, "hand-written", plain, requests))
    _agreed(asking)
    stage.meter.warm(asking)
    for _ in range(ROUNDS):
        stage.meter.turn(asking)
    by = named(asking)
    goals = [
        Goal(
            f"{case.replace('_', ' ')} of 100k sealed rows / plain SQL (server and database)",
            ratio(by[case, "rest"], by[case, "hand-written"], what="all_cpu_ms"),
            1.0,
        )
        for case in _CASES
    ]
    return Results(asking, goals)


def _agreed(asking: Iterable[Contestant]) -> None:
    """Both come to the same sums."""
    told: dict[tuple[str, str], Any] = {}
    for one in asking:
        with Client(one.server.port) as client:
            told[one.case, one.name] = checked(client.send(one.request())).json()["data"]
    months = [
        (one["month"], Decimal(one["income"]), Decimal(one["expenses"]), one["transactionCount"])
        for one in told["monthly_summary", "rest"]["months"]
        if one["transactionCount"]
    ]
    plain_months = [
        (one["month"], Decimal(one["income"]), Decimal(one["expenses"]), one["count"])
        for one in told["monthly_summary", "hand-written"]
    ]
    if months != plain_months or sum(one[3] for one in months) != ROWS:
        raise BadAnswer(f"the months differ: {months[:2]} and {plain_months[:2]}")
    shares = dict(_leaves(told["category_breakdown", "rest"]["categories"]))
    plain_shares = {
        one["id"]: (Decimal(one["amount"]), one["count"])
        for one in told["category_breakdown", "hand-written"]
    }
    if shares != plain_shares:
        raise BadAnswer(f"the categories differ: {shares} and {plain_shares}")


def _leaves(categories: Iterable[dict[str, Any]]) -> Iterable[tuple[str, tuple[Decimal, int]]]:
    """Categories with their own rows alone: a report counts what lies below them too."""
    for one in categories:
        below = one.get("children") or []
        amount = Decimal(one["amount"]) - sum(Decimal(child["amount"]) for child in below)
        count = one["count"] - sum(child["count"] for child in below)
        if count:
            yield one["categoryId"], (amount, count)
        yield from _leaves(below)
