"""The typed client of docs/clients/typescript: it fits the schema, builds, and runs against a server."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from resolvers.errors import ErrorCode
from tests.ops.test_serve import served

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "docs" / "clients" / "typescript"
LIBRARIES = CLIENT.parent / "libraries"
STEPS = [
    "session", "idempotent write", "typed error", "pages", "copy",
    "offline writes, sent twice and booked once", "conflict", "live", "file", "signed out",
]  # fmt: skip


def test_what_the_client_asks_is_valid_in_the_schema() -> None:
    operations = (CLIENT / "src" / "operations.ts").read_text("utf-8")
    documents = re.findall(r"graphql\(`(.*?)`\)", operations, re.DOTALL)
    assert len(documents) == operations.count("graphql(`") > 10
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    # Rules about unused and unknown names hold for all of it at once, as for the generator.
    assert validate(schema, parse("\n".join(documents))) == []


def test_the_client_knows_every_error_code() -> None:
    listed = re.findall(
        r'^  "(\w+)",$', (CLIENT / "src" / "errors.ts").read_text("utf-8"), re.MULTILINE
    )
    assert listed == list(ErrorCode)


def test_every_scalar_of_the_schema_is_mapped() -> None:
    scalars = re.findall(
        r"^scalar (\w+)", (ROOT / "schema.graphql").read_text("utf-8"), re.MULTILINE
    )
    config = (CLIENT / "codegen.ts").read_text("utf-8")
    assert [one for one in scalars if f"{one}: " not in config] == []


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A copy of an example with its packages; the way to run something in it."""
    place = tmp_path / "client"
    left = shutil.ignore_patterns("node_modules", "dist", "generated")
    shutil.copytree(request.param, place, ignore=left)

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words,
            cwd=place,
            env={**os.environ, "SCHEMA": str(ROOT / "schema.graphql")},
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    told = run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
    if told.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip(f"npm cannot install the example's packages: {told.stderr[-300:]}")
    assert told.returncode == 0, told.stderr[-2000:]
    return run


npm = [
    pytest.mark.long,
    pytest.mark.serve,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]


@pytest.mark.parametrize(
    "installed", [pytest.param(CLIENT, marks=npm, id="typescript")], indirect=True
)
def test_the_client_is_generated_compiled_and_run(installed: Run, tmp_path: Path) -> None:
    for script in ("generate", "check", "build"):
        told = installed("npm", "run", script)
        assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-1000:]
    with served(tmp_path / "served" / "data") as product:
        walked = installed("node", "dist/main.js", product.url)
    assert walked.returncode == 0, walked.stdout + walked.stderr[-3000:]
    assert re.findall(r"^ok (.+)$", walked.stdout, re.MULTILINE) == STEPS


@pytest.mark.parametrize(
    "installed", [pytest.param(LIBRARIES, marks=npm, id="libraries")], indirect=True
)
def test_libraries_that_exist_work_as_they_are(installed: Run, tmp_path: Path) -> None:
    with served(tmp_path / "served" / "data") as product:
        for name in ("apollo", "urql"):
            told = installed("node", f"{name}.mjs", product.url)
            assert (told.returncode, told.stdout) == (0, f"ok {name}\n"), told.stderr[-3000:]
