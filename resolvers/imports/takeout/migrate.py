"""Bringing in what another app has exported: all its accounts at once, beside what is here.

Accounts and categories of the same names are used as they are, missing ones are made; the same
export again adds nothing.
"""

import asyncio
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from models.accounts import Account, AccountRow
from models.base import table
from models.categories import Category, CategoryRow
from models.database import Transaction as Tx
from models.ids import encode, new_id
from models.imports import ImportLineRow, ImportRunRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.imports.rows import NO_COUNTS, update_run
from resolvers.imports.takeout.apps import Bag, Moving, moving, now
from resolvers.imports.takeout.batch import Key, Trip
from resolvers.imports.takeout.carry import Doer, carry, note_lines
from resolvers.imports.takeout.objects import Names
from resolvers.imports.takeout.steps import STAGES
from resolvers.imports.takeout.survey import Survey, brought
from resolvers.ledgers import LedgerWrite
from resolvers.statements.apps import Export

_A: Final = table(Account)
_C: Final = table(Category)
_MOST_TOLD: Final = 10_000


async def accounts_here(tx: Tx, ledger_id: UUID) -> dict[str, AccountRow]:
    """A ledger's living accounts by name; of several the oldest."""
    found = await tx.rows(
        select(_A.c.id).where(_A.c.ledger_id == ledger_id, _A.c.deleted_at.is_(None))
    )
    rows = await accounts_by_id(tx, [(ledger_id, row.id) for row in found])
    living = sorted((row for row in rows if row is not None), key=lambda row: row.id, reverse=True)
    return {row.name.casefold(): row for row in living}


async def categories_here(tx: Tx, ledger_id: UUID) -> dict[tuple[str, str], CategoryRow]:
    """A ledger's categories by name and kind; of several the oldest that is not archived."""
    found = await tx.rows(select(_C.c.id).where(_C.c.ledger_id == ledger_id))
    rows = await categories_by_id(tx, [(ledger_id, row.id) for row in found])
    ranked = sorted(
        (row for row in rows if row is not None),
        key=lambda row: (not row.archived, row.id),
        reverse=False,
    )
    return {(row.name.casefold(), row.kind): row for row in reversed(ranked)}


async def migrate(
    doer: Doer,
    run: ImportRunRow,
    export: Export,
    home: str,
    here: tuple[dict[str, AccountRow], dict[tuple[str, str], CategoryRow]],
    key: Key,
) -> None:
    """Bring an export in, from wherever an earlier worker stopped."""
    accounts, categories = here
    move, survey = await asyncio.to_thread(
        moving, export, run.ledger_id, home, now(), accounts, categories
    )
    made = {row.id for row in accounts.values()} | {row.id for row in categories.values()}
    # What an earlier try, or an earlier export, has made is not somebody's of the same name.
    adopted = {
        old: row_id for old, row_id in move.adopted.items() if brought(move.space, old) not in made
    }
    names = Names(run.ledger_id, move.space, survey, adopted)
    waits = bool(export.questions) and not run.confirmed
    book = not run.dry_run and not waits
    trip = Trip(Bag(move, survey), survey, names, doer.files, key, book=book, merge=run.id)
    begun = await doer.write(lambda write, current: _begin(write, current, trip, move, made))
    if begun is not None:
        await carry(doer, trip, lambda write, current: _end(write, current, export, waits=waits))


async def _begin(
    write: LedgerWrite, run: ImportRunRow, trip: Trip, move: Moving, here: set[UUID]
) -> ImportRunRow:
    if run.rows_total is not None:
        return run
    export, survey = move.export, trip.survey
    return await update_run(
        write,
        run,
        format=export.app,
        detected=_detected(export, survey),
        questions=[
            {**asdict(question), "choices": list(question.choices)} for question in export.questions
        ],
        warnings=[*export.warnings, *_warnings(move)],
        headers=list(export.headers),
        accounts=[
            {"currency": currency, "accountId": encode("acct", trip.names.new(old))}
            for (_, currency), old in move.accounts.items()
        ],
        opened=tuple(
            encode("acct", trip.names.new(old))
            for old in move.accounts.values()
            if trip.book and trip.names.new(old) not in here
        ),
        counts=dict(NO_COUNTS),
        rows_total=sum(survey.counts[name] for stage in STAGES for name in stage.sections),
        started_at=run.started_at or write.now,
    )


def _detected(export: Export, survey: Survey) -> dict[str, Any]:
    return {
        "dateFormat": export.date_format,
        "accounts": sorted({one.account for one in export.movements}),
        "categories": len(survey.categories),
        "transfers": sum(one.pair is not None for one in export.movements) // 2,
    }


def _warnings(move: Moving) -> list[str]:
    told = []
    alone = sum(one.transfer is not None and one.pair is None for one in move.export.movements)
    if alone:
        told.append(f"{alone:,} transfers have no other side in the file; they are not linked.")
    if move.rounded:
        told.append(
            f"{move.rounded:,} amounts are finer than their currency and were rounded half to even."
        )
    bare = sum(
        bool(one.parts) and not all(part.category for part in one.parts)
        for one in move.export.movements
    )
    if bare:
        told.append(f"{bare:,} split transactions have parts without a category; they come whole.")
    return told


async def _end(
    write: LedgerWrite, run: ImportRunRow, export: Export, *, waits: bool
) -> ImportRunRow:
    """The last write: what of the file is no movement, and how the import ends."""
    lines: list[ImportLineRow] = []
    unread = [(line, "FAILED", reason) for line, reason in export.failures]
    unread += [(line, "SKIPPED", reason) for line, reason in export.skipped]
    for line, decision, reason in unread[:_MOST_TOLD]:
        lines.append(
            ImportLineRow(
                id=new_id(), ledger_id=run.ledger_id, import_id=run.id,
                position=run.counts["rows"] + len(lines), line=line, decision=decision,
                reason=reason, transaction_id=None, date=None, amount=None, currency=None,
                description=None,
            )
        )  # fmt: skip
    counts = await note_lines(write, run, lines)
    warnings = list(run.warnings)
    if counts["failed"]:
        warnings.append(f"{counts['failed']:,} of {counts['rows']:,} rows could not be read.")
    return await update_run(
        write,
        run,
        status="PENDING" if waits else "COMPLETED",
        counts=counts,
        warnings=warnings,
        finished_at=None if waits else write.now,
    )
