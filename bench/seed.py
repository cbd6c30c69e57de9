"""One person with five accounts, categories and thousands of transactions, by the product's doors."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from bench.client import Client, checked, request_bytes

ROWS: Final = 5_000
BATCH: Final = 500
ACCOUNTS: Final = 5
IMPORTED: Final = 1_000
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
    accounts: tuple[str, ...]
    categories: tuple[str, ...]

    def get(self, path: str, **headers: str) -> bytes:
        """A REST request that reads."""
        return request_bytes("GET", "/v1" + path, headers=self.headers | headers)

    def post(self, path: str, content: Any) -> bytes:
        """A REST request that writes."""
        return request_bytes("POST", "/v1" + path, headers=self.headers, json=content)

    def query(self, document: str, **variables: Any) -> bytes:
        """A GraphQL request."""
        content = {"query": document, "variables": variables}
        return request_bytes("POST", "/graphql", headers=self.headers, json=content)


def open_books(client: Client) -> Person:
    """Register a person, open her accounts, book her rows; she has the starter set of categories."""
    body = {"email": "bench@example.org", "password": _PASSWORD, "name": "Bench"}
    answer = checked(client.send(request_bytes("POST", "/v1/auth/register", json=body)), 201)
    headers = {"Authorization": f"Bearer {answer.json()['data']['accessToken']}"}
    nobody = Person(headers, (), ())
    accounts = []
    for number in range(1, ACCOUNTS + 1):
        body = {"name": f"Account {number}", "type": "CHECKING", "currency": "EUR"}
        made = checked(client.send(nobody.post("/accounts", body)), 201).json()
        accounts.append(made["data"]["id"])
    listed = checked(client.send(nobody.get("/categories?limit=100"))).json()["data"]["items"]
    categories = tuple(one["id"] for one in listed if one["kind"] == "EXPENSE")
    person = Person(headers, tuple(accounts), categories)
    for start in range(0, ROWS, BATCH):
        checked(client.send(batch(person, start)))
    return person


def row(person: Person, number: int) -> dict[str, Any]:
    """A transaction as a client sends it; numbers spread over accounts, categories and days."""
    cents = 100 + number * 7_919 % 25_000
    return {
        "accountId": person.accounts[number % len(person.accounts)],
        "categoryId": person.categories[number % len(person.categories)],
        "date": (_DAY - timedelta(days=number // 5)).isoformat(),
        "amount": f"-{cents // 100}.{cents % 100:02}",
        "description": f"{_WORDS[number % len(_WORDS)]} {number}",
        "payee": f"Payee {number % 97}",
    }


def batch(person: Person, start: int) -> bytes:
    """One request of the bulk path, with the rows from a number on."""
    rows = [row(person, number) for number in range(start, start + BATCH)]
    return person.post("/transactions/bulk", {"transactions": rows})


def statement(run: int) -> bytes:
    """A bank file that no earlier run has brought in."""
    lines = ["Date,Description,Amount"]
    for number in range(IMPORTED):
        day = _DAY - timedelta(days=number // 5)
        cents = 100 + number * 104_729 % 90_000
        lines.append(f"{day},Statement {run} line {number},-{cents // 100}.{cents % 100:02}")
    return "\n".join([*lines, ""]).encode()


def upload(person: Person, run: int) -> bytes:
    """The request that imports such a file into the first account."""
    edge = "bench-form-edge"
    head = f"--{edge}\r\nContent-Disposition: form-data; "
    body = b"".join(
        (
            f'{head}name="accountId"\r\n\r\n{person.accounts[0]}\r\n'.encode(),
            f'{head}name="file"; filename="run{run}.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode(),
            statement(run),
            f"\r\n--{edge}--\r\n".encode(),
        )
    )
    headers = person.headers | {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return request_bytes("POST", "/v1/imports/csv", headers=headers, body=body)


def every_node(client: Client, person: Person) -> tuple[list[dict[str, Any]], str]:
    """All rows as GraphQL tells them, newest first, and the cursor of a page near the end."""
    nodes: list[dict[str, Any]] = []
    cursor, deep = None, ""
    while True:
        answer = checked(client.send(person.query(PAGE, first=100, after=cursor)))
        page = answer.json()["data"]["transactions"]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes, deep
        cursor = page["pageInfo"]["endCursor"]
        if len(nodes) <= ROWS * 9 // 10:
            deep = cursor
