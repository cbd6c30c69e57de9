"""The cases: what is asked, of whom, and which ratios say something."""

import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from bench.client import BadAnswer, Client, checked, request_bytes
from bench.measure import Contestant, Meter, ratio
from bench.seed import BATCH, IMPORTED, PAGE, ROWS, Person, batch, row, upload
from bench.server import Server

_PAGE_ROWS: Final = 50
_POLL_SECONDS: Final = 0.1
_ONE: Final = """query ($id: ID!) {
  transaction(id: $id) {
    id date amount currency description payee status
    category { id name kind }
    account { id name currency }
  }
}"""
_FLAT: Final = """query ($first: Int) {
  transactions(first: $first) {
    nodes { id date amount currency description payee status }
    pageInfo { hasNextPage endCursor }
  }
}"""
_CREATE: Final = """mutation ($body: CreateTransactionInput!) {
  createTransaction(input: $body) { transaction { id version } }
}"""


def reads(
    product: Server, baseline: Server, person: Person, wanted: str, deep: str
) -> list[Contestant]:
    """All that asks and changes nothing."""
    page = person.query(PAGE, first=_PAGE_ROWS)
    path = f"/transactions?limit={_PAGE_ROWS}"
    listed = person.get(path)
    with Client(product.port) as client:
        tag = checked(client.send(listed)).headers["etag"]
    plain = request_bytes("GET", f"/page?first={_PAGE_ROWS}")
    table = (
        ("nested_page", "baseline", baseline, plain, 200),
        ("nested_page", "graphql", product, page, 200),
        ("nested_page", "rest", product, listed, 200),
        ("unchanged", "rest", product, person.get(path, **{"If-None-Match": tag}), 304),
        ("get_one", "graphql", product, person.query(_ONE, id=wanted), 200),
        ("get_one", "rest", product, person.get(f"/transactions/{wanted}"), 200),
        ("flat_page", "graphql", product, person.query(_FLAT, first=_PAGE_ROWS), 200),
        ("page_of_one", "graphql", product, person.query(PAGE, first=1), 200),
        ("deep_page", "graphql", product, person.query(PAGE, first=_PAGE_ROWS, after=deep), 200),
        (
            "amount_page",
            "graphql",
            product,
            person.query(PAGE, first=_PAGE_ROWS, sort="AMOUNT_DESC"),
            200,
        ),
    )
    report = person.get("/analytics/monthly-summary?from=2024-01-01&to=2026-06-30")
    table += (("report_of_all", "rest", product, report, 200),)
    return [
        Contestant(case, name, server, lambda request=request: request, status)
        for case, name, server, request, status in table
    ]


def writes(product: Server, person: Person) -> list[Contestant]:
    """Single creates, each another row."""
    numbers = count(ROWS)
    return [
        Contestant(
            "create",
            "graphql",
            product,
            lambda: person.query(_CREATE, body=row(person, next(numbers))),
        ),
        Contestant(
            "create",
            "rest",
            product,
            lambda: person.post("/transactions", row(person, next(numbers))),
            201,
        ),
    ]


@dataclass(slots=True)
class Company:
    """Rows that are written in company: costs of one row of a batch, and of a bank file."""

    product: Server
    person: Person
    bulk: Contestant = field(init=False)
    imports: Contestant = field(init=False)

    def __post_init__(self) -> None:
        self.bulk = Contestant("create_in_bulk", "rest", self.product, bytes)
        self.imports = Contestant("import_csv", "rest", self.product, bytes)

    def turn(self, meter: Meter, run: int) -> None:
        """One batch, then one file through upload, job and worker, polls included."""
        with Client(self.product.port) as client:
            request = batch(self.person, ROWS + run * BATCH)
            with meter.slice(self.product, self.bulk.slices.append) as counted:
                checked(client.send(request))
                counted.count = BATCH
            request = upload(self.person, run)
            with meter.slice(self.product, self.imports.slices.append) as counted:
                answer = checked(client.send(request), 202)
                _finished(client, self.person, answer.json()["data"]["id"])
                counted.count = IMPORTED


def _finished(client: Client, person: Person, import_id: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        found = checked(client.send(person.get(f"/imports/{import_id}?limit=1"))).json()["data"]
        if found["status"] != "PROCESSING":
            if found["counts"]["new"] != IMPORTED:
                raise BadAnswer(f"the import did not book every row: {found}")
            return
    raise BadAnswer("an import did not end within a minute")


def ratios(contestants: list[Contestant]) -> dict[str, float]:
    """What may be compared between two machines; medians over rounds of the same run."""
    by = {(one.case, one.name): one for one in contestants}
    plain, graph = by["nested_page", "baseline"], by["nested_page", "graphql"]
    rest, create = by["nested_page", "rest"], by["create", "rest"]
    found: dict[str, Any] = {
        "graphql_page_to_baseline_cpu": ratio(graph, plain),
        "graphql_page_to_baseline_cpu_with_database": ratio(graph, plain, what="all_cpu_ms"),
        "graphql_page_to_baseline_wall": ratio(graph, plain, what="wall_ms"),
        "rest_page_to_baseline_cpu": ratio(rest, plain),
        "rest_page_to_graphql_page_cpu": ratio(rest, graph),
        "unchanged_to_rest_page_cpu": ratio(by["unchanged", "rest"], rest),
        "deep_page_to_first_page_cpu": ratio(by["deep_page", "graphql"], graph),
        "amount_page_to_first_page_cpu": ratio(by["amount_page", "graphql"], graph),
        "report_of_5000_rows_to_rest_page_cpu": ratio(by["report_of_all", "rest"], rest),
        "flat_page_to_nested_page_cpu": ratio(by["flat_page", "graphql"], graph),
        "page_of_one_to_nested_page_cpu": ratio(by["page_of_one", "graphql"], graph),
        "get_one_graphql_to_page_cpu": ratio(by["get_one", "graphql"], graph),
        "create_to_get_one_cpu": ratio(create, by["get_one", "rest"]),
        "create_to_bulk_row_cpu": ratio(create, by["create_in_bulk", "rest"]),
        "import_rows_to_creates_per_cpu_second": ratio(create, by["import_csv", "rest"]),
    }
    return found
