"""Live updates: what an idle subscription costs, and whether an event to many keeps others waiting."""

import resource
import threading
import time
from statistics import median
from typing import Final

from bench.client import BadAnswer, Client, checked
from bench.pages import ONE
from bench.seed import Person, row
from bench.server import Server, started_crowd
from bench.stage import Goal, Results, Stage

_IDLE: Final = 2_000
_FOLLOWERS: Final = 1_000
_EVENTS: Final = 5
_SECONDS: Final = 60.0
_SETTLE: Final = 3.0


class Prober(threading.Thread):
    """Asks for one transaction again and again; keeps the longest wait (ms)."""

    def __init__(self, server: Server, request: bytes) -> None:
        super().__init__(daemon=True)
        self._server, self._request = server, request
        self._done = threading.Event()
        self.longest = 0.0

    def run(self) -> None:
        """Until told to stop."""
        with Client(self._server.port) as client:
            while not self._done.is_set():
                began = time.perf_counter()
                checked(client.send(self._request))
                self.longest = max(self.longest, (time.perf_counter() - began) * 1_000)

    def finish(self) -> float:
        """Stop, and the longest wait."""
        self._done.set()
        self.join()
        return self.longest


def _waits(
    server: Server, person: Person, some: str, crowd: Server | None = None
) -> tuple[list[float], list[float]]:
    """The longest wait of a request around each of some events, and how long all took to hear."""
    waits, heard = [], []
    with Client(server.port) as client:
        for number in range(_EVENTS):
            prober = Prober(server, person.query(ONE, id=some))
            prober.start()
            time.sleep(0.3)
            if crowd is not None:
                wanted = crowd.ask("told") + _FOLLOWERS
                answer = client.send(person.post("/transactions", row(person, number)))
                checked(answer, 201)
                began = time.monotonic()
                while crowd.ask("told") < wanted:
                    if time.monotonic() - began > _SECONDS:
                        raise BadAnswer("not every subscriber was told of an event")
                    time.sleep(0.05)
                heard.append(time.monotonic() - began)
            time.sleep(0.3)
            waits.append(prober.finish())
    return waits, heard


def measure(stage: Stage) -> Results:
    """Open many and look at the memory; then tell fewer, and look at the clock."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    person, some = stage.person, stage.nodes[0]["id"]
    # A process that has done nothing yet has no freed memory to give to them.
    server = stage.start("subscribers")
    token = person.headers["Authorization"]
    with started_crowd(server.port, token, 20, stage.folder):
        quiet = median(_waits(server, person, some)[0])
        before = server.resident_kib()
        with started_crowd(server.port, token, _IDLE, stage.folder):
            time.sleep(_SETTLE)
            each = (server.resident_kib() - before) / _IDLE
    time.sleep(_SETTLE)
    with started_crowd(server.port, token, _FOLLOWERS, stage.folder) as crowd:
        waits, heard = _waits(server, person, some, crowd)
    goals = [
        Goal(f"an idle subscription of {_IDLE:,} (KiB)", round(each, 1), 30.0),
        Goal(
            f"longest wait of a request around an event to {_FOLLOWERS:,} subscribers (ms)",
            round(median(waits), 1),
            50.0,
        ),
    ]
    return Results(
        goals=goals,
        notes=[
            f"The longest wait without an event is {quiet:.1f} ms.",
            f"All {_FOLLOWERS:,} subscribers had heard of an event after {median(heard):.2f} s.",
        ],
    )
