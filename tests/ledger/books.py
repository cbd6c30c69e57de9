"""A ledger with a bit of everything, for tests that tamper with it."""

import itertools
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from graph.context import Services
from models.database import Database
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import AccountCreate, create_account
from resolvers.auth import RegisterInput
from resolvers.categories import CategoryCreate, create_category
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.transactions import (
    TransactionCreate,
    TransactionUpdate,
    create_transactions,
    update_transactions,
)
from resolvers.transactions.writes import Patch, one
from resolvers.users import actor_of
from resolvers.verify import Report, verify_ledger

Found = set[tuple[str, str, UUID]]
AMOUNTS = ("1234.56", "-77.77", "-88.88", "-300.30", "-45.67", "-23.45", "-22.22", "-55.55")
_NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Books:
    """A ledger with a bit of everything and its owner."""

    services: Services
    actor: Actor
    chain_key: bytes
    giro: UUID
    savings: UUID
    category: UUID
    rows: list[TransactionRow] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.services.database

    async def write(self, work: Any, **more: Any) -> Any:
        return (await self.services.ledgers.write(self.actor, work, **more)).value

    async def book(self, amount: str, **more: Any) -> TransactionRow:
        data = {
            "accountId": self.giro, "date": "2026-03-01", "amount": amount, "description": "x",
            **more,
        }  # fmt: skip
        return await self.write(
            lambda write: _one(create_transactions(write, [parse(TransactionCreate, data)]))
        )

    async def change(self, row: TransactionRow, **data: Any) -> TransactionRow:
        patch = Patch(row.id, parse(TransactionUpdate, data))
        return await self.write(lambda write: _one(update_transactions(write, [patch])))

    async def report(self) -> Report:
        actor = self.actor
        return await verify_ledger(self.database, self.chain_key, actor.ledger_id, actor.user_id)

    async def found(self) -> Found:
        """Kind, entity and id of each difference, none told twice, none with an amount."""
        differences = (await self.report()).differences
        told = [(str(d.kind), d.entity, d.entity_id) for d in differences]
        assert len(told) == len(set(told)), differences
        for difference in differences:
            assert difference.ledger_id == self.actor.ledger_id
            assert not any(
                amount.lstrip("-").replace(".", mark) in difference.message
                for amount in AMOUNTS
                for mark in ("", ".")
            )
        return set(told)


async def _one(made: Any) -> TransactionRow:
    return one(await made)


async def found_books(services: Services) -> Books:
    data = {
        "email": f"verify{next(_NUMBERS)}@example.org",
        "password": "correct horse battery staple 9",
        "name": "Ada",
    }
    actor = actor_of((await services.auth.register(parse(RegisterInput, data))).user)

    async def ground(write: LedgerWrite) -> tuple[UUID, UUID, UUID]:
        made = []
        for name in ("Giro", "Savings"):
            body = {
                "name": name, "type": "CHECKING", "currency": "EUR", "openingBalance": "10",
                "number": "AT61 1904",
            }  # fmt: skip
            made.append((await create_account(write, parse(AccountCreate, body))).id)
        category = parse(CategoryCreate, {"name": "Own", "kind": "EXPENSE"})
        return made[0], made[1], (await create_category(write, category)).id

    giro, savings, category = (await services.ledgers.write(actor, ground)).value
    return Books(services, actor, services.ledgers._chain_key, giro, savings, category)


async def feed(root: asyncpg.Connection, books: Books) -> list[asyncpg.Record]:
    return await root.fetch(
        "SELECT * FROM changes WHERE ledger_id = $1 ORDER BY version, seq", books.actor.ledger_id
    )


def flipped(value: bytes, at: int = 20) -> bytes:
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
