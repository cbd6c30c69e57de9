"""Groups and their people through both doors: founding, roles, leaving, what others may see."""

import asyncio
from typing import Any

import pytest

from app import Running
from tests.doors import Door, GraphQLDoor, Person, Refused, RestDoor, register
from tests.groups.world import circle, drain

pytestmark = pytest.mark.anyio


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


async def test_a_founded_group_is_its_owners_own(door: Door, bob: Person) -> None:
    made = await door.call("CreateGroup", {"name": "Flat"})
    assert {name: made[name] for name in ("name", "currency", "myRole", "version")} == {
        "name": "Flat", "currency": "EUR", "myRole": "OWNER", "version": 1,
    }  # fmt: skip
    assert made["id"].startswith("grp_")
    assert await door.call("GetGroup", id=made["id"]) == made
    assert (await door.call("ListGroups"))["items"] == [made]
    (member,) = (await door.call("ListGroupMembers", id=made["id"]))["items"]
    assert door.person is not None
    assert (member["userId"], member["role"]) == (door.person.id, "OWNER")
    assert (member["name"], member["email"]) == ("Ada", door.person.email)
    stranger = door.as_person(bob)
    assert (await stranger.call("ListGroups"))["items"] == []
    for operation, body in (
        ("GetGroup", None), ("UpdateGroup", {"name": "x"}), ("DeleteGroup", None),
        ("ListGroupMembers", None), ("ListGroupTransactions", None), ("GetGroupBalances", None),
        ("CreateGroupTransaction", {"amount": "1", "description": "x"}),
        ("AddGroupMember", {"email": "x@example.org"}),
    ):  # fmt: skip
        assert (await told(stranger.call(operation, body, id=made["id"]))).code == "NOT_FOUND"
    for wrong in ("grp_x", "acct_" + "0" * 26, "grp_" + "0" * 26):
        assert (await told(door.call("GetGroup", id=wrong))).code == "NOT_FOUND"


async def test_wrong_fields_found_nothing(door: Door) -> None:
    for field, value in (("name", ""), ("name", "x" * 201), ("currency", "EURO"), ("owner", 1)):
        refused = await told(door.call("CreateGroup", {"name": "x", field: value}))
        assert set(refused.paths) == {field}
    assert (await door.call("ListGroups"))["items"] == []


async def test_a_repeated_founding_happens_once(door: Door) -> None:
    first = await door.call("CreateGroup", {"name": "Flat"}, key="g1")
    assert await door.call("CreateGroup", {"name": "Flat"}, key="g1") == first
    assert door.replayed
    assert len((await door.call("ListGroups"))["items"]) == 1


