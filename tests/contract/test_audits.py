"""The published audits of GraphQL over HTTP, run by their own program against a served product."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.long]

SOURCES = Path(__file__).resolve().parent / "audits"
FOLDER = SOURCES / ".installed"
SCRIPT = "run.mjs"
# All audits of version 1.23.1 by their ids: one that disappears is noticed.
IDS = frozenset(["22EB", "4655", "47DE", "80D8", "82A3", "BF61", "78D5", "2C94", "5A70", "9C48", "9ABE", "03D4", "A5BF", "423L", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "34A2", "13EE", "6C00", "6C01", "6C02", "6C03", "8161", "B8B3", "94B0", "0220", "94B1", "0221", "94B2", "0222", "4760", "4761", "4762", "4763", "2EA1", "28B9", "D6D5", "6A70", "58B0", "58B1", "58B2", "58B3", "428F", "1B7A", "B6DC", "BCF8", "B7N8", "8764", "3E3A", "572B", "FDE2", "7B9B", "865D", "556A", "D586", "51FE", "74FF", "5E5B", "86EE"])  # fmt: skip


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no {name} here although CI=true")
        pytest.skip(f"there is no {name} here, which the published audits need")
    return found


@pytest.fixture(scope="module")
def audits() -> list[str]:
    """The command that runs them; what it needs is fetched once for each package.json."""
    npm, node = _program("npm"), _program("node")
    FOLDER.mkdir(exist_ok=True)
    wanted = (SOURCES / "package.json").read_text()
    complete = FOLDER / ".complete"
    if not complete.exists() or complete.read_text() != wanted:
        shutil.copy(SOURCES / "package.json", FOLDER)
        words = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        done = subprocess.run(
            [npm, *words], cwd=FOLDER, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        complete.write_text(wanted)
    # Modules are looked for beside the script.
    shutil.copy(SOURCES / SCRIPT, FOLDER)
    return [node, SCRIPT]


@pytest.mark.case("G09")
async def test_the_published_audits_are_kept_all_61(audits: list[str], address: str) -> None:
    program = await asyncio.create_subprocess_exec(
        *audits, f"http://{address}/graphql", cwd=FOLDER, stdout=subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(program.communicate(), 60)
    found: list[dict[str, Any]] = json.loads(told)
    assert [one for one in found if one["status"] != "ok"] == []
    assert {one["id"] for one in found} == IDS
    assert len(found) == 61
