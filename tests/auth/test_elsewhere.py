"""Signing in with an account elsewhere, against a provider that runs beside the tests."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pyotp
import pytest
import time_machine
from joserfc.jwk import RSAKey

from app import Running, create_app
from resolvers.oidc import Provider, SignInsElsewhere
from settings import Settings
from tests.auth.provider import CLIENT, SECRET, TestProvider, running_provider
from tests.conftest import fresh_address
from tests.doors import PASSWORD, GraphQLDoor, Person, Refused, register

pytestmark = pytest.mark.anyio

BACK = "http://testserver/"
BEGIN = "mutation{beginSignIn{authorizationUrl verifier}}"
FINISH = "mutation($i: FinishSignInInput!){finishSignIn(input:$i){session{accessToken refreshToken user{id email name emailVerified}}}}"
LINK = "mutation($i: LinkIdentityInput!){linkIdentity(input:$i){identity{id provider}}}"
UNLINK = "mutation($id: ID!){unlinkIdentity(id:$id){id}}"


class Elsewhere:
    """A client of the product, and the provider."""

    def __init__(self, client: Any, provider: TestProvider) -> None:
        self.client, self.provider = client, provider
        self.door = GraphQLDoor(client, None)

    async def begun(self, **person: Any) -> dict[str, str]:
        """What somebody holds when she comes back."""
        begun = (await self.door.query(BEGIN))["data"]["beginSignIn"]
        back = self.provider.visit(begun["authorizationUrl"], **person)
        return {**back, "verifier": begun["verifier"]}

    async def finish(self, **held: Any) -> Any:
        answer = await self.door.query(FINISH, i=held)
        return answer["data"]["finishSignIn"]["session"]


@pytest.fixture
async def elsewhere(running: Running, settings: Settings) -> AsyncIterator[Elsewhere]:
    async with running_provider() as provider:
        known = Provider("oidc", provider.issuer, CLIENT, SECRET, (BACK,))
        services = running.services
        signing = SignInsElsewhere(services.auth, known, b"k" * 32)
        app = create_app(replace(services, elsewhere=signing), settings)
        transport = httpx2.ASGITransport(app=app, client=(fresh_address(), 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield Elsewhere(client, provider)


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


def person(name: str) -> dict[str, str]:
    unique = f"{name}.{datetime.now(UTC).timestamp()}"
    return {"sub": unique, "email": f"{unique}@example.org", "name": name}


async def test_an_address_that_nobody_has_gets_an_account_and_comes_back_to_it(
    elsewhere: Elsewhere,
) -> None:
    ada = person("Ada")
    first = await elsewhere.finish(**await elsewhere.begun(**ada))
    assert (first["user"]["email"], first["user"]["name"]) == (ada["email"], "Ada")
    assert first["user"]["emailVerified"] is True
    again = await elsewhere.finish(**await elsewhere.begun(**{**ada, "email": "other@example.org"}))
    assert again["user"]["id"] == first["user"]["id"]
    me = Person(ada["email"], again["accessToken"], again["refreshToken"], again["user"]["id"])
    door = GraphQLDoor(elsewhere.client, me)
    await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    (mine,) = (await door.query("{viewer{identities{id provider}}}"))["data"]["viewer"][
        "identities"
    ]
    # It is her only way in.
    assert (await told(door.query(UNLINK, id=mine["id"]))).code == "CONFLICT"
    audit = await door.query("{viewer{audit(first:5){nodes{event details}}}}")
    events = [
        (one["event"], one["details"].get("by"))
        for one in audit["data"]["viewer"]["audit"]["nodes"]
    ]
    assert events == [("SIGNED_IN", "OIDC"), ("SIGNED_UP", None)]
    # A password would have to be set by mail first: none signs in.
    refused = await told(
        door.as_person(None).call("Login", {"email": ada["email"], "password": "-"})
    )
    assert refused.code == "INVALID_CREDENTIALS"


async def test_an_address_with_an_account_is_linked_by_its_owner_only(elsewhere: Elsewhere) -> None:
    ada = await register(elsewhere.client, name="Ada")
    bob = await register(elsewhere.client, name="Bob")
    at = {**person("Ada"), "email": ada.email.upper()}
    assert (await told(elsewhere.finish(**await elsewhere.begun(**at)))).code == "CONFLICT"
    door = GraphQLDoor(elsewhere.client, ada)
    held = await elsewhere.begun(**at)
    wrong = await told(door.query(LINK, i={**held, "password": "wrong"}))
    assert [*wrong.paths.values()] == ["WRONG"]
    identity = (await door.query(LINK, i={**held, "password": PASSWORD}))["data"]["linkIdentity"][
        "identity"
    ]
    assert (await elsewhere.finish(**await elsewhere.begun(**at)))["user"]["id"] == ada.id
    theirs = GraphQLDoor(elsewhere.client, bob)
    refused = await told(
        theirs.query(LINK, i={**await elsewhere.begun(**at), "password": PASSWORD})
    )
    assert refused.code == "CONFLICT"
    assert (await told(theirs.query(UNLINK, id=identity["id"]))).code == "NOT_FOUND"
    await door.query(UNLINK, id=identity["id"])
    assert (await told(elsewhere.finish(**await elsewhere.begun(**at)))).code == "CONFLICT"


async def test_the_second_factor_is_asked_for_all_the_same(elsewhere: Elsewhere) -> None:
    at = person("Ada")
    ada = await register(elsewhere.client, name="Ada")
    door = GraphQLDoor(elsewhere.client, ada)
    await door.query(LINK, i={**await elsewhere.begun(**at), "password": PASSWORD})
    set_up = f'mutation{{setUpTwoFactor(input:{{password:"{PASSWORD}"}}){{secret}}}}'
    totp = pyotp.TOTP((await door.query(set_up))["data"]["setUpTwoFactor"]["secret"])
    enable = "mutation($c:String!){enableTwoFactor(input:{code:$c}){recoveryCodes}}"
    codes = (await door.query(enable, c=totp.now()))["data"]["enableTwoFactor"]["recoveryCodes"]
    held = await elsewhere.begun(**at)
    refused = await told(elsewhere.finish(**held))
    assert refused.code == "TWO_FACTOR_REQUIRED"
    waits = {"continuation": refused.details["continuation"], "verifier": held["verifier"]}
    for wrong in (
        {**waits, "twoFactorCode": "000000"}, {**waits, "verifier": "x", "twoFactorCode": codes[0]},
    ):  # fmt: skip
        assert (await told(elsewhere.finish(**wrong))).code == "INVALID_CREDENTIALS"
    session = await elsewhere.finish(**waits, twoFactorCode=codes[0])
    assert session["user"]["id"] == ada.id


CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "http://127.0.0.1:1"}, "another audience": {"aud": "somebody"},
    "another nonce": {"nonce": "x"}, "no nonce": {"nonce": None}, "over": {"exp": 1},
    "endless": {"exp": None}, "nobody": {"sub": None},
    "an address that is not vouched for": {"email_verified": False},
    "an address vouched for in words": {"email_verified": "true"}, "no address": {"email": None},
}  # fmt: skip


@pytest.mark.parametrize("claims", CLAIMS)
async def test_what_the_provider_did_not_mean_for_us_opens_nothing(
    elsewhere: Elsewhere, claims: str
) -> None:
    elsewhere.provider.claims = CLAIMS[claims]
    refused = await told(elsewhere.finish(**await elsewhere.begun(**person("Eve"))))
    assert refused.code == "INVALID_CREDENTIALS"


async def test_states_and_codes_are_of_one_sign_in(elsewhere: Elsewhere) -> None:
    at = person("Ada")
    one, other = await elsewhere.begun(**at), await elsewhere.begun(**at)
    for wrong in (
        # Somebody else's return, slipped to her who has begun her own.
        {**one, "verifier": other["verifier"]}, {**one, "state": other["state"]},
        {**one, "code": other["code"]}, {**one, "code": "made up"}, {**one, "state": "made up"},
        {**one, "state": one["state"][:-8] + "AAAAAAA="},
    ):  # fmt: skip
        assert (await told(elsewhere.finish(**wrong))).code == "INVALID_CREDENTIALS"
    late = await elsewhere.begun(**at)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        assert (await told(elsewhere.finish(**late))).code == "INVALID_CREDENTIALS"
    held = await elsewhere.begun(**at)
    await elsewhere.finish(**held)
    assert (await told(elsewhere.finish(**held))).code == "INVALID_CREDENTIALS"
    forged = await elsewhere.begun(**at)
    elsewhere.provider.sign_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await told(elsewhere.finish(**forged))).code == "INVALID_CREDENTIALS"


async def test_only_addresses_that_are_set_are_come_back_to(elsewhere: Elsewhere) -> None:
    begin = 'mutation{beginSignIn(input:{redirectUri:"https://evil.example/"}){authorizationUrl}}'
    refused = await told(elsewhere.door.query(begin))
    assert refused.code == "VALIDATION_ERROR"


async def test_without_a_provider_there_is_none_and_one_that_is_away_is_told(
    client: Any, running: Running, settings: Settings
) -> None:
    assert (await told(GraphQLDoor(client, None).query(BEGIN))).code == "NOT_FOUND"
    gone = Provider("oidc", "http://127.0.0.1:9", CLIENT, SECRET, (BACK,))
    services = running.services
    away = replace(services, elsewhere=SignInsElsewhere(services.auth, gone, b"k" * 32))
    transport = httpx2.ASGITransport(app=create_app(away, settings))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as other:
        refused = await told(GraphQLDoor(other, None).query(BEGIN))
    assert refused.code == "UNAVAILABLE"
