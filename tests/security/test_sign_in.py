"""Signing in under pressure: crowds that hash, fields nobody asked for, addresses that are known."""

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from resolvers.passwords import Passwords
from tests.doors import PASSWORD, GraphQLDoor, Person, Refused, RestDoor, row_of

pytestmark = pytest.mark.anyio


@pytest.mark.case("A11")
async def test_a_crowd_at_the_door_keeps_nobody_inside_waiting(
    eager: httpx2.AsyncClient, eve: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords are hashed beside the loop, and nobody holds a connection meanwhile."""
    hashed = threading.Event()

    def slow(_self: Any, _stored: str, _password: str) -> bool:
        return not hashed.wait(30)

    monkeypatch.setattr(Passwords, "_matches", slow)
    body = {"email": eve.email, "password": "not this one at all"}
    crowd = [asyncio.create_task(eager.post("/v1/auth/login", json=body)) for _ in range(50)]
    try:
        for _ in range(5):
            for path in ("/v1/auth/me", "/v1/accounts"):
                answer = await eager.get(path, headers=eve.headers)
                assert answer.status_code == 200
        assert not any(one.done() for one in crowd)
    finally:
        hashed.set()
    assert {one.status_code for one in await asyncio.gather(*crowd)} == {401}


SMUGGLED = {
    "id": "user_00000000000000000000000000", "role": "OWNER", "emailVerified": True,
    "twoFactorEnabled": False, "ledgerId": "x", "userId": "x", "passwordHash": "x", "version": 1,
    "balance": "1000000.00", "isAdmin": True, "scopes": ["*"],
}  # fmt: skip


@pytest.mark.case("A12")
@pytest.mark.parametrize("kind", [GraphQLDoor, RestDoor], ids=["graphql", "rest"])
async def test_fields_that_nobody_asked_for_are_refused(
    eager: httpx2.AsyncClient, eve: Person, kind: Any
) -> None:
    door = kind(eager, eve)
    account = {"name": "x", "type": "CASH", "currency": "EUR"}
    bodies = {
        "Register": {"email": "mallory@example.org", "password": PASSWORD, "name": "M"},
        "Login": {"email": eve.email, "password": PASSWORD},
        "CreateAccount": account,
        "CreateCategory": {"name": "x", "kind": "EXPENSE"},
        "CreateGroup": {"name": "x"},
    }
    for operation, body in bodies.items():
        assert row_of(operation)
        for name, value in SMUGGLED.items():
            with pytest.raises(Refused) as refused:
                await door.call(operation, {**body, name: value})
            assert refused.value.code == "VALIDATION_ERROR", (operation, name)
    before = await door.call("GetMe")
    for name in ("role", "isAdmin", "ledgerId", "passwordHash", "scopes"):
        with pytest.raises(Refused):
            await door.call("UpdateMe", {name: SMUGGLED[name]})
    assert await door.call("GetMe") == before
