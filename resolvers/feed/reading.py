"""Reading the feed: what happened after a position, in pages that end anywhere.

Within a ledger the order is exact; the personal ledger comes first, and no order across ledgers is
promised.  A ledger that the position does not know arrives as a snapshot: every object that lived
at the ledger's present version, as that version left it, then what happened since.  So a snapshot
that takes many pages is still of one moment.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Row, Select, bindparam, select, text, tuple_

from models import ids
from models.base import among, table
from models.categories import Category
from models.changes import Change, content_place
from models.database import Transaction
from models.ledgers import Ledger
from models.statements import Prepared
from models.transactions import TransactionRow
from resolvers.errors import Gone
from resolvers.feed.kinds import KINDS, LEDGER
from resolvers.feed.position import WHOLE, Place, Position, Seen, Snapshot
from resolvers.feed.spans import Span, Spans
from resolvers.transactions.rows import refunded_by_id
from resolvers.wire import instant, wire

MAX_PAGE: Final = 500
_CH: Final = table(Change)
_L: Final = table(Ledger)
_C: Final = table(Category)
_WORDS: Final = {
    "CREATE": "created",
    "UPDATE": "updated",
    "DELETE": "deleted",
    "RESTORE": "restored",
    "SNAPSHOT": "snapshot",
    "REMOVE": "removed",
}
_COLUMNS: Final = (
    _CH.c.version, _CH.c.seq, _CH.c.entity, _CH.c.entity_id, _CH.c.op, _CH.c.actor_id, _CH.c.at,
    _CH.c.content,
)  # fmt: skip
_LEDGERS: Final = Prepared(
    select(_L.c.id, _L.c.kind, _L.c.version, _L.c.pruned_version).order_by(
        _L.c.kind.desc(), _L.c.id
    )
)
_ONE_LEDGER: Final = Prepared(
    select(_L.c.id, _L.c.kind, _L.c.version, _L.c.pruned_version).where(
        _L.c.id == bindparam("only")
    )
)
# Newest change of every object up to a version, of those that lived then.
_AS_OF: Final = text(
    "SELECT version, seq, entity, entity_id, op, actor_id, at, content FROM ("
    "SELECT DISTINCT ON (entity_id, entity) version, seq, entity, entity_id, op, actor_id, at, "
    "content FROM changes WHERE ledger_id = :ledger AND version <= :version "
    "AND (entity_id, entity) > (:id, :entity) "
    "AND (CAST(:kinds AS text[]) IS NULL OR entity = ANY (:kinds)) "
    "ORDER BY entity_id, entity, version DESC, seq DESC) AS newest "
    "WHERE op <> 'DELETE' ORDER BY entity_id, entity LIMIT :rows"
)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One change as a reader sees it; ``before`` and ``after`` are rows, None where none was."""

    ledger_id: UUID
    personal: bool
    entity: str
    entity_id: UUID
    op: str
    version: int | None
    """The object's; of a deleted object the one after its last."""
    position: Position
    """Where a reader stands who has seen it."""
    actor_id: UUID | None = None
    at: datetime | None = None
    before: Any = None
    after: Any = None
    answers: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What readers made of it for others who stand where they stand."""

    @property
    def type(self) -> str:
        """Kind and verb, such as ``transaction.updated``."""
        name = LEDGER if self.entity == LEDGER else KINDS[self.entity].name
        return f"{name}.{_WORDS[self.op]}"

    @property
    def id(self) -> str:
        """The object on the wire."""
        prefix = "grp" if self.entity == LEDGER else KINDS[self.entity].prefix
        return ids.encode(prefix, self.entity_id)

    @property
    def group_id(self) -> str | None:
        """The group in whose books it happened; None for the personal ones."""
        return None if self.personal else ids.encode("grp", self.ledger_id)

    @property
    def data(self) -> dict[str, Any] | None:
        """The object as the change left it; None for one that is gone."""
        return None if self.after is None else wire(self.after)

    def as_json(self, cursor: str) -> dict[str, Any]:
        """The event for readers who take it whole."""
        return {
            "type": self.type,
            "id": self.id,
            "version": self.version,
            "cursor": cursor,
            "at": instant(self.at),
            "actorId": None if self.actor_id is None else ids.encode("user", self.actor_id),
            "groupId": self.group_id,
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some events, where they end, and whether more are there already."""

    events: Sequence[FeedEvent]
    position: Position
    more: bool


