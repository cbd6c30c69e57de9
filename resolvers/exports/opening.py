"""Opening an export: one moment of the database, read while the file leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.base import utc_now
from models.database import Database, Transaction
from models.stores.files import FileStore
from resolvers.access import Actor
from resolvers.audit import note
from resolvers.errors import Gone, Unauthenticated, Unavailable
from resolvers.exports.asked import Asked, link_path, open_link, paper_of
from resolvers.exports.tables import csv_pieces
from resolvers.exports.takeout import json_pieces, zip_pieces
from resolvers.report import Printer, gather, sheet_of
from resolvers.sessions import session_stands
from resolvers.users import actor_of, get_user

AT_ONCE: Final = 3
"""Exports of one process at a time: each holds a connection for as long as its reader reads."""
WAIT_SECONDS: Final = 10.0
PIECE_BYTES: Final = 65_536
Pieces = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Link:
    """A way to one export without a token, for whoever holds it."""

    filename: str
    content_type: str
    path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """An export whose first piece is there; closing its pieces ends its transaction."""

    filename: str
    content_type: str
    pieces: AsyncGenerator[bytes, None]


class Exports:
    """Gives out exports, a few at a time."""

    def __init__(self, database: Database, files: FileStore, key: bytes) -> None:
        self._database = database
        self._files = files
        self._key = key
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._printer = Printer()

    def link(self, actor: Actor, asked: Asked) -> Link:
        """A link that opens one export for a quarter of an hour, while the session stands."""
        # Told now and not when the link is followed.
        _ = asked.wanted
        path, expires = link_path(self._key, asked, actor, utc_now())
        return Link(asked.filename(actor.today), asked.content_type, path, expires)

    async def follow(self, token: str) -> tuple[Actor, Asked]:
        """Whose export a link opens; raises NOT_FOUND for a wrong link and GONE after its end."""
        linked = open_link(self._key, token, utc_now())
        try:
            async with self._database.read(linked.user_id) as tx:
                actor = actor_of(await get_user(tx, linked.user_id), linked.session_id)
                stands = linked.session_id is None or await session_stands(tx, actor)
        except Unauthenticated as error:
            raise Gone("Who asked for this export is gone.") from error
        if not stands:
            raise Gone("The session that asked for this export has ended.")
        return actor, linked.asked

    async def open(self, actor: Actor, asked: Asked) -> Opened:
        """Begin an export: what can fail at its start fails here and not half way."""
        pieces = (
            self._printed(actor, asked) if asked.format == "PDF" else self._pieces(actor, asked)
        )

        async def noted(tx: Transaction) -> None:
            here = actor.session_id
            await note(tx, actor.ledger_id, "EXPORTED", session_id=here, format=asked.format)

        await self._database.change(actor.user_id, noted)
        try:
            first = await anext(pieces)
        except BaseException:
            await pieces.aclose()
            raise
        return Opened(
            asked.filename(actor.today),
            asked.content_type,
            _from_first(first, pieces),
        )

    @asynccontextmanager
    async def _moment(self, actor: Actor) -> AsyncGenerator[Transaction, None]:
        """A turn and one moment of the database; raises UNAVAILABLE when all turns are taken."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Unavailable(
                "Too many exports are running; repeat the request.", retry_after_seconds=10
            ) from error
        try:
            async with self._database.read(actor.user_id, report=True) as tx:
                yield tx
        finally:
            self._turns.release()

    async def _pieces(self, actor: Actor, asked: Asked) -> AsyncGenerator[bytes, None]:
        """The file in pieces of about 64 KiB."""
        async with self._moment(actor) as tx:
            held = bytearray()
            async with aclosing(self._source(asked)(tx, actor, asked)) as source:  # type: ignore[type-var]
                async for piece in source:
                    held += piece
                    if len(held) >= PIECE_BYTES:
                        yield bytes(held)
                        held.clear()
            yield bytes(held)

    async def _printed(self, actor: Actor, asked: Asked) -> AsyncGenerator[bytes, None]:
        """The report: laid out when the moment is over, and whole before it leaves."""
        async with self._moment(actor) as tx:
            facts = await gather(tx, actor, asked.wanted)
        sheet = await asyncio.to_thread(sheet_of, facts, paper_of(asked.paper, facts.locale))
        yield await self._printer.print(sheet)

    def _source(self, asked: Asked) -> Callable[[Transaction, Actor, Asked], Pieces]:
        if asked.format == "CSV":
            return csv_pieces
        if asked.format == "JSON":
            return json_pieces

        def archive(tx: Transaction, actor: Actor, asked: Asked) -> Pieces:
            return zip_pieces(tx, self._files, actor, asked)

        return archive


async def _from_first(
    first: bytes, pieces: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece
