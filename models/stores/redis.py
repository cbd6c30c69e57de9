"""The connection to Redis or Valkey: short time-outs, no hidden retries, a breaker before both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

T = TypeVar("T")

_TIMEOUT_SECONDS: Final = 0.05
_HANDSHAKE_WAYS: Final = 5
_FAILURES_TO_OPEN: Final = 3
_OPEN_SECONDS: Final = 1.0
_PING_SECONDS: Final = 0.3
_SILENT_SECONDS: Final = 1.5
"""So long without an answer to a ping, and the line is taken for dead."""


class CacheDown(Exception):
    """The cache does not answer now; every caller can do without it."""


class Cache:
    """A Redis client whose failures cost at most 50 ms once and nothing while it is known dead.

    One call that hangs opens the breaker, or three that fail.  Whether Redis is back is found out
    beside the requests, at once and then every second, so that none of them waits for it again.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        socket: str | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        **login: Any,
    ) -> None:
        options: dict[str, Any] = {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),
            "max_connections": 50,
            "timeout": timeout_seconds,
        }
        if socket is not None:
            options |= {"connection_class": redis.UnixDomainSocketConnection, "path": socket}
            options |= login
            pool = redis.BlockingConnectionPool(**options)
        else:
            if (url or "").startswith("rediss:"):
                # A handshake is three more ways, and happens once a connection.
                options["socket_connect_timeout"] = timeout_seconds * _HANDSHAKE_WAYS
            pool = redis.BlockingConnectionPool.from_url(url or "", **login, **options)
        self.client: redis.Redis = redis.Redis(connection_pool=pool)
        self.calls = 0
        """How often a caller has waited for Redis."""
        self._failures = 0
        self._open = False
        self._next_probe = 0.0
        self._probing: asyncio.Task[None] | None = None

    async def call(self, work: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Run one call; raises CacheDown when Redis is away or slow."""
        if self._open:
            self._probe()
            raise CacheDown
        self.calls += 1
        try:
            value = await work(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            hung = isinstance(error, RedisTimeout | TimeoutError)
            if hung or self._failures >= _FAILURES_TO_OPEN:
                self._open = True
                self._probe()
            raise CacheDown from error
        self._failures = 0
        return value

    async def messages(self, channel: str) -> AsyncIterator[bytes | float]:
        """What is published on a channel from now on, and in between signs that the line stands.

        A sign is the moment (of the monotonic clock) at which a ping was sent that has been
        answered: all that was published between the first sign and that moment has come.  Raises
        CacheDown when Redis goes away or falls silent: what is published meanwhile is lost.
        """
        line = self.client.pubsub(ignore_subscribe_messages=True)
        try:
            await line.subscribe(channel)
            pinged, waits = monotonic(), True
            await line.ping()
            while True:
                message = await line.get_message(timeout=_PING_SECONDS)
                if message is not None and message["type"] == "message":
                    yield message["data"]
                elif message is not None and message["type"] == "pong":
                    yield pinged
                    waits = False
                passed = monotonic() - pinged
                if waits and passed > _SILENT_SECONDS:
                    raise CacheDown
                if not waits and passed >= _PING_SECONDS:
                    pinged, waits = monotonic(), True
                    await line.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheDown from error
        finally:
            with suppress(RedisError, OSError):
                await line.aclose()  # type: ignore[no-untyped-call]

    @property
    def down(self) -> bool:
        """Whether Redis is known to be away."""
        return self._open

    def _probe(self) -> None:
        """Look beside the caller whether Redis is back, at most once a second."""
        probing = self._probing is not None and not self._probing.done()
        if not probing and monotonic() >= self._next_probe:
            self._next_probe = monotonic() + _OPEN_SECONDS
            self._probing = asyncio.create_task(self._look())

    async def _look(self) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await self.client.exists("pt:probe")
            self._failures, self._open = 0, False

    async def close(self) -> None:
        """Close all connections."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
