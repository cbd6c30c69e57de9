"""Cached sessions: who a session id stands for, and which ones were ended a moment ago."""

from collections.abc import Iterable
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

from models.sealing import SealBroken, derive, open_bytes, seal_bytes
from models.stores.broker import LocalBroker
from models.stores.redis import Cache, CacheDown

_KEPT_SECONDS: Final = 60
_OPENED: Final = 4_096
_TRUSTED_SECONDS: Final = 5.0
"""How long an image is kept in the process; should a signal be lost, nobody is let in longer."""
_DENIED_SECONDS: Final = 16 * 60
"""Longer than any access token lives."""


class SessionCache(Protocol):
    """Remembers sessions for a minute; what it forgets is read from the database."""

    async def get(self, session_id: UUID) -> bytes | None:
        """The remembered image; None when unknown, ended or the cache is away."""

    def kept(self, session_id: UUID) -> bytes | None:
        """The image where nobody has to be asked for it; None means that ``get`` has to be."""

    async def put(self, session_id: UUID, image: bytes) -> None:
        """Remember an image, unless the session was ended meanwhile."""

    async def forget(self, session_ids: Iterable[UUID]) -> None:
        """Drop images that are no longer right."""

    async def deny(self, session_ids: Iterable[UUID]) -> None:
        """Drop images of ended sessions and let none be remembered again."""


class RedisSessions:
    """Sealed images in Redis; both keys of a session share a hash tag, so one call reads both."""

    def __init__(self, cache: Cache, secret: bytes) -> None:
        self._cache = cache
        self._key = derive(secret, "sessions")
        self._opened: dict[UUID, tuple[bytes, bytes]] = {}
        """What was opened last: a sealed image that has not changed is not opened again."""

    async def get(self, session_id: UUID) -> bytes | None:
        """The remembered image; None when unknown, ended or the cache is away."""
        names = [f"pt:{{{session_id}}}:session", f"pt:{{{session_id}}}:denied"]
        try:
            image, denied = await self._cache.call(lambda r: r.mget(names))
        except CacheDown:
            return None
        if not isinstance(image, bytes) or denied is not None:
            self._opened.pop(session_id, None)
            return None
        sealed, opened = self._opened.get(session_id, (b"", b""))
        if sealed == image:
            return opened
        try:
            opened = open_bytes(self._key, image, session_id.bytes)
        except SealBroken:
            return None
        if len(self._opened) >= _OPENED:
            self._opened.clear()
        self._opened[session_id] = (image, opened)
        return opened

    def kept(self, session_id: UUID) -> bytes | None:  # noqa: ARG002
        """Redis has to be asked."""
        return None

    async def put(self, session_id: UUID, image: bytes) -> None:
        """Remember an image for a minute."""
        sealed = seal_bytes(self._key, image, session_id.bytes)
        try:
            await self._cache.call(
                lambda r: r.set(f"pt:{{{session_id}}}:session", sealed, ex=_KEPT_SECONDS)
            )
        except CacheDown:
            return

    async def forget(self, session_ids: Iterable[UUID]) -> None:
        """Drop images; without Redis they are gone after a minute at the latest."""
        for session_id in session_ids:
            name = f"pt:{{{session_id}}}:session"
            try:
                await self._cache.call(lambda r, name=name: r.delete(name))  # type: ignore[misc]
            except CacheDown:
                return

    async def deny(self, session_ids: Iterable[UUID]) -> None:
        """Mark ended sessions first, so that a slow reader cannot bring one back."""
        for session_id in session_ids:
            name = f"pt:{{{session_id}}}:denied"
            try:
                await self._cache.call(
                    lambda r, name=name: r.set(name, b"1", ex=_DENIED_SECONDS)  # type: ignore[misc]
                )
            except CacheDown:
                return
        await self.forget(session_ids)


