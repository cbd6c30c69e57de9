"""Runs the bench: parts, contestants, sections, tables; or a profile of one case."""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import history, pages, report, sizes, startup, subscribers, writes
from bench.client import Client, checked
from bench.measure import Contestant
from bench.server import Server
from bench.stage import Results, Stage, say
from models.embedded.parts import temporary_parts

_PROFILE_SECONDS: Final = 8.0
_SECTIONS: Final[dict[str, Callable[[Stage], Results]]] = {
    "pages": pages.measure,
    "writes": writes.measure,
    "history": history.measure,
    "sizes": sizes.measure,
    "subscribers": subscribers.measure,
    "startup": startup.measure,
}


def _idle(server: Server) -> str:
    """What the process uses without requests."""
    before = server.clocks()
    time.sleep(1.0)
    return f"Without requests the product uses {server.cpu_ms(before):.2f} ms of a second."


def _chosen(contestants: list[Contestant], wanted: tuple[str, str]) -> Contestant:
    for one in contestants:
        if (one.case, one.name) == wanted:
            return one
    known = ", ".join(f"{one.case} ({one.name})" for one in contestants)
    raise SystemExit(f"There is no case {wanted[0]} of {wanted[1]}. There are {known}.")


def _profile(contestant: Contestant) -> str:
    with Client(contestant.server.port) as client:
        for _ in range(20):
            checked(client.send(contestant.request()), contestant.status)
        contestant.server.ask("profile")
        until = time.monotonic() + _PROFILE_SECONDS
        while time.monotonic() < until:
            checked(client.send(contestant.request()), contestant.status)
        return str(contestant.server.ask("report"))


def _measure(stage: Stage, sections: list[str]) -> None:
    measurements, goals, notes = [], [], []
    _ = stage.person
    notes.append(_idle(stage.product))
    for name in sections:
        say(name)
        found = _SECTIONS[name](stage)
        measurements += [one.measurement() for one in found.measured]
        goals += [one.wire() for one in found.goals]
        notes += found.notes
    report.show(measurements, goals, notes=notes)
    report.write(measurements, goals)


def main() -> None:
    """Measure everything, or profile one case."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="100k imported rows, a ledger of 1M")
    parser.add_argument(
        "--only", nargs="+", choices=list(_SECTIONS), default=list(_SECTIONS), help="sections"
    )
    parser.add_argument(
        "--profile", metavar="CASE", help="print where CASE spends its time instead of measuring"
    )
    parser.add_argument("--contestant", default="graphql", help="whom to profile (graphql)")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="pt-bench-") as folder,
        temporary_parts() as endpoints,
        ExitStack() as stack,
    ):
        stage = Stage(endpoints, Path(folder), stack, full=given.full)
        if given.profile:
            everybody = [*pages.requests(stage), *writes.requests(stage)]
            print(_profile(_chosen(everybody, (given.profile, given.contestant))))
            return
        _measure(stage, given.only)


if __name__ == "__main__":
    main()
