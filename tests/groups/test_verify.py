"""Verification of groups: sound books pass, and each kind of damage is told by its row."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import Running
from models import ids
from models.embedded.parts import Endpoints
from resolvers.verify import verify_ledger
from tests.doors import GraphQLDoor, Person
from tests.groups.world import Circle, circle

pytestmark = pytest.mark.anyio


def uuid(prefix: str, wire: str) -> UUID:
    found = ids.decode(prefix, wire)
    assert found is not None
    return found


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


@pytest.fixture
async def world(client: Any, ada: Person, running: Running) -> Circle:
    found = await circle(running, GraphQLDoor(client, ada), "Bob", "Cleo", "Dan")
    body = {"name": "Cash", "type": "CASH", "currency": "EUR"}
    account = (await found.doors[0].call("CreateAccount", body))["id"]
    made = await found.spend("100", accountId=account)
    await found.spend("7", by=1, currency="JPY")
    await found.settle("25", 3, 0)
    gone = await found.spend("9")
    await found.call("DeleteGroupTransaction", txId=gone["id"])
    await found.call("UpdateGroupTransaction", {"amount": "40"}, txId=made["id"])
    await found.settle("15", 0, 3)
    paid = [{"userId": found.ids[3], "amount": "2"}]
    await found.call("CreateGroupTransaction", {
        "kind": "SETTLEMENT", "amount": "2", "currency": "JPY", "paidBy": paid,
        "shares": [{"userId": found.ids[1]}],
    })  # fmt: skip
    nets = {c: n[3] for c, n in (await found.nets()).items() if n[3] not in {"0.00", "0"}}
    for currency, net in nets.items():
        await found.settle(
            net.lstrip("-"), *((3, 0) if net[0] == "-" else (0, 3)), currency=currency
        )
    await found.call("RemoveGroupMember", userId=found.ids[3])
    await found.invite(Person("x@example.org", "", "", ""))
    await found.drain()
    return found


async def told(running: Running, ledger: UUID, who: Person) -> list[str]:
    report = await verify_ledger(
        running.services.database, running.chain_key, ledger, uuid("user", who.id)
    )
    assert report.ledgers == 1
    return [str(one.kind) for one in report.differences]


async def test_sound_books_pass_and_damage_is_named(
    world: Circle, running: Running, root: asyncpg.Connection
) -> None:
    group, owner = uuid("grp", world.group), world.people[0]
    own = await root.fetchval("SELECT ledger_id FROM users WHERE id = $1", uuid("user", owner.id))
    assert await told(running, group, owner) == []
    for person in world.people:
        ledger = await root.fetchval(
            "SELECT ledger_id FROM users WHERE id = $1", uuid("user", person.id)
        )
        assert await told(running, ledger, person) == []
    pick = "(SELECT id FROM {t} WHERE ledger_id = $1 {w} ORDER BY id LIMIT 1)"
    for ledger, damage, wanted in (
        (group, "UPDATE memberships SET role = 'OWNER' WHERE ledger_id = $1 AND role = 'MEMBER'", "MEMBER"),
        (group, "DELETE FROM group_nets WHERE id = " + pick.format(t="group_nets", w=""), "TOTAL"),
        (group, "DELETE FROM group_debts WHERE id = " + pick.format(t="group_debts", w=""), "TOTAL"),
        (group, "UPDATE group_nets SET paid = owed WHERE id = " + pick.format(t="group_nets", w=""), "SEAL"),
        (group, "DELETE FROM group_parts WHERE id = " + pick.format(t="group_parts", w=""), "SPLIT"),
        (group, "UPDATE groups SET name = 'x' WHERE ledger_id = $1", "ROW"),
        (group, "UPDATE invitations SET role = 'OWNER' WHERE ledger_id = $1", "ROW"),
        (group, "UPDATE group_transactions SET date = '2020-01-01' WHERE ledger_id = $1", "ROW"),
        (own, "UPDATE shares SET paid = owed WHERE ledger_id = $1", "SEAL"),
        (own, "UPDATE shares SET date = '2020-01-01' WHERE ledger_id = $1", "ROW"),
        (own, "UPDATE shares SET deleted_at = now() WHERE ledger_id = $1", "LEG"),
    ):  # fmt: skip
        copies = {
            name: await root.fetch(f"SELECT * FROM {name} WHERE ledger_id = $1", ledger)
            for name in ("memberships", "group_nets", "group_debts", "group_parts", "groups",
                         "invitations", "group_transactions", "shares")
        }  # fmt: skip
        await root.execute(damage, ledger)
        assert wanted in await told(running, ledger, owner), damage
        table = damage.split()[2 if damage.startswith("DELETE") else 1]
        async with root.transaction():
            await root.execute("SET LOCAL session_replication_role = replica")
            await root.execute(f"DELETE FROM {table} WHERE ledger_id = $1", ledger)
            for row in copies[table]:
                marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
                await root.execute(
                    f"INSERT INTO {table} ({', '.join(row.keys())}) VALUES ({marks})",
                    *row.values(),
                )
        assert await told(running, ledger, owner) == [], damage
