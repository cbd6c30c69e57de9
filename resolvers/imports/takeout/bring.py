"""Bringing a takeout in: look it through, refuse what is not empty, take its settings, carry it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from models.accounts import Account
from models.base import table
from models.budgets import Budget
from models.categories import Category
from models.database import Transaction as Tx
from models.ids import encode
from models.imports import ImportRunRow
from models.rates import Rate
from models.templates import Template
from models.transactions import Transaction
from resolvers.categories import categories_by_id, remove_category, uses_of
from resolvers.errors import Invalid
from resolvers.imports.rows import NO_COUNTS, update_run
from resolvers.imports.takeout.archive import Luggage
from resolvers.imports.takeout.batch import Key, Trip
from resolvers.imports.takeout.carry import Doer, carry
from resolvers.imports.takeout.kept import KeptProfile
from resolvers.imports.takeout.objects import Names
from resolvers.imports.takeout.steps import STAGES
from resolvers.imports.takeout.survey import STAYS, Survey, survey_of
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.statements import StatementError
from resolvers.users import update_profile

R = TypeVar("R")
_C: Final = table(Category)
_SECTION_WORDS: Final[Mapping[str, str]] = {
    "groupTransactions": "shared expenses and settlements",
    "shares": "shares of them",
}
_OLD: Final = frozenset({"sessions", "changes", "audit", "personalTokens", "identities"})
"""What every takeout has and nobody misses."""


async def bring_in(
    doer: Doer, run: ImportRunRow, data: bytes, adopted: Mapping[str, UUID], key: Key
) -> None:
    """Bring a takeout into an empty ledger, from wherever an earlier worker stopped.

    ``adopted`` are the categories that are here, by key.  Raises `StatementError` for what is no
    takeout and for a ledger that is not empty.
    """
    luggage = await asyncio.to_thread(Luggage, data)
    survey = await asyncio.to_thread(survey_of, luggage)
    names = Names(run.ledger_id, run.id, survey, _adopted(survey, adopted))
    trip = Trip(luggage, survey, names, doer.files, key, book=not run.dry_run)
    if await doer.write(lambda write, current: _begin(write, current, trip)) is not None:
        await carry(doer, trip, _end)


def _adopted(survey: Survey, here: Mapping[str, UUID]) -> dict[UUID, UUID]:
    return {
        old: here[one.key]
        for old, one in survey.categories.items()
        if one.key is not None and one.key in here
    }


async def keys_here(tx: Tx, ledger_id: UUID) -> dict[str, UUID]:
    """A ledger's categories by their keys."""
    rows = await tx.rows(
        select(_C.c.id, _C.c.key).where(_C.c.ledger_id == ledger_id, _C.c.key.is_not(None))
    )
    return {row.key: row.id for row in rows}


async def _begin(write: LedgerWrite, run: ImportRunRow, trip: Trip) -> ImportRunRow:
    """Refuse a ledger with anything in it; note what the takeout holds and take its settings."""
    if run.rows_total is not None:
        return run
    await _require_empty(write, run)
    survey = trip.survey
    told = _warnings(trip)
    if trip.book:
        await _clear_starters(write, survey)
        told += await _settings(write, survey)
    total = sum(survey.counts[name] for stage in STAGES for name in stage.sections)
    return await update_run(
        write,
        run,
        format="TAKEOUT",
        detected={
            "formatVersion": survey.head.get("formatVersion"),
            "exportedAt": survey.head.get("exportedAt"),
            "complete": survey.complete,
            "sections": dict(survey.counts),
        },
        warnings=told,
        accounts=[
            {"currency": currency, "accountId": encode("acct", trip.names.new(old))}
            for old, currency in survey.accounts.items()
        ]
        if trip.book
        else [],
        counts=dict(NO_COUNTS),
        rows_total=total,
        started_at=run.started_at or write.now,
    )


async def _require_empty(write: LedgerWrite, run: ImportRunRow) -> None:
    """Raise NOT_EMPTY, naming what is there; the account of the import itself may be."""
    found = []
    for words, model in (
        ("accounts", Account), ("transactions", Transaction), ("budgets", Budget),
        ("templates", Template), ("rates", Rate),
    ):  # fmt: skip
        rows = table(model)
        where = [rows.c.ledger_id == write.ledger_id]
        if model is Account and run.account_id is not None:
            where.append(rows.c.id != run.account_id)
        count = int(await write.tx.scalar(select(func.count()).select_from(rows).where(*where)))
        if count:
            found.append(f"{count:,} {words}")
    if found:
        message = (
            "A takeout comes into an empty account, so that nothing is mixed up or doubled; this "
            f"one has {', '.join(found)} (the trash counts too). Register a new one, or delete "
            "what is here."
        )
        raise StatementError("NOT_EMPTY", message)


async def _clear_starters(write: LedgerWrite, survey: Survey) -> None:
    """Remove the starter categories that the takeout does not have, where nothing uses them."""
    kept = {one.key for one in survey.categories.values()}
    here = await keys_here(write.tx, write.ledger_id)
    rows = await categories_by_id(write.tx, [(write.ledger_id, one) for one in here.values()])
    # Those below others go first.
    spare = [row for row in rows if row is not None and row.version == 1 and row.key not in kept]
    for row in sorted(spare, key=lambda row: row.parent_id is None):
        if not any((await uses_of(write.tx, row)).values()):
            await remove_category(write, row)


async def _settings(write: LedgerWrite, survey: Survey) -> list[str]:
    try:
        profile = parse(KeptProfile, survey.head.get("profile", {}))
    except Invalid:
        return ["The settings in the takeout are not valid here, so yours stay as they are."]
    await update_profile(write, profile)
    return []


def _warnings(trip: Trip) -> list[str]:
    """What a person should know before she throws the old account away."""
    survey = trip.survey
    told = []
    if not survey.complete:
        told.append("The takeout was made with a filter, so it does not hold everything.")
    for name, why in STAYS.items():
        count = survey.counts[name]
        if count and name not in _OLD:
            words = _SECTION_WORDS.get(name, name)
            told.append(f"{count:,} {words} stay behind: they {why}.")
    if survey.legs:
        told.append(
            f"{survey.legs:,} transactions were your part in groups; they come as transactions "
            "of your own."
        )
    lost = len(survey.uploads - trip.cargo.files)
    if lost:
        told.append(
            f"The bytes of {lost:,} uploaded files are not in it; the archive of requestTakeout "
            "holds them."
        )
    known = {name for stage in STAGES for name in stage.sections} | set(STAYS)
    odd = sorted(name for name in survey.counts if name not in known)
    if odd:
        told.append(f"Not known here, so left out: {', '.join(name[:40] for name in odd)}.")
    return told


async def _end(write: LedgerWrite, run: ImportRunRow) -> Any:
    """The last write: everything is in."""
    failed = run.counts["failed"]
    warnings = list(run.warnings)
    if failed:
        warnings.append(f"{failed:,} objects could not be brought in; the rows say why.")
    return await update_run(
        write, run, status="COMPLETED", warnings=warnings, finished_at=write.now
    )
