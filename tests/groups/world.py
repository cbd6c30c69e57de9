"""A small circle of people with a group, through either door."""

from dataclasses import dataclass
from typing import Any

from app import Running
from graph.handlers import job_handlers
from resolvers.groups import FAREWELL, SYNC_SHARE
from resolvers.jobs import Worker
from resolvers.users import SYNC_PROFILE
from tests.doors import Door, Person, register

BOOKS = (FAREWELL, SYNC_SHARE, SYNC_PROFILE)


@dataclass
class Circle:
    """People around one group; the first founded it."""

    running: Running
    people: list[Person]
    doors: list[Door]
    group: str

    @property
    def ids(self) -> list[str]:
        """The people's ids."""
        return [person.id for person in self.people]

    async def call(self, operation: str, body: Any = None, *, by: int = 0, **more: Any) -> Any:
        """An operation on the group by one of the people."""
        return await self.doors[by].call(operation, body, id=self.group, **more)

    async def spend(self, amount: str, *, by: int = 0, **more: Any) -> Any:
        """An expense of the group."""
        body = {"amount": amount, "date": "2026-03-01", "description": "Dinner", **more}
        return await self.call("CreateGroupTransaction", body, by=by)

    async def settle(self, amount: str, payer: int, receiver: int, **more: Any) -> Any:
        """A payment from one to another, written down by who pays."""
        body = {
            "kind": "SETTLEMENT", "amount": amount, "date": "2026-03-02",
            "shares": [{"userId": self.ids[receiver]}], **more,
        }  # fmt: skip
        return await self.call("CreateGroupTransaction", body, by=payer)

    async def nets(self, by: int = 0) -> dict[str, list[str]]:
        """Nets by currency in the order of the people."""
        found = (await self.call("GetGroupBalances", by=by))["balances"]
        nets = {(one["currency"], one["userId"]): one["net"] for one in found}
        return {
            currency: [nets.get((currency, person), "absent") for person in self.ids]
            for currency in {one["currency"] for one in found}
        }

    async def invite(self, person: Person, role: str = "MEMBER") -> str:
        """An invitation for somebody."""
        body = {"groupId": self.group, "email": person.email, "role": role}
        return (await self.doors[0].call("CreateInvitation", body))["id"]

    async def bring(self, person: Person, role: str = "MEMBER") -> Door:
        """Invite somebody, who accepts."""
        wanted = await self.invite(person, role)
        door = self.doors[0].as_person(person)
        await door.call("AcceptInvitation", id=wanted)
        return door

    async def drain(self) -> None:
        """Run the jobs that bring groups into everybody's books."""
        await drain(self.running)


async def drain(running: Running) -> None:
    """Run the jobs that bring groups into everybody's books."""
    handlers = job_handlers(running.services)
    mine = {kind: handlers[kind] for kind in BOOKS}
    await Worker(running.services.database, running.broker, mine).run_due()


async def circle(running: Running, door: Door, *names: str, **more: Any) -> Circle:
    """A group of the door's person and some others, each a MEMBER unless ``roles`` says more."""
    assert door.person is not None
    roles = more.pop("roles", {})
    founded = await door.call("CreateGroup", {"name": "Trip", "currency": "EUR", **more})
    world = Circle(running, [door.person], [door], founded["id"])
    for name in names:
        person = await register(door.client, name=name)
        world.doors.append(await world.bring(person, roles.get(name, "MEMBER")))
        world.people.append(person)
    return world
