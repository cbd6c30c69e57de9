"""Runs the bench: parts, person, product and baseline, cases, table; or a profile of one case."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench import report
from bench.baseline import fill
from bench.cases import Company, ratios, reads, writes
from bench.client import BadAnswer, Client, checked
from bench.cpu import backend_parent
from bench.measure import Contestant, Meter
from bench.seed import every_node, open_books
from bench.server import Server, started
from models.embedded.parts import Endpoints, temporary_parts
from models.embedded.postgres import OWNER, SUPERUSER

_ROUNDS: Final = 5
_PROFILE_SECONDS: Final = 8.0


async def _connect(endpoints: Endpoints, user: str, password: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=endpoints.database_host,
        port=endpoints.database_port,
        database=endpoints.database_name,
        user=user,
        password=password,
    )


async def _postmaster(endpoints: Endpoints) -> int:
    connection = await _connect(endpoints, OWNER, endpoints.owner_password)
    try:
        # Where the system tells nothing, no process has this parent and the sums are 0.
        return backend_parent(connection.get_server_pid()) or -1
    finally:
        await connection.close()


async def _settle(endpoints: Endpoints, nodes: Sequence[dict[str, Any]]) -> None:
    """The plain tables beside the product's, and no upkeep left for the middle of the run."""
    owner = await _connect(endpoints, OWNER, endpoints.owner_password)
    await fill(owner, nodes)
    await owner.close()
    superuser = await _connect(endpoints, SUPERUSER, endpoints.superuser_password)
    await superuser.execute("VACUUM (ANALYZE)")
    await superuser.execute("CHECKPOINT")
    await superuser.close()


def _agreed(contestants: Sequence[Contestant]) -> None:
    """Both answer the nested page with the same rows, or the ratio means nothing."""
    pages = []
    for one in contestants:
        if one.case == "nested_page" and one.name in {"baseline", "graphql"}:
            with Client(one.server.port) as client:
                answer = checked(client.send(one.request()))
            pages.append(answer.json()["data"]["transactions"]["nodes"])
    if pages[0] != pages[1] or len(pages[0]) != 50:
        raise BadAnswer("the baseline and the product do not answer the same page")


def _idle(server: Server) -> float:
    """Milliseconds that the process uses in a second without requests."""
    before = server.cpu_ms()
    time.sleep(1.0)
    return round(server.cpu_ms() - before, 2)


def _chosen(contestants: Sequence[Contestant], wanted: tuple[str, str]) -> Contestant:
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


def _run(endpoints: Endpoints, folder: Path, wanted: tuple[str, str] | None) -> None:
    meter = Meter(asyncio.run(_postmaster(endpoints)))
    with started("product", endpoints, folder) as product:
        with Client(product.port) as client:
            person = open_books(client)
            nodes, deep = every_node(client, person)
        asyncio.run(_settle(endpoints, nodes))
        with started("baseline", endpoints, folder) as baseline:
            asking = reads(product, baseline, person, nodes[0]["id"], deep)
            writing = writes(product, person)
            _agreed(asking)
            if wanted is not None:
                print(_profile(_chosen([*asking, *writing], wanted)))
                return
            idle = _idle(product)
            meter.warm(asking)
            for _ in range(_ROUNDS):
                meter.turn(asking)
            company = Company(product, person)
            meter.warm(writing)
            for run in range(_ROUNDS):
                meter.turn(writing)
                company.turn(meter, run)
            everybody = [*asking, *writing, company.bulk, company.imports]
    measurements = [one.measurement() for one in everybody]
    found = ratios(everybody)
    note = f"Without requests the product uses {idle} ms of a second."
    report.show(measurements, found, notes=[note])
    report.write(measurements, found, idle_cpu_ms_per_second=idle)


def main() -> None:
    """Measure everything, or profile one case."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--profile", metavar="CASE", help="print where CASE spends its time instead of measuring"
    )
    parser.add_argument("--contestant", default="graphql", help="whom to profile (graphql)")
    given = parser.parse_args()
    wanted = (given.profile, given.contestant) if given.profile else None
    with tempfile.TemporaryDirectory(prefix="pt-bench-") as folder, temporary_parts() as endpoints:
        _run(endpoints, Path(folder), wanted)


if __name__ == "__main__":
    main()
