"""Killed owners, servers and half-made clusters never keep the next start from its rows."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from models.embedded.parts import EmbeddedParts, Endpoints

ROOT = Path(__file__).parents[2]
OWNER_PROGRAM = """
import asyncio, sys, time
from pathlib import Path
import asyncpg
from models.embedded.parts import EmbeddedParts

ends = EmbeddedParts(Path(sys.argv[1])).start()

async def work():
    connection = await asyncpg.connect(
        host=ends.database_host, user="pockettrend_owner", password=ends.owner_password,
        database="pockettrend",
    )
    await connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    print("READY", flush=True)
    await connection.execute("BEGIN; INSERT INTO kept VALUES (0)")
    await asyncio.sleep(60)

asyncio.run(work())
"""


def pids(data: Path) -> list[int]:
    """The processes, zombies aside, whose working folder lies in the data."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except OSError:
            continue
        if folder.is_relative_to(data):
            found.append(int(entry.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def owner(data: Path) -> subprocess.Popen[str]:
    """Start a process that owns the parts and has committed 1000 rows."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_PROGRAM, str(data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def count(ends: Endpoints) -> int:
    connection = await asyncpg.connect(
        host=ends.database_host,
        user="pockettrend_owner",
        password=ends.owner_password,
        database="pockettrend",
    )
    try:
        return int(await connection.fetchval("SELECT count(*) FROM kept"))
    finally:
        await connection.close()


def rows_after_a_new_start(data: Path) -> int:
    parts = EmbeddedParts(data)
    try:
        return asyncio.run(count(parts.start()))
    finally:
        parts.stop()


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One data folder on disk for all tests: each leaves it fit for the next start."""
    folder = Path(tempfile.mkdtemp(prefix="pt-test-"))
    parts = EmbeddedParts(folder / "data")
    try:
        parts.start()
        parts.stop()
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


def test_parts_go_with_a_killed_owner_and_committed_rows_stay(data: Path) -> None:
    process = owner(data)
    assert pids(data)
    kill(process)
    assert until(lambda: not pids(data))
    assert rows_after_a_new_start(data) == 1000


def test_a_start_right_after_the_kill_waits_for_the_old_parts(data: Path) -> None:
    kill(owner(data))
    assert rows_after_a_new_start(data) == 1000


@pytest.mark.case("X09")
def test_everything_killed_at_once_starts_again(data: Path) -> None:
    process = owner(data)
    postmaster = int((data / "postgres/postmaster.pid").read_text().split("\n", 1)[0])
    everything = [postmaster, *pids(data)]
    process.kill()
    for pid in everything:
        # Its parent's end may have stopped it already.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    kill(process)
    assert (data / "postgres/postmaster.pid").exists()
    assert (data / "run/valkey.sock").exists()
    assert rows_after_a_new_start(data) == 1000


def test_a_killed_postmaster_starts_again_although_its_owner_lives(data: Path) -> None:
    process = owner(data)
    postmaster = int((data / "postgres/postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    # It stays a zombie of its owner, and its pid file says "ready" still.
    assert until(lambda: postmaster not in pids(data))
    (data / "instance.lock").unlink()
    valkey = [pid for pid in pids(data) if b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(valkey[0], signal.SIGKILL)
    try:
        assert rows_after_a_new_start(data) == 1000
    finally:
        kill(process)


@pytest.mark.parametrize("stranger", ["live", "half-written", "dead"])
def test_a_stale_pid_file_does_not_stop_the_start(data: Path, stranger: str) -> None:
    process = owner(data)
    kill(process)
    assert until(lambda: not pids(data))
    numbers = {"live": os.getppid(), "half-written": "", "dead": 2**22 - 1}
    lines = [numbers[stranger], data / "postgres", 1, 5432, data / "run", "", "1 1", "ready"]
    text = "\n".join(str(line) for line in lines) + "\n"
    (data / "postgres/postmaster.pid").write_text(text if stranger != "half-written" else "")
    if stranger == "half-written":
        (data / "postgres/postmaster.pid").write_text("12")
    (data / "run/.s.PGSQL.5432.lock").write_text(text)
    assert rows_after_a_new_start(data) == 1000


def test_a_start_killed_while_it_creates_the_cluster_is_repeated(data: Path) -> None:
    fresh = data.with_name("fresh")
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_PROGRAM, str(fresh)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert until(lambda: bool(list(fresh.glob("postgres.new-*/cluster/base"))))
    kill(process)
    process = owner(fresh)
    kill(process)
    assert rows_after_a_new_start(fresh) == 1000
    assert not list(fresh.glob("postgres.new*"))


def test_a_preparation_killed_between_its_steps_is_completed(data: Path) -> None:
    fresh = data.with_name("half")
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_PROGRAM, str(fresh)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid_file = fresh / "postgres/postmaster.pid"
    assert until(lambda: pid_file.exists() and "ready" in pid_file.read_text())
    kill(process)
    kill(owner(fresh))
    assert rows_after_a_new_start(fresh) == 1000
