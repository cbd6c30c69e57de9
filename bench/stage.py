"""What every section of the bench stands on: the parts, the servers, one person, and the results."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from bench.client import BadAnswer, Client
from bench.cpu import backend_parent
from bench.measure import Contestant, Meter
from bench.peers import installed
from bench.plain import connect, fill
from bench.seed import Person, nodes_of, open_books
from bench.server import Server, started, started_postgraphile
from models.embedded.parts import Endpoints
from models.embedded.postgres import OWNER, SUPERUSER

T = TypeVar("T")

ROWS: Final = 5_000
_WORK_SECONDS: Final = 600.0
# Ticks and what is planned for another day are no work of now.
_WORK: Final = (
    "SELECT count(*) FROM jobs WHERE state IN ('WAITING', 'RUNNING') "
    "AND run_at < now() + interval '1 minute'"
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with its limit, both in the unit that the name says."""

    name: str
    figure: float | None
    """None when a peer was missing."""
    limit: float
    at_least: bool = False

    def wire(self) -> dict[str, Any]:
        """As results.json tells it."""
        met = False
        if self.figure is not None:
            met = self.figure >= self.limit if self.at_least else self.figure <= self.limit
        return {"goal": self.name, "ratio": self.figure, "limit": self.limit, "met": met}


@dataclass(slots=True)
class Results:
    """What a section found."""

    measured: Sequence[Contestant] = ()
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Stage:
    """Starts servers when they are first asked for, and stops all at the end."""

    def __init__(self, endpoints: Endpoints, folder: Path, stack: ExitStack, *, full: bool) -> None:
        self.endpoints = endpoints
        self.folder = folder
        self.full = full
        self._stack = stack
        self._persons: dict[int, Person] = {}
        self.meter = Meter(run(self._postmaster()))

    async def _postmaster(self) -> int:
        connection = await connect(self.endpoints, OWNER, self.endpoints.owner_password)
        try:
            # Where the system tells nothing, no process has this parent and the sums are 0.
            return backend_parent(connection.get_server_pid()) or -1
        finally:
            await connection.close()

    def start(self, contestant: str) -> Server:
        """A server of its own until the end of the run."""
        return self._stack.enter_context(started(contestant, self.endpoints, self.folder))

    @cached_property
    def product(self) -> Server:
        """Ours, as served."""
        return self.start("product")

    @cached_property
    def person(self) -> Person:
        """Somebody with a few thousand rows."""
        with Client(self.product.port) as client:
            return open_books(client, name="bench", rows=ROWS)

    def person_with(self, rows: int) -> Person:
        """Somebody else whose rows spread over ten years."""
        found = self._persons.get(rows)
        if found is None:
            with Client(self.product.port) as client:
                found = open_books(
                    client, name=f"of-{rows}", rows=rows, per_day=max(rows // 3_571, 1)
                )
            self._persons[rows] = found
        return found

    @cached_property
    def nodes(self) -> list[dict[str, Any]]:
        """All her rows, which the plain tables hold too from here on."""
        with Client(self.product.port) as client:
            nodes, _ = nodes_of(client, self.person, ROWS)
        run(self._fill(nodes))
        return nodes

    async def _fill(self, nodes: list[dict[str, Any]]) -> None:
        owner = await connect(self.endpoints, OWNER, self.endpoints.owner_password)
        await fill(owner, nodes)
        await owner.close()
        await self.settled()

    async def settled(self) -> None:
        """No work is left for the middle of a measurement: jobs are done, months packed."""
        superuser = await connect(self.endpoints, SUPERUSER, self.endpoints.superuser_password)
        until = time.monotonic() + _WORK_SECONDS
        while await superuser.fetchval(_WORK):
            if time.monotonic() > until:
                raise BadAnswer("the worker does not come to an end")
            await asyncio.sleep(0.5)
        await superuser.execute("VACUUM (ANALYZE)")
        await superuser.execute("CHECKPOINT")
        await superuser.close()

    @cached_property
    def handwritten(self) -> Server:
        """The hand-written endpoint, on filled tables."""
        _ = self.nodes
        return self.start("hand-written")

    @cached_property
    def postgraphile(self) -> Server | None:
        """PostGraphile on filled tables; None where it cannot be installed."""
        peers = installed()
        if peers is None:
            return None
        _ = self.nodes
        return self._stack.enter_context(started_postgraphile(self.endpoints, self.folder, peers))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Something of the driver, from code that waits for everything."""
    return asyncio.run(work)


def say(text: str) -> None:
    """Tell the person who waits what goes on."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def named(contestants: Iterable[Contestant]) -> dict[tuple[str, str], Contestant]:
    """By case and name."""
    return {(one.case, one.name): one for one in contestants}
