"""Templates through both doors: making, changing, what is next and missing, executing."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from graph.context import Services
from tests.doors import Door, GraphQLDoor, Person, Refused
from tests.statements import counted

pytestmark = pytest.mark.anyio


def today() -> date:
    return datetime.now(UTC).date()


def ago(days: int) -> str:
    return str(today() - timedelta(days=days))


async def account(door: Door, currency: str = "EUR") -> str:
    body = {"name": "Giro", "type": "CHECKING", "currency": currency}
    return (await door.call("CreateAccount", body))["id"]


async def make(door: Door, where: str, **more: Any) -> dict[str, Any]:
    body = {
        "name": "Rent", "accountId": where, "amount": "-650", "description": "Rent of the flat",
        "frequency": "MONTHLY", "startDate": "2026-01-31", **more,
    }  # fmt: skip
    return await door.call("CreateTemplate", body)


async def test_a_made_template_is_listed_as_it_was_told(door: Door) -> None:
    made = await make(door, await account(door), payee="Landlord", startDate=str(today()))
    told = {name: made[name] for name in ("amount", "currency", "interval", "weekendPolicy")}
    assert told == {
        "amount": "-650.00", "currency": "EUR", "interval": 1, "weekendPolicy": "NONE",
    }  # fmt: skip
    assert (made["autoPost"], made["dayOfMonth"], made["endDate"]) == (False, None, None)
    assert made["missingDates"] == [str(today())]
    assert made["nextDate"] > str(today())
    assert made["version"] == 1
    assert await door.call("GetTemplate", id=made["id"]) == made
    assert (await door.call("ListTemplates"))["items"] == [made]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("amount", "1.001"), ("amount", "1e3"), ("interval", 0), ("interval", 367),
        ("dayOfMonth", 0), ("dayOfMonth", 32), ("frequency", "HOURLY"), ("weekendPolicy", "MOON"),
        ("startDate", "2026-02-30"), ("startDate", "1899-01-01"), ("endDate", "2025-12-31"),
        ("accountId", "acct_00000000000000000000000000"), ("description", "x" * 501),
        ("categoryId", "cat_00000000000000000000000000"), ("colour", "red"),
    ],
)  # fmt: skip
async def test_wrong_fields_are_named_and_make_nothing(
    door: Door, field: str, value: object
) -> None:
    where = await account(door)
    with pytest.raises(Refused) as refused:
        await make(door, where, **{field: value})
    assert (refused.value.code, set(refused.value.paths)) == ("VALIDATION_ERROR", {field})
    assert (await door.call("ListTemplates"))["items"] == []


async def test_parts_of_a_schedule_fit_each_other(door: Door) -> None:
    where = await account(door)
    for wrong, field in (
        ({"frequency": "WEEKLY", "dayOfMonth": 5}, "dayOfMonth"),
        # A Saturday every week, and weekends are left out.
        (
            {"frequency": "WEEKLY", "startDate": "2026-08-01", "weekendPolicy": "SKIP"},
            "startDate",
        ),
        ({"frequency": "DAILY", "startDate": "2010-01-01", "autoPost": True}, "startDate"),
    ):
        with pytest.raises(Refused) as refused:
            await make(door, where, **wrong)
        assert set(refused.value.paths) == {field}


async def test_absent_stays_null_clears_and_what_was_got_may_be_sent_back(door: Door) -> None:
    made = await make(door, await account(door), payee="Landlord", dayOfMonth=3)
    changed = await door.call("UpdateTemplate", {"amount": "-700"}, id=made["id"])
    assert (changed["amount"], changed["payee"], changed["version"]) == ("-700.00", "Landlord", 2)
    cleared = await door.call("UpdateTemplate", {"payee": None}, id=made["id"], version=2)
    assert (cleared["payee"], cleared["dayOfMonth"], cleared["version"]) == (None, 3, 3)
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTemplate", {"name": None}, id=made["id"])
    assert refused.value.paths == {"name": "REQUIRED"}
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTemplate", {"name": "x"}, id=made["id"], version=1)
    assert refused.value.code == "STALE_OBJECT"
    assert refused.value.details["current"]["amount"] == "-700.00"


async def test_a_put_may_send_back_what_a_get_answered(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    made = await make(door, await account(door))
    path = f"/v1/templates/{made['id']}"
    same = await client.put(path, json=made, headers=ada.headers)
    assert same.json()["data"] == made
    other = await client.put(path, json={**made, "currency": "USD"}, headers=ada.headers)
    assert other.json()["error"]["code"] == "READ_ONLY"


async def test_the_account_fixes_the_currency(door: Door) -> None:
    euros, yen = await account(door), await account(door, "JPY")
    made = await make(door, euros)
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTemplate", {"accountId": yen}, id=made["id"])
    assert refused.value.paths == {"amount": "REQUIRED"}
    moved = await door.call("UpdateTemplate", {"accountId": yen, "amount": 900}, id=made["id"])
    assert (moved["currency"], moved["amount"]) == ("JPY", "900")
    with pytest.raises(Refused) as refused:
        await door.call("UpdateAccount", {"currency": "EUR"}, id=yen)
    assert refused.value.code == "READ_ONLY"


async def test_executing_makes_one_transaction_of_a_date(door: Door) -> None:
    where = await account(door)
    known = next(
        row["id"] for row in await door.pages("ListCategories", limit=100) if row["key"] == "rent"
    )
    made = await make(door, where, categoryId=known, startDate=ago(40), payee="Landlord")
    first = made["missingDates"][0]
    booked = await door.call("ExecuteTemplate", id=made["id"], date=first)
    wanted = {
        "accountId": where, "date": first, "amount": "-650.00", "templateId": made["id"],
        "categoryId": known, "kind": "EXPENSE", "payee": "Landlord", "status": "POSTED",
    }  # fmt: skip
    assert {name: booked[name] for name in wanted} == wanted
    again = await door.call("ExecuteTemplate", id=made["id"], date=first)
    assert again == booked
    assert first not in (await door.call("GetTemplate", id=made["id"]))["missingDates"]
    assert len((await door.call("ListTransactions"))["items"]) == 1
    now = await door.call("ExecuteTemplate", id=made["id"])
    assert now["date"] == str(today())


async def test_a_date_to_come_that_is_done_is_not_the_next(door: Door) -> None:
    made = await make(door, await account(door), frequency="WEEKLY", startDate=str(today()))
    await door.call("ExecuteTemplate", id=made["id"], date=made["nextDate"])
    later = await door.call("GetTemplate", id=made["id"])
    assert later["nextDate"] == str(date.fromisoformat(made["nextDate"]) + timedelta(days=7))


async def test_a_moved_transaction_still_is_its_dates(door: Door) -> None:
    made = await make(door, await account(door), frequency="DAILY", startDate=ago(3))
    booked = await door.call("ExecuteTemplate", id=made["id"], date=ago(3))
    await door.call("UpdateTransaction", {"date": ago(2)}, id=booked["id"])
    again = await door.call("ExecuteTemplate", id=made["id"], date=ago(3))
    assert (again["id"], again["date"]) == (booked["id"], ago(2))
    other = await door.call("ExecuteTemplate", id=made["id"], date=ago(2))
    assert other["id"] != booked["id"]


async def test_a_deleted_transaction_is_not_made_again(door: Door) -> None:
    made = await make(door, await account(door), frequency="DAILY", startDate=ago(1))
    booked = await door.call("ExecuteTemplate", id=made["id"], date=ago(1))
    await door.call("DeleteTransaction", id=booked["id"])
    with pytest.raises(Refused) as refused:
        await door.call("ExecuteTemplate", id=made["id"], date=ago(1))
    assert (refused.value.code, refused.value.details["id"]) == ("CONFLICT", booked["id"])
    assert (await door.call("GetTemplate", id=made["id"]))["missingDates"] == [str(today())]
    await door.call("RestoreTransaction", id=booked["id"])
    assert (await door.call("ExecuteTemplate", id=made["id"], date=ago(1)))["id"] == booked["id"]


async def test_rest_says_201_once_then_200(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    made = await make(door, await account(door))
    path = f"/v1/templates/{made['id']}/execute"
    first = await client.post(path, headers=ada.headers)
    assert first.status_code == 201
    place = f"/v1/transactions/{first.json()['data']['id']}"
    assert first.headers["location"] == f"http://testserver{place}"
    seen = await client.get(place, headers=ada.headers)
    assert (seen.json()["data"], seen.headers["etag"]) == (
        first.json()["data"], first.headers["etag"],
    )  # fmt: skip
    again = await client.post(path, json={"date": str(today())}, headers=ada.headers)
    assert (again.status_code, again.json()["data"]) == (200, first.json()["data"])
    assert "location" not in again.headers
    for body, code in (({"date": "1899-01-01"}, 422), ({"day": "2026-01-01"}, 422)):
        assert (await client.post(path, json=body, headers=ada.headers)).status_code == code


async def test_an_idempotency_key_replays_an_execution(door: Door) -> None:
    made = await make(door, await account(door))
    first = await door.call("ExecuteTemplate", id=made["id"], key="e1")
    assert await door.call("ExecuteTemplate", id=made["id"], key="e1") == first
    assert door.replayed


async def test_a_deleted_template_leaves_its_transactions(door: Door) -> None:
    made = await make(door, await account(door))
    booked = await door.call("ExecuteTemplate", id=made["id"])
    assert await door.call("DeleteTemplate", id=made["id"]) == {"id": made["id"], "deleted": True}
    with pytest.raises(Refused) as refused:
        await door.call("GetTemplate", id=made["id"])
    assert refused.value.code == "NOT_FOUND"
    kept = await door.call("GetTransaction", id=booked["id"])
    assert kept == booked


async def test_a_template_of_a_deleted_account_waits_for_it(door: Door) -> None:
    where = await account(door)
    made = await make(door, where)
    await door.call("DeleteAccount", id=where)
    assert (await door.call("GetTemplate", id=made["id"]))["accountId"] == where
    with pytest.raises(Refused) as refused:
        await door.call("ExecuteTemplate", id=made["id"])
    assert refused.value.code == "CONFLICT"
    await door.call("RestoreAccount", id=where)
    assert (await door.call("ExecuteTemplate", id=made["id"]))["accountId"] == where


async def test_a_category_in_use_takes_its_templates_along(door: Door) -> None:
    rows = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    made = await make(door, await account(door), categoryId=rows["rent"])
    with pytest.raises(Refused) as refused:
        await door.call("DeleteCategory", id=rows["rent"])
    assert refused.value.details["templates"] == 1
    await door.call("DeleteCategory", id=rows["rent"], moveTo=rows["utilities"])
    moved = await door.call("GetTemplate", id=made["id"])
    assert (moved["categoryId"], moved["version"]) == (rows["utilities"], 2)


@pytest.mark.parametrize("wrong", ["tmpl_00000000000000000000000000", "tmpl_x", "nonsense"])
async def test_an_unknown_id_is_not_found(door: Door, wrong: str) -> None:
    for operation in ("GetTemplate", "DeleteTemplate", "ExecuteTemplate"):
        with pytest.raises(Refused) as refused:
            await door.call(operation, id=wrong)
        assert refused.value.code == "NOT_FOUND"


async def test_the_edges_lead_there_and_back(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    where = await account(door)
    made = await make(door, where, frequency="DAILY", startDate=ago(2))
    for day in made["missingDates"]:
        await door.call("ExecuteTemplate", id=made["id"], date=day)
    document = """query ($id: ID!) { node(id: $id) { ... on Template {
      account { id } transactions(first: 2) { totalCount pageInfo { endCursor hasNextPage }
        nodes { date template { id name } } } } } }"""
    found = (await door.query(document, id=made["id"]))["data"]["node"]
    assert found["account"] == {"id": where}
    page = found["transactions"]
    assert page["totalCount"] == 3
    assert page["nodes"] == [
        {"date": ago(n), "template": {"id": made["id"], "name": "Rent"}} for n in (0, 1)
    ]
    rest = """query ($id: ID!, $after: String) { template(id: $id) {
      transactions(first: 2, after: $after) { nodes { date } } } }"""
    more = await door.query(rest, id=made["id"], after=page["pageInfo"]["endCursor"])
    assert more["data"]["template"]["transactions"]["nodes"] == [{"date": ago(2)}]


NESTED = """{ viewer { email templates(first: 25) { totalCount nodes {
  name amount nextDate missingDates account { name balance } category { name }
  transactions(first: 2) { nodes { date amount template { name } } } } } } }"""


async def test_statements_do_not_grow_with_templates(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 20)):
        door = GraphQLDoor(client, person)
        known = (await door.call("ListCategories"))["items"][0]["id"]
        for number in range(size):
            made = await make(
                door, await account(door), name=f"T{number}", categoryId=known, startDate=ago(2)
            )
            await door.call("ExecuteTemplate", id=made["id"])
        await door.query(NESTED)
        with counted(services.database) as seen:
            answer = await door.query(NESTED)
        counts.append(len(seen))
        assert answer["data"]["viewer"]["templates"]["totalCount"] == size
    assert counts[0] == counts[1]
