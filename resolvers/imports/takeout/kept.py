"""The objects of a takeout as they are read: the rules of new ones, and what they were before.

What a takeout holds beyond that (figures we compute, names of a later version) is left alone.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from models import ids
from models.imports import DECISIONS
from models.imports import STATUSES as IMPORT_STATUSES
from models.notifications import TYPES
from resolvers.accounts import AccountCreate
from resolvers.budgets import BudgetCreate, BudgetItemCreate
from resolvers.categories import CategoryCreate
from resolvers.inputs import (
    AccountRef,
    CategoryRef,
    Input,
    PostingDate,
    ShortText,
    TemplateRef,
    TransactionRef,
    UploadRef,
)
from resolvers.money import MAX_MINOR
from resolvers.rates.own import RateSet
from resolvers.rules.inputs import RuleCreate
from resolvers.templates import TemplateCreate
from resolvers.transactions.inputs import TransactionCreate
from resolvers.users import ProfileUpdate

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 12, 31, tzinfo=UTC)
_MOST: Final = 2**31 - 1
_MOST_BYTES: Final = 1_000_000_000


def _instant(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("An instant is RFC 3339 in UTC.") from error
    if isinstance(value, datetime) and (value.tzinfo is None or not _FIRST <= value <= _LAST):
        raise ValueError("An instant lies between 1970 and 2200, in UTC.")
    return value


def _named(prefix: str) -> BeforeValidator:
    def decode(value: object) -> object:
        if not isinstance(value, str):
            return value
        found = ids.decode(prefix, value)
        if found is None:
            raise ValueError("Not an id.")
        return found

    return BeforeValidator(decode)


def _uuid(value: object) -> object:
    return UUID(value) if isinstance(value, str) else value


Instant = Annotated[datetime, BeforeValidator(_instant)]
Words = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(ge=0, le=_MOST)]


class _Kept(Input):
    model_config = ConfigDict(extra="ignore")

    created_at: Instant
    updated_at: Instant


class KeptProfile(ProfileUpdate):
    """The settings of a person."""

    model_config = ConfigDict(extra="ignore")


class KeptCategory(CategoryCreate, _Kept):
    """A category."""

    id: CategoryRef


class KeptAccount(AccountCreate, _Kept):
    """An account, in the trash if ``deleted_at`` says so."""

    id: AccountRef
    deleted_at: Instant | None = None


class KeptTransaction(TransactionCreate, _Kept):
    """A transaction, in the trash if ``deleted_at`` says so."""

    id: TransactionRef
    transfer_id: TransactionRef | None = None
    import_id: Annotated[UUID, _named("imp")] | None = None
    template_id: TemplateRef | None = None
    group_id: Annotated[UUID, _named("grp")] | None = None
    occurrence_date: PostingDate | None = None
    deleted_at: Instant | None = None
    locked_fields: list[Literal["CATEGORY", "PAYEE", "TAGS", "NOTES"]] = Field(default_factory=list)


class KeptRule(RuleCreate, _Kept):
    """A rule, at its place."""

    id: Annotated[UUID, _named("rule")]
    position: Annotated[int, Field(ge=1, le=_MOST)]


class KeptItem(BudgetItemCreate, _Kept):
    """An item of a budget."""

    id: Annotated[UUID, _named("item")]


class KeptBudget(BudgetCreate, _Kept):
    """A budget with its items."""

    id: Annotated[UUID, _named("bdgt")]
    items: Annotated[list[KeptItem], Field(max_length=1_000)] = Field(default_factory=list)  # type: ignore[assignment]


class KeptTemplate(TemplateCreate, _Kept):
    """A template, and the dates that are not asked for again."""

    id: TemplateRef
    settled_until: PostingDate | None = None
    spent_dates: Annotated[list[PostingDate], Field(max_length=100_000)] = Field(
        default_factory=list
    )


class KeptUpload(_Kept):
    """A file's facts."""

    id: UploadRef
    filename: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: ShortText
    size: Annotated[int, Field(ge=0, le=_MOST_BYTES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    purpose: Literal["STATEMENT", "RECEIPT"]
    transaction_id: TransactionRef | None = None


class KeptImport(_Kept):
    """A run of the importer: how a file was read."""

    id: Annotated[UUID, _named("imp")]
    upload_id: UploadRef
    account_id: AccountRef | None = None
    status: str
    format: Annotated[str, Field(max_length=40)] | None = None
    dry_run: bool
    deleted: Literal["SKIP", "RESTORE"] = "SKIP"
    confirmed: bool = False
    mapping: dict[str, Any] | None = None
    mapping_name: Annotated[str, Field(max_length=200)] | None = None
    detected: dict[str, Any] | None = None
    questions: list[dict[str, Any]] = Field(default_factory=list)
    warnings: list[Words] = Field(default_factory=list)
    headers: list[Words] = Field(default_factory=list)
    counts: dict[str, Count]
    accounts: list[dict[str, str]] = Field(default_factory=list)
    error_code: Annotated[str, Field(max_length=60)] | None = None
    error_message: Words | None = None
    opened: list[str] = Field(default_factory=list)
    kept: Count = 0
    rows_done: Count = 0
    rows_total: Count | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None


class KeptImportRow(Input):
    """What became of a row of a file."""

    model_config = ConfigDict(extra="ignore")

    uuid: Annotated[UUID, BeforeValidator(_uuid)]
    import_id: Annotated[UUID, _named("imp")]
    position: Count
    line: Count
    decision: str
    reason: Words | None = None
    transaction_id: TransactionRef | None = None
    date: Words | None = None
    amount: Words | None = None
    currency: Words | None = None
    description: Words | None = None
    payee: Words | None = None
    reason_code: Annotated[str, Field(max_length=60)] | None = None
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    overruled: bool = False
    transfer_id: TransactionRef | None = None
    notes: Words | None = None
    category: Words | None = None
    external_id: Words | None = None
    bank_id: Words | None = None
    memory: Words | None = None
    minor: Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR)] | None = None


class KeptRate(RateSet, _Kept):
    """An own rate."""

    id: Annotated[UUID, _named("rate")]


class KeptNotification(_Kept):
    """Something that was told."""

    id: Annotated[UUID, _named("notif")]
    type: str
    title: Words
    body: Words
    data: dict[str, Any]
    read_at: Instant | None = None


WORDS: Final = {
    "status": frozenset(IMPORT_STATUSES),
    "decision": frozenset(DECISIONS),
    "type": frozenset(TYPES),
}
"""What texts of ours may be, checked beside the model since they are lists elsewhere."""
