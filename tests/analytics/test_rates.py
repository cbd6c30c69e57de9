"""Exchange rates: what applies on which day, own ones above the bank's, and figures that follow."""

import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ecb import Published, published, read_zip
from models.rates import RateRow
from models.segments import pack_record
from resolvers.money import digits_of
from resolvers.rates import Converter, RateBook
from resolvers.segments.parts import Parts
from tests.doors import GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio

TABLE = """Date,USD,JPY,HRK,GBP,
2026-01-16,1.1000,N/A,N/A,0.8500,
2026-01-09,1.2000,170.00,N/A,0.8000,
2026-01-05,1.2500,160.00,7.5345,0.8000,
"""
BANK = Published(TABLE)
ENDED = Published(TABLE.replace("2026-01-16", "2026-02-16"))
AT = datetime(2026, 1, 1, tzinfo=UTC)


def own(from_: str, to: str, day: str, rate: str) -> RateRow:
    zero = UUID(int=0)
    when = date.fromisoformat(day)
    return RateRow(zero, zero, from_, to, when, Decimal(rate), 1, AT, AT)


def told(book: RateBook, from_: str, to: str, day: str) -> Any:
    found = book.find(from_, to, date.fromisoformat(day))
    return (
        None if found is None else (found.value, found.day.isoformat(), found.source, found.stale)
    )


@pytest.mark.parametrize(
    ("from_", "to", "day", "wanted"),
    [
        ("EUR", "USD", "2026-01-09", (Fraction(12, 10), "2026-01-09", "ECB", False)),
        ("EUR", "USD", "2026-01-15", (Fraction(12, 10), "2026-01-09", "ECB", False)),
        ("USD", "EUR", "2026-01-16", (Fraction(10, 11), "2026-01-16", "ECB", False)),
        ("USD", "GBP", "2026-01-16", (Fraction(85, 110), "2026-01-16", "ECB", False)),
        # The yen was not published on the last day: its rate is the older one.
        ("USD", "JPY", "2026-01-16", (Fraction(17000, 110), "2026-01-09", "ECB", False)),
        ("EUR", "USD", "2026-01-04", None),
        ("EUR", "USD", "2026-01-23", (Fraction(11, 10), "2026-01-16", "ECB", False)),
        ("EUR", "USD", "2026-01-24", (Fraction(11, 10), "2026-01-16", "ECB", True)),
        ("EUR", "USD", "2190-01-24", (Fraction(11, 10), "2026-01-16", "ECB", True)),
        ("EUR", "JPY", "2190-01-24", (Fraction(170), "2026-01-09", "ECB", True)),
        # The kuna ended more than seven days before the last publication: it has no rate since.
        ("EUR", "HRK", "2026-01-12", (Fraction(75345, 10000), "2026-01-05", "ECB", False)),
        ("EUR", "HRK", "2026-01-13", None),
        ("EUR", "HRK", "2190-01-01", None),
        ("EUR", "RSD", "2026-01-09", None),
        ("RSD", "RSD", "1950-01-09", (Fraction(1), "1950-01-09", "SAME", False)),
    ],
)
def test_the_last_rate_of_seven_days_applies(from_: str, to: str, day: str, wanted: Any) -> None:
    assert told(RateBook(BANK), from_, to, day) == wanted


def test_a_gap_of_more_than_seven_days_has_no_rate() -> None:
    assert told(RateBook(ENDED), "EUR", "USD", "2026-01-16") is not None
    assert told(RateBook(ENDED), "EUR", "USD", "2026-01-17") is None


@pytest.mark.parametrize(
    ("from_", "to", "day", "wanted"),
    [
        ("EUR", "USD", "2026-01-09", (Fraction(2), "2026-01-09", "OWN", False)),
        ("USD", "EUR", "2026-01-12", (Fraction(1, 2), "2026-01-09", "OWN", False)),
        ("EUR", "USD", "2026-01-16", (Fraction(11, 10), "2026-01-16", "ECB", False)),
        ("USD", "GBP", "2026-01-09", (Fraction(2, 5), "2026-01-09", "OWN", False)),
        ("EUR", "RSD", "2026-01-09", None),
        ("RSD", "EUR", "2026-01-10", (Fraction(1, 117), "2026-01-10", "OWN", False)),
        ("EUR", "RSD", "2026-01-18", (Fraction(117), "2026-01-10", "OWN", True)),
        # Through the euro: one leg own, one of the bank's; as old as the older one.
        ("RSD", "USD", "2026-01-16", (Fraction(11, 1170), "2026-01-10", "OWN", False)),
        # A pair's own rate goes before the way through the euro.
        ("GBP", "CHF", "2026-01-16", (Fraction(9, 8), "2026-01-16", "OWN", False)),
        ("CHF", "GBP", "2026-01-17", (Fraction(8, 9), "2026-01-16", "OWN", False)),
        # The bank went on with the dollar: an own rate of long ago is not the last word.
        ("EUR", "USD", "2190-01-24", (Fraction(11, 10), "2026-01-16", "ECB", True)),
    ],
)
def test_own_rates_win_on_their_day(from_: str, to: str, day: str, wanted: Any) -> None:
    book = RateBook(
        BANK,
        [
            own("EUR", "USD", "2026-01-09", "2"),
            own("EUR", "RSD", "2026-01-10", "117"),
            own("GBP", "CHF", "2026-01-16", "1.125"),
        ],
    )
    assert told(book, from_, to, day) == wanted


