"""Figures, log lines and plans of real requests; dashboards and alerts ask for what is exported."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from app import Running
from tests.doors import Person

pytestmark = pytest.mark.anyio

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_WORDS = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\$__\w+')
_NAME = re.compile(r"\b[a-zA-Z_]\w*\b(?!\s*\()")
_KEYWORDS = {"by", "le", "and", "or", "unless", "on", "without", "offset"}
_SERVERS_OWN = {"up"}


def metrics_of(query: str) -> set[str]:
    """The families that a query asks for."""
    plain = _WORDS.sub(" ", query)
    return {word for word in _NAME.findall(plain) if not word.isupper()} - _KEYWORDS


def labels_of(query: str) -> dict[str, set[str]]:
    """The labels that a query names for each family."""
    found: dict[str, set[str]] = {}
    for name, inside in re.findall(r"(\w+)\{([^}]*)\}", query):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
    return found


def queries() -> list[tuple[str, str]]:
    found = []
    for file in sorted((DEPLOY / "grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [(panel["title"], one["expr"]) for one in panel["targets"]]
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text()
    found += [(name, expr) for name, expr in re.findall(r"alert: (\w+)\n\s+expr: (.+)", alerts)]
    return found


async def scraped(client: httpx2.AsyncClient) -> dict[str, set[str]]:
    """Names of what a scrape gives, each with its labels."""
    told = (await client.get("/metrics")).text
    found: dict[str, set[str]] = {}
    for family in families(told):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        if not family.samples and family.type == "histogram":
            for end in ("_bucket", "_count", "_sum"):
                found.setdefault(family.name + end, set())
        if not family.samples and family.type == "counter":
            found.setdefault(f"{family.name}_total", set())
    return found


async def test_every_panel_and_alert_asks_for_what_is_exported(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    await client.get("/v1/accounts", headers=ada.headers)
    await client.get("/v1/accounts")
    exported = await scraped(client)
    asked = queries()
    assert len(asked) > 40
    unknown = {
        (title, name)
        for title, query in asked
        for name in metrics_of(query) - _SERVERS_OWN
        if name not in exported
    }
    assert unknown == set()
    wrong = {
        (title, name, label)
        for title, query in asked
        for name, labels in labels_of(query).items()
        if exported.get(name)
        for label in labels - exported[name]
    }
    assert wrong == set()


def test_dashboards_are_what_their_list_says() -> None:
    written = runpy.run_path(str(DEPLOY / "make_dashboards.py"))["written"]()
    assert {path.name for path in written} == {p.name for p in (DEPLOY / "grafana").glob("*.json")}
    for path, content in written.items():
        assert path.read_text() == content


async def test_figures_count_operations_codes_and_statements(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    def value(text: str, name: str, **labels: str) -> float:
        for family in families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0

    before = (await client.get("/metrics")).text
    assert (await client.get("/v1/accounts", headers=ada.headers)).status_code == 200
    assert (await client.get("/v1/accounts/acct_nonsense", headers=ada.headers)).status_code == 404
    query = {"query": "query Mine { accounts(first: 2) { nodes { name } } }"}
    assert (await client.post("/graphql", json=query, headers=ada.headers)).status_code == 200
    after = (await client.get("/metrics")).text

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    count = "operation_duration_seconds_count"
    assert grown(count, operation="ListAccounts", outcome="ok") == 1
    assert grown(count, operation="GetAccount", outcome="error") == 1
    # The name that a caller gives is no label: it could be any.
    assert grown(count, operation="accounts", outcome="ok") == 1
    assert 'operation="Mine"' not in after
    assert grown("operation_cost_points_total", operation="accounts") > 0
    assert grown("errors_total", code="NOT_FOUND") == 1
    assert grown("db_statement_duration_seconds_count", kind="SELECT") >= 3
    assert value(after, "active_people", within="day") >= 1


async def test_a_line_says_what_a_request_cost(
    client: httpx2.AsyncClient, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    from graph.http.logs import configure_logs  # noqa: PLC0415

    configure_logs(level="info", style="json", for_good=False)
    try:
        query = {"query": '{ accounts(first: 2) { nodes { name } } account(id: "x") { name } }'}
        await client.post("/graphql", json=query, headers=ada.headers)
    finally:
        configure_logs(level="warning", style="json", for_good=False)
    lines = [
        json.loads(line) for line in capfd.readouterr().err.splitlines() if '"request"' in line
    ]
    (line,) = [one for one in lines if one["event"] == "request"]
    assert line["statements"] >= 1
    assert line["cost"] > 0
    assert line["codes"] == ["NOT_FOUND"]
    assert line["database_ms"] > 0
    assert ada.email not in json.dumps(line)


async def test_a_slow_operation_is_told_with_its_plan(
    running: Running, client: httpx2.AsyncClient, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    body: dict[str, Any] = {"name": "Canary", "type": "CASH", "currency": "EUR"}
    await client.post(
        "/v1/accounts", json={**body, "openingBalance": "73194682.55"}, headers=ada.headers
    )
    slow = running.slow
    threshold, slow._threshold, slow._next_plan = slow._threshold, 0.0, 0.0
    slow._planned.clear()
    try:
        await client.get("/v1/transactions?search=canary4711", headers=ada.headers)
    finally:
        slow._threshold = threshold
    await slow.close()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"slow"' in line]
    told = {line["event"]: line for line in lines}
    assert told["operation.slow"]["operation"] == "ListTransactions"
    assert told["operation.slow"]["statement"].lstrip().upper().startswith(("SELECT", "WITH"))
    assert told["operation.plan"]["plan"]["node"]
    assert not any(word in json.dumps(lines) for word in ("canary4711", "Canary", "73194682"))
