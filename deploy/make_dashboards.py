"""Writes the Grafana dashboards from a short list of panels: `python deploy/make_dashboards.py`."""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "grafana"
RATE: Final = "[$__rate_interval]"
SIGNING: Final = (
    "sum by (operation) (increase(operation_duration_seconds_count"
    '{operation=~"[Ll]ogin|[Rr]egister|[Rr]efresh"}[1h]))'
)
MOVING: Final = (
    "sum by (operation) (increase(operation_duration_seconds_count"
    '{operation=~".*[Ii]mport.*|.*[Ee]xport.*"}[1h]))'
)
Panel = tuple[str, str, list[tuple[str, str]]]
"""Title, unit, and queries with the legend of each."""


def quantile(share: float, family: str, by: str = "", where: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    rate = f"rate({family}_bucket{where}{RATE})"
    return f"histogram_quantile({share}, sum by ({labels}) ({rate}))"


DASHBOARDS: Final[dict[str, tuple[str, list[Panel]]]] = {
    "service": (
        "Pocket Trend: service",
        [
            ("Requests a second by status", "reqps", [
                (f"sum by (status) (rate(http_requests_total{RATE}))", "{{status}}"),
            ]),
            ("Latency of requests", "s", [
                (quantile(0.5, "http_request_duration_seconds"), "half"),
                (quantile(0.95, "http_request_duration_seconds"), "95 of 100"),
                (quantile(0.99, "http_request_duration_seconds"), "99 of 100"),
            ]),
            ("Slowest operations, 95 of 100", "s", [
                (f"topk(10, {quantile(0.95, 'operation_duration_seconds', 'operation')})",
                 "{{operation}}"),
            ]),
            ("Cost of operations, points a second", "short", [
                (f"topk(10, sum by (operation) (rate(operation_cost_points_total{RATE})))",
                 "{{operation}}"),
            ]),
            ("Failures by code", "reqps", [
                (f"sum by (code) (rate(errors_total{RATE}))", "{{code}}"),
            ]),
            ("Answers of 500 and above by route", "reqps", [
                (f"sum by (route) (rate(http_server_errors_total{RATE}))", "{{route}}"),
            ]),
            ("Refused: 401, 403, 429", "reqps", [
                (f"sum by (status) (rate(http_refusals_total{RATE}))", "{{status}}"),
            ]),
            ("In progress, and sockets", "short", [
                ("sum(http_requests_in_progress)", "requests"),
                ("sum(websocket_connections)", "sockets"),
                ("sum by (transport) (live_connections)", "followers by {{transport}}"),
            ]),
            ("Live messages a second", "short", [
                (f"sum by (transport) (rate(live_messages_total{RATE}))", "{{transport}}"),
            ]),
            ("Sockets ended, by close code", "short", [
                (f"sum by (code) (rate(live_ends_total{RATE}))", "{{code}}"),
            ]),
        ],
    ),
    "parts": (
        "Pocket Trend: parts behind it",
        [
            ("Parts that answer", "short", [("min by (part) (part_up)", "{{part}}")]),
            ("Statements a second", "ops", [
                (f"sum by (kind) (rate(db_statement_duration_seconds_count{RATE}))", "{{kind}}"),
            ]),
            ("Latency of statements, 95 of 100", "s", [
                (quantile(0.95, "db_statement_duration_seconds", "kind"), "{{kind}}"),
            ]),
            ("Statements of a request", "short", [
                (quantile(0.5, "db_statements_per_request"), "half"),
                (quantile(0.99, "db_statements_per_request"), "99 of 100"),
            ]),
            ("Pool", "short", [
                ("sum(db_pool_checked_out)", "in use"),
                ("sum(db_pool_checked_in)", "at rest"),
                ("sum(db_pool_size)", "most"),
            ]),
            ("Jobs by state", "short", [("max by (state) (jobs)", "{{state}}")]),
            ("How long the oldest due job waits", "s", [
                ("max(jobs_oldest_due_seconds)", "oldest"),
            ]),
            ("Runs of jobs", "ops", [
                (f"sum by (kind, outcome) (rate(job_duration_seconds_count{RATE}))",
                 "{{kind}} {{outcome}}"),
            ]),
            ("Cache", "short", [
                ("sum(cache_known_down)", "processes without it"),
                ("sum(rate(cache_calls[5m]))", "calls a second"),
            ]),
            ("Reports read from the replica", "short", [
                ("sum by (how) (replica_moments)", "{{how}}"),
            ]),
            ("Sealed months read", "ops", [
                (f"sum by (how) (rate(segments_read_total{RATE}))", "{{how}}"),
            ]),
            ("Reads that were made before", "ops", [
                (f"sum by (how) (rate(response_cache_total{RATE}))", "{{how}}"),
            ]),
            ("How late the event loop is, 99 of 100", "s", [
                (quantile(0.99, "event_loop_lag_seconds"), "late"),
            ]),
            ("Memory", "bytes", [("process_resident_memory_bytes", "{{instance}}")]),
            ("Processor", "percentunit", [
                (f"rate(process_cpu_seconds_total{RATE})", "{{instance}}"),
            ]),
        ],
    ),
    "people": (
        "Pocket Trend: people",
        [
            ("Active people", "short", [("max by (within) (active_people)", "within a {{within}}")]),
            ("Signing in and up", "short", [
                (SIGNING, "{{operation}}"),
            ]),
            ("Imports and exports", "short", [
                (MOVING, "{{operation}}"),
            ]),
            ("Imports run", "short", [
                ('sum by (outcome) (increase(job_duration_seconds_count{kind="import"}[1h]))',
                 "{{outcome}}"),
            ]),
        ],
    ),
}  # fmt: skip


def dashboard(name: str, title: str, panels: list[Panel]) -> dict[str, Any]:
    """One dashboard as Grafana reads it: two panels a row."""
    return {
        "uid": f"pockettrend-{name}",
        "title": title,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "tags": ["pockettrend"],
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [
            {
                "id": number,
                "type": "timeseries",
                "title": title,
                "datasource": {"type": "prometheus", "uid": "${source}"},
                "gridPos": {"x": number % 2 * 12, "y": number // 2 * 8, "w": 12, "h": 8},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "targets": [
                    {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend}
                    for at, (query, legend) in enumerate(queries)
                ],
            }
            for number, (title, unit, queries) in enumerate(panels)
        ],
    }  # fmt: skip


def written() -> dict[Path, str]:
    """Every file and what is in it."""
    return {
        FOLDER / f"{name}.json": json.dumps(dashboard(name, *found), indent=1) + "\n"
        for name, found in DASHBOARDS.items()
    }


if __name__ == "__main__":
    for path, content in written().items():
        path.write_text(content)
