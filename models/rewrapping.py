"""Wrapping every data key anew under the present master key, while people go on writing."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from models.base import table
from models.database import key_context
from models.ledgers import LedgerKey, SystemKey
from models.stores.keys import KeyProvider
from models.system_keys import system_context

_BATCH: Final = 500
_SETTLE_SECONDS: Final = 3.0
_MOST_PASSES: Final = 20

Progress = Callable[[int], None]


async def rewrap_all(
    owner: AsyncEngine,
    keys: KeyProvider,
    *,
    progress: Progress,
    settle_seconds: float = _SETTLE_SECONDS,
) -> int:
    """Wrap what another master key has wrapped, until nothing is left; how much that was.

    A process that is making a ledger this moment may still wrap with the key before: the last
    look comes a while after the one that found nothing.
    """
    total = quiet = 0
    for _ in range(_MOST_PASSES):
        found = await _pass(owner, keys, lambda done, before=total: progress(before + done))  # type: ignore[misc]
        total += found
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            return total
        if quiet:
            await asyncio.sleep(settle_seconds)
    raise RuntimeError("keys are still being wrapped by another master key: restart those servers")


async def _pass(owner: AsyncEngine, keys: KeyProvider, progress: Progress) -> int:
    ledger, system = table(LedgerKey), table(SystemKey)
    done = await _rewrap(
        owner, keys, ledger, (ledger.c.ledger_id, ledger.c.key_no), key_context, progress
    )
    names = (system.c.purpose, system.c.key_no)
    return done + await _rewrap(owner, keys, system, names, system_context, progress)


async def _rewrap(
    owner: AsyncEngine,
    keys: KeyProvider,
    rows: Table,
    names: tuple[ColumnElement[Any], ColumnElement[Any]],
    context: Callable[[Any, int], bytes],
    progress: Progress,
) -> int:
    done, after = 0, None
    while True:
        page = select(*names, rows.c.wrapped).order_by(*names).limit(_BATCH)
        if after is not None:
            page = page.where(tuple_(*names) > after)
        async with owner.connect() as connection:
            found = (await connection.execute(page)).all()
            await connection.rollback()
            for first, key_no, wrapped in found:
                if keys.is_current(wrapped):
                    continue
                plain = await keys.unwrap(wrapped, context(first, key_no))
                fresh = await keys.wrap(plain, context(first, key_no))
                same = (names[0] == first, names[1] == key_no, rows.c.wrapped == wrapped)
                # A ledger that was shredded meanwhile has no such row any more.
                changed = update(rows).where(*same).values(wrapped=fresh)
                done += (await connection.execute(changed)).rowcount
                progress(done)
            await connection.commit()
        if len(found) < _BATCH:
            return done
        after = (found[-1][0], found[-1][1])
