"""A small server with the pages and a graph of fixed rows, for driving the pages in a browser."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

from graph.http import pages

PASSWORD = "violet-harbour-41-lantern"


@strawberry.type
class Category:
    name: str = "Food & drink"


@strawberry.type
class Transaction:
    id: strawberry.ID
    date: str
    amount: str
    description: str
    currency: str = "EUR"
    category: Category | None = None


@strawberry.type
class Transactions:
    nodes: list[Transaction]


@strawberry.type
class Account:
    id: strawberry.ID
    name: str
    type: str
    balance: str
    currency: str = "EUR"

    @strawberry.field
    def transactions(self, first: int = 50) -> Transactions:
        rows = [
            ("txn_2", "2026-01-15", "-4.50", "Coffee"),
            ("txn_1", "2026-01-02", "-61.20", "Market"),
        ]
        return Transactions(
            nodes=[
                Transaction(
                    id=strawberry.ID(i), date=d, amount=a, description=t, category=Category()
                )
                for i, d, a, t in rows[:first]
            ]
        )


@strawberry.type
class Accounts:
    nodes: list[Account]


@strawberry.type
class User:
    id: strawberry.ID
    email: str
    name: str
    base_currency: str = "EUR"

    @strawberry.field
    def accounts(self, first: int = 50) -> Accounts:
        rows = [
            ("acct_1", "Everyday", "CHECKING", "1284.30"),
            ("acct_2", "Rainy day", "SAVINGS", "9200.00"),
        ]
        return Accounts(
            nodes=[
                Account(id=strawberry.ID(i), name=n, type=t, balance=b)
                for i, n, t, b in rows[:first]
            ]
        )


@strawberry.type
class Session:
    access_token: str
    refresh_token: str
    expires_in: int
    user: User


@strawberry.type
class SessionPayload:
    session: Session


@strawberry.input
class LoginInput:
    email: str
    password: str
    code: str | None = None


@strawberry.input
class RefreshInput:
    refresh_token: str


@dataclass
class State:
    """What the stub was asked, and how long its tokens last."""

    expires_in: int = 900
    generation: int = 0
    refreshes: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    logouts: list[Any] = field(default_factory=list)

    def reset(self) -> None:
        """Forget everything between two tests."""
        self.__init__()  # type: ignore[misc]

    def session(self) -> Session:
        self.generation += 1
        return Session(
            access_token=f"access-{self.generation}",
            refresh_token=f"refresh-{self.generation}",
            expires_in=self.expires_in,
            user=ADA,
        )


ADA = User(id=strawberry.ID("user_1"), email="demo@pockettrend.example", name="Ada Lovelace")
STATE = State()


@strawberry.type
class Query:
    @strawberry.field
    def viewer(self, info: strawberry.Info) -> User:
        if not str(info.context["request"].headers.get("authorization")).startswith(
            "Bearer access-"
        ):
            raise PermissionError("Sign in first.")
        return ADA


@strawberry.type
class Mutation:
    @strawberry.mutation
    def login(self, input: LoginInput) -> SessionPayload:
        if input.password != PASSWORD:
            raise PermissionError("E-mail or password is wrong.")
        return SessionPayload(session=STATE.session())

    @strawberry.mutation
    def refresh(self, input: RefreshInput) -> SessionPayload:
        STATE.refreshes.append(input.refresh_token)
        return SessionPayload(session=STATE.session())


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, info: strawberry.Info) -> AsyncGenerator[str, None]:
        for number in range(3):
            yield f"tick {number} for {info.context['connection_params'].get('authorization')}"
            await asyncio.sleep(0.05)


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pocket Trend", "version": "1.0.0", "description": "The REST layer."},
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        "schemas": {
            "Account": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100, "examples": ["Everyday"]},
                    "balance": {"type": "string", "examples": ["12.34"]},
                },
            }
        },
    },
    "security": [{"bearer": []}],
    "paths": {
        "/v1/accounts": {
            "get": {
                "tags": ["Accounts"],
                "operationId": "listAccounts",
                "summary": "List user accounts",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}
                ],
                "responses": {
                    "200": {
                        "description": "The accounts.",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Account"}}
                        },
                    }
                },
            },
            "post": {
                "tags": ["Accounts"],
                "operationId": "createAccount",
                "summary": "Create account",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Account"}}
                    }
                },
                "responses": {"201": {"description": "Created."}},
            },
        }
    },
}


def stub_app() -> Starlette:
    endpoint = GraphQL(strawberry.Schema(Query, Mutation, Subscription), graphql_ide=None)

    async def ask(request: Request) -> Response:
        return await endpoint.run(request)

    def editor(request: Request) -> Response:
        return pages.graphiql_page(request, demo_password=PASSWORD)

    def docs(request: Request) -> Response:
        return pages.api_docs_page(request, demo_password=PASSWORD)

    def description(request: Request) -> Response:
        return JSONResponse(OPENAPI)

    def accounts(request: Request) -> Response:
        STATE.authorizations.append(request.headers.get("authorization"))
        return JSONResponse({"success": True, "data": {"items": []}})

    async def logout(request: Request) -> Response:
        STATE.logouts.append((request.headers["authorization"], await request.json()))
        return JSONResponse({"success": True, "data": {}})

    return Starlette(
        routes=[
            *pages.page_routes(demo=True),
            Route("/graphql", editor, methods=["GET"]),
            Route("/graphql", ask, methods=["POST"]),
            WebSocketRoute("/graphql", endpoint),
            Route("/v1/docs", docs),
            Route("/v1/openapi.json", description),
            Route("/v1/accounts", accounts),
            Route("/v1/auth/logout", logout, methods=["POST"]),
        ]
    )
