"""The trash: what has lain in it for 30 days goes, by a job that acts as its owner."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app import Running
from graph.handlers import job_handlers
from models.database import Transaction
from resolvers.accounts import AccountCreate, create_account
from resolvers.auth import RegisterInput
from resolvers.inputs import parse
from resolvers.jobs import Worker
from resolvers.ledgers import LedgerWrite
from resolvers.ticks import PURGE_TRASH, enqueue_due_trash
from resolvers.transactions import TransactionCreate, create_transactions, delete_transactions
from resolvers.users import actor_of

pytestmark = pytest.mark.anyio


async def test_old_trash_is_purged_once_and_young_trash_stays(running: Running) -> None:
    services = running.services
    database, ledgers = services.database, services.ledgers
    data = {"email": "trash@example.org", "password": "correct horse battery 9", "name": "Tess"}
    actor = actor_of((await services.auth.register(parse(RegisterInput, data))).user)

    async def fill(write: LedgerWrite) -> None:
        account = await create_account(
            write, parse(AccountCreate, {"name": "Cash", "type": "CASH", "currency": "EUR"})
        )
        raw = {
            "accountId": account.id,
            "date": "2026-01-02",
            "amount": "-1.00",
            "description": "Old",
        }
        rows = await create_transactions(
            write, [parse(TransactionCreate, {**raw, "description": n}) for n in ("Old", "Young")]
        )
        await delete_transactions(write, [(row.id, None) for row in rows])

    await ledgers.write(actor, fill)
    month_ago = datetime.now(UTC) - timedelta(days=31)

    async def age(tx: Transaction) -> None:
        statement = text("UPDATE transactions SET deleted_at = :then WHERE description = 'Old'")
        await tx.run(statement, {"then": month_ago})

    await database.change(actor.user_id, age)
    assert await enqueue_due_trash(database) >= 1
    handlers = {PURGE_TRASH: job_handlers(services)[PURGE_TRASH]}
    outcomes: list[str] = []
    worker = Worker(
        database, running.broker, handlers, observe=lambda _k, how, _s: outcomes.append(how)
    )
    await worker.run_due()
    assert set(outcomes) == {"done"}
    async with database.read(actor.user_id) as tx:
        left = await tx.rows(text("SELECT description FROM transactions"))
    assert [row.description for row in left] == ["Young"]
    assert await enqueue_due_trash(database) == 0
