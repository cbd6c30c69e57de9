"""Schemathesis against a served product: every check at the REST door with two people, and the graph."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.doors import PASSWORD
from tests.ops.test_backup import command
from tests.ops.test_serve import served

pytestmark = [pytest.mark.long, pytest.mark.serve, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).resolve().parent / "scanner"
LINE = {"date": "2026-01-01", "amount": "-1.00", "description": "tea"}


@dataclass(frozen=True)
class Target:
    """A served product, the folder that scans it, and the tokens of two people."""

    url: str
    folder: Path
    data: Path
    tokens: dict[str, str]

    def scan(self, path: str, *words: str) -> str:
        """What the scanner printed; it exits with 0 when it holds nothing against the product."""
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"), "run", self.url + path,
                "--checks=all", "--seed=20261122", "--no-shrink", "--continue-on-failure", "--no-color",
                "--generation-database=none", *words,
            ],
            cwd=self.folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{self.folder}"},
            capture_output=True, text=True, timeout=250, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("scanner")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    data = folder / "product" / "data"
    more = {"POCKETTREND_RATE_LIMITS": "off", "POCKETTREND_ARGON2_MEMORY_KIB": "8192"}
    with served(data, **more) as product:
        tokens = {name: lived(product.url, name) for name in ("ada", "bob")}
        people = [
            {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
            for name, token in tokens.items()
        ]
        (folder / "people.json").write_text(json.dumps({"auth": people}))
        yield Target(product.url, folder, data, tokens)
        verified = command(data, "verify")
        assert "differences: none" in verified.stdout, verified.stdout + verified.stderr


def lived(url: str, name: str) -> str:
    """Somebody who owns a little of everything; her token."""
    with httpx2.Client(base_url=f"{url}/v1", timeout=20) as client:
        person = {"email": f"{name}@example.org", "password": PASSWORD, "name": name}
        session = client.post("/auth/register", json=person).json()["data"]
        client.headers["Authorization"] = f"Bearer {session['accessToken']}"
        cash = {"name": "Cash", "type": "CASH", "currency": "EUR"}
        account = client.post("/accounts", json=cash).json()["data"]["id"]
        for path, body in (
            ("/transactions", {**LINE, "accountId": account}),
            ("/groups", {"name": "Flat", "currency": "EUR"}),
            (
                "/budgets",
                {"name": "All", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"},
            ),
        ):
            made = client.post(path, json=body)
            assert made.status_code == 201, made.text
        return str(session["accessToken"])


def cases(told: str) -> int:
    """How many requests were made."""
    found = re.search(r"([\d,]+) generated", told)
    assert found is not None, told
    return int(found[1].replace(",", ""))


@pytest.mark.case("G19", "T01", "A12")
def test_every_check_at_every_path_as_two_people(target: Target) -> None:
    shutil.copy(target.folder / "rest.toml", target.folder / "schemathesis.toml")
    # Signing out would end the session that everything else is asked with.
    told = target.scan("/v1/openapi.json", "--max-examples=2", "--exclude-path=/auth/logout")
    assert cases(told) > 5_000
    assert re.search(r"Selected: (\d+)/(\d+)\n +Tested: \1\n", told), told
    assert "will not run" not in told


@pytest.mark.case("G19")
def test_every_field_of_the_graph(target: Target) -> None:
    (target.folder / "schemathesis.toml").write_text('hooks = "hooks_of_graphql"\n')
    told = target.scan(
        "/graphql",
        "--max-examples=5",
        f"--header=Authorization: Bearer {target.tokens['ada']}",
        "--exclude-name=Mutation.logout",
        "--exclude-name=Mutation.deleteUser",
    )
    assert cases(told) > 500
