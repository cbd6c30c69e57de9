"""The table of ASVS 5.0 on the security page: whole, right in its sums, and its tests are there."""

import ast
import math
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Final

import pytest

from resolvers import second_factor
from resolvers.passwords import Passwords
from settings import Settings
from tests.security.marks import CASE, PAGE, ROOT
from tests.security.marks import rows as cases

# Requirements of levels 1 and 2, as the standard numbers them: section, those of 1, those of 2.
_SECTIONS: Final = """
6.1 1 2,3
6.2 1,2,3,4,5,6,7 8,9,10,11
6.3 1,2 3,4
6.4 1,2 3,4
6.5 - 1,2,3,4,5
6.6 - 1,2,3
6.8 - 1,2,3,4
7.1 - 1,2,3
7.2 1,2,3,4 -
7.3 - 1,2
7.4 1,2 3,4,5
7.5 - 1,2
7.6 - 1,2
8.1 1 2
8.2 1,2 3
8.3 1 -
8.4 - 1
9.1 1,2,3 -
9.2 1 2,3,4
11.1 - 1,2
11.2 - 1,2,3
11.3 1,2 3
11.4 1 2,3,4
11.5 - 1
11.6 - 1
"""
_ROW: Final = re.compile(r"\| (\d+\.\d+\.\d+) \| ([12]) \| (.+?) \| (.+) \|")
_TEST: Final = re.compile(r"`(\w+)`")
_STATIC: Final = ROOT / "graph" / "http" / "static"


def _required() -> dict[str, int]:
    found = {}
    for line in _SECTIONS.strip().splitlines():
        section, *levels = line.split()
        for level, numbers in enumerate(levels, start=1):
            for number in numbers.strip("-").split(",") if numbers != "-" else ():
                found[f"{section}.{number}"] = level
    return found


def _rows() -> dict[str, tuple[int, str]]:
    lines = (_ROW.fullmatch(line) for line in PAGE.read_text().splitlines())
    return {row[1]: (int(row[2]), row[4]) for row in lines if row}


def _kind(cell: str) -> str:
    for kind in ("by design", "does not apply: ", "does not hold: "):
        if cell.startswith(kind):
            return kind.strip(" :")
    return "test"


def test_every_requirement_has_its_row() -> None:
    assert {number: level for number, (level, _) in _rows().items()} == _required()


def test_every_test_that_is_named_is_there() -> None:
    named = 0
    for number, (_, cell) in _rows().items():
        if _kind(cell) != "test":
            continue
        place = ""
        for part in cell.split(", "):
            path, colon, _ = part.partition(": ")
            if CASE.fullmatch(part):
                shown = cases()[part][1]
                assert "tests" not in shown
                assert ".py" in shown, (number, part)
            elif colon:
                place = path
            for name in _TEST.findall(part):
                tree = ast.parse((ROOT / "tests" / place).read_text())
                functions = {
                    node.name
                    for node in tree.body
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                assert f"test_{name}" in functions, (number, place, name)
            named += 1
    assert named > 60


def test_the_sums_are_right() -> None:
    kinds = Counter(_kind(cell) for _, cell in _rows().values())
    words = " ".join(PAGE.read_text().split())
    told = (
        f"{kinds.total()}, of which {kinds['test']} are shown by tests (ids are cases, below), "
        f'{kinds["by design"]} are words or choices that no test can show ("by design"), '
        f"{kinds['does not apply']} do not apply and {kinds['does not hold']} do not hold"
    )
    assert told in words


class _Fields(HTMLParser):
    """The fields of a page that are for passwords."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        if tag == "input" and "password" in f"{told.get('type')} {told.get('autocomplete')}":
            self.found.append(told)


def test_passwords_are_masked_and_may_be_pasted() -> None:
    fields = _Fields()
    for page in _STATIC.glob("*.html"):
        fields.feed(page.read_text())
    assert len(fields.found) >= 3
    for field in fields.found:
        assert field["type"] == "password"
        assert field["autocomplete"] in {"current-password", "new-password"}
        assert not {"onpaste", "readonly", "maxlength"} & set(field)
    assert not [one.name for one in _STATIC.glob("*.js") if '"paste"' in one.read_text()]


def test_recovery_codes_are_too_many_to_guess() -> None:
    signs = 4 * second_factor._PARTS
    assert len(set(second_factor._ALPHABET)) == len(second_factor._ALPHABET)
    assert math.log2(len(second_factor._ALPHABET)) * signs > 112


@pytest.mark.anyio
async def test_passwords_are_kept_as_argon2id(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POCKETTREND_ARGON2_MEMORY_KIB", "POCKETTREND_ARGON2_PASSES"):
        monkeypatch.delenv(name, raising=False)
    fields = Settings.model_fields
    passwords = Passwords(
        memory_kib=fields["argon2_memory_kib"].default, passes=fields["argon2_passes"].default
    )
    try:
        stored = await passwords.hash("correct horse battery staple")
    finally:
        passwords.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