async def read_changes(
    tx: Transaction,
    position: Position,
    *,
    limit: int,
    kinds: Collection[str] | None = None,
    only: UUID | None = None,
    spans: Spans | None = None,
) -> FeedPage:
    """What the reader of a transaction may see after a position, at most ``limit`` events.

    ``kinds`` leaves only some kinds of objects and ``only`` one ledger; a ledger that is lost is
    always told.  What others have opened a moment ago is taken from ``spans``.  Raises GONE for a
    position that the feed does not reach back to.
    """
    ledgers = await (tx.rows(_LEDGERS) if only is None else tx.rows(_ONE_LEDGER, {"only": only}))
    walk = _Walk(tx, dict(position), limit, None if kinds is None else sorted(kinds), spans)
    visible = {ledger.id for ledger in ledgers}
    for lost in sorted(position.keys() - visible):
        if walk.room > 0:
            walk.lose(lost)
    for ledger in ledgers:
        if walk.room <= 0:
            break
        await walk.follow(ledger)
    ahead = [one for one in ledgers if walk.position.get(one.id) != Seen(one.version)]
    more = bool(ahead) or bool(walk.position.keys() - visible)
    return FeedPage(walk.events, walk.position, more)


class _Walk:
    """One reading in progress."""

    def __init__(
        self,
        tx: Transaction,
        position: dict[UUID, Place],
        limit: int,
        kinds: list[str] | None,
        spans: Spans | None,
    ) -> None:
        self.tx = tx
        self.position = position
        self.events: list[FeedEvent] = []
        self._limit = limit
        self._kinds = kinds
        self._spans = spans

    @property
    def room(self) -> int:
        """How many events still fit."""
        return self._limit - len(self.events)

    def lose(self, ledger_id: UUID) -> None:
        """Tell once that a ledger is out of sight, and forget it."""
        del self.position[ledger_id]
        self.events.append(
            FeedEvent(
                ledger_id=ledger_id,
                personal=False,
                entity=LEDGER,
                entity_id=ledger_id,
                op="REMOVE",
                version=None,
                position=dict(self.position),
            )
        )

    async def follow(self, ledger: Row[Any]) -> None:
        """Read one ledger to its present version, or until the page is full."""
        place = self.position.get(ledger.id) or Snapshot(ledger.version)
        if not ledger.pruned_version <= place.version <= ledger.version:
            raise _too_old()
        if isinstance(place, Snapshot):
            place = await self._snapshot(ledger, place)
        if isinstance(place, Seen) and place != Seen(ledger.version):
            await self._since(ledger, place)

    async def _snapshot(self, ledger: Row[Any], place: Snapshot) -> Place:
        """The objects of a version behind the last one told."""
        room = self.room
        found = await self.tx.rows(
            _AS_OF,
            {
                "ledger": ledger.id,
                "version": place.version,
                "id": place.after_id,
                "entity": place.after_entity,
                "kinds": self._kinds,
                "rows": room + 1,
            },
        )
        rows = found[:room]
        places: list[Place] = [Snapshot(place.version, r.entity_id, r.entity) for r in rows]
        end: Place = places[-1] if len(found) > room else Seen(place.version)
        events = await self._opened(ledger, rows, [*places[:-1], end], snapshot=True)
        self._tell(ledger, Span(events, end))
        return end

    async def _since(self, ledger: Row[Any], place: Seen) -> None:
        """The changes behind the last one told."""
        room = self.room
        if room <= 0:
            return
        kinds = None if self._kinds is None else tuple(self._kinds)
        key = (ledger.id, ledger.version, place, kinds, room)
        span = None if self._spans is None else self._spans.get(key)
        if span is None:
            span = await self._opened_since(ledger, place, room)
            if self._spans is not None:
                self._spans.put(key, span)
        self._tell(ledger, span)

    async def _opened_since(self, ledger: Row[Any], place: Seen, room: int) -> Span:
        found = await self.tx.rows(self._changes(ledger.id, place).limit(room + 1))
        rows = found[:room]
        places: list[Place] = []
        for row, following in zip(rows, [*found[1:], None], strict=False):
            ends = following is None or following.version != row.version
            places.append(Seen(row.version, WHOLE if ends else row.seq))
        events = await self._opened(ledger, rows, places, snapshot=False)
        return Span(events, Seen(ledger.version) if len(found) <= room else places[-1])

    def _changes(self, ledger_id: UUID, place: Seen) -> Select[Any]:
        statement = (
            select(*_COLUMNS)
            .where(
                _CH.c.ledger_id == ledger_id,
                tuple_(_CH.c.version, _CH.c.seq) > tuple_(place.version, place.seq),
            )
            .order_by(_CH.c.version, _CH.c.seq)
        )
        if self._kinds is not None:
            statement = statement.where(among(_CH.c.entity, self._kinds))
        return statement

    def _tell(self, ledger: Row[Any], span: Span) -> None:
        """Add a stretch of a ledger to the page."""
        for event in span.events:
            self.position[ledger.id] = event.position[ledger.id]
            self.events.append(replace(event, position=dict(self.position), answers={}))
        self.position[ledger.id] = span.end

    async def _opened(
        self, ledger: Row[Any], rows: Sequence[Row[Any]], places: Sequence[Place], *, snapshot: bool
    ) -> list[FeedEvent]:
        """What changes of a ledger tell; their positions know of no other ledger."""
        if not rows:
            return []
        await self.tx.unlock([ledger.id])
        ring = self.tx.ring(ledger.id)
        opened = []
        for row in rows:
            content = ring.unseal(content_place(row.version, row.seq), row.entity_id, row.content)
            said = from_json(content)
            kind = KINDS.get(row.entity)
            images = [None if kind is None else said.get(name) for name in ("before", "after")]
            opened.append([i and kind and kind.open(i) for i in images])
        shown = await _as_of_now(self.tx, ledger.id, [after for _, after in opened])
        return [
            FeedEvent(
                ledger_id=ledger.id,
                personal=ledger.kind == "PERSONAL",
                entity=row.entity,
                entity_id=row.entity_id,
                op="SNAPSHOT" if snapshot else row.op,
                version=_version_of(before, after),
                position={ledger.id: place},
                actor_id=row.actor_id,
                at=row.at,
                before=None if snapshot else before,
                after=after,
            )
            for row, place, (before, _), after in zip(rows, places, opened, shown, strict=True)
            if row.entity in KINDS
        ]


