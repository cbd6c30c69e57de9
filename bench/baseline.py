"""The baseline: the nested page by hand, on plain tables, with one joined query and no product.

No identity, no sealing, no row policies, no log: what Starlette, asyncpg and orjson cost alone.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models import ids

TABLES: Final = """
CREATE TABLE bench_accounts (id text PRIMARY KEY, name text NOT NULL, currency text NOT NULL);
CREATE TABLE bench_categories (id text PRIMARY KEY, name text NOT NULL, kind text NOT NULL);
CREATE TABLE bench_transactions (
  id uuid PRIMARY KEY,
  wire text NOT NULL,
  account_id text NOT NULL REFERENCES bench_accounts,
  category_id text REFERENCES bench_categories,
  date date NOT NULL,
  amount numeric(14, 2) NOT NULL,
  currency text NOT NULL,
  description text NOT NULL,
  payee text,
  status text NOT NULL
);
CREATE INDEX bench_newest ON bench_transactions (date, id);
"""

_PAGE: Final = """
SELECT t.id AS key, t.wire, t.date, t.amount::text AS amount, t.currency, t.description, t.payee,
  t.status, c.id AS category_id, c.name AS category, c.kind, a.id AS account_id, a.name AS account,
  a.currency AS account_currency
FROM bench_transactions t
JOIN bench_accounts a ON a.id = t.account_id
LEFT JOIN bench_categories c ON c.id = t.category_id
WHERE (t.date, t.id) < ($1, $2)
ORDER BY t.date DESC, t.id DESC
LIMIT $3
"""
_START: Final = (date.max, UUID(int=2**128 - 1))


def make_app(pool: asyncpg.Pool) -> Starlette:
    """One endpoint that answers what the product's GraphQL page answers."""

    async def page(request: Request) -> Response:
        size = int(request.query_params.get("first", "50"))
        after = request.query_params.get("after")
        start = _START
        if after:
            day, _, key = urlsafe_b64decode(after).decode().partition("|")
            start = (date.fromisoformat(day), UUID(key))
        rows = await pool.fetch(_PAGE, *start, size + 1)
        return Response(orjson.dumps(_answer(rows, size)), media_type="application/json")

    return Starlette(routes=[Route("/page", page)])


def _answer(rows: Sequence[asyncpg.Record], size: int) -> dict[str, Any]:
    shown = rows[:size]
    last = shown[-1] if shown else None
    cursor = last and urlsafe_b64encode(f"{last['date']}|{last['key']}".encode()).decode()
    info = {"hasNextPage": len(rows) > size, "endCursor": cursor}
    return {"data": {"transactions": {"nodes": [_node(row) for row in shown], "pageInfo": info}}}


def _node(row: asyncpg.Record) -> dict[str, Any]:
    category = None
    if row["category_id"] is not None:
        category = {"id": row["category_id"], "name": row["category"], "kind": row["kind"]}
    account = {
        "id": row["account_id"],
        "name": row["account"],
        "currency": row["account_currency"],
    }
    return {
        "id": row["wire"],
        "date": row["date"],
        "amount": row["amount"],
        "currency": row["currency"],
        "description": row["description"],
        "payee": row["payee"],
        "status": row["status"],
        "category": category,
        "account": account,
    }


async def fill(connection: asyncpg.Connection, nodes: Sequence[dict[str, Any]]) -> None:
    """The plain tables, with what the product said of the same rows."""
    await connection.execute(TABLES)
    accounts = {one["account"]["id"]: one["account"] for one in nodes}
    categories = {one["category"]["id"]: one["category"] for one in nodes if one["category"]}
    await connection.copy_records_to_table(
        "bench_accounts",
        records=[(one["id"], one["name"], one["currency"]) for one in accounts.values()],
    )
    await connection.copy_records_to_table(
        "bench_categories",
        records=[(one["id"], one["name"], one["kind"]) for one in categories.values()],
    )
    await connection.copy_records_to_table(
        "bench_transactions", records=[_record(one) for one in nodes]
    )


def _record(node: dict[str, Any]) -> tuple[Any, ...]:
    category = node["category"]
    return (
        ids.decode("txn", node["id"]),
        node["id"],
        node["account"]["id"],
        category and category["id"],
        date.fromisoformat(node["date"]),
        Decimal(node["amount"]),
        node["currency"],
        node["description"],
        node["payee"],
        node["status"],
    )
