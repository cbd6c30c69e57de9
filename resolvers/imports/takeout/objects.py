"""Objects of a takeout as rows of the ledger they come to: new ids, everything else as it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from models import ids
from models.accounts import AccountRow
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import CategoryRow
from models.imports import ImportLineRow, ImportRunRow
from models.notifications import NotificationRow
from models.rates import RateRow
from models.rules import RuleRow
from models.templates import TemplateRow
from models.transactions import LOCKABLE, SplitRow, TransactionRow
from models.uploads import UploadRow
from resolvers.budgets.inputs import DEFAULT_ALERTS
from resolvers.errors import FieldError, Invalid, invalid
from resolvers.imports.takeout.kept import (
    WORDS,
    KeptAccount,
    KeptBudget,
    KeptCategory,
    KeptImport,
    KeptImportRow,
    KeptNotification,
    KeptRate,
    KeptRule,
    KeptTemplate,
    KeptTransaction,
    KeptUpload,
)
from resolvers.imports.takeout.survey import Survey, brought
from resolvers.money import format_minor, parse_minor
from resolvers.rates.own import checked_rate
from resolvers.rules.inputs import check_conditions
from resolvers.rules.writes import draft_of

_MAPPED: Final = frozenset({"acct", "cat", "txn", "bdgt", "item", "tmpl", "file", "imp", "notif", "rate", "rule"})  # fmt: skip


@dataclass(slots=True)
class Names:
    """What the objects of a takeout are called here."""

    ledger_id: UUID
    import_id: UUID
    survey: Survey
    adopted: Mapping[UUID, UUID] = field(default_factory=dict)
    """Categories, and of other apps' exports accounts, that are here already."""

    def new(self, old: UUID) -> UUID:
        """The id here of what had an id there."""
        return self.adopted.get(old) or brought(self.import_id, old)

    def category(self, old: UUID | None, path: str = "categoryId") -> UUID | None:
        """A category; raises VALIDATION_ERROR for one that the takeout does not hold."""
        if old is None:
            return None
        if old not in self.survey.categories:
            raise invalid(path, "The takeout holds no such category.", "NOT_FOUND")
        return self.new(old)

    def account(self, old: UUID) -> tuple[UUID, str]:
        """An account and its currency; raises VALIDATION_ERROR as for categories."""
        currency = self.survey.accounts.get(old)
        if currency is None:
            raise invalid("accountId", "The takeout holds no such account.", "NOT_FOUND")
        return self.new(old), currency

    def text(self, wire_id: str) -> str:
        """An id on the wire, where it is of something that was brought along."""
        prefix = ids.prefix_of(wire_id)
        old = ids.decode(prefix, wire_id) if prefix in _MAPPED else None
        if prefix is None or old is None:
            return wire_id
        return ids.encode(prefix, self.new(old))

    def anywhere(self, value: Any) -> Any:
        """JSON with all ids in it renamed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.anywhere(one) for one in value]
        if isinstance(value, dict):
            return {name: self.anywhere(one) for name, one in value.items()}
        return value


def _minor(path: str, text: str, currency: str) -> int:
    try:
        return parse_minor(text, currency)
    except ValueError as error:
        raise invalid(path, str(error)) from error


def _word(path: str, value: str) -> str:
    if value not in WORDS[path]:
        raise invalid(path, f"Must be one of {', '.join(sorted(WORDS[path]))}.")
    return value


def category_row(names: Names, one: KeptCategory) -> CategoryRow:
    """A category; its place in the tree is the survey's."""
    planted = names.survey.categories[one.id]
    return CategoryRow(
        ledger_id=names.ledger_id, id=names.category(one.id) or names.new(one.id),
        parent_id=names.category(planted.parent_id, "parentId"), name=one.name, kind=one.kind,
        key=planted.key, color=one.color, icon=one.icon, archived=one.archived, version=1,
        created_at=one.created_at, updated_at=one.updated_at,
    )  # fmt: skip


def account_row(names: Names, one: KeptAccount) -> AccountRow:
    """An account."""
    return AccountRow(
        ledger_id=names.ledger_id, id=names.new(one.id), name=one.name, type=one.type,
        currency=one.currency,
        opening_minor=_minor("openingBalance", one.opening_balance, one.currency),
        opening_date=one.opening_date, institution=one.institution or None,
        number=one.number or None, archived=one.archived, version=1, created_at=one.created_at,
        updated_at=one.updated_at,
    )  # fmt: skip


