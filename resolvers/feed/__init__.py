"""The change feed as its readers see it: what happened after a position, ledger by ledger."""

from resolvers.feed.kinds import ENTITIES, KINDS, FeedKind
from resolvers.feed.position import (
    START,
    Place,
    Position,
    Seen,
    Snapshot,
    pack,
    present_position,
    unpack,
)
from resolvers.feed.reading import FeedEvent, FeedPage, read_changes
from resolvers.feed.spans import Spans

__all__ = [
    "ENTITIES",
    "KINDS",
    "START",
    "FeedEvent",
    "FeedKind",
    "FeedPage",
    "Place",
    "Position",
    "Seen",
    "Snapshot",
    "Spans",
    "pack",
    "present_position",
    "read_changes",
    "unpack",
]
