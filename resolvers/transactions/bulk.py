"""Batches of up to 500 transactions with a policy and a result for every row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from models import ids
from models.transactions import TransactionRow
from resolvers.errors import AppError, FieldError, Invalid, NotFound, TooLarge
from resolvers.inputs import parse, split_put_back
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.inputs import DERIVED, STORED, TransactionCreate, TransactionUpdate
from resolvers.transactions.trash import delete_transactions
from resolvers.transactions.writes import Made, Patch, create_transactions, update_transactions

Policy = Literal["ATOMIC", "SKIP_FAILED"]
MAX_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row of a batch came to."""

    index: int
    id: UUID | None
    status: str
    """``ok`` or ``error``."""
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a batch came to."""

    succeeded: int
    failed: int
    results: tuple[RowResult, ...]


def _size(rows: Sequence[object], path: str) -> None:
    if len(rows) > MAX_ROWS:
        raise TooLarge(
            f"{len(rows)} rows; at most {MAX_ROWS} in one request.",
            details={"allowed": MAX_ROWS, "found": len(rows)},
        )
    if not rows:
        raise Invalid([FieldError(path, "REQUIRED", "At least one row.")])


def _summary(made: Sequence[Made | None], policy: Policy, path: str) -> BulkResult:
    """Results in order; under ATOMIC any failure raises, so that nothing is kept."""
    results = []
    for index, result in enumerate(made):
        if isinstance(result, AppError):
            error = {
                "code": str(result.code),
                "message": result.message,
                "details": result.details,
            }
            results.append(RowResult(index, None, "error", error))
        elif isinstance(result, TransactionRow):
            results.append(RowResult(index, result.id, "ok", None))
    failed = sum(1 for row in results if row.status == "error")
    if failed and policy == "ATOMIC":
        raise Invalid(
            [
                FieldError(f"{path}.{row.index}", row.error["code"], row.error["message"])
                for row in results
                if row.error is not None
            ],
            message=f"{failed} of {len(results)} rows are wrong; nothing was changed.",
            details={
                "succeeded": 0,
                "failed": failed,
                "results": [result_wire(row, kept=False) for row in results],
            },
        )
    return BulkResult(len(results) - failed, failed, tuple(results))


def result_wire(row: RowResult, *, kept: bool = True) -> dict[str, Any]:
    """A row's result as JSON; ids of rows that were not kept are left out."""
    shown = row.id is not None and kept
    return {
        "index": row.index,
        "id": ids.encode("txn", row.id) if shown and row.id is not None else None,
        "status": row.status,
        "error": row.error,
    }


def _parsed(raws: Sequence[Any]) -> list[TransactionCreate | AppError]:
    parsed: list[TransactionCreate | AppError] = []
    for raw in raws:
        try:
            parsed.append(parse(TransactionCreate, raw))
        except AppError as error:
            parsed.append(error)
    return parsed


async def bulk_create(write: LedgerWrite, raws: Sequence[Any], policy: Policy) -> BulkResult:
    """Create rows; each is parsed by the same parser as a single one."""
    _size(raws, "transactions")
    parsed = _parsed(raws)
    good = [data for data in parsed if not isinstance(data, AppError)]
    made = iter(await create_transactions(write, good))
    return _summary(
        [d if isinstance(d, AppError) else next(made) for d in parsed], policy, "transactions"
    )


def _patch(raw: Any) -> Patch:
    if not isinstance(raw, dict):
        raise Invalid([FieldError("", "INVALID_TYPE", "Must be an object.")])
    body = dict(raw)
    wanted = body.pop("id", None)
    if wanted is None:
        raise Invalid([FieldError("id", "REQUIRED", "Required.")])
    found = ids.decode("txn", wanted)
    if found is None:
        raise NotFound("There is no such transaction.")
    data, expected, unchanged = split_put_back(
        body, TransactionUpdate, derived=DERIVED, stored=STORED
    )
    return Patch(found, parse(TransactionUpdate, data), expected, unchanged)


async def bulk_update(write: LedgerWrite, raws: Sequence[Any], policy: Policy) -> BulkResult:
    """Change rows, each named by its id; a ``version`` in a row is its expected version."""
    _size(raws, "transactions")
    patches: list[Patch | AppError] = []
    for raw in raws:
        try:
            patches.append(_patch(raw))
        except AppError as error:
            patches.append(error)
    good = [patch for patch in patches if isinstance(patch, Patch)]
    made = iter(await update_transactions(write, good))
    return _summary(
        [p if isinstance(p, AppError) else next(made) for p in patches], policy, "transactions"
    )


async def bulk_delete(
    write: LedgerWrite, wanted: Sequence[UUID | None], policy: Policy
) -> BulkResult:
    """Move rows to the trash; an id that is none of yours is an error of its row."""
    _size(wanted, "ids")
    removed = await delete_transactions(write, [(one, None) for one in wanted])
    return _summary(removed, policy, "ids")
