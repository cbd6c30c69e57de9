"""Mappings that an account's earlier files were read with, offered by name for the next one.

Nothing is kept apart for it: an import remembers what a person fixed about its file.  Two files
have the same header when their columns have the same names in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select

from models.base import among, table
from models.database import Transaction as Tx
from models.imports import ImportRunRow
from models.uploads import Upload
from resolvers.access import Actor
from resolvers.errors import NotFound, invalid
from resolvers.imports.inputs import merged
from resolvers.imports.rows import IMPORT_COLUMNS, M, get_import, open_imports

MOST: Final = 5
_LOOKED_THROUGH: Final = 200
_U: Final = table(Upload)

Key = tuple[UUID, UUID | None, UUID, tuple[str, ...]]
"""Ledger, account, import and header."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A mapping that fits by its header, named after the file that it was made for or as asked."""

    ledger_id: UUID
    import_id: UUID
    name: str
    mapping: dict[str, Any]


def remembered(run: ImportRunRow) -> dict[str, Any] | None:
    """What a person fixed about a file, and the guesses that she accepted."""
    found = run.detected or {}
    accepted = {
        one["field"]: found[one["field"]]
        for one in run.questions
        if run.confirmed and found.get(one["field"]) is not None
    }
    return merged(accepted, run.mapping)


def header_of(run: ImportRunRow) -> tuple[str, ...]:
    """What tells files of one kind: the names of their columns."""
    return tuple(" ".join(name.casefold().split()) for name in run.headers)


async def offers_by_import(tx: Tx, keys: Sequence[Key]) -> list[list[Offer]]:
    """Offers for several imports, newest first, in two statements a ledger."""
    kept: dict[UUID, list[tuple[ImportRunRow, str]]] = {}
    for ledger_id in {key[0] for key in keys}:
        accounts = {key[1] for key in keys if key[0] == ledger_id and key[1] and key[3]}
        rows = await tx.rows(
            select(*IMPORT_COLUMNS, _U.c.filename)
            .join_from(M, _U, and_(_U.c.ledger_id == M.c.ledger_id, _U.c.id == M.c.upload_id))
            .where(
                M.c.ledger_id == ledger_id,
                among(M.c.account_id, accounts),
                M.c.status.in_(("COMPLETED", "REVERTED")),
                M.c.dry_run.is_(False),
            )
            .order_by(M.c.id.desc())
            .limit(_LOOKED_THROUGH)
        )
        runs = await open_imports(tx, rows)
        kept[ledger_id] = [(run, row.filename) for run, row in zip(runs, rows, strict=True)]
    return [_fitting(key, kept[key[0]]) for key in keys]


def _fitting(key: Key, kept: Sequence[tuple[ImportRunRow, str]]) -> list[Offer]:
    ledger_id, account_id, import_id, header = key
    offers: list[Offer] = []
    for run, filename in kept:
        mapping = remembered(run)
        fits = run.account_id == account_id and run.id != import_id and header_of(run) == header
        if not fits or not header or mapping is None or not _could_read(run):
            continue
        if all(mapping != one.mapping for one in offers):
            offers.append(Offer(ledger_id, run.id, run.mapping_name or filename, mapping))
    return offers[:MOST]


def _could_read(run: ImportRunRow) -> bool:
    """Whether its mapping fitted any row: one that fitted none helps no file."""
    return run.counts["failed"] < run.counts["rows"]


async def mapping_from(
    tx: Tx, actor: Actor, import_id: UUID | None, given: dict[str, Any] | None
) -> dict[str, Any] | None:
    """An earlier import's mapping with what is given now laid over it."""
    if import_id is None:
        return given
    try:
        earlier = await get_import(tx, actor, import_id)
    except NotFound:
        raise invalid("mappingFrom", "There is no such object.", "NOT_FOUND") from None
    return merged(remembered(earlier), given)
