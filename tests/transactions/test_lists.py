"""Lists of transactions through both doors: filters, sorts, keyset pages, statement counts."""

from decimal import Decimal
from typing import Any

import pytest

from graph.context import Services
from tests.doors import Door, GraphQLDoor, Refused
from tests.statements import counted

pytestmark = pytest.mark.anyio


async def account(door: Door, name: str = "Giro", currency: str = "EUR") -> str:
    body = {"name": name, "type": "CHECKING", "currency": currency}
    return (await door.call("CreateAccount", body))["id"]


async def fill(door: Door, account_id: str, count: int) -> list[dict[str, Any]]:
    """Rows on a few days, so that many share their date."""
    rows = [
        {
            "accountId": account_id,
            "date": f"2026-01-{1 + n % 5:02d}",
            "amount": f"{(-1) ** n * (n % 7)}.{n % 100:02d}",
            "description": f"row {n} 100%_sure" if n % 3 else f"coffee {n}",
            "payee": "Ωmega" if n % 4 == 0 else None,
            "tags": ["even"] if n % 2 == 0 else [],
            "status": "PENDING" if n % 10 == 0 else "POSTED",
        }
        for n in range(count)
    ]
    answer = await door.call("CreateTransactions", transactions=rows)
    assert answer["succeeded"] == count
    return rows


@pytest.mark.parametrize("sort", ["DATE_DESC", "DATE_ASC", "AMOUNT_DESC", "AMOUNT_ASC"])
@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_hold_every_row_once_and_in_order(door: Door, sort: str, limit: int) -> None:
    await fill(door, await account(door), 40)
    rows = await door.pages("ListTransactions", limit=limit, sort=sort)
    assert len({row["id"] for row in rows}) == len(rows) == 40
    keys = [
        (Decimal(row["amount"]) if sort.startswith("AMOUNT") else row["date"], row["id"])
        for row in rows
    ]
    assert keys == sorted(keys, reverse=sort.endswith("DESC"))


async def test_rows_that_come_and_go_disturb_no_page(door: Door) -> None:
    giro = await account(door)
    await fill(door, giro, 20)
    first = await door.call("ListTransactions", limit=10)
    await door.call("DeleteTransaction", id=first["items"][3]["id"])
    await door.call(
        "CreateTransaction",
        {"accountId": giro, "date": "2026-02-01", "amount": "1", "description": "new"},
    )
    second = await door.call("ListTransactions", limit=10, cursor=first["nextCursor"])
    seen = [row["id"] for row in first["items"] + second["items"]]
    assert len(set(seen)) == 20
    assert second["hasMore"] is False


async def test_each_filter_leaves_what_it_says(door: Door) -> None:
    giro, other = await account(door), await account(door, "Other")
    rows = await fill(door, giro, 30)
    await door.call(
        "CreateTransaction",
        {"accountId": other, "date": "2026-03-01", "amount": "99", "description": "x"},
    )
    sizes = {n: abs(Decimal(row["amount"])) for n, row in enumerate(rows)}
    cases: list[tuple[dict[str, Any], int]] = [
        ({"from": "2026-01-03", "to": "2026-01-04"}, 12),
        ({"accountId": other}, 1),
        ({"status": "PENDING"}, 3),
        ({"tag": "even"}, 15),
        ({"tag": "eve"}, 0),
        ({"search": "COFFEE"}, 10),
        ({"search": "100%_"}, 20),
        ({"search": "%"}, 20),
        ({"search": "ωMEGA"}, 8),
        ({"minAmount": "3", "maxAmount": "5.50"}, sum(3 <= s <= Decimal("5.5") for s in sizes.values())),
        ({"kind": "INCOME"}, sum(Decimal(row["amount"]) > 0 for row in rows) + 1),
        ({"kind": "TRANSFER"}, 0),
        ({"minAmount": "50", "kind": "INCOME"}, 1),
    ]  # fmt: skip
    for wanted, count in cases:
        found = await door.pages("ListTransactions", limit=100, **wanted)
        assert len(found) == count, wanted


