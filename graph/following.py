"""Following the feed: one way along it, page by page or event by event."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from graph.errors import as_app_error
from graph.sharing import Flag
from resolvers.access import Actor
from resolvers.errors import ErrorCode
from resolvers.feed import FeedEvent, FeedPage, Position, Seen

if TYPE_CHECKING:
    from graph.live import Hub

_PATIENCE_SECONDS: Final = (0.2, 1.0, 2.0, 4.0, 8.0)


class Reader:
    """One way along the feed, for one person from one position on; whoever made it closes it."""

    __slots__ = (
        "_following",
        "_hub",
        "_more",
        "actor",
        "kinds",
        "news",
        "only",
        "position",
        "woken",
    )

    def __init__(
        self,
        hub: "Hub",
        actor: Actor,
        position: Position,
        kinds: Collection[str] | None = None,
        only: UUID | None = None,
    ) -> None:
        self.actor = actor
        self.position = position
        self.kinds = None if kinds is None else tuple(sorted(kinds))
        self.only = only
        self.woken = Flag()
        self.news = 0
        """The last news that it has to hear of."""
        self._hub = hub
        self._following = False
        self._more = True

    def stands_at(self, versions: dict[UUID, int]) -> bool:
        """Whether nothing is there that it has not read."""
        if self.only is not None:
            versions = {self.only: versions[self.only]} if self.only in versions else {}
        return self.position.keys() == versions.keys() and all(
            self.position[ledger_id] == Seen(version) for ledger_id, version in versions.items()
        )

    async def page(self) -> FeedPage:
        """The next page with something in it; raises what reading the feed raises."""
        if not self._following:
            self._following = True
            self._hub.follow(self)
        while True:
            if not self._more:
                await self.woken.wait()
            self.woken.clear()
            page = await self._read()
            self._more = page.more
            self._hub.moved_on(self, page.position)
            if page.events:
                return page

    def close(self) -> None:
        """Be woken no more."""
        if self._following:
            self._following = False
            self._hub.leave(self)

    async def turn(self) -> None:
        """Wait until it may go on with an event."""
        await self._hub.turns.take()

    async def _read(self) -> FeedPage:
        """The next page; a database that is away for a moment is waited for."""
        for pause in (*_PATIENCE_SECONDS, None):
            try:
                return await self._hub.read(self)
            except Exception as error:
                known = as_app_error(error)
                if pause is None or known is None or known.code is not ErrorCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the loop returns or raises")


class Events:
    """What a reader meets, one by one, as somebody shows it; None is passed over.

    An iterator and no generator: of these each follower would keep several, which take more memory
    than all else that is kept for one who waits.
    """

    __slots__ = ("_left", "_reader", "_show")

    def __init__(self, reader: Reader, show: Callable[[FeedEvent], Any]) -> None:
        self._reader = reader
        self._show = show
        self._left: Iterator[FeedEvent] = iter(())

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Any:
        while True:
            for event in self._left:
                shown = self._show(event)
                if shown is not None:
                    await self._reader.turn()
                    return shown
            page = await self._reader.page()
            self._left = iter(page.events)

    async def aclose(self) -> None:
        """Follow no more."""
        self._reader.close()
