"""Figures of what is asked for and what it costs behind the doors, in families of few values."""

from collections.abc import Callable
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import Scope

from graph.http.folded import Counted, Family, Folded, Together
from models.stores.redis import Cache
from models.telemetry import Tally
from resolvers.errors import ErrorCode

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATEMENT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1.0, 5.0)
_KINDS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})
_REMEMBERED: Final = 2_000
Mode = Literal["livesum", "livemostrecent"]
_CODES: Final = frozenset(str(code) for code in ErrorCode)


class Figures:
    """Operations, failures, statements, cache, replica, segments and people."""

    def __init__(self, registry: CollectorRegistry, *, total: Mode, last: Mode) -> None:
        """``total`` and ``last`` say how gauges of several processes become one."""
        self._kinds: dict[str, Folded] = {}
        self.operations = Histogram(
            "operation_duration_seconds",
            "Time of one operation: a root field of the graph, or a stored operation.",
            ("operation", "outcome"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.cost = Counter(
            "operation_cost_points", "Cost of graph operations.", ("operation",), registry=registry
        )
        self.errors = Counter(
            "errors", "Failures that callers were told, by code.", ("code",), registry=registry
        )
        self.statements = Histogram(
            "db_statement_duration_seconds",
            "Time of one statement.",
            ("kind",),
            buckets=_STATEMENT_SECONDS,
            registry=registry,
        )
        self.per_request = Histogram(
            "db_statements_per_request",
            "Statements of one request.",
            buckets=(0, 1, 2, 5, 10, 20, 50, 100),
            registry=registry,
        )
        self.answers = Counter(
            "response_cache",
            "Reads that could be answered without making the answer, by how that went.",
            ("how",),
            registry=registry,
        )
        self.segments = Counter(
            "segments_read", "Sealed months read, by how.", ("how",), registry=registry
        )
        self.cache_calls = Gauge(
            "cache_calls", "Calls of the cache.", registry=registry, multiprocess_mode=total
        )
        self.cache_down = Gauge(
            "cache_known_down",
            "Processes that do without the cache this moment.",
            registry=registry,
            multiprocess_mode=total,
        )
        self.replica = Gauge(
            "replica_moments",
            "Reports by where they were read: served, or by the primary since behind or away.",
            ("how",),
            registry=registry,
            multiprocess_mode=total,
        )
        self.people = Gauge(
            "active_people",
            "People who used the product within a day or thirty.",
            ("within",),
            registry=registry,
            multiprocess_mode=last,
        )
        self._operation = Family(lambda *names: Folded(self.operations.labels(*names)))
        self._cost = Family(lambda name: Counted(self.cost.labels(name)))
        self._answer = Family(lambda how: Counted(self.answers.labels(how)))
        self._statement = Family(lambda kind: Folded(self.statements.labels(kind)))
        self._per_request = Folded(self.per_request)

    def flush(self) -> None:
        """Hand over what was noted of requests."""
        for one in (self._operation, self._cost, self._answer, self._statement, self._per_request):
            one.flush()

    def observe(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """A request ended."""
        state = scope.get("state", {})
        operation = state.get("root")
        if operation is not None:
            failed = status >= 400 or bool(tally.codes)
            self._operation.get(operation, "error" if failed else "ok").observe(seconds)
            if tally.cost is not None:
                self._cost.get(operation).inc(tally.cost)
            if "cached" in state:
                self._answer.get(state["cached"]).inc()
        for code in tally.codes:
            self.errors.labels(code if code in _CODES else "OTHER").inc()
        self._per_request.observe(tally.statements)

    def together(
        self,
        request: Folded,
        operation: str,
        how: str,
        cost: int | None,
        then: Callable[[], None],
    ) -> Together:
        """What ``observe`` would note of a request that was answered well, after one statement."""
        counted: list[tuple[Counted, float]] = [(self._answer.get(how), 1)]
        if cost is not None:
            counted.append((self._cost.get(operation), cost))
        timed = [request, self._operation.get(operation, "ok")]
        return Together(timed, [(self._per_request, 1)], counted, then)

    def statement(self, text: str, seconds: float) -> None:
        """A statement came back."""
        kind = self._kinds.get(text)
        if kind is None:
            word = text.lstrip()[:6].upper().rstrip()
            named = word if word in _KINDS else "SELECT" if word.startswith("WITH") else "OTHER"
            kind = self._statement.get(named)
            if len(self._kinds) >= _REMEMBERED:
                self._kinds.clear()
            self._kinds[text] = kind
        kind.observe(seconds)

    def counted(self, name: str, number: int) -> None:
        """Something that rooms below count happened so often."""
        self.segments.labels(name).inc(number)

    def look(self, cache: Cache | None, moments: dict[str, int], people: Any) -> None:
        """What is only known by asking, at a scrape."""
        if cache is not None:
            self.cache_calls.set(cache.calls)
            self.cache_down.set(cache.down)
        for how, number in moments.items():
            self.replica.labels(how).set(number)
        if people is not None:
            self.people.labels("day").set(people.day)
            self.people.labels("month").set(people.month)
