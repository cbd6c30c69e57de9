"""Forgotten passwords through both doors: what is mailed, how long it is good, and what it ends."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx2
import pytest
import time_machine
from sqlalchemy import select, text

from app import Running, job_handlers
from models import ids
from models.auth import MailedToken
from models.base import table
from resolvers.jobs import Worker
from resolvers.mails import LETTERS
from settings import Settings
from tests.doors import PASSWORD, Door, Person, Refused

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
    client: httpx2.AsyncClient, ada: Person, post: Post
) -> None:
    known, unknown = [], []
    bodies = set()
    for number in range(40):
        for email, times in ((ada.email, known), (f"no{number}@example.org", unknown)):
            started = perf_counter()
            answer = await client.post("/v1/auth/forgot-password", json={"email": email})
            times.append(perf_counter() - started)
            content = answer.json()
            bodies.add((answer.status_code, content["message"], str(content["data"])))
    assert len(bodies) == 1
    middle = [sorted(times)[len(times) // 2] for times in (known, unknown)]
    assert max(middle) < 2 * min(middle)
    # Who asks forty times fills nobody's inbox.
    assert len(await post.to(ada.email)) == 3
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
    assert len(kept) == 1
    assert token not in str(kept) + str(jobs)
    assert token.encode() not in kept[0].hash


async def test_an_address_beyond_ascii_is_written_to(nobody: Door, post: Post) -> None:
    email = f"jürgen{datetime.now(UTC).timestamp()}@straße.example"
    body = {"email": email, "password": PASSWORD, "name": "Jürgen"}
    await nobody.call("Register", body)
    await forgot(nobody, email)
    await reset(nobody, await post.token(email))
