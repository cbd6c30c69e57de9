"""Live updates within one process: who is connected, who follows what, and what wakes or ends them.

Nothing is kept for a connection that is gone, and what changed is kept for a moment only: a signal
says that a ledger has moved, and its readers then read the feed as the persons they read for, in one
look for all of one person who stand in one place.  They go on a few at a time.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from graph.following import Reader
from graph.sharing import AT_A_TIME, Looks, Turns
from models.database import Database
from models.endings import stop
from models.stores.broker import LocalBroker
from resolvers.access import Actor
from resolvers.auth import Admission
from resolvers.feed import (
    FeedPage,
    Position,
    Spans,
    pack,
    present_position,
    read_changes,
)

PAGE: Final = 100
POLL_SECONDS: Final = 5.0
"""How late an update is whose signal was lost."""
READERS_AT_ONCE: Final = 4
"""Of the pool's connections: who follows must not keep those waiting who ask."""
_STUMBLED_SECONDS: Final = 0.5
_log: Final = structlog.get_logger("live")


@dataclass(frozen=True, slots=True)
class End:
    """Why a connection is ended, as a WebSocket's close code says it."""

    code: int
    reason: str


EXPIRED: Final = End(4403, "The access token is over")
SIGNED_OUT: Final = End(4403, "The session has ended")
RESTARTING: Final = End(1012, "Service restart")


class LiveMetrics(Protocol):
    """What is counted of live updates."""

    def connected(self, transport: str, change: int) -> None:
        """Connections that came (1) or went (-1)."""

    def sent(self, transport: str, count: int = 1) -> None:
        """Messages that went out."""

    def hung_up(self, transport: str, code: int) -> None:
        """A connection ended with a code."""


