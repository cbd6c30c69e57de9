"""One person with five accounts, categories and thousands of transactions, by the product's doors."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from bench.client import Client, checked, request_bytes

BATCH: Final = 500
# A cached answer costs next to nothing; the figures are about making one.
FRESH: Final = {"Cache-Control": "no-cache"}
ACCOUNTS: Final = 5
_PASSWORD: Final = "quiet-harbour-lantern-77-violet"  # noqa: S105 - of a server that lives a minute
_DAY: Final = date(2026, 6, 30)
_WORDS: Final = (
    "Groceries at the corner",
    "Train ticket",
    "Coffee to go",
    "Electricity, monthly part",
    "Pharmacy",
    "Dinner with friends",
    "Streaming subscription",
    "Salary",
)
PAGE: Final = """query ($first: Int, $after: String, $sort: TransactionSort! = DATE_DESC) {
  transactions(first: $first, after: $after, sort: $sort) {
    nodes {
      id date amount currency description payee status
      category { id name kind }
      account { id name currency }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and what she has."""

    headers: dict[str, str]
    accounts: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Those of expenses."""
    incomes: tuple[str, ...] = ()
    """Categories of income."""
    per_day: int = 5
    """Rows of a day."""

    def get(self, path: str, **headers: str) -> bytes:
        """A REST request that reads."""
        return request_bytes("GET", "/v1" + path, headers=self.headers | headers)

    def post(self, path: str, content: Any) -> bytes:
        """A REST request that writes."""
        return request_bytes("POST", "/v1" + path, headers=self.headers, json=content)

    def query(self, document: str, **variables: Any) -> bytes:
        """A GraphQL request that wants an answer made for it."""
        return self.asking(document, FRESH, **variables)

    def asking(self, document: str, headers: dict[str, str], /, **variables: Any) -> bytes:
        """The same with other headers."""
        content = {"query": document, "variables": variables}
        return request_bytes("POST", "/graphql", headers=self.headers | headers, json=content)


def open_books(client: Client, *, name: str, rows: int, per_day: int = 5) -> Person:
    """Register a person, open her accounts, book her rows; she has the starter set of categories."""
    body = {"email": f"{name}@example.org", "password": _PASSWORD, "name": name}
    answer = checked(client.send(request_bytes("POST", "/v1/auth/register", json=body)), 201)
    person = Person({"Authorization": f"Bearer {answer.json()['data']['accessToken']}"})
    accounts = []
    for number in range(1, ACCOUNTS + 1):
        body = {"name": f"Account {number}", "type": "CHECKING", "currency": "EUR"}
        made = checked(client.send(person.post("/accounts", body)), 201).json()
        accounts.append(made["data"]["id"])
    listed = checked(client.send(person.get("/categories?limit=100"))).json()["data"]["items"]
    by_kind = {
        kind: tuple(one["id"] for one in listed if one["kind"] == kind)
        for kind in ("EXPENSE", "INCOME")
    }
    person = replace(
        person,
        accounts=tuple(accounts),
        categories=by_kind["EXPENSE"],
        incomes=by_kind["INCOME"],
        per_day=per_day,
    )
    for start in range(0, rows, BATCH):
        checked(client.send(batch(person, start)))
    return person


def row(person: Person, number: int) -> dict[str, Any]:
    """A transaction as a client sends it; numbers spread over accounts, categories and days."""
    cents = 100 + number * 7_919 % 25_000
    earned = number % len(_WORDS) == len(_WORDS) - 1
    categories = person.incomes if earned else person.categories
    return {
        "accountId": person.accounts[number % len(person.accounts)],
        "categoryId": categories[number % len(categories)],
        "date": (_DAY - timedelta(days=number // person.per_day)).isoformat(),
        "amount": f"{'' if earned else '-'}{cents // 100}.{cents % 100:02}",
        "description": f"{_WORDS[number % len(_WORDS)]} {number}",
        "payee": f"Payee {number % 97}",
    }


def batch(person: Person, start: int) -> bytes:
    """One request of the bulk path, with the rows from a number on."""
    rows = [row(person, number) for number in range(start, start + BATCH)]
    return person.post("/transactions/bulk", {"transactions": rows})


def statement(run: int, rows: int) -> bytes:
    """A bank file that no earlier run has brought in."""
    lines = ["Date,Description,Amount"]
    for number in range(rows):
        day = _DAY - timedelta(days=number // 28)
        cents = 100 + number * 104_729 % 90_000
        lines.append(f"{day},Statement {run} line {number},-{cents // 100}.{cents % 100:02}")
    return "\n".join([*lines, ""]).encode()


def upload(person: Person, run: int, rows: int) -> bytes:
    """The request that imports such a file into the first account."""
    edge = "bench-form-edge"
    head = f"--{edge}\r\nContent-Disposition: form-data; "
    body = b"".join(
        (
            f'{head}name="accountId"\r\n\r\n{person.accounts[0]}\r\n'.encode(),
            f'{head}name="file"; filename="run{run}.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode(),
            statement(run, rows),
            f"\r\n--{edge}--\r\n".encode(),
        )
    )
    headers = person.headers | {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return request_bytes("POST", "/v1/imports/csv", headers=headers, body=body)


def nodes_of(client: Client, person: Person, most: int) -> tuple[list[dict[str, Any]], str]:
    """Up to so many rows as GraphQL tells them, newest first, and the cursor behind the last."""
    nodes: list[dict[str, Any]] = []
    cursor = None
    while len(nodes) < most:
        size = min(100, most - len(nodes))
        answer = checked(client.send(person.query(PAGE, first=size, after=cursor)))
        page = answer.json()["data"]["transactions"]
        nodes += page["nodes"]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return nodes, str(cursor)
