"""Every case of the case list has a test that carries its id, or a reason on the page."""

import re
from pathlib import Path

from tests.security.marks import CASE, ELSEWHERE, NOT_YET, PAGE, marked, page, rows

SHOWN_IN_PART: frozenset[str] = frozenset()


def test_every_case_of_the_list_is_on_the_page(shared_folder: Path) -> None:
    text = (shared_folder / "CASES.md").read_text()
    listed = set(re.findall(r"^\| ([A-Z]\d\d) \|", text, re.MULTILINE))
    assert len(listed) > 90
    assert listed - set(rows()) == set()


def test_every_case_is_shown_or_has_a_reason() -> None:
    found = marked()
    silent = [
        case
        for case, (_, cell) in rows().items()
        if case not in found and NOT_YET not in cell and ELSEWHERE not in cell
    ]
    assert silent == []


def test_marks_name_cases_of_the_page() -> None:
    found = marked()
    assert all(CASE.fullmatch(case) for case in found)
    assert set(found) - set(rows()) == set()


def test_the_page_names_the_present_tests() -> None:
    assert PAGE.read_text() == page(), "python -m tests.security.marks writes them"
