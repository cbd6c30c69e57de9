"""The trash is emptied after 30 days: what pointed at a purged row says so, versions move."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from graph.context import Services
from models import ids
from models.base import table
from models.changes import Change
from resolvers.accounts import purge_accounts
from resolvers.ledgers import LedgerWrite
from resolvers.transactions import purge_trash
from resolvers.users import actor_of, get_user
from resolvers.verify import verify_ledger
from tests.doors import Door, Person, Refused

pytestmark = pytest.mark.anyio


async def purge(services: Services, person: Person) -> tuple[int, int]:
    """Empty the whole trash of a person."""
    user_id = ids.decode("user", person.id)
    async with services.database.read(user_id) as tx:
        actor = actor_of(await get_user(tx, user_id))

    async def work(write: LedgerWrite) -> list[int]:
        later = write.now + timedelta(days=1)
        return [await purge_trash(write, later), await purge_accounts(write, later)]

    outcome = await services.ledgers.write(actor, work, answer=list[int])
    report = await verify_ledger(
        services.database, services.ledgers._chain_key, actor.ledger_id, user_id
    )
    assert report.differences == ()
    return tuple(outcome.value)


async def test_a_purged_row_is_gone_and_its_refund_points_nowhere(
    door: Door, ada: Person, services: Services
) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    giro = (await door.call("CreateAccount", body))["id"]
    row: dict[str, Any] = {"accountId": giro, "date": "2026-01-01", "description": "x"}
    bought = await door.call("CreateTransaction", {**row, "amount": "-5"})
    back = await door.call("CreateTransaction", {**row, "amount": "5", "refundOf": bought["id"]})
    await door.call("DeleteTransaction", id=bought["id"])
    assert await purge(services, ada) == (1, 0)
    seen = await door.call("GetTransaction", id=back["id"])
    assert (seen["refundOf"], seen["version"]) == (None, 2)
    with pytest.raises(Refused):
        await door.call("RestoreTransaction", id=bought["id"])
    changes = table(Change)
    async with services.database.read(ids.decode("user", ada.id)) as tx:
        rows = await tx.rows(
            select(changes.c.op)
            .where(changes.c.entity_id == ids.decode("txn", bought["id"]))
            .order_by(changes.c.version, changes.c.seq)
        )
    assert [one.op for one in rows] == ["CREATE", "DELETE", "DELETE"]


async def test_a_purged_account_takes_its_transfers_along(
    door: Door, ada: Person, services: Services
) -> None:
    accounts = []
    for name in ("Giro", "Spar"):
        body = {"name": name, "type": "CASH", "currency": "EUR"}
        accounts.append((await door.call("CreateAccount", body))["id"])
    row = {"accountId": accounts[0], "date": "2026-01-01", "description": "x", "amount": "-5"}
    made = await door.call("CreateTransaction", {**row, "transferAccountId": accounts[1]})
    await door.call("DeleteTransaction", id=made["id"])
    await door.call("DeleteAccount", id=accounts[0], force=True)
    assert await purge(services, ada) == (2, 1)
    with pytest.raises(Refused):
        await door.call("RestoreAccount", id=accounts[0])
    assert (await door.call("GetAccount", id=accounts[1]))["balance"] == "0.00"
    assert await purge(services, ada) == (0, 0)
