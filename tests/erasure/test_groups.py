"""Leaving for good as a member of groups: nobody is left with a debt, an orphan or a name."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import Running
from graph.handlers import job_handlers
from models import ids
from models.embedded.parts import Endpoints
from resolvers.jobs import Worker
from resolvers.verify import verify_ledger
from tests.doors import PASSWORD, Door, Refused, RestDoor
from tests.exports.files import download
from tests.groups.world import Circle, circle

pytestmark = pytest.mark.anyio


@pytest.fixture
async def root(parts: Endpoints, running: Running) -> Any:
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


async def drained(running: Running) -> None:
    services = running.services
    await Worker(services.database, running.broker, job_handlers(services)).run_due()


async def leave(door: Door) -> Any:
    assert door.person is not None
    return await door.call("DeleteUser", {"password": PASSWORD, "confirm": door.person.email})


def uuid(prefix: str, wire: str) -> UUID:
    found = ids.decode(prefix, wire)
    assert found is not None
    return found


async def refusal(world: Circle, by: int) -> list[dict[str, Any]]:
    """Why somebody cannot leave; nothing has changed by asking."""
    before = await world.call("ListGroupMembers", by=by)
    with pytest.raises(Refused) as refused:
        await leave(world.doors[by])
    assert refused.value.code == "CONFLICT"
    assert await world.call("ListGroupMembers", by=by) == before
    groups: list[dict[str, Any]] = refused.value.details["groups"]
    return groups


async def test_who_owes_or_is_owed_stays(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob", roles={"Bob": "OWNER"})
    await world.spend("10")
    for by, net in ((0, "5.00"), (1, "-5.00")):
        (group,) = await refusal(world, by)
        assert (group["groupId"], group["name"], group["reason"]) == (world.group, "Trip", "DEBT")
        assert [one["net"] for one in group["balances"]] == [net]
    await world.settle("5", 1, 0)
    assert (await leave(world.doors[1]))["keysShredded"] == [1]


async def test_the_last_owner_hands_over_first(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    assert [one["reason"] for one in await refusal(world, 0)] == ["LAST_OWNER"]
    await world.call("UpdateGroupMember", {"role": "OWNER"}, userId=world.ids[1])
    assert await leave(world.doors[0])


async def test_the_group_keeps_a_deleted_user(
    door: Door, running: Running, root: asyncpg.Connection
) -> None:
    world = await circle(running, door, "Bob", "Cleo", roles={"Bob": "OWNER"})
    await world.spend("30")
    await world.settle("10", 1, 0)
    await world.settle("10", 2, 0)
    await drained(running)
    gone = world.people[0]
    invited = await world.invite(gone_guest(world))
    assert invited
    await leave(world.doors[0])
    await drained(running)
    members = (await world.call("ListGroupMembers", by=1))["items"]
    assert sorted(one["name"] for one in members) == ["Bob", "Cleo"]
    rows = (await world.call("ListGroupTransactions", by=1))["items"]
    assert {one["amount"] for one in rows} == {"30.00", "10.00"}
    assert {one["userId"] for row in rows for one in row["paidBy"]} == set(world.ids)
    group = uuid("grp", world.group)
    found = await root.fetchrow(
        "SELECT name, email, left_at IS NOT NULL AS gone FROM group_members "
        "WHERE ledger_id = $1 AND id = $2",
        group,
        uuid("user", gone.id),
    )
    assert tuple(found) == ("Deleted user", None, True)
    # The others' exports know nobody either, and their books are sound.
    data = json.loads(await download(world.doors[1], "json"))
    people = {one["userId"]: one["name"] for one in data["groups"][0]["members"]}
    assert people[gone.id] == "Deleted user"
    assert gone.email not in json.dumps(data)
    services = running.services
    report = await verify_ledger(
        services.database, running.chain_key, group, uuid("user", world.ids[1])
    )
    assert report.differences == ()


def gone_guest(world: Circle) -> Any:
    """Somebody who is invited and never answers."""
    return type(world.people[0])("guest@example.org", "", "", "")


async def test_a_group_of_nobody_else_goes_along(
    door: Door, running: Running, root: asyncpg.Connection
) -> None:
    world = await circle(running, door)
    await world.spend("12.34")
    await world.invite(gone_guest(world))
    group = uuid("grp", world.group)
    await leave(world.doors[0])
    await drained(running)
    for table in ("ledgers WHERE id", "ledger_keys WHERE ledger_id", "groups WHERE ledger_id"):
        assert await root.fetchval(f"SELECT count(*) FROM {table} = $1", group) == 0, table
    who = uuid("user", world.ids[0])
    assert await root.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1", who) == 0
    assert await root.fetchval("SELECT count(*) FROM farewells WHERE user_id = $1", who) == 0


async def test_a_takeout_tells_of_groups(door: Door, running: Running) -> None:
    world = await circle(running, door, "Bob")
    body = {"name": "Cash", "type": "CASH", "currency": "EUR"}
    account = (await door.call("CreateAccount", body))["id"]
    made = await world.spend("9", accountId=account)
    dropped = await world.spend("1")
    await world.call("DeleteGroupTransaction", txId=dropped["id"])
    await world.invite(gone_guest(world))
    await drained(running)
    for by in (0, 1):
        data = json.loads(await download(world.doors[by], "json"))
        (group,) = data["groups"]
        assert (group["id"], group["name"]) == (world.group, "Trip")
        assert {one["userId"] for one in group["members"]} == set(world.ids)
        assert {one["kind"] for one in group["categories"]} == {"EXPENSE"}
        shared = {one["id"]: one for one in data["groupTransactions"]}
        assert shared.keys() == {made["id"], dropped["id"]}
        assert {one["amount"] for one in shared[made["id"]]["shares"]} == {"4.50"}
        assert "deletedAt" in shared[dropped["id"]]
        (share,) = [one for one in data["shares"] if "deletedAt" not in one]
        assert (share["paid"], share["owed"]) == (("9.00" if by == 0 else "0.00"), "4.50")
        assert len(data["invitations"]) == (2 if by == 0 else 1)
        legs = [one for one in data["transactions"] if one["groupId"]]
        assert [one["amount"] for one in legs] == (["-9.00"] if by == 0 else [])
    rest = RestDoor(door.client, world.people[1])
    assert json.loads(await download(rest, "json"))["accounts"] == []
