"""The second factor: set up, asked for, good once, replaced by a recovery code, turned off."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import time_machine

from graph.context import Services
from models import ids
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio
START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

SET_UP = "mutation($i: SetUpTwoFactorInput!){setUpTwoFactor(input:$i){secret uri}}"
ENABLE = "mutation($i: EnableTwoFactorInput!){enableTwoFactor(input:$i){recoveryCodes user{twoFactorEnabled version}}}"
DISABLE = "mutation($i: TwoFactorProofInput!){disableTwoFactor(input:$i){user{twoFactorEnabled}}}"
RENEW = "mutation($i: TwoFactorProofInput!){renewRecoveryCodes(input:$i){recoveryCodes}}"
AUDIT = "{viewer{audit(first:20){nodes{event number details sessionId} totalCount}}}"


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


async def run(client: Any, person: Person, document: str, **values: Any) -> Any:
    answer = await GraphQLDoor(client, person).query(document, i=values)
    return next(iter(answer["data"].values()))


async def enabled(client: Any, ada: Person) -> tuple[pyotp.TOTP, list[str]]:
    made = await run(client, ada, SET_UP, password=PASSWORD)
    totp = pyotp.TOTP(made["secret"])
    assert pyotp.parse_uri(made["uri"]).secret == made["secret"]
    done = await run(client, ada, ENABLE, code=totp.now())
    assert done["user"]["twoFactorEnabled"] is True
    return totp, done["recoveryCodes"]


def login(door: Door, ada: Person, code: str | None = None) -> Any:
    body = {"email": ada.email, "password": PASSWORD}
    return door.as_person(None).call("Login", {**body, "code": code} if code else body)


async def test_signing_in_asks_for_a_code_that_is_good_once(
    door: Door, client: Any, ada: Person
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        ada = await signed_in(door, ada)
        totp, _ = await enabled(client, ada)
        refused = await told(login(door, ada))
        assert (refused.code, refused.status in {200, 401}) == ("TWO_FACTOR_REQUIRED", True)
        # The code that enabled it is used, and so is every one before.
        assert (await told(login(door, ada, totp.now()))).code == "INVALID_CREDENTIALS"
        clock.shift(30)
        session = await login(door, ada, totp.now())
        assert session["user"]["twoFactorEnabled"] is True
        for used in (totp.now(), totp.at(START)):
            assert (await told(login(door, ada, used))).code == "INVALID_CREDENTIALS"
        clock.shift(30)
        # A clock that is half a minute behind or ahead is near enough; more is not.
        await login(door, ada, totp.at(datetime.now(UTC) + timedelta(seconds=30)))
        clock.shift(300)
        late = totp.at(datetime.now(UTC) - timedelta(seconds=90))
        assert (await told(login(door, ada, late))).code == "INVALID_CREDENTIALS"


async def signed_in(door: Door, person: Person) -> Person:
    body = {"email": person.email, "password": PASSWORD}
    fresh = await door.as_person(None).call("Login", body)
    return Person(person.email, fresh["accessToken"], fresh["refreshToken"], person.id)


async def test_the_password_decides_before_the_code(door: Door, client: Any, ada: Person) -> None:
    """Who does not know the password learns nothing of the second factor."""
    await enabled(client, ada)
    for code in (None, "000000"):
        body = {"email": ada.email, "password": "wrong", **({"code": code} if code else {})}
        refused = await told(door.as_person(None).call("Login", body))
        assert (refused.code, refused.message) == (
            "INVALID_CREDENTIALS", "The address or the password is not right.",
        )  # fmt: skip


async def test_recovery_codes_stand_in_once(door: Door, client: Any, ada: Person) -> None:
    totp, codes = await enabled(client, ada)
    assert len(set(codes)) == 10
    await login(door, ada, codes[0].upper().replace("-", " "))
    assert (await told(login(door, ada, codes[0]))).code == "INVALID_CREDENTIALS"
    fresh = await run(client, ada, RENEW, password=PASSWORD, code=codes[1])
    for void in codes[:3]:
        assert (await told(login(door, ada, void))).code == "INVALID_CREDENTIALS"
    await login(door, ada, fresh["recoveryCodes"][0])
    off = await run(client, ada, DISABLE, password=PASSWORD, code=fresh["recoveryCodes"][1])
    assert off["user"]["twoFactorEnabled"] is False
    assert (await login(door, ada))["user"]["twoFactorEnabled"] is False
    assert totp.now()


async def test_wrong_proofs_change_nothing(client: Any, ada: Person) -> None:
    for document, values, path in (
        (SET_UP, {"password": "wrong"}, "password"),
        (ENABLE, {"code": "000000"}, None),
        (DISABLE, {"password": PASSWORD, "code": "000000"}, None),
        (RENEW, {"password": "wrong", "code": "000000"}, "password"),
    ):
        refused = await told(run(client, ada, document, **values))
        if path is None:
            assert refused.code == "CONFLICT"
        else:
            assert next(iter(refused.paths)).endswith(path)
    made = await run(client, ada, SET_UP, password=PASSWORD)
    wrong = await told(run(client, ada, ENABLE, code="000000"))
    assert (wrong.code, [*wrong.paths.values()]) == ("VALIDATION_ERROR", ["WRONG"])
    # Until a code proved it, another secret may take its place.
    other = await run(client, ada, SET_UP, password=PASSWORD)
    assert made["secret"] != other["secret"]
    await run(client, ada, ENABLE, code=pyotp.TOTP(other["secret"]).now())
    assert (await told(run(client, ada, SET_UP, password=PASSWORD))).code == "CONFLICT"
    code = await told(run(client, ada, DISABLE, password=PASSWORD, code="000000"))
    assert [*code.paths.values()] == ["WRONG"]


async def test_of_two_with_one_code_one_comes_in(door: Door, client: Any, ada: Person) -> None:
    import asyncio  # noqa: PLC0415

    _, codes = await enabled(client, ada)

    async def enter() -> str:
        try:
            await login(door, ada, codes[5])
        except Refused as refused:
            return refused.code
        return "in"

    entered = await asyncio.gather(*(enter() for _ in range(5)))
    assert sorted(entered) == ["INVALID_CREDENTIALS"] * 4 + ["in"]


async def test_the_audit_tells_its_owner_and_nobody_else(
    client: Any, door: Door, ada: Person, bob: Person, services: Services
) -> None:
    _, codes = await enabled(client, ada)
    wrong = {"email": ada.email, "password": "wrong"}
    for _ in range(2):
        await told(door.as_person(None).call("Login", wrong))
    await login(door, ada, codes[0])
    answer = await GraphQLDoor(client, ada).query(AUDIT)
    found = answer["data"]["viewer"]["audit"]
    events = [one["event"] for one in found["nodes"]]
    assert events == ["SIGNED_IN", "RECOVERY_CODE_USED", "TWO_FACTOR_ENABLED", "SIGNED_UP"]
    assert [one["number"] for one in found["nodes"]] == [4, 3, 2, 1]
    assert found["totalCount"] == 4
    # Failures are told by the next success, so that they cost the same for every address.
    assert found["nodes"][0]["details"]["failedBefore"] == 2
    theirs = (await GraphQLDoor(client, bob).query(AUDIT))["data"]["viewer"]["audit"]["nodes"]
    assert [one["event"] for one in theirs] == ["SIGNED_UP"]
    assert ids.decode("user", bob.id)
