"""The wire form of rules; names are the graph's own."""

from typing import Any

from models import ids
from models.rules import Labels, RuleCondition, RuleRow
from resolvers.wire import reference, stored, wire


@wire.register
def _condition(row: RuleCondition) -> dict[str, Any]:
    return {
        "field": row.field,
        "operator": row.operator,
        "value": row.value,
        "min": row.minimum,
        "max": row.maximum,
        "direction": row.direction,
        "accountIds": [ids.encode("acct", one) for one in row.account_ids],
        "not": row.negate,
    }


@wire.register
def _rule(row: RuleRow) -> dict[str, Any]:
    return {
        **stored("rule", row),
        "name": row.name,
        "position": row.position,
        "active": row.active,
        "stop": row.stop,
        "match": row.match,
        "conditions": [wire(one) for one in row.conditions],
        "actions": wire(Labels(row.ledger_id, row.category_id, row.payee, row.tags, row.notes)),
    }


@wire.register
def _labels(row: Labels) -> dict[str, Any]:
    return {
        "categoryId": reference("cat", row.category_id),
        "payee": row.payee,
        "tags": list(row.tags),
        "notes": row.notes,
    }
