"""Writes made of what is remembered: everything is decided here, and one statement does it or not.

What is remembered of a ledger is checked under its lock by the statement itself (``write_at``), so
a draft is as good as a write that has read.  Whatever does not go smoothly is left to that one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from models.base import utc_now
from models.database import LOCK_TIMEOUT, Database, VisibleVersion, sqlstate
from models.drafting import Drafting
from resolvers.access import Actor
from resolvers.events import image_of
from resolvers.ledger_writes import Ask, LedgerWrite, Outcome
from resolvers.repeats import keep
from resolvers.standings import Standing, Standings
from resolvers.turns import busy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft came to."""

    outcome: Outcome[Any]
    write: LedgerWrite
    done: bool
    """False where the database told an error: a look into the feed says whether it has happened."""


class Drafts:
    """Drafts of a process, and what it remembers for them."""

    def __init__(
        self,
        database: Database,
        print_key: bytes,
        flush: Callable[[LedgerWrite], Awaitable[None]],
    ) -> None:
        """``print_key`` keys fingerprints of requests; ``flush`` adds what every write leaves."""
        self.standings = Standings()
        self._database = database
        self._print_key = print_key
        self._flush = flush

    async def attempt(
        self, actor: Actor, work: Callable[[LedgerWrite], Awaitable[T]], ask: Ask
    ) -> Drafted | None:
        """The write in one statement; None where that did not do, and nothing has happened.

        Raises CONFLICT when the ledger is busy for longer than the lock timeout.
        """
        if ask.ahead is None or ask.ledgers != [actor.ledger_id]:
            return None
        known = self.standings.get(ask.target, actor.user_id, ask.repeat)
        if known is None:
            return None
        try:
            outcome, write, sending = await self._made(actor, work, ask, known)
        except Exception:  # noqa: BLE001 - the write that reads finds it again, and tells it
            return None
        # Nobody counts on it until it is known what came of this.
        self.standings.forget(ask.target)
        try:
            done = await self._database.change_at(sending)
        except DBAPIError as error:
            if sqlstate(error) == LOCK_TIMEOUT:
                raise busy() from error
            # A server that ends may say so instead of what it has just committed.
            return Drafted(outcome, write, False)
        return Drafted(outcome, write, True) if done else None

    async def _made(
        self,
        actor: Actor,
        work: Callable[[LedgerWrite], Awaitable[T]],
        ask: Ask,
        known: Standing,
    ) -> tuple[Outcome[T], LedgerWrite, dict[str, Any]]:
        """The outcome of a write that goes by what is known, and what its statement takes."""
        draft = Drafting(self._database)
        await draft.unlock((ask.target,))
        write = LedgerWrite(
            tx=draft,
            actor=actor,
            ledger_id=ask.target,
            ring=draft.ring(ask.target),
            now=utc_now(),
            today=actor.today,
            role="OWNER",
            version=known.version + 1,
            head=known.head,
            unheard=known.planned,
            known=known,
            drafted=True,
        )
        value = await work(write)
        await self._flush(write)
        if ask.repeat is not None:
            image = image_of(ask.answer).dump_json(value)
            await keep(draft, actor, ask.repeat, self._print_key, image)
        if write.last or write.beside or not _only_booked(write):
            raise TypeError("This is more than a draft can say.")
        sending = draft.values(
            actor.user_id,
            known.version,
            known.head,
            {one: known.books[one][1] for one in write.totals},
        )
        return Outcome(value, False, (ask.target, write.version)), write, sending

    def standing_of(self, write: LedgerWrite, *, planned: bool) -> Standing:
        """What is remembered of a ledger that stands where it stood then; else nothing yet."""
        user_id, version = write.actor.user_id, write.version - 1
        known = self.standings.get(write.ledger_id, user_id)
        if known is not None and (known.version, known.head) == (version, write.head):
            known.planned = planned
            return known
        return Standing(write.ledger_id, user_id, version, write.head, planned)

    def remember(self, ask: Ask, done: Sequence[LedgerWrite]) -> None:
        """Keep what a write that only booked new rows knows of its ledger; forget any other's."""
        for one in done:
            self.standings.forget(one.ledger_id)
        known = done[0].known if len(done) == 1 else None
        if known is None or not _only_booked(done[0]):
            return
        write = done[0]
        for account_id, sealed in write.totals.items():
            if account_id in known.books:
                known.books[account_id] = known.books[account_id][0], sealed
        known.moves_on(write.version, write.head, figures=write.figures)
        if ask.repeat is not None:
            known.keys.add(ask.repeat.key)
        self.standings.keep(known)

    async def versions(
        self, actor: Actor, written: tuple[UUID, int] | None
    ) -> Sequence[VisibleVersion]:
        """Where everything stands that a person can see, behind a write of hers.

        Of her own ledger it is known without asking; of others it may be what it was lately.
        """
        known = self.standings.get(actor.ledger_id, actor.user_id)
        if known is None or written != (actor.ledger_id, known.version):
            return await self._database.visible_versions(actor.user_id)
        if not known.seen:
            found = await self._database.visible_versions(actor.user_id)
            if written in [(one.ledger_id, one.version) for one in found]:
                known.seen = found
            return found
        return known.seen


def _only_booked(write: LedgerWrite) -> bool:
    """Whether nothing that is remembered changes but totals, version and chain."""
    records = write.records
    return bool(records) and all(
        one.entity == "transaction" and one.op == "CREATE" for one in records
    )
