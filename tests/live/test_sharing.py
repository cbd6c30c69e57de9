"""What followers share: one look for many, opened stretches, fair turns; and what nobody shares."""

import asyncio
from typing import Any

import pytest

from app import Running
from graph.context import Services
from graph.sharing import Flag, Looks, Turns, made_once
from resolvers.feed import Spans, present_position, read_changes
from tests.doors import GraphQLDoor, Person
from tests.groups.world import circle
from tests.live.sockets import Talk
from tests.live.test_updates import ready
from tests.statements import counted

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
ROW = {"date": "2026-01-01", "amount": "-1.50", "description": "x"}
DOCUMENT = "subscription{changes(kinds:[TRANSACTION]){type id cursor node{...on Transaction{amount account{name}}}}}"


async def heard(talks: list[Talk]) -> list[Any]:
    """What each is told next."""
    return [(await one.next())["changes"] for one in talks]


async def test_twenty_followers_of_the_same_books_cost_the_statements_of_one(
    dial: Any, client: Any, ada: Person, services: Services
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    # The first write of a row costs more than those that remember it.
    await door.call("CreateTransaction", {**ROW, "accountId": account})
    costs = []
    talks: list[Talk] = []
    for count in (1, 20):
        while len(talks) < count:
            talk = await (await dial()).init(ada.token)
            talks.append(await talk.run(DOCUMENT))
            await talk.silence()
        with counted(services.database) as seen:
            made = await door.call("CreateTransaction", {**ROW, "accountId": account})
            told = await heard(talks)
        costs.append(len([one for one in seen if " changes" in one or "FROM accounts" in one]))
        shown = {"amount": "-1.50", "account": {"name": "A"}}
        assert [(one["id"], one["node"]) for one in told] == [(made["id"], shown)] * count
        assert len({one["cursor"] for one in told}) == 1
    assert costs[0] == costs[1]


async def test_each_way_of_asking_has_its_own_answer(
    dial: Any, client: Any, ada: Person, bob: Person
) -> None:
    door = GraphQLDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    one, two, plain = [await (await dial()).init(ada.token) for _ in range(3)]
    other = await (await dial()).init(bob.token)
    updates = [(await ready(dial, ada))[0] for _ in range(2)]
    asked = "subscription($no: Boolean!){changes{type id @skip(if:$no)}}"
    await one.run(asked, no=True)
    await two.run(asked, "another", no=False)
    await plain.run("subscription{transactionChanged{id}}")
    await other.run(asked, no=False)
    for each in (one, two, plain, other):
        await each.silence()
    made = await door.call("CreateTransaction", {**ROW, "accountId": account})
    assert (await one.next())["changes"] == {"type": "transaction.created"}
    second = await two.hear()
    assert second["id"] == "another"
    assert second["payload"]["data"]["changes"] == {"type": "transaction.created", "id": made["id"]}
    assert (await plain.next())["transactionChanged"] == {"id": made["id"]}
    await other.silence()
    first, again = [await each.hear() for each in updates]
    assert first == again
    assert (first["id"], first["data"]["amount"]) == (made["id"], "-1.50")


async def test_members_open_a_stretch_of_their_group_once_and_nobody_else_gets_it(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, GraphQLDoor(client, ada), "Bob", "Cleo")
    database = running.services.database
    people = [(await running.services.auth.actor(one.person.token)).user_id for one in world.doors]
    before = [present_position(await database.visible_versions(one)) for one in people]
    await world.spend("20.00", shares=[{"userId": ada.id}])
    spans = Spans()
    told, looks = [], []
    for person, position in zip(people[:2], before, strict=False):
        with counted(database) as seen:
            async with database.read(person) as tx:
                page = await read_changes(tx, position, limit=100, spans=spans)
        told.append([one for one in page.events if one.entity == "group_transaction"])
        looks.append(len([one for one in seen if "FROM changes" in one]))
    assert looks[1] == looks[0] - 1
    (first,), (second,) = told
    assert (first.entity_id, first.after) == (second.entity_id, second.after)
    assert first.answers is not second.answers
    await world.doors[0].call("RemoveGroupMember", id=world.group, userId=world.doors[2].person.id)
    async with database.read(people[2]) as tx:
        page = await read_changes(tx, before[2], limit=100, spans=spans)
    assert [one.op for one in page.events if one.group_id is not None] == ["REMOVE"]


async def test_who_heard_news_later_is_not_shown_an_earlier_look() -> None:
    looks: Looks[int] = Looks()
    shown = iter(range(10))
    gate = asyncio.Event()

    async def look() -> int:
        await gate.wait()
        return next(shown)

    async def see(since: int) -> int:
        return await looks.see("key", since, look)

    early = [asyncio.create_task(see(0)) for _ in range(3)]
    await asyncio.sleep(0)
    looks.news += 1
    late = [asyncio.create_task(see(1)) for _ in range(3)]
    await asyncio.sleep(0)
    early[0].cancel()
    gate.set()
    seen = await asyncio.gather(*early[1:]), await asyncio.gather(*late)
    assert [len(set(one)) for one in seen] == [1, 1]
    assert seen[0][0] != seen[1][0]
    assert await see(1) == seen[1][0]
    await looks.close()


async def test_few_go_on_in_a_round_of_the_loop_and_in_order() -> None:
    turns, rounds, order = Turns(3), 0, []
    done = asyncio.Event()

    async def one(number: int) -> None:
        await turns.take()
        order.append((number, rounds))
        if number == 9:
            done.set()

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    while not done.is_set():
        await asyncio.sleep(0)
        rounds += 1
    await asyncio.gather(*tasks)
    assert [number for number, _ in order] == list(range(10))
    by_round = [at for _, at in order]
    assert max(by_round.count(at) for at in by_round) == 3


async def test_a_failed_answer_is_nobody_elses() -> None:
    answers: dict[Any, Any] = {}
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        if made == 1:
            raise ValueError
        return made

    found = await asyncio.gather(
        *(made_once(answers, "a", make, for_all=lambda _: True) for _ in range(3)),
        return_exceptions=True,
    )
    assert isinstance(found[0], ValueError)
    assert found[1:] == [3, 3]
    assert made == 3


async def test_a_flag_lets_all_go_on_that_wait_and_forgets_who_gives_up() -> None:
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    flag.set()
    assert await asyncio.gather(*waiting[1:]) == [True, True]
    assert flag.is_set()
    flag.clear()
    late = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    assert not late.done()
    flag.set()
    assert await late