def _version_of(before: Any, after: Any) -> int | None:
    if after is not None:
        return int(after.version)
    return None if before is None else int(before.version) + 1


async def _as_of_now(tx: Transaction, ledger_id: UUID, rows: Sequence[Any]) -> list[Any]:
    """Rows whose kind follows from others as those are now: they may have changed since."""
    booked = [row for row in rows if isinstance(row, TransactionRow)]
    kinds = await _present_kinds(tx, ledger_id, {row.category_id for row in booked} - {None})
    refunds = [(ledger_id, row.refund_of) for row in booked if row.refund_of is not None]
    refunded = await refunded_by_id(tx, refunds)
    return [
        replace(
            row,
            category_kind=kinds.get(row.category_id, row.category_kind),
            refunded=refunded.get((ledger_id, row.refund_of)) if row.refund_of else None,
        )
        if isinstance(row, TransactionRow)
        else row
        for row in rows
    ]


async def _present_kinds(
    tx: Transaction, ledger_id: UUID, wanted: Collection[UUID | None]
) -> dict[UUID | None, str]:
    """INCOME or EXPENSE of some categories."""
    if not wanted:
        return {}
    found = await tx.rows(
        select(_C.c.id, _C.c.kind).where(_C.c.ledger_id == ledger_id, among(_C.c.id, wanted))
    )
    return {row.id: row.kind for row in found}


def _too_old() -> Gone:
    return Gone('The cursor is older than the feed; begin again with the cursor "start".')
