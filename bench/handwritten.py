"""The hand-written endpoint: the nested page and two sums, one query each, on plain tables.

No identity, no sealing, no row policies, no log: what Starlette, asyncpg and orjson cost alone.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PAGE: Final = """
SELECT t.id::text AS id, t.date, t.amount::text AS amount, t.currency, t.description, t.payee, t.status,
  c.id::text AS category_id, c.name AS category, c.kind, a.id::text AS account_id, a.name AS account,
  a.currency AS account_currency
FROM plain.transactions t
JOIN plain.accounts a ON a.id = t.account_id
LEFT JOIN plain.categories c ON c.id = t.category_id
WHERE (t.date, t.id) < ($1, $2)
ORDER BY t.date DESC, t.id DESC
LIMIT $3
"""
_START: Final = (date.max, UUID(int=2**128 - 1))
_MONTHS: Final = """
SELECT to_char(month, 'YYYY-MM') AS month, income::text, expenses::text, count FROM (
  SELECT date_trunc('month', date::timestamp) AS month,
    coalesce(sum(amount) FILTER (WHERE kind = 'INCOME'), 0) AS income,
    coalesce(-sum(amount) FILTER (WHERE kind = 'EXPENSE'), 0) AS expenses,
    count(*) AS count
  FROM plain.history WHERE date BETWEEN $1 AND $2 GROUP BY 1
) AS months ORDER BY month
"""
_SHARES: Final = """
SELECT category_id AS id, (-sum(amount))::text AS amount, count(*) AS count
FROM plain.history WHERE date BETWEEN $1 AND $2 AND kind = 'EXPENSE'
GROUP BY 1 ORDER BY sum(amount)
"""


def make_app(pool: asyncpg.Pool) -> Starlette:
    """The endpoint that answers what the product's GraphQL page answers, and the two sums."""

    async def page(request: Request) -> Response:
        size = int(request.query_params.get("first", "50"))
        after = request.query_params.get("after")
        start = _START
        if after:
            day, _, key = urlsafe_b64decode(after).decode().partition("|")
            start = (date.fromisoformat(day), UUID(key))
        rows = await pool.fetch(_PAGE, *start, size + 1)
        return Response(orjson.dumps(_answer(rows, size)), media_type="application/json")

    async def months(request: Request) -> Response:
        return await summed(request, _MONTHS)

    async def shares(request: Request) -> Response:
        return await summed(request, _SHARES)

    async def summed(request: Request, query: str) -> Response:
        span = [date.fromisoformat(request.query_params[one]) for one in ("from", "to")]
        rows = await pool.fetch(query, *span)
        body = orjson.dumps({"data": [dict(row) for row in rows]})
        return Response(body, media_type="application/json")

    return Starlette(
        routes=[Route("/page", page), Route("/months", months), Route("/shares", shares)]
    )


def _answer(rows: Sequence[asyncpg.Record], size: int) -> dict[str, Any]:
    shown = rows[:size]
    last = shown[-1] if shown else None
    cursor = last and urlsafe_b64encode(f"{last['date']}|{last['id']}".encode()).decode()
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
        "id": row["id"],
        "date": row["date"],
        "amount": row["amount"],
        "currency": row["currency"],
        "description": row["description"],
        "payee": row["payee"],
        "status": row["status"],
        "category": category,
        "account": account,
    }
