"""Leaving for good: unreadable at once, gone soon after, a receipt that anybody can check."""

import asyncio
import json
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from app import Running
from graph.context import Services
from graph.handlers import job_handlers
from models import ids
from models.embedded.parts import Endpoints
from models.sealing import KeyMissing, LedgerRing, RingCache
from models.tables import metadata
from resolvers.erasure import ERASE_PERSON, erase_handler, erase_last_words
from resolvers.jobs import Worker
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused, RestDoor

pytestmark = pytest.mark.anyio
SENDER = "no-reply@testserver"
FILE = b"Date,Text,Amount\n2026-01-01,x,-2.00\n"


@pytest.fixture
async def root(parts: Endpoints, running: Running):
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


async def drained(running: Running, **other: Any) -> None:
    handlers = {**job_handlers(running.services), **other}
    await Worker(running.services.database, running.broker, handlers).run_due()


async def life(door: Door) -> dict[str, Any]:
    """Accounts, transactions, a budget, a template, a file."""
    body = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": "5"}
    account = (await door.call("CreateAccount", body))["id"]
    category = (await door.call("ListCategories"))["items"][0]["id"]
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
    for _ in range(3):
        made = await door.call("CreateTransaction", row)
    other = (await door.call("CreateAccount", {**body, "name": "B"}))["id"]
    await door.call("CreateTransaction", {**row, "transferAccountId": other})
    parts = [{"categoryId": category, "amount": one} for one in ("-1", "0")]
    await door.call("CreateTransaction", {**row, "splits": parts, "refundOf": made["id"]})
    plan = {"name": "P", "period": "MONTHLY", "startDate": "2026-01-01"}
    await door.call("CreateBudget", {**plan, "items": [{"categoryId": category, "amount": "1"}]})
    often = {"name": "T", "accountId": account, "amount": "-1", "description": "x"}
    often |= {"frequency": "MONTHLY", "startDate": "2026-01-01"}
    await door.call("CreateTemplate", often)
    answer = await door.client.post(
        "/v1/imports/csv",
        files={"file": ("a.csv", FILE, "text/csv")},
        data={"accountId": account},
        headers=door.headers,
    )
    assert answer.status_code == 202
    return {"account": account}


async def leave(door: Door, **other: Any) -> Any:
    assert door.person is not None
    return await door.call(
        "DeleteUser", {"password": PASSWORD, "confirm": door.person.email, **other}
    )


def ledger_tables() -> list[str]:
    return [name for name, one in metadata.tables.items() if "ledger_id" in one.c]


async def rows_of(root: asyncpg.Connection, ledger: Any) -> dict[str, int]:
    counts = {
        name: await root.fetchval(f"SELECT count(*) FROM {name} WHERE ledger_id = $1", ledger)
        for name in ledger_tables()
    }
    return {name: count for name, count in counts.items() if count}


async def ledger_of(root: asyncpg.Connection, person: Person) -> Any:
    return await root.fetchval(
        "SELECT ledger_id FROM users WHERE id = $1", ids.decode("user", person.id)
    )


def mails_to(running: Running, address: str) -> list[Any]:
    found = []
    for path in sorted((running.settings.data / "mail").glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=default)
        if message["To"] == address:
            found.append(message)
    return found


