"""The real bank files that are no tables of text, each read to what its manifest says."""

import os
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from resolvers.statements import Statement, read_file
from tests.imports.test_statements_corpus import CORPUS, NEVER, _expected, entries

OTHERS = entries(tables=False)
FORMATS = {
    "LITAS-ESIS": "LITAS-ESIS", "ofx": "OFX", "qif": "QIF", "mt940": "MT940",
    "camt.053": "CAMT.053", "xlsx": "XLSX",
}  # fmt: skip
# The manifest has value dates of MT940; the booking dates of these files lie apart from them.
BOOKED = {
    "mt940/sepa_mt9401.sta": ("2007-09-04", "2007-09-04"),
    "mt940/mt940.sta": ("2002-11-02", "2013-10-27"),
}
# Which of a file's statements prove its balances, where any of them states both.
PROVEN = {
    "ofxstatement-lithuanian/litas_esis.acc": [False],
    "mt940/sepa_mt9401.sta": [True] * 26,
    "mt940/mt940.sta": [True] * 3,
    "RechnungsPilot/vr-teilhaberbank.mta": [True] * 3,
    "ofxstatement-iso20022/camt053_davider80.xml": [True],
    "ofxstatement-unicredithu/STATEMENT_12345678_20171130.xml": [False, False],
    "camt/camt053.v2.multi.statement.xml": [True, True],
}


def read(entry: dict[str, str]) -> Statement:
    return read_file((CORPUS / entry["path"]).read_bytes(), home_currency="EUR")


def test_corpus_is_there() -> None:
    if not OTHERS and os.environ.get("CI") == "true":
        pytest.fail(NEVER)
    if not OTHERS:
        pytest.skip(NEVER)
    assert len(OTHERS) >= 17


@pytest.mark.parametrize("entry", OTHERS, ids=[entry["path"] for entry in OTHERS])
def test_file_is_read_to_count_sum_dates_and_balances(entry: dict[str, str]) -> None:
    path = entry["path"]
    statement = read(entry)
    kind = next(name for name in FORMATS if entry["format"].startswith(name))
    assert statement.format == FORMATS[kind]
    good = [row for row in statement.rows if row.problem is None]
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in good:
        sums[row.currency or "(none)"] += row.amount or 0
    assert (len(good), dict(sums)) == (int(entry["expected_transactions"]), _expected(entry))
    days = sorted(row.date.isoformat() for row in good if row.date)
    expected = BOOKED.get(path, (entry["min_date"], entry["max_date"]))
    assert (days[0], days[-1]) == expected
    assert statement.questions == ()
    proofs = [section.proven for section in statement.sections if section.proven is not None]
    assert proofs == PROVEN.get(path, [])
    lost = [row for row in statement.rows if row.problem and row.problem.decision == "FAILED"]
    assert lost == []


def test_lines_are_those_of_the_file() -> None:
    if not OTHERS:
        pytest.skip(NEVER)
    marks = {"ofx": "<STMTTRN>", "mt940": ":61:", "camt.053": "<Ntry>"}
    seen = 0
    for entry in OTHERS:
        mark = next((m for name, m in marks.items() if entry["format"].startswith(name)), None)
        if mark is None:
            continue
        lines = (CORPUS / entry["path"]).read_bytes().decode("latin-1").split("\n")
        for row in read(entry).rows:
            assert mark in lines[row.line - 1], (entry["path"], row.line)
            seen += 1
    assert seen > 250


def _texts(path: str) -> list[Any]:
    entry = next(entry for entry in OTHERS if entry["path"] == path)
    return [(row.payee, row.description, row.external_id) for row in read(entry).rows]


def test_texts_of_real_files() -> None:
    if not OTHERS:
        pytest.skip(NEVER)
    assert _texts("actual/html-vals.qfx")[1][0] == "TPAY <DEFTPYMT>"
    assert _texts("ofxparser/ofxdata-memoWithAmpersand.ofx")[0][1] == (
        "Amazon.Com.Br Amazon & Cloud 3/3"
    )
    assert _texts("ofx-annacruz/bb.ofx")[1][1] == "COMPRA COM CARTÃO"
    assert _texts("RechnungsPilot/vr-teilhaberbank.mta")[0][0] == (
        "PayPal Europe S.a.r.l. et Cie S.C.A"
    )
    assert _texts("mt940/sepa_mt9401.sta")[0] == (
        None,
        "MTLG:Grund nicht spezifiziert Reject aus SEPA-Ueberweisungsauftrag",
        "0724710345313905",
    )
    assert _texts("ofxstatement-lithuanian/litas_esis.acc")[3][1] == "Hello World"
