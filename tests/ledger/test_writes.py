"""The write path: versions, feed, idempotency under concurrency, one effect for one key."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select

from graph.context import Services
from models import ids
from models.base import table
from models.changes import Change, content_place
from models.ledgers import Ledger
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor

pytestmark = pytest.mark.anyio

ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}


async def state(services: Services, person: Person) -> tuple[int, int]:
    ledgers = table(Ledger)
    async with services.database.read(ids.decode("user", person.id)) as tx:
        row = await tx.first(select(ledgers.c.version, ledgers.c.books))
    return row.version, row.books


async def test_each_write_is_one_version_and_figures_move_the_books(
    door: Door, ada: Person, services: Services
) -> None:
    start = await state(services, ada)
    giro = await door.call("CreateAccount", ACCOUNT)
    assert await state(services, ada) == (start[0] + 1, start[1] + 1)
    await door.call("CreateCategory", {"name": "x", "kind": "EXPENSE"})
    assert await state(services, ada) == (start[0] + 2, start[1] + 1)
    rows = [{"accountId": giro["id"], "date": "2026-01-01", "amount": "1", "description": "x"}] * 5
    await door.call("CreateTransactions", transactions=rows)
    assert await state(services, ada) == (start[0] + 3, start[1] + 2)
    with pytest.raises(Refused):
        await door.call("CreateAccount", {**ACCOUNT, "currency": "EURO"})
    await door.call("ListTransactions")
    assert await state(services, ada) == (start[0] + 3, start[1] + 2)


async def test_the_feed_tells_each_object_before_and_after(
    door: Door, ada: Person, services: Services
) -> None:
    giro = await door.call("CreateAccount", ACCOUNT)
    await door.call("UpdateAccount", {"name": "Neu"}, id=giro["id"])
    changes = table(Change)
    async with services.database.read(ids.decode("user", ada.id)) as tx:
        rows = await tx.rows(
            select(changes)
            .where(changes.c.entity_id == ids.decode("acct", giro["id"]))
            .order_by(changes.c.version)
        )
        await tx.unlock([rows[0].ledger_id])
        ring = tx.ring(rows[0].ledger_id)
        opened = [
            json.loads(ring.unseal(content_place(row.version, row.seq), row.entity_id, row.content))
            for row in rows
        ]
    assert [row.op for row in rows] == ["CREATE", "UPDATE"]
    assert [one.get("before", {}).get("name") for one in opened] == [None, "Giro"]
    assert [one["after"]["name"] for one in opened] == ["Giro", "Neu"]
    assert all(b"Giro" not in row.content for row in rows)


@pytest.mark.case("X01")
async def test_forty_repeats_at_once_have_one_effect(door: Door) -> None:
    answers = await asyncio.gather(
        *(door.call("CreateAccount", ACCOUNT, key="once") for _ in range(40))
    )
    assert len({json.dumps(one, sort_keys=True) for one in answers}) == 1
    assert len((await door.call("ListAccounts"))["items"]) == 1


@pytest.mark.case("X02")
async def test_a_key_is_its_owners_and_stands_for_one_input(door: Door, bob: Person) -> None:
    mine = await door.call("CreateAccount", ACCOUNT, key="k")
    theirs = await door.as_person(bob).call("CreateAccount", ACCOUNT, key="k")
    assert mine["id"] != theirs["id"]
    with pytest.raises(Refused) as refused:
        await door.call("CreateAccount", {**ACCOUNT, "name": "Other"}, key="k")
    assert (refused.value.code, refused.value.details) == ("IDEMPOTENCY_KEY_REUSED", {})
    with pytest.raises(Refused) as refused:
        await door.call("CreateCategory", {"name": "x", "kind": "EXPENSE"}, key="k")
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.case("X02")
async def test_doors_replay_each_other(client: Any, ada: Person) -> None:
    rest, graph = RestDoor(client, ada), GraphQLDoor(client, ada)
    body = {**ACCOUNT, "openingBalance": 5}
    first = await rest.call("CreateAccount", body, key="k")
    again = await graph.call("CreateAccount", {**ACCOUNT, "openingBalance": "5"}, key="k")
    assert (again, graph.replayed, rest.replayed) == (first, True, False)
    changed = await graph.call("UpdateAccount", {"name": "Neu"}, id=first["id"], key="u")
    same = await rest.call("UpdateAccount", {"name": "Neu"}, id=first["id"], key="u")
    assert (same, rest.replayed) == (changed, True)


@pytest.mark.case("X02")
async def test_a_failed_request_frees_its_key(door: Door) -> None:
    with pytest.raises(Refused):
        await door.call("CreateAccount", {**ACCOUNT, "currency": "EURO"}, key="k")
    made = await door.call("CreateAccount", ACCOUNT, key="k")
    assert (made["name"], door.replayed) == ("Giro", False)


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ"])
async def test_a_key_is_short_printable_text(client: Any, ada: Person, key: str) -> None:
    with pytest.raises(Refused) as refused:
        await GraphQLDoor(client, ada).call("CreateAccount", ACCOUNT, key=key)
    assert refused.value.paths == {"idempotencyKey": "INVALID"}


@pytest.mark.case("X04")
async def test_of_fifty_writers_with_one_version_one_wins(door: Door) -> None:
    giro = await door.call("CreateAccount", ACCOUNT)
    answers = await asyncio.gather(
        *(
            door.call("UpdateAccount", {"name": f"N{n}"}, id=giro["id"], version=1)
            for n in range(50)
        ),
        return_exceptions=True,
    )
    won = [one for one in answers if isinstance(one, dict)]
    lost = [one for one in answers if isinstance(one, Refused)]
    assert (len(won), len(lost)) == (1, 49)
    assert {one.code for one in lost} == {"STALE_OBJECT"}
    assert (await door.call("GetAccount", id=giro["id"]))["name"] == won[0]["name"]


@pytest.mark.case("X04")
async def test_concurrent_writers_lose_no_cent(door: Door, services: Services) -> None:
    giro = await door.call("CreateAccount", ACCOUNT)
    body = {"accountId": giro["id"], "date": "2026-01-01", "amount": "0.01", "description": "x"}
    await asyncio.gather(*(door.call("CreateTransaction", body) for _ in range(60)))
    assert (await door.call("GetAccount", id=giro["id"]))["balance"] == "0.60"
    changes = table(Change)
    async with services.database.read(ids.decode("user", door.person.id)) as tx:
        versions = await tx.first(
            select(func.count(changes.c.version.distinct()), func.max(changes.c.version))
        )
    assert versions[0] == versions[1]


@pytest.mark.case("E10")
async def test_a_total_past_64_bits_is_refused_and_never_wrapped(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    giro = await door.call("CreateAccount", ACCOUNT)
    row = {"accountId": giro["id"], "date": "2026-01-01", "description": "x"}
    big = {**row, "amount": "1000000000000.00"}
    monkeypatch.setattr("resolvers.totals.INT64_MAX", 3 * 10**14)
    await door.call("CreateTransactions", transactions=[big] * 3)
    with pytest.raises(Refused) as refused:
        await door.call("CreateTransaction", {**row, "amount": "0.01"})
    assert refused.value.code == "OVERFLOW"
    assert (await door.call("GetAccount", id=giro["id"]))["balance"] == "3000000000000.00"
