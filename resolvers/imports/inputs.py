"""What starts an import and what answers its questions."""

from typing import Any, Final, Literal

from resolvers.inputs import AccountRef, Input, UploadRef
from resolvers.statements import CsvMapping

JOB_KIND: Final = "import"


class ImportCreate(Input):
    """Which file goes into which account, and what is known about the file."""

    upload_id: UploadRef
    account_id: AccountRef | None = None
    mapping: CsvMapping | None = None
    dry_run: bool = False
    deleted: Literal["SKIP", "RESTORE"] = "SKIP"


class ImportProcess(Input):
    """Answers to the questions of a PENDING import; none accepts the guess."""

    mapping: CsvMapping | None = None


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
