"""What grows with a ledger and what must not: a page, one row, a balance, a page far down."""

from typing import Final

from bench.client import Client
from bench.measure import Contestant, always, ratio
from bench.pages import ONE, PAGE_ROWS, ROUNDS
from bench.seed import PAGE, nodes_of
from bench.stage import Goal, Results, Stage, named, run, say

SIZES: Final = (1_000, 10_000, 100_000)
LARGEST: Final = 1_000_000
_DEEP: Final = 10_000
_BALANCE: Final = "query ($id: ID!) { account(id: $id) { id name currency balance } }"
_CASES: Final = ("page", "get", "balance")


def _requests(stage: Stage, size: int) -> list[Contestant]:
    person = stage.person_with(size)
    with Client(stage.product.port) as client:
        nodes, deep = nodes_of(client, person, min(_DEEP, size * 9 // 10))
    asked = (
        ("page", person.query(PAGE, first=PAGE_ROWS)),
        ("get", person.query(ONE, id=nodes[-1]["id"])),
        ("balance", person.query(_BALANCE, id=person.accounts[0])),
        ("deep", person.query(PAGE, first=PAGE_ROWS, after=deep)),
    )
    return [
        Contestant(f"{case}_of_{size}", "graphql", stage.product, always(request))
        for case, request in asked
    ]


def measure(stage: Stage) -> Results:
    """Rounds over all sizes."""
    sizes = [*SIZES, LARGEST] if stage.full else list(SIZES)
    asking = []
    for size in sizes:
        say(f"a ledger of {size:,} rows")
        asking += _requests(stage, size)
    run(stage.settled())
    stage.meter.warm(asking)
    for _ in range(ROUNDS):
        stage.meter.turn(asking)
    by = named(asking)
    small, large = sizes[0], sizes[-1]
    goals = [
        Goal(
            f"{case} at {large:,} rows / at {small:,} (server and database)",
            ratio(
                by[f"{case}_of_{large}", "graphql"],
                by[f"{case}_of_{small}", "graphql"],
                what="all_cpu_ms",
            ),
            1.2,
        )
        for case in _CASES
    ]
    goals.append(
        Goal(
            f"deep page / first page at {large:,} rows (server and database)",
            ratio(
                by[f"deep_of_{large}", "graphql"],
                by[f"page_of_{large}", "graphql"],
                what="all_cpu_ms",
            ),
            1.1,
        )
    )
    return Results(asking, goals)