async def signed(client: httpx2.AsyncClient, statement: str) -> dict[str, Any]:
    """What a statement says, checked with the published keys alone."""
    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    decoded = jwt.decode(statement, keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "deletion-receipt+jwt"
    return decoded.claims


@pytest.mark.case("A05", "E08")
async def test_a_person_leaves(
    door: Door, client: httpx2.AsyncClient, running: Running, root: asyncpg.Connection, bob: Person
) -> None:
    person = door.person
    assert person is not None
    await life(door)
    await drained(running)
    theirs = door.as_person(bob)
    await life(theirs)
    await drained(running)
    ledger, other = await ledger_of(root, person), await ledger_of(root, bob)
    before = await rows_of(root, other)
    files = list((running.settings.data / "files").rglob(f"*.{ledger}"))
    assert len(files) == 1

    receipt = await leave(door)
    assert receipt["keysShredded"] == [1]
    counted = receipt["deleted"]
    assert (counted["accounts"], counted["transactions"], counted["splits"]) == (2, 7, 2)
    assert (counted["budgets"], counted["budgetItems"], counted["uploads"]) == (1, 1, 1)
    assert counted["sessions"] == 1
    assert receipt["erasedAt"] is None
    claims = await signed(client, receipt["statement"])
    assert claims["sub"] == person.id
    assert {name: claims[name] for name in ("jti", "shreddedAt", "keysShredded", "deleted")} == {
        "jti": receipt["id"], "shreddedAt": receipt["shreddedAt"],
        "keysShredded": [1], "deleted": counted,
    }  # fmt: skip
    assert person.email not in json.dumps(claims)

    # At once: no key, no session, no address; the receipt opens nothing.
    assert await root.fetchval("SELECT count(*) FROM ledger_keys WHERE ledger_id = $1", ledger) == 0
    for token in (person.token, receipt["statement"]):
        answer = await client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    anon = RestDoor(client, None)
    for operation, body in (
        ("Refresh", {"refreshToken": person.refresh_token}),
        ("Login", {"email": person.email, "password": PASSWORD}),
    ):
        with pytest.raises(Refused) as refused:
            await anon.call(operation, body)
        assert refused.value.code == "INVALID_CREDENTIALS"
    with pytest.raises(Refused) as refused:
        await leave(door)
    assert refused.value.code == "UNAUTHENTICATED"

    # The address is free; who takes it finds nothing.
    fresh = {"email": person.email, "password": PASSWORD, "name": "Ada"}
    again = await anon.call("Register", fresh)
    assert again["user"]["id"] != person.id
    reborn = RestDoor(client, Person(person.email, again["accessToken"], "", again["user"]["id"]))
    assert (await reborn.call("ListAccounts"))["items"] == []

    # Soon after: no row, no file.
    await drained(running)
    left = await rows_of(root, ledger)
    assert left.keys() <= {"jobs", "erasures"}
    assert await root.fetchval("SELECT count(*) FROM ledgers WHERE id = $1", ledger) == 0
    assert list((running.settings.data / "files").rglob(f"*.{ledger}")) == []
    assert await rows_of(root, other) == before
    record = await root.fetchrow("SELECT * FROM erasures WHERE ledger_id = $1", ledger)
    assert record["address"] is None
    assert record["erased_at"] is not None
    mail = next(one for one in mails_to(running, person.email) if "deleted" in one["Subject"])
    body = mail.get_content()
    statement = next(line for line in body.splitlines() if line.count(".") == 2 and len(line) > 200)
    final = await signed(client, statement)
    assert (final["jti"], final["deleted"]) == (receipt["id"], counted)
    assert final["erasedAt"] >= final["shreddedAt"]


async def test_nothing_happens_without_proof(
    door: Door, root: asyncpg.Connection, bob: Person
) -> None:
    await life(door)
    assert door.person is not None
    ledger = await ledger_of(root, door.person)
    before = await rows_of(root, ledger)
    for wrong, path in (
        ({"password": "not it at all 4711"}, "password"),
        ({"confirm": bob.email}, "confirm"),
        ({"confirm": ""}, "confirm"),
    ):
        with pytest.raises(Refused) as refused:
            await leave(door, **wrong)
        assert refused.value.code == "VALIDATION_ERROR"
        assert list(refused.value.paths) == [path]
    assert await rows_of(root, ledger) == before
    assert await leave(door, confirm=f"  {door.person.email.upper()} ")


@pytest.mark.case("E08")
async def test_a_restored_row_stays_unreadable(
    client: httpx2.AsyncClient, ada: Person, services: Services, root: asyncpg.Connection
) -> None:
    door = RestDoor(client, ada)
    await life(door)
    ledger, user_id = await ledger_of(root, ada), ids.decode("user", ada.id)
    assert services.database.rings.get(ledger) is not None
    await leave(door)
    assert services.database.rings.get(ledger) is None
    # Somebody brings the rows back from a backup, membership and all: there is no key to them.
    await root.execute(
        "INSERT INTO memberships (ledger_id, user_id, role, joined_at) VALUES ($1, $2, 'OWNER', now())",
        ledger,
        user_id,
    )
    async with services.database.read(user_id) as tx:
        rows = await tx.rows(text("SELECT amount FROM transactions"))
        assert len(rows) == 6
        await tx.unlock([ledger])
        with pytest.raises(KeyMissing):
            tx.ring(ledger)
    await root.execute("DELETE FROM memberships WHERE ledger_id = $1", ledger)


@pytest.mark.case("E08")
async def test_opened_keys_fade_though_nobody_asks() -> None:
    cache = RingCache(seconds=0.02)
    ring = LedgerRing(uuid4(), {})
    cache.put(ring)
    assert cache.get(ring.ledger_id) is ring
    async with asyncio.timeout(10):
        while cache._rings:  # noqa: ASYNC110 - what is waited for is the absence of a reader
            await asyncio.sleep(0.005)
    newer = LedgerRing(ring.ledger_id, {})
    cache.put(newer)
    cache._fade(ring)
    assert cache.get(ring.ledger_id) is newer


async def test_a_crash_anywhere_is_made_good(
    client: httpx2.AsyncClient, ada: Person, running: Running, root: asyncpg.Connection
) -> None:
    door = RestDoor(client, ada)
    await life(door)
    await drained(running)
    ledger = await ledger_of(root, ada)
    await leave(door)
    services = running.services
    erase = job_handlers(services)[ERASE_PERSON]
    worker = Worker(services.database, running.broker, {ERASE_PERSON: erase})
    job = await worker.claim()
    assert job is not None

    class Full:
        async def send(self, _message: Any) -> None:
            raise OSError("no room")

    halting = erase_handler(services.erasures, services.files, Full(), services.public_url, SENDER)
    with pytest.raises(OSError, match="no room"):
        await halting(job)
    assert (await rows_of(root, ledger)).keys() == {"jobs", "erasures"}
    assert not [one for one in mails_to(running, ada.email) if "deleted" in one["Subject"]]
    for _ in range(2):
        await erase(job)
    assert len([one for one in mails_to(running, ada.email) if "deleted" in one["Subject"]]) == 1


async def test_an_address_that_takes_no_mail_is_forgotten_too(
    client: httpx2.AsyncClient, ada: Person, running: Running, root: asyncpg.Connection
) -> None:
    ledger = await ledger_of(root, ada)
    await drained(running)
    await leave(RestDoor(client, ada))
    services = running.services
    handlers = {ERASE_PERSON: job_handlers(services)[ERASE_PERSON]}
    job = await Worker(services.database, running.broker, handlers).claim()
    assert job is not None
    await erase_last_words(services.erasures)(job)
    sql = "SELECT address FROM erasures WHERE ledger_id = $1"
    assert await root.fetchval(sql, ledger) is None


async def test_two_at_once_have_one_winner(client: httpx2.AsyncClient, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    answers = await asyncio.gather(leave(door), leave(door), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, Refused)]
    assert len(refused) == 1
    assert refused[0].code == "UNAUTHENTICATED"


async def test_the_gates_open_for_who_leaves_alone(
    services: Services, ada: Person, bob: Person, root: asyncpg.Connection
) -> None:
    ledger = await ledger_of(root, ada)
    database = services.database
    forget = text(
        "SELECT forget_person(CAST(:id AS uuid), now(), '{1}', '{}', CAST(NULL AS bytea))"
    )
    with pytest.raises(Exception, match="can be forgotten"):
        await database.call(forget, {"id": uuid4()})
    # A living person's ledger does not go by a record that somebody made up.
    erasure = uuid4()
    await root.execute(
        "INSERT INTO erasures (id, user_id, ledger_id, shredded_at, key_numbers, counts) "
        "VALUES ($1, $2, $3, now(), '{1}', '{}')",
        erasure,
        ids.decode("user", ada.id),
        ledger,
    )
    erase = text("SELECT erase_ledger(:id) AS done")
    assert not (await database.call(erase, {"id": erasure}))[0].done
    assert await database.call(text("SELECT * FROM files_to_erase(:id)"), {"id": erasure}) == []
    await root.execute("DELETE FROM erasures WHERE id = $1", erasure)
    with pytest.raises(Exception, match="permission denied"):
        await database.call(text("INSERT INTO erasures (id) VALUES (gen_random_uuid())"))
