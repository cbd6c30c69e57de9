"""A Redis Cluster behind the same cache: keys by their hash tag, signals on one sharded channel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from models.stores.addresses import redis_cluster

_MOST_CONNECTIONS: Final = 100
"""To one node.  Whoever calls waits for a turn before these can run out."""


def cluster_client(url: str, timeouts: dict[str, Any], login: dict[str, Any]) -> RedisCluster:
    """A client of the cluster that any of the URL's nodes belongs to; nothing is opened yet."""
    told = redis_cluster(url)
    options = {"username": told.username, "password": told.password, **login}
    nodes = [ClusterNode(host, port) for host, port in told.nodes]
    return RedisCluster(
        startup_nodes=nodes,
        ssl=told.tls,
        max_connections=_MOST_CONNECTIONS,
        # Who asks again does so beside the requests (Cache), not within one.
        retry=Retry(NoBackoff(), 0),
        # Where one shard is down the others go on.
        require_full_coverage=False,
        **timeouts,
        **options,
    )


@asynccontextmanager
async def shard_line(client: RedisCluster, channel: str) -> AsyncIterator[PubSub]:
    """A line to the node whose shard carries a channel now, subscribed to it."""
    await client.initialize()
    # What was known of the shards may be from before a failover: asked anew for each line.
    await client.nodes_manager.initialize()
    node = client.get_node_from_key(channel)
    if node is None:
        raise RedisError("no node carries the channel")
    options = {**node.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    pool = redis.ConnectionPool(connection_class=node.connection_class, **options)
    line = PubSub(pool)
    try:
        await line.ssubscribe(channel)
        yield line
    finally:
        with suppress(RedisError, OSError):
            await line.aclose()  # type: ignore[no-untyped-call]
        await pool.disconnect()


async def look_at_all(client: RedisCluster) -> None:
    """Raise unless every shard has a primary that answers."""
    await client.initialize()
    await client.nodes_manager.initialize()
    await client.execute_command("PING", target_nodes=RedisCluster.PRIMARIES)
