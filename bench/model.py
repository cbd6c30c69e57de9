"""The load model behind docs/scale.md: from measured costs to what N people need.

``python -m bench.model`` prints the tables, ``--measure`` takes the points anew (some minutes, see
bench/points.py), ``--write`` puts the tables into docs/scale.md.  The arithmetic is deliberately
plain: costs of requests add up, rows take what they took, cores are kept half idle.
"""

import argparse
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import points as measuring
from bench.assumed import Assumed

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BLOCK: Final = re.compile(r"(<!-- model: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
LADDER: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
FEW: Final = 10_000
"""From here on database and cache are servers of their own, and the database has a standby."""
SEVERAL: Final = 100_000
"""From here on there are several machines, a replica for reports and a cluster of caches."""
COPIES: Final = {(False, False): 1, (True, False): 2, (True, True): 3}
CACHE_GB: Final = 8
_WHOLE: Final = 1_000
_DAY: Final = 86_400
_HOURS: Final = 730
_GB: Final = 1e9


@dataclass(frozen=True, slots=True)
class Costs:
    """The measured points as the model uses them."""

    cpu_ms: Mapping[str, float]
    db_cpu_ms: Mapping[str, float]
    mix: Mapping[str, int]
    empty_bytes: float
    row_bytes: float
    row_wal: float
    process_mib: float
    socket_kib: float

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> "Costs":
        """Read them from what bench/points.py has written."""
        found = measured["points"]
        disk, memory = found["disk"], found["memory"]
        timed = {name: one for name, one in found.items() if "cpu_ms" in one}
        return cls(
            {name: one["cpu_ms"] for name, one in timed.items()},
            {name: one["db_cpu_ms"] for name, one in timed.items()},
            measured["mix"],
            disk["bytes"][0],
            (disk["bytes"][-1] - disk["bytes"][0]) / disk["rows"][-1],
            sum(disk["wal_bytes"]) / disk["rows"][-1],
            memory["worked_mib"],
            memory["sockets_kib"][-1] / memory["sockets"][-1],
        )

    def mixed(self, of: Mapping[str, float]) -> float:
        """One request of the mix, by its shares."""
        return sum(share * of[case] for case, share in self.mix.items()) / sum(self.mix.values())


@dataclass(frozen=True, slots=True)
class Check:
    """A measured point that the model did not use, against what it says."""

    name: str
    measured: float
    said: float
    tolerance: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the model is near enough."""
        return abs(self.said - self.measured) <= self.tolerance * self.measured


def checks(measured: Mapping[str, Any]) -> list[Check]:
    """What the model has to reproduce."""
    costs, found = Costs.of(measured), measured["points"]
    disk, memory = found["disk"], found["memory"]
    rows = disk["rows"][1]
    said = (costs.empty_bytes + rows * costs.row_bytes) / 1e6
    kib = costs.socket_kib * memory["sockets"][0]
    mix = found["mix"]
    together = found["mix_side_by_side"]
    return [
        Check("a request of the mix", mix["cpu_ms"], costs.mixed(costs.cpu_ms), 0.2, "ms"),
        Check(
            "the same in the database", mix["db_cpu_ms"], costs.mixed(costs.db_cpu_ms), 0.25, "ms"
        ),
        Check(
            "a request of the mix, eight connections at once",
            together["cpu_ms"],
            costs.mixed(costs.cpu_ms),
            0.3,
            "ms",
        ),
        Check(f"a ledger of {rows:,} rows on disk", disk["bytes"][1] / 1e6, said, 0.15, "MB"),
        Check(
            f"{memory['sockets'][0]:,} subscriptions",
            memory["sockets_kib"][0] / 1024,
            kib / 1024,
            0.25,
            "MiB",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Need:
    """What a number of people need."""

    people: int
    requests: float
    cores: float
    machines: int
    sockets: float
    writes: float
    database_cores: float
    tables: float
    disk: float
    databases: int
    copies: int
    cache_nodes: int


def need(people: int, costs: Costs, assumed: Assumed) -> Need:
    """The arithmetic, for the busiest hour of a day."""
    active = people * assumed.active
    a_second = assumed.peak / _DAY
    requests = active * assumed.requests * a_second
    creating = costs.mix["create"] / sum(costs.mix.values())
    booked = active * assumed.requests * creating + people * assumed.imported

    def cores_of(of: Mapping[str, float]) -> float:
        spent = requests * costs.mixed(of)
        spent += people * assumed.imported * a_second * of["import_row"]
        spent += active * assumed.sign_ins * a_second * of["sign_in"]
        return spent / 1_000 / assumed.busy

    sockets = active * assumed.online
    cores, database_cores = cores_of(costs.cpu_ms), cores_of(costs.db_cpu_ms)
    gib = math.ceil(cores) * costs.process_mib / 1024 + sockets * costs.socket_kib / 1024**2
    machines = max(
        math.ceil(cores / assumed.machine_cores),
        math.ceil(gib / (assumed.machine_gib * assumed.busy)),
        2 if people >= SEVERAL else 1,
    )
    tables = people * assumed.person_bytes + booked * 365 * assumed.years * costs.row_bytes
    disk = tables * assumed.headroom + booked * assumed.log_days * costs.row_wal
    databases = max(
        math.ceil(database_cores / assumed.database_cores),
        math.ceil(tables / assumed.database_bytes),
    )
    cache_nodes = 1 if people >= FEW else 0
    if people >= SEVERAL:
        calls = requests * assumed.cache_calls / assumed.cache_per_second / assumed.busy
        held = active * assumed.cache_bytes / _GB / CACHE_GB
        cache_nodes = 2 * max(3, math.ceil(calls), math.ceil(held))
    return Need(
        people, requests, cores, machines, sockets, booked * a_second, database_cores, tables, disk,
        databases, COPIES[people >= FEW, people >= SEVERAL], cache_nodes,
    )  # fmt: skip


def dollars(found: Need, assumed: Assumed) -> float:
    """What it costs in a month, at the assumed prices."""
    serving = found.machines * (assumed.machine_cores if found.people >= SEVERAL else 2)
    stored = max(math.ceil(found.database_cores), 2 * found.databases) * found.copies
    if found.people < FEW:
        stored = 0  # On the same machine.
    hours = (
        serving * assumed.core_hour
        + stored * assumed.database_core_hour
        + found.cache_nodes * assumed.cache_node_hour
    )
    kept = found.disk * found.copies * assumed.disk_gb_month
    kept += found.people * assumed.file_bytes * assumed.object_gb_month
    return hours * _HOURS + kept / _GB


def _table(heads: str, rows: Iterable[tuple[str, ...]]) -> str:
    count = heads.count("|") + 1
    lines = [f"| {heads} |", "|" + "---|" * count]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _figure(value: float) -> str:
    """Two digits, three of large numbers: more is not known."""
    if value == 0:
        return "0"
    places = (1 if value < _WHOLE else 2) - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(places, 0)}f}"


def _bytes(value: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= size:
            return f"{_figure(value / size)} {unit}"
    return f"{_figure(value / 1e3)} kB"


NAMES: Final = {
    "screen": "a page of 50 with category and account, by GraphQL",
    "unchanged": "a list that has not changed, by REST (304)",
    "one": "one transaction with category and account, by GraphQL",
    "create": "a transaction created, by GraphQL",
    "report": "the monthly summary of 13 months, by REST",
    "mix": "the mix, measured as a mix",
    "mix_side_by_side": "the mix by eight connections at once",
    "sign_in": "signing in (Argon2)",
    "bulk_row": "a row of a batch of 500",
    "import_row": "a row of an imported file, worker included",
}


def measured_table(measured: Mapping[str, Any]) -> str:
    """What one request and one row cost, and how many a core serves."""
    costs = Costs.of(measured)
    rows = [
        (
            name,
            f"{costs.mix[case]} %" if case in costs.mix else "",
            f"{costs.cpu_ms[case]:.2f}",
            f"{costs.db_cpu_ms[case]:.2f}",
            _figure(1_000 / costs.cpu_ms[case]),
        )
        for case, name in NAMES.items()
    ]
    return _table(
        "what | mix | ms of the process | ms of the database | a second by one core", rows
    )


def rows_table(measured: Mapping[str, Any]) -> str:
    """What a row takes on disk, table by table, with indexes."""
    disk = measured["points"]["disk"]
    costs = Costs.of(measured)
    rows = [(f"`{name}`", f"{size:,.0f}") for name, size in disk["bytes_per_row"].items()]
    rows += [("all tables", f"{costs.row_bytes:,.0f}")]
    rows += [("written to the log meanwhile", f"{costs.row_wal:,.0f}")]
    return _table("table, with its indexes | bytes for a transaction", rows)


def memory_table(measured: Mapping[str, Any]) -> str:
    """What a process holds."""
    memory = measured["points"]["memory"]
    costs = Costs.of(measured)
    rows = [
        ("a process that has just started", f"{memory['process_mib']:.0f} MiB"),
        ("a process after all of these measurements", f"{memory['worked_mib']:.0f} MiB"),
        (
            f"an idle subscription (of {memory['sockets'][-1]:,})",
            f"{costs.socket_kib:.1f} KiB",
        ),
    ]
    return _table("memory | resident", rows)


def checks_table(measured: Mapping[str, Any]) -> str:
    """The model against points that it did not use."""
    rows = [
        (
            one.name,
            f"{_figure(one.measured)} {one.unit}",
            f"{_figure(one.said)} {one.unit}",
            f"{one.said / one.measured - 1:+.0%}",
            f"{one.tolerance:.0%}",
        )
        for one in checks(measured)
    ]
    return _table("point | measured | the model says | off by | allowed", rows)


def holds_table(measured: Mapping[str, Any], assumed: Assumed) -> str:
    """What one of each holds, if the other parts keep up."""
    costs = Costs.of(measured)
    many = need(SEVERAL, costs, assumed)
    mixed, mixed_db = costs.mixed(costs.cpu_ms), costs.mixed(costs.db_cpu_ms)
    core = SEVERAL / many.cores
    database = SEVERAL / many.database_cores * assumed.database_cores
    free = assumed.machine_gib * assumed.busy * 1024 - assumed.machine_cores * costs.process_mib
    sockets = free * 1024 / costs.socket_kib
    calls = assumed.cache_per_second * assumed.busy / assumed.cache_calls
    machine = f"a machine of {assumed.machine_cores} cores"
    most = f"a database of {assumed.database_cores} cores"
    rows = [
        ("a process, on a core of its own", *_capacity(1_000 / mixed * assumed.busy, core)),
        (machine, *_capacity(1_000 / mixed * assumed.busy * assumed.machine_cores,
                             core * assumed.machine_cores)),
        (f"{machine}: sockets", f"{_figure(sockets)} sockets",
         _figure(sockets / assumed.online / assumed.active)),
        (most, *_capacity(1_000 / mixed_db * assumed.busy * assumed.database_cores, database)),
        (f"{most}: disk", _bytes(assumed.database_bytes),
         _figure(assumed.database_bytes * SEVERAL / many.tables)),
        ("a node of the cache", *_capacity(calls, calls / many.requests * SEVERAL)),
    ]  # fmt: skip
    return _table(f"one, {assumed.busy:.0%} busy in the busiest hour | holds | people", rows)


def _capacity(requests: float, people: float) -> tuple[str, str]:
    return f"{_figure(requests)} requests a second", _figure(people)


def ladder_table(measured: Mapping[str, Any], assumed: Assumed) -> str:
    """What each order of magnitude needs."""
    costs = Costs.of(measured)
    rows = []
    for people in LADDER:
        found = need(people, costs, assumed)
        spent = dollars(found, assumed)
        rows.append(
            (
                f"{people:,}",
                _figure(found.requests),
                _figure(found.writes),
                _figure(found.cores),
                f"{found.machines:,}",
                _figure(found.sockets),
                _figure(found.database_cores),
                _bytes(found.disk),
                f"{found.databases:,} x {found.copies}",
                f"{found.cache_nodes:,}",
                f"${_figure(spent)}",
                f"${spent / people:.3f}",
            )
        )
    return _table(
        "people | requests a second | rows a second | cores | machines | sockets | database cores"
        " | disk of a copy | databases x copies | cache nodes | a month | a person",
        rows,
    )


def tables(measured: Mapping[str, Any], assumed: Assumed | None = None) -> dict[str, str]:
    """Everything that docs/scale.md holds of the model, by the name of its block."""
    assumed = assumed or Assumed()
    taken = measured["taken"]
    return {
        "taken": (
            f"Measured on {taken['date']} at commit `{taken['commit']}`, Python {taken['python']},"
            f" {taken['machine']}."
        ),
        "measured": measured_table(measured),
        "rows": rows_table(measured),
        "memory": memory_table(measured),
        "holds": holds_table(measured, assumed),
        "checks": checks_table(measured),
        "assumed": _table("assumed | value", list(assumed.told())),
        "ladder": ladder_table(measured, assumed),
    }


def filled(page: str, told: Mapping[str, str]) -> str:
    """A page with these tables in its blocks."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{told[found[2]]}\n\n{found[4]}", page)


def measured_points() -> dict[str, Any]:
    """The points that were last measured."""
    found: dict[str, Any] = json.loads(measuring.MEASURED.read_text("utf-8"))
    return found


def main() -> None:
    """Print the tables; measure or write if told so."""
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="take the points anew first")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    given = parser.parse_args()
    if given.measure:
        measuring.write(measuring.measure())
    told = tables(measured_points())
    if given.write:
        PAGE.write_text(filled(PAGE.read_text("utf-8"), told), "utf-8")
    print("\n\n".join(told.values()))


if __name__ == "__main__":
    main()
