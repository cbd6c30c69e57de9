"""The drill, short: no row is lost, none is doubled, and nothing unexpected happens."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.drill.__main__ import drill, table


@pytest.mark.long
@pytest.mark.serve
@pytest.mark.timeout(900)
def test_a_fleet_loses_no_row_while_each_part_dies_in_turn() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pt-drill-"))
    try:
        lines, ending = drill(folder, 0.5, 2, 1.0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told = f"{table(lines)}\n{ending}"
    assert " 0 lost, 0 doubled; 0 reads lacked" in ending, told
    assert " 0 refused by a limit" in ending, told
    assert " 0 unexpected errors; `verify` ends with 0" in ending, told
    # Only what needs the dead part fails.
    whole = {
        "a worker",
        "a primary of the cache",
        "a replica of the cache",
        "the replica of the database",
    }
    assert [line.how for line in lines if line.blow.part in whole and line.failed] == [], told
