"""The measured points of the load model: costs of single requests, of a mix, of rows, of sockets.

One process of the product on a throw-away database, one connection, processor time of the process
and of the database's processes.  Of several slices the cheapest one counts: what a busy machine adds
is no cost of ours.  Takes some minutes and writes bench/measured.json.
"""

import json
import platform
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from bench.client import Client, checked, request_bytes
from bench.measure import Slice
from bench.pages import FRESH, ONE, PAGE_ROWS
from bench.plain import connect
from bench.seed import BATCH, PAGE, Person, batch, nodes_of, open_books, row, upload
from bench.server import started_crowd
from bench.stage import ROWS, Stage, run, say
from bench.writes import CREATE
from models.embedded.parts import temporary_parts
from models.embedded.postgres import SUPERUSER

MEASURED: Final = Path(__file__).resolve().parent / "measured.json"
MIX: Final = {"screen": 35, "unchanged": 25, "one": 15, "create": 15, "report": 10}
"""Of a hundred requests of a person who looks at her books: our guess of a day, not measured."""
SMALL: Final = 20_000
LARGE: Final = 100_000
_SLICES: Final = 16
_REQUESTS: Final = 25
_SOCKETS: Final = (1_000, 2_000)
_IMPORT: Final = 10_000
_SIGN_INS: Final = 10
_SETTLE: Final = 4.0
_CONNECTIONS: Final = 8

Request = tuple[bytes, int]


class Asker:
    """Requests of one person, each made when it is sent."""

    def __init__(self, stage: Stage) -> None:
        self.person = stage.person
        self._numbers = count(ROWS)
        path = f"/transactions?limit={PAGE_ROWS}"
        quiet = _signed_up(stage, "quiet")
        with Client(stage.product.port) as client:
            tag = checked(client.send(quiet.get(path))).headers["etag"]
            nodes, _ = nodes_of(client, self.person, 1)
        self._same = quiet.get(path, **{"If-None-Match": tag})
        self._one = self.person.query(ONE, id=nodes[0]["id"])
        self._page = self.person.query(PAGE, first=PAGE_ROWS)

    def make(self, case: str) -> Request:
        """One request of a case, and the status that it is answered with."""
        match case:
            case "screen":
                return self._page, 200
            case "unchanged":
                return self._same, 304
            case "one":
                return self._one, 200
            case "create":
                return self.person.query(CREATE, body=row(self.person, next(self._numbers))), 200
            case "report":
                return self.person.get("/analytics/monthly-summary", **FRESH), 200
        raise KeyError(case)


def _signed_up(stage: Stage, name: str) -> Person:
    with Client(stage.product.port) as client:
        return open_books(client, name=name, rows=BATCH)


def _in_turns(
    stage: Stage, asked: Mapping[str, Callable[[], Sequence[Request]]]
) -> dict[str, dict[str, float]]:
    """The cheapest slice of each case, for one request; taken in turns, as a busy moment passes."""
    slices: dict[str, list[Slice]] = {name: [] for name in asked}
    with Client(stage.product.port) as client:
        for number in range(_SLICES + 1):
            for name, requests in asked.items():
                made = requests()
                # The first round fills caches.
                keep = slices[name].append if number else _forget
                with stage.meter.slice(stage.product, keep) as counted:
                    for body, status in made:
                        checked(client.send(body), status)
                    counted.count = len(made)
    return {name: _cheapest(found) for name, found in slices.items()}


def _side_by_side(stage: Stage, asker: "Asker", order: Sequence[str]) -> dict[str, float]:
    """The mix by several connections at once: what waiting for each other adds, or saves."""
    slices: list[Slice] = []
    with ExitStack() as stack, ThreadPoolExecutor(_CONNECTIONS) as pool:
        clients = [stack.enter_context(Client(stage.product.port)) for _ in range(_CONNECTIONS)]

        def ask(client: Client, made: Sequence[Request]) -> None:
            for body, status in made:
                checked(client.send(body), status)

        for number in range(_SLICES + 1):
            made = [[asker.make(case) for case in order] for _ in clients]
            keep = slices.append if number else _forget
            with stage.meter.slice(stage.product, keep) as counted:
                list(pool.map(ask, clients, made))
                counted.count = len(order) * len(clients)
    return _cheapest(slices)


def _forget(_: Slice) -> None:
    """A slice that does not count."""


def _cheapest(slices: Sequence[Slice]) -> dict[str, float]:
    best = min(slices, key=lambda one: (one.cpu_ms + one.db_cpu_ms) / one.count)
    return {
        "cpu_ms": round(best.cpu_ms / best.count, 3),
        "db_cpu_ms": round(best.db_cpu_ms / best.count, 3),
    }


