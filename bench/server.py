"""A measured process seen from outside: its port, its processor time, its profile."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from models.embedded.parts import Endpoints

_ROOT: Final = Path(__file__).resolve().parents[1]
_STOP_SECONDS: Final = 20
_TAIL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Server:
    """One process that serves."""

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, question: str) -> Any:
        """What the process says of itself."""
        return _ask(self.process, question)

    def cpu_ms(self) -> float:
        """Processor time of the whole process so far, all its threads."""
        return float(self.ask("cpu")) / 1e6


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
    """A process that serves the product or the baseline until the end of the block."""
    log = folder / f"{contestant}.log"
    told = {
        "contestant": contestant,
        "endpoints": asdict(endpoints),
        "data": str(folder / "data"),
    }
    with (
        log.open("w") as lines,
        subprocess.Popen(
            [sys.executable, "-m", "bench.child"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        ) as process,
    ):
        try:
            yield Server(process, int(_ask(process, json.dumps(told))))
        except RuntimeError:
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