async def test_a_category_filter_reaches_its_children(door: Door) -> None:
    giro = await account(door)
    known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
    for key in ("groceries", "restaurants", "food", "transport"):
        body = {"accountId": giro, "date": "2026-01-01", "amount": "-1", "description": key}
        await door.call("CreateTransaction", {**body, "categoryId": known[key]})
    found = await door.call("ListTransactions", categoryId=known["food"])
    assert {row["description"] for row in found["items"]} == {"groceries", "restaurants", "food"}


async def test_an_accounts_own_list_takes_the_same_filters(door: Door) -> None:
    giro, other = await account(door), await account(door, "Other")
    await fill(door, giro, 10)
    await fill(door, other, 4)
    rows = await door.pages("ListAccountTransactions", id=giro, limit=3, sort="AMOUNT_ASC")
    assert len(rows) == 10
    assert {row["accountId"] for row in rows} == {giro}
    assert len(await door.pages("ListAccountTransactions", id=other, limit=3, tag="even")) == 2


@pytest.mark.case("G11")
async def test_a_cursor_is_good_only_where_it_was_made(door: Door, bob: Any) -> None:
    await fill(door, await account(door), 5)
    cursor = (await door.call("ListTransactions", limit=2))["nextCursor"]
    changed = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    others = door.as_person(bob)
    for who, wanted in (
        (door, {"cursor": changed}),
        (door, {"cursor": cursor[: len(cursor) // 2]}),
        (door, {"cursor": "x"}),
        (door, {"cursor": cursor, "sort": "DATE_ASC"}),
        (others, {"cursor": cursor}),
    ):
        with pytest.raises(Refused) as refused:
            await who.call("ListTransactions", limit=2, **wanted)
        assert refused.value.code == "INVALID_CURSOR"


@pytest.mark.case("G10")
async def test_page_sizes_have_bounds(client: Any, ada: Any) -> None:
    door = GraphQLDoor(client, ada)
    await fill(door, await account(door), 3)
    empty = await door.query("{transactions(first: 0) { nodes { id } totalCount }}")
    assert empty["data"]["transactions"] == {"nodes": [], "totalCount": 3}
    for arguments in ("first: -1", "first: 101", "last: 101", "first: 1, last: 1"):
        with pytest.raises(Refused) as refused:
            await door.query(f"{{transactions({arguments}) {{ nodes {{ id }} }}}}")
        assert refused.value.code == "VALIDATION_ERROR"


async def test_a_list_is_read_backwards_too(client: Any, ada: Any) -> None:
    door = GraphQLDoor(client, ada)
    await fill(door, await account(door), 7)
    document = """query ($last: Int, $before: String) {
      transactions(last: $last, before: $before) {
        nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    forward = await door.query("{transactions(first: 100) { nodes { id } }}")
    everything = [row["id"] for row in forward["data"]["transactions"]["nodes"]]
    seen: list[str] = []
    before = None
    while True:
        page = (await door.query(document, last=3, before=before))["data"]["transactions"]
        seen = [row["id"] for row in page["nodes"]] + seen
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert seen == everything


NESTED = """{ viewer { email accounts(first: 25) { totalCount nodes { name balance
  transactions(first: 3) { nodes { amount account { name institution } category { name parent { name } } splits { amount category { name } } transfer { amount account { name } } } } } }
  categories(first: 25) { nodes { name children { name } parent { name } } } } }"""


async def test_statements_do_not_grow_with_rows(
    client: Any, ada: Any, bob: Any, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 20)):
        door = GraphQLDoor(client, person)
        known = {row["key"]: row["id"] for row in await door.pages("ListCategories", limit=100)}
        accounts = [await account(door, f"A{n}") for n in range(size + 1)]
        body = {"date": "2026-01-01", "description": "x"}
        for where in accounts[:size]:
            parts = [{"categoryId": known["rent"], "amount": "-1"}] * 2
            await door.call(
                "CreateTransactions",
                transactions=[
                    {**body, "accountId": where, "amount": "-2", "splits": parts},
                    {**body, "accountId": where, "amount": "-3", "transferAccountId": accounts[-1]},
                    {**body, "accountId": where, "amount": "-4", "categoryId": known["groceries"]},
                ],
            )
        await door.query(NESTED)
        with counted(services.database) as seen:
            answer = await door.query(NESTED)
        counts.append(len(seen))
        assert answer["data"]["viewer"]["accounts"]["totalCount"] == size + 1
    assert counts[0] == counts[1]
