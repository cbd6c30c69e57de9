"""The embedded parts start, stop, refuse rivals and keep to their own folder."""

import asyncio
import hashlib
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from models.embedded import parts, run_as
from models.embedded.parts import EmbeddedParts, Endpoints, PartError

SECRETS = ["pockettrend_app.txt", "pockettrend_owner.txt", "postgres.txt", "redis.txt"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def pids(data: Path) -> list[int]:
    """The processes whose working folder lies in the data."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except OSError:
            continue
        if folder.is_relative_to(data.resolve()):
            found.append(int(entry.name))
    return found


def cluster_pid(data: Path) -> int:
    return int((data / "postgres/postmaster.pid").read_text().split("\n", 1)[0])


async def fetch(ends: Endpoints, query: str) -> object:
    connection = await asyncpg.connect(
        host=ends.database_host,
        port=ends.database_port,
        database=ends.database_name,
        user="pockettrend_owner",
        password=ends.owner_password,
    )
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def ping(ends: Endpoints) -> bool:
    with redis.Redis(
        unix_socket_path=ends.redis_socket,
        username=ends.redis_username,
        password=ends.redis_password,
    ) as client:
        return bool(client.ping())


@contextmanager
def running(data: Path, *, sockets: Path | None = None) -> Iterator[Endpoints]:
    started = EmbeddedParts(data, durable=False, sockets=sockets)
    try:
        yield started.start()
    finally:
        started.stop()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder all may enter, as the parent of data folders."""
    path = Path(tempfile.mkdtemp(prefix="pt-test-", dir="/dev/shm"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Path:
    """A data folder that was started once and stopped again, for tests to copy."""
    data = folder / "first"
    with running(data):
        pass
    return data


@pytest.fixture
def data(cluster: Path, folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data folder of the test's own with a cluster in it."""
    path = folder / hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    shutil.copytree(cluster, path, ignore=shutil.ignore_patterns("*.sock"))
    yield path
    shutil.rmtree(path)


def test_a_cold_start_makes_everything_private_and_changes_no_parent(folder: Path) -> None:
    parent = folder / "outer"
    parent.mkdir()
    parent.chmod(0o711)
    data = parent / "middle" / "data"
    began = time.monotonic()
    with running(data) as ends:
        assert time.monotonic() - began < 10
        assert asyncio.run(fetch(ends, "SELECT current_user::text")) == "pockettrend_owner"
        assert ping(ends)
        assert Path(ends.database_host) == data / "run"
        for name in (".", "secrets", "run", "postgres", "cache"):
            assert mode(data / name) == 0o700, name
        for name in ("postgres.log", "valkey.log", "instance.lock"):
            assert mode(data / name) == 0o600, name
        assert mode(data / "run/.s.PGSQL.5432") == 0o700
        assert mode(data / "run/valkey.sock") == 0o700
    assert sorted(path.name for path in (data / "secrets").iterdir()) == SECRETS
    assert {mode(path) for path in (data / "secrets").iterdir()} == {0o600}
    assert len({path.read_text() for path in (data / "secrets").iterdir()}) == len(SECRETS)
    assert mode(parent) == 0o711
    assert mode(folder) == 0o711
    assert not list(data.glob("postgres.new*"))


def test_a_warm_start_is_quick_and_keeps_rows_and_secrets(cluster: Path) -> None:
    with running(cluster) as first:
        asyncio.run(fetch(first, "CREATE TABLE kept AS SELECT 7 AS n"))
    began = time.monotonic()
    with running(cluster) as second:
        assert time.monotonic() - began < 3
        assert second == first
        assert asyncio.run(fetch(second, "SELECT n FROM kept")) == 7


def test_no_secret_shows_in_texts_commands_or_logs(cluster: Path) -> None:
    with running(cluster) as ends:
        words = (cluster / "secrets").iterdir()
        hidden = [path.read_text().strip() for path in words]
        commands = b"".join(
            Path(f"/proc/{pid}/{what}").read_bytes()
            for pid in pids(cluster)
            for what in ("cmdline", "environ")
        )
        seen = repr(ends) + commands.decode() + (cluster / "valkey.log").read_text()
        seen += (cluster / "postgres.log").read_text()
    assert "pockettrend" in repr(ends)
    assert not [secret for secret in hidden if secret in seen]


def test_stop_leaves_no_process_no_socket_and_may_be_repeated(cluster: Path) -> None:
    started = EmbeddedParts(cluster, durable=False)
    started.start()
    assert len(pids(cluster)) > 2
    assert started.poll() is None
    started.stop()
    started.stop()
    assert pids(cluster) == []
    assert list((cluster / "run").iterdir()) == []
    assert started.poll() is None
    started.start()
    started.stop()


def test_stop_does_not_wait_for_an_idle_client(cluster: Path) -> None:
    async def stop_under_a_client() -> float:
        connection = await asyncpg.connect(
            host=ends.database_host,
            user="pockettrend_app",
            password=ends.app_password,
            database="pockettrend",
        )
        began = time.monotonic()
        await asyncio.to_thread(started.stop)
        connection.terminate()
        return time.monotonic() - began

    started = EmbeddedParts(cluster, durable=False)
    ends = started.start()
    assert asyncio.run(stop_under_a_client()) < 3


def test_a_second_instance_is_refused_and_the_first_goes_on(cluster: Path) -> None:
    with running(cluster) as ends:
        with pytest.raises(PartError, match=f"process {os.getpid()}.*another data folder"):
            EmbeddedParts(cluster, durable=False).start()
        assert asyncio.run(fetch(ends, "SELECT 1")) == 1
        assert ping(ends)


def test_a_foreign_server_on_the_cluster_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.embedded.postgres.HOLDER_SECONDS", 0.1)
    with running(data) as ends:
        (data / "instance.lock").rename(data / "gone")
        (data / "run").rename(data / "elsewhere")
        with pytest.raises(PartError, match=f"process {cluster_pid(data)}.*kill -INT"):
            EmbeddedParts(data, durable=False).start()
        shutil.rmtree(data / "run")
        (data / "elsewhere").rename(data / "run")
        assert asyncio.run(fetch(ends, "SELECT 1")) == 1


def test_two_data_folders_run_side_by_side(data: Path, cluster: Path) -> None:
    with running(data) as one, running(cluster) as other:
        asyncio.run(fetch(one, "CREATE TABLE mine ()"))
        assert asyncio.run(fetch(other, "SELECT to_regclass('mine')")) is None


def test_a_deep_path_with_odd_letters_works_through_a_short_socket_folder(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    deep = data / "deep, “odd” \\ 'путь'" / ("d" * 120)
    deep.parent.mkdir()
    deep.mkdir(mode=0o700)
    for name in ("postgres", "secrets"):
        (data / name).rename(deep / name)
    with running(deep) as ends:
        short = Path(ends.database_host)
        assert short.parent == Path("/tmp")
        assert mode(short) == 0o700
        assert asyncio.run(fetch(ends, "SELECT 1")) == 1
        assert ping(ends)
    assert not short.exists()


def test_the_runtime_folder_is_used_when_it_is_ours(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    spaced = data.rename(folder / "with space")
    try:
        with running(spaced) as ends:
            assert Path(ends.database_host).parent == runtime
    finally:
        spaced.rename(data)


def test_a_squatted_socket_folder_is_refused(
    cluster: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(parts, "SHORT_FOLDER", folder / "short")
    monkeypatch.setattr(parts, "SOCKET_FOLDER_BYTES", 4)
    name = "pt-" + hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]
    (folder / "short").mkdir()
    (folder / "short" / name).symlink_to(folder)
    with pytest.raises(PartError, match="belongs to somebody else"):
        EmbeddedParts(cluster).start()
    assert mode(folder) == 0o711


def test_a_socket_folder_of_choice_is_used_or_refused(cluster: Path, folder: Path) -> None:
    with running(cluster, sockets=folder / "chosen") as ends:
        assert Path(ends.database_host) == folder / "chosen"
    with pytest.raises(PartError, match="too long"):
        EmbeddedParts(cluster, sockets=folder / ("long" * 30)).start()


def test_parts_start_in_the_main_thread_outside_a_loop_only(cluster: Path) -> None:
    async def inside() -> None:
        EmbeddedParts(cluster).start()

    failures: list[BaseException] = []

    def aside() -> None:
        try:
            EmbeddedParts(cluster).start()
        except PartError as error:
            failures.append(error)

    thread = threading.Thread(target=aside)
    thread.start()
    thread.join()
    assert "main thread" in str(failures[0])
    with pytest.raises(PartError, match="event loop"):
        asyncio.run(inside())
    assert pids(cluster) == []


def test_poll_tells_which_part_died(cluster: Path) -> None:
    started = EmbeddedParts(cluster, durable=False)
    ends = started.start()
    try:
        with redis.Redis(unix_socket_path=ends.redis_socket) as client:
            assert client.connection_pool is not None
        valkey = [
            pid for pid in pids(cluster) if b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(valkey[0], signal.SIGKILL)
        deadline = time.monotonic() + 5
        while (sentence := started.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sentence is not None
        assert sentence.startswith("Valkey stopped by itself (killed by SIGKILL)")
        os.kill(cluster_pid(cluster), signal.SIGINT)
        while "PostgreSQL" not in (started.poll() or "") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "exit code 0" in (started.poll() or "")
        assert "database system is shut down" in (started.poll() or "")
    finally:
        started.stop()


def test_a_failed_start_shows_the_log_and_leaves_nothing_running(data: Path) -> None:
    (data / "postgres/PG_VERSION").write_text("12\n")
    with pytest.raises(PartError, match=r"(?s)did not start.*incompatible.*start again"):
        EmbeddedParts(data).start()
    assert pids(data) == []


def test_lost_secrets_are_told_and_lost_role_secrets_are_renewed(data: Path) -> None:
    (data / "secrets/pockettrend_owner.txt").unlink()
    with running(data) as ends:
        assert asyncio.run(fetch(ends, "SELECT 1")) == 1
    (data / "secrets/postgres.txt").unlink()
    with pytest.raises(PartError, match="backup"):
        EmbeddedParts(data).start()
    (data / "secrets/redis.txt").write_text("short\n")
    with pytest.raises(PartError, match="does not hold a secret"):
        EmbeddedParts(data).start()


def test_loosened_permissions_inside_the_data_are_tightened(data: Path) -> None:
    (data / "secrets").chmod(0o755)
    (data / "secrets/redis.txt").chmod(0o644)
    data.chmod(0o755)
    with running(data):
        assert mode(data / "secrets") == 0o700
        assert mode(data / "secrets/redis.txt") == 0o600
    assert mode(data) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to fall back to")
def test_root_without_user_namespaces_lends_the_cluster_to_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_as, "namespace_prefix", list)
    data = folder / "lent"
    for _ in range(2):
        with running(data) as ends:
            assert asyncio.run(fetch(ends, "SELECT 1")) == 1
            assert ping(ends)
            assert Path(f"/proc/{cluster_pid(data)}").stat().st_uid != 0
    assert mode(data) == 0o710
    assert mode(data / "postgres") == 0o700
    assert (data / "secrets/postgres.txt").stat().st_uid == 0
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(PartError, match="cannot enter"):
        EmbeddedParts(closed / "data").start()
    assert mode(closed) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has no way left")
def test_root_with_no_way_to_run_postgresql_is_told_so(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_as, "works", lambda *_: False)
    with pytest.raises(PartError, match="ordinary user"):
        EmbeddedParts(cluster).start()
    assert pids(cluster) == []
