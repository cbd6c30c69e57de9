"""The shape of the code: rooms, lengths, words that have no place, one sentence on top."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("graph", "resolvers", "models", "rest_compat")
NOUNS = (
    "accounts", "analytics", "auth", "budgets", "categories", "imports", "notifications", "templates", "transactions", "uploads", "users", "groups", "invitations", "rules",
)  # fmt: skip
NO_TABLES = {"analytics"}
NO_PATHS = {"rules"}
"""Nouns of the graph alone: the documented list of paths does not know them."""
GENERATED = "models/migrations/versions"
FILE_LINES = 400
TEST_LINES = 600
FUNCTION_LINES = 70
MONEY_ROOMS = ("graph/", "resolvers/", "models/", "rest_compat/")
# Spelled apart, so that this list does not find itself.
BANNED = tuple("".join(parts) for parts in (("FIX", "ME"), ("TO", "DO"), ("HA", "CK")))  # fmt: skip
VAGUE = {"utils", "helpers", "common", "misc", "manager"}


def tracked(*suffixes: str) -> list[Path]:
    """Files of the project, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    found = [ROOT / name for name in listed if name.endswith(suffixes)]
    return [path for path in found if path.is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PYTHON = [path for path in tracked(".py") if GENERATED not in name_of(path)]


def test_there_is_something_to_look_at() -> None:
    assert len(PYTHON) > 100


def test_every_room_holds_every_noun() -> None:
    missing = []
    for room in ("graph", "resolvers", "models"):
        for noun in NOUNS:
            if room == "models" and noun in NO_TABLES:
                continue
            places = [ROOT / room / f"{noun}.py", ROOT / room / noun / "__init__.py"]
            if not any(place.is_file() for place in places):
                missing.append(f"{room}/{noun}")
    missing += [
        f"rest_compat/operations/{noun}"
        for noun in NOUNS
        if noun not in NO_PATHS
        and not (ROOT / "rest_compat/operations" / f"{noun}.graphql").is_file()
    ]
    assert missing == []


def test_files_end_before_anyone_is_lost() -> None:
    long = {}
    for path in PYTHON:
        lines = len(path.read_text().splitlines())
        limit = TEST_LINES if name_of(path).startswith("tests/") else FILE_LINES
        if lines > limit:
            long[name_of(path)] = lines
    assert long == {}


def test_functions_fit_on_a_page() -> None:
    long = []
    for path in PYTHON:
        if name_of(path).startswith("tests/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{name_of(path)}:{node.name} {lines}")
    assert long == []


def test_modules_open_with_one_sentence() -> None:
    silent = []
    for path in PYTHON:
        text = ast.get_docstring(ast.parse(path.read_text()))
        first = (text or "").split("\n")[0]
        if not re.fullmatch(r"\S.*[.?!)]", first):
            silent.append(name_of(path))
    assert silent == []


def test_money_is_never_a_float() -> None:
    found = []
    for path in PYTHON:
        if not name_of(path).startswith(MONEY_ROOMS):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if call and node.func.id == "float":  # type: ignore[union-attr]
                found.append(f"{name_of(path)}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("word", BANNED)
def test_nothing_is_left_for_later_in_the_code(word: str) -> None:
    found = [
        name_of(path)
        for path in tracked(".py", ".graphql", "Makefile", ".md")
        if re.search(rf"\b{word}\b", path.read_text())
    ]
    assert [one for one in found if not one.startswith("tests/doors")] == []


def test_names_say_what_they_hold() -> None:
    assert [name_of(path) for path in PYTHON if path.stem in VAGUE] == []


def test_no_lock_file_names_where_it_was_downloaded() -> None:
    for path in tracked(".lock"):
        assert "://" not in path.read_text(), name_of(path)
        assert "--hash=sha256:" in path.read_text(), name_of(path)
