"""Signals between processes: a ledger has moved on, there is new work.

A signal carries no data and may be lost: readers poll as well.
"""

import asyncio
from uuid import UUID

from models.stores.redis import Cache, CacheDown


class LocalBroker:
    """Signals within one process, and to others through Redis where there is one."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache
        self.work = asyncio.Event()
        """Set when a worker of this process should look for jobs at once."""

    async def publish(self, ledger_id: UUID, version: int) -> None:
        """Tell that a ledger is at a version."""
        if self._cache is None:
            return
        try:
            await self._cache.call(
                lambda r: r.publish(f"pt:ledger:{ledger_id}", str(version).encode())
            )
        except CacheDown:
            return

    async def wake_workers(self) -> None:
        """Tell the worker of this process; workers elsewhere poll every second."""
        self.work.set()
