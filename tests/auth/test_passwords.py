"""Forgotten and changed passwords, sessions and proved addresses: what is mailed and what ends."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Any

import httpx2
import pytest
import time_machine
from sqlalchemy import select, text

from app import Running
from graph.handlers import job_handlers
from models import ids
from models.auth import MailedToken
from models.base import table
from resolvers.jobs import Worker
from resolvers.mails import LETTERS
from settings import Settings
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused
from tests.statements import counted

pytestmark = pytest.mark.anyio

NEW = "a wholly different staple battery 7"


class Post:
    """The worker that writes mails, and the folder where they are found."""

    def __init__(self, running: Running, folder: Path) -> None:
        handlers = job_handlers(running.services)
        mails = {kind: handlers[kind] for kind in LETTERS}
        self.worker = Worker(running.services.database, running.broker, mails)
        self.folder = folder

    async def to(self, email: str, word: str = "reset-password") -> list[EmailMessage]:
        """What an address has received, the oldest first."""
        await self.worker.run_due()
        read = [
            message_from_bytes(path.read_bytes(), policy=SMTPUTF8)
            for path in sorted(self.folder.glob("*.eml"))
        ]
        return [one for one in read if one["To"] == email and word in one.get_content()]

    async def token(self, email: str, word: str = "reset-password") -> str:
        """The newest token of an address."""
        content = (await self.to(email, word))[-1].get_content()
        found = re.search(rf"#{word}=([\w-]{{43}})", content)
        assert found is not None, content
        return found[1]


@pytest.fixture
def post(running: Running, settings: Settings) -> Post:
    return Post(running, settings.data / "mail")


@pytest.fixture
def nobody(door_kind: type[Door], client: httpx2.AsyncClient) -> Door:
    return door_kind(client, None)


async def told(call: Callable[[], Any]) -> str:
    """The code of a refusal."""
    with pytest.raises(Refused) as refused:
        await call()
    return refused.value.code


async def forgot(door: Door, email: str) -> Any:
    return await door.call("ForgotPassword", {"email": email})


async def reset(door: Door, token: str, password: str = NEW) -> Any:
    return await door.call("ResetPassword", {"token": token, "password": password})


@pytest.mark.case("A05")
async def test_a_mailed_token_sets_a_password_and_ends_every_session(
    nobody: Door, ada: Person, post: Post
) -> None:
    login = {"email": ada.email, "password": PASSWORD}
    second = await nobody.call("Login", login)
    assert await forgot(nobody, ada.email.upper()) == {"accepted": True}
    assert await reset(nobody, await post.token(ada.email)) == {"passwordReset": True}
    for access, renew in (
        (ada.token, ada.refresh_token),
        (second["accessToken"], second["refreshToken"]),
    ):
        door = nobody.as_person(Person("", access, "", ""))
        assert await told(lambda door=door: door.call("GetMe")) == "UNAUTHENTICATED"
        body = {"refreshToken": renew}
        answer = await told(lambda body=body: nobody.call("Refresh", body))
        assert answer == "INVALID_CREDENTIALS"
    assert await told(lambda: nobody.call("Login", login)) == "INVALID_CREDENTIALS"
    assert (await nobody.call("Login", {**login, "password": NEW}))["user"]["id"] == ada.id


@pytest.mark.case("A09")
async def test_a_token_is_good_once_for_thirty_minutes_and_for_its_purpose(
    nobody: Door, ada: Person, post: Post
) -> None:
    now = datetime.now(UTC)
    await forgot(nobody, ada.email)
    first = await post.token(ada.email)
    await forgot(nobody, ada.email)
    second = await post.token(ada.email)
    assert first != second
    with time_machine.travel(now + timedelta(minutes=30, seconds=20), tick=True):
        assert await told(lambda: reset(nobody, first)) == "INVALID_TOKEN"
    with pytest.raises(Refused) as refused:
        await reset(nobody, first, "short")
    assert refused.value.paths == {"password": "TOO_SHORT"}
    with time_machine.travel(now + timedelta(minutes=29), tick=True):
        await reset(nobody, first)
    for spent in (first, second, "x" * 43, first[:-1]):
        with pytest.raises(Refused) as refused:
            await reset(nobody, spent)
        assert refused.value.code == "INVALID_TOKEN"


@pytest.mark.case("A09")
async def test_the_link_leads_to_the_configured_host_whatever_the_request_says(
    client: httpx2.AsyncClient, ada: Person, post: Post
) -> None:
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    body = {"email": ada.email}
    answer = await client.post("/v1/auth/forgot-password", json=body, headers=forged)
    assert answer.status_code in {202, 400}
    await client.post("/v1/auth/forgot-password", json=body)
    mails = await post.to(ada.email)
    assert mails
    for mail in mails:
        assert "evil" not in mail.as_string()
        assert "http://testserver/#reset-password=" in mail.get_content()
        assert mail["From"] == "Pocket Trend <no-reply@testserver>"
    modes = {path.stat().st_mode & 0o777 for path in post.folder.glob("*.eml")}
    assert (modes, post.folder.stat().st_mode & 0o777) == ({0o600}, 0o700)


@pytest.mark.case("A06")
async def test_known_and_unknown_addresses_answer_alike(
    client: httpx2.AsyncClient, ada: Person, post: Post, running: Running
) -> None:
    bodies, work = set(), set()
    with counted(running.services.database) as statements:
        for number in range(5):
            for email in (ada.email, f"no{number}@example.org"):
                statements.clear()
                answer = await client.post("/v1/auth/forgot-password", json={"email": email})
                content = answer.json()
                bodies.add((answer.status_code, content["message"], str(content["data"])))
                work.add(tuple(statements))
    assert len(bodies) == 1
    # The same statements in the same order: the time is the same because the work is.
    assert len(work) == 1
    assert len(await post.to(ada.email)) == 5
    assert await post.to("no1@example.org") == []


async def test_the_token_rests_nowhere_but_in_the_mail(
    nobody: Door, ada: Person, post: Post, running: Running
) -> None:
    await forgot(nobody, ada.email)
    token = await post.token(ada.email)
    user_id = ids.decode("user", ada.id)
    async with running.services.database.read(user_id) as tx:
        kept = await tx.rows(select(table(MailedToken)))
        jobs = await tx.rows(text("SELECT * FROM jobs"))
    assert {row.purpose for row in kept} == {"RESET", "VERIFY"}
    assert token not in str(kept) + str(jobs)


async def test_an_address_beyond_ascii_is_written_to(nobody: Door, post: Post) -> None:
    email = f"jürgen{datetime.now(UTC).timestamp()}@straße.example"
    body = {"email": email, "password": PASSWORD, "name": "Jürgen"}
    await nobody.call("Register", body)
    await forgot(nobody, email)
    await reset(nobody, await post.token(email))


async def sessions_of(door: GraphQLDoor) -> list[dict[str, Any]]:
    answer = await door.query("{viewer{sessions{id current userAgent lastUsedAt expiresAt}}}")
    return answer["data"]["viewer"]["sessions"]


async def signed_in(door: GraphQLDoor, person: Person) -> GraphQLDoor:
    """The same person on another device."""
    nobody = GraphQLDoor(door.client, None)
    session = await nobody.call("Login", {"email": person.email, "password": PASSWORD})
    token, renew = session["accessToken"], session["refreshToken"]
    return GraphQLDoor(door.client, Person(person.email, token, renew, person.id))


CHANGE = "mutation($i: ChangePasswordInput!){changePassword(input:$i){changed}}"


@pytest.mark.case("A05")
async def test_changing_the_password_keeps_this_session_and_ends_the_others(
    client: httpx2.AsyncClient, ada: Person, post: Post
) -> None:
    here = GraphQLDoor(client, ada)
    there = await signed_in(here, ada)
    await forgot(here, ada.email)
    mailed = await post.token(ada.email)
    for current, new, wrong in (
        ("not this one at all", NEW, {"current": "WRONG"}),
        (PASSWORD, "short", {"new": "TOO_SHORT"}),
    ):
        with pytest.raises(Refused) as refused:
            await here.query(CHANGE, i={"current": current, "new": new})
        found = {path.rpartition(".")[2]: code for path, code in refused.value.paths.items()}
        assert found == wrong
    assert len(await sessions_of(there)) == 2
    await here.query(CHANGE, i={"current": PASSWORD, "new": NEW})
    assert [one["current"] for one in await sessions_of(here)] == [True]
    assert await told(lambda: sessions_of(there)) == "UNAUTHENTICATED"
    assert there.person is not None
    body = {"refreshToken": there.person.refresh_token}
    assert await told(lambda: GraphQLDoor(client).call("Refresh", body)) == "INVALID_CREDENTIALS"
    assert await told(lambda: reset(here, mailed)) == "INVALID_TOKEN"
    await here.call("Refresh", {"refreshToken": ada.refresh_token})
    await here.call("Login", {"email": ada.email, "password": NEW})


async def test_sessions_are_listed_and_ended_one_by_one_or_all_but_this(
    client: httpx2.AsyncClient, ada: Person, bob: Person
) -> None:
    here = GraphQLDoor(client, ada)
    others = [await signed_in(here, ada) for _ in range(3)]
    listed = await sessions_of(here)
    assert [one["current"] for one in listed].count(True) == 1
    assert len(listed) == 4
    wanted = next(one["id"] for one in await sessions_of(others[0]) if one["current"])
    revoke = "mutation($id: ID!){revokeSession(id:$id){id}}"
    stranger = GraphQLDoor(client, bob)
    assert await told(lambda: stranger.query(revoke, id=wanted)) == "NOT_FOUND"
    await here.query(revoke, id=wanted)
    for gone in (wanted, "ses_x", ada.id):
        assert await told(lambda gone=gone: here.query(revoke, id=gone)) == "NOT_FOUND"
    assert await told(lambda: sessions_of(others[0])) == "UNAUTHENTICATED"
    assert len(await sessions_of(others[1])) == 3
    answer = await here.query("mutation{revokeOtherSessions{revoked}}")
    assert answer["data"]["revokeOtherSessions"]["revoked"] == 2
    assert await told(lambda: sessions_of(others[1])) == "UNAUTHENTICATED"
    assert len(await sessions_of(here)) == 1


async def test_a_mailed_token_proves_the_address_once_within_a_day(
    nobody: Door, ada: Person, post: Post
) -> None:
    now = datetime.now(UTC)
    token = await post.token(ada.email, "verify-email")
    door = nobody.as_person(ada)
    before = await door.call("GetMe")
    assert before["emailVerified"] is False
    assert await told(lambda: reset(nobody, token)) == "INVALID_TOKEN"
    with time_machine.travel(now + timedelta(hours=24, minutes=1), tick=True):
        answer = await told(lambda: nobody.call("VerifyEmail", {"token": token}))
    assert answer == "INVALID_TOKEN"
    assert await nobody.call("VerifyEmail", {"token": token}) == {
        "emailVerified": True,
        "session": None,
    }
    after = await door.call("GetMe")
    assert (after["emailVerified"], after["version"]) == (True, before["version"] + 1)
    assert await told(lambda: nobody.call("VerifyEmail", {"token": token})) == "INVALID_TOKEN"


async def test_the_proof_is_mailed_again_until_it_is_used(
    client: httpx2.AsyncClient, ada: Person, post: Post
) -> None:
    door = GraphQLDoor(client, ada)
    resend = "mutation{resendVerification{accepted}}"
    first = await post.token(ada.email, "verify-email")
    await door.query(resend)
    second = await post.token(ada.email, "verify-email")
    assert first != second
    await door.call("VerifyEmail", {"token": second})
    await door.query(resend)
    assert len(await post.to(ada.email, "verify-email")) == 2


@pytest.mark.case("A09")
async def test_of_many_uses_of_a_token_at_once_one_counts(
    nobody: Door, ada: Person, post: Post
) -> None:
    await forgot(nobody, ada.email)
    token = await post.token(ada.email)
    words = [f"{NEW} number {number}" for number in range(6)]
    answers = await asyncio.gather(
        *(reset(nobody, token, word) for word in words), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, Refused)]
    assert [one.code for one in refused] == ["INVALID_TOKEN"] * 5
    right = next(word for word, answer in zip(words, answers, strict=True) if answer not in refused)
    await nobody.call("Login", {"email": ada.email, "password": right})
