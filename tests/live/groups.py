"""A shared ledger made by hand, so that what a group is to the feed is tested on its own."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from graph.context import Services
from models import ids
from models.database import key_context
from models.sealing import new_key
from resolvers.access import Actor
from resolvers.categories import CategoryCreate, create_category
from resolvers.inputs import parse
from tests.doors import Person


@dataclass(slots=True)
class SharedLedger:
    """Books of several people."""

    services: Services
    root: asyncpg.Connection
    ledger_id: UUID
    actor: Actor

    @property
    def id(self) -> str:
        return ids.encode("grp", self.ledger_id)

    async def join(self, person: Person, role: str = "MEMBER") -> None:
        await self.root.execute(
            "INSERT INTO memberships (ledger_id, user_id, role, joined_at) VALUES ($1, $2, $3, now())",
            self.ledger_id,
            ids.decode("user", person.id),
            role,
        )

    async def leave(self, person: Person) -> None:
        """Leave, which is written to the group's books as every change is."""
        await self.root.execute(
            "DELETE FROM memberships WHERE ledger_id = $1 AND user_id = $2",
            self.ledger_id,
            ids.decode("user", person.id),
        )

    async def write(self, name: str) -> str:
        """Something happens in the books."""
        data = parse(CategoryCreate, {"name": name, "kind": "EXPENSE"})
        outcome = await self.services.ledgers.write(
            self.actor, lambda write: create_category(write, data), ledger_id=self.ledger_id
        )
        return ids.encode("cat", outcome.value.id)


async def share(services: Services, root: asyncpg.Connection, owner: Person) -> SharedLedger:
    """Found a shared ledger with one owner."""
    actor = await services.auth.actor(owner.token)
    ledger_id = ids.new_id()
    wrapped = await services.database.keys.wrap(new_key(), key_context(ledger_id, 1))
    await root.execute(
        "INSERT INTO ledgers (id, kind, created_at) VALUES ($1, 'GROUP', now())", ledger_id
    )
    await root.execute(
        "INSERT INTO ledger_keys (ledger_id, key_no, wrapped, created_at) VALUES ($1, 1, $2, now())",
        ledger_id,
        wrapped,
    )
    made = SharedLedger(services, root, ledger_id, actor)
    await made.join(owner, "OWNER")
    return made
