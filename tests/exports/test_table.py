"""The table: golden lines, cells that no spreadsheet calculates, sums, and the way back in."""

import csv
import io
from collections import defaultdict
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import Running
from resolvers.exports.tables import safe_cell
from resolvers.statements.table import _tidy
from tests.doors import Door, Person, Refused, RestDoor
from tests.exports.files import download, drained, table_of

pytestmark = pytest.mark.anyio
HOSTILE = [
    "=1+1", "+43 1 234", "-minus", "@SUM(A1)", "'quoted", "'=already", "''=twice", "'5 o'clock",
    "＝全角", "a=b", 'say "hi", please', "two; three|four", "Ω ж ع ह 中 😀", "<script>alert(1)</script>",
    '=HYPERLINK("http://evil","x")', "=cmd|' /C calc'!A0",
]  # fmt: skip


async def books(door: Door) -> dict[str, str]:
    """Two accounts, a split, a transfer, hostile text."""
    giro = (await door.call("CreateAccount", {"name": "=Giro", "type": "CHECKING", "currency": "EUR"}))["id"]  # fmt: skip
    yen = (await door.call("CreateAccount", {"name": "Yen", "type": "CASH", "currency": "JPY"}))["id"]  # fmt: skip
    by_key = {one["key"]: one["id"] for one in (await door.call("ListCategories"))["items"]}
    row = {"accountId": giro, "date": "2026-01-05", "description": "Market"}
    parts = [
        {"categoryId": by_key["groceries"], "amount": "-30.10", "notes": "bread"},
        {"categoryId": by_key["leisure"], "amount": "-12.24"},
    ]
    await door.call(
        "CreateTransaction", {**row, "amount": "-42.34", "splits": parts, "notes": "all"}
    )
    more = {"payee": "=Boss", "tags": ["pay", "2026"], "categoryId": by_key["salary"]}
    await door.call("CreateTransaction", {**row, **more, "date": "2026-01-01", "amount": "2500", "description": "-Salary"})  # fmt: skip
    move = {"transferAccountId": yen, "transferAmount": "16000", "description": "Yen"}
    await door.call("CreateTransaction", {**row, **move, "date": "2026-01-09", "amount": "-100"})
    return {"giro": giro, "yen": yen, **by_key}


async def test_a_line_is_a_transaction_or_a_part_of_one(door: Door) -> None:
    await books(door)
    lines = await table_of(door)
    shown = [
        (r["date"], r["description"], r["payee"], r["amount"], r["currency"], r["category"],
         r["account"], r["kind"], r["status"], r["tags"], r["notes"], r["split"])
        for r in lines
    ]  # fmt: skip
    assert shown[:3] == [
        ("2026-01-01", "'-Salary", "'=Boss", "2500.00", "EUR", "Salary", "'=Giro", "INCOME",
         "POSTED", "#pay #2026", "", ""),
        ("2026-01-05", "Market", "", "-30.10", "EUR", "Groceries", "'=Giro", "EXPENSE", "POSTED",
         "", "bread", "part 1 of 2"),
        ("2026-01-05", "Market", "", "-12.24", "EUR", "Leisure", "'=Giro", "EXPENSE", "POSTED",
         "", "all", "part 2 of 2"),
    ]  # fmt: skip
    assert sorted(line[3:8] for line in shown[3:]) == [
        ("-100.00", "EUR", "", "'=Giro", "TRANSFER"),
        ("16000", "JPY", "", "Yen", "TRANSFER"),
    ]
    ids = [line["id"] for line in lines]
    assert len(set(ids)) == 5
    assert ids[1].endswith(".1")
    assert ids[1][:-2] == ids[2][:-2]


async def test_adding_up_the_amounts_gives_the_balances(door: Door) -> None:
    made = await books(door)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in await table_of(door):
        sums[line["currency"]] += Decimal(line["amount"])
    for account, currency in (("giro", "EUR"), ("yen", "JPY")):
        balance = await door.call("GetAccountBalance", id=made[account])
        assert sums[currency] == Decimal(balance["balance"])


