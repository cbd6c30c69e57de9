"""Which test shows which case: the marks of all tests, read from their source.

``python -m tests.security.marks`` writes them into the table of docs/security.md.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "security.md"
CASE: Final = re.compile(r"[A-Z]\d\d")
_ROW: Final = re.compile(r"\| ([A-Z]\d\d) \| (.+?) \| (.*) \|")
NOT_YET: Final = "not shown yet: "
ELSEWHERE: Final = "does not apply: "


def _cases(node: ast.AST) -> Iterator[str]:
    """Ids in ``pytest.mark.case("A01", …)`` anywhere below a node."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "case":
            yield from (one.value for one in call.args if isinstance(one, ast.Constant))  # type: ignore[misc]


def _marks_of(path: Path) -> Iterator[tuple[str, str]]:
    """Case and test of one file."""
    place = path.relative_to(ROOT / "tests").as_posix()
    whole: list[str] = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "pytestmark":
            whole += _cases(node.value)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            for decorator in node.decorator_list:
                yield from ((case, f"{place}::{node.name}") for case in _cases(decorator))
    yield from ((case, place) for case in whole)


def marked() -> dict[str, list[str]]:
    """The tests of every case: whole files by their path, single tests by path and name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for case, test in _marks_of(path):
            found[case].add(test)
    return {case: sorted(tests) for case, tests in found.items()}


def rows() -> dict[str, tuple[str, str]]:
    """Of every case on the page: what must happen, and what shows it (or why nothing does)."""
    found = {}
    for line in PAGE.read_text().splitlines():
        row = _ROW.fullmatch(line)
        if row:
            found[row[1]] = (row[2], row[3])
    return found


def shown(tests: list[str]) -> str:
    """Tests as a cell of the table, each file once."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        place, _, name = test.partition("::")
        files[place].append(name)
    cells = []
    for place, names in files.items():
        told = ", ".join(f"`{name.removeprefix('test_')}`" for name in names if name)
        cells.append(f"{place}: {told}" if told else place)
    return "; ".join(cells)


def page() -> str:
    """The page with the present tests in its table; a cell that gives a reason too keeps it."""
    tests = marked()
    lines = []
    for line in PAGE.read_text().split("\n"):
        row = _ROW.fullmatch(line)
        if row is None:
            lines.append(line)
            continue
        case, meaning, cell = row.groups()
        reason = next((cell[cell.index(w) :] for w in (NOT_YET, ELSEWHERE) if w in cell), "")
        told = shown(tests.get(case, []))
        lines.append(f"| {case} | {meaning} | {'; '.join(filter(None, (told, reason)))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
