"""From checked input to transaction rows: money rules of one row, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from models.base import maker
from models.ids import new_id
from models.transactions import LOCKABLE, RefundedRow, SplitRow, TransactionRow
from resolvers.errors import Conflict, ErrorCode, FieldError, Invalid
from resolvers.money import format_minor, parse_minor
from resolvers.transactions.handset import locked_after, locked_at_birth
from resolvers.transactions.inputs import SplitInput, TransactionCreate, TransactionUpdate
from resolvers.transactions.locks import require_unlocked
from resolvers.transactions.references import Book, References
from resolvers.wire import reference

_make = maker(TransactionRow)


def amount_or_error(path: str, text: str, currency: str, wrong: list[FieldError]) -> int:
    """Minor units, or 0 and a field error."""
    try:
        return parse_minor(text, currency)
    except ValueError as error:
        wrong.append(FieldError(path, "INVALID", str(error)))
        return 0


def split_rows(
    parts: Sequence[SplitInput],
    amount_minor: int,
    currency: str,
    refs: References,
    wrong: list[FieldError],
) -> tuple[SplitRow, ...]:
    """Parts that sum to the amount; otherwise the error says sum, expected and difference."""
    if len(parts) == 1:
        wrong.append(FieldError("splits", "INVALID", "A split has at least two parts."))
    before = len(wrong)
    rows = []
    for index, part in enumerate(parts):
        refs.category(part.category_id, f"splits.{index}.categoryId", wrong)
        minor = amount_or_error(f"splits.{index}.amount", part.amount, currency, wrong)
        rows.append(SplitRow(new_id(), part.category_id, minor, part.notes or None, currency))
    total = sum(row.amount_minor for row in rows)
    if len(wrong) == before and rows and total != amount_minor:
        difference = amount_minor - total
        told = {
            "sum": format_minor(total, currency),
            "expected": format_minor(amount_minor, currency),
            "difference": format_minor(difference, currency),
        }
        message = (
            f"The parts sum to {told['sum']}, the amount is {told['expected']}: "
            f"{told['difference']} is missing."
        )
        raise Invalid(
            [*wrong, FieldError("splits", "SPLIT_SUM", message)], details={"splits": told}
        )
    return tuple(rows)


def check_external(
    refs: References, account_id: UUID, external_id: str | None, own: UUID | None
) -> None:
    """An external id names one living transaction of an account."""
    if external_id is None:
        return
    taken = refs.external.get((account_id, external_id))
    if taken is not None and taken != own:
        raise Conflict(
            "A transaction of this account has this externalId already.",
            details={"field": "externalId", "id": reference("txn", taken)},
        )


def draft_create(
    data: TransactionCreate, refs: References, ledger_id: UUID, now: datetime
) -> tuple[TransactionRow, TransactionRow | None]:
    """A new row, and the other side where it is a transfer; raises with all wrong fields."""
    wrong: list[FieldError] = []
    account = refs.account(data.account_id, "accountId", wrong)
    currency = account.currency if account is not None else data.currency
    if account is not None and data.currency not in {None, account.currency}:
        wrong.append(
            FieldError("currency", "INVALID", f"The account's currency is {account.currency}.")
        )
    minor = amount_or_error("amount", data.amount, currency, wrong) if currency else 0
    category = None
    if data.category_id is not None:
        category = refs.category(data.category_id, "categoryId", wrong)
    refunded = None
    if data.refund_of is not None:
        refunded = refs.refund(data.refund_of, None, wrong)
    if data.splits and data.category_id is not None:
        wrong.append(
            FieldError("categoryId", "INVALID", "A split has its categories in its parts.")
        )
    splits: tuple[SplitRow, ...] = ()
    if currency and data.splits is not None:
        splits = split_rows(data.splits, minor, currency, refs, wrong)
    other_account = _transfer_account(data, refs, wrong)
    other_minor = _other_minor(data.transfer_amount, minor, account, other_account, wrong)
    if wrong or account is None:
        raise Invalid(wrong)
    check_external(refs, account.id, data.external_id, None)
    category_id, payee, notes = data.category_id, data.payee or None, data.notes or None
    tags = tuple(data.tags or ())
    locked = locked_at_birth(
        category=category_id, splits=splits, payee=payee, tags=tags, notes=notes
    )
    row = _make(
        ledger_id=ledger_id, id=new_id(), account_id=account.id, category_id=category_id,
        date=data.date, amount_minor=minor, currency=account.currency,
        description=data.description, payee=payee, notes=notes, tags=tags,
        status=data.status or "POSTED", split_count=len(splits), splits=splits, transfer_id=None,
        refund_of=data.refund_of, external_id=data.external_id, import_id=None, template_id=None,
        group_id=None, category_kind=category.kind if category else None, content_key=None,
        deleted_at=None, version=1, created_at=now, updated_at=now, occurrence_date=None,
        group_transaction_id=None, refunded=refunded, locked=locked,
    )  # fmt: skip
    if other_account is None:
        return row, None
    other = replace(
        row,
        id=new_id(),
        account_id=other_account.id,
        amount_minor=other_minor,
        currency=other_account.currency,
        external_id=None,
        transfer_id=row.id,
    )
    return replace(row, transfer_id=other.id), other


def _transfer_account(
    data: TransactionCreate, refs: References, wrong: list[FieldError]
) -> Book | None:
    if data.transfer_account_id is None:
        if data.transfer_amount is not None:
            wrong.append(FieldError("transferAmount", "INVALID", "Only with transferAccountId."))
        return None
    if data.transfer_account_id == data.account_id:
        wrong.append(
            FieldError("transferAccountId", "INVALID", "A transfer goes to another account.")
        )
    for name, value in (("categoryId", data.category_id), ("splits", data.splits)):
        if value:
            wrong.append(FieldError(name, "INVALID", "A transfer has no category."))
    if data.refund_of is not None:
        wrong.append(FieldError("refundOf", "INVALID", "A transfer is no refund."))
    return refs.account(data.transfer_account_id, "transferAccountId", wrong)


def _other_minor(
    text: str | None,
    minor: int,
    account: Book | None,
    other: Book | None,
    wrong: list[FieldError],
) -> int:
    """The other side's amount: the opposite, or its own where currencies differ."""
    if account is None or other is None:
        return 0
    if text is None:
        if account.currency != other.currency:
            wrong.append(
                FieldError(
                    "transferAmount",
                    "REQUIRED",
                    f"Give the amount in {other.currency}: the currencies differ.",
                )
            )
        return -minor
    size = _size(text, other.currency, minor, wrong)
    if account.currency == other.currency and size != abs(minor):
        wrong.append(
            FieldError("transferAmount", "INVALID", "Both sides are equal in one currency.")
        )
    return -size if minor > 0 else size


