"""Stretches of a ledger's feed that were opened a moment ago: many read the same ones at once."""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resolvers.feed.position import Place

if TYPE_CHECKING:
    from resolvers.feed.reading import FeedEvent

_SECONDS: Final = 1.0
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class Span:
    """What a stretch of changes tells, and where it ends."""

    events: Sequence["FeedEvent"]
    end: Place


class Spans:
    """Opened stretches by ledger, its version, beginning, kinds and length.

    Only those find one who were let into the ledger by their own transaction: what is kept is what
    they would open themselves, as a version never changes.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Span] = {}

    def get(self, key: Hashable) -> Span | None:
        """A stretch that was opened a moment ago."""
        return self._kept.get(key)

    def put(self, key: Hashable, span: Span) -> None:
        """Keep a stretch for a moment."""
        if len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = span
        asyncio.get_running_loop().call_later(_SECONDS, self._kept.pop, key, None)
