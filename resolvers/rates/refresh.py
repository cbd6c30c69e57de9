"""Published rates of the days since the installed table: fetched by one, learned by all.

The operator names an address of the bank's table (the whole history or the newest day, as a zip).
One worker asks it four times a day and adds what is new; every process takes over what was added.
A wrong file must not become a wrong sum: its size, shape and numbers are checked, and a rate that
leaps by more than a fifth in a day counts only once the next day stands by it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from models.base import table, utc_now
from models.database import Database, Transaction
from models.ecb import Days, carried, learn, learned, published, read_zip
from models.published import PublishedRate, RateSource

if TYPE_CHECKING:
    import httpx2

ASK_EVERY: Final = timedelta(hours=6)
AGAIN_AFTER: Final = timedelta(minutes=15)
"""How long an address that failed is left alone."""
MAX_FETCHED: Final = 5_000_000
"""The bank's whole history is an eighth of it."""
LEAP: Final = Decimal("1.2")
_FETCH_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 60.0
_ROWS_AT_ONCE: Final = 1_000
_NEAR: Final = timedelta(days=7)
_NOT_MODIFIED: Final = 304
_OK: Final = 200
_P: Final = table(PublishedRate)
_S: Final = table(RateSource)
_log: Final = structlog.get_logger("rates")

# Of several workers the one that moves the instant asks.
_CLAIM: Final = text(
    """
    INSERT INTO rate_sources AS s (url, asked_at) VALUES (:url, :now)
    ON CONFLICT (url) DO UPDATE SET asked_at = excluded.asked_at WHERE s.asked_at <= :before
    RETURNING etag
    """
)


async def keep_refreshed(database: Database, url: str, stopping: asyncio.Event) -> None:
    """Ask an address for new rates now and then, until the stop."""

    async def once() -> None:
        added = await refresh(database, url)
        if added:
            _log.info("rates.added", added=added)

    await _keep(once, stopping, "rates.not_refreshed")


async def keep_known(database: Database, stopping: asyncio.Event) -> None:
    """Take over what any process has added, until the stop."""

    async def once() -> None:
        await learn_added(database)

    await _keep(once, stopping, "rates.not_learned")


async def _keep(once: Callable[[], Awaitable[None]], stopping: asyncio.Event, event: str) -> None:
    while not stopping.is_set():
        try:
            await once()
        except (SQLAlchemyError, OSError, ValueError) as error:
            _log.warning(event, exc_info=error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)


async def learn_added(database: Database) -> bool:
    """Take over what was added to the table in the database; whether there was anything new."""
    since = carried().last_day
    async with database.read(None) as tx:
        if await tx.scalar(select(func.count()).where(_P.c.day > since)) == learned():
            return False
        rows = await tx.rows(select(_P.c.day, _P.c.currency, _P.c.rate).where(_P.c.day > since))
    days: dict[date, dict[str, Decimal]] = {}
    for row in rows:
        # Stored with twelve digits after the point; how many zeros end them says nothing.
        days.setdefault(row.day, {})[row.currency] = row.rate.normalize()
    learn(days)
    return True


async def refresh(database: Database, url: str) -> int:
    """Ask an address once if it is time; how many rates were added.

    Raises OSError where nobody answers and ValueError for what is no table of rates;
    the address is asked again after a quarter of an hour then.
    """
    now = utc_now()

    async def claim(tx: Transaction) -> Any:
        values = {"url": url, "now": now, "before": now - ASK_EVERY}
        return await tx.first(_CLAIM, values)

    claimed = await database.change(None, claim)
    if claimed is None:
        return 0
    try:
        body, etag = await _fetch(url, claimed.etag)
        days = {} if body is None else await asyncio.to_thread(_read, body)
    except BaseException:
        await database.change(None, _asked(url, {"asked_at": now - ASK_EVERY + AGAIN_AFTER}))
        raise
    added = await database.change(None, _adding(days))
    await database.change(None, _asked(url, {"etag": etag}))
    await learn_added(database)
    return added


def _asked(url: str, values: dict[str, Any]) -> Callable[[Transaction], Awaitable[int]]:
    async def work(tx: Transaction) -> int:
        return await tx.run(_S.update().where(_S.c.url == url).values(**values))

    return work


def _adding(days: Days) -> Callable[[Transaction], Awaitable[int]]:
    """Add what is not there; what is there stays as it is."""
    rows = [
        {"day": day, "currency": currency, "rate": rate, "created_at": utc_now()}
        for day, rates in days.items()
        for currency, rate in rates.items()
    ]

    async def work(tx: Transaction) -> int:
        added = 0
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            some = insert(_P).values(rows[at : at + _ROWS_AT_ONCE])
            added += await tx.run(some.on_conflict_do_nothing())
        return added

    return work


async def _fetch(url: str, etag: str | None) -> tuple[bytes | None, str | None]:
    """The body, or None where it is the one of the last time; and its validator."""
    # Seldom needed, and never before the server is ready.
    import httpx2  # noqa: PLC0415

    try:
        return await _got(url, etag, httpx2.AsyncClient(follow_redirects=True, max_redirects=3))
    except httpx2.HTTPError as error:
        raise OSError(f"The rates' address cannot be asked: {type(error).__name__}.") from error


async def _got(
    url: str, etag: str | None, client: "httpx2.AsyncClient"
) -> tuple[bytes | None, str | None]:
    headers = {} if etag is None else {"If-None-Match": etag}
    async with (
        asyncio.timeout(_FETCH_SECONDS),
        client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code == _NOT_MODIFIED:
            return None, etag
        if answer.status_code != _OK:
            raise ValueError(f"The rates' address answered {answer.status_code}.")
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MAX_FETCHED:
                raise ValueError(f"The rates' address sends more than {MAX_FETCHED:,} bytes.")
        return bytes(body), answer.headers.get("etag")


def _read(body: bytes) -> Days:
    """What a zip tells of days that the wheel does not know, without what looks wrong."""
    told = read_zip(BytesIO(body)).after(carried().last_day)
    tomorrow = utc_now().date() + timedelta(days=1)
    days = {day: dict(rates) for day, rates in told.items() if day <= tomorrow}
    return _without_leaps(days)


def _without_leaps(days: Days) -> Days:
    """Leave out what leaps away from the day before, unless the day behind stays there too."""
    known = published()
    order = sorted(days)
    kept: dict[date, dict[str, Decimal]] = {day: {} for day in order}
    last: dict[str, Decimal] = {}
    for at, day in enumerate(order):
        for currency, rate in days[day].items():
            before = last.get(currency)
            if before is None:
                found = known.on_or_before(currency, day - timedelta(days=1), _NEAR.days)
                before = None if found is None else found[0]
            behind = days[order[at + 1]].get(currency) if at + 1 < len(order) else None
            if before is None or _near(before, rate) or (behind and _near(rate, behind)):
                kept[day][currency] = last[currency] = rate
            else:
                _log.warning("rates.leap", currency=currency, day=day.isoformat())
    return {day: rates for day, rates in kept.items() if rates}


def _near(one: Decimal, other: Decimal) -> bool:
    return one <= other * LEAP and other <= one * LEAP
