"""Processor time of PostgreSQL, summed over the processes of one cluster (Linux)."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def backend_parent(pid: int) -> int | None:
    """The postmaster of a backend, or None where the system does not tell."""
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def _stat(pid: int) -> list[str]:
    """Fields of a process behind its name: state, parent, ..."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []


def cpu_by_process(postmaster: int) -> dict[int, float]:
    """Milliseconds by process of a cluster, the postmaster included."""
    found = {}
    for entry in _PROC.glob("[0-9]*"):
        pid = int(entry.name)
        stat = _stat(pid)
        if stat and (pid == postmaster or int(stat[1]) == postmaster):
            found[pid] = _clock(pid, stat)
    return found


def _clock(pid: int, stat: list[str]) -> float:
    """Milliseconds of one process: its clock, or the ticks where there is none."""
    with suppress(OSError):
        # How the kernel numbers the processor clock of another process (clock_getcpuclockid).
        return time.clock_gettime_ns((~pid << 3) | 2) / 1e6
    return (int(stat[11]) + int(stat[12])) * 1_000 / _TICKS


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """Milliseconds between two moments; what a process that ended used meanwhile is lost."""
    return sum(value - before.get(pid, 0.0) for pid, value in after.items())
