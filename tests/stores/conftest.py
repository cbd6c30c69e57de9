"""Stand-ins of AWS over HTTP: KMS by one program, S3 and SQS by another that checks signatures."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from models.stores.aws import Aws

LOGIN = ("test", "test")
REGION = "eu-central-1"
_READY_SECONDS = 30


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(words: list[str], port: int, **more: str) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="pt-aws-")
    with Path(folder, "log").open("w") as log:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, **more},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        until = time.monotonic() + _READY_SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            told = Path(folder, "log").read_text()
            assert process.poll() is None, told
            assert time.monotonic() < until, told
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kms_url() -> Iterator[str]:
    """A KMS that binds contexts and notices tampering."""
    port = _free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _started(words, port) as url:
        yield url


@pytest.fixture(scope="session")
def cloud_url() -> Iterator[str]:
    """S3 and SQS that check signatures, expiry and receipts."""
    port = _free_port()
    program = Path(sys.executable).with_name("ministack")
    more = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "AUTH": "true"}
    with _started([str(program)], port, **more) as url:
        yield url


@contextmanager
def client_of(service: str, url: str, **more: float) -> Iterator[Aws]:
    """A client of a stand-in."""
    aws = Aws(service, endpoint=url, region=REGION, login=LOGIN, **more)
    try:
        yield aws
    finally:
        aws.close()