class NoSessions:
    """Without a cache every request reads its session from the database."""

    def kept(self, session_id: UUID) -> bytes | None:  # noqa: ARG002
        """Nothing is remembered."""
        return None

    async def get(self, session_id: UUID) -> bytes | None:  # noqa: ARG002
        """Nothing is remembered."""
        return None

    async def put(self, session_id: UUID, image: bytes) -> None:
        """Nothing is remembered."""

    async def forget(self, session_ids: Iterable[UUID]) -> None:
        """Nothing is remembered."""

    async def deny(self, session_ids: Iterable[UUID]) -> None:
        """Nothing is remembered."""


class AnnouncedSessions:
    """A cache that tells every process at once whose sessions are over or have changed."""

    def __init__(self, cache: SessionCache, broker: LocalBroker) -> None:
        self._cache = cache
        self._broker = broker

    async def get(self, session_id: UUID) -> bytes | None:
        """The remembered image."""
        return await self._cache.get(session_id)

    def kept(self, session_id: UUID) -> bytes | None:
        """The image that needs no asking."""
        return self._cache.kept(session_id)

    async def put(self, session_id: UUID, image: bytes) -> None:
        """Remember an image."""
        await self._cache.put(session_id, image)

    async def forget(self, session_ids: Iterable[UUID]) -> None:
        """Drop images, then tell everybody."""
        changed = list(session_ids)
        await self._cache.forget(changed)
        await self._broker.change_sessions(changed)

    async def deny(self, session_ids: Iterable[UUID]) -> None:
        """End them here, then tell everybody."""
        ended = list(session_ids)
        await self._cache.deny(ended)
        await self._broker.end_sessions(ended)


class RememberedSessions:
    """Images kept in the process, so that most requests ask nobody who they come from.

    An image is kept for seconds, only after Redis has given it, and trusted only while the line
    stands on which every process hears of ended and changed sessions (the broker knows); any signal
    about a session drops its image.  Otherwise the cache behind it is asked.
    """

    def __init__(self, cache: SessionCache, broker: LocalBroker) -> None:
        self._cache = cache
        self._broker = broker
        self._kept: dict[UUID, tuple[float, bytes]] = {}
        self._signals = 0
        broker.listen(self)

    def kept(self, session_id: UUID) -> bytes | None:
        """The kept image, while the line of signals stands."""
        if self._broker.stands:
            until, image = self._kept.get(session_id, (0.0, b""))
            if monotonic() < until:
                return image
        return None

    async def get(self, session_id: UUID) -> bytes | None:
        """The kept image, or what the cache behind remembers."""
        image = self.kept(session_id)
        if image is not None:
            return image
        stands = self._broker.stands
        if not stands:
            self._broker.keep()
        signals = self._signals
        found = await self._cache.get(session_id)
        # A signal that came meanwhile may have been about what was asked before it.
        if found is not None and stands and signals == self._signals:
            if len(self._kept) >= _OPENED:
                self._kept.clear()
            self._kept[session_id] = (monotonic() + _TRUSTED_SECONDS, found)
        return found

    async def put(self, session_id: UUID, image: bytes) -> None:
        """Have the cache remember an image; the next one who asks for it keeps it here."""
        await self._cache.put(session_id, image)

    async def forget(self, session_ids: Iterable[UUID]) -> None:
        """Drop images, here by the signal."""
        await self._cache.forget(session_ids)

    async def deny(self, session_ids: Iterable[UUID]) -> None:
        """End sessions, here by the signal."""
        await self._cache.deny(session_ids)

    def moved(self, ledger_id: UUID, version: int) -> None:
        """A signal for others."""

    def ended(self, session_id: UUID) -> None:
        """A signal: the session is over."""
        self.changed(session_id)

    def changed(self, session_id: UUID) -> None:
        """A signal: the image is no longer right."""
        self._signals += 1
        self._kept.pop(session_id, None)

    def joined(self) -> None:
        """Signals may have been lost until now."""
        self._signals += 1
        self._kept.clear()
