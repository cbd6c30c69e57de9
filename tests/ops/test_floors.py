"""No release that is known to be unsafe or unfit is declared, locked or let into production."""

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import settings

pytestmark = pytest.mark.case("L03")
ROOT: Final = Path(__file__).resolve().parents[2]

# Package -> the oldest release that may run, and why.
FLOORS: Final = {
    "strawberry-graphql": ("0.314", "sockets without a sign-in (CVE-2026-35523), floods of operations"),
    "starlette": ("1.3.1", "CVE-2026-48710, CVE-2026-48818, CVE-2026-54283"),
    "graphql-core": ("3.3", "what the present Strawberry runs on; 3.2 takes it back to an old one"),
    "pydantic": ("2.11", "what Strawberry reads models with"),
    "joserfc": ("1.8", "refuses alg none, keys of another kind and giant tokens"),
    "redis": ("8.1", "the releases whose waiting was measured against a stopped server"),
    "sqlalchemy": ("2.1.9", "the release whose statements were tried behind a pooler"),
    "cryptography": ("50", "wheels with an OpenSSL that is still mended"),
    "mt-940": ("5.1", "reads what older ones get wrong, and judges our reader"),
    "schemathesis": ("4.32", "checks that one person cannot reach the objects of another"),
}  # fmt: skip
# What must not come in, not even through something else, and why.
UNWANTED: Final = {
    "python-multipart": "eight advisories, takes bodies that are cut off",
    "ariadne-codegen": "takes graphql-core back, and Strawberry with it",
    "sqlalchemy-utils": "its encrypted columns have one IV for all",
    "reportlab": "CVE-2020-28463, CVE-2023-33733",
    "python-jose": "not maintained",
    "pyjwt": "one reader of tokens is enough",
    "graphql-cop": "an empty name",
    "graphw00f": "an empty name",
    "ofxtools": "its licence",
}


def locked(name: str) -> dict[str, set[Version]]:
    """Every package of a lock file with its releases (there is one for each Python at times)."""
    found: dict[str, set[Version]] = {}
    for line in (ROOT / name).read_text().splitlines():
        row = re.match(r"([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", line)
        if row:
            found.setdefault(row[1], set()).add(Version(row[2]))
    return found


def declared() -> dict[str, Requirement]:
    """What pyproject.toml asks for, with every extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {one.name.lower(): one for one in map(Requirement, lines)}


def floor_of(requirement: Requirement) -> Version:
    """The oldest release that a requirement allows."""
    found = [
        Version(one.version) for one in requirement.specifier if one.operator in {">=", "==", "~="}
    ]
    assert found, f"{requirement} has no floor"
    return max(found)


def test_everything_that_is_declared_has_a_floor_and_the_locks_keep_it() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert len(runtime) > 60
    for name, requirement in declared().items():
        floor = floor_of(requirement)
        releases = development[name] | runtime.get(name, set())
        assert min(releases) >= floor, (name, releases)
        assert all(requirement.specifier.contains(one) for one in releases), (name, releases)
    # What is tried is what runs.
    for name, releases in runtime.items():
        assert development[name] == releases, name


@pytest.mark.parametrize("name", FLOORS)
def test_no_release_below_its_floor_is_declared_or_locked(name: str) -> None:
    floor, why = Version(FLOORS[name][0]), FLOORS[name][1]
    asked = declared().get(name)
    if asked is not None:
        assert floor_of(asked) >= floor, why
    releases = locked("requirements-dev.lock")[name]
    assert min(releases) >= floor, why


def test_what_production_asks_for_is_above_the_floors_and_below_the_locks() -> None:
    runtime = locked("requirements.lock")
    for name, floor in settings._FLOORS.items():
        wanted = Version(".".join(map(str, floor)))
        assert wanted <= min(runtime[name]), name
        if name in FLOORS:
            assert wanted >= Version(FLOORS[name][0]), name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_unwanted_comes_in(lock: str) -> None:
    found = locked(lock).keys() & UNWANTED.keys()
    assert not found, {one: UNWANTED[one] for one in found}


def test_every_locked_file_is_known_by_its_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])
        assert "--index-url" not in text
        assert "://" not in re.sub(r"#.*", "", text)
