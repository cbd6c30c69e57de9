"""Notifications: listed, read and removed through both doors; told once of what happened."""

import asyncio
from collections.abc import Awaitable
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text, update

from app import Running
from graph.handlers import job_handlers
from models import ids
from models.base import table
from models.templates import Template
from resolvers.access import Actor
from resolvers.jobs import Worker
from resolvers.noticing import NOTICE_BUDGETS
from resolvers.notifications import SECURITY_JOBS, add_notification
from resolvers.notifications.words import Words, day, money
from resolvers.recovery import ResetInput
from resolvers.ticks import POST_TEMPLATE, REMIND_TEMPLATE, enqueue_due_reminders
from resolvers.verify import verify_ledger
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused
from tests.statements import counted

pytestmark = pytest.mark.anyio

KINDS = (*SECURITY_JOBS, NOTICE_BUDGETS, POST_TEMPLATE, REMIND_TEMPLATE, "import")


class Inbox:
    """Ada's notifications, and the worker that brings them."""

    def __init__(self, running: Running, door: Door) -> None:
        self.running = running
        self.services = running.services
        self.door = door

    @property
    def worker(self) -> Worker:
        known = job_handlers(self.services)
        handlers = {kind: known[kind] for kind in KINDS if kind in known}
        return Worker(self.services.database, self.running.broker, handlers)

    async def actor(self) -> Actor:
        assert self.door.person is not None
        return await self.services.auth.actor(self.door.person.token)

    async def tell(self, title: str, *, kind: str = "SECURITY") -> str:
        """A notification of its own."""
        actor = await self.actor()
        outcome = await self.services.ledgers.write(
            actor, lambda write: add_notification(write, kind, Words(title, "b"), {"n": 1})
        )
        assert outcome.value is not None
        return ids.encode("notif", outcome.value.id)

    async def news(self, **filters: Any) -> list[dict[str, Any]]:
        """What is listed once all work is done, the oldest first."""
        await self.worker.run_due()
        page = await self.door.call("ListNotifications", limit=100, **filters)
        return list(reversed(page["items"]))

    async def told(self) -> list[tuple[str, str]]:
        return [(one["type"], one["title"]) for one in await self.news()]


@pytest.fixture
async def inbox(running: Running, door: Door) -> Inbox:
    return Inbox(running, door)


