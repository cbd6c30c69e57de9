"""From checked input to a group transaction: the money rules of one row, without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from models.categories import CategoryRow
from models.groups import GroupRow, GroupTransactionRow, MemberRow, PaymentRow, PortionRow
from resolvers.errors import ErrorCode, FieldError, Invalid
from resolvers.groups.inputs import (
    GroupTransactionCreate,
    GroupTransactionUpdate,
    PaidInput,
    ShareInput,
    scaled,
)
from resolvers.groups.splits import apportion
from resolvers.money import format_minor, parse_minor

_HUNDRED = scaled("100")


def people_of(row: GroupTransactionRow) -> set[UUID]:
    """Everybody who paid or owes in it."""
    return {one.user_id for one in row.paid_by} | {one.user_id for one in row.shares}


@dataclass(slots=True)
class Draft:
    """One group transaction on its way, with every mistake found so far."""

    row: GroupTransactionRow
    """As it was; of a new one only ids, date and currency are meant."""
    new: bool
    members: Mapping[UUID, MemberRow]
    """Everybody of whom the group has a record."""
    actor_id: UUID
    wrong: list[FieldError] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def told(self, path: str, code: str, message: str) -> None:
        """Note a mistake."""
        self.wrong.append(FieldError(path, code, message))

    def finish(self) -> None:
        """Raise every mistake at once."""
        if self.wrong:
            raise Invalid(self.wrong, details=self.details)

    def takes_part(self, user_id: UUID) -> bool:
        """Present members do, and former ones in what they are part of already."""
        member = self.members.get(user_id)
        if member is None:
            return False
        return member.left_at is None or user_id in people_of(self.row)

    def minor(self, path: str, text: str, currency: str, *, least: int) -> int:
        """Minor units of at least so many; otherwise a mistake and 0."""
        try:
            minor = parse_minor(text, currency)
        except ValueError as error:
            self.told(path, "INVALID", str(error))
            return 0
        if minor < least:
            self.told(path, "INVALID", "Must be above zero." if least else "Not below zero.")
        return minor

    def sums(self, path: str, code: str, minors: Sequence[int], row: GroupTransactionRow) -> None:
        """Parts that sum to the amount; otherwise the error says sum, expected and difference."""
        total = sum(minors)
        if total == row.amount_minor or self.wrong:
            return
        told = {
            "sum": format_minor(total, row.currency),
            "expected": format_minor(row.amount_minor, row.currency),
            "difference": format_minor(row.amount_minor - total, row.currency),
        }
        self.details[path] = told
        self.told(
            path,
            code,
            f"The parts sum to {told['sum']}, the amount is {told['expected']}: "
            f"{told['difference']} is missing.",
        )


def draft_create(
    data: GroupTransactionCreate, draft: Draft, category: CategoryRow | None, today: date
) -> GroupTransactionRow:
    """A new row; raises with all wrong fields."""
    row = replace(
        draft.row,
        kind=data.kind,
        date=data.date or today,
        currency=data.currency or draft.row.currency,
        description=data.description or "Settlement",
    )
    if data.description is None and data.kind == "EXPENSE":
        draft.told("description", "REQUIRED", "Required.")
    row = replace(row, amount_minor=draft.minor("amount", data.amount, row.currency, least=1))
    row = _categorised(draft, row, data.category_id, category)
    row = _paid(draft, row, data.paid_by)
    default = "EXACT" if row.kind == "SETTLEMENT" else "EQUAL"
    row = replace(row, split_method=data.split_method or default)
    row = _shared(draft, row, data.shares)
    draft.finish()
    return row


def draft_update(
    data: GroupTransactionUpdate, draft: Draft, category: CategoryRow | None
) -> GroupTransactionRow:
    """The row as it will be; what is not said stays, and shares follow a changed amount."""
    old = draft.row
    for name, attribute in _NEVER_NULL:
        if data.given(attribute) and getattr(data, attribute) is None:
            draft.told(name, "REQUIRED", "May not be null.")
    if data.kind is not None and data.kind != old.kind:
        raise Invalid(
            [FieldError("kind", "READ_ONLY", "Cannot be changed.")], code=ErrorCode.READ_ONLY
        )
    row = replace(
        old,
        date=data.date or old.date,
        currency=data.currency or old.currency,
        description=data.description or old.description,
    )
    if data.amount is not None:
        row = replace(row, amount_minor=draft.minor("amount", data.amount, row.currency, least=1))
    elif row.currency != old.currency:
        draft.told("amount", "REQUIRED", f"Give it in {row.currency}.")
    wanted = data.category_id if data.given("category_id") else old.category_id
    row = _categorised(draft, row, wanted, category)
    row = _paid(draft, row, data.paid_by)
    row = replace(row, split_method=data.split_method or old.split_method)
    row = _shared(draft, row, data.shares)
    draft.finish()
    return row


_NEVER_NULL = (
    ("kind", "kind"),
    ("date", "date"),
    ("amount", "amount"),
    ("currency", "currency"),
    ("description", "description"),
    ("paidBy", "paid_by"),
    ("splitMethod", "split_method"),
    ("shares", "shares"),
)


def _categorised(
    draft: Draft, row: GroupTransactionRow, wanted: UUID | None, category: CategoryRow | None
) -> GroupTransactionRow:
    if wanted is None:
        return replace(row, category_id=None)
    if category is None:
        draft.told("categoryId", "NOT_FOUND", "There is no such object.")
    elif row.kind == "SETTLEMENT":
        draft.told("categoryId", "INVALID", "A settlement has no category.")
    elif category.kind != "EXPENSE":
        draft.told("categoryId", "INVALID", "The category is of kind INCOME.")
    return replace(row, category_id=wanted)


def _people(draft: Draft, path: str, given: Sequence[PaidInput | ShareInput]) -> None:
    """Each of them takes part, and once."""
    seen: set[UUID] = set()
    for index, one in enumerate(given):
        if not draft.takes_part(one.user_id):
            draft.told(f"{path}.{index}.userId", "NOT_FOUND", "There is no such member.")
        elif one.user_id in seen:
            draft.told(f"{path}.{index}.userId", "INVALID", "Named twice.")
        seen.add(one.user_id)


def _paid(
    draft: Draft, row: GroupTransactionRow, given: Sequence[PaidInput] | None
) -> GroupTransactionRow:
    """Who paid: the caller alone by default; a changed amount follows a single payer."""
    ledger, currency = row.ledger_id, row.currency
    if given is not None and _sent_back(draft.row, given):
        given = None
    if given is not None:
        _people(draft, "paidBy", given)
        payments = [
            PaymentRow(
                ledger,
                one.user_id,
                draft.minor(f"paidBy.{index}.amount", one.amount, currency, least=1),
                currency,
            )
            for index, one in enumerate(given)
        ]
    elif draft.new:
        payments = [PaymentRow(ledger, draft.actor_id, row.amount_minor, currency)]
    elif len(row.paid_by) == 1:
        payments = [PaymentRow(ledger, row.paid_by[0].user_id, row.amount_minor, currency)]
    else:
        payments = list(row.paid_by)
        if currency != draft.row.currency:
            draft.told("paidBy", "REQUIRED", f"Give the amounts in {currency}.")
    if row.kind == "SETTLEMENT" and len(payments) != 1:
        draft.told("paidBy", "INVALID", "One person pays a settlement.")
    draft.sums("paidBy", "PAID_SUM", [one.amount_minor for one in payments], row)
    return replace(row, paid_by=tuple(payments))


def _sent_back(old: GroupTransactionRow, given: Sequence[PaidInput]) -> bool:
    """Whether payments are the stored ones: a client that sends back all says nothing by them."""
    stored = [
        (one.user_id, Decimal(format_minor(one.amount_minor, one.currency))) for one in old.paid_by
    ]
    return stored == [(one.user_id, Decimal(one.amount)) for one in given]


def _shared(
    draft: Draft, row: GroupTransactionRow, given: Sequence[ShareInput] | None
) -> GroupTransactionRow:
    """Who owes how much of it."""
    if given is not None:
        _people(draft, "shares", given)
        if not given:
            draft.told("shares", "REQUIRED", "At least one share.")
    if row.kind == "SETTLEMENT":
        return _settled(draft, row, given)
    asked = _asked(draft, row, given)
    if draft.wrong:
        return row
    if row.split_method == "EXACT":
        draft.sums("shares", "SPLIT_SUM", [one.amount_minor for one in asked], row)
        return replace(row, shares=tuple(asked))
    weights = {one.user_id: scaled(one.weight or "1") for one in asked}
    if row.split_method == "PERCENT" and sum(weights.values()) != _HUNDRED:
        _percents(draft, sum(weights.values()))
        return row
    minors = apportion(row.amount_minor, weights, row.id)
    shares = tuple(replace(one, amount_minor=minors[one.user_id]) for one in asked)
    _computed(draft, given, shares)
    return replace(row, shares=shares)


def _asked(
    draft: Draft, row: GroupTransactionRow, given: Sequence[ShareInput] | None
) -> list[PortionRow]:
    """Shares as they were asked for; those of other methods than EXACT have no amount yet."""
    if given is None:
        return _kept(draft, row)
    exact, weighed = row.split_method == "EXACT", row.split_method in {"PERCENT", "SHARES"}
    asked = []
    for index, one in enumerate(given):
        place = f"shares.{index}"
        minor = 0
        if exact and one.amount is None:
            draft.told(f"{place}.amount", "REQUIRED", "EXACT shares are amounts.")
        elif one.amount is not None:
            minor = draft.minor(f"{place}.amount", one.amount, row.currency, least=0)
        if weighed and one.weight is None:
            draft.told(f"{place}.weight", "REQUIRED", f"{row.split_method} needs weights.")
        elif one.weight is not None and not weighed:
            draft.told(f"{place}.weight", "INVALID", "Only with PERCENT and SHARES.")
        asked.append(PortionRow(row.ledger_id, one.user_id, minor, one.weight, row.currency))
    return asked


def _kept(draft: Draft, row: GroupTransactionRow) -> list[PortionRow]:
    """Shares that were not said: everybody's alike, or as they were."""
    old = draft.row
    weighed = row.split_method in {"PERCENT", "SHARES"}
    if draft.new and row.split_method == "EQUAL":
        present = [m for m in draft.members.values() if m.left_at is None and m.role != "VIEWER"]
        return [PortionRow(row.ledger_id, m.id, 0, None, row.currency) for m in present]
    lost = row.split_method == "EXACT" and row.currency != old.currency
    if draft.new or lost or (weighed and old.split_method != row.split_method):
        draft.told("shares", "REQUIRED", f"{row.split_method} needs them.")
        return []
    return [
        replace(one, currency=row.currency, weight=one.weight if weighed else None)
        for one in old.shares
    ]


