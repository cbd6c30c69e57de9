"""What the load model assumes and nobody measured: people, machines, prices."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody measured: how people behave, how machines are cut, what they cost."""

    active: float = 0.25
    requests: float = 40
    imported: float = 2
    sign_ins: float = 0.3
    peak: float = 4
    online: float = 0.1
    years: float = 5
    person_bytes: float = 40_000
    file_bytes: float = 7.5e6
    busy: float = 0.5
    machine_cores: int = 16
    machine_gib: int = 32
    database_cores: int = 64
    database_bytes: float = 8e12
    headroom: float = 1.3
    log_days: float = 7
    cache_bytes: float = 6_000
    cache_calls: float = 2
    cache_per_second: float = 50_000
    core_hour: float = 0.04
    database_core_hour: float = 0.11
    disk_gb_month: float = 0.12
    object_gb_month: float = 0.023
    cache_node_hour: float = 0.2

    def told(self) -> Iterator[tuple[str, str]]:
        """What each means, with its value."""
        yield "people who open it on a day", f"{self.active:.0%} of those registered"
        yield "requests of one of them on that day, in the mix above", f"{self.requests:g}"
        yield "imported rows a day for each registered person", f"{self.imported:g}"
        yield "times that an active person signs in on a day", f"{self.sign_ins:g}"
        yield "the busiest hour against the mean", f"{self.peak:g} times"
        yield "of a day's people, how many hold a socket in that hour", f"{self.online:.0%}"
        yield "years of rows that are kept", f"{self.years:g}"
        yield "a person's rows beside transactions", f"{self.person_bytes / 1e3:g} kB"
        yield "files of a person", f"{self.file_bytes / 1e6:g} MB in object storage"
        yield "how busy cores are in the busiest hour", f"{self.busy:.0%}"
        cut = f"{self.machine_cores} cores, {self.machine_gib} GiB, a process a core"
        yield "a serving machine", cut
        most = f"{self.database_cores} cores, {self.database_bytes / 1e12:g} TB of tables"
        yield "a database at most", f"{most}, so that it can be restored in a night"
        yield (
            "disk beside the tables",
            f"{self.headroom - 1:.0%}, and {self.log_days:g} days of log",
        )
        yield (
            "sessions and limits of an active person",
            f"{self.cache_bytes / 1e3:g} kB in the cache",
        )
        calls = f"{self.cache_calls:g} a request, {self.cache_per_second:,.0f} a second for a node"
        yield "calls of the cache", calls
        yield "a core of a serving machine", f"${self.core_hour} an hour"
        yield "a core of a managed database with its memory", f"${self.database_core_hour} an hour"
        yield "a GB of database disk", f"${self.disk_gb_month} a month, on each copy"
        yield "a GB of object storage", f"${self.object_gb_month} a month"
        yield "a node of a cache", f"${self.cache_node_hour} an hour"
