"""Limits at both doors: per person and per operation, their headers, and blocked addresses."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import Running, create_app
from models.limits import DatabaseWindows, SharedWindows
from models.stores.limits import LocalWindows, RedisWindows
from resolvers.limits import POLICIES, USER, Call, Caller, Limits, network_of
from settings import Settings
from tests.conftest import fresh_address
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused, RestDoor, register

pytestmark = pytest.mark.anyio

POLICY = re.compile(r'"([a-z]+)";q=(\d+);w=(\d+)(?:, |$)')
LEFT = re.compile(r'"([a-z]+)";r=(\d+);t=(\d+)(?:, |$)')
Enter = Callable[[], Any]


class Clock:
    """The time of the limits, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * 1_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strict(running: Running, settings: Settings, clock: Clock) -> Starlette:
    """The application with production's limits, counted in this process on a clock of its own."""
    services = running.services
    windows = SharedWindows(
        None,
        _NoDatabase(),  # type: ignore[arg-type]
        local=LocalWindows(clock),
    )
    limits = Limits(windows, b"x" * 32, services.auth.family_of)
    return create_app(replace(services, limits=limits), settings)


class _NoDatabase:
    """Lets through what this process alone has counted."""

    async def take(self, _: Any) -> None:
        return None


@pytest.fixture
async def enter(strict: Starlette) -> AsyncIterator[Enter]:
    """Clients of the strict application, each at an address of its own."""
    async with AsyncExitStack() as stack:

        async def client(address: str | None = None) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app=strict, client=(address or fresh_address(), 1))
            opened = httpx2.AsyncClient(transport=transport, base_url="http://testserver")
            return await stack.enter_async_context(opened)

        yield client


