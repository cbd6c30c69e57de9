"""Stock Strawberry as its documentation advises: parser and validation caches, data loaders, ASGI."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg
import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

DOCUMENT: Final = """query ($first: Int!) {
  transactions(first: $first) {
    nodes {
      id date amount currency description payee status
      category { id name kind }
      account { id name currency }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
_PAGE: Final = """
SELECT id, account_id, category_id, date, amount, currency, description, payee, status
FROM plain.transactions ORDER BY date DESC, id DESC LIMIT $1
"""
_ACCOUNTS: Final = "SELECT id, name, currency FROM plain.accounts WHERE id = ANY($1)"
_CATEGORIES: Final = "SELECT id, name, kind FROM plain.categories WHERE id = ANY($1)"


@strawberry.type
class Account:
    """An account."""

    id: strawberry.ID
    name: str
    currency: str


@strawberry.type
class Category:
    """A category."""

    id: strawberry.ID
    name: str
    kind: str


@strawberry.type
class Transaction:
    """A transaction; what it points to is loaded in batches."""

    id: strawberry.ID
    date: date
    amount: Decimal
    currency: str
    description: str
    payee: str | None
    status: str
    account_id: strawberry.Private[UUID]
    category_id: strawberry.Private[UUID | None]

    @strawberry.field
    async def account(self, info: strawberry.Info) -> Account:
        """Its account."""
        found: Account = await info.context["accounts"].load(self.account_id)
        return found

    @strawberry.field
    async def category(self, info: strawberry.Info) -> Category | None:
        """Its category."""
        if self.category_id is None:
            return None
        found: Category = await info.context["categories"].load(self.category_id)
        return found


@strawberry.type
class PageInfo:
    """What follows."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class TransactionPage:
    """A page."""

    nodes: list[Transaction]
    page_info: PageInfo


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    async def transactions(self, info: strawberry.Info, first: int) -> TransactionPage:
        """The newest transactions."""
        rows = await info.context["pool"].fetch(_PAGE, first + 1)
        nodes = [
            Transaction(
                id=strawberry.ID(str(row["id"])),
                date=row["date"],
                amount=row["amount"],
                currency=row["currency"],
                description=row["description"],
                payee=row["payee"],
                status=row["status"],
                account_id=row["account_id"],
                category_id=row["category_id"],
            )
            for row in rows[:first]
        ]
        last = nodes[-1] if nodes else None
        cursor = f"{last.date}|{last.id}" if last else None
        return TransactionPage(
            nodes=nodes, page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=cursor)
        )


SCHEMA: Final = strawberry.Schema(
    query=Query,
    extensions=[lambda: ParserCache(maxsize=256), lambda: ValidationCache(maxsize=256)],
)


class Stock(GraphQL[Any, None]):
    """The ASGI application with a pool, and loaders of their own for each request."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(SCHEMA)
        self._pool = pool

    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,  # noqa: ARG002 - its signature
    ) -> dict[str, Any]:
        """Loaders and pool."""

        async def accounts(keys: list[UUID]) -> Sequence[Account]:
            rows = await self._pool.fetch(_ACCOUNTS, keys)
            by_id = {
                row["id"]: Account(
                    id=strawberry.ID(str(row["id"])), name=row["name"], currency=row["currency"]
                )
                for row in rows
            }
            return [by_id[key] for key in keys]

        async def categories(keys: list[UUID]) -> Sequence[Category]:
            rows = await self._pool.fetch(_CATEGORIES, keys)
            by_id = {
                row["id"]: Category(
                    id=strawberry.ID(str(row["id"])), name=row["name"], kind=row["kind"]
                )
                for row in rows
            }
            return [by_id[key] for key in keys]

        return {
            "request": request,
            "pool": self._pool,
            "accounts": DataLoader(load_fn=accounts),
            "categories": DataLoader(load_fn=categories),
        }