def _size(text: str, currency: str, minor: int, wrong: list[FieldError]) -> int:
    """Magnitude of the other side; a sign, where one is given, must be the opposite."""
    given = amount_or_error("transferAmount", text, currency, wrong)
    if given < 0 and minor < 0:
        wrong.append(
            FieldError("transferAmount", "INVALID", "What leaves one account enters the other.")
        )
    return abs(given)


def draft_update(
    old: TransactionRow,
    other: TransactionRow | None,
    data: TransactionUpdate,
    refs: References,
    now: datetime,
) -> tuple[TransactionRow, TransactionRow | None]:
    """The row as it will be, and the other side of a transfer changed with it."""
    wrong: list[FieldError] = [
        FieldError(name, "REQUIRED", "May not be null.")
        for name, attribute in _NEVER_NULL
        if data.given(attribute) and getattr(data, attribute) is None
    ]
    if old.group_transaction_id is not None:
        _spare_leg(old, data)
    account_id = old.account_id
    if data.account_id is not None and data.account_id != old.account_id:
        account = refs.account(data.account_id, "accountId", wrong)
        if account is not None and account.currency != old.currency:
            wrong.append(
                FieldError("accountId", "INVALID", f"That account is in {account.currency}.")
            )
        if other is not None and other.account_id == data.account_id:
            wrong.append(FieldError("accountId", "INVALID", "A transfer goes to another account."))
        account_id = data.account_id
    minor = old.amount_minor
    if data.amount is not None:
        minor = amount_or_error("amount", data.amount, old.currency, wrong)
    refund_of, refunded = _refund(old, data, refs, wrong)
    new = replace(
        old,
        account_id=account_id,
        date=data.date or old.date,
        amount_minor=minor,
        description=data.description or old.description,
        payee=(data.payee or None) if data.given("payee") else old.payee,
        notes=(data.notes or None) if data.given("notes") else old.notes,
        tags=tuple(data.tags or ()) if data.given("tags") else old.tags,
        status=data.status or old.status,
        external_id=data.external_id if data.given("external_id") else old.external_id,
        refund_of=refund_of,
        refunded=refunded,
    )
    new = _categorise(new, data, refs, wrong, transfer=other is not None)
    mirrored = None if other is None else _mirror(new, other, data.transfer_amount, wrong)
    if other is None and data.transfer_amount is not None:
        wrong.append(FieldError("transferAmount", "INVALID", "This is not a transfer."))
    if wrong:
        raise Invalid(wrong)
    require_unlocked(old, new)
    if other is not None and mirrored is not None:
        require_unlocked(other, mirrored, side=True)
    check_external(refs, new.account_id, new.external_id, old.id)
    new = replace(new, locked=locked_after(old, new))
    if other is not None and mirrored is not None:
        mirrored = replace(mirrored, locked=locked_after(other, mirrored))
    if data.given("locked_fields"):
        wanted = data.locked_fields or ()
        new = replace(new, locked=tuple(name for name in LOCKABLE if name in wanted))
    return _stamped(old, new, now), None if mirrored is None else _stamped(other, mirrored, now)