@dataclass(eq=False, slots=True)
class Line:
    """One connection of somebody who was let in; ``ended`` says when to hang up."""

    admission: Admission
    ended: "asyncio.Future[End]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def actor(self) -> Actor:
        """Who is connected."""
        return self.admission.actor

    def end(self, why: End) -> None:
        """Have it hang up; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(why)


class Hub:
    """All connections and readers of this process."""

    def __init__(self, database: Database, broker: LocalBroker) -> None:
        self.metrics: LiveMetrics | None = None
        self._database = database
        self._broker = broker
        self._lines: set[Line] = set()
        self._readers: set[Reader] = set()
        self._by_ledger: dict[UUID, set[Reader]] = {}
        self._by_session: dict[UUID, set[Line]] = {}
        self.turns = Turns()
        self._looks: Looks[FeedPage] = Looks()
        self._spans = Spans()
        self._reading = asyncio.Semaphore(READERS_AT_ONCE)
        self._due: dict[Reader, None] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._draining = False
        broker.listen(self)

    @property
    def draining(self) -> bool:
        """Whether nobody is let in any more."""
        return self._draining

    def counts(self) -> tuple[int, int, int]:
        """Lines, readers and followed ledgers: nothing of them is left when everybody has gone."""
        return len(self._lines), len(self._readers), len(self._by_ledger)

    @contextmanager
    def line(self, admission: Admission) -> Iterator[Line]:
        """A connection, for as long as it stands."""
        loop = asyncio.get_running_loop()
        line = Line(admission)
        session_id = admission.actor.session_id
        self._lines.add(line)
        if session_id is not None:
            self._by_session.setdefault(session_id, set()).add(line)
        left = max(0.0, admission.expires_at - time.time())
        timer = loop.call_later(left, line.end, EXPIRED)
        if self._draining:
            line.end(RESTARTING)
        self._keep()
        try:
            yield line
        finally:
            timer.cancel()
            self._lines.discard(line)
            if session_id is not None:
                self._drop(self._by_session, session_id, line)

    async def check(self, line: Line) -> None:
        """End a connection whose session ended while it came in, when no signal was for it yet."""
        session_id = line.actor.session_id
        if session_id is not None and await self._database.ended_sessions([session_id]):
            line.end(SIGNED_OUT)

    def reader(
        self,
        actor: Actor,
        position: Position,
        kinds: Collection[str] | None = None,
        only: UUID | None = None,
    ) -> Reader:
        """A way along the feed; it begins with its first page."""
        return Reader(self, actor, position, kinds, only)

    async def present(self, actor: Actor) -> Position:
        """Where somebody begins who wants to hear of news only."""
        return present_position(await self._database.visible_versions(actor.user_id))

    async def read(self, reader: Reader) -> FeedPage:
        """One page, as one moment, of what a reader's person may see now."""
        key = (reader.actor.user_id, pack(reader.position), reader.kinds, reader.only)
        return await self._looks.see(key, reader.news, lambda: self._look_for(reader))

    async def _look_for(self, reader: Reader) -> FeedPage:
        async with self._reading, self._database.read(reader.actor.user_id) as tx:
            return await read_changes(
                tx,
                reader.position,
                limit=PAGE,
                kinds=reader.kinds,
                only=reader.only,
                spans=self._spans,
            )

    def follow(self, reader: Reader) -> None:
        """A reader is woken from now on."""
        reader.news = self._looks.news
        self._readers.add(reader)
        self._keep()
        for ledger_id in reader.position:
            self._by_ledger.setdefault(ledger_id, set()).add(reader)

    def leave(self, reader: Reader) -> None:
        """A reader is woken no more."""
        self._readers.discard(reader)
        self._due.pop(reader, None)
        for ledger_id in reader.position:
            self._drop(self._by_ledger, ledger_id, reader)

    def _wake(self, readers: Iterable[Reader]) -> None:
        """There is news for readers: nobody takes a look for it that began before."""
        self._looks.news += 1
        idle = not self._due
        for reader in readers:
            reader.news = self._looks.news
            self._due[reader] = None
        if idle and self._due:
            self._wake_some()

    def _wake_some(self) -> None:
        """Wake those whose turn it is, and the others in the next rounds of the loop."""
        for reader in list(islice(self._due, AT_A_TIME)):
            del self._due[reader]
            reader.woken.set()
        if self._due:
            asyncio.get_running_loop().call_soon(self._wake_some)

    def moved_on(self, reader: Reader, position: Position) -> None:
        """A reader has read on, and may follow other ledgers now."""
        for ledger_id in reader.position.keys() - position.keys():
            self._drop(self._by_ledger, ledger_id, reader)
        for ledger_id in position.keys() - reader.position.keys():
            self._by_ledger.setdefault(ledger_id, set()).add(reader)
        reader.position = position

    def moved(self, ledger_id: UUID, version: int) -> None:
        """A signal: wake those who have not read that far."""
        self._wake(
            reader
            for reader in self._by_ledger.get(ledger_id, ())
            if (place := reader.position.get(ledger_id)) is None or place.version < version
        )

    def ended(self, session_id: UUID) -> None:
        """A signal: hang up on those who came by this session."""
        for line in self._by_session.get(session_id, ()):
            line.end(SIGNED_OUT)

    def drain(self) -> None:
        """The process stops: everybody hangs up and comes back elsewhere."""
        self._draining = True
        for line in self._lines:
            line.end(RESTARTING)

    async def close(self) -> None:
        """Stop looking."""
        if self._keeping is not None:
            await stop([self._keeping])
            self._keeping = None
        await self._looks.close()

    @staticmethod
    def _drop(index: dict[UUID, set[Any]], key: UUID, one: Any) -> None:
        """Take one out of an index that keeps no empty entries."""
        found = index.get(key)
        if found is not None:
            found.discard(one)
            if not found:
                del index[key]

    def _keep(self) -> None:
        """Listen and look from the first connection on."""
        self._broker.keep()
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._look_always())

    async def _look_always(self) -> None:
        """For as long as the process runs, whatever goes wrong: nobody else would notice."""
        while True:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - logged, and tried again
                _log.exception("live.stumbled", exc_info=error)
            await asyncio.sleep(_STUMBLED_SECONDS)

    def changed(self, session_id: UUID) -> None:
        """A signal for others: who is connected stays who she is."""

    def joined(self) -> None:
        """Signals may have been lost until now."""
        self._wake(self._readers)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.look()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("live.not_looked", exc_info=error)

    async def look(self) -> None:
        """Look once for what no signal has told: versions of all readers, ends of all sessions."""
        if self._readers:
            people = {reader.actor.user_id for reader in self._readers}
            versions = await self._database.live_versions(people)
            behind = [
                reader
                for reader in self._readers
                if (known := versions.get(reader.actor.user_id)) is not None
                and not reader.stands_at(known)
            ]
            if behind:
                self._wake(behind)
        if self._by_session:
            for session_id in await self._database.ended_sessions(list(self._by_session)):
                self.ended(session_id)
        now = time.time()
        for line in self._lines:
            if line.admission.expires_at <= now:
                line.end(EXPIRED)