async def test_owners_change_a_group_under_its_version(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    new = await world.call("UpdateGroup", {"name": "Flat", "currency": "JPY"}, version=1)
    assert (new["name"], new["currency"], new["version"]) == ("Flat", "JPY", 2)
    refused = await told(world.call("UpdateGroup", {"name": "x"}, version=1))
    assert (refused.code, refused.details["current"]["name"]) == ("STALE_OBJECT", "Flat")
    assert (await told(world.call("UpdateGroup", {"name": "x"}, by=1))).code == "FORBIDDEN"
    assert (await told(world.call("DeleteGroup", by=1))).code == "FORBIDDEN"
    assert (await told(world.call("UpdateGroup", {"name": None}))).paths == {"name": "REQUIRED"}
    assert await world.call("UpdateGroup", {"name": "Flat"}) == new


async def test_a_put_may_send_back_what_a_get_answered(client: Any, ada: Person) -> None:
    made = await RestDoor(client, ada).call("CreateGroup", {"name": "Flat"})
    path = f"/v1/groups/{made['id']}"
    got = await client.get(path, headers=ada.headers)
    same = await client.put(path, json=made, headers=ada.headers)
    assert same.json()["data"] == made
    assert same.headers["etag"] == got.headers["etag"]
    again = await client.get(path, headers={**ada.headers, "If-None-Match": got.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.case("T08")
async def test_viewers_look_and_members_do_not_manage(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo", roles={"Cleo": "VIEWER"})
    await world.spend("10")
    group = await world.call("GetGroup", by=2)
    assert group["myRole"] == "VIEWER"
    assert len((await world.call("ListGroupTransactions", by=2))["items"]) == 1
    spent = {"amount": "1", "description": "x"}
    assert (await told(world.call("CreateGroupTransaction", spent, by=2))).code == "FORBIDDEN"
    category = {"name": "Pets", "kind": "EXPENSE"}
    refused = await told(world.doors[2].call("CreateCategory", category, groupId=world.group))
    assert refused.code == "FORBIDDEN"
    for by in (1, 2):
        for operation, body, more in (
            ("AddGroupMember", {"email": "x@example.org"}, {}),
            ("AddGroupMember", {"userId": world.ids[0]}, {}),
            ("UpdateGroupMember", {"role": "OWNER"}, {"userId": world.ids[by]}),
            ("RemoveGroupMember", None, {"userId": world.ids[0]}),
        ):
            code = (await told(world.call(operation, body, by=by, **more))).code
            assert code == "FORBIDDEN", (operation, by)
        asked = {"groupId": world.group, "email": "x@example.org"}
        assert (await told(world.doors[by].call("CreateInvitation", asked))).code == "FORBIDDEN"


@pytest.mark.case("T08")
async def test_a_group_keeps_an_owner(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    one, two = world.ids
    assert (await told(world.call("RemoveGroupMember", userId=one))).code == "CONFLICT"
    demoted = world.call("UpdateGroupMember", {"role": "VIEWER"}, userId=one)
    assert (await told(demoted)).code == "CONFLICT"
    assert (await world.call("GetGroup"))["myRole"] == "OWNER"
    new = await world.call("UpdateGroupMember", {"role": "OWNER"}, userId=two, version=1)
    assert (new["role"], new["version"]) == ("OWNER", 2)
    down = await world.call("UpdateGroupMember", {"role": "VIEWER"}, userId=one)
    assert down["role"] == "VIEWER"
    assert (await world.call("GetGroup"))["myRole"] == "VIEWER"
    assert (await told(world.call("RemoveGroupMember", by=1, userId=two))).code == "CONFLICT"
    # A viewer's own leaving is her own affair.
    assert (await world.call("RemoveGroupMember", userId=one))["deleted"] is True
    assert (await told(world.call("GetGroup"))).code == "NOT_FOUND"
    left = await world.call("ListGroupMembers", by=1, former=True)
    assert [(row["name"], row["email"], row["role"]) for row in left["items"]] == [
        ("Ada", None, "VIEWER")
    ]


async def test_who_owes_or_is_owed_stays(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", "Cleo")
    await world.spend("30")
    await world.spend("10", currency="USD", by=1, shares=[{"userId": world.ids[2]}])
    for who in (1, 2):
        refused = await told(world.call("RemoveGroupMember", userId=world.ids[who]))
        assert refused.code == "CONFLICT"
        nets = {one["currency"]: one["net"] for one in refused.details["balances"]}
        assert nets == {"EUR": "-10.00", "USD": {1: "10.00", 2: "-10.00"}[who]}
    leaving = await told(world.call("RemoveGroupMember", by=1, userId=world.ids[1]))
    assert leaving.code == "CONFLICT"
    refused = await told(world.call("DeleteGroup"))
    assert refused.code == "CONFLICT"
    assert len(refused.details["balances"]) == 5
    await world.settle("10", 1, 0)
    await world.settle("10", 2, 1, currency="USD")
    await world.call("RemoveGroupMember", userId=world.ids[1])
    for call in (
        world.call("GetGroup", by=1), world.spend("1", by=1), world.call("GetGroupBalances", by=1),
    ):  # fmt: skip
        assert (await told(call)).code == "NOT_FOUND"
    assert (await world.nets())["EUR"] == ["10.00", "0.00", "-10.00"]


async def test_people_see_each_other_while_they_share_a_group(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, GraphQLDoor(client, ada), "Bob", "Cleo")
    document = "query($id: ID!) { node(id: $id) { id __typename ... on Profile { name email } } }"

    async def seen(by: int, whom: int) -> Any:
        return (await world.doors[by].query(document, id=world.ids[whom]))["data"]["node"]

    assert await seen(1, 0) == {
        "id": ada.id, "__typename": "Profile", "name": "Ada", "email": ada.email,
    }  # fmt: skip
    assert (await seen(1, 1))["__typename"] == "User"
    stranger = GraphQLDoor(client, await register(client, name="Dan"))
    assert (await stranger.query(document, id=ada.id))["data"]["node"] is None
    await world.call("RemoveGroupMember", by=2, userId=world.ids[2])
    assert await seen(1, 2) is None
    assert await seen(2, 1) is None


async def test_a_new_name_reaches_every_group(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", roles={"Bob": "VIEWER"})
    await world.doors[1].call("UpdateMe", {"name": "Robert"})
    await world.drain()
    shown = await world.call("GetGroupMember", userId=world.ids[1])
    assert (shown["name"], shown["role"], shown["version"]) == ("Robert", "VIEWER", 2)


async def test_members_are_added_by_id_out_of_shared_groups(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    other = (await door.call("CreateGroup", {"name": "Flat"}))["id"]
    body = {"userId": world.ids[1], "role": "VIEWER"}
    added = await door.call("AddGroupMember", body, id=other, key="m1")
    assert (added["userId"], added["role"], added["name"]) == (world.ids[1], "VIEWER", "Bob")
    assert await door.call("AddGroupMember", body, id=other, key="m1") == added
    assert (await told(door.call("AddGroupMember", body, id=other))).code == "CONFLICT"
    dan = await register(door.client, name="Dan")
    for unknown in (dan.id, "user_" + "0" * 26, "user_x"):
        refused = await told(door.call("AddGroupMember", {"userId": unknown}, id=other))
        assert refused.paths == {"userId": "NOT_FOUND"}
        assert refused.message == "userId: There is no such object."
    for wrong in ({}, {"userId": dan.id, "email": dan.email}):
        assert (await told(door.call("AddGroupMember", wrong, id=other))).paths == {
            "userId": "INVALID"
        }
    assert len((await world.doors[1].call("ListGroups"))["items"]) == 2


async def test_rest_tells_a_member_from_an_invitation(
    client: Any, ada: Person, running: Running
) -> None:
    world = await circle(running, RestDoor(client, ada), "Bob")
    other = (await world.doors[0].call("CreateGroup", {"name": "Flat"}))["id"]
    path = f"/v1/groups/{other}/members"
    member = await client.post(path, json={"userId": world.ids[1]}, headers=ada.headers)
    assert member.status_code == 201
    assert member.headers["location"] == f"http://testserver{path}/{world.ids[1]}"
    got = await client.get(f"{path}/{world.ids[1]}", headers=ada.headers)
    assert (got.json()["data"], got.headers["etag"]) == (
        member.json()["data"], member.headers["etag"],
    )  # fmt: skip
    asked = await client.post(path, json={"email": "new@example.org"}, headers=ada.headers)
    assert asked.status_code == 202
    wanted = asked.json()["data"]["id"]
    assert asked.headers["location"] == f"http://testserver/v1/invitations/{wanted}"


@pytest.mark.case("T07")
async def test_who_was_removed_commits_nothing_afterwards(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")

    async def spend() -> str:
        try:
            row = {
                "shares": [{"userId": world.ids[0]}],
                "paidBy": [{"userId": world.ids[0], "amount": "1"}],
            }
            await world.spend("1", by=1, **row)
        except Refused as refused:
            return refused.code
        return "done"

    done = await asyncio.gather(
        *(spend() for _ in range(5)),
        world.call("RemoveGroupMember", userId=world.ids[1]),
        *(spend() for _ in range(5)),
    )
    kept = await world.call("ListGroupTransactions")
    assert len(kept["items"]) == done.count("done")
    assert set(done[:5] + done[6:]) <= {"done", "NOT_FOUND"}
    assert await spend() == "NOT_FOUND"


@pytest.mark.case("T08")
async def test_two_who_step_down_at_once_leave_one_owner(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", roles={"Bob": "OWNER"})

    async def leave(by: int) -> str:
        try:
            await world.call("RemoveGroupMember", by=by, userId=world.ids[by])
        except Refused as refused:
            return refused.code
        return "left"

    assert sorted(await asyncio.gather(leave(0), leave(1))) == ["CONFLICT", "left"]


async def test_a_deleted_group_is_gone_for_all_and_in_the_end_for_good(
    door: Door, running: Running
) -> None:
    world = await circle(running, door, "Bob")
    await world.spend("20")
    await world.settle("10", 1, 0)
    dan = await register(door.client, name="Dan")
    asked = await world.invite(dan)
    assert await world.call("DeleteGroup", version=1) == {"id": world.group, "deleted": True}
    for by in (0, 1):
        assert (await told(world.call("GetGroup", by=by))).code == "NOT_FOUND"
        assert (await world.doors[by].call("ListGroups"))["items"] == []
    stranger = door.as_person(dan)
    assert (await stranger.call("ListInvitations"))["items"] == []
    assert (await told(stranger.call("AcceptInvitation", id=asked))).code in {
        "NOT_FOUND",
        "CONFLICT",
    }
    await drain(running)
    document = "{viewer{shares{nodes{owed kind group{id}}}}}"
    graph = GraphQLDoor(door.client, world.people[1])
    shares = (await graph.query(document))["data"]["viewer"]["shares"]["nodes"]
    assert shares == [
        {"owed": "0.00", "kind": "SETTLEMENT", "group": None},
        {"owed": "10.00", "kind": "EXPENSE", "group": None},
    ]
    assert (await told(stranger.call("AcceptInvitation", id=asked))).code == "NOT_FOUND"
