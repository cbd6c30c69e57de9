"""The peers' tables: the product's rows in plain columns, in a schema of the same database."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import asyncpg

from models import ids
from models.embedded.parts import Endpoints

SCHEMA: Final = "plain"
TABLES: Final = """
CREATE SCHEMA plain;
CREATE TABLE plain.accounts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, currency text NOT NULL
);
CREATE TABLE plain.categories (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, kind text NOT NULL
);
CREATE TABLE plain.transactions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES plain.accounts,
  category_id uuid REFERENCES plain.categories,
  date date NOT NULL,
  amount numeric(14, 2) NOT NULL,
  currency text NOT NULL,
  description text NOT NULL,
  payee text,
  status text NOT NULL DEFAULT 'POSTED'
);
CREATE INDEX ON plain.transactions (date, id);
CREATE TABLE plain.history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  category_id text NOT NULL,
  kind text NOT NULL,
  date date NOT NULL,
  amount numeric(14, 2) NOT NULL
);
CREATE INDEX ON plain.history (date);
"""
"""``history`` is the ten years that are summed; its categories keep the product's ids."""


async def connect(endpoints: Endpoints, user: str, password: str) -> asyncpg.Connection:
    """A connection as one of the cluster's roles."""
    return await asyncpg.connect(
        host=endpoints.database_host,
        port=endpoints.database_port,
        database=endpoints.database_name,
        user=user,
        password=password,
    )


async def fill(connection: asyncpg.Connection, nodes: Sequence[dict[str, Any]]) -> None:
    """The tables, with what the product said of the same rows."""
    await connection.execute(TABLES)
    accounts = {one["account"]["id"]: one["account"] for one in nodes}
    categories = {one["category"]["id"]: one["category"] for one in nodes if one["category"]}
    await _copy(
        connection,
        "accounts",
        [
            (ids.decode("acct", one["id"]), one["name"], one["currency"])
            for one in accounts.values()
        ],
    )
    await _copy(
        connection,
        "categories",
        [(ids.decode("cat", one["id"]), one["name"], one["kind"]) for one in categories.values()],
    )
    await _copy(connection, "transactions", [_record(one) for one in nodes])


async def fill_history(
    connection: asyncpg.Connection, rows: Iterable[dict[str, Any]], kinds: dict[str, str]
) -> None:
    """Rows as the product was sent them, for the sums in plain text."""
    records = [
        (
            one["categoryId"],
            kinds[one["categoryId"]],
            date.fromisoformat(one["date"]),
            Decimal(one["amount"]),
        )
        for one in rows
    ]
    columns = ("category_id", "kind", "date", "amount")
    await _copy(connection, "history", records, columns=columns)


async def _copy(
    connection: asyncpg.Connection,
    table: str,
    records: Sequence[tuple[Any, ...]],
    columns: Sequence[str] | None = None,
) -> None:
    await connection.copy_records_to_table(
        table, schema_name=SCHEMA, records=records, columns=columns
    )


def _record(node: dict[str, Any]) -> tuple[Any, ...]:
    category = node["category"]
    return (
        ids.decode("txn", node["id"]),
        ids.decode("acct", node["account"]["id"]),
        category and ids.decode("cat", category["id"]),
        date.fromisoformat(node["date"]),
        Decimal(node["amount"]),
        node["currency"],
        node["description"],
        node["payee"],
        node["status"],
    )


def plain_nodes(nodes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The product's nodes with the ids that the plain tables have, to compare answers."""
    return [
        {
            **one,
            "id": str(ids.decode("txn", one["id"])),
            "account": {**one["account"], "id": str(ids.decode("acct", one["account"]["id"]))},
            "category": one["category"]
            and {**one["category"], "id": str(ids.decode("cat", one["category"]["id"]))},
        }
        for one in nodes
    ]
