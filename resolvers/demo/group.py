"""The demo person's shared group: trips with a friend, written by both of them, once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from models.accounts import Account
from models.base import table
from models.categories import Category
from models.changes import Change
from models.database import Database
from models.database import Transaction as Tx
from models.groups import Group, GroupRow, GroupTransaction
from models.ids import new_id
from models.invitations import Invitation
from resolvers.access import Actor
from resolvers.errors import Conflict
from resolvers.groups import (
    GroupCreate,
    GroupTransactionCreate,
    create_group,
    founding,
    groups_by_id,
    record_created,
)
from resolvers.inputs import parse
from resolvers.invitations import Entering, InvitationCreate, accept, create_invitation
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.repeats import Repeat
from resolvers.users import get_user

NAME: Final = "Trips with Robin"
_G: Final = table(Group)
_X: Final = table(GroupTransaction)
_V: Final = table(Invitation)
_A: Final = table(Account)
_C: Final = table(Category)
_CH: Final = table(Change)


@dataclass(frozen=True, slots=True)
class Shared:
    """One entry of the group; ``day`` counts back from the last day."""

    day: int
    amount: str
    description: str
    category: str | None = None
    method: str = "EQUAL"
    weights: tuple[str, str] | None = None
    """Dana's and Robin's weight, or amount for EXACT."""
    currency: str = "EUR"
    together: tuple[str, str] | None = None
    """What Dana and Robin paid, where both did."""
    settles: bool = False
    account: str | None = None
    """The account that Dana paid from."""


DANA: Final = (
    Shared(214, "318.00", "Cabin in the Dachstein, three nights", "travel"),
    Shared(213, "86.40", "Groceries for the cabin", "groceries"),
    Shared(212, "54.90", "Dinner at the hut", "restaurants", "EXACT", ("24.90", "30.00")),
    Shared(122, "412.50", "Night train to Rome", "travel", together=("250.00", "162.50")),
    Shared(119, "48.00", "Museum tickets", "leisure"),
    Shared(33, "129.99", "Concert tickets", "leisure", "SHARES", ("1", "2")),
    Shared(12, "61.20", "Climbing hall and lunch", "leisure", account="Everyday account"),
    Shared(5, "27.80", "Pizza on the terrace", "restaurants", account="Wallet"),
)
ROBIN: Final = (
    Shared(213, "64.00", "Fuel to the mountains", "transport"),
    Shared(211, "120.00", "Ski passes", "leisure", "SHARES", ("2", "1")),
    Shared(120, "540.00", "Flat in Trastevere", "travel", "PERCENT", ("45", "55")),
    Shared(118, "96.75", "Dinners in Rome", "restaurants"),
    Shared(60, "84.00", "Rental car from the airport", "transport", currency="USD"),
    Shared(59, "19.35", "Breakfast at the diner", "restaurants", currency="USD"),
    Shared(205, "90.05", "Paid Dana back", settles=True),
)


async def group_is_due(database: Database, dana: Actor) -> bool:
    """Whether something of the group has yet to be written.

    What the demo person left or deleted later does not come back: her books remember shares.
    """
    async with database.read(dana.user_id) as tx:
        group_id = await _known(tx)
        if group_id is None:
            begun = select(func.count()).where(
                _CH.c.ledger_id == dana.ledger_id, _CH.c.entity == "share"
            )
            return not await tx.scalar(begun)
        theirs = select(func.count()).where(
            _X.c.ledger_id == group_id, _X.c.created_by != dana.user_id
        )
        return not await tx.scalar(theirs)


async def _known(tx: Tx) -> UUID | None:
    found: UUID | None = await tx.scalar(select(_G.c.id).where(_G.c.name == NAME))
    return found


async def seed_group(
    database: Database, ledgers: Ledgers, dana: Actor, robin: Actor, today: date
) -> None:
    """Found the group, let both in, write both histories; each step looks whether it was done."""
    async with database.read(dana.user_id) as tx:
        group_id = await _known(tx)
    if group_id is None:
        group_id = await _found(database, ledgers, dana)
    await _let_in(database, ledgers, dana, robin, group_id)
    people = (dana.user_id, robin.user_id)
    await _write(ledgers, dana, group_id, people, DANA, today)
    await _write(ledgers, robin, group_id, people, ROBIN, today)


async def _found(database: Database, ledgers: Ledgers, dana: Actor) -> UUID:
    group_id = new_id()
    data = {"name": NAME, "currency": "EUR"}

    async def work(write: LedgerWrite) -> GroupRow:
        return await create_group(write, parse(GroupCreate, data))

    # Of two seeds at once both are told of the same group.
    outcome = await ledgers.write(
        dana,
        work,
        ledger_id=group_id,
        first=founding(database, group_id),
        repeat=Repeat("demo-group", "createGroup", data),
        answer=GroupRow,
    )
    return outcome.value.id


async def _let_in(
    database: Database, ledgers: Ledgers, dana: Actor, robin: Actor, group_id: UUID
) -> None:
    """Invite Robin, who accepts; another seed may be quicker at either."""
    async with database.read(robin.user_id) as tx:
        if (await groups_by_id(tx, [group_id]))[0] is not None:
            return
        email = (await get_user(tx, robin.user_id)).email
    data = InvitationCreate.model_construct(group_id=group_id, email=email, role="MEMBER")

    async def invite(write: LedgerWrite) -> None:
        await create_invitation(write, data)
        # Nobody reads the friend's mail.
        write.jobs.clear()

    with suppress(Conflict):
        await ledgers.write(dana, invite, ledger_id=group_id)
    async with database.read(dana.user_id) as tx:
        asked = await tx.scalar(
            select(_V.c.id).where(_V.c.ledger_id == group_id, _V.c.status == "PENDING")
        )
    if asked is None:
        return
    entering = Entering(asked, None, True)

    async def join(write: LedgerWrite) -> None:
        await accept(write, entering)

    with suppress(Conflict):
        await ledgers.write(robin, join, ledger_id=group_id, first=entering, own_affair=True)


async def _write(
    ledgers: Ledgers,
    actor: Actor,
    group_id: UUID,
    people: tuple[UUID, UUID],
    entries: Sequence[Shared],
    today: date,
) -> bool:
    """One person's whole history in one write, unless there is any of it."""

    async def work(write: LedgerWrite) -> bool:
        mine = (_X.c.ledger_id == group_id, _X.c.created_by == actor.user_id)
        if await write.tx.scalar(select(func.count()).where(*mine)):
            return False
        rows = await write.tx.rows(
            select(_C.c.key, _C.c.id).where(_C.c.ledger_id == group_id, _C.c.key.is_not(None))
        )
        categories = {row.key: row.id for row in rows}
        accounts = await _accounts(write.tx, actor)
        for entry in sorted(entries, key=lambda one: -one.day):
            data = _input(entry, actor.user_id, people, categories, accounts, today)
            await record_created(write, parse(GroupTransactionCreate, data))
        return True

    outcome = await ledgers.write(actor, work, ledger_id=group_id, also=[actor.ledger_id])
    return outcome.value