def _spare_leg(old: TransactionRow, data: TransactionUpdate) -> None:
    """Raise READ_ONLY for what a leg takes from its group transaction."""
    wrong = []
    if data.amount is not None and Decimal(data.amount) != Decimal(
        format_minor(old.amount_minor, old.currency)
    ):
        wrong.append("amount")
    if data.given("category_id") and data.category_id != old.category_id:
        wrong.append("categoryId")
    wrong += ["splits"] if data.splits else []
    wrong += ["refundOf"] if data.refund_of is not None else []
    if wrong:
        message = "It follows the group's transaction; change that one, or your share of it."
        raise Invalid(
            [FieldError(name, "READ_ONLY", message) for name in wrong], code=ErrorCode.READ_ONLY
        )


def _refund(
    old: TransactionRow, data: TransactionUpdate, refs: References, wrong: list[FieldError]
) -> tuple[UUID | None, RefundedRow | None]:
    """What the row refunds after the change; what it refunds already may lie in the trash."""
    if not data.given("refund_of"):
        return old.refund_of, old.refunded
    if data.refund_of is None:
        return None, None
    if data.refund_of == old.refund_of:
        return old.refund_of, old.refunded
    if old.transfer_id is not None:
        wrong.append(FieldError("refundOf", "INVALID", "A transfer is no refund."))
    return data.refund_of, refs.refund(data.refund_of, old.id, wrong)


_NEVER_NULL = (
    ("accountId", "account_id"),
    ("date", "date"),
    ("amount", "amount"),
    ("description", "description"),
    ("status", "status"),
)


def _categorise(
    row: TransactionRow,
    data: TransactionUpdate,
    refs: References,
    wrong: list[FieldError],
    *,
    transfer: bool,
) -> TransactionRow:
    """Category and parts after the change; the parts still sum to the amount."""
    if data.category_id is not None:
        category = refs.category(data.category_id, "categoryId", wrong)
        row = replace(
            row, category_id=data.category_id, category_kind=category.kind if category else None
        )
    elif data.given("category_id"):
        row = replace(row, category_id=None, category_kind=None)
    if transfer and (row.category_id is not None or data.splits):
        wrong.append(FieldError("categoryId", "INVALID", "A transfer has no category."))
    if data.given("splits"):
        parts = data.splits or ()
        if parts and data.category_id is not None:
            wrong.append(
                FieldError("categoryId", "INVALID", "A split has its categories in its parts.")
            )
        splits = split_rows(parts, row.amount_minor, row.currency, refs, wrong)
        if _same_parts(splits, row.splits):
            splits = row.splits
        elif splits:
            row = replace(row, category_id=None, category_kind=None)
        return replace(row, splits=splits, split_count=len(splits))
    if row.splits:
        if data.category_id is not None:
            wrong.append(
                FieldError("categoryId", "INVALID", "Send splits: [] to make it one category.")
            )
        total = sum(part.amount_minor for part in row.splits)
        if total != row.amount_minor:
            told = format_minor(total, row.currency)
            wrong.append(
                FieldError(
                    "amount", "SPLIT_SUM", f"The parts sum to {told}; send changed splits along."
                )
            )
    return row


def _same_parts(one: Sequence[SplitRow], other: Sequence[SplitRow]) -> bool:
    return [(p.category_id, p.amount_minor, p.notes) for p in one] == [
        (p.category_id, p.amount_minor, p.notes) for p in other
    ]


def _mirror(
    row: TransactionRow, other: TransactionRow, text: str | None, wrong: list[FieldError]
) -> TransactionRow:
    """The other side of a transfer: same day and words, opposite money."""
    minor = other.amount_minor
    if row.currency == other.currency:
        minor = -row.amount_minor
        if text is not None:
            size = _size(text, other.currency, row.amount_minor, wrong)
            if size != abs(minor):
                wrong.append(
                    FieldError("transferAmount", "INVALID", "Both sides are equal in one currency.")
                )
    else:
        size = abs(minor)
        if text is not None:
            size = _size(text, other.currency, row.amount_minor, wrong)
        minor = -size if row.amount_minor > 0 else size
    return replace(
        other,
        date=row.date,
        amount_minor=minor,
        description=row.description,
        payee=row.payee,
        notes=row.notes,
        tags=row.tags,
    )


def _stamped(old: TransactionRow | None, new: TransactionRow, now: datetime) -> TransactionRow:
    if old is None or new == old:
        return new
    return replace(new, version=old.version + 1, updated_at=now)
