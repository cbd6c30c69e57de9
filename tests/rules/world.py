"""A person with rules and rows: what tests of rules do in one line each."""

from typing import Any

from models import ids
from resolvers.inputs import parse
from resolvers.rules import RuleCreate, create_rule
from tests.doors import GraphQLDoor
from tests.imports.world import World

RULE = """id name position active stop match version
  conditions { field operator value min max direction accountIds not }
  actions { categoryId category { name } payee tags notes }"""
CREATE = f"mutation($i: CreateRuleInput!, $k: String){{ createRule(input: $i, idempotencyKey: $k) {{ rule {{ {RULE} }} }} }}"
UPDATE = f"mutation($id: ID!, $i: UpdateRuleInput!, $v: Int){{ updateRule(id: $id, input: $i, expectedVersion: $v) {{ rule {{ {RULE} }} }} }}"
TEST = """query($r: TestRuleInput!, $w: RuleRowsInput, $n: Int, $c: String){ testRule(rule: $r, rows: $w) {
  matched changed rows(first: $n, after: $c) { totalCount pageInfo { hasNextPage endCursor }
    nodes { transaction { id payee } changedFields after { categoryId payee tags notes } kept { field reason } } } } }"""
LOCKED = "query($id: ID!){ transaction(id: $id) { lockedFields categoryId payee tags notes } }"
LOCK = """mutation($id: ID!, $l: [TransactionField!]){ updateTransaction(id: $id, input: {lockedFields: $l})
  { transaction { lockedFields version } } }"""


def says(field: str, value: str, operator: str = "CONTAINS", **more: Any) -> dict[str, Any]:
    """A condition on a text."""
    return {"field": field, "operator": operator, "value": value, **more}


async def rule(door: GraphQLDoor, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make a rule."""
    key = more.pop("key", None)
    raw = {"name": "Rule", "conditions": list(conditions), "actions": {"tags": ["hit"]}, **more}
    answer = await door.query(CREATE, i=raw, k=key)
    made: dict[str, Any] = answer["data"]["createRule"]["rule"]
    return made


async def trial(door: GraphQLDoor, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Test a rule."""
    raw = {"conditions": list(conditions), "actions": more.pop("actions", {"tags": ["hit"]})}
    raw |= {"match": more.pop("match")} if "match" in more else {}
    answer = await door.query(TEST, r=raw, w=more.pop("rows", None), **more)
    found: dict[str, Any] = answer["data"]["testRule"]
    return found


async def matched(door: GraphQLDoor, *conditions: dict[str, Any], **more: Any) -> list[str]:
    """Payees of what a rule matches, newest first."""
    rows = (await trial(door, *conditions, **more))["rows"]["nodes"]
    return [one["transaction"]["payee"] for one in rows]


async def book(door: GraphQLDoor, account: str, payee: str | None, **more: Any) -> str:
    """Book a transaction by hand."""
    raw = {"accountId": account, "date": "2026-01-01", "amount": "-5", "description": "Card"}
    made = await door.call("CreateTransaction", {**raw, "payee": payee, **more})
    return str(made["id"])


async def account(door: GraphQLDoor, currency: str = "EUR", name: str = "Giro") -> str:
    """Open an account."""
    body = {"name": name, "type": "CHECKING", "currency": currency}
    return str((await door.call("CreateAccount", body))["id"])


async def category(door: GraphQLDoor, name: str, kind: str = "EXPENSE") -> str:
    """Make a category."""
    return str((await door.call("CreateCategory", {"name": name, "kind": kind}))["id"])


async def rule_in(world: World, *conditions: dict[str, Any], **more: Any) -> Any:
    """Make a rule in a world without doors."""
    raw = {"name": "Rule", "conditions": list(conditions), "actions": {"tags": ["hit"]}, **more}
    return await world.write(lambda write: create_rule(write, parse(RuleCreate, raw)))


def cat(value: Any) -> str:
    """A category's wire id."""
    return ids.encode("cat", value)
