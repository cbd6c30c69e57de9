"""One life through every documented endpoint: the scenario that both doors are compared on."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from rest_compat.routes import ENDPOINTS, Endpoint
from tests.doors import PASSWORD, Door, Person, RestDoor

STATEMENT: Final = b"Date,Description,Amount\n2026-06-07,Bakery,-4.20\n2026-06-08,Books,-18.00\n"
UNSIGNED: Final = b"Date,Description,Amount\n2026-06-09,Ferry,31.00\n2026-06-10,Hotel,88.00\n"
SPAN: Final = {"from": "2026-01-01", "to": "2026-06-30"}
FORMATS: Final = ("csv", "json", "pdf")
_HIDDEN: Final = {"accessToken", "refreshToken", "downloadUrl", "nextCursor", "email"}
_INSTANT: Final = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
_ID: Final = re.compile(r"^([a-z]{2,5})_[0-9a-z]{26}$")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one endpoint answered in this life, with everything that differs by chance hidden."""

    operation: str | None
    status: int
    data: Any


@dataclass
class Tour:
    """A life of two people through one door."""

    door: Door
    client: httpx2.AsyncClient
    drain: Callable[[], Awaitable[Any]]
    mailed: Callable[[str], Awaitable[str]]
    seen: dict[tuple[str, str], Seen] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    def plain(self, value: Any) -> Any:
        """The value with ids by order of appearance and without what chance decides."""
        if isinstance(value, Mapping) and set(value) == {"nodes", "pageInfo"}:
            # A list within an object: REST wraps it as it wraps the lists of whole answers.
            more = value["pageInfo"]["hasNextPage"]
            cursor = value["pageInfo"]["endCursor"] if more else None
            return self.plain({"items": value["nodes"], "nextCursor": cursor, "hasMore": more})
        if isinstance(value, Mapping):
            return {
                key: "(hidden)" if key in _HIDDEN and one is not None else self.plain(one)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if isinstance(value, str) and _INSTANT.match(value):
            return "(instant)"
        if isinstance(value, str) and (found := _ID.match(value)):
            return self.names.setdefault(value, f"{found[1]}_{len(self.names)}")
        return value

    async def step(
        self, method: str, path: str, body: Any = None, *, note: bool = True, **more: Any
    ) -> Any:
        """One documented call; answers its data.

        A write is sent twice under one key and a read again with its tag, since every write is
        repeatable and every read is cacheable.
        """
        row = row_at(method, path)
        if method != "GET" and not row.public:
            more["key"] = f"step-{self.calls}"
        self.calls += 1
        data = await self.door.call(row.operation, body, **more)
        status = row.status
        if isinstance(self.door, RestDoor) and self.door.last is not None:
            status = self.door.last.status_code
        if "key" in more:
            assert without_links(
                await self.door.call(row.operation, body, **more)
            ) == without_links(data)
            assert self.door.replayed, (method, path)
        elif method == "GET" and isinstance(self.door, RestDoor):
            await self.unchanged(row, self.door)
        if note:
            self.note(method, path, data, status, row.operation)
        return data

    async def unchanged(self, row: Endpoint, door: RestDoor) -> None:
        """Asked again with its tag, a read answers 304 without a body."""
        assert door.last is not None
        tag = door.last.headers.get("etag")
        assert (tag is None) is row.expires, row.path
        if tag is not None:
            headers = {**door.headers, "If-None-Match": tag}
            again = await self.client.get(door.last.request.url, headers=headers)
            assert (again.status_code, again.content) == (304, b""), row.path
            assert again.headers["etag"] == tag

    def note(self, method: str, path: str, data: Any, status: int, operation: str | None) -> None:
        """Remember a call that went another way than ``step``."""
        self.seen.setdefault((method, path), Seen(operation, status, self.plain(data)))

    # -- chapters ----------------------------------------------------------------------------------

    async def live(self, email: str, other: str) -> None:
        """Everything, in an order that makes sense."""
        ben = await self.join(other, "Ben")
        await self.sign_up(email)
        await self.categories()
        await self.accounts()
        await self.transactions()
        await self.budgets()
        await self.groups(ben)
        await self.templates()
        await self.files()
        await self.analytics()
        await self.notifications(ben)
        await self.health()
        await self.step("DELETE", "/budgets/{id}", id=self.budget)
        await self.step("POST", "/auth/logout", {})

    async def join(self, email: str, name: str) -> Person:
        """Register somebody."""
        body = {"email": email, "password": PASSWORD, "name": name, "baseCurrency": "EUR"}
        self.door.person = None
        told = await self.step("POST", "/auth/register", body)
        return Person(email, told["accessToken"], told["refreshToken"], told["user"]["id"])

    async def sign_up(self, email: str) -> None:
        """Into an account, out of it by a lost password, and in again."""
        await self.join(email, "Ada")
        await self.step("POST", "/auth/forgot-password", {"email": email})
        password = "another good long passphrase 7"
        reset = {"token": await self.mailed(email), "password": password}
        await self.step("POST", "/auth/reset-password", reset)
        told = await self.step("POST", "/auth/login", {"email": email, "password": password})
        renewed = await self.step("POST", "/auth/refresh", {"refreshToken": told["refreshToken"]})
        self.ada = Person(
            email, renewed["accessToken"], renewed["refreshToken"], renewed["user"]["id"]
        )
        self.door.person = self.ada
        await self.step("GET", "/auth/me")
        await self.step("PUT", "/auth/me", {"name": "Ada L."})

    async def categories(self) -> None:
        """A category of her own."""
        await self.step("GET", "/categories")
        made = await self.step("POST", "/categories", {"name": "Bicycles", "kind": "EXPENSE"})
        self.category = made["id"]
        await self.step("GET", "/categories/{id}", id=self.category)
        await self.step("PUT", "/categories/{id}", {"name": "Bicycle"}, id=self.category)
        spare = await self.step("POST", "/categories", {"name": "Spare", "kind": "EXPENSE"})
        await self.step("DELETE", "/categories/{id}", id=spare["id"])

    async def accounts(self) -> None:
        """One account to keep and one to close."""
        body = {"name": "Checking", "type": "CHECKING", "currency": "EUR"}
        made = await self.step("POST", "/accounts", {**body, "openingBalance": "250.00"})
        self.account = made["id"]
        spare = await self.step("POST", "/accounts", {**body, "name": "Purse", "type": "CASH"})
        await self.step("GET", "/accounts")
        await self.step("GET", "/accounts/{id}", id=self.account)
        await self.step("PUT", "/accounts/{id}", {"institution": "Northern"}, id=self.account)
        await self.step("GET", "/accounts/{id}/balance", id=self.account, asOf="2026-06-30")
        await self.step("DELETE", "/accounts/{id}", id=spare["id"])

    async def transactions(self) -> None:
        """Single rows and many at once."""
        row = {"accountId": self.account, "date": "2026-06-01", "description": "Tyres"}
        row |= {"amount": "-39.90", "categoryId": self.category}
        self.transaction = (await self.step("POST", "/transactions", row))["id"]
        await self.step("GET", "/transactions", search="tyres", sort="AMOUNT_DESC")
        await self.step("GET", "/transactions/{id}", id=self.transaction)
        await self.step("PUT", "/transactions/{id}", {"tags": ["spring"]}, id=self.transaction)
        spare = await self.step("POST", "/transactions", {**row, "amount": "-1"})
        await self.step("DELETE", "/transactions/{id}", id=spare["id"])
        rows = [{**row, "amount": one, "categoryId": None} for one in ("2100.00", "-12.50")]
        made = await self.step("POST", "/transactions/bulk", transactions=rows)
        first, second = (one["id"] for one in made["results"])
        changes = [{"id": first, "payee": "Works Ltd"}, {"id": second, "payee": "Cafe"}]
        await self.step("PUT", "/transactions/bulk", transactions=changes)
        await self.step("DELETE", "/transactions/bulk", ids=[second])
        await self.step("GET", "/accounts/{id}/transactions", id=self.account)

    async def budgets(self) -> None:
        """A plan, and how it went."""
        item = {"categoryId": self.category, "amount": "60.00", "carry": "SURPLUS"}
        plan = {"name": "Household", "period": "MONTHLY", "startDate": "2026-01-01"}
        made = await self.step("POST", "/budgets", {**plan, "currency": "EUR", "items": [item]})
        self.budget = made["id"]
        await self.step("GET", "/budgets")
        await self.step("GET", "/budgets/{id}", id=self.budget)
        await self.step("PUT", "/budgets/{id}", {"name": "Our household"}, id=self.budget)
        garden = await self.step("POST", "/categories", {"name": "Garden", "kind": "EXPENSE"})
        line = {"categoryId": garden["id"], "amount": "25.00"}
        made = await self.step("POST", "/budgets/{id}/items", line, id=self.budget)
        place = {"id": self.budget, "itemId": made["id"]}
        await self.step("GET", "/budgets/{id}/items", id=self.budget)
        await self.step("PUT", "/budgets/{id}/items/{itemId}", {"amount": "30.00"}, **place)
        await self.step("GET", "/budgets/{id}/analysis", id=self.budget, date="2026-06-15")
        await self.step("DELETE", "/budgets/{id}/items/{itemId}", **place)

    async def groups(self, ben: Person) -> None:
        """A flat that is shared, and a boat that is not."""
        made = await self.step("POST", "/groups", {"name": "Flat", "currency": "EUR"})
        flat = made["id"]
        boat = (await self.step("POST", "/groups", {"name": "Boat", "currency": "EUR"}))["id"]
        await self.step("GET", "/groups")
        await self.step("GET", "/groups/{id}", id=flat)
        await self.step("PUT", "/groups/{id}", {"name": "Our flat"}, id=flat)
        invite = {"groupId": flat, "email": ben.email, "role": "MEMBER"}
        await self.step("POST", "/invitations", invite)
        await self.step("POST", "/invitations", {**invite, "groupId": boat}, note=False)
        spare = {**invite, "groupId": boat, "email": "cy@example.org"}
        sent = await self.step("POST", "/invitations", spare, note=False)
        await self.step("DELETE", "/invitations/{id}", id=sent["id"])
        self.door.person = ben
        received = (await self.step("GET", "/invitations"))["items"]
        by_group = {one["groupId"]: one["id"] for one in received}
        await self.step("PUT", "/invitations/{id}/accept", id=by_group[flat])
        await self.step("PUT", "/invitations/{id}/decline", id=by_group[boat])
        self.door.person = self.ada
        await self.step("GET", "/groups/{id}/members", id=flat)
        power = {"date": "2026-06-05", "amount": "100.02", "description": "Power"}
        power |= {"splitMethod": "EQUAL", "accountId": self.account}
        await self.step("POST", "/groups/{id}/transactions", power, id=flat)
        await self.step("GET", "/groups/{id}/transactions", id=flat)
        await self.step("GET", "/groups/{id}/balances", id=flat)
        paid = {"kind": "SETTLEMENT", "date": "2026-06-06", "amount": "50.01"}
        paid |= {
            "description": "Power, paid back",
            "paidBy": [{"userId": ben.id, "amount": "50.01"}],
            "splitMethod": "EXACT",
            "shares": [{"userId": self.ada.id, "amount": "50.01"}],
        }
        await self.step("POST", "/groups/{id}/transactions", paid, id=flat)
        viewer = {"userId": ben.id, "role": "VIEWER"}
        await self.step("POST", "/groups/{id}/members", viewer, id=boat)
        await self.step("DELETE", "/groups/{id}/members/{userId}", id=flat, userId=ben.id)
        await self.step("DELETE", "/groups/{id}", id=boat)
        await self.drain()

    async def templates(self) -> None:
        """Rent."""
        rent = {"name": "Rent", "accountId": self.account, "amount": "-700.00"}
        rent |= {"description": "Rent", "frequency": "MONTHLY", "startDate": "2026-01-31"}
        made = (await self.step("POST", "/templates", rent))["id"]
        await self.step("GET", "/templates")
        await self.step("GET", "/templates/{id}", id=made)
        await self.step("PUT", "/templates/{id}", {"weekendPolicy": "AFTER"}, id=made)
        await self.step("POST", "/templates/{id}/execute", id=made, date="2026-02-28")
        await self.step("DELETE", "/templates/{id}", id=made)

    async def upload(self, content: bytes, name: str, **fields: str) -> Any:
        """A file, which REST takes as a form and GraphQL in base64."""
        if not isinstance(self.door, RestDoor):
            body = {"filename": name, "content": b64encode(content).decode(), **fields}
            return await self.step("POST", "/uploads", body)
        answer = await self.client.post(
            "/v1/uploads", files={"file": (name, content)}, data=fields, headers=self.door.headers
        )
        data = answer.json()["data"]
        self.note("POST", "/uploads", data, answer.status_code, "CreateUpload")
        return data

    async def settled(self, wanted: str, run: str) -> None:
        """Work until an import has come so far."""
        for _ in range(50):
            await self.drain()
            found = await self.step("GET", "/imports/{id}", id=run, note=False)
            if found["status"] == wanted:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(found)

    async def files(self) -> None:
        """A statement that is clear, one that must be asked about, and a receipt."""
        statement = await self.upload(STATEMENT, "june.csv")
        await self.step("GET", "/uploads/{id}", id=statement["id"])
        body = {"uploadId": statement["id"], "accountId": self.account}
        run = (await self.step("POST", "/imports/csv", body))["id"]
        await self.settled("COMPLETED", run)
        await self.step("GET", "/imports")
        await self.step("GET", "/imports/{id}", id=run)
        trip = await self.upload(UNSIGNED, "trip.csv")
        body = {"uploadId": trip["id"], "accountId": self.account}
        run = (await self.step("POST", "/imports/csv", body))["id"]
        await self.settled("PENDING", run)
        answer = {"mapping": {"signRule": "NEGATED"}}
        await self.step("POST", "/imports/{id}/process", answer, id=run)
        await self.settled("COMPLETED", run)
        receipt = await self.upload(
            b"%PDF-1.7\n%%EOF\n", "bill.pdf", purpose="RECEIPT", transactionId=self.transaction
        )
        await self.step("DELETE", "/uploads/{id}", id=receipt["id"])

    async def analytics(self) -> None:
        """Five reports and three files."""
        await self.step("GET", "/analytics/net-worth", **SPAN)
        await self.step("GET", "/analytics/spending-trends", **SPAN, groupBy="PAYEE")
        await self.step("GET", "/analytics/category-breakdown", **SPAN)
        await self.step("GET", "/analytics/monthly-summary", **SPAN)
        await self.step("GET", "/analytics/budget-performance", **SPAN)
        for one in FORMATS:
            await self.export(one)

    async def export(self, form: str) -> None:
        """One file: REST sends it, GraphQL signs a link to it."""
        path = f"/v1/analytics/export/{form}"
        if not isinstance(self.door, RestDoor):
            made = await self.door.call("Export", format=form.upper(), **SPAN)
            path = made["downloadUrl"]
        query = SPAN if path.startswith("/v1") else None
        answer = await self.client.get(path, params=query, headers=self.door.headers)
        assert answer.status_code == 200, (form, answer.text)
        assert answer.headers["content-disposition"].startswith("attachment"), form
        self.note(
            "GET",
            "/analytics/export/{format}",
            self.facts(form, answer),
            answer.status_code,
            "Export",
        )

    def facts(self, form: str, answer: httpx2.Response) -> Any:
        """What a file says, as far as two lives can say the same."""
        if form == "pdf":
            return answer.content.startswith(b"%PDF-")
        if form == "json":
            return sorted(answer.json())
        return [self.plain(line.split(",")) for line in answer.text.splitlines()]

    async def notifications(self, ben: Person) -> None:
        """What Ben was told of all this."""
        await self.drain()
        self.door.person = ben
        told = (await self.step("GET", "/notifications", unread=True))["items"]
        found = next(one["id"] for one in told if one["type"] == "GROUP_EXPENSE")
        await self.step("PUT", "/notifications/{id}/read", id=found)
        await self.step("DELETE", "/notifications/{id}", id=found)
        self.door.person = self.ada

    async def health(self) -> None:
        """The two plain routes, which are no operations of the graph."""
        for path in ("/health", "/health/detailed"):
            answer = await self.client.get("/v1" + path)
            status = {"status": answer.json()["data"]["status"]}
            self.note("GET", path, status, answer.status_code, None)


def without_links(value: Any) -> Any:
    """A value without its expiring links, which are signed anew for every answer."""
    if isinstance(value, Mapping):
        return {key: without_links(one) for key, one in value.items() if key != "downloadUrl"}
    return [without_links(one) for one in value] if isinstance(value, list) else value


def row_at(method: str, path: str) -> Endpoint:
    """The row of a documented path."""
    return next(one for one in ENDPOINTS if (one.method, one.path) == (method, path))


def table_of(rest: Mapping[tuple[str, str], Seen], order: list[tuple[str, str]]) -> str:
    """The documented operations as a table: path, operation, status, and that both doors agree."""
    lines = [
        "# Every documented endpoint",
        "",
        "Written by `tests/contract/test_every_endpoint.py`, which lives one life of two people by",
        "REST and again by GraphQL and compares what both were told, field by field.",
        "",
        "| | REST | operation | status | GraphQL |",
        "|---|---|---|---|---|",
    ]
    for number, key in enumerate(order, 1):
        one = rest[key]
        operation = f"`{one.operation}`" if one.operation else "none: a plain route"
        same = "same data" if one.operation else "not in the graph"
        lines.append(f"| {number} | `{key[0]} {key[1]}` | {operation} | {one.status} | {same} |")
    return "\n".join(lines) + "\n"
