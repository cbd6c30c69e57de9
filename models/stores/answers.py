"""Cached answers: bodies of reads by all that they depend on, near in the process and sealed in Redis.

A name is a hash of everything that an answer depends on, the person and the versions of her ledgers
among it.  So nothing is ever dropped for being wrong: after a write nobody asks for the old name any
more, and what is left runs out by itself, after an account's deletion too.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from time import monotonic
from typing import Final
from uuid import UUID

from models.sealing import SealBroken, derive, open_bytes, seal_bytes
from models.stores.redis import Cache, CacheDown

KEPT_SECONDS: Final = 240
"""Shorter than the five minutes after which nothing of a deleted account may be left."""
NEAR_BYTES: Final = 32 * 1024 * 1024
BODY_BYTES: Final = 256 * 1024
_WAITING_BYTES: Final = 4 * 1024 * 1024
_OVERHEAD: Final = 400
_DEAR_SECONDS: Final = 0.003
"""What takes less to make is not asked for in Redis: that would cost as much."""
_OPERATIONS: Final = 4_096


class Answers:
    """Bodies of this process, bounded in bytes, and those that every process shares.

    Redis is asked only for operations that are dear to make (or not known yet), and told beside the
    requests: nobody waits for it to be written.
    """

    def __init__(
        self,
        cache: Cache | None = None,
        secret: bytes = b"",
        *,
        near_bytes: int = NEAR_BYTES,
        dear_seconds: float = _DEAR_SECONDS,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        self._cache = cache
        self._key = derive(secret, "answers") if secret else b""
        self._most = near_bytes
        self._dear_seconds = dear_seconds
        self._kept_seconds = kept_seconds
        self._looks = kept_seconds / 8
        self._timer: asyncio.TimerHandle | None = None
        self._near: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._held = 0
        self._seconds: dict[str, float] = {}
        self._waiting: dict[str, bytes] = {}
        self._waits = 0
        self._telling: asyncio.Task[None] | None = None

    @property
    def held_bytes(self) -> int:
        """What the bodies of this process take."""
        return self._held

    def near(self, name: bytes) -> bytes | None:
        """A body that this process keeps."""
        found = self._near.get(name)
        if found is None:
            return None
        if found[0] <= monotonic():
            self._drop(name)
            return None
        self._near.move_to_end(name)
        return found[1]

    async def shared(self, owner: UUID, name: bytes, operation: str) -> bytes | None:
        """A body that some process has left in Redis; None where asking costs more than making."""
        if self._cache is None or not self._dear(operation):
            return None
        key = _key(owner, name)
        try:
            sealed = await self._cache.call(lambda r: r.get(key))
        except CacheDown:
            return None
        if not isinstance(sealed, bytes):
            return None
        try:
            body = open_bytes(self._key, sealed, owner.bytes + name)
        except SealBroken:
            return None
        self._keep(name, body)
        return body

    def put(self, owner: UUID, name: bytes, operation: str, body: bytes, seconds: float) -> None:
        """Keep a body that took so long to make."""
        if len(self._seconds) >= _OPERATIONS:
            self._seconds.clear()
        self._seconds[operation] = seconds
        if len(body) > BODY_BYTES:
            return
        self._keep(name, body)
        if self._cache is None or not self._dear(operation):
            return
        if self._waits + len(body) > _WAITING_BYTES:
            return
        self._waits += len(body)
        self._waiting[_key(owner, name)] = seal_bytes(self._key, body, owner.bytes + name)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(self._cache))

    def _dear(self, operation: str) -> bool:
        return self._seconds.get(operation, self._dear_seconds) >= self._dear_seconds

    def _keep(self, name: bytes, body: bytes) -> None:
        self._drop(name)
        self._near[name] = (monotonic() + self._kept_seconds, body)
        self._held += len(body) + _OVERHEAD
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._looks, self._fade)
        while self._held > self._most:
            self._drop(next(iter(self._near)))

    def _fade(self) -> None:
        """Let go what is over though nobody asks for it."""
        now = monotonic()
        for name in [name for name, (until, _) in self._near.items() if until <= now]:
            self._drop(name)
        self._timer = None
        if self._near:
            self._timer = asyncio.get_running_loop().call_later(self._looks, self._fade)

    def _drop(self, name: bytes) -> None:
        found = self._near.pop(name, None)
        if found is not None:
            self._held -= len(found[1]) + _OVERHEAD

    async def _tell(self, cache: Cache) -> None:
        """Write what waits."""
        kept = int(self._kept_seconds)
        while self._waiting:
            waiting, self._waiting, self._waits = self._waiting, {}, 0
            with suppress(CacheDown):
                # One at a time: the keys of a cluster lie on several machines, and the time of a
                # call is short.
                for key, sealed in waiting.items():
                    await cache.call(lambda r, k=key, v=sealed: r.set(k, v, ex=kept))  # type: ignore[misc]

    async def settle(self) -> None:
        """Wait until Redis has been told."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)


def _key(owner: UUID, name: bytes) -> str:
    return f"pt:{{{owner}}}:answer:{name.hex()}"
