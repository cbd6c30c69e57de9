"""Two doors for one scenario: the same calls by GraphQL and by REST, with the same answers.

A call names a stored operation.  The REST door sends what its row says; the GraphQL door sends the
operation's own document to /graphql, so that tests compare what two clients would see.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2

from graph.engine import Engine
from rest_compat.routes import ENDPOINTS, Endpoint
from rest_compat.stored import Stored, load_operations

PASSWORD = "correct horse battery staple 9"
_NUMBERS = itertools.count(1)


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    @property
    def paths(self) -> dict[str, str]:
        """Field path to field code."""
        return {one["path"]: one["code"] for one in self.details.get("fields", ())}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    email: str
    token: str
    refresh_token: str
    id: str

    @property
    def headers(self) -> dict[str, str]:
        """The bearer header."""
        return {"Authorization": f"Bearer {self.token}"}


async def register(client: httpx2.AsyncClient, *, name: str = "Ada", **more: Any) -> Person:
    """A new person with her own ledger."""
    email = f"{name.lower()}{next(_NUMBERS)}.{id(client)}@example.org"
    body = {"email": email, "password": PASSWORD, "name": name, **more}
    answer = await client.post("/v1/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    return Person(email, data["accessToken"], data["refreshToken"], data["user"]["id"])


@cache
def operations() -> Mapping[str, Stored]:
    """The stored operations."""
    return load_operations(Engine(), ENDPOINTS)


@cache
def row_of(operation: str) -> Endpoint:
    """The REST row of an operation."""
    return next(row for row in ENDPOINTS if row.operation == operation)


@dataclass(slots=True)
class Door(ABC):
    """How a client enters."""

    client: httpx2.AsyncClient
    person: Person | None = None
    replayed: bool = field(default=False, init=False)
    """Whether the last write was answered from its idempotency key."""

    def as_person(self, person: Person | None) -> "Door":
        """The same door for somebody else."""
        return type(self)(self.client, person)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return self.person.headers if self.person else {}

    @abstractmethod
    async def call(self, operation: str, body: Any = None, **variables: Any) -> Any:
        """The ``data`` of an operation in REST's shape; raises Refused.

        ``key`` is an idempotency key, ``version`` an expected version.
        """

    async def pages(self, operation: str, *, limit: int, **variables: Any) -> list[Any]:
        """All rows of a list, page by page."""
        rows: list[Any] = []
        cursor: str | None = None
        while True:
            page = await self.call(operation, limit=limit, cursor=cursor, **variables)
            rows += page["items"]
            cursor = page["nextCursor"]
            assert page["hasMore"] is (cursor is not None)
            if cursor is None:
                return rows


@dataclass(slots=True)
class RestDoor(Door):
    """Calls documented paths."""

    last: httpx2.Response | None = field(default=None, init=False)
    """The answer of the newest call."""

    async def call(
        self,
        operation: str,
        body: Any = None,
        *,
        key: str | None = None,
        version: int | None = None,
        **variables: Any,
    ) -> Any:
        """Path parameters fill the path, lists of rows the body, the rest the query."""
        row, stored = row_of(operation), operations()[operation]
        headers = dict(self.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = f'"{version}.x"'
        path, query = row.path, {}
        for name, value in variables.items():
            if "{" + name + "}" in path:
                path = path.replace("{" + name + "}", str(value))
            elif stored.writes and "body" not in stored.variables and row.method != "DELETE":
                body = {**(body or {}), name: value}
            elif value is not None:
                query[name] = _query_value(row, name, value)
        answer = await self.client.request(
            row.method, "/v1" + path, json=body, params=query, headers=headers
        )
        self.last = answer
        content = answer.json()
        if not content["success"]:
            error = content["error"]
            raise Refused(answer.status_code, error["code"], error["message"], error["details"])
        # What was there already is 200 where making it is 201.
        repeated = stored.repeats and answer.status_code == 200
        invited = row.invites is not None and answer.status_code == 202
        assert answer.status_code == row.status or repeated or invited, answer.text
        self.replayed = answer.headers.get("idempotency-replayed") == "true"
        return content["data"]


def _query_value(row: Endpoint, name: str, value: Any) -> Any:
    words = row.words.get(name)
    if words is not None:
        return next((word for word, meant in words.items() if meant == value), value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else value


class GraphQLDoor(Door):
    """Sends documents."""

    async def call(
        self,
        operation: str,
        body: Any = None,
        *,
        key: str | None = None,
        version: int | None = None,
        **variables: Any,
    ) -> Any:
        """The same operation as a document with variables."""
        stored = operations()[operation]
        if body is not None:
            variables["body"] = body
        if key is not None:
            variables["idempotencyKey"] = key
        if version is not None:
            variables["expectedVersion"] = version
        content = await self.query(stored.text, **variables)
        value = content["data"][stored.root]
        if stored.shape == "connection":
            info = value["pageInfo"]
            more = info["hasNextPage"]
            return {
                "items": value["nodes"],
                "nextCursor": info["endCursor"] if more else None,
                "hasMore": more,
            }
        return (value[stored.inner] or value.get(stored.instead)) if stored.inner else value

    async def query(self, document: str, **variables: Any) -> Any:
        """Any document; raises Refused for its first error."""
        answer = await self.client.post(
            "/graphql", json={"query": document, "variables": variables}, headers=self.headers
        )
        content = answer.json()
        if content.get("errors"):
            error = content["errors"][0]
            told = error["extensions"]
            details = dict(told["details"])
            if "fields" in details:
                details["fields"] = [
                    {**one, "path": one["path"].removeprefix("body.")} for one in details["fields"]
                ]
            raise Refused(answer.status_code, told["code"], error["message"], details)
        self.replayed = bool(content.get("extensions", {}).get("idempotencyReplayed"))
        return content