MINORS = st.integers(-(10**14), 10**14)


@given(
    rows=st.lists(
        st.tuples(MINORS, st.sampled_from(("USD", "JPY", "EUR", "RSD", "KWD")), st.integers(0, 20)),
        max_size=12,
    ),
    to=st.sampled_from(("EUR", "USD", "JPY", "KWD", "GBP")),
)
@pytest.mark.case("E10")
def test_amounts_are_converted_exactly(rows: list[tuple[int, str, int]], to: str) -> None:
    book = RateBook(BANK, [own("EUR", "KWD", "2026-01-04", "0.339712345678")])
    first = date(2026, 1, 1)
    packed = [
        (UUID(int=1), code, pack_record(UUID(int=at), minor, None, first + timedelta(day), 0))
        for at, (minor, code, day) in enumerate(rows)
    ]
    converter = Converter(book, to)
    values, unknown = converter.parts(Parts.of(packed))
    for at, (minor, code, day) in enumerate(rows):
        rate = book.find(code, to, first + timedelta(day))
        if minor and rate is None:
            assert unknown[at]
            assert any(one.from_ == code for one in converter.missing)
        else:
            shift = Fraction(10) ** (digits_of(to) - digits_of(code))
            exact = 0 if rate is None else round(minor * rate.value * shift)
            assert (int(values[at]), bool(unknown[at])) == (exact, False)
            assert converter.minor(minor, code, first + timedelta(day)) == exact


def test_the_wheel_is_read_exactly() -> None:
    bank = published()
    assert bank.on_or_before("USD", date(1999, 1, 4), 0) == (Decimal("1.1789"), date(1999, 1, 4))
    assert bank.on_or_before("CYP", date(1999, 1, 4), 0) == (Decimal("0.58231"), date(1999, 1, 4))
    assert bank.on_or_before("USD", date(1999, 1, 3), 7) is None
    assert bank.ends("HRK") == date(2022, 12, 30)
    assert bank.ends("RUB") == date(2022, 3, 1)
    assert (bank.ends("EUR"), bank.ends("RSD"), bank.knows("")) == (bank.last_day, None, False)
    weekend = bank.on_or_before("USD", date(2026, 10, 25), 7)
    assert weekend is not None
    assert weekend[1] == date(2026, 10, 23)


def test_another_file_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", TABLE)
    assert read_zip(path).last_day == date(2026, 1, 16)
    for names in ((("a.csv", "<html>"),), (("a.csv", TABLE), ("b.csv", TABLE))):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in names:
                archive.writestr(name, text)
        with pytest.raises(ValueError, match=r"table|archive"):
            read_zip(path)


SET = "mutation($i: SetRateInput!, $v: Int){setRate(input:$i,expectedVersion:$v){rate{id from to date rate version}}}"


@pytest.fixture
async def graph(client: Any, ada: Person) -> GraphQLDoor:
    return GraphQLDoor(client, ada)


async def set_rate(door: GraphQLDoor, version: int | None = None, **given: Any) -> dict[str, Any]:
    given = {"from": "EUR", "to": "RSD", "date": "2026-01-10", "rate": "117.2", **given}
    return (await door.query(SET, i=given, v=version))["data"]["setRate"]["rate"]


