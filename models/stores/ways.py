"""Connections to one Redis that are kept between calls, for the one call that every request makes.

The client around them asks a pool, a collector of figures and a policy of retries at each call, and
makes a task for each way: as much work as all the rest of a short request.  Packing, sending and
reading stay the client library's.
"""

import asyncio
from typing import Any, Final

import redis.asyncio as redis
from redis.exceptions import ResponseError

_KEPT: Final = 8
"""More go back to the pool when they are not used."""


class Ways:
    """Kept connections, out of the pool of a client."""

    def __init__(self, client: redis.Redis, *, timeout_seconds: float) -> None:
        self._pool: Any = client.connection_pool
        self._timeout_seconds = timeout_seconds
        self._free: list[Any] = []

    async def say(self, *words: str | int | bytes) -> Any:
        """The answer to one command; raises what the client raises, and TimeoutError."""
        way = await self._take()
        try:
            # One deadline for both ways; the library's own is a task and a timer each.
            async with asyncio.timeout(self._timeout_seconds):
                await way.send_packed_command(way.pack_command(*words), check_health=False)
                answer = await way.read_response()
        except ResponseError:
            # The server's word about the command: nothing is wrong with the line.
            await self._leave(way)
            raise
        except BaseException:
            # An answer may come that is nobody's.
            await self._drop(way)
            raise
        await self._leave(way)
        return answer

    async def _take(self) -> Any:
        """A connection that stands."""
        while self._free:
            way = self._free.pop()
            # Ended by the other side while it was kept.
            if way.is_connected and not way._reader.at_eof():  # noqa: SLF001 - has no public name
                return way
            await self._drop(way)
        way = await self._pool.get_connection()
        way.socket_timeout = None
        return way

    async def _leave(self, way: Any) -> None:
        if len(self._free) < _KEPT:
            self._free.append(way)
        else:
            await self._give_back(way)

    async def _drop(self, way: Any) -> None:
        try:
            await way.disconnect(nowait=True)
        finally:
            await self._give_back(way)

    async def _give_back(self, way: Any) -> None:
        way.socket_timeout = self._timeout_seconds
        await self._pool.release(way)