def transaction_row(names: Names, one: KeptTransaction) -> TransactionRow:
    """A transaction without its links to others, which are made when all are there."""
    account, currency = names.account(one.account_id)
    if one.currency not in {None, currency}:
        message = f"The amount is in {one.currency}, but its account is in {currency}."
        raise invalid("currency", message)
    minor = _minor("amount", one.amount, currency)
    new = names.new(one.id)
    parts = []
    for number, part in enumerate(one.splits or ()):
        path = f"splits.{number}."
        parts.append(
            SplitRow(
                id=uuid5(new, str(number)),
                category_id=names.category(part.category_id, f"{path}categoryId") or new,
                amount_minor=_minor(f"{path}amount", part.amount, currency),
                notes=part.notes or None,
                currency=currency,
            )
        )
    found = sum(part.amount_minor for part in parts)
    if parts and found != minor:
        told = f"The parts make {format_minor(found, currency)}, not {one.amount}."
        raise Invalid([FieldError("splits", "INVALID", told)])
    category = None if parts else names.category(one.category_id)
    kind = None
    if category is not None and one.category_id is not None:
        kind = names.survey.categories[one.category_id].kind
    return TransactionRow(
        ledger_id=names.ledger_id, id=new, account_id=account, category_id=category,
        date=one.date, amount_minor=minor, currency=currency, description=one.description,
        payee=one.payee or None, notes=one.notes or None, tags=tuple(one.tags or ()),
        status=one.status or "POSTED", split_count=len(parts), splits=tuple(parts),
        transfer_id=None, refund_of=None, external_id=one.external_id,
        import_id=names.new(one.import_id) if one.import_id in names.survey.imports else None,
        template_id=names.new(one.template_id) if one.template_id else None, group_id=None,
        category_kind=kind, content_key=None, deleted_at=one.deleted_at, version=1,
        created_at=one.created_at, updated_at=one.updated_at,
        occurrence_date=one.occurrence_date if one.template_id else None,
        locked=tuple(name for name in LOCKABLE if name in one.locked_fields),
    )  # fmt: skip


def upload_row(names: Names, one: KeptUpload) -> UploadRow:
    """A file's facts; what it proves is looked up where it is stored."""
    return UploadRow(
        ledger_id=names.ledger_id, id=names.new(one.id), filename=one.filename,
        content_type=one.content_type, size=one.size, sha256=one.sha256, purpose=one.purpose,
        transaction_id=names.new(one.transaction_id) if one.transaction_id else None, version=1,
        created_at=one.created_at, updated_at=one.updated_at,
    )  # fmt: skip


def import_row(names: Names, one: KeptImport) -> ImportRunRow:
    """A run of the importer; one that was running when the takeout was made has ended there."""
    if one.upload_id not in names.survey.uploads:
        raise invalid("uploadId", "The takeout does not tell of its file.", "NOT_FOUND")
    status, code, message = _word("status", one.status), one.error_code, one.error_message
    if status in {"PROCESSING", "PENDING"}:
        status, code = "FAILED", "INTERRUPTED"
        message = "It was not finished when the takeout was made; import the file again."
    return ImportRunRow(
        ledger_id=names.ledger_id, id=names.new(one.id), upload_id=names.new(one.upload_id),
        account_id=names.account(one.account_id)[0] if one.account_id else None,
        status=status, format=one.format, dry_run=one.dry_run, deleted_policy=one.deleted,
        confirmed=one.confirmed, mapping=one.mapping, detected=one.detected,
        questions=one.questions, warnings=one.warnings, headers=one.headers,
        counts=dict(one.counts), accounts=names.anywhere(one.accounts), error_code=code,
        error_message=message, rows_done=one.rows_done, rows_total=one.rows_total,
        started_at=one.started_at, finished_at=one.finished_at, kept=one.kept,
        opened=tuple(names.text(wire_id) for wire_id in one.opened), version=1,
        created_at=one.created_at, updated_at=one.updated_at, mapping_name=one.mapping_name,
    )  # fmt: skip


def import_line(names: Names, one: KeptImportRow) -> ImportLineRow:
    """What became of a row of a file."""
    if one.import_id not in names.survey.imports:
        raise invalid("importId", "The takeout does not tell of its import.", "NOT_FOUND")
    return ImportLineRow(
        id=names.new(one.uuid), ledger_id=names.ledger_id, import_id=names.new(one.import_id),
        position=one.position, line=one.line, decision=_word("decision", one.decision),
        reason=one.reason,
        transaction_id=names.new(one.transaction_id) if one.transaction_id else None,
        date=one.date, amount=one.amount, currency=one.currency, description=one.description,
        payee=one.payee, code=one.reason_code, score=one.score, overruled=one.overruled,
        other_id=names.new(one.transfer_id) if one.transfer_id else None, notes=one.notes,
        category=one.category, external_id=one.external_id, minor=one.minor,
        bank_id=one.bank_id, memory=one.memory,
    )  # fmt: skip