def told(answer: httpx2.Response) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Policies and what is left of them, read as RFC 9651 lists of strings with parameters."""
    policies, left = answer.headers["ratelimit-policy"], answer.headers["ratelimit"]
    assert "".join(m[0] for m in POLICY.finditer(policies)) == policies
    assert "".join(m[0] for m in LEFT.finditer(left)) == left
    return (
        {m[1]: (int(m[2]), int(m[3])) for m in POLICY.finditer(policies)},
        {m[1]: (int(m[2]), int(m[3])) for m in LEFT.finditer(left)},
    )


def refusal(answer: httpx2.Response) -> dict[str, Any]:
    """The error of a refused request of either door."""
    content = answer.json()
    if "error" in content:
        return content["error"]  # type: ignore[no-any-return]
    error = content["errors"][0]
    return {"message": error["message"], **error["extensions"]}


async def ask(client: httpx2.AsyncClient, person: Person, door: str) -> httpx2.Response:
    if door == "rest":
        return await client.get("/v1/auth/me", headers=person.headers)
    body = {"query": "{viewer{id}}"}
    return await client.post("/graphql", json=body, headers=person.headers)


BOTH = pytest.mark.parametrize("way", ["graphql", "rest"])


@pytest.mark.case("R05")
@BOTH
async def test_every_answer_says_what_is_left(enter: Enter, way: str) -> None:
    client = await enter()
    ada = await register(client)
    for used in (1, 2):
        policies, left = told(await ask(client, ada, way))
        assert policies == {"user": (1_000, 3_600)}
        assert left == {"user": (1_000 - used, 3_600)}


@pytest.mark.case("R05")
@BOTH
async def test_over_the_limit_is_429_until_the_promised_second(
    enter: Enter, clock: Clock, way: str
) -> None:
    client = await enter()
    ada = await register(client)
    bulk = {"ids": ["txn_0"] * 500}
    for _ in range(99):
        await client.request("DELETE", "/v1/transactions/bulk", json=bulk, headers=ada.headers)
    clock.pass_(10)
    for used in range(1, 11):
        assert told(await ask(client, ada, way))[1]["user"][0] == 10 - used
    answer = await ask(client, ada, way)
    assert answer.status_code == 429
    wait = int(answer.headers["retry-after"])
    assert refusal(answer)["code"] == "RATE_LIMITED"
    assert refusal(answer)["details"] == {
        "policy": "user",
        "limit": 1_000,
        "windowSeconds": 3_600,
        "retryAfterSeconds": wait,
    }
    assert told(answer)[1] == {"user": (0, wait)}
    assert wait == 3_590
    clock.pass_(wait - 0.001)
    assert (await ask(client, ada, way)).status_code == 429
    clock.pass_(0.001)
    assert (await ask(client, ada, way)).status_code == 200
    # Somebody else at the same address was never concerned.
    bob = await register(client, name="Bob")
    assert told(await ask(client, bob, way))[1]["user"][0] == 999


async def left_of(client: httpx2.AsyncClient, person: Person) -> int:
    return told(await ask(client, person, "rest"))[1]["user"][0]


async def test_a_query_counts_by_its_cost_and_a_batch_by_its_rows(enter: Enter) -> None:
    client = await enter()
    ada = await register(client)
    before = await left_of(client, ada)

    async def spent(**request: Any) -> tuple[int, httpx2.Response]:
        nonlocal before
        answer = await client.request(**request, headers=ada.headers)
        after = await left_of(client, ada)
        before, units = after, before - after - 1
        return units, answer

    page = "{transactions(first:100){nodes{account{id} category{id}}}}"
    units, answer = await spent(method="POST", url="/graphql", json={"query": page})
    assert answer.json()["extensions"]["cost"]["requested"] == 301
    assert units == 4
    url = "/v1/transactions/bulk"
    for rows, expected in ((1, 1), (50, 1), (51, 2), (500, 10)):
        assert (await spent(method="DELETE", url=url, json={"ids": ["x"] * rows}))[0] == expected
    document = "mutation($t:[RawRow]!){a:createTransactions(transactions:$t){failed}}"
    many = {"query": document, "variables": {"t": [{}] * 120}}
    assert (await spent(method="POST", url="/graphql", json=many))[0] == 3
    hidden = (
        "mutation{...B} fragment B on Mutation{deleteTransactions(ids:["
        + '"x",' * 101
        + "]){failed}}"
    )
    assert (await spent(method="POST", url="/graphql", json={"query": hidden}))[0] == 3


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "url": "/v1/accounts/acct_0"},
        {"method": "GET", "url": "/v1/accounts?nonsense=1"},
        {"method": "PATCH", "url": "/v1/accounts"},
        {"method": "POST", "url": "/v1/accounts", "content": b"{"},
        {"method": "POST", "url": "/v1/uploads", "json": {}},
        {"method": "POST", "url": "/graphql", "content": b"{"},
        {"method": "POST", "url": "/graphql", "json": {"query": "{"}},
        {"method": "POST", "url": "/graphql", "json": {"query": "{nothing}"}},
        {"method": "GET", "url": "/graphql?query=mutation{logout{loggedOut}}"},
        {"method": "PUT", "url": "/graphql"},
        {"method": "POST", "url": "/graphql", "json": {"query": "query($x:Int!){__typename}"}},
    ],
    ids=lambda one: f"{one['method']} {one['url']} {one.get('content') or one.get('json')}",
)
async def test_a_request_that_fails_counts_once(enter: Enter, request_: dict[str, Any]) -> None:
    client = await enter()
    ada = await register(client)
    before = await left_of(client, ada)
    answer = await client.request(**request_, headers=ada.headers)
    assert 400 <= answer.status_code < 500 or answer.json()["errors"]
    assert told(answer)[1]["user"][0] == before - 1
    assert await left_of(client, ada) == before - 2


async def test_an_unchanged_answer_counts_and_pages_and_probes_do_not(enter: Enter) -> None:
    client = await enter()
    ada = await register(client)
    first = await client.get("/v1/accounts", headers=ada.headers)
    again = {**ada.headers, "If-None-Match": first.headers["etag"]}
    answer = await client.get("/v1/accounts", headers=again)
    assert answer.status_code == 304
    assert told(answer)[1]["user"][0] == told(first)[1]["user"][0] - 1
    for path in ("/", "/health", "/v1/health", "/v1/openapi.json", "/v1/docs", "/v1/nothing"):
        assert "ratelimit" not in (await client.get(path, headers=ada.headers)).headers


async def refused(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value


@pytest.fixture
async def nobody(enter: Enter, door_kind: type[Door]) -> Door:
    return door_kind(await enter(), None)


async def test_signing_up_five_an_hour_from_an_address(nobody: Door, enter: Enter) -> None:
    for number in range(5):
        await register(nobody.client, name=f"P{number}")
    body = {"email": "late@example.org", "password": PASSWORD, "name": "Late"}
    error = await refused(nobody.call("Register", body))
    assert (error.code, error.details["policy"]) == ("RATE_LIMITED", "register")
    elsewhere = type(nobody)(await enter(), None)
    body["email"] = f"late{id(nobody)}@example.org"
    await elsewhere.call("Register", body)


@pytest.mark.case("A07")
async def test_signing_in_ten_times_in_fifteen_minutes_whatever_the_spelling(
    nobody: Door, clock: Clock, enter: Enter
) -> None:
    ada = await register(nobody.client)
    bob = await register(nobody.client, name="Bob")
    spellings = [ada.email, ada.email.upper(), f" {ada.email}"]
    for number in range(10):
        await nobody.call("Login", {"email": spellings[number % 3], "password": PASSWORD})
    error = await refused(nobody.call("Login", {"email": ada.email, "password": PASSWORD}))
    assert (error.status, error.details["policy"]) == (429, "login")
    await nobody.call("Login", {"email": bob.email, "password": PASSWORD})
    elsewhere = type(nobody)(await enter(), None)
    await elsewhere.call("Login", {"email": ada.email, "password": PASSWORD})
    clock.pass_(error.details["retryAfterSeconds"])
    await nobody.call("Login", {"email": ada.email, "password": PASSWORD})


async def test_forgetting_three_times_an_hour_the_same_for_everybody(
    nobody: Door, enter: Enter
) -> None:
    ada = await register(nobody.client)
    seen = []
    for email in (ada.email, f"nobody{id(nobody)}@example.org"):
        for _ in range(3):
            # From anywhere: the mails go to one place.
            door = type(nobody)(await enter(), None)
            await door.call("ForgotPassword", {"email": email})
        error = await refused(nobody.call("ForgotPassword", {"email": email.upper()}))
        seen.append((error.status, error.code, error.message, error.details))
    assert seen[0] == seen[1]
    assert seen[0][:2] == (429, "RATE_LIMITED")


async def test_renewing_sixty_times_an_hour_in_one_session(nobody: Door) -> None:
    ada = await register(nobody.client)
    signed = await nobody.call("Login", {"email": ada.email, "password": PASSWORD})
    token = ada.refresh_token
    for _ in range(60):
        token = (await nobody.call("Refresh", {"refreshToken": token}))["refreshToken"]
    error = await refused(nobody.call("Refresh", {"refreshToken": token}))
    assert (error.status, error.details["policy"]) == (429, "refresh")
    await nobody.call("Refresh", {"refreshToken": signed["refreshToken"]})


async def test_the_proof_of_an_address_is_mailed_three_times_an_hour(enter: Enter) -> None:
    client = await enter()
    door = GraphQLDoor(client, await register(client))
    for _ in range(3):
        await door.query("mutation{resendVerification{accepted}}")
    error = await refused(door.query("mutation{resendVerification{accepted}}"))
    assert (error.status, error.details["policy"]) == (429, "verification")


async def test_uploads_have_a_limit_of_their_own_that_is_met_before_the_file(
    enter: Enter, running: Running
) -> None:
    client = await enter()
    ada = await register(client)
    inline = 'a%d:createUpload(input:{content:"%s",filename:"a.txt",purpose:RECEIPT}){upload{id}}'
    content = b64encode(b"Date,Amount\n2026-01-01,1\n").decode()
    for _ in range(12):
        five = "".join(inline % (number, content) for number in range(5))
        answer = await client.post(
            "/graphql", json={"query": "mutation{" + five + "}"}, headers=ada.headers
        )
        assert answer.status_code == 200
    policies, left = told(answer)
    assert policies == {"user": (1_000, 3_600), "upload": (60, 3_600)}
    assert left["upload"] == (0, 3_600)
    folder = running.settings.data / "files"
    before = sorted(folder.rglob("*"))
    user_left = left["user"][0]
    answer = await client.post(
        "/v1/uploads", files={"file": ("a.csv", b"x" * 100)}, headers=ada.headers
    )
    assert (answer.status_code, refusal(answer)["details"]["policy"]) == (429, "upload")
    assert sorted(folder.rglob("*")) == before
    # None or all: the person's own limit was not charged for it.
    assert told(answer)[1]["user"][0] == user_left


@pytest.mark.case("A08")
async def test_an_address_of_failures_is_blocked_and_twice_as_long_the_next_time(
    nobody: Door, enter: Enter, clock: Clock
) -> None:
    ada = await register(nobody.client)

    async def attack() -> None:
        for number in range(20):
            body = {"email": f"victim{number}@example.org", "password": "wrong"}
            assert (await refused(nobody.call("Login", body))).code == "INVALID_CREDENTIALS"

    right = {"email": ada.email, "password": PASSWORD}
    await attack()
    for minutes in (15, 30):
        error = await refused(nobody.call("Login", right))
        assert (error.status, error.code) == (403, "ADDRESS_BLOCKED")
        assert error.details["retryAfterSeconds"] == minutes * 60
        assert (await refused(nobody.call("ForgotPassword", {"email": ada.email}))).status == 403
        # Who is signed in stays so, and others sign in elsewhere.
        await nobody.call("Refresh", {"refreshToken": ada.refresh_token})
        await nobody.as_person(ada).call("GetMe")
        await type(nobody)(await enter(), None).call("Login", right)
        clock.pass_(minutes * 60)
        await nobody.call("Login", right)
        await attack()


@pytest.mark.case("A08")
async def test_one_account_that_fails_again_and_again_blocks_by_number_only(
    nobody: Door, clock: Clock
) -> None:
    for number in range(50):
        body = {"token": "nonsense", "password": PASSWORD}
        assert (await refused(nobody.call("ResetPassword", body))).code == "INVALID_TOKEN"
        clock.pass_(number % 2)
    error = await refused(nobody.call("ResetPassword", {"token": "x", "password": PASSWORD}))
    assert error.code == "ADDRESS_BLOCKED"


@pytest.mark.case("A08")
async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(strict: Starlette) -> None:
    behind = ProxyHeadersMiddleware(strict, trusted_hosts=["10.9.9.9"])
    for sender, blocked in (("10.9.9.9", False), ("10.9.9.8", True)):
        transport = httpx2.ASGITransport(app=behind, client=(sender, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
            statuses = []
            for number in range(6):
                body = {"email": f"p{number}.{id(client)}@example.org", "name": "P"}
                # What the sender itself claims comes first; the hop that the proxy saw, last.
                headers = {"X-Forwarded-For": f"192.0.2.1, 198.51.100.{number}"}
                answer = await client.post(
                    "/v1/auth/register", json={**body, "password": PASSWORD}, headers=headers
                )
                statuses.append(answer.status_code)
        assert statuses == [201] * 5 + [429 if blocked else 201]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("testclient", None, True),
    ],
)
def test_an_address_is_one_machine_or_one_network(one: str, other: str | None, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


async def test_limits_that_are_off_count_nothing(running: Running, settings: Settings) -> None:
    off = Limits(None, b"", running.services.auth.family_of, on=False)  # type: ignore[arg-type]
    application = create_app(replace(running.services, limits=off), settings)
    transport = httpx2.ASGITransport(app=application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ada = await register(client)
        assert "ratelimit" not in (await ask(client, ada, "rest")).headers


async def test_the_local_profile_widens_all_but_the_limit_of_a_person(running: Running) -> None:
    """And keys hold no address: what Redis keeps names nobody."""
    seen = []

    class Spy:
        async def take(self, shares: Any, *, guarded: bool = False) -> Any:
            seen.extend(shares)
            return await running.services.limits._windows.take(shares, guarded=guarded)

    limits = Limits(Spy(), b"k" * 32, running.services.auth.family_of, width=20)
    body = {"input": {"email": "ada@example.org"}}
    await limits.admit(Caller(None, "192.0.2.7"), [Call("login", body)])
    share = next(one for one in seen if ":login:" in one.key)
    assert share.limit == POLICIES["login"].limit * 20
    assert USER.limit == 1_000
    assert not any("192" in one.key or "ada" in one.key for one in seen)


async def test_rest_and_graphql_spend_from_one_window_in_redis(
    running: Running, settings: Settings
) -> None:
    assert running.cache is not None
    windows = SharedWindows(RedisWindows(running.cache), DatabaseWindows(running.services.database))
    limits = Limits(windows, b"y" * 32, running.services.auth.family_of)
    application = create_app(replace(running.services, limits=limits), settings)
    transport = httpx2.ASGITransport(app=application, client=(fresh_address(), 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ada = await register(client)
        for used, way in enumerate(["rest", "graphql", "rest"], 1):
            assert told(await ask(client, ada, way))[1]["user"][0] == 1_000 - used
        for door in (RestDoor(client), GraphQLDoor(client)):
            await door.call("ForgotPassword", {"email": ada.email})
        await RestDoor(client).call("ForgotPassword", {"email": ada.email})
        error = await refused(GraphQLDoor(client).call("ForgotPassword", {"email": ada.email}))
        assert error.status == 429
