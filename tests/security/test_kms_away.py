"""A KMS that is away behind a running product: who was at work goes on, nobody's figures leak."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

import assembly
from app import create_app, migrate_all, start
from models.database import KEY_CACHE_SECONDS
from models.embedded.parts import Endpoints, temporary_parts
from resolvers.verify import verify_all
from settings import Settings
from tests.doors import PASSWORD, Person, register
from tests.security.faults import FaultProxy, fault_proxy
from tests.stores.conftest import LOGIN, REGION, client_of, kms_url

pytestmark = [pytest.mark.anyio, pytest.mark.long]
__all__ = ["kms_url"]
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": "73194682.55"}


class Behind:
    """The product whose keys are wrapped by a KMS behind a proxy."""

    def __init__(self, client: Any, running: Any, kms: FaultProxy, *where: Any) -> None:
        self.client: httpx2.AsyncClient = client
        self.running, self.kms = running, kms
        self.settings, self.ends = where

    def forget(self, ledger_id: UUID) -> None:
        """As when the five minutes are over for which an opened key is kept."""
        self.running.services.database.rings.drop(ledger_id)


@pytest.fixture(scope="module")
def apart() -> Iterator[Endpoints]:
    """A database of its own, all of whose keys a KMS has wrapped."""
    with temporary_parts() as ends:
        yield ends


@pytest.fixture(scope="module")
def key(kms_url: str) -> str:
    """The KMS key."""
    with client_of("kms", kms_url) as made:
        return str(made.client.create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
async def behind(
    kms_url: str,
    key: str,
    apart: Endpoints,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Behind]:
    async with AsyncExitStack() as stack:
        kms = await stack.enter_async_context(fault_proxy(int(kms_url.rpartition(":")[2])))
        for name, value in {
            "AWS_ACCESS_KEY_ID": LOGIN[0],
            "AWS_SECRET_ACCESS_KEY": LOGIN[1],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{kms.port}",
        }.items():
            monkeypatch.setenv(name, value)
        assembly._aws.cache_clear()
        stack.callback(assembly._aws.cache_clear)
        told = settings.model_copy(update={"data": tmp_path, "kms_keys": (key,)})
        await migrate_all(told, apart)
        running = await start(told, apart)
        stack.push_async_callback(running.close)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=create_app(running.services, told, running)),
                base_url="http://testserver",
            )
        )
        yield Behind(client, running, kms, told, apart)


async def ledger_of(behind: Behind, person: Person) -> UUID:
    token = person.headers["Authorization"].partition(" ")[2]
    actor = await behind.running.services.auth.actor(token)
    return UUID(str(actor.ledger_id))


@pytest.mark.case("E06")
@pytest.mark.parametrize("fault", ["cut", "half-open", "garbage"])
async def test_whose_keys_are_open_goes_on_and_others_are_asked_to_wait(
    behind: Behind, fault: Any
) -> None:
    client = behind.client
    ada, bob = await register(client), await register(client)
    for person in (ada, bob):
        made = await client.post("/v1/accounts", json=ACCOUNT, headers=person.headers)
        assert made.status_code == 201, made.text
    assert KEY_CACHE_SECONDS > 60
    behind.forget(await ledger_of(behind, bob))
    behind.kms.fault = fault
    behind.kms.cut()

    # Whoever was at work a moment ago reads and writes on: her key is open for five minutes.
    listed = await client.get("/v1/accounts", headers=ada.headers)
    assert listed.json()["data"]["items"][0]["balance"] == "73194682.55"
    made = await client.post("/v1/accounts", json=ACCOUNT, headers=ada.headers)
    assert made.status_code == 201, made.text

    # Whose key is closed is told to come back, through both doors, reading and writing.
    for method, body in (("GET", None), ("POST", ACCOUNT)):
        answer = await client.request(method, "/v1/accounts", json=body, headers=bob.headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert "73194682" not in answer.text
        assert "database" not in answer.text
    graph = await client.post(
        "/graphql",
        json={"query": "{ accounts(first: 1) { nodes { balance } } }"},
        headers=bob.headers,
    )
    assert graph.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert "73194682" not in graph.text
    # Nobody new gets a ledger whose key nobody has wrapped.
    fresh = {"email": f"new.{fault}@example.org", "password": PASSWORD, "name": "New"}
    refused = await client.post("/v1/auth/register", json=fresh)
    assert refused.status_code == 503
    # A key is wrapped or absent, never plain.
    owner = assembly.engine_of(behind.settings, behind.ends, owner=True)
    async with owner.connect() as line:
        wrapped = (await line.execute(text("SELECT wrapped FROM ledger_keys"))).scalars().all()
    await owner.dispose()
    assert len(wrapped) >= 2
    assert all(bytes(one).startswith(b"pt-kms1\x00") for one in wrapped)

    behind.kms.fault = "none"
    behind.kms.cut()
    listed = await client.get("/v1/accounts", headers=bob.headers)
    assert [one["balance"] for one in listed.json()["data"]["items"]] == ["73194682.55"]
    assert (await client.post("/v1/auth/register", json=fresh)).status_code == 201
    assert (
        await verify_all(behind.running.services.database, behind.running.chain_key)
    ).differences == ()