async def test_filters_are_those_of_the_list(door: Door) -> None:
    made = await books(door)

    async def texts(**filters: Any) -> list[str]:
        lines = await table_of(door, **filters)
        listed = await door.pages("ListTransactions", limit=2, **filters)
        assert {line["id"].partition(".")[0] for line in lines} == {row["id"] for row in listed}
        return [line["description"] for line in lines]

    assert await texts(**{"from": "2026-01-05", "to": "2026-01-05"}) == ["Market", "Market"]
    assert await texts(accountId=made["yen"]) == ["Yen"]
    assert await texts(categoryId=made["food"]) == ["Market", "Market"]
    assert await texts(kind="INCOME") == ["'-Salary"]
    assert await texts(kind="TRANSFER", minAmount="101") == ["Yen"]
    assert await texts(kind="EXPENSE") == ["Market", "Market"]
    assert await texts(status="PENDING") == []
    assert await texts(search="alar") == ["'-Salary"]
    assert await texts(tag="pay", maxAmount="2500") == ["'-Salary"]


async def test_an_empty_table_is_its_header(door: Door) -> None:
    content = await download(door, "csv")
    assert content == (
        b"date,description,payee,amount,currency,category,account,kind,status,tags,notes,split,id\r\n"
    )
    assert await download(door, "csv", bom=True) == b"\xef\xbb\xbf" + content


async def test_wrong_questions_are_refused_before_a_file_begins(door: Door) -> None:
    for filters, path in (
        ({"accountId": "nonsense"}, "accountId"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"minAmount": "-5"}, "minAmount"),
    ):
        with pytest.raises(Refused) as refused:
            await download(door, "csv", **filters)
        assert refused.value.code == "VALIDATION_ERROR"
        assert path in str(refused.value.paths), filters


async def test_the_file_is_a_file(client: httpx2.AsyncClient, ada: Person) -> None:
    path = "/v1/analytics/export/csv"
    answer = await client.get(path, headers=ada.headers, params={"from": "2026-01-01", "to": "2026-01-31"})  # fmt: skip
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith(
        'attachment; filename="pocket-trend-transactions-2026-01-01_2026-01-31.csv"'
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    same = await client.get(path, headers={**ada.headers, "If-None-Match": tag}, params={"from": "2026-01-01", "to": "2026-01-31"})  # fmt: skip
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert tag.startswith('W/"0.')
    head = await client.head(path, headers=ada.headers)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]
    assert (await client.post(path, headers=ada.headers)).status_code == 405
    nobody = await client.get(path)
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    for wrong in ("xml", "CSV", "zip"):
        answer = await client.get(f"/v1/analytics/export/{wrong}", headers=ada.headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND"), wrong
    unknown = await client.get(path, headers=ada.headers, params={"frm": "2026-01-01"})
    assert unknown.json()["error"]["details"]["fields"][0]["path"] == "frm"


@pytest.mark.case("F05")
@example("'")
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30))
def test_no_text_begins_a_formula_and_reading_gives_it_back(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert cell in {text, "'" + text}
    # The reader also tidies blanks and quotes that banks leave behind; those are its own.
    if text == text.strip() and '"' not in text:
        assert _tidy(cell) == text


@pytest.mark.case("F05")
async def test_the_importer_reads_the_table_back(
    client: httpx2.AsyncClient, ada: Person, bob: Person, running: Running
) -> None:
    mine, theirs = RestDoor(client, ada), RestDoor(client, bob)
    body = {"name": "A", "type": "CHECKING", "currency": "EUR"}
    giro = (await mine.call("CreateAccount", body))["id"]
    rows = [
        {"accountId": giro, "date": f"2026-02-{day:02d}", "amount": f"-{day}.{day:02d}", "description": text}
        for day, text in enumerate(HOSTILE, 1)
    ]  # fmt: skip
    await mine.call("CreateTransactions", transactions=rows)
    content = await download(mine, "csv", accountId=giro)
    empty = (await theirs.call("CreateAccount", body))["id"]
    answer = await client.post(
        "/v1/imports/csv",
        files={"file": ("mine.csv", content, "text/csv")},
        data={"accountId": empty},
        headers=bob.headers,
    )
    assert answer.status_code in {201, 202}, answer.text
    await drained(running)
    back = await theirs.pages("ListTransactions", limit=100, accountId=empty)
    assert sorted(
        (r["date"], r["amount"], r["currency"], r["description"]) for r in back
    ) == sorted((r["date"], r["amount"], "EUR", r["description"]) for r in rows)
    told = await table_of(theirs, accountId=empty)
    again = csv.DictReader(io.StringIO(content.decode(), newline=""))
    for one, other in zip(told, again, strict=True):
        kept = one.keys() - {"id", "account"}
        assert {name: one[name] for name in kept} == {name: other[name] for name in kept}
