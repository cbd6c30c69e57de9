"""The drill: a fleet under steady load while each part is killed in turn; a table of what it cost.

``python -m tests.drill --minutes 10``
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.drill.fleet import Balancer, Fleet, kill_database, whole_fleet
from tests.drill.load import Caller, Newcomers, Record
from tests.ops.test_serve import ROOT

_LOOK: Final = 0.3
_DOWN: Final = 3.0
"""How long a killed part stays away before it is started again."""


@dataclass(frozen=True)
class Blow:
    """One part, how it goes and how it comes back."""

    part: str
    how: str
    strike: Callable[[], object]
    mend: Callable[[], object]


@dataclass
class Line:
    """What a blow cost."""

    blow: Blow
    at: float
    well_after: float
    asked: int = 0
    failed: int = 0
    last_failure: float = 0.0
    longest_job: float = 0.0
    how: str = ""


def blows(fleet: Fleet) -> list[Blow]:
    """Every part in turn."""
    server, other = fleet.servers
    worker = fleet.workers[0]
    nodes = fleet.nodes
    gone: list[int] = []

    def kill_node(role: str) -> None:
        # The one that carries the signals, or any replica.
        port = nodes.primary_of("pt:signals")
        if role == "slave":
            port = next(one for one, is_ in nodes.roles().items() if is_ == "slave")
        nodes.kill(port)
        gone.append(port)

    def bring_node() -> None:
        nodes.wait()
        nodes.launch(gone.pop())
        nodes.wait()

    kill = signal.SIGKILL
    return [
        Blow("a server", "kill -9, started again", lambda: server.end(kill), server.start),
        Blow("a server", "SIGTERM, started again", lambda: other.end(signal.SIGTERM), other.start),
        Blow("a worker", "kill -9, started again", lambda: worker.end(kill), worker.start),
        Blow("a primary of the cache", "kill -9, back as a replica", lambda: kill_node("master"), bring_node),
        Blow("a replica of the cache", "kill -9, started again", lambda: kill_node("slave"), bring_node),
        Blow(
            "the replica of the database", "kill -9, started again",
            lambda: kill_database(fleet.replica), lambda: fleet.replica.start(prepare=False),
        ),
        Blow(
            "the database", "kill -9, started again",
            lambda: kill_database(fleet.primary), lambda: fleet.primary.start(prepare=False),
        ),
        Blow("S3 and SQS", "answer nothing for 3 s", fleet.cloud.hang, fleet.cloud.go_on),
        Blow("KMS", "answers nothing for 3 s", fleet.kms.hang, fleet.kms.go_on),
    ]  # fmt: skip


def drill(folder: Path, minutes: float, callers: int, pause: float) -> tuple[list[Line], str]:
    """The lines of the table, and what was found in the end."""
    with whole_fleet(folder) as fleet:
        record = Record()
        balancer = Balancer(fleet.servers)
        balancer.start()
        people = [Caller(balancer, record, number, pause) for number in range(callers)]
        for one in people:
            one.sign_up()
        newcomers = Newcomers(lambda: Caller(balancer, record, 0, pause), 10 * pause)
        for thread in (*people, newcomers):
            thread.start()
        started = time.monotonic()
        try:
            todo = blows(fleet)
            span = minutes * 60 / (len(todo) + 1)
            time.sleep(span / 2)
            lines = [_strike(fleet, blow, span) for blow in todo]
            time.sleep(span / 2)
        finally:
            for thread in (*people, newcomers):
                thread.over.set()
            for thread in (*people, newcomers):
                thread.join()
            balancer.over.set()
        lasted = time.monotonic() - started
        _count(lines, record)
        errors = [one.error for one in (*people, newcomers) if one.error is not None]
        if errors:
            sys.stderr.write(fleet.logs())
            raise errors[0]
        ending = [_ending(fleet, people, record, lasted), *fleet.defects()]
        return lines, "\n".join(ending)


def _strike(fleet: Fleet, blow: Blow, span: float) -> Line:
    at = time.monotonic()
    blow.strike()
    time.sleep(max(0.0, _DOWN - (time.monotonic() - at)))
    blow.mend()
    until = time.monotonic() + 240
    while not fleet.well():
        assert time.monotonic() < until, f"not well after {blow.part}: {fleet.logs()}"
        time.sleep(_LOOK)
    well_after = time.monotonic() - at
    time.sleep(max(0.0, span - well_after))
    return Line(blow, at, well_after)


def _count(lines: list[Line], record: Record) -> None:
    """Share out what happened between the blows."""
    ends = [line.at for line in lines[1:]] + [float("inf")]
    for line, end in zip(lines, ends, strict=True):
        line.asked = sum(line.at <= began < end for began in record.asked)
        failed = [one for one in record.failed if line.at <= one[1] < end]
        line.failed = len(failed)
        line.last_failure = max((ended - line.at for _, ended, _ in failed), default=0.0)
        line.longest_job = max(
            (took for began, took in record.jobs if line.at <= began < end), default=0.0
        )
        line.how = ", ".join(
            f"{n} {how}" for how, n in Counter(one[2] for one in failed).most_common(4)
        )


def _ending(fleet: Fleet, people: list[Caller], record: Record, lasted: float) -> str:
    """Count the rows, and have the product look at its books."""
    lost = doubled = rows = 0
    for one in people:
        kept = Counter(one.kept())
        rows += len(one.written)
        lost += len(one.written - set(kept))
        doubled += sum(number > 1 for number in kept.values())
    told = fleet.servers[0].environment
    verify = subprocess.run(
        [sys.executable, "-m", "cli", "verify"],
        cwd=ROOT,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        f"{lasted / 60:.1f} minutes, {len(record.asked)} requests, {len(record.failed)} failed, "
        f"{record.limited} refused by a limit, {len(record.jobs)} imports, {rows} rows acknowledged: "
        f"{lost} lost, {doubled} doubled; {record.stale} reads lacked what their reader had just written; "
        f"{len(fleet.defects())} unexpected errors; `verify` ends with {verify.returncode}: {verify.stdout.strip().splitlines()[-1:]}"
    )


def table(lines: list[Line]) -> str:
    """The lines as Markdown."""
    told = [
        "| killed | how | requests | failed | last failure after | all well after | slowest import |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        last = f"{line.last_failure:.1f} s" if line.failed else "none"
        told.append(
            f"| {line.blow.part} | {line.blow.how} | {line.asked} | {line.failed} | {last} | "
            f"{line.well_after:.1f} s | {line.longest_job:.1f} s |"
        )
    return "\n".join(told)


def main() -> None:
    """Run it and print the table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=10)
    words.add_argument("--callers", type=int, default=8)
    words.add_argument("--pause", type=float, default=1.5, help="seconds between a caller's steps")
    told = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pt-drill-"))
    try:
        lines, ending = drill(folder, told.minutes, told.callers, told.pause)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    more = [f"{line.blow.part}: {line.how}" for line in lines if line.how]
    sys.stdout.write("\n".join([table(lines), "", ending, *more, ""]))


if __name__ == "__main__":
    main()
