"""The script for authors of clients, against a whole server as a stranger starts it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.test_contract import documented

pytestmark = [pytest.mark.serve, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "every-endpoint.sh"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_script_calls_every_documented_endpoint_and_all_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POCKETTREND_")}
    environment |= {
        "POCKETTREND_PORT": str(port),
        "POCKETTREND_DATA": str(tmp_path / "data"),
        "POCKETTREND_DEMO": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        ready = next((line.split()[1] for line in lines if line.startswith("ready ")), None)
        assert ready is not None
        told = subprocess.run(
            [SCRIPT, ready, tmp_path / "data" / "mail"],
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        process.terminate()
        process.wait(25)
    assert told.returncode == 0, told.stdout[-500:] + told.stderr
    calls = re.findall(r"^2\d\d (\w+) (/[^\s?]+)", told.stdout, re.MULTILINE)
    for method, path in documented():
        shape = re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$")
        assert any(one == method and shape.match(said) for one, said in calls), (method, path)
