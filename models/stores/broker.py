"""Signals between processes: a ledger has moved on, a session is over, there is new work.

A signal carries no data and may be lost: whoever waits for one looks for itself from time to time.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol
from uuid import UUID

from models.stores.redis import Cache, CacheDown

_CHANNEL: Final = "pt:signals"
_MOVED: Final = b"v"
_ENDED: Final = b"s"
_UNHEARD_SECONDS: Final = 1.0


class Ear(Protocol):
    """Hears of what happened here and elsewhere; answers at once and raises nothing."""

    def moved(self, ledger_id: UUID, version: int) -> None:
        """A ledger is at a version."""

    def ended(self, session_id: UUID) -> None:
        """A session is over."""


class LocalBroker:
    """Signals within one process, and to others through Redis where there is one."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache
        self._ears: list[Ear] = []
        self.work = asyncio.Event()
        """Set when a worker of this process should look for jobs at once."""
        self.tell_others: Callable[[], None] | None = None
        """Tells workers of other machines, where there is a queue."""

    def listen(self, ear: Ear) -> None:
        """Let somebody of this process hear from now on."""
        self._ears.append(ear)

    async def publish(self, ledger_id: UUID, version: int) -> None:
        """Tell that a ledger is at a version."""
        await self._send(_MOVED + ledger_id.bytes + version.to_bytes(8, "big"))

    async def end_sessions(self, session_ids: Iterable[UUID]) -> None:
        """Tell that sessions are over."""
        for session_id in session_ids:
            await self._send(_ENDED + session_id.bytes)

    async def wake_workers(self) -> None:
        """Tell the worker of this process; workers elsewhere poll, or hear of it by a queue."""
        self.work.set()
        if self.tell_others is not None:
            self.tell_others()

    async def relay(self, heard: Callable[[], None]) -> None:
        """Pass on what other processes tell, until cancelled.

        ``heard`` is called whenever the line stands again: what was told meanwhile is lost.
        """
        if self._cache is None:
            return
        while True:
            try:
                async for signal in self._cache.messages(_CHANNEL):
                    if signal is None:
                        heard()
                    else:
                        self._tell(signal)
            except CacheDown:
                await asyncio.sleep(_UNHEARD_SECONDS)

    async def _send(self, signal: bytes) -> None:
        self._tell(signal)
        if self._cache is None:
            return
        try:
            await self._cache.call(lambda r: r.publish(_CHANNEL, signal))
        except CacheDown:
            return

    def _tell(self, signal: bytes) -> None:
        kind, about = signal[:1], UUID(bytes=signal[1:17])
        for ear in self._ears:
            if kind == _MOVED:
                ear.moved(about, int.from_bytes(signal[17:], "big"))
            else:
                ear.ended(about)
