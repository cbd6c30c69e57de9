"""Writes about signing in bear being sent twice under one key, as all others do."""

from typing import Any

import httpx2
import pyotp
import pytest

from graph.schema import schema
from tests.doors import PASSWORD, Person, register

pytestmark = pytest.mark.anyio
# They act for nobody yet, so that a key of theirs would belong to nobody.
WITHOUT = {
    "register", "login", "refresh", "forgotPassword", "resetPassword", "verifyEmail", "beginSignIn",
    "finishSignIn",
}  # fmt: skip
FRESH = "granite-orchard-77-willow"


async def ask(client: httpx2.AsyncClient, who: Person, document: str, **variables: Any) -> Any:
    body = {"query": document, "variables": variables}
    answer = await client.post("/graphql", json=body, headers=who.headers)
    assert answer.status_code == 200
    return answer.json()


def code_of(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


def test_every_mutation_of_a_person_takes_a_key() -> None:
    graph = schema()._schema
    assert graph.mutation_type is not None
    lacking = {
        name
        for name, field in graph.mutation_type.fields.items()
        if "idempotencyKey" not in field.args
    }
    assert lacking == WITHOUT


async def twice(
    client: httpx2.AsyncClient, who: Person, document: str, **variables: Any
) -> dict[str, Any]:
    """The answer of a document that is sent twice under one key: the second one is the first's."""
    first = await ask(client, who, document, key="one", **variables)
    assert "errors" not in first, first
    again = await ask(client, who, document, key="one", **variables)
    assert again["data"] == first["data"], again
    assert again["extensions"]["idempotencyReplayed"] is True
    assert "idempotencyReplayed" not in first["extensions"]
    return dict(first["data"])


async def test_a_changed_password(client: httpx2.AsyncClient, ada: Person) -> None:
    document = (
        "mutation ($key: String, $i: ChangePasswordInput!) "
        "{ changePassword(input: $i, idempotencyKey: $key) { changed } }"
    )
    words = {"current": PASSWORD, "new": FRESH}
    await twice(client, ada, document, i=words)
    other = await ask(client, ada, document, key="one", i={**words, "new": FRESH + "!"})
    assert code_of(other) == "IDEMPOTENCY_KEY_REUSED"
    # Without the key the present password is another one by now.
    assert code_of(await ask(client, ada, document, i=words)) == "VALIDATION_ERROR"


async def test_ended_sessions(client: httpx2.AsyncClient, ada: Person) -> None:
    login = {"email": ada.email, "password": PASSWORD}
    for _ in range(2):
        await client.post("/v1/auth/login", json=login)
    listed = await ask(client, ada, "{ viewer { sessions { id current } } }")
    other = next(one["id"] for one in listed["data"]["viewer"]["sessions"] if not one["current"])
    one = (
        "mutation ($key: String, $id: ID!) { revokeSession(id: $id, idempotencyKey: $key) { id } }"
    )
    await twice(client, ada, one, id=other)
    assert code_of(await ask(client, ada, one, key="two", id=other)) == "NOT_FOUND"
    rest = "mutation ($key: String) { revokeOtherSessions(idempotencyKey: $key) { revoked } }"
    reused = await ask(client, ada, rest, key="one")
    assert code_of(reused) == "IDEMPOTENCY_KEY_REUSED"
    first = await ask(client, ada, rest, key="rest")
    again = await ask(client, ada, rest, key="rest")
    assert first["data"] == again["data"] == {"revokeOtherSessions": {"revoked": 1}}
    left = await ask(client, ada, "{ viewer { sessions { current } } }")
    assert left["data"]["viewer"]["sessions"] == [{"current": True}]


async def test_tokens_takeouts_and_mails(client: httpx2.AsyncClient, ada: Person) -> None:
    made = (
        'mutation ($key: String) { createPersonalToken(input: {name: "x", scopes: ["accounts:read"]},'
        " idempotencyKey: $key) { token personalToken { id } } }"
    )
    token = (await twice(client, ada, made))["createPersonalToken"]["personalToken"]["id"]
    listed = await ask(client, ada, "{ viewer { personalTokens { id } } }")
    assert listed["data"]["viewer"]["personalTokens"] == [{"id": token}]
    bob = await register(client)
    taken = "mutation ($key: String) { requestTakeout(idempotencyKey: $key) { export { downloadUrl } } }"
    await twice(client, bob, taken)
    mailed = "mutation ($key: String) { resendVerification(idempotencyKey: $key) { accepted } }"
    reused = await ask(client, bob, mailed, key="one")
    assert code_of(reused) == "IDEMPOTENCY_KEY_REUSED"
    eve = await register(client)
    await twice(client, eve, mailed)
    ended = "mutation ($key: String, $id: ID!) { revokePersonalToken(id: $id, idempotencyKey: $key) { id } }"
    first = await ask(client, ada, ended, key="end", id=token)
    assert await ask(client, ada, ended, key="end", id=token) | {"extensions": None} == first | {
        "extensions": None
    }


async def test_a_second_factor(client: httpx2.AsyncClient, ada: Person) -> None:
    begin = (
        "mutation ($key: String, $p: String!) { setUpTwoFactor(input: {password: $p}, "
        "idempotencyKey: $key) { secret uri } }"
    )
    secret = (await twice(client, ada, begin, p=PASSWORD))["setUpTwoFactor"]["secret"]
    enable = (
        "mutation ($key: String, $c: String!) { enableTwoFactor(input: {code: $c}, "
        "idempotencyKey: $key) { recoveryCodes user { twoFactorEnabled } } }"
    )
    code = pyotp.TOTP(secret).now()
    first = await ask(client, ada, enable, key="on", c=code)
    again = await ask(client, ada, enable, key="on", c=code)
    # Who lost the answer with the recovery codes gets them by asking again.
    assert again["data"] == first["data"]
    assert len(first["data"]["enableTwoFactor"]["recoveryCodes"]) == 10


async def test_signing_out(client: httpx2.AsyncClient, ada: Person) -> None:
    key = {"Idempotency-Key": "out"}
    out = await client.post("/v1/auth/logout", headers={**ada.headers, **key})
    assert out.status_code == 200
    again = await client.post("/v1/auth/logout", headers={**ada.headers, **key})
    assert again.json()["error"]["code"] == "UNAUTHENTICATED"
