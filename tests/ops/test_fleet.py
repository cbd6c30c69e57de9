"""Several processes on one port: one dies, all are renewed, all are stopped, and nobody is refused."""

import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.ops.test_serve import Served, served, wait_until_gone

pytestmark = [pytest.mark.long, pytest.mark.serve, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs start instead of one, on machines that may be busy."""
    monkeypatch.setattr("tests.ops.test_serve.READY_SECONDS", 100)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pt-fleet-"))
    yield folder / "data"
    shutil.rmtree(folder)


def members(product: Served) -> set[int]:
    """The processes that serve."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = entry.read_text().rpartition(") ")[2].split()
            command = (entry.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(told[1]) == product.process.pid and b"--listen-fd" in command:
            found.add(int(entry.parent.name))
    return found


class Load:
    """Callers that ask for as long as it takes, each time on a connection of their own."""

    def __init__(self, url: str, *, kept: bool) -> None:
        self.url = url
        self.kept = kept
        self.over = threading.Event()
        self.failures: list[str] = []
        self.counts: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def _run(self) -> None:
        client = httpx2.Client(timeout=20)
        while not self.over.is_set():
            try:
                answer = client.get(f"{self.url}/health/detailed")
            except httpx2.ConnectError:
                # The port is closed: whoever balances the load looks elsewhere.
                self.counts[0] += 1
                break
            except httpx2.HTTPError as error:
                self.failures.append(repr(error))
            else:
                self.counts[answer.status_code] += 1
            if not self.kept:
                client.close()
                client = httpx2.Client(timeout=20)
        client.close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()


def figures_of_all_processes_are_one(product: Served) -> None:
    for _ in range(20):
        httpx2.get(f"{product.url}/health")
    # The other process hands over what it has counted once a second.
    until = time.monotonic() + 20
    counted = ""
    while counted != "20.0":
        assert time.monotonic() < until, counted
        told = httpx2.get(f"{product.url}/metrics").text
        line = r'^http_requests_total\{.*route="/health".* (\d+\.\d+)$'
        found = re.search(line, told, re.MULTILINE)
        assert found is not None, told
        counted = found[1]
    assert "pockettrend_build_info{" in told
    assert "process_resident_memory_bytes" in told


def one_that_dies_is_replaced(product: Served) -> None:
    victim = min(members(product))
    with Load(product.url, kept=False) as load:
        os.kill(victim, signal.SIGKILL)
        until = time.monotonic() + 60
        while len(members(product) - {victim}) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        seen = load.counts[200]
        while load.counts[200] <= seen + 10:
            time.sleep(0.02)
    # What it was answering this moment goes with it, and nothing else.
    assert len(load.failures) <= 4


def all_are_renewed(product: Served) -> None:
    before = members(product)
    with Load(product.url, kept=True) as load:
        product.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 100
        while len(members(product)) != 2 or members(product) & before:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert load.failures == []
    assert load.counts[0] == 0


def a_stop_under_load_fails_no_request(product: Served, data: Path) -> None:
    with connect(product.url.replace("http", "ws") + "/ws/updates", proxy=None) as socket:
        with Load(product.url, kept=True) as load:
            while load.counts[200] <= 10:
                time.sleep(0.02)
            code, seconds = product.stop(signal.SIGTERM)
        with suppress(ConnectionClosed):
            while True:
                socket.recv(timeout=5)
        assert socket.close_code == 1012
    assert load.failures == []
    assert set(load.counts) <= {0, 200, 503}
    assert (code, wait_until_gone(data, 5)) == (0, [])
    assert seconds < 25


@pytest.mark.case("X08")
def test_processes_come_and_go_and_nobody_is_refused(data: Path) -> None:
    # One start for all of it: each is three programs.
    with served(data, POCKETTREND_SERVERS="2") as product:
        assert len(members(product)) == 2
        figures_of_all_processes_are_one(product)
        one_that_dies_is_replaced(product)
        all_are_renewed(product)
        a_stop_under_load_fails_no_request(product, data)
