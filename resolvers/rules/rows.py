"""Rules read from the database and sealed into it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select

from models.base import among, table
from models.database import Transaction as Tx
from models.rules import Rule, RuleCondition, RuleRow
from models.sealing import LedgerRing
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.paging import Order, Page, PageRequest, fetch_page

R: Final = table(Rule)
Key = tuple[UUID, UUID]
_SEALED: Final = ("name", "match", "payee", "tags", "notes")
_PLAIN: Final = tuple(f.name for f in fields(RuleRow) if f.name not in {*_SEALED, "conditions"})
_COLUMNS: Final = (*(R.c[name] for name in _PLAIN), R.c.content)


def condition_json(one: RuleCondition) -> dict[str, Any]:
    """A condition as it is kept inside of sealed contents."""
    return {**asdict(one), "account_ids": [str(account) for account in one.account_ids]}


def condition_of(kept: dict[str, Any]) -> RuleCondition:
    """Inverse of ``condition_json``."""
    accounts = tuple(UUID(one) for one in kept["account_ids"])
    return RuleCondition(**{**kept, "account_ids": accounts})


def rule_of(plain: dict[str, Any], content: bytes) -> RuleRow:
    """A rule out of its columns and its opened content."""
    told = json.loads(content)
    return RuleRow(
        **plain,
        **{name: told[name] for name in _SEALED if name != "tags"},
        tags=tuple(told["tags"]),
        conditions=tuple(condition_of(one) for one in told["conditions"]),
    )


def plain_of(row: Row[Any]) -> dict[str, Any]:
    """The columns of a rule that are not sealed."""
    return {name: getattr(row, name) for name in _PLAIN}


def cells_of(ring: LedgerRing, row: RuleRow) -> dict[str, Any]:
    """A rule as its table holds it."""
    told = {name: getattr(row, name) for name in _SEALED}
    told["conditions"] = [condition_json(one) for one in row.conditions]
    content = json.dumps(told).encode()
    cells = {name: getattr(row, name) for name in _PLAIN}
    cells["content"] = ring.seal("rules.content", row.id, content)
    return cells


async def open_rules(tx: Tx, rows: Iterable[Row[Any]]) -> list[RuleRow]:
    """Database rows with their contents opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    return [
        rule_of(plain_of(row), tx.ring(row.ledger_id).unseal("rules.content", row.id, row.content))
        for row in found
    ]


async def list_rules(
    tx: Tx, actor: Actor, request: PageRequest, *, active: bool | None = None
) -> Page[RuleRow]:
    """A page of the person's rules in their order."""
    statement = select(*_COLUMNS).where(R.c.ledger_id == actor.ledger_id)
    if active is not None:
        statement = statement.where(R.c.active.is_(active))
    page = await fetch_page(tx, statement, Order((R.c.position, R.c.id)), request)
    rows = await open_rules(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_rules(tx: Tx, actor: Actor, *, active: bool | None = None) -> int:
    """How many rules the person has."""
    statement = select(func.count()).select_from(R).where(R.c.ledger_id == actor.ledger_id)
    if active is not None:
        statement = statement.where(R.c.active.is_(active))
    return int(await tx.scalar(statement))


async def all_rules(tx: Tx, ledger_id: UUID, *conditions: Any) -> list[RuleRow]:
    """The rules of a ledger in their order, in one statement: they are few."""
    rows = await tx.rows(
        select(*_COLUMNS)
        .where(R.c.ledger_id == ledger_id, *conditions)
        .order_by(R.c.position, R.c.id)
    )
    return await open_rules(tx, rows)


async def rules_by_id(tx: Tx, keys: Sequence[Key]) -> list[RuleRow | None]:
    """Rules in the order of their keys (ledger, id); None for what is not there."""
    found: dict[Key, RuleRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        for row in await all_rules(tx, ledger_id, among(R.c.id, wanted)):
            found[ledger_id, row.id] = row
    return [found.get(key) for key in keys]


async def get_rule(tx: Tx, actor: Actor, rule_id: UUID | None) -> RuleRow:
    """One rule of the person; raises NOT_FOUND."""
    if rule_id is not None:
        row = (await rules_by_id(tx, [(actor.ledger_id, rule_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such rule.")
