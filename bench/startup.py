"""How long `serve` takes until it is ready, on a data folder that was used before."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.client import BadAnswer, Client, request_bytes
from bench.stage import Goal, Results, Stage

_ROOT: Final = Path(__file__).resolve().parents[1]
_RUNS: Final = 3
_PATIENCE: Final = 120.0
_READY: Final = request_bytes("GET", "/health")


def measure(stage: Stage) -> Results:
    """Serve once to make the data (with the demo household), then a few times on it."""
    data = stage.folder / "served"
    first = _seconds(data)
    found = [_seconds(data) for _ in range(_RUNS)]
    goal = Goal("ready after serve on existing data (s)", round(median(found), 2), 3.0)
    return Results(goals=[goal], notes=[f"The very first start took {first:.1f} s."])


def _seconds(data: Path) -> float:
    """From the command to the first good answer of its readiness."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "POCKETTREND_PORT": str(port),
        "POCKETTREND_DATA": str(data),
        "POCKETTREND_DEMO": "1",
        # As `make serve` does: whoever turned it off here did not turn it off there.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "--follow-parent"],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while not _ready(port):
                if time.monotonic() - began > _PATIENCE or process.poll() is not None:
                    raise BadAnswer("serve did not become ready")
                time.sleep(0.02)
            return time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _ready(port: int) -> bool:
    try:
        with Client(port) as client:
            return client.send(_READY).status == 200
    except (OSError, BadAnswer):
        return False
