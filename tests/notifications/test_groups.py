"""What others do in groups, told to those whom it concerns."""

import pytest

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from resolvers.noticing import NOTICE_INVITATION
from tests.doors import Door, register
from tests.groups.world import Circle, circle, drain

pytestmark = pytest.mark.anyio


async def told(running: Running, door: Door) -> list[tuple[str, str, str]]:
    """What somebody was told, the oldest first."""
    await drain(running)
    handlers = {NOTICE_INVITATION: job_handlers(running.services)[NOTICE_INVITATION]}
    await Worker(running.services.database, running.broker, handlers).run_due()
    found = (await door.call("ListNotifications"))["items"]
    return [(one["type"], one["title"], one["body"]) for one in reversed(found)]


async def test_expenses_and_payments_are_told_to_the_others(running: Running, door: Door) -> None:
    trip: Circle = await circle(running, door, "Bea", "Cy")
    await trip.spend("30")
    before = [await told(running, one) for one in trip.doors]
    dinner = ("GROUP_EXPENSE", "Dinner in Trip", "Your share is €10.00.")
    # Their invitations were answered before anybody came to tell of them.
    assert before == [[], [dinner], [dinner]]
    # Cy pays Ada: she is told, Bea is not concerned.
    await trip.settle("10", payer=2, receiver=0)
    paid = ("SETTLEMENT", "You were paid €10.00", "It settles debts in Trip.")
    assert [await told(running, one) for one in trip.doors] == [[paid], [dinner], [dinner]]
    # Nothing is told twice, whatever runs again.
    assert await told(running, trip.doors[0]) == [paid]


async def test_a_payment_recorded_by_who_got_it_is_told_to_who_paid(
    running: Running, door: Door
) -> None:
    trip = await circle(running, door, "Bea")
    body = {
        "kind": "SETTLEMENT", "amount": "5", "date": "2026-03-02",
        "paidBy": [{"userId": trip.ids[1], "amount": "5"}], "shares": [{"userId": trip.ids[0]}],
    }  # fmt: skip
    await trip.call("CreateGroupTransaction", body)
    news = await told(running, trip.doors[1])
    assert news[-1][:2] == ("SETTLEMENT", "Your payment of €5.00 was recorded")
    assert await told(running, trip.doors[0]) == []


async def test_an_invitation_is_told_to_who_has_an_account(running: Running, door: Door) -> None:
    trip = await circle(running, door)
    dan = await register(door.client, name="Dan")
    wanted = await trip.invite(dan, "VIEWER")
    await door.call("CreateInvitation", {"groupId": trip.group, "email": "nobody@example.org"})
    his = door.as_person(dan)
    assert await told(running, his) == [
        ("INVITATION", "Ada invites you to Trip", "You would be a viewer of the group.")
    ]
    (one,) = (await his.call("ListNotifications"))["items"]
    assert one["data"] == {
        "invitationId": wanted, "groupId": trip.group, "groupName": "Trip", "inviterName": "Ada",
        "role": "VIEWER",
    }  # fmt: skip
    assert await told(running, door) == []
