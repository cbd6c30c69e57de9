"""The report: its figures are the API's, its text is harmless, its process is limited."""

import re
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx2
import pypdfium2
import pytest

from app import Running
from models import ids
from resolvers.errors import Unavailable
from resolvers.exports import Asked, paper_of
from resolvers.report import Printer, gather, paper, sheet_of
from resolvers.report.facts import Facts
from resolvers.report.format import Words, clean
from resolvers.report.labels import LABELS
from resolvers.report.sheet import ticks_of
from resolvers.users import actor_of, get_user
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor, register
from tests.exports.files import answer_of, download
from tests.statements import counted

pytestmark = pytest.mark.anyio
SPAN = {"from": "2026-01-01", "to": "2026-03-31"}
NAMES = {
    "greek": "Ενοίκιο",
    "cyrillic": "Продукты",
    "hindi": "यात्रा",
    "chinese": "医疗保健",
    "japanese": "買い物",
    "korean": "교통비",
    "thai": "อาหาร",
    "markup": '#panic("x") $x^2$ *b* `r` @ref <lab>',
    "html": '<img src="file:///etc/passwd">',
    "braces": "[[..]] {{x}} \\u{41} %s",
}


def text_of(content: bytes) -> str:
    """All text, with plain minus signs and single blanks."""
    document = pypdfium2.PdfDocument(content)
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    whole = "\n".join(pages).replace("−", "-").replace("\u200b", "").replace("\ufffe", "")
    return re.sub(r"[ \u00a0\u202f\r\n]+", " ", whole)


def shown(amount: str) -> str:
    """A wire amount as an English report prints it."""
    whole, _, part = amount.partition(".")
    return f"{int(whole):,}" + (f".{part}" if part else "")


async def books(door: Door) -> dict[str, Any]:
    """Three months in two currencies, and a budget."""
    giro = {"name": "Giro", "type": "CHECKING", "currency": "EUR", "openingBalance": "1000"}
    made = {"giro": (await door.call("CreateAccount", giro))["id"]}
    yen = {"name": "財布", "type": "CASH", "currency": "JPY"}
    made["yen"] = (await door.call("CreateAccount", yen))["id"]
    listed = (await door.call("ListCategories", limit=100))["items"]
    by_key = {one["key"]: one["id"] for one in listed}

    def row(day: str, amount: str, text: str, key: str, account: str = "giro") -> dict[str, str]:
        told = {"accountId": made[account], "date": day, "amount": amount, "description": text}
        return {**told, "categoryId": by_key[key]}

    rows = [row("2026-02-10", "-4500", "寿司", "restaurants", "yen")]
    for month in (1, 2, 3):
        rows += [
            row(f"2026-0{month}-01", "2750.40", "Salary", "salary"),
            row(f"2026-0{month}-03", f"-{800 + month}.17", "Rent", "rent"),
            row(f"2026-0{month}-15", f"-{90 * month}.05", "Market", "groceries"),
        ]
    await door.call("CreateTransactions", transactions=rows)
    plan = {"name": "Everyday", "period": "MONTHLY", "startDate": "2026-01-01"}
    items = [
        {"categoryId": by_key["groceries"], "amount": "200"},
        {"categoryId": by_key["leisure"], "amount": "50"},
    ]
    budget = await door.call("CreateBudget", {**plan, "items": items})
    return {**made, "budget": budget["id"], **by_key}