async def _accounts(tx: Tx, actor: Actor) -> dict[str, UUID]:
    rows = await tx.rows(
        select(_A.c.name, _A.c.id).where(
            _A.c.ledger_id == actor.ledger_id, _A.c.deleted_at.is_(None)
        )
    )
    return {row.name: row.id for row in rows}


def _input(
    entry: Shared,
    payer: UUID,
    people: tuple[UUID, UUID],
    categories: dict[str, UUID],
    accounts: dict[str, UUID],
    today: date,
) -> dict[str, Any]:
    """An entry as a client would send it."""
    data: dict[str, Any] = {
        "date": today - timedelta(days=entry.day),
        "amount": entry.amount,
        "currency": entry.currency,
        "description": entry.description,
        "categoryId": categories.get(entry.category or ""),
        "accountId": accounts.get(entry.account or ""),
    }
    if entry.settles:
        other = people[0] if payer == people[1] else people[1]
        return {**data, "kind": "SETTLEMENT", "shares": [{"userId": other}]}
    if entry.together is not None:
        pairs = zip(people, entry.together, strict=True)
        data["paidBy"] = [{"userId": person, "amount": amount} for person, amount in pairs]
    if entry.weights is not None:
        word = "amount" if entry.method == "EXACT" else "weight"
        pairs = zip(people, entry.weights, strict=True)
        data |= {"splitMethod": entry.method}
        data |= {"shares": [{"userId": person, word: weight} for person, weight in pairs]}
    return data
