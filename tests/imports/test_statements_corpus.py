"""The real bank files beside the project, each read to the exact count and sum of its manifest."""

import csv
import os
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resolvers.statements import CsvMapping, Statement, StatementError, read_csv

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "bank-data"
NEVER = "The corpus of bank files is not beside the project"
# What a person would answer to the questions of these files.
MAPPINGS: Mapping[str, Mapping[str, Any]] = {
    "csv2ofx/creditunion.csv": {"signRule": "SIGNED"},
    "hledger/csvamountparse.csv": {"signRule": "SIGNED"},
    "actual/erste_hu_utf16le.csv": {"signRule": "SIGNED"},
}
# The manifest says 3 for amounts 1 and $2, but the bytes of the file hold 1 and $1.
MANIFEST_ERRATA = {"hledger/csvamountparse.csv": {"(none)": Decimal(2)}}
# Files that hold nothing: a clear refusal is the right answer.
REFUSED = {"hledger/csvnoinclude.csv": "EMPTY_FILE"}


def entries(*, tables: bool) -> list[dict[str, str]]:
    """The files of the manifest: tables of text, or those of every other format."""
    manifest = CORPUS / "MANIFEST.tsv"
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if (row["format"] == "csv") == tables]


ENTRIES = entries(tables=True)


def test_corpus_is_there() -> None:
    if not ENTRIES and os.environ.get("CI") == "true":
        pytest.fail(NEVER)
    if not ENTRIES:
        pytest.skip(NEVER)
    assert len(ENTRIES) >= 30


def _expected(entry: Mapping[str, str]) -> dict[str, Decimal]:
    if entry["path"] in MANIFEST_ERRATA:
        return MANIFEST_ERRATA[entry["path"]]
    sums = {}
    for part in filter(None, entry["expected_sum"].strip('"').split(";")):
        code, _, figure = part.strip().partition(" ")
        sums[code] = Decimal(figure)
    return sums


def _found(statement: Statement, expected: Mapping[str, Decimal]) -> tuple[int, dict[str, Decimal]]:
    """Count and sums; a file that names no currency is in the one that its context tells."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    known = next(iter(expected)) if len(expected) == 1 else "(none)"
    count = 0
    for row in statement.rows:
        if row.problem is None:
            assert row.amount is not None
            count += 1
            sums[row.currency or known] += row.amount
    return count, dict(sums)


def _read(path: str, mapping: CsvMapping | None = None) -> Statement:
    return read_csv((CORPUS / path).read_bytes(), mapping)


def _is_exact(entry: Mapping[str, str], mapping: CsvMapping | None = None) -> bool:
    expected = _expected(entry)
    try:
        found = _found(_read(entry["path"], mapping), expected)
    except StatementError as refused:
        return REFUSED.get(entry["path"]) == refused.code
    return found == (int(entry["expected_transactions"]), expected)


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["path"] for entry in ENTRIES])
def test_file_is_read_to_count_and_sum(entry: Mapping[str, str]) -> None:
    path = entry["path"]
    if path in REFUSED:
        with pytest.raises(StatementError) as refused:
            _read(path)
        assert refused.value.code == REFUSED[path]
        return
    mapping = CsvMapping.model_validate(MAPPINGS.get(path, {}))
    expected = _expected(entry)
    statement = _read(path, mapping)
    assert _found(statement, expected) == (int(entry["expected_transactions"]), expected)
    assert statement.questions == ()
    days = [row.date.isoformat() for row in statement.rows if row.problem is None and row.date]
    assert (min(days), max(days)) == (entry["min_date"], entry["max_date"])


def test_most_files_need_no_mapping_and_no_answer() -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    exact = [e["path"] for e in ENTRIES if e["path"] not in MANIFEST_ERRATA and _is_exact(e)]
    assert len(exact) >= 28
    asked = [e for e in exact if e not in REFUSED and _read(e).questions]
    assert sorted(asked) == ["actual/erste_hu_utf16le.csv", "csv2ofx/creditunion.csv"]


def test_bad_rows_are_named_with_their_lines() -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    broken = {"sure/valid.csv": (2, "BAD_DATE"), "hledger/csvamountparse.csv": (5, "BAD_AMOUNT")}
    for path, expected in broken.items():
        problems = [(r.line, r.problem.code) for r in _read(path).rows if r.problem]
        assert problems == [expected]


def test_an_id_that_repeats_is_no_id() -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    rows = _read("paisa/Paytm_statement.csv").rows
    assert {row.external_id for row in rows} == {None}
    rows = _read("ofxstatement-dutch/Knab_transactieoverzicht_ok.csv").rows
    assert len({row.external_id for row in rows}) == len(rows)


def test_second_line_of_a_transaction_goes_on_with_its_text() -> None:
    if not ENTRIES:
        pytest.skip(NEVER)
    rows = _read("bank2ynab/TransactionHistory_20180418043121.csv").rows
    assert len(rows) == 8
    assert all(len(row.description) > len("CCY CONVERSION FEE") for row in rows)
