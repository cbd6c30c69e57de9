"""Metrics for Prometheus; every label has few values, and none comes from a caller."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from graph.http.bare import error_response
from graph.http.figures import Figures
from graph.http.folded import Family, Folded, Together
from graph.http.health import Operator
from graph.http.logs import Same, template_of
from models.telemetry import Tally

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LATENCY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JOB_SECONDS: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0)
_CLOSE_CODES: Final = frozenset(
    {1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429}
)
_JOB_STATES: Final = ("WAITING", "RUNNING", "DONE", "DEAD")
_LAG_EVERY_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 1.0
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Folder of the figures of processes that share a port, set before any of them starts."""
_SUM: Final = "livesum"
_LAST: Final = "livemostrecent"
"""How gauges of several processes become one: by adding up, or by the one that looked last."""


class _Fixed(Collector):
    """A family that never changes."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        """The family."""
        return [self._family]


class Metrics:
    """The families of one process, in a registry of their own."""

    def __init__(self, *, build: str, profile: str) -> None:
        registry = self.registry = CollectorRegistry()
        self._build = {"build": build, "profile": profile}
        self._describe(registry)
        self._running = 0
        self._known = Family(
            lambda *labels: Folded(self.latency.labels(*labels), self.requests.labels(*labels))
        )
        names = ("method", "route")
        self.requests = Counter(
            "http_requests", "Requests answered.", (*names, "status"), registry=registry
        )
        self.latency = Histogram(
            "http_request_duration_seconds",
            "Time to the end of an answer.",
            (*names, "status"),
            buckets=_LATENCY,
            registry=registry,
        )
        self.in_progress = Gauge(
            "http_requests_in_progress",
            "Requests that run now.",
            registry=registry,
            multiprocess_mode=_SUM,
        )
        self.sockets = Gauge(
            "websocket_connections", "Open WebSockets.", registry=registry, multiprocess_mode=_SUM
        )
        self.socket_seconds = Histogram(
            "websocket_duration_seconds",
            "How long WebSockets stayed open.",
            buckets=(1, 10, 60, 600, 3_600, 86_400),
            registry=registry,
        )
        self.server_errors = Counter(
            "http_server_errors", "Answers of status 500 and above.", ("route",), registry=registry
        )
        self.refusals = Counter(
            "http_refusals",
            "Answers 401, 403 and 429.",
            ("status",),
            registry=registry,
        )
        self.figures = Figures(registry, total=_SUM, last=_LAST)
        self._add_parts()
        self._add_live()

    def _describe(self, registry: CollectorRegistry) -> None:
        """What is never added up over processes: the build, and the process that answers."""
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        build = GaugeMetricFamily(
            "pockettrend_build_info", "What runs here.", labels=list(self._build)
        )
        build.add_metric(list(self._build.values()), 1)
        registry.register(_Fixed(build))

    def _add_live(self) -> None:
        """Connections that stay: by what they speak, which is one of three words."""
        registry = self.registry
        self.live = Gauge(
            "live_connections",
            "People following live updates.",
            ("transport",),
            registry=registry,
            multiprocess_mode=_SUM,
        )
        self.live_messages = Counter(
            "live_messages", "Messages sent to followers.", ("transport",), registry=registry
        )
        self.live_ends = Counter(
            "live_ends",
            "Ended connections by close code.",
            ("transport", "code"),
            registry=registry,
        )

    def connected(self, transport: str, change: int) -> None:
        """Followers came or went."""
        self.live.labels(transport).inc(change)

    def sent(self, transport: str, count: int = 1) -> None:
        """Messages went out."""
        self.live_messages.labels(transport).inc(count)

    def hung_up(self, transport: str, code: int) -> None:
        """A connection ended; codes of clients' own are one."""
        known = code if code in _CLOSE_CODES else 0
        self.live_ends.labels(transport, str(known)).inc()

    def _add_parts(self) -> None:
        """What is behind the requests: pool, jobs, event loop, the process itself."""
        registry = self.registry
        self.pool_size = Gauge(
            "db_pool_size", "Connections kept open.", registry=registry, multiprocess_mode=_SUM
        )
        self.pool_used = Gauge(
            "db_pool_checked_out", "Connections in use.", registry=registry, multiprocess_mode=_SUM
        )
        self.pool_idle = Gauge(
            "db_pool_checked_in",
            "Open connections at rest.",
            registry=registry,
            multiprocess_mode=_SUM,
        )
        self.jobs = Gauge(
            "jobs", "Jobs by state.", ("state",), registry=registry, multiprocess_mode=_LAST
        )
        self.oldest_job = Gauge(
            "jobs_oldest_due_seconds",
            "How long the oldest due job waits.",
            registry=registry,
            multiprocess_mode=_LAST,
        )
        self.job_seconds = Histogram(
            "job_duration_seconds",
            "Time of one run of a job.",
            ("kind", "outcome"),
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self.parts_up = Gauge(
            "part_up",
            "Whether a part answered the last scrape.",
            ("part",),
            registry=registry,
            multiprocess_mode=_LAST,
        )
        self.gather_failures = Counter(
            "scrape_failures", "Scrapes that a part did not answer.", registry=registry
        )
        self.loop_lag = Histogram(
            "event_loop_lag_seconds",
            "How late the event loop is.",
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0),
            registry=registry,
        )
        self.loop_tasks = Gauge(
            "event_loop_tasks",
            "Tasks of the event loop.",
            registry=registry,
            multiprocess_mode=_SUM,
        )
        self.draining = Gauge(
            "draining", "1 once a stop signal came.", registry=registry, multiprocess_mode=_SUM
        )
        self.ready = Gauge(
            "ready_time_seconds",
            "When this process became ready, UNIX time.",
            registry=registry,
            multiprocess_mode=_LAST,
        )
        self.started = Gauge(
            "start_duration_seconds",
            "From the start to ready.",
            registry=registry,
            multiprocess_mode=_LAST,
        )

    def began(self, scope: Scope) -> None:
        """A request came."""
        if scope["type"] == "http":
            self._running += 1
        else:
            self.sockets.inc()

    def observe(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """A request ended."""
        if scope["type"] == "websocket":
            self.sockets.dec()
            self.socket_seconds.observe(seconds)
            return
        self._running -= 1
        if scope.get("state", {}).get("streams"):
            # How long somebody listened says nothing about how fast we answer.
            return
        self.figures.observe(scope, status, seconds, tally)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = template_of(scope)
        kind = f"{status // 100}xx"
        self._known.get(method, route, kind).observe(seconds)
        if status >= 500:
            self.server_errors.labels(route).inc()
        elif status in {401, 403, 429}:
            self.refusals.labels(str(status)).inc()

    def together(self, same: Same) -> Together:
        """What ``observe`` would note of such requests, beside that they run."""
        method = same.method if same.method in _METHODS else "OTHER"
        request = self._known.get(method, same.route, f"{same.status // 100}xx")
        return self.figures.together(request, same.root, same.how, same.cost, self._left)

    def _left(self) -> None:
        self._running -= 1

    def job(self, kind: str, outcome: str, seconds: float) -> None:
        """A job ran."""
        self.job_seconds.labels(kind, outcome).observe(seconds)

    def set_jobs(self, counts: Mapping[str, int], oldest_due_seconds: float) -> None:
        """Jobs by state; a state without jobs is 0 and not absent."""
        for state in _JOB_STATES:
            self.jobs.labels(state).set(counts.get(state, 0))
        self.oldest_job.set(oldest_due_seconds)

    def flush(self) -> None:
        """Hand over what was noted of requests."""
        self.in_progress.set(self._running)
        self._known.flush()
        self.figures.flush()

    def shown(self) -> CollectorRegistry:
        """What a scrape sees: the figures of this process, or of all that share its port."""
        self.flush()
        if _SHARED not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        self._describe(together)
        return together

    def is_ready(self, seconds: float) -> None:
        """The process serves from now on."""
        self.ready.set(time.time())
        self.started.set(seconds)

    async def watch_loop(self, stopping: asyncio.Event) -> None:
        """Measure how late the event loop is, until the stop."""
        loop = asyncio.get_running_loop()
        while not stopping.is_set():
            due = loop.time() + _LAG_EVERY_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LAG_EVERY_SECONDS)
            self.loop_lag.observe(max(0.0, loop.time() - due))
            if _SHARED in os.environ:
                # A scrape may meet another process, and does not see what is only in this one.
                self.flush()


Gather = Callable[[Metrics], Awaitable[None]]
"""Fills the gauges that are only known by asking, at each scrape."""


def metrics_routes(metrics: Metrics, operator: Operator, gather: Gather) -> list[BaseRoute]:
    """The route of the scrape."""

    async def scrape(request: Request) -> Response:
        if not operator.holds(request):
            return error_response(
                request.url.path,
                401,
                "UNAUTHENTICATED",
                "Metrics need the operator token as a bearer token.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        metrics.loop_tasks.set(len(asyncio.all_tasks()))
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await gather(metrics)
        except Exception:  # noqa: BLE001 - a part that is away must not hide the other figures
            metrics.gather_failures.inc()
        return Response(generate_latest(metrics.shown()), media_type=CONTENT_TYPE_LATEST)

    return [Route("/metrics", scrape, methods=["GET"], name="metrics")]
