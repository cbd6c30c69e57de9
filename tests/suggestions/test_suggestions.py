"""Suggestions: learned from what is in the books, offered where nothing is, never applied."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from app import Running
from graph.context import Services
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from resolvers.suggestions import LEARN, keeping
from resolvers.verify import verify_ledger
from tests.doors import GraphQLDoor, Person
from tests.rules.world import LOCK, account, book, category, rule, says
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

SUGGEST = "suggestion { categoryId score reason category { name } }"
ONE = f"query($id: ID!){{ transaction(id: $id) {{ categoryId version {SUGGEST} }} }}"
ALL = f"{{ transactions(first: 100) {{ nodes {{ id {SUGGEST} }} }} }}"


@pytest.fixture
def door(client: Any, ada: Person) -> GraphQLDoor:
    return GraphQLDoor(client, ada)


async def suggested(door: GraphQLDoor, one: str) -> Any:
    return (await door.query(ONE, id=one))["data"]["transaction"]["suggestion"]


async def life(door: GraphQLDoor, times: int = 3) -> tuple[str, str, str]:
    """An account and two categories with a few choices."""
    giro, food, rent = (
        await account(door),
        await category(door, "Food"),
        await category(door, "Rent"),
    )
    for _ in range(times):
        await book(door, giro, "EDEKA 4711", categoryId=food, amount="-20")
        await book(door, giro, "Landlord", categoryId=rent, amount="-650")
    return giro, food, rent


async def test_past_choices_speak_for_a_category(door: GraphQLDoor) -> None:
    giro, food, rent = await life(door)
    one = await book(door, giro, "Édeka 12", amount="-23")
    found = await suggested(door, one)
    assert found.pop("score") >= 90
    assert found == {
        "categoryId": food,
        "reason": "3 of 3 transactions with “edeka” are in Food.",
        "category": {"name": "Food"},
    }
    assert (await door.query(ONE, id=one))["data"]["transaction"]["categoryId"] is None
    assert await suggested(door, await book(door, giro, "Cinema")) is None
    assert await suggested(door, await book(door, giro, "EDEKA", categoryId=rent)) is None


async def test_every_change_is_learned_and_unlearned(
    door: GraphQLDoor, services: Services, running: Running, ada: Person
) -> None:
    giro, food, _ = await life(door)
    fun = await category(door, "Fun")
    one = await book(door, giro, "EDEKA", amount="-20")
    assert (await suggested(door, one))["categoryId"] == food
    listed = (await door.call("ListTransactions", search="EDEKA 4711"))["items"]
    # Changed, deleted, brought back: each time the next look knows.
    for row in listed:
        await door.call("UpdateTransaction", {"categoryId": fun}, id=row["id"])
    assert (await suggested(door, one))["reason"] == "3 of 3 transactions with “edeka” are in Fun."
    for row in listed:
        await door.call("DeleteTransaction", id=row["id"])
    assert await suggested(door, one) is None
    for row in listed[:2]:
        await door.call("RestoreTransaction", id=row["id"])
    assert (await suggested(door, one))["reason"] == "2 of 2 transactions with “edeka” are in Fun."
    await door.call("DeleteCategory", id=fun, moveTo=food)
    assert (await suggested(door, one))["category"] == {"name": "Food"}
    await door.call("UpdateCategory", {"archived": True}, id=food)
    assert await suggested(door, one) is None
    await services.database.settle()
    owner = await services.auth.actor(ada.token)
    report = await verify_ledger(
        services.database, running.chain_key, owner.ledger_id, owner.user_id
    )
    assert report.differences == ()


async def test_a_hand_that_left_it_empty_and_what_has_none_are_not_asked(door: GraphQLDoor) -> None:
    giro, food, _ = await life(door)
    spar = await account(door, name="Spar")
    raw = {"accountId": giro, "date": "2026-01-01", "amount": "-20", "description": "EDEKA"}
    side = await door.call("CreateTransaction", {**raw, "transferAccountId": spar})
    assert await suggested(door, side["id"]) is None
    parts = [{"categoryId": food, "amount": "-10"}] * 2
    split = await door.call("CreateTransaction", {**raw, "splits": parts})
    assert await suggested(door, split["id"]) is None
    one = await book(door, giro, "EDEKA", amount="-20", categoryId=food)
    await door.call("UpdateTransaction", {"categoryId": None}, id=one)
    assert await suggested(door, one) is None
    await door.query(LOCK, id=one, l=[])
    assert (await suggested(door, one))["categoryId"] == food


async def test_a_large_ledger_is_learned_by_a_job(
    door: GraphQLDoor, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 4)
    monkeypatch.setattr(keeping, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(keeping, "_QUIET", keeping._QUIET * 0)
    giro, food, _ = await life(door)
    one = await book(door, giro, "EDEKA", amount="-20")
    for _ in range(2):
        assert await suggested(door, one) is None
        await services.database.settle()
    worker = Worker(services.database, _Silent(), {LEARN: job_handlers(services)[LEARN]})
    # Asked twice, left once.
    assert await worker.run_due() == 1
    assert (await suggested(door, one))["categoryId"] == food
    for _ in range(3):
        await book(door, giro, "EDEKA", categoryId=food, amount="-20")
    # Too much to catch up on while somebody waits: what was learned lately still serves.
    await book(door, giro, "EDEKA", amount="-20")
    await book(door, giro, "EDEKA", amount="-20")
    assert (await suggested(door, one))["reason"].startswith("3 of 3")
    await services.database.settle()
    assert await worker.run_due() == 1
    assert (await suggested(door, one))["reason"].startswith("6 of 6")


class _Silent:
    """Nobody signals: the worker is told to look."""

    work = asyncio.Event()


async def test_rows_of_a_file_are_told_before_they_are_booked(
    door: GraphQLDoor, services: Services
) -> None:
    giro, food, _ = await life(door)
    await rule(door, says("TEXT", "landlord"), actions={"categoryId": food})
    file = "Date,Payee,Text,Amount\n2026-02-01,EDEKA 9,Card,-20.00\n2026-02-02,Landlord,Rent,-650.00\n2026-02-03,Cinema,Card,-9.00\n"
    upload = await door.call("CreateUpload", {"filename": "a.csv", "content": b64encode(file.encode()).decode()})  # fmt: skip
    made = await door.call("CreateImport", {"uploadId": upload["id"], "accountId": giro, "dryRun": True})  # fmt: skip
    handlers = {"import": job_handlers(services)["import"]}
    await Worker(services.database, _Silent(), handlers).run_due()
    rows = (
        f"query($id: ID!){{ import(id: $id) {{ rows {{ nodes {{ line decision {SUGGEST} }} }} }} }}"
    )
    found = (await door.query(rows, id=made["id"]))["data"]["import"]["rows"]["nodes"]
    # A rule decides the second: a suggestion does not stand above it.
    assert [one["suggestion"] and one["suggestion"]["categoryId"] for one in found] == [food, None, None]  # fmt: skip
    assert {one["decision"] for one in found} == {"NEW"}


async def test_statements_do_not_grow_with_rows_or_choices(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 1), (bob, 8)):
        door = GraphQLDoor(client, person)
        giro, _, _ = await life(door, size + 1)
        for _ in range(size):
            await book(door, giro, "EDEKA", amount="-20")
        await door.query(ALL)
        await services.database.settle()
        with counted(services.database) as seen:
            answer = await door.query(ALL)
        counts.append(len(seen))
        offered = [one for one in answer["data"]["transactions"]["nodes"] if one["suggestion"]]
        assert len(offered) == size
    assert counts[0] == counts[1]
