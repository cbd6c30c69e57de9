"""A rollout: the release before this one serves on this one's schema, beside this one."""

import io
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from models.embedded.parts import temporary_parts
from models.embedded.postgres import APP, OWNER
from models.migrate import newest_revision
from tests.doors import PASSWORD
from tests.ops.test_serve import ROOT, command_of, served

FOLDER = "models/migrations/versions"


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the history of the project is not here: " + done.stderr.decode().strip())
    return done.stdout


@pytest.fixture(scope="module")
def before() -> str:
    """The commit that the release before was made of."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    told = (ROOT / "deploy/previous-release").read_text().splitlines()
    commit = next(line for line in told if line and not line.startswith("#"))
    git("cat-file", "-e", f"{commit}^{{commit}}")
    return commit


def test_released_migrations_are_never_edited(before: str) -> None:
    names = git("ls-tree", "--name-only", before, f"{FOLDER}/").decode().split()
    assert len(names) >= 22
    changed = [
        name for name in names if git("show", f"{before}:{name}") != (ROOT / name).read_bytes()
    ]
    assert changed == []


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pt-before-"))
    yield made
    shutil.rmtree(made)


class Visitor:
    """Somebody who uses one release or the other."""

    def __init__(self, *urls: str) -> None:
        self.urls = urls
        self.turn = 0
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Ask the releases in turn."""
        self.turn += 1
        url = self.urls[self.turn % len(self.urls)]
        answer = httpx2.request(method, url + path, json=body, headers=self.headers, timeout=30)
        assert answer.status_code == status, (url, path, answer.text)
        return answer.json().get("data") if answer.content else None


def a_life(visitor: Visitor) -> None:
    """What people do every day, through routes that both releases have."""
    email = f"{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "name": "Ada"}
    visitor.ask("POST", "/v1/auth/register", body, status=201)
    for _ in range(2):
        signed = visitor.ask("POST", "/v1/auth/login", {"email": email, "password": PASSWORD})
        visitor.headers = {"Authorization": f"Bearer {signed['accessToken']}"}
    cash = {"name": "Cash", "type": "CASH", "currency": "EUR", "openingBalance": "100.00"}
    account = visitor.ask("POST", "/v1/accounts", cash, status=201)
    categories = visitor.ask("GET", "/v1/categories?limit=100")["items"]
    food = next(one for one in categories if one["kind"] == "EXPENSE")
    for day in range(1, 5):
        spent = {
            "accountId": account["id"], "amount": "-2.50", "date": f"2026-11-0{day}",
            "categoryId": food["id"], "description": "bread",
        }  # fmt: skip
        row = visitor.ask("POST", "/v1/transactions", spent, status=201)
    changed = {"amount": "-3.00", "version": row["version"]}
    visitor.ask("PUT", f"/v1/transactions/{row['id']}", changed)
    for _ in range(2):
        assert visitor.ask("GET", f"/v1/accounts/{account['id']}")["balance"] == "89.50"
        assert len(visitor.ask("GET", "/v1/transactions")["items"]) == 4
        visitor.ask("GET", "/v1/auth/me")
        visitor.ask("GET", "/v1/analytics/monthly-summary?from=2026-11-01&to=2026-11-30")
    visitor.ask("DELETE", f"/v1/transactions/{row['id']}")


@pytest.mark.long
@pytest.mark.serve
@pytest.mark.timeout(300)
def test_the_release_before_serves_on_this_schema(
    before: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.ops.test_serve.READY_SECONDS", 100)
    code = folder / "code"
    with tarfile.open(fileobj=io.BytesIO(git("archive", before))) as archive:
        archive.extractall(code, filter="data")
    (folder / "master.key").write_text(secrets.token_hex(32))
    with temporary_parts() as ends:
        where = f"{quote(ends.database_host, safe='')}:{ends.database_port}/{ends.database_name}"
        words = {
            "POCKETTREND_DATABASE_URL": f"postgresql://{APP}:{ends.app_password}@{where}",
            "POCKETTREND_MASTER_KEY_FILE": str(folder / "master.key"),
        }
        owner = {
            "POCKETTREND_DATABASE_OWNER_URL": f"postgresql://{OWNER}:{ends.owner_password}@{where}"
        }
        # This release migrates; then both serve, the one before without the owner's address.

        migrating = command_of(
            [sys.executable, "-m", "cli", "migrate"], folder / "new", **words, **owner
        )
        migrating.communicate(timeout=100)
        assert migrating.returncode == 0
        with served(folder / "old" / "data", cwd=code, **words) as old:
            a_life(Visitor(old.url))
            with served(folder / "new" / "data", **words) as new:
                assert newest_revision() > max(
                    path.name[:4] for path in (code / FOLDER).glob("*.py")
                )
                a_life(Visitor(old.url, new.url))