async def refused(call: Awaitable[Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value


async def test_they_are_listed_read_and_removed(inbox: Inbox) -> None:
    door = inbox.door
    first, second = [await inbox.tell(title) for title in ("one", "two")]
    page = await door.call("ListNotifications")
    assert [one["id"] for one in page["items"]] == [second, first]
    shown = page["items"][0]
    assert shown["type"] == "SECURITY"
    assert (shown["title"], shown["body"], shown["data"], shown["readAt"]) == (
        "two", "b", {"n": 1}, None,
    )  # fmt: skip
    read = await door.call("MarkNotificationRead", id=first)
    assert (read["version"], read["readAt"] is None) == (2, False)
    # The first time counts.
    assert await door.call("MarkNotificationRead", id=first) == read
    for unread, wanted in ((True, [second]), (False, [first])):
        listed = await door.call("ListNotifications", unread=unread)
        assert [one["id"] for one in listed["items"]] == wanted
    assert (await refused(door.call("DeleteNotification", id=first, version=1))).status in {
        200,
        412,
    }
    gone = await door.call("DeleteNotification", id=first, version=2)
    assert gone == {"id": first, "deleted": True}
    for operation in ("DeleteNotification", "MarkNotificationRead"):
        assert (await refused(door.call(operation, id=first))).code == "NOT_FOUND"
    assert (await verify_of(inbox)) == []


async def verify_of(inbox: Inbox) -> list[Any]:
    actor = await inbox.actor()
    found = await verify_ledger(
        inbox.services.database, inbox.running.chain_key, actor.ledger_id, actor.user_id
    )
    return list(found.differences)


async def test_all_at_once_and_how_many_are_left(
    running: Running, client: httpx2.AsyncClient, ada: Person
) -> None:
    door = GraphQLDoor(client, ada)
    inbox = Inbox(running, door)
    for number in range(3):
        await inbox.tell(str(number))
    counted = "{viewer{unreadNotificationCount notifications(unread:true){totalCount}}}"
    viewer = (await door.query(counted))["data"]["viewer"]
    assert viewer == {"unreadNotificationCount": 3, "notifications": {"totalCount": 3}}
    document = "mutation{markAllNotificationsRead{marked unreadCount}}"
    answer = (await door.query(document))["data"]["markAllNotificationsRead"]
    assert answer == {"marked": 3, "unreadCount": 0}
    again = (await door.query(document))["data"]["markAllNotificationsRead"]
    assert again == {"marked": 0, "unreadCount": 0}


async def test_pages_follow_each_other(inbox: Inbox) -> None:
    made = [await inbox.tell(str(number)) for number in range(7)]
    rows = await inbox.door.pages("ListNotifications", limit=3)
    assert [row["id"] for row in rows] == made[::-1]


async def test_a_page_costs_the_same_for_one_and_for_twenty(inbox: Inbox) -> None:
    counts = []
    for number in (1, 19):
        for _ in range(number):
            await inbox.tell("x")
        with counted(inbox.services.database) as statements:
            await inbox.door.call("ListNotifications")
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_reading_changes_no_figure_and_is_in_the_feed(inbox: Inbox) -> None:
    actor = await inbox.actor()
    wanted = await inbox.tell("x")
    before = await inbox.services.database.visible_versions(actor.user_id)
    await inbox.door.call("MarkNotificationRead", id=wanted)
    await inbox.door.call("DeleteNotification", id=wanted)
    after = await inbox.services.database.visible_versions(actor.user_id)
    assert (after[0].books, after[0].version) == (before[0].books, before[0].version + 2)
    page = await inbox.door.call("ListChanges", limit=100)
    types = [one["type"] for one in page["changes"] if one["id"] == wanted]
    assert types in (
        ["notification.created", "notification.updated", "notification.deleted"],
        [],  # a snapshot holds what lives
    )


async def test_the_same_is_told_once_even_after_it_was_removed(inbox: Inbox) -> None:
    actor = await inbox.actor()
    once = ids.new_id()

    async def again() -> Any:
        return (
            await inbox.services.ledgers.write(
                actor,
                lambda write: add_notification(write, "SECURITY", Words("x", "x"), {}, once=once),
            )
        ).value

    assert await again() is not None
    assert await again() is None
    await inbox.door.call("DeleteNotification", id=ids.encode("notif", once))
    assert await again() is None


class Plan:
    """A budget of 100 for one category, another of 50, and an account to spend from."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.door = inbox.door

    async def make(self, **more: Any) -> "Plan":
        call = self.door.call
        giro = await call("CreateAccount", {"name": "G", "type": "CASH", "currency": "EUR"})
        self.giro = giro["id"]
        self.food, self.rent = [
            (await call("CreateCategory", {"name": name, "kind": "EXPENSE"}))["id"]
            for name in ("Groceries", "Rent")
        ]
        items = [
            {"categoryId": self.food, "amount": "100"},
            {"categoryId": self.rent, "amount": "50"},
        ]
        body = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"}
        self.budget = await call("CreateBudget", {**body, "items": items, **more})
        return self

    async def spend(self, amount: str, on: str = "2026-03-10", **more: Any) -> dict[str, Any]:
        amount = amount[1:] if amount.startswith("+") else f"-{amount}"
        row = {"accountId": self.giro, "date": on, "amount": amount, "description": "x"}
        made = await self.door.call("CreateTransaction", {**row, "categoryId": self.food, **more})
        return dict(made)


@pytest.fixture
async def plan(inbox: Inbox) -> Plan:
    return await Plan(inbox).make()


async def test_passing_a_threshold_is_told_once_in_each_period(plan: Plan) -> None:
    inbox = plan.inbox
    await plan.spend("79.99")
    assert await inbox.told() == []
    await plan.spend("0.01")
    (one,) = await inbox.news()
    assert (one["type"], one["title"]) == ("BUDGET_THRESHOLD", "Groceries in Plan is past 80 %")
    assert one["body"] == "€80.00 of €100.00 are spent, Mar 1, 2026 to Mar 31, 2026."
    item = plan.budget["items"][0]["id"]
    assert one["data"] == {
        "budgetId": plan.budget["id"], "itemId": item, "categoryId": plan.food, "percent": 80,
        "from": "2026-03-01", "to": "2026-03-31",
    }  # fmt: skip
    await plan.spend("5")
    assert len(await inbox.told()) == 1
    # A late entry into another month is of that month.
    await plan.spend("90", on="2026-02-28")
    assert len(await inbox.told()) == 2
    await plan.spend("15")
    assert await inbox.told() == [
        ("BUDGET_THRESHOLD", "Groceries in Plan is past 80 %"),
        ("BUDGET_THRESHOLD", "Groceries in Plan is past 80 %"),
        ("BUDGET_EXCEEDED", "Groceries in Plan is used up"),
    ]
    # 100 of 150 are spent in all: the sum is not past 80 yet.
    await plan.spend("25", categoryId=plan.rent)
    assert (await inbox.told())[-1] == ("BUDGET_THRESHOLD", "Plan is past 80 %")
    assert await verify_of(inbox) == []


async def test_only_the_highest_of_several_is_told(plan: Plan) -> None:
    await plan.spend("101", on="2026-03-10")
    assert await plan.inbox.told() == [("BUDGET_EXCEEDED", "Groceries in Plan is used up")]


async def test_of_many_months_at_once_the_newest_is_listed_first(inbox: Inbox) -> None:
    plan = await Plan(inbox).make(startDate="2024-01-01")
    for number in range(24):
        await plan.spend("90", on=f"{2024 + number // 12}-{number % 12 + 1:02}-10")
    news = [one["data"]["from"] for one in await inbox.news()]
    # The oldest four of a flood are marked without a word.
    assert news == [f"{2024 + n // 12}-{n % 12 + 1:02}-01" for n in range(4, 24)]


async def test_what_falls_back_is_taken_back_and_told_anew(plan: Plan) -> None:
    inbox = plan.inbox
    wrong = await plan.spend("1000")
    assert len(await inbox.news()) == 2
    await plan.door.call("UpdateTransaction", {"amount": "-10"}, id=wrong["id"])
    assert await inbox.told() == []
    again = await plan.spend("85")
    (seen,) = await inbox.news()
    await plan.door.call("MarkNotificationRead", id=seen["id"])
    await plan.door.call("DeleteTransaction", id=again["id"])
    # What was read stays, and the next time is told as well.
    assert [one["id"] for one in await inbox.news()] == [seen["id"]]
    await plan.door.call("RestoreTransaction", id=again["id"])
    assert len(await inbox.news()) == 2


async def test_a_removed_one_does_not_come_again(plan: Plan) -> None:
    await plan.spend("85")
    (one,) = await plan.inbox.news()
    await plan.door.call("DeleteNotification", id=one["id"])
    await plan.spend("1")
    assert await plan.inbox.told() == []


async def test_who_plans_is_not_told_of_the_plan(plan: Plan) -> None:
    await plan.spend("60")
    item = plan.budget["items"][0]["id"]
    await plan.door.call("UpdateBudgetItem", {"amount": "50"}, id=plan.budget["id"], itemId=item)
    await plan.spend("1")
    assert await plan.inbox.told() == []
    # Neither of what lay there before the plan.
    today = (await plan.inbox.actor()).today.isoformat()
    await plan.spend("500", on=today, categoryId=plan.rent)
    await plan.door.call("DeleteBudget", id=plan.budget["id"])
    body = {"name": "New", "period": "MONTHLY", "startDate": today, "currency": "EUR"}
    await plan.door.call(
        "CreateBudget", {**body, "items": [{"categoryId": plan.rent, "amount": "100"}]}
    )
    await plan.spend("1", on=today, categoryId=plan.rent)
    assert await plan.inbox.told() == []


async def test_earning_and_a_plan_without_alerts_stay_silent(inbox: Inbox) -> None:
    plan = await Plan(inbox).make(alertPercents=[])
    await plan.spend("500")
    salary = await plan.door.call("CreateCategory", {"name": "Pay", "kind": "INCOME"})
    body = {"name": "In", "period": "MONTHLY", "startDate": "2026-01-01", "currency": "EUR"}
    items = [{"categoryId": salary["id"], "amount": "10"}]
    await plan.door.call("CreateBudget", {**body, "items": items})
    await plan.spend("+50", categoryId=salary["id"])
    assert await inbox.told() == []


async def test_many_writes_leave_one_job_and_two_workers_tell_once(plan: Plan) -> None:
    inbox = plan.inbox
    actor = await inbox.actor()
    await asyncio.gather(*(plan.spend("9") for _ in range(10)))
    async with inbox.services.database.read(actor.user_id) as tx:
        jobs = text("SELECT count(*) FROM jobs WHERE subject_id = :l AND kind = :k")
        waiting = await tx.scalar(jobs, {"l": actor.ledger_id, "k": NOTICE_BUDGETS})
    assert waiting == 1
    await asyncio.gather(inbox.worker.run_due(), inbox.worker.run_due())
    assert await inbox.told() == [("BUDGET_THRESHOLD", "Groceries in Plan is past 80 %")]


async def test_a_template_that_posts_tells_and_one_that_does_not_reminds(
    inbox: Inbox, running: Running
) -> None:
    door, today = inbox.door, (await inbox.actor()).today
    giro = await door.call("CreateAccount", {"name": "G", "type": "CASH", "currency": "EUR"})
    body = {
        "name": "Rent", "accountId": giro["id"], "amount": "-700", "description": "Rent",
        "frequency": "DAILY", "startDate": (today - timedelta(days=2)).isoformat(),
    }  # fmt: skip
    await door.call("CreateTemplate", {**body, "autoPost": True})
    (posted,) = await inbox.news()
    assert (posted["type"], posted["title"]) == ("TEMPLATE_POSTED", "Rent was booked 3 times")
    assert posted["data"]["count"] == len(posted["data"]["transactionIds"]) == 3
    waits = await door.call("CreateTemplate", {**body, "name": "Gift"})
    await enqueue_due_reminders(running.services.database)
    assert len(await inbox.news()) == 1
    actor = await inbox.actor()
    template = ids.decode("tmpl", waits["id"])

    async def move(days: int) -> None:
        """As if so many days had passed since the date to remind of."""

        async def work(tx: Any) -> None:
            on = {"remind_on": today - timedelta(days=days)}
            await tx.run(update(table(Template)).where(table(Template).c.id == template).values(on))
            await tx.run(
                text("UPDATE jobs SET run_at = now() WHERE subject_id = :t"), {"t": template}
            )

        await running.services.database.change(actor.user_id, work)

    await move(0)
    await enqueue_due_reminders(running.services.database)
    due = (await inbox.news())[1:]
    assert [(one["type"], one["title"]) for one in due] == [("TEMPLATE_DUE", "Gift is due")]
    assert due[0]["data"]["date"] == today.isoformat()
    await enqueue_due_reminders(running.services.database)
    assert len(await inbox.news()) == 2
    # What is done needs no reminder.
    await door.call("ExecuteTemplate", id=waits["id"], date=today.isoformat())
    await move(0)
    await enqueue_due_reminders(running.services.database)
    assert len(await inbox.news()) == 2


async def test_an_import_tells_how_it_ended(inbox: Inbox, client: httpx2.AsyncClient) -> None:
    door = inbox.door
    giro = await door.call("CreateAccount", {"name": "G", "type": "CASH", "currency": "EUR"})
    for content in (b"Date,Text,Amount\n2026-01-31,coffee,-3.50\n", b"nothing to see"):
        answer = await client.post(
            "/v1/imports/csv",
            files={"file": ("March.csv", content, "text/csv")},
            data={"accountId": giro["id"]},
            headers=door.headers,
        )
        assert answer.status_code == 202
        await inbox.worker.run_due()
    done, failed = await inbox.news()
    assert (done["type"], done["title"]) == ("IMPORT_FINISHED", "March.csv is imported")
    assert done["body"] == "1 new, 0 matched, 0 left out."
    assert done["data"]["status"] == "COMPLETED"
    assert failed["data"]["status"] in {"FAILED", "PENDING"}


async def test_signing_in_elsewhere_and_other_passwords_are_told(
    inbox: Inbox, client: httpx2.AsyncClient
) -> None:
    person = inbox.door.person
    assert person is not None
    login = {"email": person.email, "password": PASSWORD}
    await client.post("/v1/auth/login", json=login)
    assert await inbox.told() == []
    for _ in range(2):
        headers = {"User-Agent": "Another browser"}
        await client.post("/v1/auth/login", json=login, headers=headers)
    titles = [("SECURITY", "Somebody signed in on a new device")]
    assert await inbox.told() == titles
    door = GraphQLDoor(client, person)
    await door.query("mutation{revokeOtherSessions{revoked}}")
    titles.append(("SECURITY", "Other sessions were ended"))
    assert await inbox.told() == titles
    change = 'mutation{changePassword(input:{current:"%s",new:"%s"}){changed}}'
    await door.query(change % (PASSWORD, f"not {PASSWORD}"))
    titles.append(("SECURITY", "Your password was changed"))
    assert await inbox.told() == titles
    tokens = await door.call("Refresh", {"refreshToken": person.refresh_token})
    await door.call("Refresh", {"refreshToken": tokens["refreshToken"]})
    assert (await refused(door.call("Refresh", {"refreshToken": person.refresh_token}))).code
    again = {"email": person.email, "password": f"not {PASSWORD}"}
    signed = (await client.post("/v1/auth/login", json=again)).json()["data"]
    inbox.door.person = Person(person.email, signed["accessToken"], "", person.id)
    titles.append(("SECURITY", "A session was ended for your safety"))
    assert await inbox.told() == titles
    assert (await inbox.news())[0]["data"]["event"] == "SIGN_IN"


async def test_a_password_reset_by_mail_is_told(inbox: Inbox, client: httpx2.AsyncClient) -> None:
    services, person = inbox.services, inbox.door.person
    assert person is not None
    handlers = {"mail_reset": job_handlers(services)["mail_reset"]}
    await inbox.door.as_person(None).call("ForgotPassword", {"email": person.email})
    await Worker(services.database, inbox.running.broker, handlers).run_due()
    folder = inbox.running.settings.data / "mail"
    newest = next(
        one.read_text()
        for one in sorted(folder.glob("*.eml"), reverse=True)
        if person.email in one.read_text() and "reset-password=" in one.read_text()
    )
    token = newest.split("#reset-password=")[1].split()[0]
    new = f"not {PASSWORD}"
    await services.recovery.reset(ResetInput(token=token, password=new))
    login = {"email": person.email, "password": new}
    signed = (await client.post("/v1/auth/login", json=login)).json()["data"]
    inbox.door.person = Person(person.email, signed["accessToken"], "", person.id)
    assert await inbox.told() == [("SECURITY", "Your password was reset by mail")]


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text_"),
    [
        (123456, "EUR", "en", "€1,234.56"),
        (123456, "EUR", "de-DE", "1.234,56\N{NO-BREAK SPACE}€"),
        (-500, "JPY", "en", "-¥500"),
        (1234, "KWD", "en", "KWD1.234"),
        (100, "EUR", "xx-nonsense", "€1.00"),
    ],
)
def test_money_is_written_as_the_reader_does(
    minor: int, currency: str, locale: str, text_: str
) -> None:
    assert money(minor, currency, locale) == text_


def test_dates_are_written_as_the_reader_does() -> None:
    assert day(date(2026, 3, 1), "de-AT") == "01.03.2026"
