"""The way of objects into a ledger: stage after stage, batch after batch, each one ledger write.

Every id follows from the old one, and how far it came commits with the batch, so that a worker
that is killed leaves whole batches and the next one goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from models.ids import new_id
from models.imports import ImportLineRow, ImportRunRow
from models.stores.files import FileStore
from resolvers.access import Actor
from resolvers.bounds import Bounds
from resolvers.imports.rows import insert_lines, update_run
from resolvers.imports.takeout.batch import Batch, Cargo, Trip
from resolvers.imports.takeout.document import MEMBER, Piece
from resolvers.imports.takeout.steps import STAGES, Stage
from resolvers.ledgers import LedgerWrite

R = TypeVar("R")
_COUNTED: Final = {"NEW": "new", "DUPLICATE": "duplicate", "SKIPPED": "skipped", "FAILED": "failed"}


class Doer(Protocol):
    """What an import's job can do, and for whom."""

    @property
    def actor(self) -> Actor:
        """The person."""

    @property
    def files(self) -> FileStore:
        """Where files are kept."""

    @property
    def bounds(self) -> Bounds:
        """How large files may be."""

    async def write(self, work: Callable[[LedgerWrite, ImportRunRow], Awaitable[R]]) -> R | None:
        """One write as long as the job is ours and the import goes on; None when it does not."""


async def carry(
    doer: Doer, trip: Trip, last: Callable[[LedgerWrite, ImportRunRow], Awaitable[Any]]
) -> None:
    """Store all stages, from wherever an earlier worker stopped; ``last`` is the last write."""
    start = 0
    for stage in STAGES:
        trip.seen.clear()
        if not any(trip.survey.counts[name] for name in stage.sections):
            # A document is read from end to end for every stage, so none is read for nothing.
            continue
        feed = _fed(trip.cargo, stage)
        while some := await asyncio.to_thread(_next, feed, stage.size):
            work = _Work(trip, stage, some, start)
            start += len(some)
            if await doer.write(work.store) is None:
                return
    await doer.write(last)


def _next(feed: Iterator[Piece], size: int) -> list[Piece]:
    return list(islice(feed, size))


def _fed(cargo: Cargo, stage: Stage) -> Iterator[Piece]:
    return (
        piece
        for piece in cargo.pieces()
        if piece.number != MEMBER and piece.section in stage.sections
    )


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
        counts = await note_lines(write, run, lines)
        return await update_run(write, run, rows_done=end, counts=counts)

    def _lines(self, run: ImportRunRow, batch: Batch) -> list[ImportLineRow]:
        """What is shown of a batch: its transactions, and of everything what was left out."""
        lines: list[ImportLineRow] = []
        for place, piece in enumerate(self.pieces):
            failure = batch.failures.get(place)
            if (failure is None and not self.stage.shown) or self.stage.again:
                continue
            value = piece.value
            text = {
                name: value[name] if isinstance(value.get(name), str) else None
                for name in ("date", "amount", "currency", "description", "name", "filename", "id")
            }
            found = batch.found.get(place)
            decision = "FAILED" if failure else found[0] if found else "NEW"
            booked = batch.notes.get(place)
            made = batch.made.get(place) if failure is None and self.trip.book else None
            about = found[2] if found else made
            lines.append(
                ImportLineRow(
                    id=new_id(), ledger_id=run.ledger_id, import_id=run.id,
                    position=run.counts["rows"] + len(lines), line=piece.number + 1,
                    decision=decision,
                    reason=f"{piece.section}: {failure}" if failure else found[1] if found else None,
                    transaction_id=about, date=text["date"], amount=text["amount"],
                    currency=text["currency"],
                    description=text["description"] or text["name"] or text["filename"],
                    left_version=1 if booked else None,
                    undo={"print": booked} if booked else None,
                )
            )  # fmt: skip
        return lines


async def note_lines(
    write: LedgerWrite, run: ImportRunRow, lines: Sequence[ImportLineRow]
) -> dict[str, int]:
    """Store what became of some objects; the counts of the import with them."""
    await insert_lines(write, lines)
    counts = dict(run.counts)
    for line in lines:
        counts["rows"] += 1
        counts[_COUNTED[line.decision]] += 1
    return counts
