"""Groups as they are followed: who joins gets them whole, who leaves hears no more of them."""

from typing import Any

import pytest

from app import Running
from tests.doors import GraphQLDoor, Person, RestDoor
from tests.groups.world import circle
from tests.live.following import since
from tests.live.test_updates import ready

pytestmark = pytest.mark.anyio


async def until(talk: Any, type_: str) -> tuple[list[Any], Any]:
    """What comes before an event of a type, and the event."""
    before: list[Any] = []
    while (event := await talk.hear())["type"] != type_:
        before.append(event)
    return before, event


@pytest.mark.case("W06")
async def test_joining_spending_and_leaving(
    dial: Any, client: Any, ada: Person, bob: Person, running: Running
) -> None:
    world = await circle(running, GraphQLDoor(client, ada))
    await world.spend("9.00")
    talk, _ = await ready(dial, bob)
    other = await (await dial()).init(bob.token)
    door = await world.bring(bob)
    before, arrived = await until(talk, "groupTransaction.snapshot")
    kinds = {event["type"] for event in before}
    assert {"group.snapshot", "member.snapshot"} <= kinds
    assert arrived["groupId"] == world.group
    document = "subscription($id: ID!){groupChanged(groupId:$id){type data node{id}}}"
    await other.run(document, id=world.group)
    await other.silence()
    made = await world.spend("30.00", shares=[{"userId": ada.id}])
    _, told = await until(talk, "groupTransaction.created")
    assert (told["id"], told["data"]["amount"]) == (made["id"], "30.00")
    heard = (await other.next())["groupChanged"]
    assert (heard["type"], heard["node"]) == ("groupTransaction.created", {"id": made["id"]})
    await door.call("RemoveGroupMember", id=world.group, userId=bob.id)
    _, gone = await until(talk, "ledger.removed")
    assert (gone["id"], gone["data"]) == (world.group, None)
    assert (await other.next())["groupChanged"]["type"] == "ledger.removed"
    assert (await other.hear())["type"] == "complete"
    await world.spend("1.00")
    await world.drain()
    left = await since(RestDoor(client, bob), gone["cursor"])
    assert [event for event in left if event["groupId"] is not None] == []
    await talk.silence()


async def test_a_copy_of_a_group_is_the_same_for_all_its_members(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, GraphQLDoor(client, ada), "Bob", "Cleo")
    await world.spend("10.00")
    row = await world.spend("20.00", by=1)
    await world.call("DeleteGroupTransaction", txId=row["id"], by=1)
    await world.settle("3.33", 2, 0)
    await world.drain()
    copies = []
    for door in world.doors:
        told = await since(door, "start")
        copies.append([(e["type"], e["id"], e["version"]) for e in told if e["groupId"]])
    assert copies[0] == copies[1] == copies[2]
    listed = await world.call("ListGroupTransactions")
    known = {id_ for type_, id_, _ in copies[0] if type_ == "groupTransaction.snapshot"}
    assert known == {one["id"] for one in listed["items"]}
