"""Limits across processes: in Redis, and without it in this process or, for signing in, in tables."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import Final

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.base import INSTANT
from models.database import Database, Transaction
from models.stores.limits import LocalWindows, RedisWindows, Share, Standing, Verdict
from models.stores.redis import CacheDown

_MOST_OWED: Final = 50_000
_MOST_UNITS: Final = 65_535
"""What one hit in Redis can hold."""
_PAID_AT_ONCE: Final = 5
_NO_LIMIT: Final = 10**9


class LimitHit(SQLModel, table=True):
    """Units that were taken of a limit while Redis was away.  The key is a keyed hash.

    It lies outside row-level security; only its gate may touch it.
    """

    __tablename__ = "limit_hits"
    __table_args__ = (
        Index("ix_limit_hits_key", "key", "at"),
        Index("ix_limit_hits_over", "over_at"),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    over_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    units: int = Field(sa_column=Column(Integer, nullable=False))


_TAKE: Final = text(
    "SELECT used, wait_ms, next_ms, newest_ms FROM take_limit(:key, :limit, :seconds, :units)"
)


class _Refused(Exception):
    """Rolls back what was taken before one share did not fit."""


class DatabaseWindows:
    """Windows in PostgreSQL, for the few limits that must hold without Redis across processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, shares: Sequence[Share]) -> Verdict:
        """Take all shares or none."""
        found: dict[int, Standing] = {}

        async def work(tx: Transaction) -> bool:
            found.clear()
            # Each key is locked until the commit: always in the same order.
            for at in sorted(range(len(shares)), key=lambda at: shares[at].key):
                share = shares[at]
                values = {"key": share.key.encode(), "limit": share.limit}
                values |= {"seconds": share.seconds, "units": share.units}
                row = await tx.first(_TAKE, values)
                if row is None:
                    raise AssertionError("the gate answers one row")
                found[at] = Standing(row.used, row.wait_ms, row.next_ms, row.newest_ms)
            if any(found[at].wait_ms and share.units for at, share in enumerate(shares)):
                raise _Refused
            return True

        try:
            admitted = await self._database.change(None, work)
        except _Refused:
            admitted = False
        return Verdict(admitted, tuple(found[at] for at in range(len(shares))))


class SharedWindows:
    """The windows that a request meets.

    This process notes every hit that it lets pass, so that its own callers gain nothing when Redis
    goes away or forgets.  While Redis is away each of ``processes`` admits its part of a limit,
    and ``guarded`` limits (signing in) are counted in the database, whole and for all processes.
    What passed meanwhile is told to Redis with the next requests, before it is asked about the same
    key: a limit may be passed by what a process is asked before the others have had a request.
    """

    def __init__(
        self,
        shared: RedisWindows | None,
        guarded: DatabaseWindows,
        *,
        processes: int = 1,
        local: LocalWindows | None = None,
    ) -> None:
        self._shared = shared
        self._guarded = guarded
        self._processes = processes
        self._local = LocalWindows() if local is None else local
        self._owed: OrderedDict[str, tuple[float, Share]] = OrderedDict()
        """Hits that Redis has not heard of, by key, with the moment of the last."""

    async def take(self, shares: Sequence[Share], *, guarded: bool = False) -> Verdict:
        """Take all shares or none."""
        own = self._local.take(shares)
        if not own.admitted:
            return own
        verdict = await self._beyond(shares, guarded=guarded)
        if verdict is not None:
            if not verdict.admitted:
                self._local.give_back(shares)
            return verdict
        if self._processes > 1:
            self._local.give_back(shares)
            parts = [replace(one, limit=max(1, one.limit // self._processes)) for one in shares]
            own = self._local.take(parts)
        if own.admitted:
            self._owe(shares)
        return own

    async def _beyond(self, shares: Sequence[Share], *, guarded: bool) -> Verdict | None:
        """What Redis says, or the database in its place; None when this process is alone."""
        if self._shared is not None:
            try:
                await self._pay(self._shared, shares)
                return await self._shared.take(shares)
            except CacheDown:
                pass
        if not guarded:
            return None
        verdict: Verdict | None = await self._guarded.take(shares)
        if verdict is not None and verdict.admitted:
            self._owe(shares)
        return verdict

    def _owe(self, shares: Sequence[Share]) -> None:
        """Note what Redis was not told."""
        if self._shared is None:
            return
        for share in shares:
            if not share.units:
                continue
            _, before = self._owed.pop(share.key, (0.0, replace(share, units=0)))
            units = min(before.units + share.units, _MOST_UNITS)
            self._owed[share.key] = (monotonic(), replace(share, limit=_NO_LIMIT, units=units))
        while len(self._owed) > _MOST_OWED:
            self._owed.popitem(last=False)

    async def _pay(self, shared: RedisWindows, shares: Sequence[Share]) -> None:
        """Tell Redis what passed without it, as if it were now: of these keys, and of some others."""
        if not self._owed:
            return
        keys = [share.key for share in shares if share.key in self._owed]
        await self._pay_for(shared, keys)
        for key in list(islice(self._owed, _PAID_AT_ONCE)):
            await self._pay_for(shared, [key])

    async def _pay_for(self, shared: RedisWindows, keys: Sequence[str]) -> None:
        """Pay for keys of one slot; raises CacheDown, and then they are still owed."""
        owed = [self._owed.pop(key) for key in keys if key in self._owed]
        live = [share for at, share in owed if monotonic() - at < share.seconds]
        if not live:
            return
        try:
            await shared.take(live)
        except CacheDown:
            self._owe(live)
            raise