def _requests(stage: Stage) -> dict[str, dict[str, float]]:
    asker = Asker(stage)
    # Without statistics the first pages are planned as for an empty table.
    run(stage.settled())
    order = [case for case, share in MIX.items() for _ in range(share)]
    random.Random(7).shuffle(order)  # noqa: S311 - an order, no secret
    plans = {case: [case] * _REQUESTS for case in MIX} | {"mix": order}
    body = {"email": "bench@example.org", "password": "quiet-harbour-lantern-77-violet"}
    sign_in = request_bytes("POST", "/v1/auth/login", json=body)
    asked: dict[str, Callable[[], Sequence[Request]]] = {
        name: partial(lambda plan: [asker.make(case) for case in plan], plan)
        for name, plan in plans.items()
    }
    asked["sign_in"] = lambda: [(sign_in, 200)] * _SIGN_INS
    found = _in_turns(stage, asked)
    return found | {"mix_side_by_side": _side_by_side(stage, asker, order)}


def _imported(stage: Stage) -> dict[str, float]:
    """A file through upload, job and worker, for one row."""
    slices: list[Slice] = []
    with Client(stage.product.port) as client:
        person = open_books(client, name="importing", rows=0)
        for number in range(2):
            with stage.meter.slice(stage.product, slices.append) as counted:
                answer = checked(client.send(upload(person, number, _IMPORT)), 202)
                place = person.get(f"/imports/{answer.json()['data']['id']}?limit=1")
                while checked(client.send(place)).json()["data"]["status"] == "PROCESSING":
                    time.sleep(0.5)
                counted.count = _IMPORT
    return _cheapest(slices)


async def _sizes(stage: Stage) -> dict[str, Any]:
    connection = await connect(stage.endpoints, SUPERUSER, stage.endpoints.superuser_password)
    try:
        tables = await connection.fetch(
            "SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        wal = await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    finally:
        await connection.close()
    return {"tables": {one["relname"]: one["bytes"] for one in tables}, "wal": int(wal)}


def _rows(stage: Stage) -> dict[str, Any]:
    """What a ledger takes on disk, empty, small and large; and what its rows cost in bulk."""
    slices: list[Slice] = []
    sizes = []
    with Client(stage.product.port) as client:
        person = open_books(client, name="disk", rows=0, per_day=28)
        done = 0
        for until in (0, SMALL, LARGE):
            before = run(_sizes(stage))["wal"]
            while done < until:
                with stage.meter.slice(stage.product, slices.append) as counted:
                    checked(client.send(batch(person, done)))
                    counted.count = BATCH
                done += BATCH
            # Segments are sealed behind the first report of a month.
            for year in range(2016, 2027):
                span = f"from={year}-01-01&to={year}-12-31"
                checked(client.send(person.get(f"/analytics/monthly-summary?{span}", **FRESH)))
            time.sleep(_SETTLE)
            wal = run(_sizes(stage))["wal"] - before
            run(stage.settled())
            sizes.append({"rows": until, "wal": wal, "tables": run(_sizes(stage))["tables"]})
    return {"bulk_row": _cheapest(slices), "disk": _told(sizes)}


def _told(sizes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first, last = sizes[0], sizes[-1]
    grown = {
        name: round((last["tables"][name] - first["tables"][name]) / LARGE, 1)
        for name in last["tables"]
    }
    return {
        "rows": [one["rows"] for one in sizes],
        "bytes": [sum(one["tables"].values()) for one in sizes],
        "wal_bytes": [one["wal"] for one in sizes],
        "bytes_per_row": {
            name: size for name, size in sorted(grown.items(), key=lambda one: -one[1]) if size >= 1
        },
    }


def _memory(stage: Stage) -> dict[str, Any]:
    """A process that has only started, and what idle subscriptions add to it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = stage.start("subscribers")
    token = stage.person.headers["Authorization"]
    with started_crowd(server.port, token, 20, stage.folder):
        time.sleep(_SETTLE)
        before = server.resident_kib()
        found = []
        for number in _SOCKETS:
            with started_crowd(server.port, token, number, stage.folder):
                time.sleep(_SETTLE)
                found.append(round(server.resident_kib() - before))
    return {
        "process_mib": round(before / 1024, 1),
        "worked_mib": round(stage.product.resident_kib() / 1024, 1),
        "sockets": list(_SOCKETS),
        "sockets_kib": found,
    }


def _commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def measure() -> dict[str, Any]:
    """All points, as measured.json holds them."""
    with (
        tempfile.TemporaryDirectory(prefix="pt-bench-") as folder,
        temporary_parts() as endpoints,
        ExitStack() as stack,
    ):
        stage = Stage(endpoints, Path(folder), stack, full=False)
        say("requests")
        points: dict[str, Any] = _requests(stage)
        say("rows")
        points |= _rows(stage)
        say("an import")
        points["import_row"] = _imported(stage)
        say("sockets")
        points["memory"] = _memory(stage)
    taken = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    return {"taken": taken, "mix": MIX, "points": points}


def write(measured: dict[str, Any]) -> None:
    """Keep them."""
    MEASURED.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
