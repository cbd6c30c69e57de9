"""The wire form of stored objects, for what is not asked field by field.

Used for the current object of a stale write, for read-only values that a client sends back, and
for feeds.  Names are the graph's own; a test compares them with the schema.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import singledispatch
from typing import Any, Final
from uuid import UUID

from models import ids
from models.accounts import AccountRow
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import CategoryRow
from models.groups import (
    GroupRow,
    GroupTransactionRow,
    MemberRow,
    PaymentRow,
    PortionRow,
    ShareRow,
)
from models.imports import ImportRunRow
from models.invitations import InvitationRow
from models.notifications import NotificationRow
from models.rates import RateRow
from models.templates import TemplateRow
from models.transactions import RefundedRow, SplitRow, TransactionRow
from models.uploads import UploadRow
from models.users import UserRow
from resolvers.money import format_minor


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def reference(prefix: str, value: UUID | None) -> str | None:
    """An id on the wire; None stays None."""
    return None if value is None else ids.encode(prefix, value)


_MASK: Final = "••••"


def masked_number(number: str | None) -> str | None:
    """An account number with only its last four characters shown."""
    return None if number is None else _MASK + number[-4:]


def is_masked(number: str | None) -> bool:
    """Whether a number is one that we showed, now or earlier: sent back, it counts as absent."""
    return number is not None and number.startswith(_MASK)


def kind_of(row: TransactionRow) -> str:
    """TRANSFER if linked or settling; else the category's kind; else by sign, zero being EXPENSE."""
    if row.transfer_id is not None or (row.group_id is not None and row.category_id is None):
        return "TRANSFER"
    own = None if row.split_count else row.category_kind
    return counts_as(own, row.refunded, row.amount_minor)


def kinds_of(
    transfers: Sequence[UUID | None],
    groups: Sequence[UUID | None],
    categories: Sequence[UUID | None],
    parts: Sequence[int],
    kinds: Sequence[str | None],
    refunded: Sequence[RefundedRow | None],
    minors: Sequence[int],
) -> list[str]:
    """What ``kind_of`` says of rows that are given as columns."""
    if None not in kinds and not any(map(any, (transfers, groups, parts, refunded))):
        return [*kinds]  # type: ignore[list-item]
    return [
        "TRANSFER"
        if transfer is not None or (group is not None and category is None)
        else counts_as(None if split else own, named, minor)
        for transfer, group, category, split, own, named, minor in zip(
            transfers, groups, categories, parts, kinds, refunded, minors, strict=True
        )
    ]


def counts_as(own: str | None, refunded: RefundedRow | None, minor: int) -> str:
    """INCOME or EXPENSE, by the kind of a row's own category, what it refunds and its amount.

    A refund nets the category of what it refunds, so it is of that kind; where that has none, its
    own category decides, and without one it is of the kind that the sign of the other one says.
    """
    if refunded is not None:
        return refunded.category_kind or own or ("EXPENSE" if refunded.spent else "INCOME")
    return own or ("INCOME" if minor > 0 else "EXPENSE")


def stored(prefix: str, row: Any) -> dict[str, Any]:
    """What every stored object has."""
    return {
        "id": ids.encode(prefix, row.id),
        "version": row.version,
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
    }


@singledispatch
def wire(row: Any) -> dict[str, Any]:
    """A stored object as its clients know it, camelCase, ids and amounts as text."""
    raise TypeError(f"{type(row).__name__} has no wire form")


@wire.register
def _account(row: AccountRow) -> dict[str, Any]:
    return {
        **stored("acct", row),
        "name": row.name,
        "type": row.type,
        "currency": row.currency,
        "openingBalance": format_minor(row.opening_minor, row.currency),
        "openingDate": row.opening_date.isoformat() if row.opening_date else None,
        "institution": row.institution,
        "number": masked_number(row.number),
        "archived": row.archived,
    }


@wire.register
def _category(row: CategoryRow) -> dict[str, Any]:
    return {
        **stored("cat", row),
        "name": row.name,
        "kind": row.kind,
        "parentId": reference("cat", row.parent_id),
        "key": row.key,
        "color": row.color,
        "icon": row.icon,
        "archived": row.archived,
    }


@wire.register
def _budget_item(row: BudgetItemRow) -> dict[str, Any]:
    return {
        **stored("item", row),
        "budgetId": ids.encode("bdgt", row.budget_id),
        "categoryId": ids.encode("cat", row.category_id),
        "amount": format_minor(row.amount_minor, row.currency),
        "carry": row.carry,
    }


@wire.register
def _budget(row: BudgetRow) -> dict[str, Any]:
    return {
        **stored("bdgt", row),
        "name": row.name,
        "period": row.period,
        "startDate": row.start_date.isoformat(),
        "endDate": row.end_date.isoformat() if row.end_date else None,
        "currency": row.currency,
        "alertPercents": list(row.alert_percents),
        "items": [wire(item) for item in row.items],
    }


@wire.register
def _split(row: SplitRow) -> dict[str, Any]:
    return {
        "categoryId": ids.encode("cat", row.category_id),
        "amount": format_minor(row.amount_minor, row.currency),
        "notes": row.notes,
    }


@wire.register
def _transaction(row: TransactionRow) -> dict[str, Any]:
    return {
        **stored("txn", row),
        "accountId": ids.encode("acct", row.account_id),
        "categoryId": reference("cat", row.category_id),
        "date": row.date.isoformat(),
        "amount": format_minor(row.amount_minor, row.currency),
        "currency": row.currency,
        "description": row.description,
        "payee": row.payee,
        "notes": row.notes,
        "tags": list(row.tags),
        "status": row.status,
        "kind": kind_of(row),
        "transferId": reference("txn", row.transfer_id),
        "splits": [wire(part) for part in row.splits],
        "externalId": row.external_id,
        "importId": reference("imp", row.import_id),
        "templateId": reference("tmpl", row.template_id),
        "groupId": reference("grp", row.group_id),
        "refundOf": reference("txn", row.refund_of),
    }