async def test_the_figures_are_those_of_the_api(door: Door) -> None:
    made = await books(door)
    text = text_of(await download(door, "pdf", **SPAN))
    summary = await door.call("GetMonthlySummary", **SPAN)
    for month in summary["months"]:
        for name in ("income", "expenses", "net"):
            assert shown(month[name]) in text, (month["month"], name)
        assert f"{month['savingsRate']}%" in text
    spent = await door.call("GetCategoryBreakdown", **SPAN)
    assert shown(spent["total"]) in text
    for one in spent["categories"]:
        assert one["name"] in text
        assert shown(one["amount"]) in text
        assert f"{one['percent']}%" in text
        for child in one["children"]:
            assert shown(child["amount"]) in text
    worth = await door.call("GetNetWorth", **SPAN)
    assert f"€{shown(worth['points'][-1]['netWorth'])}" in text
    analysis = await door.call("GetBudgetAnalysis", id=made["budget"], date="2026-03-31")
    for name in ("actual", "remaining", "budgeted"):
        assert shown(analysis[name].lstrip("-")) in text, name
    for item in analysis["items"]:
        assert shown(item["actual"]) in text
    for account in (made["giro"], made["yen"]):
        balance = await door.call("GetAccountBalance", id=account, asOf="2026-03-31")
        assert shown(balance["balance"]) in text
    for row in (await door.call("ListTransactions", limit=100, **SPAN))["items"]:
        assert shown(row["amount"]) in text
        assert row["description"] in text
    assert "January 1, 2026 – March 31, 2026" in text
    assert re.search(r"1 / \d", text)


async def test_filters_narrow_figures_by_account_and_rows_by_all(door: Door) -> None:
    made = await books(door)
    text = text_of(await download(door, "pdf", accountId=made["yen"], **SPAN))
    assert "寿司" in text
    assert "Market" not in text
    text = text_of(await download(door, "pdf", search="market", **SPAN))
    assert "“market”" in text
    assert text.count("Market") == 3
    assert "寿司" not in text
    with pytest.raises(Refused) as refused:
        await download(door, "pdf", **{"from": "1900-01-01", "to": "2100-01-01"})
    assert refused.value.code == "VALIDATION_ERROR"


async def test_the_file_is_whole_and_of_the_readers_paper(client: httpx2.AsyncClient) -> None:
    person = await register(client, name="Cy", locale="en-US")
    door = RestDoor(client, person)
    sizes = {}
    for name in (None, "a4", "letter"):
        answer = await answer_of(door, "pdf", **({"paper": name} if name else {}))
        assert answer.headers["content-type"] == "application/pdf"
        assert 'filename="pocket-trend-report-' in answer.headers["content-disposition"]
        document = pypdfium2.PdfDocument(answer.content)
        sizes[name] = tuple(round(one) for one in document[0].get_size())
        told = document.get_metadata_dict()
        assert (told["Author"], told["Creator"][:5]) == ("Cy", "Typst")
        document.close()
        assert b"<pdfaid:part>2</pdfaid:part>" in answer.content
        assert b"<pdfuaid:part>1</pdfuaid:part>" in answer.content
    assert sizes == {None: (612, 792), "a4": (595, 842), "letter": (612, 792)}
    locales = ["en", "en-US", "de-AT", "fr-CA", "es_MX", "zh-Hans-US"]
    assert [paper_of(None, one) for one in locales] == [
        "A4", "LETTER", "A4", "LETTER", "LETTER", "LETTER",
    ]  # fmt: skip


async def test_nothing_at_all_is_a_decent_report(door: Door) -> None:
    text = text_of(await download(door, "pdf"))
    for sentence in ("Nothing was spent", "There is no budget", "There is no account"):
        assert sentence in text
    assert "No transactions." in text
    assert "1 / 2" in text


@pytest.mark.case("F06")
@pytest.mark.parametrize("locale", ["en", "de-AT", "fr-FR", "es-ES", "zh-CN", "ar-EG", "hi-IN"])
async def test_any_text_is_printed_as_it_stands(client: httpx2.AsyncClient, locale: str) -> None:
    door = GraphQLDoor(client, await register(client, name="Ada", locale=locale))
    await door.call("UpdateMe", {"name": "Ἀδα <b> #panic()"})
    body = {"name": NAMES["greek"], "type": "CASH", "currency": "EUR"}
    giro = (await door.call("CreateAccount", body))["id"]
    hostile = ["W" * 190, "e" + "\u0301" * 150, "\U00013080", "عادة السوق"]
    rows = [
        {"accountId": giro, "date": "2026-01-02", "amount": f"-{at}.5", "description": text,
         "payee": text[::-1]}
        for at, text in enumerate([*NAMES.values(), *hostile], 1)
    ]  # fmt: skip
    await door.call("CreateTransactions", transactions=rows)
    text = text_of(await download(door, "pdf", **SPAN))
    for name, said in NAMES.items():
        # Of these scripts a page holds shapes and not letters.
        if name not in {"hindi", "thai"}:
            assert re.sub(" +", " ", said) in text, name
    assert "root:" not in text


