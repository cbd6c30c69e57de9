"""Processor time and memory of other processes: a server with its children, a cluster (Linux)."""

import os
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM, _CHILD_USER, _CHILD_SYSTEM = 1, 11, 12, 13, 14
"""Fields behind a process's name (proc_pid_stat)."""


def backend_parent(pid: int) -> int | None:
    """The postmaster of a backend, or None where the system does not tell."""
    stat = _stat(pid)
    return int(stat[_PARENT]) if stat else None


def _stat(pid: int) -> list[str]:
    """Fields of a process behind its name: state, parent, ..."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []


def cpu_by_process(root: int) -> dict[int, float]:
    """Milliseconds by process of a tree, the root included; empty where the system does not tell.

    What children used that have ended stands under the negative number of their parent.
    """
    stats = {}
    for entry in _PROC.glob("[0-9]*"):
        stat = _stat(int(entry.name))
        if stat:
            stats[int(entry.name)] = stat
    below = defaultdict(list)
    for pid, stat in stats.items():
        below[int(stat[_PARENT])].append(pid)
    found, open_ = {}, [root] if root in stats else []
    while open_:
        pid = open_.pop()
        stat = stats[pid]
        found[pid] = _clock(pid, stat)
        found[-pid] = (int(stat[_CHILD_USER]) + int(stat[_CHILD_SYSTEM])) * 1_000 / _TICKS
        open_ += below[pid]
    return found


def _clock(pid: int, stat: list[str]) -> float:
    """Milliseconds of one process: its clock, or the ticks where there is none."""
    with suppress(OSError):
        # How the kernel numbers the processor clock of another process (clock_getcpuclockid).
        return time.clock_gettime_ns((~pid << 3) | 2) / 1e6
    return (int(stat[_USER]) + int(stat[_SYSTEM])) * 1_000 / _TICKS


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """Milliseconds between two moments."""
    return sum(value - before.get(pid, 0.0) for pid, value in after.items() if pid > 0)


def reaped(before: dict[int, float], after: dict[int, float]) -> float:
    """Milliseconds of children that ended between two moments."""
    return sum(value - before.get(pid, 0.0) for pid, value in after.items() if pid < 0)


def resident_kib(pid: int) -> float:
    """Resident memory of one process; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024
    return 0.0
