"""The demo account: lifelike, sound, written once however often and however rudely it is seeded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from graph.context import Services
from models.database import Database
from resolvers.access import Actor
from resolvers.auth import Auth, LoginInput
from resolvers.balances import balances_at
from resolvers.demo import DEMO_EMAIL, DEMO_PASSWORD, seed_demo
from resolvers.demo.group import DANA
from resolvers.demo.places import PLANS
from resolvers.demo.plan import DAYS, plan_life
from resolvers.demo.seed import BATCHES
from resolvers.groups import GroupUpdate, balances_of, members_of, update_group
from resolvers.inputs import parse
from resolvers.invitations import rename_pending
from resolvers.ledgers import Ledgers
from resolvers.passwords import Passwords
from resolvers.transactions import delete_transactions, purge_trash
from resolvers.users import actor_of
from resolvers.verify import verify_ledger

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 22)
WRITES = 3 + BATCHES
"""Registration, accounts, batches and what she wrote of the group."""
LEGS = 2


@pytest.fixture(autouse=True)
async def nobody(root: asyncpg.Connection) -> AsyncIterator[None]:
    """No demo person: one that is there moves to another address."""
    away = "UPDATE users SET email_key = id::text || email_key WHERE email_key = $1"
    await root.execute(away, DEMO_EMAIL)
    yield
    await root.execute(away, DEMO_EMAIL)


@dataclass(frozen=True)
class Frail:
    """Services whose process is killed after some writes to the ledger."""

    services: Services
    ledgers: Ledgers

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def auth(self) -> Auth:
        return self.services.auth


class Killed(BaseException):
    """The end of a process."""


class FrailLedgers(Ledgers):
    def __init__(self, ledgers: Ledgers, writes: int) -> None:
        super().__init__(ledgers.database, ledgers._chain_key, ledgers.broker)
        self.left = writes

    async def write(self, actor: Any, work: Any, **more: Any) -> Any:
        async def dying(write: Any) -> Any:
            value = await work(write)
            if self.left == 0:
                raise Killed
            return value

        outcome = await super().write(actor, dying, **more)
        self.left -= 1
        return outcome


async def seed(services: Any, today: date = TODAY) -> bool:
    return await seed_demo(services, password=DEMO_PASSWORD, today=today)


async def demo_actor(services: Services) -> Actor:
    data = {"email": DEMO_EMAIL, "password": DEMO_PASSWORD}
    return actor_of((await services.auth.login(parse(LoginInput, data))).user)


async def facts(root: asyncpg.Connection, actor: Actor) -> asyncpg.Record:
    return await root.fetchrow(
        "SELECT count(*) AS rows, count(DISTINCT currency) AS currencies, "
        "count(*) FILTER (WHERE status = 'PENDING') AS pending, "
        "count(*) FILTER (WHERE date > $2) AS coming, "
        "count(*) FILTER (WHERE transfer_id IS NOT NULL) AS sides, "
        "count(*) FILTER (WHERE split_count > 0) AS splits, "
        "count(*) FILTER (WHERE refund_of IS NOT NULL) AS refunds, "
        "count(*) FILTER (WHERE notes IS NOT NULL) AS notes, "
        "count(*) FILTER (WHERE tags <> '{}') AS tagged, "
        "count(DISTINCT payee) AS payees, string_agg(DISTINCT payee, ' ') AS names, "
        "count(DISTINCT category_id) AS categories, min(date) AS first, max(version) AS version, "
        "count(external_id) AS markers, count(DISTINCT date_trunc('month', date)) AS months, "
        "(SELECT version FROM ledgers WHERE id = $1) AS ledger, "
        "(SELECT count(*) FROM changes WHERE ledger_id = $1) AS changes "
        "FROM transactions WHERE ledger_id = $1",
        actor.ledger_id,
        TODAY,
    )


async def differences(services: Services, actor: Actor) -> Any:
    report = await verify_ledger(
        services.database, services.ledgers._chain_key, actor.ledger_id, actor.user_id
    )
    return report.differences


async def test_the_demo_is_three_lifelike_years(
    services: Services, root: asyncpg.Connection
) -> None:
    assert await seed(services)
    actor = await demo_actor(services)
    assert (actor.base_currency, actor.time_zone, actor.locale) == ("EUR", "Europe/Vienna", "en")
    found = await facts(root, actor)
    assert 2_200 <= found["rows"] <= 2_900
    assert found["currencies"] == 2
    assert found["first"] == TODAY - timedelta(days=DAYS)
    assert found["months"] >= 37
    assert found["pending"] >= 3
    assert found["coming"] >= 4
    assert found["sides"] >= 200
    assert found["splits"] >= 15
    assert found["refunds"] >= 8
    assert found["notes"] >= 100
    assert found["tagged"] >= 150
    assert found["payees"] >= 50
    assert found["categories"] >= 18
    assert found["version"] == 1
    assert found["markers"] == BATCHES
    assert found["ledger"] == WRITES
    for script in ("Πλάτανος", "Днепр", "الياسمين", "饺子馆", "はな", "서울", "Löwen"):
        assert script in found["names"]
    crossed = await root.fetchval(
        "SELECT count(*) FROM transactions t JOIN transactions o ON o.id = t.transfer_id "
        "WHERE t.ledger_id = $1 AND t.currency = 'EUR' AND o.currency = 'USD'",
        actor.ledger_id,
    )
    assert crossed >= 8
    plans = "SELECT count(*) FROM budget_items WHERE ledger_id = $1"
    assert await root.fetchval(plans, actor.ledger_id) == len(PLANS)
    assert await differences(services, actor) == ()
    await check_balances(services, root, actor)


async def check_balances(services: Services, root: asyncpg.Connection, actor: Actor) -> None:
    """She gets by: nothing is overdrawn, no card is far out."""
    rows = await root.fetch("SELECT id, type FROM accounts WHERE ledger_id = $1", actor.ledger_id)
    types = {row["id"]: row["type"] for row in rows}
    async with services.database.read(actor.user_id) as tx:
        for months in range(0, 36, 3):
            day = TODAY - timedelta(days=30 * months)
            for balance in await balances_at(tx, [(actor.ledger_id, one, day) for one in types]):
                assert balance is not None
                if types[balance.account_id] in {"CHECKING", "SAVINGS", "CASH", "INVESTMENT"}:
                    assert 0 < balance.balance_minor < 40_000_00, (day, balance)
                else:
                    assert -2_500_00 < balance.balance_minor < 2_500_00, (day, balance)


async def test_a_second_seed_changes_nothing(services: Services, root: asyncpg.Connection) -> None:
    assert await seed(services)
    actor = await demo_actor(services)
    before = await facts(root, actor)
    assert not await seed(services)
    assert not await seed(services, TODAY + timedelta(days=40))
    assert await facts(root, actor) == before


@pytest.mark.parametrize(
    "writes", [0, 1, BATCHES - 2, BATCHES + 1, BATCHES + 2, BATCHES + 3, BATCHES + 4, BATCHES + 5]
)
async def test_a_killed_seed_goes_on_where_it_stopped(
    services: Services, root: asyncpg.Connection, writes: int
) -> None:
    with pytest.raises(Killed):
        await seed(Frail(services, FrailLedgers(services.ledgers, writes)))
    actor = await demo_actor(services)
    half = await facts(root, actor)
    assert half["markers"] == min(BATCHES, max(0, writes - 1))
    # The next start is days later; the books stay those of their first day once there are any.
    later = TODAY if writes == 0 else TODAY + timedelta(days=3)
    assert await seed(services, later)
    whole = await facts(root, actor)
    rows = plan_life(TODAY - timedelta(days=DAYS), TODAY)
    booked = sum(1 + (row.to is not None) + (row.refund is not None) for row in rows)
    assert whole["rows"] == booked + LEGS
    assert (whole["markers"], whole["ledger"]) == (BATCHES, WRITES)
    assert await differences(services, actor) == ()
    assert not await seed(services, later)


async def test_two_seeds_at_once_write_everything_once(
    services: Services, root: asyncpg.Connection
) -> None:
    assert True in await asyncio.gather(seed(services), seed(services))
    actor = await demo_actor(services)
    found = await facts(root, actor)
    assert (found["markers"], found["ledger"]) == (BATCHES, WRITES)
    assert await differences(services, actor) == ()


async def test_what_the_demo_person_throws_away_does_not_come_back(
    services: Services, root: asyncpg.Connection
) -> None:
    await seed(services)
    actor = await demo_actor(services)
    marked = await root.fetch(
        "SELECT id FROM transactions WHERE ledger_id = $1 AND external_id <> ''", actor.ledger_id
    )
    wanted = [(row["id"], None) for row in marked]
    await services.ledgers.write(actor, lambda write: delete_transactions(write, wanted))
    before = await facts(root, actor)
    assert not await seed(services)
    await services.ledgers.write(
        actor, lambda write: purge_trash(write, write.now + timedelta(days=1))
    )
    assert not await seed(services)
    after = await facts(root, actor)
    assert (after["markers"], after["ledger"]) == (0, before["ledger"] + 1)


async def test_the_password_is_strong_and_the_life_repeats_itself() -> None:
    passwords = Passwords(memory_kib=1_024, passes=1)
    try:
        about = [DEMO_EMAIL, "Dana Demo", *DEMO_EMAIL.split("@")]
        assert await passwords.problems(DEMO_PASSWORD, about) == []
    finally:
        passwords.close()
    assert plan_life(date(2024, 2, 29), TODAY) == plan_life(date(2024, 2, 29), TODAY)
    for today in (date(2024, 2, 29), date(2025, 1, 1), date(2025, 3, 31), date(2026, 12, 31)):
        rows = plan_life(today - timedelta(days=DAYS), today)
        assert 2_200 <= len(rows) <= 2_900
        assert all(sum(part.minor for part in row.parts) == row.minor for row in rows if row.parts)


async def shared(services: Services, actor: Actor) -> list[tuple[str, list[str], list[int]]]:
    """Groups with the names of their people and their nets in order of currency."""
    async with services.database.read(actor.user_id) as tx:
        groups = await tx.rows(text("SELECT id, name FROM groups ORDER BY name"))
        found = []
        for group, people, sums in zip(
            groups,
            await members_of(tx, [row.id for row in groups]),
            await balances_of(tx, [row.id for row in groups]),
            strict=True,
        ):
            nets = [one.net_minor for one in sums.balances if one.user_id == actor.user_id]
            found.append((group.name, [one.name for one in people], nets))
    return found


async def test_a_friend_shares_trips_with_her(services: Services, root: asyncpg.Connection) -> None:
    assert await seed(services)
    actor = await demo_actor(services)
    (group,) = await shared(services, actor)
    assert group[:2] == ("Trips with Robin", ["Dana Demo", "Robin"])
    assert len(group[2]) == 2
    assert all(net != 0 for net in group[2])
    ledger = await root.fetchval(
        "SELECT ledger_id FROM memberships m JOIN groups USING (ledger_id) WHERE m.user_id = $1",
        actor.user_id,
    )
    report = await verify_ledger(
        services.database, services.ledgers._chain_key, ledger, actor.user_id
    )
    assert report.differences == ()
    wrote = "SELECT count(DISTINCT created_by) FROM group_transactions WHERE ledger_id = $1"
    assert await root.fetchval(wrote, ledger) == 2
    mine = "SELECT count(*) FROM shares WHERE ledger_id = $1"
    assert await root.fetchval(mine, actor.ledger_id) == len(DANA)


@pytest.mark.parametrize("writes", [BATCHES + 2, BATCHES + 3])
async def test_a_killed_seed_leaves_one_group_in_the_end(services: Services, writes: int) -> None:
    with pytest.raises(Killed):
        await seed(Frail(services, FrailLedgers(services.ledgers, writes)))
    assert await seed(services)
    actor = await demo_actor(services)
    assert [group[1] for group in await shared(services, actor)] == [["Dana Demo", "Robin"]]
    assert not await seed(services)


async def test_a_group_that_was_left_does_not_come_back(services: Services) -> None:
    await seed(services)
    actor = await demo_actor(services)
    async with services.database.read(actor.user_id) as tx:
        group_id = await tx.scalar(text("SELECT id FROM groups"))

    async def rename(write: Any) -> None:
        data = parse(GroupUpdate, {"name": "Trips"})
        await update_group(write, data, renamed=rename_pending)

    await services.ledgers.write(actor, rename, ledger_id=group_id)
    assert not await seed(services)
    assert len(await shared(services, actor)) == 1
