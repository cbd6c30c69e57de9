"""What a resolver can reach: who acts, the open reader, the loaders, and the one write path."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from aiodataloader import DataLoader
from strawberry.types import Info as StrawberryInfo

from graph.cookies import SessionCookie
from graph.execution import Narrowed, columnar
from graph.live import Hub
from models.cuts import Linked, Sheet
from models.database import Database, Reading, Transaction
from models.stores.answers import Answers
from models.stores.files import FileStore
from models.stores.mail import Mailer
from resolvers.access import Actor
from resolvers.auth import Auth
from resolvers.bounds import DEFAULTS, Bounds
from resolvers.erasure import Erasures
from resolvers.errors import Unauthenticated
from resolvers.exports import Asked, Exports
from resolvers.ledgers import Ledgers, LedgerWrite, Outcome
from resolvers.limits import Limits
from resolvers.oidc import SignInsElsewhere
from resolvers.personal_tokens import PersonalTokens
from resolvers.recovery import Recovery
from resolvers.registration import Registrations
from resolvers.repeats import repeat_of
from resolvers.second_factor import SecondFactors
from resolvers.sessions import Sessions
from resolvers.uploads import Received

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Batch = Callable[[Transaction, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Keys to values, in the order of the keys, within one reading transaction."""

columnar(Sheet, Linked)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running process that both doors use."""

    database: Database
    ledgers: Ledgers
    auth: Auth
    recovery: Recovery
    second_factors: SecondFactors
    personal_tokens: PersonalTokens
    elsewhere: SignInsElsewhere
    registrations: Registrations
    sessions: Sessions
    limits: Limits
    files: FileStore
    mailer: Mailer
    live: Hub
    exports: Exports
    erasures: Erasures
    cursor_key: bytes = field(repr=False)
    """Seals cursors; keys of file links derive from it."""
    import_secret: bytes = field(repr=False)
    """Keys the fingerprints of imported rows: another secret would forget every import."""
    build: str
    """Names this build in validators, so that a new release answers anew."""
    public_url: str
    files_url: str
    """Where signed links to files point: us, or a CDN before us."""
    mail_from: str = ""
    """Sender of mails; empty: ``no-reply@`` the public address' host."""
    registration_key: bytes = field(default=b"", repr=False)
    """Seals sign-ups that wait for their address to be proved."""
    verified_registration: bool = False
    """Whether signing up asks for a mailed token first."""
    bounds: Bounds = DEFAULTS
    """How large files may be."""
    production: bool = False
    introspection: bool = True
    answers: Answers = field(default_factory=Answers)
    """Cached answers of reads."""


@dataclass(slots=True)
class Context:
    """One request.  It carries the way to a transaction, never an open one from outside."""

    services: Services
    actor_or_none: Actor | None
    request_id: str
    user_agent: str | None = None
    cookie: SessionCookie = field(default_factory=SessionCookie)
    """A browser's refresh token, where it is kept as a cookie."""
    replayed: bool = False
    """Whether a write answered with an earlier write's stored result."""
    written: tuple[UUID, int] | None = None
    """Ledger and version that the last write made; None before one, or after a replay."""
    received: Received | None = None
    """The file of a multipart request, stored sealed and not yet named by any ledger."""
    asked: Asked | None = None
    """The export that the operation asked for: a path that answers with the file streams it."""
    reporting: bool = False
    """Whether nothing but reports is asked for: those may be read from a replica."""
    _reader: Reading | None = None
    _over: bool = False
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)
    _loaded: dict[Any, dict[Any, Any]] = field(default_factory=dict)
    _along: dict[Any, list[Callable[[], Mapping[Any, Any]]]] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The signed-in person; raises UNAUTHENTICATED."""
        if self.actor_or_none is None:
            raise Unauthenticated
        return self.actor_or_none

    async def reader(self) -> Transaction:
        """The one reading transaction of this operation: the whole answer is one moment."""
        if self._reader is not None and not self._over:
            return self._reader
        async with self._opening:
            if self._over:
                # What an executor has given up on may still run beside it for a moment.
                raise RuntimeError("The operation is over.")
            if self._reader is None:
                database = self.services.database
                opening = database.open_report if self.reporting else database.open_read
                self._reader = await opening(self.actor.user_id)
            return self._reader

    async def close(self) -> None:
        """End the reading transaction and forget what was loaded in it."""
        if self._reader is None and not self._loaded and not self._opening.locked():
            # Nothing was read.
            return
        async with self._opening:
            reader, self._reader = self._reader, None
        self._loaders.clear()
        self._loaded.clear()
        self._along.clear()
        if reader is not None:
            await reader.end()

    async def end(self) -> None:
        """Close for good: nothing can be read any more."""
        self._over = True
        await self.close()

    async def load(self, batch: Batch, key: Hashable) -> Any:
        """One value of a batch function; keys asked for in the same step load together."""
        loaded = self._known(batch)
        if key in loaded:
            return loaded[key]
        loader = self._loaders.get(batch)
        if loader is None:

            async def fetch(keys: list[Any]) -> list[Any]:
                return list(await self.load_many(batch, keys))

            loader = self._loaders[batch] = DataLoader(fetch)
        return await loader.load(key)

    async def load_many(self, batch: Batch | Narrowed, keys: Sequence[Any]) -> Sequence[Any]:
        """Values of a batch function in the order of distinct keys, in one call."""
        loaded = self._known(batch)
        missing = [key for key in keys if key not in loaded]
        if missing:
            reader = await self.reader()
            if isinstance(batch, Narrowed):
                found = await batch.batch(reader, missing, attributes=batch.attributes)
            else:
                found = await batch(reader, missing)
            loaded.update(zip(missing, found, strict=True))
        return [loaded[key] for key in keys]

    def read_along(self, rows: Sequence[Any]) -> None:
        """Note what a statement has read along with its rows; made when a load asks for it."""
        if isinstance(rows, Sheet):
            for one in rows.along.values():
                self._along.setdefault(one.follows, []).append(one.by_key)

    def _known(self, batch: Batch | Narrowed) -> dict[Any, Any]:
        """What is loaded of a batch, by key."""
        loaded = self._loaded.setdefault(batch, {})
        if self._along:
            for found in self._along.pop(batch, ()):
                loaded.update(found())
        return loaded

    async def write(
        self,
        operation: str,
        work: Callable[[LedgerWrite], Awaitable[T]],
        *,
        answer: Hashable,
        key: str | None = None,
        payload: Any = None,
        **where: Any,
    ) -> T:
        """The one write of a mutation; what is read afterwards is read after its commit.

        ``where`` says which ledgers and how they are entered, as ``Ledgers.write`` takes it.
        """
        return await self.told(
            lambda: self.services.ledgers.write(
                self.actor,
                work,
                repeat=repeat_of(key, operation, payload),
                answer=answer,
                **where,
            )
        )

    async def told(self, write: Callable[[], Awaitable[Outcome[T]]]) -> T:
        """Run a write that opens its own transaction, and note whether it was replayed."""
        await self.close()
        outcome = await write()
        self.replayed = self.replayed or outcome.replayed
        self.written = outcome.written
        return outcome.value


Info = StrawberryInfo[Context, None]
