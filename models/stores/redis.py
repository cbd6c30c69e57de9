"""The connection to Redis or Valkey: short time-outs, no hidden retries, a breaker before both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, Final, TypeVar, cast

import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from models.endings import stop
from models.stores.addresses import CLUSTER_SCHEMES, TLS_SCHEMES
from models.stores.cluster import cluster_client, look_at_all, shard_line
from models.stores.ways import Ways

T = TypeVar("T")

_FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError, RuntimeError)
"""uvloop calls it a RuntimeError when a line is written to that was closed a moment ago."""
_TIMEOUT_SECONDS: Final = 0.05
_HANDSHAKE_WAYS: Final = 5
_FAILURES_TO_OPEN: Final = 3
_OPEN_SECONDS: Final = 1.0
_TURNS: Final = 50
"""How many calls of a cluster wait for their answers at once; more wait for their turn."""
_CLUSTER_WAYS: Final = 4
"""A call of a cluster may have to ask where its key has gone."""
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
        }
        scheme = (url or "").partition(":")[0]
        if scheme in TLS_SCHEMES:
            # A handshake is three more ways, and happens once a connection.
            options["socket_connect_timeout"] = timeout_seconds * _HANDSHAKE_WAYS
        self.cluster: RedisCluster | None = None
        self._turns = asyncio.Semaphore(_TURNS)
        self._longest = timeout_seconds * _CLUSTER_WAYS
        if scheme in CLUSTER_SCHEMES:
            # A call ends after its longest time; looking for all shards beside it may take more.
            options = dict.fromkeys(options, timeout_seconds * _HANDSHAKE_WAYS)
            self.cluster = cluster_client(url or "", options, login)
            # It has the commands of one server, for keys that share a hash tag.
            self.client = cast("redis.Redis", self.cluster)
        else:
            self.client = _one_server(url, socket, timeout_seconds, options | login)
        self.ways: Ways | None = None
        """Kept connections to the one server, past the client; within ``call`` as all else."""
        if self.cluster is None:
            self.ways = Ways(self.client, timeout_seconds=timeout_seconds)
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
            value = await (work(self.client) if self.cluster is None else self._in_turn(work))
        except _FAILURES as error:
            self._failures += 1
            hung = isinstance(error, RedisTimeout | TimeoutError)
            # A cluster whose node is away is asked anew for all its shards: never by a request.
            if hung or self.cluster is not None or self._failures >= _FAILURES_TO_OPEN:
                self._open = True
                self._probe()
            raise CacheDown from error
        self._failures = 0
        return value

    async def _in_turn(self, work: Callable[[redis.Redis], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._longest), self._turns:
            return await work(self.client)

    async def publish(self, channel: str, message: bytes) -> int | None:
        """Tell all who listen to a channel now, and how many did; raises CacheDown.

        A cluster does not know how many: those of other nodes hear it, too.
        """
        if self.cluster is None:
            heard: int = await self.call(lambda r: r.publish(channel, message))
            return heard
        await self.call(lambda r: r.spublish(channel, message))
        return None

    async def messages(self, channel: str) -> AsyncIterator[bytes | float]:
        """What is published on a channel from now on, and in between signs that the line stands.

        A sign is the moment (of the monotonic clock) at which a ping was sent that has been
        answered: all that was published between the first sign and that moment has come.  Raises
        CacheDown when Redis goes away or falls silent: what is published meanwhile is lost.
        """
        try:
            async with self._line(channel) as line:
                pinged, waits = monotonic(), True
                await line.ping()
                while True:
                    message = await line.get_message(timeout=_PING_SECONDS)
                    kind = None if message is None else message["type"]
                    if kind in PubSub.PUBLISH_MESSAGE_TYPES:
                        yield message["data"]
                    elif kind == "pong":
                        yield pinged
                        waits = False
                    elif kind == "sunsubscribe":
                        # The channel has moved to another shard.
                        raise CacheDown
                    passed = monotonic() - pinged
                    if waits and passed > _SILENT_SECONDS:
                        raise CacheDown
                    if not waits and passed >= _PING_SECONDS:
                        pinged, waits = monotonic(), True
                        await line.ping()
        except _FAILURES as error:
            raise CacheDown from error

    @asynccontextmanager
    async def _line(self, channel: str) -> AsyncIterator[PubSub]:
        """A line that is subscribed to a channel."""
        if self.cluster is not None:
            async with shard_line(self.cluster, channel) as line:
                yield line
            return
        line = self.client.pubsub()
        try:
            await line.subscribe(channel)
            yield line
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
        with suppress(*_FAILURES):
            if self.cluster is None:
                await self.client.exists("pt:probe")
            else:
                await look_at_all(self.cluster)
            self._failures, self._open = 0, False

    async def close(self) -> None:
        """Close all connections."""
        if self._probing is not None:
            await stop([self._probing])
        await self.client.aclose()
        if self.cluster is None:
            await self.client.connection_pool.disconnect()


def _one_server(
    url: str | None, socket: str | None, timeout_seconds: float, options: dict[str, Any]
) -> redis.Redis:
    """A client of one server; calls beyond its connections wait for one."""
    options |= {
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 50,
        "timeout": timeout_seconds,
    }
    if socket is None:
        pool = redis.BlockingConnectionPool.from_url(url or "", **options)
    else:
        options |= {"connection_class": redis.UnixDomainSocketConnection, "path": socket}
        pool = redis.BlockingConnectionPool(**options)
    return redis.Redis(connection_pool=pool)
