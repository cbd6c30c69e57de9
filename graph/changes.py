"""The change feed in the graph: pages of what happened after a cursor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry import Parent
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import plain, said
from graph.nodes import Node, find_node
from graph.paging import Cursors
from graph.scalars import Instant, JSONObject, id_text
from graph.sharing import Answers
from models.base import table
from models.database import VisibleVersion
from models.ledgers import Ledger
from resolvers.access import Actor
from resolvers.errors import InvalidCursor
from resolvers.feed import (
    KINDS,
    START,
    FeedEvent,
    Position,
    pack,
    present_position,
    read_changes,
    unpack,
)
from resolvers.paging import page_request

FROM_THE_START: Final = "start"
_LONGEST: Final = 32_000
"""Characters of a cursor: it names every ledger that its owner follows."""


def _kind(entity: str) -> Any:
    return strawberry.enum_value(entity, description=KINDS[entity].words)


@strawberry.enum(description="What a change can be about.")
class ChangeKind(Enum):
    """The kinds of objects in the feed, by their names in it."""

    ACCOUNT = _kind("account")
    BUDGET = _kind("budget")
    BUDGET_ITEM = _kind("budgetItem")
    CATEGORY = _kind("category")
    GROUP = _kind("group")
    GROUP_TRANSACTION = _kind("group_transaction")
    IMPORT = _kind("import")
    INVITATION = _kind("invitation")
    MEMBER = _kind("member")
    NOTIFICATION = _kind("notification")
    RATE = _kind("rate")
    RULE = _kind("rule")
    RULE_RUN = _kind("rule_run")
    SHARE = _kind("share")
    TEMPLATE = _kind("template")
    TRANSACTION = _kind("transaction")
    UPLOAD = _kind("upload")
    USER = _kind("user")


@strawberry.enum(description="What became of an object.")
class ChangeOp(Enum):
    """The verbs of the feed."""

    CREATE = strawberry.enum_value("CREATE", description="It was made.")
    UPDATE = strawberry.enum_value("UPDATE", description="It was changed.")
    DELETE = strawberry.enum_value("DELETE", description="It is gone, to the trash or for good.")
    RESTORE = strawberry.enum_value("RESTORE", description="It came back from the trash.")
    SNAPSHOT = strawberry.enum_value(
        "SNAPSHOT", description="It was there already when you began to follow its books."
    )
    REMOVE = strawberry.enum_value(
        "REMOVE", description="A group's books are out of your sight: forget all that was in them."
    )


class ChangeCursors:
    """Cursors of the feed: sealed positions, good for one person at every door."""

    def __init__(self, key: bytes, actor: Actor) -> None:
        self._key, self._user_id = key, actor.user_id
        self._cursors = Cursors(key, actor.user_id, "changes")

    def seal(self, position: Position) -> str:
        """The cursor of a position; the same position has the same cursor each time."""
        return self._cursors.seal_bytes(pack(position))

    def open(self, cursor: str) -> Position:
        """The position of a cursor or of "start"; raises INVALID_CURSOR."""
        if cursor == FROM_THE_START:
            return START
        try:
            return unpack(self._cursors.open_bytes(cursor, longest=_LONGEST))
        except (InvalidCursor, ValueError) as error:
            raise InvalidCursor(
                'The cursor is none of your change feed; "start" sends everything anew.'
            ) from error

    def present(self, versions: Iterable[VisibleVersion]) -> str:
        """The cursor of somebody who knows everything so far."""
        # It stays the same between two writes, and every read tells it.
        return _present(self._key, self._user_id, pack(present_position(versions)))


@lru_cache(maxsize=4_096)
def _present(key: bytes, user_id: UUID, packed: bytes) -> str:
    return Cursors(key, user_id, "changes").seal_bytes(packed)


@dataclass(frozen=True, slots=True)
class ChangeView:
    """An event with what seals its cursor."""

    event: FeedEvent
    cursors: ChangeCursors

    @property
    def answers(self) -> Answers:
        """What others may have made of it."""
        return self.event.answers

    def as_json(self) -> dict[str, Any]:
        """The whole event as REST and ``/ws/updates`` tell it."""
        return self.event.as_json(self.cursors.seal(self.event.position))


@strawberry.type(description="One entry of the change feed.")
class Change:
    """A view over ChangeView."""

    @strawberry.field(description='Kind and verb in one word, such as "transaction.updated".')
    def type(row: Parent[ChangeView]) -> str:
        """For clients that switch on text."""
        return row.event.type

    @strawberry.field(description="What the object is; null where books are out of sight.")
    def kind(row: Parent[ChangeView]) -> ChangeKind | None:
        """As an enum."""
        return ChangeKind(row.event.entity) if row.event.entity in KINDS else None

    @strawberry.field(description="What became of it.")
    def op(row: Parent[ChangeView]) -> ChangeOp:
        """As an enum."""
        return ChangeOp(row.event.op)

    @strawberry.field(description="The object, or the group whose books are out of sight.")
    def id(row: Parent[ChangeView]) -> ID:
        """Wire id."""
        return ID(row.event.id)

    @strawberry.field(
        description="Version of the object after the change; a deleted one counts once more. Null "
        "for what leaves the trash for good."
    )
    def version(row: Parent[ChangeView]) -> int | None:
        """The object's, not the ledger's."""
        return row.event.version

    @strawberry.field(description="When it happened.")
    def at(row: Parent[ChangeView]) -> Instant | None:
        """The time of the write."""
        at: datetime | None = row.event.at
        return None if at is None else Instant(at)

    @strawberry.field(description="Who did it.")
    def actor_id(row: Parent[ChangeView]) -> ID | None:
        """A person of the same books."""
        return id_text("user", row.event.actor_id)

    @strawberry.field(description="The group in whose books it happened; null in the own books.")
    def group_id(row: Parent[ChangeView]) -> ID | None:
        """Wire id."""
        found = row.event.group_id
        return None if found is None else ID(found)

    @strawberry.field(description="Go on behind this entry: good at every door.")
    def cursor(row: Parent[ChangeView]) -> str:
        """Sealed position."""
        return row.cursors.seal(row.event.position)

    @strawberry.field(
        description="The object as this change left it, with the fields that REST shows; null when "
        "it is gone.",
    )
    def data(row: Parent[ChangeView]) -> JSONObject | None:
        """The wire form."""
        found = row.event.data
        return None if found is None else JSONObject(found)

    @strawberry.field(
        description="The object as it is now, which may be newer; null when it is gone.",
        graphql_type=Node | None,
    )
    async def node(row: Parent[ChangeView], info: Info) -> Any:
        """Loaded with all others of the page."""
        return await find_node(info, row.event.id)


@dataclass(frozen=True, slots=True)
class ChangePageView:
    """A page with what seals its cursors."""

    events: Sequence[ChangeView]
    cursor: str
    more: bool


@strawberry.type(description="One page of the change feed.")
class ChangePage:
    """A view over ChangePageView."""

    cursor: str = plain("Where this page ends: ask for what comes after it, now or later.")

    @strawberry.field(description="What happened, in order within each ledger.")
    def changes(row: Parent[ChangePageView]) -> list[Change]:
        """The entries."""
        return list(row.events)  # type: ignore[arg-type]

    @strawberry.field(description="Whether more is there already.")
    def has_more(row: Parent[ChangePageView]) -> bool:
        """As of this page."""
        return row.more


AfterChange = Annotated[
    str,
    said(
        'A cursor of this feed (changeCursor, Change-Cursor, cursor), or "start" for everything: '
        "what is there arrives as SNAPSHOT, then what happens."
    ),
]
Kinds = Annotated[list[ChangeKind] | None, said("Only changes of these kinds of objects.")]


def entities(kinds: list[ChangeKind] | None) -> list[str] | None:
    """Kinds as the feed names them."""
    return None if kinds is None else [kind.value for kind in kinds]


def cursors_of(info: Info) -> ChangeCursors:
    """The cursors of the person who asks."""
    return ChangeCursors(info.context.services.cursor_key, info.context.actor)


async def present_cursor(info: Info) -> str:
    """The cursor of the moment that this answer shows."""
    ledgers = table(Ledger)
    reader = await info.context.reader()
    found = await reader.rows(select(ledgers.c.id, ledgers.c.version, ledgers.c.books))
    return cursors_of(info).present(VisibleVersion(r.id, r.version, r.books) for r in found)


@strawberry.type
class ChangeQueries:
    """Root fields of the feed."""

    @strawberry.field(
        description="What happened after a cursor in all books that you may see, in pages.",
        graphql_type=ChangePage,
    )
    async def changes(
        self,
        info: Info,
        after: AfterChange = FROM_THE_START,
        kinds: Kinds = None,
        first: Annotated[int | None, said("How many, 0 to 100 (50).")] = None,
    ) -> Any:
        """Raises INVALID_CURSOR, and GONE for a cursor that the feed does not reach back to."""
        cursors = cursors_of(info)
        size = page_request(first, None, None, None).size
        page = await read_changes(
            await info.context.reader(), cursors.open(after), limit=size, kinds=entities(kinds)
        )
        views = [ChangeView(event, cursors) for event in page.events]
        return ChangePageView(views, cursors.seal(page.position), page.more)