async def test_a_rate_is_set_changed_listed_and_deleted(graph: GraphQLDoor) -> None:
    made = await set_rate(graph)
    assert made | {"id": ""} == {
        "id": "", "from": "EUR", "to": "RSD", "date": "2026-01-10", "rate": "117.2", "version": 1,
    }  # fmt: skip
    # The same pair the other way round is the same rate, said anew.
    turned = await set_rate(graph, **{"from": "RSD", "to": "EUR", "rate": "0.0085"})
    assert (turned["id"], turned["version"], turned["rate"]) == (made["id"], 2, "0.0085")
    assert (await set_rate(graph, **{"from": "RSD", "to": "EUR", "rate": 0.0085}))["version"] == 2
    with pytest.raises(Refused) as refused:
        await set_rate(graph, version=1)
    assert refused.value.code == "STALE_OBJECT"
    await set_rate(graph, date="2026-01-11")
    await set_rate(graph, to="USD", date="2026-01-12", rate="1.5")
    listed = await graph.query(
        '{viewer{rates(currency:"RSD"){totalCount nodes{date}} all:rates{nodes{to date}}}}'
    )
    viewer = listed["data"]["viewer"]
    assert [one["date"] for one in viewer["rates"]["nodes"]] == ["2026-01-11", "2026-01-10"]
    assert (viewer["rates"]["totalCount"], len(viewer["all"]["nodes"])) == (2, 3)
    found = await graph.query(
        "query($i: ID!){node(id:$i){... on ExchangeRate{rate}}}", i=made["id"]
    )
    assert found["data"]["node"] == {"rate": "0.0085"}
    delete = "mutation($i: ID!){deleteRate(id:$i){id deleted}}"
    gone = await graph.query(delete, i=made["id"])
    assert gone["data"]["deleteRate"] == {"id": made["id"], "deleted": True}
    with pytest.raises(Refused) as refused:
        await graph.query(delete, i=made["id"])
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("given_", "path"),
    [
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "1000000000000"}, "rate"),
        ({"rate": "0.1234567890123"}, "rate"),
        ({"to": "EUR"}, "to"),
        ({"from": "XXZ"}, "from"),
        ({"date": "1899-12-31"}, "date"),
    ],
    ids=["zero", "negative", "huge", "fine", "same", "unknown", "early"],
)
async def test_what_is_no_rate_is_refused(
    graph: GraphQLDoor, given_: dict[str, Any], path: str
) -> None:
    with pytest.raises(Refused) as refused:
        await set_rate(graph, **given_)
    assert [one.removeprefix("i.") for one in refused.value.paths] == [path]


async def test_figures_follow_a_rate_at_once_and_only_the_touched_ones(
    graph: GraphQLDoor, client: Any
) -> None:
    body = {"name": "D", "type": "CASH", "currency": "RSD"}
    account = (await graph.call("CreateAccount", body))["id"]
    for day in ("2026-01-15", "2026-02-15"):
        row = {"accountId": account, "date": day, "amount": "-1172", "description": "x"}
        await graph.call("CreateTransaction", row)
    path = "/v1/analytics/monthly-summary?from=2026-01-01&to=2026-02-28"

    async def ask(tag: str = "") -> Any:
        return await client.get(path, headers={**graph.headers, "If-None-Match": tag})

    first = await ask()
    assert [one["expenses"] for one in first.json()["data"]["months"]] == [None, None]
    assert first.json()["data"]["missingRates"] == [
        {"from": "RSD", "to": "EUR", "date": day} for day in ("2026-01-15", "2026-02-15")
    ]
    assert (await ask(first.headers["ETag"])).status_code == 304
    await set_rate(graph, date="2026-01-14")
    second = await ask(first.headers["ETag"])
    data = second.json()["data"]
    assert [one["expenses"] for one in data["months"]] == ["10.00", "10.00"]
    assert data["missingRates"] == []
    assert data["staleRates"] == [
        {"from": "RSD", "to": "EUR", "date": "2026-02-15", "rateDate": "2026-01-14"}
    ]
    await set_rate(graph, date="2026-02-20", rate="100")
    data = (await ask(second.headers["ETag"])).json()["data"]
    # It is no longer the last word of all, and February has no rate of the seven days before it.
    assert [one["expenses"] for one in data["months"]] == ["10.00", None]
    assert data["missingRates"] == [{"from": "RSD", "to": "EUR", "date": "2026-02-15"}]


async def test_rates_are_nobody_elses(graph: GraphQLDoor, client: Any, bob: Person) -> None:
    await set_rate(graph)
    other = GraphQLDoor(client, bob)
    ask = '{exchangeRate(from:"EUR",to:"RSD",date:"2026-01-10"){rate date source stale}}'
    mine = {"rate": "117.2", "date": "2026-01-10", "source": "OWN", "stale": False}
    assert (await graph.query(ask))["data"]["exchangeRate"] == mine
    assert (await other.query(ask))["data"]["exchangeRate"] is None
