"""Access tokens that are signed rightly and say the wrong, and headers that offer keys of their own."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc import jwt
from joserfc.jwk import ECKey

from graph.context import Services
from models import ids
from tests.doors import Door, Person, Refused

pytestmark = pytest.mark.anyio

Claims = dict[str, Any]
OWN: Final = ECKey.generate_key("P-256", {"kid": "mine"}, auto_kid=False)
STRONG: Final = "kV7!qz#Lw2pX-m9Rt"
NOW: Final = int(datetime.now(UTC).timestamp())

HEADERS: Final[dict[str, Claims]] = {
    "a key in the header": {"jwk": OWN.as_dict(private=False)},
    "the address of a key": {"jku": "http://127.0.0.1:1/keys"},
    "the address of a certificate": {"x5u": "http://127.0.0.1:1/cert"},
    "a certificate": {"x5c": ["AAAA"]},
    "an unknown key": {"kid": "mine"},
    "a path as a key": {"kid": "../../../../dev/null"},
    "a statement as a key": {"kid": "' UNION SELECT 'x"},
    "no key": {"kid": None},
}
SAID: Final[dict[str, Callable[[Claims], Claims]]] = {
    "over": lambda c: {**c, "iat": NOW - 2_000, "exp": NOW - 1_000},
    "of tomorrow": lambda c: {**c, "nbf": NOW + 86_400},
    "issued tomorrow": lambda c: {**c, "iat": NOW + 86_400, "exp": NOW + 90_000},
    "without an end": lambda c: {k: v for k, v in c.items() if k != "exp"},
    "an end that is no number": lambda c: {**c, "exp": "tomorrow"},
    "an end of nothing": lambda c: {**c, "exp": None},
    "without a beginning": lambda c: {k: v for k, v in c.items() if k != "iat"},
    "for somebody else": lambda c: {**c, "aud": "another"},
    "for nobody": lambda c: {k: v for k, v in c.items() if k != "aud"},
    "of another issuer": lambda c: {**c, "iss": "https://evil.example"},
    "of no issuer": lambda c: {k: v for k, v in c.items() if k != "iss"},
    "of no person": lambda c: {k: v for k, v in c.items() if k != "sub"},
    "of a person in words": lambda c: {**c, "sub": "ada"},
    "of a list": lambda c: {**c, "sub": [c["sub"]]},
    "of no session": lambda c: {k: v for k, v in c.items() if k != "sid"},
    "of a session as a person": lambda c: {**c, "sub": c["sid"]},
    "of a session that there is not": lambda c: {**c, "sid": ids.encode("ses", ids.new_id())},
    "of another person": lambda c: {**c, "sub": ids.encode("user", ids.new_id())},
}


@pytest.fixture
def honest(ada: Person) -> Claims:
    """What the token of somebody who is signed in says."""
    packed = ada.token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))


def packed(part: Any) -> str:
    """A part of a token."""
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def signature(key: ECKey, message: str) -> str:
    """ES256 by hand: the library itself refuses to sign what it would not read."""
    made = key.private_key.sign(message.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(made)
    return urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode().rstrip("=")


async def refused(door: Door, token: str) -> tuple[int, str]:
    with pytest.raises(Refused) as told:
        await door.as_person(Person("", token, "", "")).call("GetMe")
    return told.value.status, told.value.code


def signed(services: Services, claims: Claims, *, kind: str = "at+jwt") -> str:
    """Any claims under the product's own key."""
    key = services.auth._tokens._signing
    header = {"alg": "ES256", "typ": kind, "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=["ES256"])


async def test_the_honest_token_comes_in(door: Door, services: Services, honest: Claims) -> None:
    """So that what is refused below is refused for what was changed."""
    token = signed(services, honest)
    assert await door.as_person(Person("", token, "", "")).call("GetMe")


@pytest.mark.case("A02")
@pytest.mark.parametrize("name", SAID)
async def test_what_a_token_says_is_looked_at(
    door: Door, services: Services, honest: Claims, name: str
) -> None:
    code = "TOKEN_EXPIRED" if name == "over" else "UNAUTHENTICATED"
    assert await refused(door, signed(services, SAID[name](honest))) == (401, code)


@pytest.mark.case("A02")
@pytest.mark.parametrize("kind", ["JWT", "rt+jwt", "receipt+jwt", "AT+JWT ", ""])
async def test_a_statement_of_another_kind_is_no_access(
    door: Door, services: Services, honest: Claims, kind: str
) -> None:
    assert await refused(door, signed(services, honest, kind=kind)) == (401, "UNAUTHENTICATED")


@pytest.mark.case("A01")
@pytest.mark.parametrize("name", HEADERS)
async def test_no_header_brings_a_key_along(door: Door, honest: Claims, name: str) -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "mine", **HEADERS[name]}
    message = f"{packed(header)}.{packed(honest)}"
    token = f"{message}.{signature(OWN, message)}"
    assert await refused(door, token) == (401, "UNAUTHENTICATED")


@pytest.mark.case("A01")
@pytest.mark.parametrize(
    "more",
    [{"b64": False, "crit": ["b64"]}, {"crit": ["x"], "x": 1}, {"zip": "DEF"}, {"b64": False}],
)
async def test_extensions_of_signatures_are_not_spoken(
    door: Door, services: Services, honest: Claims, more: Claims
) -> None:
    """Signed by the product's own key over the very message, so that only the header is wrong."""
    key = services.auth._tokens._signing
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **more}
    first, second = packed(header), packed(honest)
    for message in (f"{first}.{second}", f"{first}.{json.dumps(honest)}"):
        token = f"{first}.{second}.{signature(key, message)}"
        assert await refused(door, token) == (401, "UNAUTHENTICATED")


@pytest.mark.case("A10")
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("kV7!qz#Lw2p", "TOO_SHORT"),
        ("kV7!qz#Lw2pX", None),
        ("🦔" * 3 + "kV7!qz#L", "TOO_SHORT"),
        ("iloveyou1234", "TOO_WEAK"),
        ("qwertyuiop12", "TOO_WEAK"),
        (STRONG + "x" * (256 - len(STRONG)), None),
        (STRONG + "x" * (257 - len(STRONG)), "TOO_LONG"),
        ("é" * 128 + "!", "TOO_LONG"),
    ],
)
async def test_the_limits_of_a_password_are_to_the_byte(
    door: Door, services: Services, password: str, code: str | None
) -> None:
    found = await services.auth._passwords.problems(password, [])
    assert [one.code for one in found] == ([code] if code else [])


@pytest.mark.case("A10")
async def test_a_password_is_the_same_however_its_letters_are_composed(door: Door) -> None:
    email = f"noel.{ids.new_id().hex}@example.org"
    nobody = door.as_person(None)
    body = {"email": email, "password": "No\u0308e\u0308l trinkt Gl\u00fchwein 7", "name": "N"}
    await nobody.call("Register", body)
    for spelled in (
        "N\u00f6\u00ebl trinkt Gl\u00fchwein 7",
        "No\u0308e\u0308l trinkt Glu\u0308hwein 7",
    ):
        assert await nobody.call("Login", {"email": email, "password": spelled})
    with pytest.raises(Refused):
        await nobody.call("Login", {"email": email, "password": "Noel trinkt Gluhwein 7"})
