"""Relay connections over keyset pages, with sealed cursors."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from strawberry import Parent

from graph.context import Info
from graph.edges import said
from models.cuts import Sheet
from models.database import Transaction
from resolvers.errors import InvalidCursor
from resolvers.paging import Page, PageRequest, page_request

N = TypeVar("N")

ROWS: Final = (("nodes",), ("edges", "node"))
"""Where the rows of a connection are."""
_MAX_CURSOR: Final = 2_000
_NOT_OURS: Final = "The cursor was not made by this list in this order; start from the first page."

First = Annotated[int | None, said("How many rows from the start of the list, 0 to 100 (50).")]
After = Annotated[str | None, said("Go on behind this cursor.")]
Last = Annotated[int | None, said("How many rows from the end of the list, 0 to 100.")]
Before = Annotated[str | None, said("End before this cursor.")]


@lru_cache(maxsize=16)
def _aead(key: bytes) -> AESGCM:
    """Making one expands its key: that is done once."""
    return AESGCM(key)


class Cursors:
    """Seals sort keys for one person, list and order, so that no cursor is good elsewhere.

    The nonce is derived from what is sealed: the same row has the same cursor each time.
    """

    def __init__(self, key: bytes, user_id: UUID, scope: str) -> None:
        self._aead = _aead(key)
        self._key = key
        self._context = user_id.bytes + scope.encode()

    def seal(self, key: tuple[Any, ...]) -> str:
        """A cursor for a sort key of dates, ids, text and numbers."""
        return self.seal_bytes(orjson.dumps([_tagged(part) for part in key]))

    def open(self, cursor: str | None) -> tuple[Any, ...] | None:
        """The sort key of a cursor; raises INVALID_CURSOR for any other text."""
        if cursor is None:
            return None
        return tuple(_untagged(part) for part in json.loads(self.open_bytes(cursor)))

    def seal_bytes(self, plaintext: bytes) -> str:
        """A cursor for any bytes."""
        nonce = blake2b(self._context + plaintext, key=self._key, digest_size=12).digest()
        sealed = nonce + self._aead.encrypt(nonce, plaintext, self._context)
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def open_bytes(self, cursor: str, *, longest: int = _MAX_CURSOR) -> bytes:
        """What a cursor was sealed over; raises INVALID_CURSOR for any other text."""
        try:
            sealed = urlsafe_b64decode(cursor[:longest] + "=" * (-len(cursor) % 4))
            return self._aead.decrypt(sealed[:12], sealed[12:], self._context)
        except (InvalidTag, ValueError, Base64Error) as error:
            raise InvalidCursor(_NOT_OURS) from error


def _tagged(part: Any) -> list[Any]:
    if isinstance(part, UUID):
        return ["u", part.hex]
    if isinstance(part, date):
        return ["d", part.isoformat()]
    return ["v", part]


def _untagged(part: list[Any]) -> Any:
    kind, value = part
    if kind == "u":
        return UUID(hex=value)
    return date.fromisoformat(value) if kind == "d" else value


@dataclass(slots=True)
class ConnectionView:
    """A page as a connection shows it; the total is counted only when asked for."""

    page: Page[Any]
    cursors: Cursors
    count: Callable[[Transaction], Awaitable[int]]


@dataclass(slots=True)
class EdgeView:
    """One row with its place in the list."""

    node: Any
    key: tuple[Any, ...]
    cursors: Cursors


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """A view over ConnectionView: a cursor is sealed only when it is asked for."""

    @strawberry.field(description="Whether rows follow behind this page.")
    def has_next_page(row: Parent[ConnectionView]) -> bool:
        """Known from one row more."""
        return row.page.has_next

    @strawberry.field(description="Whether rows lie before this page.")
    def has_previous_page(row: Parent[ConnectionView]) -> bool:
        """Known from the cursor that the page began at."""
        return row.page.has_previous

    @strawberry.field(description="Cursor of the first row.")
    def start_cursor(row: Parent[ConnectionView]) -> str | None:
        """Where the page begins."""
        keys = row.page.keys
        return row.cursors.seal(keys[0]) if keys else None

    @strawberry.field(description="Cursor of the last row.")
    def end_cursor(row: Parent[ConnectionView]) -> str | None:
        """Where the page ends."""
        keys = row.page.keys
        return row.cursors.seal(keys[-1]) if keys else None


@strawberry.type(description="One row of a list with its cursor.")
class Edge(Generic[N]):
    """Relay's edge."""

    node: N = strawberry.field(description="The row.")

    @strawberry.field(description="Where the row lies; good for after and before.")
    def cursor(row: Parent[EdgeView]) -> str:
        """Sealed when it is asked for."""
        return row.cursors.seal(row.key)


@strawberry.type(description="One page of a list.")
class Connection(Generic[N]):
    """Relay's connection."""

    @strawberry.field(description="The rows with their cursors.")
    def edges(row: Parent[ConnectionView]) -> list[Edge[N]]:
        """Rows and cursors."""
        items, keys, cursors = row.page.items, row.page.keys, row.cursors
        if isinstance(items, Sheet):
            columns = {"node": items, "key": keys, "cursors": [cursors] * len(keys)}
            return Sheet(EdgeView, EdgeView, columns)  # type: ignore[return-value]
        return [
            EdgeView(item, key, cursors)  # type: ignore[misc]
            for item, key in zip(items, keys, strict=True)
        ]

    @strawberry.field(description="The rows alone.")
    def nodes(row: Parent[ConnectionView]) -> list[N]:
        """Rows."""
        items = row.page.items
        return items if isinstance(items, Sheet) else list(items)  # type: ignore[return-value]

    @strawberry.field(description="Where this page lies in the list.", graphql_type=PageInfo)
    def page_info(row: Parent[ConnectionView]) -> Any:
        """Ends of the page."""
        return row

    @strawberry.field(description="How many rows the whole list has; counted only when asked for.")
    async def total_count(row: Parent[ConnectionView], info: Info) -> int:
        """Count the list."""
        return await row.count(await info.context.reader())


async def connection(
    info: Info,
    scope: str,
    fetch: Callable[[Transaction, PageRequest], Awaitable[Page[Any]]],
    count: Callable[[Transaction], Awaitable[int]],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Any:
    """A connection: check the request, open its cursors, read one page.

    ``scope`` names list and order; a cursor of another scope is refused.
    """
    context = info.context
    cursors = Cursors(context.services.cursor_key, context.actor.user_id, scope)
    request = page_request(first, cursors.open(after), last, cursors.open(before))
    page = await fetch(await context.reader(), request)
    context.read_along(page.items)
    return ConnectionView(page, cursors, count)
