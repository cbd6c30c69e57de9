"""What starts an import and what answers its questions."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from resolvers.inputs import AccountRef, ImportRef, Input, ShortText, TransactionRef, UploadRef
from resolvers.statements import CsvMapping, StatementError

JOB_KIND: Final = "import"
MAX_ROWS: Final = 500
"""Rows that one call may overrule."""


class ImportCreate(Input):
    """Which file goes into which account, and what is known about the file."""

    upload_id: UploadRef
    account_id: AccountRef | None = None
    mapping: CsvMapping | None = None
    mapping_from: ImportRef | None = None
    mapping_name: ShortText | None = None
    dry_run: bool = False
    deleted: Literal["SKIP", "RESTORE"] = "SKIP"


class ImportProcess(Input):
    """Answers to the questions of a PENDING import; none accepts the guess."""

    mapping: CsvMapping | None = None
    mapping_from: ImportRef | None = None
    mapping_name: ShortText | None = None


class RulingInput(Input):
    """What a person says about one row; without a decision her earlier word is taken back."""

    position: Annotated[int, Field(ge=0, le=10_000_000)]
    decision: Literal["NEW", "DUPLICATE", "MATCHED", "TRANSFER", "SKIPPED"] | None = None
    transaction_id: TransactionRef | None = None


class ImportOverrule(Input):
    """Decisions of a person about rows of an import."""

    rows: Annotated[list[RulingInput], Field(min_length=1, max_length=MAX_ROWS)]


class ImportRevert(Input):
    """What happens to transactions that were changed since they were imported."""

    edited: Literal["REFUSE", "KEEP", "REMOVE"] = "REFUSE"


def mapping_json(mapping: CsvMapping | None) -> dict[str, Any] | None:
    """What a person fixed, as it was sent; None when that is nothing."""
    if mapping is None:
        return None
    return mapping.model_dump(mode="json", by_alias=True, exclude_unset=True) or None


def merged(before: dict[str, Any] | None, added: dict[str, Any] | None) -> dict[str, Any] | None:
    """An earlier mapping with later answers laid over it, column by column."""
    both = {**(before or {}), **(added or {})}
    columns = {**(before or {}).get("columns", {}), **(added or {}).get("columns", {})}
    if columns:
        both["columns"] = columns
    return both or None


def mapping_of(given: dict[str, Any] | None) -> CsvMapping | None:
    """A stored mapping; raises StatementError BAD_MAPPING for one of older rules."""
    try:
        return None if given is None else CsvMapping.model_validate(given)
    except ValidationError as error:
        message = "The mapping of this import is not valid."
        raise StatementError("BAD_MAPPING", message) from error
