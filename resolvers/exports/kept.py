"""Stored objects as a takeout keeps them: their wire form and what it leaves out.

The wire form masks an account's number and tells nothing of an object's inner state; who takes
everything along gets both, so that an import brings back what was there.
"""

from datetime import date
from functools import singledispatch
from typing import Any

from models import ids
from models.accounts import AccountRow
from models.audit import AuditRow
from models.auth import PersonalTokenRow, SessionRow
from models.groups import GroupTransactionRow, MemberRow, ShareRow
from models.imports import ImportLineRow, ImportRunRow
from models.rules import RuleChangeRow, RuleRunRow
from models.templates import TemplateRow
from models.transactions import TransactionRow
from resolvers.oidc import IdentityRow
from resolvers.wire import instant, reference, wire


@singledispatch
def kept(row: Any) -> dict[str, Any]:
    """A stored object with everything that is needed to bring it back."""
    return wire(row)


def _day(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


@kept.register
def _account(row: AccountRow) -> dict[str, Any]:
    return {**wire(row), "number": row.number}


@kept.register
def _transaction(row: TransactionRow) -> dict[str, Any]:
    found = {
        **wire(row),
        "occurrenceDate": _day(row.occurrence_date),
        "groupTransactionId": reference("gtxn", row.group_transaction_id),
        "lockedFields": list(row.locked),
    }
    return {**found, "deletedAt": instant(row.deleted_at)} if row.deleted_at else found


@kept.register
def _template(row: TemplateRow) -> dict[str, Any]:
    return {**wire(row), "settledUntil": _day(row.settled_until)}


@kept.register
def _group_transaction(row: GroupTransactionRow) -> dict[str, Any]:
    return {**wire(row), "deletedAt": instant(row.deleted_at)} if row.deleted_at else wire(row)


@kept.register
def _member(row: MemberRow) -> dict[str, Any]:
    return {**wire(row), "leftAt": instant(row.left_at)}


@kept.register
def _share(row: ShareRow) -> dict[str, Any]:
    found = {
        **wire(row),
        "groupCategoryId": reference("cat", row.group_category_id),
        "sourceVersion": row.source_version,
    }
    return {**found, "deletedAt": instant(row.deleted_at)} if row.deleted_at else found


@kept.register
def _import(row: ImportRunRow) -> dict[str, Any]:
    return {
        **wire(row),
        "confirmed": row.confirmed,
        "mapping": row.mapping,
        "mappingName": row.mapping_name,
        "questions": row.questions,
        "warnings": row.warnings,
        "headers": row.headers,
        "errorCode": row.error_code,
        "errorMessage": row.error_message,
        "rowsDone": row.rows_done,
        "rowsTotal": row.rows_total,
        "reverting": row.reverting,
        "opened": list(row.opened),
        "kept": row.kept,
    }


@kept.register
def _line(row: ImportLineRow) -> dict[str, Any]:
    return {
        "uuid": str(row.id),
        "importId": ids.encode("imp", row.import_id),
        "position": row.position,
        "line": row.line,
        "decision": row.decision,
        "reason": row.reason,
        "reasonCode": row.code,
        "score": row.score,
        "overruled": row.overruled,
        "transactionId": reference("txn", row.transaction_id),
        "transferId": reference("txn", row.other_id),
        "date": row.date,
        "amount": row.amount,
        "currency": row.currency,
        "description": row.description,
        "payee": row.payee,
        "notes": row.notes,
        "category": row.category,
        "externalId": row.external_id,
        "bankId": row.bank_id,
        "memory": row.memory,
        "minor": row.minor,
        "key": row.key,
        "leftVersion": row.left_version,
        "undo": row.undo,
    }


@kept.register
def _run(row: RuleRunRow) -> dict[str, Any]:
    return {**wire(row), "lastUuid": None if row.last_id is None else str(row.last_id)}


@kept.register
def _change(row: RuleChangeRow) -> dict[str, Any]:
    return {
        "uuid": str(row.id),
        "runId": ids.encode("run", row.run_id),
        "transactionId": ids.encode("txn", row.transaction_id),
        "before": wire(row.before),
        "after": wire(row.after),
        "ruleIds": [ids.encode("rule", one) for one in row.rule_ids],
        "outcome": row.outcome,
        "kept": list(row.kept),
    }


@kept.register
def _session(row: SessionRow) -> dict[str, Any]:
    return {
        "id": ids.encode("ses", row.id),
        "userAgent": row.user_agent,
        "createdAt": instant(row.created_at),
        "lastUsedAt": instant(row.last_used_at),
        "expiresAt": instant(row.expires_at),
    }


@kept.register
def _personal_token(row: PersonalTokenRow) -> dict[str, Any]:
    return {
        "id": ids.encode("tok", row.id),
        "name": row.name,
        "scopes": row.scopes,
        "createdAt": instant(row.created_at),
        "lastUsedAt": instant(row.last_used_at),
        "expiresAt": instant(row.expires_at),
    }


@kept.register
def _identity(row: IdentityRow) -> dict[str, Any]:
    told = instant(row.created_at)
    return {"uuid": str(row.id), "provider": row.provider, "createdAt": told}


@kept.register
def _audit(row: AuditRow) -> dict[str, Any]:
    return {
        "number": row.seq,
        "event": row.event,
        "at": instant(row.at),
        "sessionId": reference("ses", row.session_id),
        "details": row.details,
    }
