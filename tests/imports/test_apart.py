"""Large files are read by a process of their own, with the same outcome and nothing left behind."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from resolvers.statements import StatementError, apart
from resolvers.statements.lines import CHUNK, Lines
from resolvers.statements.prepare import Asked, Reading, prepare
from tests.imports.world import World

pytestmark = pytest.mark.anyio

HEAD = "Date,Description,Amount,Category,Id\n"


def statement(rows: int) -> bytes:
    """Good rows, and now and then one that fails, is rounded or has signs of all kinds in it."""
    lines = []
    for i in range(rows):
        amount = "much" if i % 97 == 5 else f"-{i % 90 + 1}.{i % 100:02}"
        amount = f"-{i % 90 + 1}.125" if i % 89 == 7 else amount
        name = 'Café "Zwölf", 東京 \U0001f9fe' if i % 83 == 3 else f"Shop {i}"
        quoted = name.replace('"', '""')
        lines.append(f'2024-{1 + i % 12:02}-{1 + i % 28:02},"{quoted}",{amount},Food,N{i * 7 + 13}')
    return (HEAD + "\n".join(lines) + "\n").encode()


def asked(**more: Any) -> Asked:
    told: dict[str, Any] = {
        "account_type": "CHECKING", "account_number": None, "home_currency": "EUR", "mapping": None,
        "max_rows": 200_000, "max_columns": 64,
    }  # fmt: skip
    return Asked(**(told | more))


def whole(read: Reading) -> tuple[Any, ...]:
    lines = read.lines
    return (
        read.format, dict(read.detected), [dict(one) for one in read.questions],
        list(read.warnings), list(read.headers), lines.batch(0, len(lines)), len(lines),
        lines.days, lines.currencies, lines.amounts,
    )  # fmt: skip


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "LARGE_BYTES", 1)


@pytest.mark.usefixtures("everything_is_large")
async def test_a_process_of_its_own_reads_the_same() -> None:
    data = statement(1_203)
    here, there = prepare(data, asked()), await apart.read_anywhere(data, asked())
    assert whole(there) == whole(here)
    assert (len(there.lines), len(there.lines.chunks)) == (1_203, 3)
    assert there.warnings[0] == "13 of 1203 rows could not be read."
    assert "14 amounts have more than the 2 digits of EUR" in there.warnings[1]
    assert sum(there.lines.amounts["EUR"]) == sum(
        line.minor or 0 for line in here.lines.batch(0, 1_203) if line.decision is None
    )
    mapping = {"columns": {"description": "Category"}, "signRule": "NEGATED"}
    given = asked(mapping=mapping)
    assert whole(await apart.read_anywhere(data, given)) == whole(prepare(data, given))


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (0, 500), (499, 501), (700, 1_200), (1_000, 9_999)]
)
def test_batches_need_not_begin_where_chunks_do(start: int, end: int) -> None:
    lines = prepare(statement(1_203), asked()).lines
    assert [one.position for one in lines.batch(start, end)] == list(range(start, min(end, 1_203)))
    assert Lines().batch(0, CHUNK) == []


@pytest.mark.usefixtures("everything_is_large")
async def test_what_is_wrong_with_a_file_is_told_from_there() -> None:
    with pytest.raises(StatementError) as here:
        prepare(b"nothing here\n", asked())
    with pytest.raises(StatementError) as there:
        await apart.read_anywhere(b"nothing here\n", asked())
    for one in (here.value, there.value):
        assert (one.code, one.message, one.headers) == (
            here.value.code, here.value.message, here.value.headers
        )  # fmt: skip
    with pytest.raises(StatementError, match="more than 10 rows"):
        await apart.read_anywhere(statement(300), asked(max_rows=10))


@pytest.mark.usefixtures("everything_is_large")
async def test_it_knows_no_secret_and_none_of_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETTREND_MASTER_KEYS", "secret")
    begin, begun, second = asyncio.create_subprocess_exec, list[Any](), asyncio.Event()

    async def begins(*words: Any, **more: Any) -> Any:
        process = await begin(*words, **more)
        begun.append((process, more["env"]))
        if len(begun) == 2:
            second.set()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begins)
    await apart.read_anywhere(statement(3), asked())
    [(process, told)] = begun
    assert process.returncode is not None
    assert told.keys() <= {
        "PATH",
        "LD_LIBRARY_PATH",
        "LANG",
        "LC_ALL",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
    }
    # Who is cancelled leaves no process either.
    reading = asyncio.create_task(apart.read_anywhere(statement(3), asked()))
    await second.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert begun[1][0].returncode is not None


@pytest.mark.usefixtures("everything_is_large")
async def test_an_import_whose_reader_is_killed_goes_on_when_it_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = asyncio.create_subprocess_exec

    async def killed(*words: Any, **more: Any) -> Any:
        process = await begin(*words, **more)
        process.kill()
        return process

    account = await world.account()
    import_id = await world.start(await world.upload(statement(40)), account)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "create_subprocess_exec", killed)
        with pytest.raises(apart.ReaderEnded, match="-9"):
            await world.work(import_id)
    assert (await world.run(import_id)).status == "PROCESSING"
    assert await world.booked(account) == []
    run = await world.work(import_id)
    assert (run.status, run.counts["new"], run.counts["failed"]) == ("COMPLETED", 39, 1)
    assert len(await world.booked(account)) == 39


@pytest.mark.usefixtures("everything_is_large")
async def test_rows_of_a_large_file_take_next_to_no_memory_here() -> None:
    peaks = []
    for rows in (2_000, 12_000):
        data = statement(rows)
        tracemalloc.start()
        try:
            read = await apart.read_anywhere(data, asked())
            for start in range(0, rows, CHUNK):
                assert len(read.lines.batch(start, start + CHUNK)) == min(CHUNK, rows - start)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    # As objects ten thousand rows are some ten million bytes; here are a copy of the file on its
    # way, their amounts, and what is left of them when they are packed.
    assert peaks[1] - peaks[0] < 10_000 * 150
