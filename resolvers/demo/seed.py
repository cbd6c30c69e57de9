"""Writing the demo account through the same rules as everybody's, once and to its end."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import func, select, text

from models.accounts import Account
from models.base import table
from models.categories import Category
from models.changes import Change
from models.database import Database
from models.database import Transaction as Tx
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import AccountCreate, create_account
from resolvers.auth import Auth, RegisterInput
from resolvers.budgets import BudgetCreate, create_budget
from resolvers.categories import CategoryCreate, create_category
from resolvers.demo.group import group_is_due, seed_group
from resolvers.demo.places import OWN_CATEGORIES, PLACES, PLANS
from resolvers.demo.plan import DAYS, Booking, plan_life
from resolvers.errors import AppError, Conflict
from resolvers.inputs import parse
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.money import format_minor
from resolvers.transactions import TransactionCreate, create_transactions
from resolvers.transactions.rows import T
from resolvers.users import actor_of, email_key, get_user

# Both are public: they stand in the documentation and on the local pages.  Production, where a
# known password would be a hole, refuses to make this account.
DEMO_EMAIL: Final = "demo@pockettrend.example"
FRIEND_EMAIL: Final = "robin@pockettrend.example"
DEMO_TIME_ZONE: Final = "Europe/Vienna"
DEMO_PASSWORD: Final = "lantern-harbour-violet-41"  # noqa: S105 - public on purpose

BATCHES: Final = 10
_A: Final = table(Account)
_C: Final = table(Category)
_CH: Final = table(Change)
_CURRENCIES: Final = {place.key: place.currency for place in PLACES}


class DemoServices(Protocol):
    """What the seed needs of a running process."""

    @property
    def database(self) -> Database:
        """Where to look whether anything is missing."""

    @property
    def ledgers(self) -> Ledgers:
        """The write path."""

    @property
    def auth(self) -> Auth:
        """Registers the person."""


@dataclass(frozen=True, slots=True)
class _Books:
    """The ground that transactions stand on: ids of accounts and categories by their keys."""

    first: date
    accounts: Mapping[str, UUID]
    categories: Mapping[str, UUID]


async def seed_demo(services: DemoServices, *, password: str, today: date) -> bool:
    """Create the demo account with three years of data up to today; False when it is complete.

    Every batch carries a marker and looks for it under the ledger's lock, so that a seed that was
    killed goes on where it stopped, two at once write everything once, and what the demo person
    deletes later does not come back.
    """
    actor = await _person(services, DEMO_EMAIL, "Dana Demo", password)
    wrote = await _seed_own(services, actor, today)
    if not await group_is_due(services.database, actor):
        return wrote
    # Nobody signs in as the friend: nobody knows the password.
    friend = await _person(services, FRIEND_EMAIL, "Robin", secrets.token_urlsafe(32))
    await seed_group(services.database, services.ledgers, actor, friend, today)
    return True


async def _seed_own(services: DemoServices, actor: Actor, today: date) -> bool:
    """Her own three years; False when they are complete."""
    async with services.database.read(actor.user_id) as tx:
        if _marker(BATCHES) in await _markers(tx, actor):
            return False
        first = await _first_day(tx, actor) or today - timedelta(days=DAYS)
        batches = list(_batches(plan_life(first, first + timedelta(days=DAYS))))
        if await _ever_booked(tx, actor) >= sum(_rows_of(row) for rows in batches for row in rows):
            # All was written; the rows with the markers were thrown away since.
            return False
    opened = await services.ledgers.write(actor, lambda write: _open_books(write, first))
    for number, rows in enumerate(batches, 1):
        await _write_batch(services.ledgers, actor, opened.value, number, rows)
    return True


async def _person(services: DemoServices, email: str, name: str, password: str) -> Actor:
    """The demo person or her friend, registered unless known."""
    user_id = await _known(services, email) or await _register(services, email, name, password)
    async with services.database.read(user_id) as tx:
        return actor_of(await get_user(tx, user_id))


async def _register(services: DemoServices, email: str, name: str, password: str) -> UUID:
    data = {
        "email": email,
        "password": password,
        "name": name,
        "baseCurrency": "EUR",
        "timeZone": DEMO_TIME_ZONE,
        "locale": "en",
    }
    try:
        signed = await services.auth.register(parse(RegisterInput, data))
    except Conflict:
        quicker = await _known(services, email)
        if quicker is None:
            raise
        return quicker
    # Nobody holds the tokens of this sign-in.
    await services.auth.logout(None, signed.refresh_token)
    return signed.user.id


async def _known(services: DemoServices, email: str) -> UUID | None:
    gate = text("SELECT user_by_email(:key) AS id")
    found = await services.database.call(gate, {"key": email_key(email)})
    known: UUID | None = found[0].id
    return known


def _marker(number: int) -> str:
    return f"demo-{number}"


async def _markers(tx: Tx, actor: Actor) -> set[str]:
    """Markers of batches that are written, in the trash or not."""
    wanted = [_marker(number) for number in range(1, BATCHES + 1)]
    rows = await tx.rows(
        select(T.c.external_id).where(T.c.ledger_id == actor.ledger_id, T.c.external_id.in_(wanted))
    )
    return {row.external_id for row in rows}


async def _first_day(tx: Tx, actor: Actor) -> date | None:
    """The day on which an unfinished seed began its books."""
    opening: date | None = await tx.scalar(
        select(func.min(_A.c.opening_date)).where(_A.c.ledger_id == actor.ledger_id)
    )
    return opening


async def _ever_booked(tx: Tx, actor: Actor) -> int:
    """How many transactions the feed has seen come, deleted ones included."""
    return int(
        await tx.scalar(
            select(func.count()).where(
                _CH.c.ledger_id == actor.ledger_id,
                _CH.c.entity == "transaction",
                _CH.c.op == "CREATE",
            )
        )
    )


async def _open_books(write: LedgerWrite, first: date) -> _Books:
    """Make the accounts and own categories that are not there."""
    rows = await write.tx.rows(
        select(_A.c.id, _A.c.name).where(
            _A.c.ledger_id == write.ledger_id, _A.c.deleted_at.is_(None)
        )
    )
    named = {row.name: row.id for row in rows}
    accounts: dict[str, UUID] = {}
    for place in PLACES:
        if place.name not in named:
            data = {
                "name": place.name,
                "type": place.type,
                "currency": place.currency,
                "openingBalance": format_minor(place.opening_minor, place.currency),
                "openingDate": first,
                "institution": place.institution,
                "number": place.number,
            }
            named[place.name] = (await create_account(write, parse(AccountCreate, data))).id
        accounts[place.key] = named[place.name]
    rows = await write.tx.rows(
        select(_C.c.id, _C.c.key).where(_C.c.ledger_id == write.ledger_id, _C.c.key.is_not(None))
    )
    categories: dict[str, UUID] = {row.key: row.id for row in rows}
    for key, name, kind, parent, color, icon in OWN_CATEGORIES:
        if key not in categories:
            data = {
                "name": name,
                "kind": kind,
                "parentId": categories.get(parent),
                "key": key,
                "color": color,
                "icon": icon,
            }
            categories[key] = (await create_category(write, parse(CategoryCreate, data))).id
    await _plan(write, first, categories)
    return _Books(first, accounts, categories)


async def _plan(write: LedgerWrite, first: date, categories: Mapping[str, UUID]) -> None:
    """Make the budget, unless there ever was one."""
    ever = await write.tx.scalar(
        select(func.count()).where(_CH.c.ledger_id == write.ledger_id, _CH.c.entity == "budget")
    )
    if ever:
        return
    data = {
        "name": "Household",
        "period": "MONTHLY",
        "startDate": first.replace(day=1),
        "currency": "EUR",
        "items": [
            {"categoryId": categories[key], "amount": amount, "carry": carry}
            for key, amount, carry in PLANS
            if key in categories
        ],
    }
    await create_budget(write, parse(BudgetCreate, data))


def _batches(rows: Sequence[Booking]) -> Iterator[Sequence[Booking]]:
    size = -(-len(rows) // BATCHES)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _rows_of(row: Booking) -> int:
    """How many transactions a booking makes."""
    return 1 + (row.to is not None) + (row.refund is not None)


async def _write_batch(
    ledgers: Ledgers, actor: Actor, books: _Books, number: int, rows: Sequence[Booking]
) -> None:
    async def work(write: LedgerWrite) -> None:
        if _marker(number) in await _markers(write.tx, actor):
            return
        inputs = [_input(row, books) for row in rows]
        inputs[0] |= {"externalId": _marker(number)}
        made = await _create(write, inputs)
        # In a second step: a refund names a row that must be stored already.
        refunds = [
            _input(row.refund, books) | {"refundOf": booked.id}
            for row, booked in zip(rows, made, strict=True)
            if row.refund is not None
        ]
        await _create(write, refunds)

    await ledgers.write(actor, work)


async def _create(write: LedgerWrite, inputs: Sequence[dict[str, Any]]) -> list[TransactionRow]:
    """Book rows; the first error undoes the whole batch."""
    made = []
    parsed = [parse(TransactionCreate, one) for one in inputs]
    for result in await create_transactions(write, parsed):
        if isinstance(result, AppError):
            raise result
        made.append(result)
    return made


def _input(row: Booking, books: _Books) -> dict[str, Any]:
    """A booking as a client would send it; a category that was deleted meanwhile is left out."""
    currency = _CURRENCIES[row.account]
    data: dict[str, Any] = {
        "accountId": books.accounts[row.account],
        "date": row.day,
        "amount": format_minor(row.minor, currency),
        "description": row.description,
        "payee": row.payee,
        "notes": row.notes,
        "tags": list(row.tags),
        "status": row.status,
    }
    if row.to is not None:
        data["transferAccountId"] = books.accounts[row.to]
        if row.to_minor is not None:
            data["transferAmount"] = format_minor(row.to_minor, _CURRENCIES[row.to])
    elif row.parts and all(part.category in books.categories for part in row.parts):
        data["splits"] = [
            {
                "categoryId": books.categories[part.category],
                "amount": format_minor(part.minor, currency),
                "notes": part.notes,
            }
            for part in row.parts
        ]
    else:
        data["categoryId"] = books.categories.get(row.category or "")
    return data