@wire.register
def _template(row: TemplateRow) -> dict[str, Any]:
    return {
        **stored("tmpl", row),
        "name": row.name,
        "accountId": ids.encode("acct", row.account_id),
        "categoryId": reference("cat", row.category_id),
        "amount": format_minor(row.amount_minor, row.currency),
        "currency": row.currency,
        "description": row.description,
        "payee": row.payee,
        "frequency": row.frequency,
        "interval": row.interval,
        "dayOfMonth": row.day_of_month,
        "weekendPolicy": row.weekend_policy,
        "startDate": row.start_date.isoformat(),
        "endDate": row.end_date.isoformat() if row.end_date else None,
        "autoPost": row.auto_post,
    }


def rate_text(rate: Decimal) -> str:
    """A rate without the zeros that its column adds."""
    return f"{rate:f}".rstrip("0").removesuffix(".")


@wire.register
def _rate(row: RateRow) -> dict[str, Any]:
    return {
        **stored("rate", row),
        "from": row.from_currency,
        "to": row.to_currency,
        "date": row.day.isoformat(),
        "rate": rate_text(row.rate),
    }


@wire.register
def _user(row: UserRow) -> dict[str, Any]:
    return {
        **stored("user", row),
        "email": row.email,
        "name": row.name,
        "baseCurrency": row.base_currency,
        "locale": row.locale,
        "timeZone": row.time_zone,
        "emailVerified": row.email_verified,
        "twoFactorEnabled": row.two_factor_enabled,
    }


@wire.register
def _upload(row: UploadRow) -> dict[str, Any]:
    return {
        **stored("file", row),
        "filename": row.filename,
        "contentType": row.content_type,
        "size": row.size,
        "sha256": row.sha256,
        "purpose": row.purpose,
        "transactionId": reference("txn", row.transaction_id),
    }


@wire.register
def _import(row: ImportRunRow) -> dict[str, Any]:
    return {
        **stored("imp", row),
        "uploadId": ids.encode("file", row.upload_id),
        "accountId": reference("acct", row.account_id),
        "status": row.status,
        "format": row.format,
        "dryRun": row.dry_run,
        "deleted": row.deleted_policy,
        "detected": row.detected,
        "counts": row.counts,
        "accounts": row.accounts,
        "startedAt": instant(row.started_at),
        "finishedAt": instant(row.finished_at),
    }


@wire.register
def _notification(row: NotificationRow) -> dict[str, Any]:
    return {
        **stored("notif", row),
        "type": row.type,
        "title": row.title,
        "body": row.body,
        "data": row.data,
        "readAt": instant(row.read_at),
    }


@wire.register
def _group(row: GroupRow) -> dict[str, Any]:
    return {**stored("grp", row), "name": row.name, "currency": row.currency}


@wire.register
def _invitation(row: InvitationRow) -> dict[str, Any]:
    return {
        **stored("inv", row),
        "groupId": ids.encode("grp", row.ledger_id),
        "groupName": row.group_name,
        "email": row.email,
        "role": row.role,
        "status": row.status,
        "invitedBy": ids.encode("user", row.invited_by),
        "inviterName": row.inviter_name,
        "expiresAt": instant(row.expires_at),
        "answeredAt": instant(row.answered_at),
    }


@wire.register
def _member(row: MemberRow) -> dict[str, Any]:
    return {
        "userId": ids.encode("user", row.id),
        "groupId": ids.encode("grp", row.ledger_id),
        "name": row.name,
        "email": row.email,
        "role": row.role,
        "joinedAt": instant(row.joined_at),
        "leftAt": instant(row.left_at),
        "version": row.version,
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
    }


@wire.register
def _group_transaction(row: GroupTransactionRow) -> dict[str, Any]:
    return {
        **stored("gtxn", row),
        "groupId": ids.encode("grp", row.ledger_id),
        "kind": row.kind,
        "date": row.date.isoformat(),
        "amount": format_minor(row.amount_minor, row.currency),
        "currency": row.currency,
        "description": row.description,
        "categoryId": reference("cat", row.category_id),
        "paidBy": [wire(one) for one in row.paid_by],
        "splitMethod": row.split_method,
        "shares": [wire(one) for one in row.shares],
        "createdBy": ids.encode("user", row.created_by),
    }


@wire.register
def _payment(row: PaymentRow) -> dict[str, Any]:
    return {
        "userId": ids.encode("user", row.user_id),
        "amount": format_minor(row.amount_minor, row.currency),
    }


@wire.register
def _portion(row: PortionRow) -> dict[str, Any]:
    return {
        "userId": ids.encode("user", row.user_id),
        "weight": row.weight,
        "amount": format_minor(row.amount_minor, row.currency),
    }


@wire.register
def _share(row: ShareRow) -> dict[str, Any]:
    return {
        "groupTransactionId": ids.encode("gtxn", row.id),
        "groupId": ids.encode("grp", row.group_id),
        "kind": row.kind,
        "date": row.date.isoformat(),
        "currency": row.currency,
        "description": row.description,
        "paid": format_minor(row.paid_minor, row.currency),
        "owed": format_minor(row.owed_minor, row.currency),
        "net": format_minor(row.paid_minor - row.owed_minor, row.currency),
        "categoryId": reference("cat", row.category_id),
        "version": row.version,
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
    }
