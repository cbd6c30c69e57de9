"""Dashboards without Grafana: every query is parsed, and a Prometheus that scrapes us has its series."""

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import promql_parser
import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from models.embedded.parts import temporary_parts
from models.embedded.postgres import APP, OWNER
from tests.doors import PASSWORD
from tests.ops.nodes import one_server
from tests.ops.test_serve import ROOT, free_port, served

DEPLOY = ROOT / "deploy"
_READY_SECONDS = 60
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def panels() -> list[tuple[str, str, str]]:
    """Title, query and legend of each line of each panel."""
    found = []
    for file in sorted((DEPLOY / "grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [
                (panel["title"], one["expr"], one["legendFormat"]) for one in panel["targets"]
            ]
    return found


def rules() -> list[tuple[str, str]]:
    told = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    return [(rule["alert"], rule["expr"]) for group in told["groups"] for rule in group["rules"]]


def filled(query: str, window: str = "5m") -> str:
    """A query as Grafana sends it."""
    return query.replace("$__rate_interval", window)


def test_every_query_is_promql() -> None:
    asked = [(title, query) for title, query, _ in panels()] + rules()
    assert len(asked) > 40
    for title, query in asked:
        try:
            promql_parser.parse(filled(query))
        except ValueError as error:
            pytest.fail(f"{title}: {query}: {error}")
        assert "$" not in filled(query), title
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("sum by (le (up)")


@contextmanager
def prometheus(program: str, folder: Path, target: str) -> Iterator[str]:
    """A Prometheus that asks one server every second, with our alerts; its address."""
    told = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus/alerts.yml")],
        "scrape_configs": [
            {"job_name": "pockettrend", "static_configs": [{"targets": [target]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(told))
    port = free_port()
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + _READY_SECONDS
        while True:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{url}/-/ready").status_code == 200:
                    break
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def ask(url: str, query: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{url}/api/v1/query", params={"query": query}, timeout=20).json()
    assert answer["status"] == "success", (query, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def live(url: str) -> None:
    """A socket that follows changes and hears one, and one that is not let in."""
    email = f"{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "name": "Ada"}
    signed = httpx2.post(f"{url}/v1/auth/register", json=body).json()["data"]
    headers = {"Authorization": f"Bearer {signed['accessToken']}"}
    token = {"refreshToken": signed["refreshToken"]}
    httpx2.post(f"{url}/v1/auth/refresh", json=token)
    address = url.replace("http", "ws") + "/ws/updates"
    with connect(address, additional_headers=headers, proxy=None) as socket:
        socket.recv(timeout=20)
        cash = {"name": "Cash", "type": "CASH", "currency": "EUR"}
        httpx2.post(f"{url}/v1/accounts", json=cash, headers=headers)
        socket.recv(timeout=20)
    wrong = {"Authorization": "Bearer nobody"}
    with suppress(ConnectionClosed), connect(address, additional_headers=wrong, proxy=None) as out:
        out.recv(timeout=20)
    query = {"query": "query Mine { viewer { id } accounts(first: 5) { nodes { id balance } } }"}
    for _ in range(2):
        httpx2.post(f"{url}/graphql", json=query, headers=headers)
    httpx2.get(f"{url}/v1/accounts")
    httpx2.get(f"{url}/v1/accounts/nobody", headers=headers)


@pytest.mark.long
@pytest.mark.serve
@pytest.mark.timeout(400)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_panel_has_a_series(monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed here (apt-get install prometheus)")
    monkeypatch.setattr("tests.ops.test_serve.READY_SECONDS", 100)
    folder = Path(tempfile.mkdtemp(prefix="pt-panels-"))
    (folder / "master.key").write_text(secrets.token_hex(32))
    with temporary_parts() as ends, one_server(folder) as redis:
        where = f"{quote(ends.database_host, safe='')}:{ends.database_port}/{ends.database_name}"
        database = f"postgresql://{APP}:{ends.app_password}@{where}"
        words = {
            "POCKETTREND_DATABASE_URL": database,
            "POCKETTREND_DATABASE_OWNER_URL": f"postgresql://{OWNER}:{ends.owner_password}@{where}",
            # The primary answers as a replica that is never behind.
            "POCKETTREND_DATABASE_REPLICA_URL": database,
            "POCKETTREND_REDIS_URL": redis,
            "POCKETTREND_MASTER_KEY_FILE": str(folder / "master.key"),
        }
        with served(folder / "data", **words) as product:
            target = product.url.removeprefix("http://")
            with prometheus(program, folder, target) as url:
                live(product.url)
                script = [
                    str(ROOT / "docs/every-endpoint.sh"),
                    product.url,
                    str(folder / "data/mail"),
                ]
                done = subprocess.run(
                    script, capture_output=True, text=True, check=False, timeout=250,
                    env={"PATH": os.environ["PATH"]},
                )  # fmt: skip
                assert done.returncode == 0, done.stdout[-500:] + done.stderr
                live(product.url)
                # A part that is away: an answer of 503, and the alert that watches it is waiting.
                files = folder / "data/files"
                files.rename(folder / "away")
                files.touch()
                assert httpx2.get(f"{product.url}/health/detailed", timeout=20).status_code == 503
                time.sleep(4)
                waiting = ask(url, 'ALERTS{alertname="PocketTrendPartDown",alertstate="pending"}')
                assert [one["metric"]["part"] for one in waiting] == ["storage"]
                files.unlink()
                (folder / "away").rename(files)
                time.sleep(2)
                empty, nameless = [], []
                for title, query, legend in panels():
                    series = ask(url, filled(query))
                    if not series:
                        empty.append((title, query))
                    nameless += [
                        (title, label)
                        for label in _LEGEND.findall(legend)
                        if any(label not in one["metric"] for one in series)
                    ]
                assert (empty, nameless) == ([], [])
                told = httpx2.get(f"{url}/api/v1/rules").json()["data"]["groups"]
                states = {one["name"]: one["health"] for group in told for one in group["rules"]}
                assert states == {name: "ok" for name, _ in rules()}
    shutil.rmtree(folder)
