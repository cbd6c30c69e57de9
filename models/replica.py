"""Reading from a replica, for reports: only when it has everything that its reader has seen.

The versions of a person's ledgers say where a database stands.  Those of the primary are asked
first; a replica that is behind any of them, or away, is passed by.  Nothing that decides a write is
ever read here.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from models.database import Database, VisibleVersion, visible_in
from models.transacting import Reading, Upkeep

_PATIENCE_SECONDS: Final = 1.0
_AWAY_SECONDS: Final = 10.0
_log: Final = structlog.get_logger("replica")


class _Near(Database):
    """The replica's pool; what a reading leaves to be stored is stored by the primary."""

    def __init__(self, primary: Database, engine: AsyncEngine, **options: Any) -> None:
        super().__init__(engine, primary.keys, **options)
        self.rings = primary.rings
        self._primary = primary

    def keep_up(self, user_id: UUID | None, works: Iterable[Upkeep]) -> None:
        """Leave upkeep to the primary."""
        self._primary.keep_up(user_id, works)


class Replica:
    """A streaming replica beside the primary."""

    def __init__(self, primary: Database, engine: AsyncEngine, **options: Any) -> None:
        """``options`` are those of the primary's ``Database``."""
        self._primary = primary
        self.near: Database = _Near(primary, engine, **options)
        self._away_until = 0.0
        self.moments: Counter[str] = Counter(served=0, behind=0, away=0)
        """How often a report was read here, or elsewhere because of what."""

    async def open_report(self, user_id: UUID | None) -> Reading:
        """A moment of the replica, or of the primary where the replica cannot serve this reader."""
        if user_id is None or monotonic() < self._away_until:
            return await self._primary.open_read(user_id)
        wanted = await self._primary.visible_versions(user_id)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                reading = await self.near.open_read(user_id)
                try:
                    seen = await visible_in(reading, user_id)
                except BaseException:
                    await reading.end()
                    raise
        except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
            # Told once in a while: until then nobody waits for it again.
            self._away_until = monotonic() + _AWAY_SECONDS
            self.moments["away"] += 1
            _log.warning("replica.away", error=type(error).__name__)
            return await self._primary.open_read(user_id)
        if _has_all(seen, wanted):
            self.moments["served"] += 1
            return reading
        self.moments["behind"] += 1
        await reading.end()
        return await self._primary.open_read(user_id)

    async def close(self) -> None:
        """Close its connections."""
        await self.near.close()


def _has_all(seen: list[VisibleVersion], wanted: list[VisibleVersion]) -> bool:
    """Whether the same ledgers are in sight, none of them earlier than wanted."""
    if [one.ledger_id for one in seen] != [one.ledger_id for one in wanted]:
        return False
    pairs = zip(seen, wanted, strict=True)
    return all(here.version >= there.version and here.inbox >= there.inbox for here, there in pairs)
