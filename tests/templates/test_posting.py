"""Templates that post by themselves: catch-up after downtime, one of each date whoever runs."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import Running
from graph.handlers import job_handlers
from models.base import table
from models.templates import TemplateRow
from models.transactions import Transaction
from resolvers.access import Actor
from resolvers.accounts import AccountCreate, create_account, delete_account
from resolvers.auth import RegisterInput
from resolvers.errors import Gone
from resolvers.inputs import parse
from resolvers.jobs import Worker
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.posting import posting_handler
from resolvers.templates import (
    TemplateCreate,
    TemplateUpdate,
    create_template,
    execute_template,
    post_due,
    purge_templates,
    update_template,
)
from resolvers.ticks import POST_TEMPLATE, enqueue_due_templates
from resolvers.transactions import delete_transactions, purge_trash
from resolvers.transactions.trash import delete_rows_of_account
from resolvers.users import actor_of
from resolvers.verify import verify_ledger

pytestmark = pytest.mark.anyio


class Plans:
    """One person with one account, her templates and a worker for them."""

    def __init__(self, running: Running, actor: Actor, giro: UUID) -> None:
        self.running = running
        self.services = running.services
        self.actor = actor
        self.giro = giro

    async def write(self, work: Any) -> Any:
        return (await self.services.ledgers.write(self.actor, work)).value

    async def make(self, **more: Any) -> TemplateRow:
        data = {
            "name": "Coffee", "accountId": self.giro, "amount": "-3", "description": "Coffee",
            "frequency": "DAILY", "startDate": str(self.actor.today), "autoPost": True, **more,
        }  # fmt: skip
        return await self.write(lambda write: create_template(write, parse(TemplateCreate, data)))

    def worker(self) -> Worker:
        handlers = {POST_TEMPLATE: job_handlers(self.services)[POST_TEMPLATE]}
        return Worker(self.services.database, self.running.broker, handlers)

    async def tick(self) -> None:
        await enqueue_due_templates(self.services.database)
        await self.worker().run_due()

    async def dates(self) -> list[date]:
        async with self.services.database.read(self.actor.user_id) as tx:
            rows = await tx.rows(
                text("SELECT date FROM transactions WHERE deleted_at IS NULL ORDER BY date")
            )
        return [row.date for row in rows]

    async def waiting(self, template: TemplateRow) -> list[datetime]:
        rows = await self.services.database.call(
            text("SELECT run_at FROM jobs WHERE subject_id = :id AND state = 'WAITING'"),
            {"id": template.id},
        )
        return [row.run_at for row in rows]

    async def due(self, template: TemplateRow) -> date | None:
        async with self.services.database.read(self.actor.user_id) as tx:
            return await tx.scalar(
                text("SELECT next_due FROM templates WHERE id = :id"), {"id": template.id}
            )

    async def sound(self) -> bool:
        report = await verify_ledger(
            self.services.database,
            self.running.chain_key,
            self.actor.ledger_id,
            self.actor.user_id,
        )
        return report.differences == ()


@pytest.fixture
async def plans(running: Running, request: pytest.FixtureRequest) -> Plans:
    """Somebody new."""
    data = {
        "email": f"plans{abs(hash(request.node.name))}@example.org",
        "password": "correct horse battery 9",
        "name": "Pia",
    }
    actor = actor_of((await running.services.auth.register(parse(RegisterInput, data))).user)
    body = {"name": "Cash", "type": "CASH", "currency": "EUR"}

    async def ground(write: LedgerWrite) -> UUID:
        return (await create_account(write, parse(AccountCreate, body))).id

    giro = (await running.services.ledgers.write(actor, ground)).value
    return Plans(running, actor, giro)


def days(last: date, count: int) -> list[date]:
    return [last - timedelta(days=back) for back in range(count - 1, -1, -1)]


async def test_past_dates_are_posted_at_once_and_only_once(plans: Plans) -> None:
    today = plans.actor.today
    await plans.make(startDate=str(today - timedelta(days=4)))
    await plans.worker().run_due()
    assert await plans.dates() == days(today, 5)
    await plans.tick()
    await plans.tick()
    assert await plans.dates() == days(today, 5)
    assert await plans.sound()


async def test_downtime_is_caught_up(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    today = plans.actor.today
    template = await plans.make()
    await plans.worker().run_due()
    assert await plans.dates() == [today]
    assert await plans.due(template) == today + timedelta(days=1)
    later = today + timedelta(days=9)
    # The job that waits for tomorrow's midnight has waited nine days.
    await plans.services.database.call(
        text("UPDATE jobs SET run_at = now() WHERE subject_id = :id RETURNING id"),
        {"id": template.id},
    )
    monkeypatch.setattr(Actor, "today", property(lambda _: later))
    monkeypatch.setattr(
        "resolvers.ticks.utc_now", lambda: datetime.combine(later, datetime.min.time(), tzinfo=UTC)
    )
    await plans.tick()
    assert await plans.dates() == days(later, 10)
    assert await plans.sound()


async def test_what_is_not_automatic_is_not_posted(plans: Plans) -> None:
    template = await plans.make(autoPost=False)
    await plans.tick()
    assert (await plans.dates(), await plans.due(template)) == ([], None)
    change = parse(TemplateUpdate, {"autoPost": True})
    await plans.write(lambda write: update_template(write, template.id, change))
    await plans.tick()
    assert await plans.dates() == [plans.actor.today]


@pytest.mark.case("X11")
async def test_two_workers_make_one_transaction_of_each_date(plans: Plans) -> None:
    today = plans.actor.today
    template = await plans.make(startDate=str(today - timedelta(days=2)))
    # Each with a write path of its own, as in two processes.
    others = [
        Ledgers(plans.services.database, plans.running.chain_key, plans.running.broker)
        for _ in range(4)
    ]
    await asyncio.gather(
        *(one.write(plans.actor, lambda write: post_due(write, template.id)) for one in others)
    )
    executed = await asyncio.gather(
        *(
            one.write(plans.actor, lambda write: execute_template(write, template.id, today))
            for one in others
        )
    )
    assert {one.value.created for one in executed} == {False}
    assert len({one.value.transaction.id for one in executed}) == 1
    assert await plans.dates() == days(today, 3)


@pytest.mark.case("X11")
async def test_two_schedulers_leave_one_job(plans: Plans) -> None:
    template = await plans.make()
    async with plans.services.database.engine.begin() as connection:
        await connection.execute(
            text("DELETE FROM jobs WHERE subject_id = :id"), {"id": template.id}
        )
    await asyncio.gather(*(enqueue_due_templates(plans.services.database) for _ in range(4)))
    assert len(await plans.waiting(template)) == 1


async def test_the_database_itself_refuses_a_second_one(plans: Plans) -> None:
    template = await plans.make()
    await plans.worker().run_due()
    names = [column.name for column in table(Transaction).columns if column.name != "id"]
    copy = text(
        f"INSERT INTO transactions (id, {', '.join(names)}) SELECT gen_random_uuid(), "
        f"{', '.join(names)} FROM transactions WHERE template_id = :id"
    )
    with pytest.raises(IntegrityError, match="uq_transactions_occurrence"):
        await plans.write(lambda write: write.tx.run(copy, {"id": template.id}))


async def test_edits_leave_one_waiting_job(plans: Plans) -> None:
    template = await plans.make()
    for amount in ("-4", "-5", "-6"):
        change = parse(TemplateUpdate, {"amount": amount})
        await plans.write(lambda write, change=change: update_template(write, template.id, change))
        await plans.tick()
    assert await plans.dates() == [plans.actor.today]
    assert len(await plans.waiting(template)) == 1


async def test_deleted_ones_are_not_made_again_even_after_the_trash(plans: Plans) -> None:
    today = plans.actor.today
    template = await plans.make(startDate=str(today - timedelta(days=1)))
    await plans.worker().run_due()
    rows = await plans.write(
        lambda write: write.tx.rows(text("SELECT id FROM transactions ORDER BY date"))
    )
    await plans.write(lambda write: delete_transactions(write, [(rows[0].id, None)]))
    await plans.tick()
    assert await plans.dates() == [today]
    await plans.write(lambda write: purge_trash(write, write.now + timedelta(days=1)))
    change = parse(TemplateUpdate, {"amount": "-4"})
    await plans.write(lambda write: update_template(write, template.id, change))
    await plans.tick()
    assert await plans.dates() == [today]
    gone = today - timedelta(days=1)
    with pytest.raises(Gone):
        await plans.write(lambda write: execute_template(write, template.id, gone))
    assert await plans.sound()


async def test_another_schedule_does_not_book_the_past_anew(plans: Plans) -> None:
    today = plans.actor.today
    start = today - timedelta(days=28)
    template = await plans.make(frequency="WEEKLY", startDate=str(start))
    await plans.worker().run_due()
    booked = await plans.dates()
    assert booked == [start + timedelta(days=7 * week) for week in range(5)]
    # All its weeks begin a day earlier now; the past weeks are paid.
    change = parse(TemplateUpdate, {"startDate": str(start - timedelta(days=1))})
    await plans.write(lambda write: update_template(write, template.id, change))
    await plans.tick()
    assert await plans.dates() == booked
    assert await plans.due(template) == today + timedelta(days=6)
    assert await plans.sound()


async def test_templates_of_deleted_accounts_do_not_post_and_go_with_them(plans: Plans) -> None:
    template = await plans.make()
    clear = delete_rows_of_account
    await plans.write(lambda write: delete_account(write, plans.giro, clear=clear, force=True))
    await plans.tick()
    assert await plans.dates() == []
    assert await plans.sound()
    later = lambda write: purge_templates(write, write.now + timedelta(days=1))  # noqa: E731
    assert await plans.write(later) == 1
    assert await plans.due(template) is None
    assert await plans.sound()


async def test_a_day_that_has_not_begun_for_the_owner_waits_for_her_midnight(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = plans.actor.today + timedelta(days=1)
    template = await plans.make(startDate=str(tomorrow))
    # The easternmost clocks show tomorrow already.
    monkeypatch.setattr(
        "resolvers.ticks.utc_now",
        lambda: datetime.combine(plans.actor.today, datetime.max.time(), tzinfo=UTC),
    )
    await plans.tick()
    assert await plans.dates() == []
    midnight = datetime.combine(tomorrow, datetime.min.time(), tzinfo=UTC)
    assert await plans.waiting(template) == [midnight]
    await plans.tick()
    assert await plans.waiting(template) == [midnight]


async def test_a_long_catch_up_is_several_writes(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.templates.execute.BATCH_DAYS", 3)
    today = plans.actor.today
    await plans.make(startDate=str(today - timedelta(days=6)))
    await plans.worker().run_due()
    assert await plans.dates() == days(today, 7)


async def test_a_tampered_amount_is_found(plans: Plans) -> None:
    template = await plans.make(autoPost=False)
    assert await plans.sound()
    await plans.write(
        lambda write: write.tx.run(
            text("UPDATE templates SET amount = set_byte(amount, 20, get_byte(amount, 20) # 1)")
        )
    )
    report = await verify_ledger(
        plans.services.database,
        plans.running.chain_key,
        plans.actor.ledger_id,
        plans.actor.user_id,
    )
    assert [(str(d.kind), d.entity, d.entity_id) for d in report.differences] == [
        ("SEAL", "template", template.id)
    ]


def test_the_handler_is_the_workers(running: Running) -> None:
    assert POST_TEMPLATE in job_handlers(running.services)
    assert callable(posting_handler(running.services.ledgers))
