"""Reads: the nested page by everybody, and what else is asked of a few thousand rows."""

from collections.abc import Sequence
from typing import Any, Final

from bench.client import BadAnswer, Client, checked, request_bytes
from bench.measure import Contestant, always, ratio
from bench.plain import plain_nodes
from bench.seed import FRESH, PAGE, nodes_of
from bench.server import Server
from bench.stage import ROWS, Goal, Results, Stage, named
from bench.stock import DOCUMENT as STOCK_PAGE

PAGE_ROWS: Final = 50
ROUNDS: Final = 15
ONE: Final = """query ($id: ID!) {
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
_SHOWN_BY_REST: Final = """query ($first: Int) {
  transactions(first: $first) {
    nodes {
      id accountId categoryId date amount currency description payee notes tags status kind
      transferId splits { categoryId amount notes } externalId importId templateId groupId
      refundOf createdAt updatedAt version
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
"""What the page by REST shows: 22 fields of a row, and no objects around it."""
POSTGRAPHILE_PAGE: Final = """query ($first: Int!) {
  transactions: allTransactions(first: $first, orderBy: [DATE_DESC, ROW_ID_DESC]) {
    nodes {
      id: rowId date amount currency description payee status
      category: categoryByCategoryId { id: rowId name kind }
      account: accountByAccountId { id: rowId name currency }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""


def posted(document: str, **variables: Any) -> bytes:
    """A GraphQL request to a peer, which knows nobody."""
    return request_bytes("POST", "/graphql", json={"query": document, "variables": variables})


def _page_of_everybody(stage: Stage) -> list[Contestant]:
    person, first = stage.person, PAGE_ROWS
    ours = person.query(PAGE, first=first)
    table: list[tuple[str, Server | None, bytes]] = [
        ("hand-written", stage.handwritten, request_bytes("GET", f"/page?first={first}")),
        ("postgraphile", stage.postgraphile, posted(POSTGRAPHILE_PAGE, first=first)),
        ("strawberry", stage.start("strawberry"), posted(STOCK_PAGE, first=first)),
        ("graphql-core", stage.start("graphql-core"), ours),
        ("graphql", stage.product, ours),
        ("rest", stage.product, person.get(f"/transactions?limit={first}", **FRESH)),
    ]
    return [
        Contestant("nested_page", name, server, always(request))
        for name, server, request in table
        if server is not None
    ]


def _rest_of_ours(stage: Stage) -> list[Contestant]:
    person, product = stage.person, stage.product
    path = f"/transactions?limit={PAGE_ROWS}"
    with Client(product.port) as client:
        tag = checked(client.send(person.get(path))).headers["etag"]
        _, deep = nodes_of(client, person, ROWS * 9 // 10)
    some = stage.nodes[0]["id"]
    table = (
        ("unchanged", "rest", person.get(path, **{"If-None-Match": tag}), 304),
        ("repeated", "rest", person.get(path), 200),
        ("repeated", "graphql", person.asking(PAGE, {}, first=PAGE_ROWS), 200),
        ("get_one", "graphql", person.query(ONE, id=some), 200),
        ("get_one", "rest", person.get(f"/transactions/{some}", **FRESH), 200),
        ("flat_page", "graphql", person.query(_FLAT, first=PAGE_ROWS), 200),
        ("page_of_one", "graphql", person.query(PAGE, first=1), 200),
        ("deep_page", "graphql", person.query(PAGE, first=PAGE_ROWS, after=deep), 200),
        ("rest_page", "graphql", person.query(_SHOWN_BY_REST, first=PAGE_ROWS), 200),
        ("rest_page", "rest", person.get(path, **FRESH), 200),
        (
            "amount_page",
            "graphql",
            person.query(PAGE, first=PAGE_ROWS, sort="AMOUNT_DESC"),
            200,
        ),
    )
    return [
        Contestant(case, name, product, always(request), status)
        for case, name, request, status in table
    ]


def _agreed(contestants: Sequence[Contestant], nodes: Sequence[dict[str, Any]]) -> None:
    """All answer the same rows with the same category and account, or no ratio means anything."""
    wanted = list(nodes[:PAGE_ROWS])
    for one in contestants:
        with Client(one.server.port) as client:
            answer = checked(client.send(one.request())).json()["data"]
        if one.name == "rest":
            found: Any = [item["id"] for item in answer["items"]]
            expected: Any = [node["id"] for node in wanted]
        else:
            found = answer["transactions"]["nodes"]
            expected = wanted if one.name.startswith("graphql") else plain_nodes(wanted)
            if not answer["transactions"]["pageInfo"]["hasNextPage"]:
                raise BadAnswer(f"{one.name} knows of no second page")
        if found != expected or len(found) != PAGE_ROWS:
            raise BadAnswer(f"{one.name} answers another page: {found[:1]} and not {expected[:1]}")


def _alike(contestants: Sequence[Contestant]) -> None:
    """The page by REST and the one by GraphQL have to hold the same rows with the same fields."""
    answers = []
    for one in contestants:
        with Client(one.server.port) as client:
            answers.append(checked(client.send(one.request())).json()["data"])
    by_graphql, by_rest = answers
    if by_graphql["transactions"]["nodes"] != by_rest["items"]:
        raise BadAnswer("the page by REST shows something else than the same fields by GraphQL")


def requests(stage: Stage) -> list[Contestant]:
    """All reads, checked."""
    everybody = _page_of_everybody(stage)
    _agreed(everybody, stage.nodes)
    ours = _rest_of_ours(stage)
    _alike([one for one in ours if one.case == "rest_page"])
    return [*everybody, *ours]


def measure(stage: Stage) -> Results:
    """Rounds of all reads, and the goals among them."""
    asking = requests(stage)
    stage.meter.warm(asking)
    for _ in range(ROUNDS):
        stage.meter.turn(asking)
    by = named(asking)
    page, plain = by["nested_page", "graphql"], by["nested_page", "hand-written"]
    goals = [
        Goal(
            "nested page by GraphQL / PostGraphile",
            ratio(page, by.get(("nested_page", "postgraphile"))),
            0.5,
        ),
        Goal("nested page by GraphQL / hand-written", ratio(page, plain), 1.5),
        Goal(
            "the same page by REST / by GraphQL",
            ratio(by["rest_page", "rest"], by["rest_page", "graphql"]),
            1.1,
        ),
        Goal(
            "page by REST, 22 fields of a row / nested page by GraphQL, 13",
            ratio(by["nested_page", "rest"], page),
            1.1,
        ),
        Goal("unchanged read (304) / hand-written", ratio(by["unchanged", "rest"], plain), 0.3),
        Goal("deep page / first page", ratio(by["deep_page", "graphql"], page), 1.1),
    ]
    return Results(asking, goals)
