"""A measured process seen from outside: its port, its processor time, its memory, its profile."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.cpu import cpu_by_process, reaped, resident_kib, spent
from bench.peers import node_of, script_of
from models.embedded.parts import Endpoints
from models.embedded.postgres import OWNER

_ROOT: Final = Path(__file__).resolve().parents[1]
_STOP_SECONDS: Final = 20
_TAIL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Server:
    """One process that serves, with the children that it starts."""

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, question: str) -> Any:
        """What the process says of itself."""
        return _ask(self.process, question)

    def clocks(self) -> dict[int, float]:
        """Processor time so far, by process of its tree."""
        tree = cpu_by_process(self.process.pid)
        # A process tells its own time more exactly than a system without /proc.
        tree[self.process.pid] = float(self.ask("cpu")) / 1e6
        return tree

    def cpu_ms(self, since: dict[int, float]) -> float:
        """Processor time of the tree, all its threads, since those clocks."""
        now = self.clocks()
        return spent(since, now) + reaped(since, now)

    def resident_kib(self) -> float:
        """Its resident memory."""
        return resident_kib(self.process.pid)


def _ask(process: "subprocess.Popen[str]", question: str) -> Any:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    process.stdin.write(question + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the measured process ended")
    return json.loads(line)


@contextmanager
def started(contestant: str, endpoints: Endpoints, folder: Path) -> Iterator[Server]:
    """A process that serves one contestant until the end of the block."""
    told = {
        "contestant": contestant,
        "endpoints": asdict(endpoints),
        "data": str(folder / "data"),
    }
    command = [sys.executable, "-m", "bench.child"]
    with _running(command, told, folder / f"{contestant}.log", cwd=_ROOT) as server:
        yield server


@contextmanager
def started_postgraphile(endpoints: Endpoints, folder: Path, peers: Path) -> Iterator[Server]:
    """PostGraphile in production mode, as the owner of the plain tables."""
    told = {
        "endpoints": asdict(endpoints),
        "user": OWNER,
        "password": endpoints.owner_password,
    }
    command = [str(node_of(peers)), str(script_of(peers))]
    with _running(command, told, folder / "postgraphile.log", cwd=peers) as server:
        yield server


@contextmanager
def started_crowd(port: int, token: str, count: int, folder: Path) -> Iterator[Server]:
    """Subscribers of a server, in a process that keeps its own time from the client's."""
    told = {"port": port, "token": token, "count": count}
    command = [sys.executable, "-m", "bench.crowd"]
    with _running(command, told, folder / f"crowd-{count}.log", cwd=_ROOT) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], told: dict[str, Any], log: Path, *, cwd: Path
) -> Iterator[Server]:
    environment = os.environ | {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    with (
        log.open("w") as lines,
        subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        ) as process,
    ):
        try:
            yield Server(process, int(_ask(process, json.dumps(told))))
        except Exception:
            if process.poll() is not None:
                sys.stderr.write(log.read_text()[-_TAIL:])
            raise
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
