"""The work of bringing a takeout in: look it through, then store it batch by batch.

Each batch is one ledger write together with how far the import has come, and every id follows
from the old one, so that a worker that is killed leaves whole batches and the next one goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from models.accounts import Account
from models.base import table
from models.budgets import Budget
from models.categories import Category
from models.database import Transaction as Tx
from models.ids import encode, new_id
from models.imports import ImportLineRow, ImportRunRow
from models.rates import Rate
from models.stores.files import FileStore
from models.templates import Template
from models.transactions import Transaction
from resolvers.access import Actor
from resolvers.categories import categories_by_id, remove_category, uses_of
from resolvers.errors import Invalid
from resolvers.imports.rows import NO_COUNTS, insert_lines, update_run
from resolvers.imports.takeout.archive import Luggage
from resolvers.imports.takeout.batch import Batch, Key, Trip
from resolvers.imports.takeout.document import MEMBER, Piece, pieces
from resolvers.imports.takeout.kept import KeptProfile
from resolvers.imports.takeout.objects import Names
from resolvers.imports.takeout.steps import STAGES, Stage
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
_OLD: Final = frozenset({"sessions", "changes"})
"""What every takeout has and nobody misses."""


class Doer(Protocol):
    """What an import's job can do, and for whom."""

    @property
    def actor(self) -> Actor:
        """The person."""

    @property
    def files(self) -> FileStore:
        """Where files are kept."""

    async def write(self, work: Callable[[LedgerWrite, ImportRunRow], Awaitable[R]]) -> R | None:
        """One write as long as the job is ours and the import goes on; None when it does not."""


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
    begun = await doer.write(lambda write, current: _begin(write, current, trip))
    if begun is None:
        return
    start = 0
    for stage in STAGES:
        trip.seen.clear()
        feed = _fed(luggage, stage)
        while some := await asyncio.to_thread(lambda feed=feed, stage=stage: list(islice(feed, stage.size))):  # type: ignore[misc]  # fmt: skip
            work = _Work(trip, stage, some, start)
            start += len(some)
            if await doer.write(work.store) is None:
                return
    await doer.write(_end)


def _adopted(survey: Survey, here: Mapping[str, UUID]) -> dict[UUID, UUID]:
    return {
        old: here[one.key]
        for old, one in survey.categories.items()
        if one.key is not None and one.key in here
    }


def _fed(luggage: Luggage, stage: Stage) -> Iterator[Piece]:
    with luggage.document() as stream:
        for piece in pieces(stream):
            if piece.number != MEMBER and piece.section in stage.sections:
                yield piece


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
    lost = len(survey.uploads - trip.luggage.files)
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


@dataclass(frozen=True, slots=True)
class _Work:
    """One batch on its way into the ledger."""

    trip: Trip
    stage: Stage
    pieces: list[Piece]
    start: int
    """How many objects come before it."""

    async def store(self, write: LedgerWrite, run: ImportRunRow) -> ImportRunRow | None:
        """Store the batch, unless an earlier worker did."""
        end = self.start + len(self.pieces)
        done = run.rows_done >= end
        batch = Batch(self.trip, write, self.pieces, book=self.trip.book and not done)
        await self.stage.step(batch)
        if done:
            # Only looked at: what may be there once has been there.
            return run
        lines = self._lines(run, batch)
        await insert_lines(write, lines)
        counts = dict(run.counts)
        for line in lines:
            counts["rows"] += 1
            counts["new" if line.decision == "NEW" else "failed"] += 1
        return await update_run(write, run, rows_done=end, counts=counts)

    def _lines(self, run: ImportRunRow, batch: Batch) -> list[ImportLineRow]:
        """What is shown of a batch: its transactions, and of everything what was left out."""
        lines = []
        for place, piece in enumerate(self.pieces):
            failure = batch.failures.get(place)
            if (failure is None and not self.stage.shown) or self.stage.again:
                continue
            value = piece.value
            text = {
                name: value[name] if isinstance(value.get(name), str) else None
                for name in ("date", "amount", "currency", "description", "name", "filename", "id")
            }
            made = failure is None and self.trip.book
            lines.append(
                ImportLineRow(
                    id=new_id(),
                    ledger_id=run.ledger_id,
                    import_id=run.id,
                    position=self.start + place,
                    line=piece.number + 1,
                    decision="NEW" if failure is None else "FAILED",
                    reason=f"{piece.section}: {failure}" if failure else None,
                    transaction_id=batch.made.get(place) if made else None,
                    date=text["date"],
                    amount=text["amount"],
                    currency=text["currency"],
                    description=text["description"] or text["name"] or text["filename"],
                )
            )
        return lines


async def _end(write: LedgerWrite, run: ImportRunRow) -> Any:
    """The last write: everything is in."""
    failed = run.counts["failed"]
    warnings = list(run.warnings)
    if failed:
        warnings.append(f"{failed:,} objects could not be brought in; the rows say why.")
    return await update_run(
        write, run, status="COMPLETED", warnings=warnings, finished_at=write.now
    )
