"""What many share who follow the same books: one look at them, one answer of each event, fair turns."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from models.endings import stop

T = TypeVar("T")

AT_A_TIME: Final = 16
"""How many followers go on in one round of the loop: a few milliseconds of work."""
_KEPT_SECONDS: Final = 1.0
_NOBODY_ELSES: Final = object()


class Flag:
    """An ``asyncio.Event`` that costs memory only while somebody waits for it."""

    __slots__ = ("_on", "_waiting")

    def __init__(self, *, on: bool = False) -> None:
        self._on = on
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether nobody has to wait."""
        return self._on

    def set(self) -> None:
        """Let everybody go on, until it is cleared."""
        self._on = True
        for one in self._waiting or ():
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        """Let everybody wait."""
        self._on = False

    async def wait(self) -> bool:
        """Wait until it is set."""
        if not self._on:
            own = asyncio.get_running_loop().create_future()
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(own)
            try:
                await own
            finally:
                self._waiting.remove(own)
                self._waiting = self._waiting or None
        return True


class Turns:
    """Lets few go on in each round of the loop, in order: requests get their turn between them."""

    def __init__(self, at_a_time: int = AT_A_TIME) -> None:
        self._at_a_time = at_a_time
        self._left = at_a_time
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def take(self) -> None:
        """Wait for a turn."""
        if self._left > 0 and not self._waiting:
            self._left -= 1
            self._count()
            return
        own = asyncio.get_running_loop().create_future()
        self._waiting.append(own)
        await own

    def _count(self) -> None:
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next_round)

    def _next_round(self) -> None:
        self._counting = False
        self._left = self._at_a_time
        while self._waiting and self._left > 0:
            one = self._waiting.popleft()
            if not one.done():
                one.set_result(None)
                self._left -= 1
        if self._left < self._at_a_time:
            self._count()


@dataclass(slots=True)
class _Look(Generic[T]):
    """One look at something, under way or just over."""

    began: int
    task: "asyncio.Task[T]"


class Looks(Generic[T]):
    """Looks at what moves: who asks the same after the same news gets what one of them saw."""

    def __init__(self) -> None:
        self.news = 0
        """Counts everything that may have changed what anybody would see."""
        self._looks: dict[Hashable, _Look[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def see(self, key: Hashable, since: int, look: Callable[[], Awaitable[T]]) -> T:
        """What a look shows that began behind the news ``since``; raises what looking raises."""
        found = self._looks.get(key)
        if found is None or found.began < since:
            task = asyncio.ensure_future(look())
            found = self._looks[key] = _Look(self.news, task)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._over(key, done))
        # Who does not wait any more takes nothing from the others.
        return await asyncio.shield(found.task)

    def _over(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._forget(key, task)
        else:
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._forget, key, task)

    def _forget(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        found = self._looks.get(key)
        if found is not None and found.task is task:
            del self._looks[key]

    async def close(self) -> None:
        """End what nobody will wait for."""
        await stop(self._tasks)


Answers = dict[Hashable, "asyncio.Future[Any]"]
"""What was made of an event, by who may see it and how it was asked for."""


async def made_once(
    answers: Answers,
    key: Hashable,
    make: Callable[[], Awaitable[T]],
    *,
    for_all: Callable[[T], bool],
) -> T:
    """What ``make`` gives, made by the first who asks; the others wait for it.

    What fails, or is not ``for_all``, is the own affair of each.
    """
    found = answers.get(key)
    if found is not None:
        value = found.result() if found.done() else await asyncio.shield(found)
        return await make() if value is _NOBODY_ELSES else value
    own = answers[key] = asyncio.get_running_loop().create_future()
    shown: Any = _NOBODY_ELSES
    try:
        value = await make()
        if for_all(value):
            shown = value
        return value
    finally:
        own.set_result(shown)
