"""The connection to Redis or Valkey: short time-outs, no hidden retries, a breaker before both."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")

_TIMEOUT_SECONDS: Final = 0.05
_FAILURES_TO_OPEN: Final = 3
_OPEN_SECONDS: Final = 1.0
_LISTEN_SECONDS: Final = 5.0


class CacheDown(Exception):
    """The cache does not answer now; every caller can do without it."""


class Cache:
    """A Redis client whose failures cost at most 50 ms once and nothing while it is known dead."""

    def __init__(self, *, url: str | None = None, socket: str | None = None, **login: Any) -> None:
        options: dict[str, Any] = {
            "socket_timeout": _TIMEOUT_SECONDS,
            "socket_connect_timeout": _TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "max_connections": 50,
            "timeout": _TIMEOUT_SECONDS,
        }
        if socket is not None:
            options |= {"connection_class": redis.UnixDomainSocketConnection, "path": socket}
            options |= login
            pool = redis.BlockingConnectionPool(**options)
        else:
            pool = redis.BlockingConnectionPool.from_url(url or "", **login, **options)
        self.client: redis.Redis = redis.Redis(connection_pool=pool)
        self._failures = 0
        self._open_until = 0.0

    async def call(self, work: Callable[[redis.Redis], Awaitable[T]]) -> T:
        """Run one call; raises CacheDown when Redis is away or slow."""
        if monotonic() < self._open_until:
            raise CacheDown
        try:
            value = await work(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            if self._failures >= _FAILURES_TO_OPEN:
                self._open_until = monotonic() + _OPEN_SECONDS
            raise CacheDown from error
        self._failures = 0
        return value

    async def messages(self, channel: str) -> AsyncIterator[bytes | None]:
        """What is published on a channel from now on; first None, once the line stands.

        Raises CacheDown when Redis goes away: what is published meanwhile is lost.
        """
        line = self.client.pubsub(ignore_subscribe_messages=True)
        try:
            await line.subscribe(channel)
            yield None
            while True:
                message = await line.get_message(timeout=_LISTEN_SECONDS)
                if message is not None and isinstance(message["data"], bytes):
                    yield message["data"]
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheDown from error
        finally:
            with suppress(RedisError, OSError):
                await line.aclose()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
