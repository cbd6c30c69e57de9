"""Signing up where addresses are proved first: one answer, one amount of work, one mail for all."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from itertools import count
from typing import Any

import httpx2
import pytest
import time_machine
from sqlalchemy import select, text

from app import Running, create_app
from graph.context import Services
from graph.handlers import job_handlers
from models.auth import Registration
from models.base import table
from models.stores.mail import Mailer
from resolvers.jobs import Worker
from resolvers.registration import MAIL_REGISTER, MAILS_AN_HOUR
from settings import Settings
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused
from tests.statements import counted

pytestmark = pytest.mark.anyio

NUMBERS = count(1)
REGISTER = "mutation($i: RegisterInput!) { register(input: $i) { session { accessToken } } }"
VERIFY = """mutation($i: VerifyEmailInput!) { verifyEmail(input: $i) {
  emailVerified session { accessToken user { email emailVerified name baseCurrency } } } }"""


class Box(Mailer):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> None:
        self.mails.append(message_from_bytes(message.as_bytes(policy=SMTPUTF8), policy=SMTPUTF8))

    def to(self, email: str) -> list[EmailMessage]:
        return [one for one in self.mails if one["To"] == email]

    def token(self, email: str) -> str:
        found = re.search(r"#verify-email=([\w-]{43})", self.to(email)[-1].get_content())
        assert found is not None
        return found[1]


class World:
    """A server in verified mode with its worker."""

    def __init__(self, running: Running, settings: Settings) -> None:
        self.box = Box()
        self.services: Services = replace(
            running.services, verified_registration=True, mailer=self.box
        )
        self.app = create_app(self.services, settings)
        handlers = {MAIL_REGISTER: job_handlers(self.services)[MAIL_REGISTER]}
        self.worker = Worker(self.services.database, running.broker, handlers)

    async def mailed(self, email: str) -> str:
        await self.worker.run_due()
        return self.box.token(email)


@pytest.fixture
async def world(running: Running, settings: Settings) -> World:
    world = World(running, settings)
    # What earlier tests left to this kind of worker is theirs.
    await world.worker.run_due()
    world.box.mails.clear()
    return world


@pytest.fixture
async def verified(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=world.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as found:
        yield found


@pytest.fixture
def nobody(door_kind: type[Door], verified: httpx2.AsyncClient) -> Door:
    return door_kind(verified, None)


def fresh() -> dict[str, Any]:
    email = f"Proof{next(NUMBERS)}@Example.org"
    return {"email": email, "password": PASSWORD, "name": "Ada", "baseCurrency": "CHF"}


async def sign_up(door: Door, body: dict[str, Any]) -> None:
    """The same through both doors: accepted, and no session."""
    if isinstance(door, GraphQLDoor):
        answer = await door.query(REGISTER, i=body)
        assert answer["data"] == {"register": {"session": None}}
        return
    answer = await door.client.post("/v1/auth/register", json=body)
    content = answer.json()
    assert (answer.status_code, content["success"], content["data"]) == (202, True, {})
    assert "location" not in answer.headers


async def code(door: Door, operation: str, body: dict[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        await door.call(operation, body)
    return refused.value.code


async def test_an_account_begins_with_its_proof(nobody: Door, world: World) -> None:
    body = fresh()
    login = {"email": body["email"], "password": PASSWORD}
    await sign_up(nobody, body)
    assert await code(nobody, "Login", login) == "INVALID_CREDENTIALS"
    token = await world.mailed(body["email"])
    proved = await nobody.call("VerifyEmail", {"token": token})
    assert proved["emailVerified"] is True
    user = proved["session"]["user"]
    assert (user["email"], user["emailVerified"]) == (body["email"], True)
    assert (user["name"], user["baseCurrency"]) == ("Ada", "CHF")
    door = nobody.as_person(Person(body["email"], proved["session"]["accessToken"], "", user["id"]))
    assert len((await door.call("ListCategories"))["items"]) >= 8
    assert (await nobody.call("Login", login))["user"]["id"] == user["id"]
    # Good once; and there is no second mail to prove what is proved.
    assert await code(nobody, "VerifyEmail", {"token": token}) == "INVALID_TOKEN"
    assert len(world.box.to(body["email"])) == 1


@pytest.mark.case("A06")
async def test_known_and_unknown_addresses_answer_and_work_alike(
    verified: httpx2.AsyncClient, world: World, ada: Person
) -> None:
    answers, work = set(), set()
    with counted(world.services.database) as statements:
        for email in (ada.email, fresh()["email"], ada.email.upper(), fresh()["email"]):
            statements.clear()
            answer = await verified.post("/v1/auth/register", json=fresh() | {"email": email})
            content = answer.json()
            shown = {name: value for name, value in content.items() if name != "timestamp"}
            answers.add((answer.status_code, str(shown), answer.headers["content-length"]))
            work.add(tuple(statements))
    assert len(answers) == 1
    assert len(work) == 1
    await world.worker.run_due()
    told = world.box.to(ada.email) + world.box.to(ada.email.upper())
    assert [one["Subject"] for one in told] == ["You have an account already"] * 2
    assert all("verify-email" not in one.get_content() for one in told)
    assert [len(world.box.mails)] == [4]


async def test_weak_passwords_and_wrong_fields_are_told_at_once(nobody: Door) -> None:
    for change, path in (({"password": "short"}, "password"), ({"email": "x"}, "email")):
        with pytest.raises(Refused) as refused:
            await nobody.call("Register", fresh() | change)
        assert set(refused.value.paths) == {path}


async def test_nobody_lays_a_password_under_the_address_of_another(
    nobody: Door, world: World
) -> None:
    body = fresh()
    theirs = body | {"password": "the word of a stranger 77", "name": "Mallory"}
    await sign_up(nobody, theirs)
    strangers = await world.mailed(body["email"])
    await sign_up(nobody, body)
    own = await world.mailed(body["email"])
    session = (await nobody.call("VerifyEmail", {"token": own}))["session"]
    assert session["user"]["name"] == "Ada"
    login = {"email": body["email"], "password": theirs["password"]}
    assert await code(nobody, "Login", login) == "INVALID_CREDENTIALS"
    assert await code(nobody, "VerifyEmail", {"token": strangers}) == "INVALID_TOKEN"


async def test_a_token_ends_after_a_day(nobody: Door, world: World) -> None:
    body = fresh()
    await sign_up(nobody, body)
    token = await world.mailed(body["email"])
    now = datetime.now(UTC)
    with time_machine.travel(now + timedelta(hours=24, seconds=5), tick=True):
        assert await code(nobody, "VerifyEmail", {"token": token}) == "INVALID_TOKEN"
    with time_machine.travel(now + timedelta(hours=23), tick=True):
        assert (await nobody.call("VerifyEmail", {"token": token}))["emailVerified"]


@pytest.mark.case("A14")
async def test_of_many_at_once_one_wins(verified: httpx2.AsyncClient, world: World) -> None:
    body = fresh()
    door = GraphQLDoor(verified, None)
    tokens = []
    for _ in range(2):
        await sign_up(door, body)
        tokens.append(await world.mailed(body["email"]))
    answers = await asyncio.gather(
        *(door.query(VERIFY, i={"token": token}) for token in tokens * 4), return_exceptions=True
    )
    won = [one for one in answers if isinstance(one, dict)]
    assert len(won) == 1
    lost = {one.code for one in answers if isinstance(one, Refused)}
    assert lost <= {"INVALID_TOKEN", "CONFLICT"}
    assert len(won) + sum(isinstance(one, Refused) for one in answers) == len(answers)


async def test_an_address_gets_three_of_these_mails_an_hour(nobody: Door, world: World) -> None:
    body = fresh()
    for _ in range(MAILS_AN_HOUR + 2):
        await sign_up(nobody, body)
    await world.worker.run_due()
    assert len(world.box.to(body["email"])) == MAILS_AN_HOUR


async def test_what_waits_rests_sealed(nobody: Door, world: World) -> None:
    body = fresh()
    await sign_up(nobody, body)
    token = await world.mailed(body["email"])
    async with world.services.database.read(None) as tx:
        rows = str(await tx.rows(select(table(Registration))))
        jobs = str(await tx.rows(text("SELECT * FROM jobs WHERE kind = 'mail_register'")))
    for word in (token, body["email"], body["email"].lower(), "Proof", "argon2"):
        assert word not in rows + jobs


async def test_who_signed_up_before_still_signs_in(nobody: Door, ada: Person) -> None:
    login = {"email": ada.email, "password": PASSWORD}
    assert (await nobody.call("Login", login))["user"]["emailVerified"] is False