def test_text_is_cleaned_for_print() -> None:
    assert clean("a\u202eb\u2066c\x00\ud800\n d") == "abc d"
    assert clean("e" + "\u0301" * 50) == "é" + "\u0301" * 4
    assert clean("x " * 200, 10) == "x x x x x…"
    assert clean("W" * 40).replace("\u200b", "") == "W" * 40
    assert "\u200b" in clean("W" * 40)
    assert clean(None) == ""


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (5, 5), (-3, 12), (1_000, 1_100), (-(10**16), 10**17), (-9, -1), (48_000, 52_000)],
)
def test_an_axis_holds_its_line_between_round_figures(low: int, high: int) -> None:
    ticks = ticks_of(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    steps = {b - a for a, b in pairwise(ticks)}
    assert len(steps) == 1
    assert str(steps.pop()).strip("0") in {"1", "2", "5"}


@pytest.mark.parametrize(
    ("locale", "euro", "yen", "dinar", "part"),
    [
        ("en-US", "−€1,234.56", "¥1,234", "KWD\u00a01.234", "12.3%"),
        ("de-AT", "−€\u00a01.234,56", "¥\u00a01.234", "KWD\u00a01,234", "12,3\u00a0%"),
        ("hi-IN", "−€1,234.56", "JP¥1,234", "KWD\u00a01.234", "12.3%"),
        ("ar-EG", "−€1,234.56", "JP¥1,234", "KWD\u00a01.234", "12.3%"),
        ("xx", "−€1,234.56", "¥1,234", "KWD\u00a01.234", "12.3%"),
    ],
)
def test_figures_are_written_as_a_place_does(
    locale: str, euro: str, yen: str, dinar: str, part: str
) -> None:
    words = Words.of(locale)
    assert words.money(-123456, "EUR") == euro
    assert words.money(1234, "JPY") == yen
    assert words.money(1234, "KWD") == dinar
    assert words.percent(Decimal("12.3")) == part
    assert words.money(None, "EUR") == "–"
    split = words.split(-123456, "EUR")
    assert split is not None
    assert split["whole"] + split["part"] == words.number(-123456, "EUR")


def test_every_language_has_every_word() -> None:
    for language, labels in LABELS.items():
        assert labels.keys() == LABELS["en"].keys(), language
        for name, text in labels.items():
            holes = [set(re.findall(r"{(\w+)}", one)) for one in (text, LABELS["en"][name])]
            assert holes[0] == holes[1], (language, name)


async def test_what_cannot_be_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        await Printer().print({"labels": {}})
    monkeypatch.setattr(paper, "SECONDS", 0.001)
    day = date(2026, 1, 1)
    facts = Facts("A", "en", "EUR", day, day, day, 0, 0, 0, None, 0)
    with pytest.raises(Unavailable):
        await Printer().print(sheet_of(facts, "A4"))


async def test_a_report_of_many_rows_asks_no_more_often(
    client: httpx2.AsyncClient, ada: Person, running: Running
) -> None:
    door = RestDoor(client, ada)
    made = await books(door)
    row = {"accountId": made["giro"], "date": "2026-02-02", "amount": "-1", "description": "x"}
    await door.call("CreateTransactions", transactions=[row] * 300)
    user_id = ids.decode("user", ada.id)
    database = running.services.database
    async with database.read(user_id) as tx:
        actor = actor_of(await get_user(tx, user_id))
        with counted(database) as statements:
            await gather(tx, actor, Asked("PDF", SPAN).wanted)
    # How many exactly depends on which segments were stored by then: never on the rows.
    assert 10 < len(statements) < 45
