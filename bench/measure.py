"""Measuring: slices of requests, taken in turns so that a busy moment meets every contestant."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, Final

from bench.client import Client, checked
from bench.cpu import cpu_by_process, spent
from bench.server import Server

WARM_REQUESTS: Final = 15
SLICE_SECONDS: Final = 0.25
SLICE_REQUESTS: Final = 8


@dataclass(frozen=True, slots=True)
class Slice:
    """One uninterrupted stretch of requests (or rows) of one contestant."""

    count: int
    cpu_ms: float
    db_cpu_ms: float
    seconds: float
    walls_ms: tuple[float, ...] = ()


@dataclass(slots=True)
class Contestant:
    """Who answers a case, and with which request."""

    case: str
    name: str
    server: Server
    request: Callable[[], bytes]
    status: int = 200
    slices: list[Slice] = field(default_factory=list)

    def measurement(self) -> dict[str, Any]:
        """The figures: medians of slices, and percentiles of all requests."""
        walls = sorted(one for piece in self.slices for one in piece.walls_ms)
        return {
            "case": self.case,
            "contestant": self.name,
            "cpu_ms": _rounded([one.cpu_ms / one.count for one in self.slices]),
            "db_cpu_ms": _rounded([one.db_cpu_ms / one.count for one in self.slices]),
            "rps": _rounded([one.count / one.seconds for one in self.slices], 1),
            "p50_ms": _percentile(walls, 0.50),
            "p99_ms": _percentile(walls, 0.99),
            "runs": sum(one.count for one in self.slices),
        }


def always(request: bytes) -> Callable[[], bytes]:
    """The same request each time."""
    return lambda: request


def _rounded(values: Sequence[float], digits: int = 3) -> float:
    return round(median(values), digits)


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 3)


class Meter:
    """Takes slices; knows the processes whose time counts."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster

    @contextmanager
    def slice(self, server: Server, keep: Callable[[Slice], None]) -> Iterator["Counted"]:
        """The costs of a block, kept when it ends well."""
        counted = Counted()
        database, clocks, began = cpu_by_process(self._postmaster), server.clocks(), perf_counter()
        yield counted
        seconds, cpu = perf_counter() - began, server.cpu_ms(clocks)
        # A backend that ended meanwhile is lost: the postmaster's sum of them is too coarse.
        spent_ms = spent(database, cpu_by_process(self._postmaster))
        keep(Slice(counted.count, cpu, spent_ms, seconds, tuple(counted.walls_ms)))

    def requests(self, contestant: Contestant) -> None:
        """One slice of requests, one after another on one connection."""
        with Client(contestant.server.port) as client:
            for _ in range(2):
                checked(client.send(contestant.request()), contestant.status)
            with self.slice(contestant.server, contestant.slices.append) as counted:
                until = perf_counter() + SLICE_SECONDS
                while counted.count < SLICE_REQUESTS or perf_counter() < until:
                    request = contestant.request()
                    began = perf_counter()
                    answer = client.send(request)
                    counted.walls_ms.append((perf_counter() - began) * 1_000)
                    counted.count += 1
                    if answer.status != contestant.status:
                        checked(answer, contestant.status)
                checked(answer, contestant.status)

    def warm(self, contestants: Sequence[Contestant]) -> None:
        """Requests that are not counted: pools, caches and compiled documents fill."""
        for one in contestants:
            with Client(one.server.port) as client:
                for _ in range(WARM_REQUESTS):
                    checked(client.send(one.request()), one.status)

    def turn(self, contestants: Sequence[Contestant]) -> None:
        """One slice of each."""
        for one in contestants:
            self.requests(one)


@dataclass(slots=True)
class Counted:
    """What a block did."""

    count: int = 0
    walls_ms: list[float] = field(default_factory=list)


def ratio(over: Contestant, under: Contestant | None, *, what: str = "cpu_ms") -> float | None:
    """Median of the ratios of slices that were taken in the same round; None without a peer."""
    if under is None:
        return None
    pairs = zip(over.slices, under.slices, strict=False)
    return round(median(_cost(a, what) / _cost(b, what) for a, b in pairs), 3)


def _cost(piece: Slice, what: str) -> float:
    if what == "all_cpu_ms":
        return (piece.cpu_ms + piece.db_cpu_ms) / piece.count
    if what == "wall_ms":
        return piece.seconds / piece.count
    return piece.cpu_ms / piece.count
