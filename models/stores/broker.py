"""Signals between processes: a ledger has moved on, a session is over, there is new work.

A signal carries no data and may be lost: whoever waits for one looks for itself from time to time.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

import structlog

from models.endings import stop
from models.ids import from_bytes
from models.stores.redis import Cache, CacheDown

_log: Final = structlog.get_logger("signals")

_CHANNEL: Final = "pt:signals"
_MOVED: Final = b"v"
_ENDED: Final = b"s"
_CHANGED: Final = b"c"
_UNHEARD_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.01
"""How long other processes wait to hear that a ledger has moved on: who writes on says it once."""
_WITH_ANOTHER: Final = 2
"""So many listen where another process does: this one has a line of its own."""
_ALONE_SECONDS: Final = 0.1
"""How long, when nobody else has heard the last time: somebody who has just come hears it late."""
_LAST_WORDS_SECONDS: Final = 1.0
"""How long the end of a process waits for what is left to be said."""
_STANDS_SECONDS: Final = 0.8
"""How long after its last sign the line is believed to stand: a lost signal is late by less."""


class Ear(Protocol):
    """Hears of what happened here and elsewhere; answers at once and raises nothing."""

    def moved(self, ledger_id: UUID, version: int) -> None:
        """A ledger is at a version."""

    def ended(self, session_id: UUID) -> None:
        """A session is over."""

    def changed(self, session_id: UUID) -> None:
        """What is known of a session's owner has changed."""

    def joined(self) -> None:
        """The line stands again: what was told meanwhile is lost."""


class LocalBroker:
    """Signals within one process, and to others through Redis where there is one."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache
        self._ears: list[Ear] = []
        self._stood_at = -inf
        self._relaying: asyncio.Task[None] | None = None
        self._moved: dict[UUID, int] = {}
        self._alone = False
        self._sending: asyncio.Task[None] | None = None
        self.work = asyncio.Event()
        """Set when a worker of this process should look for jobs at once."""
        self.tell_others: Callable[[], None] | None = None
        """Tells workers of other machines, where there is a queue."""

    def listen(self, ear: Ear) -> None:
        """Let somebody of this process hear from now on."""
        self._ears.append(ear)

    @property
    def stands(self) -> bool:
        """Whether what others tell is heard at once: the line showed so less than a second ago."""
        return monotonic() - self._stood_at < _STANDS_SECONDS

    def keep(self) -> None:
        """Listen to other processes from now on, until closed."""
        if self._cache is not None and (self._relaying is None or self._relaying.done()):
            self._relaying = asyncio.get_running_loop().create_task(self._relay(self._cache))

    async def close(self) -> None:
        """Say what is left to say, and stop listening."""
        sending, self._sending = self._sending, None
        if sending is not None:
            # A cache that does not answer keeps no process: others look for themselves in time.
            await asyncio.wait({sending}, timeout=_LAST_WORDS_SECONDS)
            await stop([sending])
        relaying, self._relaying = self._relaying, None
        if relaying is not None:
            await stop([relaying])

    async def publish(self, ledger_id: UUID, version: int) -> None:
        """Tell that a ledger is at a version: here at once, others in a moment.

        The last version says what those before it said, and whoever has written does not wait.
        """
        for ear in self._ears:
            ear.moved(ledger_id, version)
        if self._cache is None:
            return
        self._moved[ledger_id] = max(version, self._moved.get(ledger_id, 0))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_moved(self._cache))

    async def _send_moved(self, cache: Cache) -> None:
        """Tell others of all ledgers that have moved meanwhile, until none has."""
        while self._moved:
            await asyncio.sleep(_ALONE_SECONDS if self._alone else _GATHER_SECONDS)
            moved, self._moved = self._moved, {}
            with suppress(CacheDown):
                for ledger_id, version in moved.items():
                    signal = _MOVED + ledger_id.bytes + version.to_bytes(8, "big")
                    heard = await cache.publish(_CHANNEL, signal)
                    self._alone = heard is not None and heard < _WITH_ANOTHER

    async def end_sessions(self, session_ids: Iterable[UUID]) -> None:
        """Tell that sessions are over."""
        for session_id in session_ids:
            await self._send(_ENDED + session_id.bytes)

    async def change_sessions(self, session_ids: Iterable[UUID]) -> None:
        """Tell that what is known of sessions is no longer right."""
        for session_id in session_ids:
            await self._send(_CHANGED + session_id.bytes)

    async def wake_workers(self) -> None:
        """Tell the worker of this process; workers elsewhere poll, or hear of it by a queue."""
        self.work.set()
        if self.tell_others is not None:
            self.tell_others()

    async def _relay(self, cache: Cache) -> None:
        """Pass on what other processes tell, for as long as the process runs."""
        while True:
            try:
                await self._listen(cache)
            except CacheDown:
                pass
            except Exception as error:  # noqa: BLE001 - logged, and tried again
                _log.exception("signals.stumbled", exc_info=error)
            self._stood_at = -inf
            await asyncio.sleep(_UNHEARD_SECONDS)

    async def _listen(self, cache: Cache) -> None:
        joined = False
        async for signal in cache.messages(_CHANNEL):
            if isinstance(signal, bytes):
                self._tell(signal)
                continue
            if not joined:
                joined = True
                for ear in self._ears:
                    ear.joined()
            self._stood_at = signal

    async def _send(self, signal: bytes) -> None:
        self._tell(signal)
        if self._cache is None:
            return
        try:
            await self._cache.publish(_CHANNEL, signal)
        except CacheDown:
            return

    def _tell(self, signal: bytes) -> None:
        kind, about = signal[:1], from_bytes(signal[1:17])
        for ear in self._ears:
            if kind == _MOVED:
                ear.moved(about, int.from_bytes(signal[17:], "big"))
            elif kind == _ENDED:
                ear.ended(about)
            else:
                ear.changed(about)
