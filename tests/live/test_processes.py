"""Two servers on one database: events cross, sessions end on both, a stop says "come back"."""

import json
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from models.embedded.parts import Endpoints, temporary_parts
from models.embedded.postgres import APP, OWNER
from models.embedded.valkey import USERNAME, configuration, server_binary
from tests.doors import PASSWORD
from tests.live.sockets import PATIENCE, PROTOCOL
from tests.ops.test_serve import Served, free_port, served

pytestmark = [pytest.mark.serve, pytest.mark.timeout(180)]
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pt-live-"))
    (made / "master.key").write_text(secrets.token_hex(32))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def ends() -> Iterator[Endpoints]:
    with temporary_parts() as endpoints:
        yield endpoints


@pytest.fixture(scope="module")
def redis(folder: Path) -> Iterator[str]:
    """The address of a Valkey on a port, as one between machines has it."""
    port, password = free_port(), secrets.token_hex(16)
    text = configuration(folder / "valkey.sock", password).replace("port 0", f"port {port}")
    command = [str(server_binary()), "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder
    )
    assert process.stdin is not None
    process.stdin.write(text + "bind 127.0.0.1\n")
    process.stdin.close()
    yield f"redis://{USERNAME}:{password}@127.0.0.1:{port}/0"
    process.terminate()
    process.wait(PATIENCE)


def environment(folder: Path, ends: Endpoints, redis: str | None) -> dict[str, str]:
    where = f"{quote(ends.database_host, safe='')}:{ends.database_port}/{ends.database_name}"
    found = {
        "POCKETTREND_DATABASE_URL": f"postgresql://{APP}:{ends.app_password}@{where}",
        "POCKETTREND_DATABASE_OWNER_URL": f"postgresql://{OWNER}:{ends.owner_password}@{where}",
        "POCKETTREND_MASTER_KEY_FILE": str(folder / "master.key"),
    }
    return found if redis is None else {**found, "POCKETTREND_REDIS_URL": redis}


def sign_up(server: Served) -> dict[str, str]:
    email = f"{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "name": "Ada"}
    answer = httpx2.post(f"{server.url}/v1/auth/register", json=body)
    return {"Authorization": f"Bearer {answer.json()['data']['accessToken']}"}


def listen(stack: ExitStack, server: Served, headers: dict[str, str]) -> ClientConnection:
    url = server.url.replace("http", "ws") + "/ws/updates"
    connection = stack.enter_context(connect(url, additional_headers=headers, proxy=None))
    assert hear(connection)["type"] == "ready"
    return connection


def hear(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=PATIENCE))


def end_of(connection: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            connection.recv(timeout=PATIENCE)
    return connection.close_code


def make(server: Served, headers: dict[str, str], name: str) -> str:
    answer = httpx2.post(f"{server.url}/v1/accounts", json={**CASH, "name": name}, headers=headers)
    return str(answer.json()["data"]["id"])


@pytest.mark.parametrize("signals", [True, False], ids=["by signal", "by looking"])
@pytest.mark.case("W05", "W09")
def test_events_cross_from_one_server_to_the_other(
    folder: Path, ends: Endpoints, redis: str, *, signals: bool
) -> None:
    words = environment(folder, ends, redis if signals else None)
    with ExitStack() as stack:
        one = stack.enter_context(served(folder / "one", **words))
        two = stack.enter_context(served(folder / "two", **words))
        headers = sign_up(one)
        here, there = listen(stack, one, headers), listen(stack, two, headers)
        made = [make(one, headers, "first"), make(two, headers, "second"), make(one, headers, "x")]
        heard = [[hear(each) for _ in made] for each in (here, there)]
        assert heard[0] == heard[1]
        assert [event["id"] for event in heard[0]] == made
        # A cursor of one server is good at the other, and what was missed is there.
        there.close()
        missed = make(one, headers, "missed")
        cursor = heard[1][-1]["cursor"]
        with connect(two.url.replace("http", "ws") + "/v1/ws/updates", proxy=None) as resumed:
            token = headers["Authorization"].removeprefix("Bearer ")
            resumed.send(json.dumps({"type": "auth", "token": token, "cursor": cursor}))
            assert hear(resumed)["cursor"] == cursor
            assert hear(resumed)["id"] == missed
            assert hear(here)["id"] == missed
            httpx2.post(f"{one.url}/v1/auth/logout", headers=headers)
            assert end_of(here) == 4403
            assert end_of(resumed) == 4403


def test_a_stop_asks_everybody_to_come_back(folder: Path, ends: Endpoints, redis: str) -> None:
    words = environment(folder, ends, redis)
    with served(folder / "one", **words) as one, ExitStack() as stack:
        headers = sign_up(one)
        plain = listen(stack, one, headers)
        url = one.url.replace("http", "ws") + "/graphql"
        graph = stack.enter_context(connect(url, subprotocols=[PROTOCOL], proxy=None))
        token = {"authorization": headers["Authorization"]}
        graph.send(json.dumps({"type": "connection_init", "payload": token}))
        assert hear(graph) == {"type": "connection_ack"}
        silent = stack.enter_context(connect(url, subprotocols=[PROTOCOL], proxy=None))
        told = httpx2.get(f"{one.url}/metrics").text
        for name in ("graphql", "updates"):
            assert f'live_connections{{transport="{name}"}}' in told
        body = {"query": "subscription{changes{id}}"}
        with httpx2.stream(
            "POST",
            f"{one.url}/graphql",
            json=body,
            headers={**headers, "Accept": "text/event-stream"},
            timeout=PATIENCE,
        ) as events:
            text = events.iter_text()
            assert next(text) == ":\n\n"
            code, _ = one.stop(signal.SIGTERM)
            assert code == 0
            assert "".join(text).replace(":\n\n", "") == ""
        assert [end_of(plain), end_of(graph), end_of(silent)] == [1012, 1012, 1012]
        errors = one.errors.read_text()
        assert "Traceback" not in errors
        assert token["authorization"].removeprefix("Bearer ") not in errors
