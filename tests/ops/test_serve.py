"""The product as a process: ready, stopped by signals, killed, started again."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from models.embedded.parts import temporary_parts
from models.embedded.postgres import APP, OWNER

pytestmark = pytest.mark.serve

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 30
STOP_SECONDS = 25


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pt-serve-"))
    yield folder / "data"
    shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def left_of(data: Path) -> list[int]:
    """Processes that still work in the data folder or were started for it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (entry / "environ").read_bytes()
            inside = (entry / "cwd").readlink().is_relative_to(data.resolve())
            if inside or f"POCKETTREND_DATA={data}".encode() in environment.split(b"\0"):
                found.append(int(entry.name))
    return found


def wait_until_gone(data: Path, seconds: float) -> list[int]:
    until = time.monotonic() + seconds
    while (found := left_of(data)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


class Served:
    """A started product and how to reach it."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, errors: Path) -> None:
        self.process = process
        self.url = url
        self.errors = errors

    def stop(self, number: signal.Signals) -> tuple[int, float]:
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS), time.monotonic() - started


def command_of(
    words: list[str], data: Path, cwd: Path = ROOT, **more: str
) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("POCKETTREND_", "MAKE"))}
    environment = {
        **kept,
        "POCKETTREND_PORT": str(free_port()),
        "POCKETTREND_DATA": str(data),
        "POCKETTREND_DEMO": "0",
        **more,
    }
    errors = data.parent / "stderr.log"
    with errors.open("w") as stream:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )


@contextmanager
def served(
    data: Path, words: list[str] | None = None, cwd: Path = ROOT, **more: str
) -> Iterator[Served]:
    data.parent.mkdir(exist_ok=True)
    process = command_of(words or [sys.executable, "-m", "cli", "serve"], data, cwd, **more)
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            if line.startswith("ready "):
                url = line.split()[1]
                break
        timer.cancel()
        errors = data.parent / "stderr.log"
        assert url, f"it did not get ready:\n{errors.read_text()}"
        yield Served(process, url, errors)
    finally:
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        wait_until_gone(data, 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_whole_tree(data: Path, number: signal.Signals) -> None:
    with served(data) as product:
        assert httpx2.get(f"{product.url}/health").json() == {"status": "ok"}
        detailed = httpx2.get(f"{product.url}/v1/health/detailed").json()["data"]
        assert detailed["status"] == "ok"
        assert set(detailed["parts"]) == {"database", "cache", "queue", "storage"}
        code, seconds = product.stop(number)
        assert (code, left_of(data)) == (0, [])
        assert seconds < STOP_SECONDS


def test_repeated_signals_change_nothing(data: Path) -> None:
    with served(data) as product:
        product.process.send_signal(signal.SIGTERM)
        for _ in range(20):
            time.sleep(0.02)
            with suppress(ProcessLookupError):
                product.process.send_signal(signal.SIGINT)
        assert product.process.wait(STOP_SECONDS) == 0
        assert left_of(data) == []


def test_a_signal_during_the_start_stops_it_cleanly(data: Path) -> None:
    for pause in (0.5, 1.2):
        process = command_of([sys.executable, "-m", "cli", "serve"], data)
        time.sleep(pause)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=STOP_SECONDS)
        # Before Python runs our first line the signal is not ours to handle.
        assert process.returncode in {0, -signal.SIGTERM}
        assert "Traceback" not in (data.parent / "stderr.log").read_text()
        assert out == "" or out.startswith("ready ")
        assert wait_until_gone(data, 5) == []


@pytest.mark.case("X08")
def test_a_stop_under_load_fails_no_request(data: Path) -> None:
    failures: list[str] = []
    counts: list[int] = []

    def load(url: str) -> None:
        count = 0
        with httpx2.Client(timeout=10) as client:
            while True:
                try:
                    answer = client.get(f"{url}/health/detailed")
                except httpx2.ConnectError:
                    break
                except httpx2.HTTPError as error:
                    failures.append(repr(error))
                    break
                if answer.status_code not in {200, 503}:
                    failures.append(str(answer.status_code))
                count += 1
        counts.append(count)

    with served(data) as product:
        threads = [threading.Thread(target=load, args=(product.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        code, seconds = product.stop(signal.SIGTERM)
        for thread in threads:
            thread.join()
    assert failures == []
    assert code == 0
    assert seconds < STOP_SECONDS
    assert all(count > 10 for count in counts)


def test_it_starts_again_after_everything_was_killed(data: Path) -> None:
    with served(data) as product:
        os.killpg(product.process.pid, signal.SIGKILL)
        product.process.wait()
    with served(data) as product:
        assert httpx2.get(f"{product.url}/health/detailed").status_code == 200


def test_a_dead_part_ends_the_server_with_a_word(data: Path) -> None:
    with served(data) as product:
        postmaster = int((data / "postgres/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        assert product.process.wait(STOP_SECONDS) == 1
        assert "PostgreSQL" in product.errors.read_text()
        assert wait_until_gone(data, 5) == []


def test_a_taken_port_is_one_clear_line(data: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        process = command_of([sys.executable, "-m", "cli", "serve"], data, POCKETTREND_PORT=port)
        out, _ = process.communicate(timeout=10)
    told = (data.parent / "stderr.log").read_text()
    assert (process.returncode, out) == (2, "")
    assert f"127.0.0.1:{port}" in told
    assert "Traceback" not in told


def test_a_second_instance_on_the_same_data_is_told_who_holds_it(data: Path) -> None:
    with served(data) as product:
        second = command_of([sys.executable, "-m", "cli", "serve"], data)
        second.communicate(timeout=READY_SECONDS)
        told = (data.parent / "stderr.log").read_text()
        assert second.returncode == 2
        assert str(product.process.pid) in told
        assert "Traceback" not in told


def test_wrong_settings_stop_the_start(data: Path) -> None:
    process = command_of(
        [sys.executable, "-m", "cli", "serve"], data, POCKETTREND_PORT="secret-4711"
    )
    process.communicate(timeout=10)
    told = (data.parent / "stderr.log").read_text()
    assert process.returncode == 2
    assert told == "pockettrend: POCKETTREND_PORT: must be a number from 0 to 65535.\n"


@pytest.mark.case("L03", "L04")
def test_production_runs_on_servers_that_are_set(data: Path) -> None:
    key = data.parent / "master.key"
    key.write_text(secrets.token_hex(32))
    token = secrets.token_urlsafe(32)
    with temporary_parts() as ends:
        where = f"{quote(ends.database_host, safe='')}:{ends.database_port}/{ends.database_name}"
        environment = {
            "POCKETTREND_PROFILE": "production",
            "POCKETTREND_DATABASE_URL": f"postgresql://{APP}:{ends.app_password}@{where}",
            "POCKETTREND_DATABASE_OWNER_URL": f"postgresql://{OWNER}:{ends.owner_password}@{where}",
            "POCKETTREND_MASTER_KEY_FILE": str(key),
            "POCKETTREND_PUBLIC_URL": "https://money.example.org",
            "POCKETTREND_OPERATOR_TOKEN": token,
            "POCKETTREND_SMTP_URL": "smtps://mail.example.org",
        }
        with served(data.parent / "production", **environment) as product:
            stranger = httpx2.get(f"{product.url}/health/detailed")
            assert stranger.json() == {"status": "ok"}
            assert stranger.headers["strict-transport-security"]
            assert httpx2.get(f"{product.url}/metrics").status_code == 401
            operator = {"Authorization": f"Bearer {token}"}
            assert "jobs{" in httpx2.get(f"{product.url}/metrics", headers=operator).text
            told = product.errors.read_text()
            assert product.stop(signal.SIGTERM)[0] == 0
        assert token not in told
        assert ends.app_password not in told
        assert not (data.parent / "production/postgres").exists()


@pytest.mark.case("R07")
def test_heads_that_are_too_large_are_refused(data: Path) -> None:
    with served(data) as product:
        port = int(product.url.rpartition(":")[2])
        many = b"".join(b"x-%d: 1\r\n" % number for number in range(200))
        for head in (b"x: " + b"y" * 100_000, many):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n")
                assert client.recv(64).startswith(b"HTTP/1.1 431 ")
        assert httpx2.get(f"{product.url}/health").status_code == 200
        lines = [json.loads(line) for line in product.errors.read_text().splitlines()]
        assert all("at" in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_make_alone_stops_the_whole_tree(data: Path, number: signal.Signals) -> None:
    if not (ROOT / ".venv/.ready-to-run").exists():
        pytest.skip("make has not prepared this checkout; make test does")
    words = ["make", "serve", f"PORT={free_port()}", f"DATA={data}", "DEMO=0"]
    with served(data, words) as product:
        _, seconds = product.stop(number)
        assert seconds < STOP_SECONDS
        assert wait_until_gone(data, 5) == []