def budget_row(names: Names, one: KeptBudget) -> BudgetRow:
    """A budget with its items."""
    if one.currency is None:
        raise invalid("currency", "Required.", "REQUIRED")
    if one.end_date is not None and one.end_date < one.start_date:
        raise invalid("endDate", "The end lies before the start.")
    if one.end_date is None and one.period == "CUSTOM":
        raise invalid("endDate", "A CUSTOM budget needs its last day.")
    budget_id = names.new(one.id)
    items = []
    for number, item in enumerate(one.items):
        path = f"items.{number}."
        minor = _minor(f"{path}amount", item.amount, one.currency)
        if minor < 0:
            raise invalid(f"{path}amount", "A plan is zero or more, income or expense.")
        items.append(
            BudgetItemRow(
                ledger_id=names.ledger_id, id=names.new(item.id), budget_id=budget_id,
                category_id=names.category(item.category_id, f"{path}categoryId") or budget_id,
                amount_minor=minor, currency=one.currency, carry=item.carry, version=1,
                created_at=item.created_at, updated_at=item.updated_at,
            )
        )  # fmt: skip
    if len({item.category_id for item in items}) < len(items):
        raise invalid("items", "Two items have the same category.", "DUPLICATE")
    alerts = DEFAULT_ALERTS if one.alert_percents is None else one.alert_percents
    return BudgetRow(
        ledger_id=names.ledger_id, id=budget_id, name=one.name, period=one.period,
        start_date=one.start_date, end_date=one.end_date, currency=one.currency,
        alert_percents=tuple(alerts), items=tuple(items), version=1, created_at=one.created_at,
        updated_at=one.updated_at,
    )  # fmt: skip


def template_row(names: Names, one: KeptTemplate) -> TemplateRow:
    """A template."""
    account, currency = names.account(one.account_id)
    return TemplateRow(
        ledger_id=names.ledger_id, id=names.new(one.id), name=one.name, account_id=account,
        category_id=names.category(one.category_id),
        amount_minor=_minor("amount", one.amount, currency), currency=currency,
        description=one.description, payee=one.payee or None, frequency=one.frequency,
        interval=one.interval, day_of_month=one.day_of_month, weekend_policy=one.weekend_policy,
        start_date=one.start_date, end_date=one.end_date, auto_post=one.auto_post,
        settled_until=one.settled_until, version=1, created_at=one.created_at,
        updated_at=one.updated_at,
    )  # fmt: skip


def rule_row(names: Names, one: KeptRule) -> RuleRow:
    """A rule; what it speaks of has its new id."""
    wrong: list[FieldError] = []
    conditions = []
    for part in one.conditions:
        accounts = [names.account(old)[0] for old in part.account_ids or ()] or None
        conditions.append(part.model_copy(update={"account_ids": accounts}))
    check_conditions(conditions, wrong)
    if wrong:
        raise Invalid(wrong)
    category = names.category(one.actions.category_id, "actions.categoryId")
    actions = one.actions.model_copy(update={"category_id": category})
    draft = one.model_copy(update={"conditions": conditions, "actions": actions})
    return draft_of(
        names.ledger_id, draft, id=names.new(one.id), name=one.name, position=one.position,
        active=one.active, stop=one.stop, created_at=one.created_at, updated_at=one.updated_at,
    )  # fmt: skip


def rate_row(names: Names, one: KeptRate) -> RateRow:
    """An own rate."""
    return RateRow(
        ledger_id=names.ledger_id, id=names.new(one.id), from_currency=one.from_,
        to_currency=one.to, day=one.date, rate=checked_rate(one), version=1,
        created_at=one.created_at, updated_at=one.updated_at,
    )  # fmt: skip


def notification_row(names: Names, one: KeptNotification) -> NotificationRow:
    """Something that was told; what it speaks of has its new id."""
    return NotificationRow(
        ledger_id=names.ledger_id, id=names.new(one.id), type=_word("type", one.type),
        title=one.title, body=one.body, data=names.anywhere(one.data), read_at=one.read_at,
        version=1, created_at=one.created_at, updated_at=one.updated_at,
    )  # fmt: skip