def _percents(draft: Draft, total: int) -> None:
    percents = {"sum": total, "expected": _HUNDRED, "difference": _HUNDRED - total}
    told = {name: _four_digits(value) for name, value in percents.items()}
    draft.details["shares"] = told
    draft.told("shares", "SPLIT_SUM", f"The weights sum to {told['sum']}, not to 100.")


def _four_digits(value: int) -> str:
    sign, (whole, fraction) = "-" if value < 0 else "", divmod(abs(value), _HUNDRED // 100)
    return f"{sign}{whole}.{fraction:04d}".rstrip("0").rstrip(".")


def _computed(
    draft: Draft, given: Sequence[ShareInput] | None, shares: Sequence[PortionRow]
) -> None:
    """Amounts that were sent along are the computed ones, or those that are stored."""
    stored = {one.user_id: one.amount_minor for one in draft.row.shares}
    for index, (one, share) in enumerate(zip(given or (), shares, strict=False)):
        if one.amount is None:
            continue
        minor = parse_minor(one.amount, share.currency)
        if minor not in {share.amount_minor, stored.get(one.user_id)}:
            draft.told(f"shares.{index}.amount", "INVALID", "Only EXACT shares are amounts.")


def _settled(
    draft: Draft, row: GroupTransactionRow, given: Sequence[ShareInput] | None
) -> GroupTransactionRow:
    """One receives all of it, and it is not the one who pays."""
    if row.split_method != "EXACT":
        draft.told("splitMethod", "INVALID", "A settlement is EXACT.")
    if given is None and draft.new:
        draft.told("shares", "REQUIRED", "Name the one who receives it.")
    if given is not None and len(given) != 1:
        draft.told("shares", "INVALID", "One person receives a settlement.")
    if draft.wrong:
        return row
    receiver = given[0].user_id if given is not None else row.shares[0].user_id
    if given is not None and given[0].weight is not None:
        draft.told("shares.0.weight", "INVALID", "Only with PERCENT and SHARES.")
    if receiver == row.paid_by[0].user_id:
        draft.told("shares.0.userId", "INVALID", "Nobody pays herself.")
    if given is not None and given[0].amount is not None:
        minor = draft.minor("shares.0.amount", given[0].amount, row.currency, least=1)
        kept = draft.row.shares[0].amount_minor if draft.row.shares else None
        if minor != kept or draft.new:
            draft.sums("shares", "SPLIT_SUM", [minor], row)
    share = PortionRow(row.ledger_id, receiver, row.amount_minor, None, row.currency)
    return replace(row, shares=(share,))


def blank(group: GroupRow, transaction_id: UUID, actor_id: UUID, now: Any) -> GroupTransactionRow:
    """A group transaction of which nothing is said yet."""
    return GroupTransactionRow(
        ledger_id=group.id, id=transaction_id, kind="EXPENSE", date=now.date(), amount_minor=0,
        currency=group.currency, description="", category_id=None, split_method="EQUAL",
        created_by=actor_id, paid_by=(), shares=(), deleted_at=None, version=1, created_at=now,
        updated_at=now,
    )  # fmt: skip
