"""Turns: the writers of one ledger in this process wait for each other without a connection."""

import asyncio
from typing import Final

from resolvers.errors import Conflict

_TURN_SECONDS: Final = 10


class Turn:
    """The writers of one ledger in this process: one writes, the others wait."""

    __slots__ = ("__weakref__", "_lock", "_there")

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._there = 0

    async def take(self) -> None:
        """Wait for the turn; raises CONFLICT when it takes too long."""
        self._there += 1
        try:
            if self._there == 1:
                # Nobody is there who could keep it.
                await self._lock.acquire()
                return
            async with asyncio.timeout(_TURN_SECONDS):
                await self._lock.acquire()
        except BaseException as error:
            self._there -= 1
            if isinstance(error, TimeoutError):
                raise busy() from error
            raise

    def give(self) -> None:
        """Let the next one write."""
        self._there -= 1
        self._lock.release()


def busy() -> Conflict:
    """What is told to who has waited too long."""
    return Conflict(
        "Another write to the same ledger is still running; repeat this one.",
        retry_after_seconds=1,
    )
