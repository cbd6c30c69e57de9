"""Rates published after the release: fetched once, checked, added, and known to every process."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
import time_machine

from app import Running
from models.ecb import carried, learn, published
from models.embedded.parts import Endpoints
from resolvers.rates import rates_version
from resolvers.rates.refresh import learn_added, refresh

pytestmark = pytest.mark.anyio

LAST = carried().last_day
DAYS = [LAST + timedelta(days=n) for n in range(1, 5)]
DOLLAR, YEN = (carried().on_or_before(name, LAST, 7)[0] for name in ("USD", "JPY"))  # type: ignore[index]


def table(rows: list[tuple[date, str, str]], shape: str = "%Y-%m-%d") -> str:
    lines = [f"{day.strftime(shape)},{dollar},{yen}," for day, dollar, yen in reversed(rows)]
    return "\n".join(["Date,USD,JPY,", *lines, ""])


def zipped(text: str, members: int = 1) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(members):
            archive.writestr(f"eurofxref{n}.csv", text)
    return out.getvalue()


class Bank:
    """A server that answers every request with what it is given."""

    def __init__(self) -> None:
        self.body, self.etag, self.status = b"", "one", 200
        self.asked: list[str | None] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.asked.append(lines.get("if-none-match"))
        same = lines.get("if-none-match") == f'"{self.etag}"'
        status, body = (304, b"") if same else (self.status, self.body)
        told = f'HTTP/1.1 {status} X\r\nETag: "{self.etag}"\r\nConnection: close\r\n'
        writer.write(f"{told}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()


@pytest.fixture
async def bank(running: Running, parts: Endpoints) -> AsyncIterator[Bank]:
    bank = Bank()
    server = await asyncio.start_server(bank.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bank.url = f"http://127.0.0.1:{port}/eurofxref-hist.zip"
    # The days behind the installed table have to lie behind us.
    later = datetime(LAST.year, LAST.month, LAST.day, 12, tzinfo=UTC) + timedelta(days=9)
    with time_machine.travel(later) as clock:
        bank.clock = clock  # type: ignore[attr-defined]
        yield bank
    server.close()
    owner = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    await owner.execute("DELETE FROM published_rates; DELETE FROM rate_sources")
    await owner.close()
    learn({})


def told(name: str, day: date) -> tuple[Decimal, date] | None:
    return published().on_or_before(name, day, 7)


async def test_new_days_are_added_once_and_learned_by_all(running: Running, bank: Bank) -> None:
    database = running.services.database
    before = rates_version()
    old = (LAST, str(DOLLAR * 2), str(YEN))
    bank.body = zipped(table([old, (DAYS[0], str(DOLLAR), str(YEN)), (DAYS[1], "N/A", str(YEN))]))
    # Of several workers one asks.
    assert sorted(await asyncio.gather(*(refresh(database, bank.url) for _ in range(4)))) == [
        0, 0, 0, 3,
    ]  # fmt: skip
    assert bank.asked == [None]
    assert published().last_day == DAYS[1]
    assert told("USD", DAYS[1]) == (DOLLAR, DAYS[0])
    assert told("JPY", DAYS[1]) == (YEN, DAYS[1])
    # What the release carries stays as it is, and what was said once does, too.
    assert told("USD", LAST) == (DOLLAR, LAST)
    after = rates_version()
    assert after != before
    # Another process, which knows only the release, takes it over from the database.
    learn({})
    assert rates_version() == before
    assert await learn_added(database) is True
    assert rates_version() == after
    assert await learn_added(database) is False


async def test_an_unchanged_file_is_not_sent_again(running: Running, bank: Bank) -> None:
    database = running.services.database
    bank.body = zipped(table([(DAYS[0], str(DOLLAR), str(YEN))]))
    assert await refresh(database, bank.url) == 2
    bank.clock.shift(timedelta(hours=5))  # type: ignore[attr-defined]
    assert await refresh(database, bank.url) == 0
    assert bank.asked == [None]
    bank.clock.shift(timedelta(hours=2))  # type: ignore[attr-defined]
    assert await refresh(database, bank.url) == 0
    assert bank.asked == [None, '"one"']


async def test_the_file_of_one_day_is_read_as_well(running: Running, bank: Bank) -> None:
    bank.body = zipped(table([(DAYS[0], str(DOLLAR), str(YEN))], "%d %B %Y"))
    assert await refresh(running.services.database, bank.url) == 2
    assert told("USD", DAYS[0]) == (DOLLAR, DAYS[0])


async def test_a_leap_counts_once_the_next_day_stands_by_it(running: Running, bank: Bank) -> None:
    database = running.services.database
    wrong, right = str(DOLLAR * 10), str(DOLLAR)
    rows = [(DAYS[0], wrong, str(YEN)), (DAYS[1], right, str(YEN)), (DAYS[2], right, str(YEN * 2))]
    bank.body = zipped(table(rows))
    assert await refresh(database, bank.url) == 4
    assert told("USD", DAYS[0]) == (DOLLAR, LAST)
    assert told("JPY", DAYS[2]) == (YEN, DAYS[1])
    bank.body, bank.etag = zipped(table([*rows, (DAYS[3], right, str(YEN * 2))])), "two"
    bank.clock.shift(timedelta(hours=7))  # type: ignore[attr-defined]
    assert await refresh(database, bank.url) == 3
    assert told("JPY", DAYS[2]) == (YEN * 2, DAYS[2])


FUTURE = LAST + timedelta(days=12)
NOTHING = {
    "no zip": b"<html>sign in to the network</html>",
    "two members": zipped(table([(DAYS[0], "1.1", "170")]), members=2),
    "another table": zipped("Name,Amount\nAda,5\n"),
    "empty": zipped(""),
    "no number": zipped(table([(DAYS[0], "1.1", "=1+1")])),
    "not a number": zipped(table([(DAYS[0], "NaN", "170")])),
    "below zero": zipped(table([(DAYS[0], "-1.1", "170")])),
    "no day": zipped("Date,USD,\nyesterday,1.1,\n"),
    "too long": b"PK" + bytes(5_000_001),
}


@pytest.mark.parametrize("what", sorted(NOTHING))
async def test_what_is_no_table_changes_nothing_and_is_asked_again(
    running: Running, bank: Bank, what: str
) -> None:
    database = running.services.database
    bank.body = NOTHING[what]
    with pytest.raises(ValueError):
        await refresh(database, bank.url)
    assert await learn_added(database) is False
    assert await refresh(database, bank.url) == 0
    assert len(bank.asked) == 1
    bank.clock.shift(timedelta(minutes=16))  # type: ignore[attr-defined]
    bank.body = zipped(table([(DAYS[0], str(DOLLAR), str(YEN)), (FUTURE, "1.1", "170")]))
    # A day that has not come is left out.
    assert await refresh(database, bank.url) == 2
    assert published().last_day == DAYS[0]


async def test_an_error_of_the_address_is_told(running: Running, bank: Bank) -> None:
    bank.status = 500
    with pytest.raises(ValueError, match="500"):
        await refresh(running.services.database, bank.url)
