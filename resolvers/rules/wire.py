"""The wire form of rules; names are the graph's own."""

from typing import Any

from models import ids
from models.rules import Labels, RuleCondition, RuleRow, RuleRunRow
from resolvers.wire import instant, reference, stored, wire


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


@wire.register
def _run(row: RuleRunRow) -> dict[str, Any]:
    return {
        **stored("run", row),
        "status": row.status,
        "ruleIds": [ids.encode("rule", one) for one in row.rule_ids],
        "from": row.from_date.isoformat() if row.from_date else None,
        "to": row.to_date.isoformat() if row.to_date else None,
        "accountId": reference("acct", row.account_id),
        "overwrite": row.overwrite,
        "rowsDone": row.rows_done,
        "rowsTotal": row.rows_total,
        "changed": row.changed,
        "restored": row.restored,
        "kept": row.kept,
        "errorCode": row.error_code,
        "startedAt": instant(row.started_at),
        "finishedAt": instant(row.finished_at),
    }
