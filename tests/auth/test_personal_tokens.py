"""Personal tokens: what they may do is what they were given, on both doors, until they end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from graph.engine import Engine
from graph.schema import schema
from graph.scopes import SESSION, Scopes
from resolvers.access import RESOURCES
from rest_compat.routes import ENDPOINTS
from tests.contract.test_access import MATRIX
from tests.doors import PASSWORD, Door, GraphQLDoor, Person, Refused, RestDoor, operations

pytestmark = pytest.mark.anyio

CREATE = "mutation($i: CreatePersonalTokenInput!){createPersonalToken(input:$i){token personalToken{id name scopes expiresAt lastUsedAt}}}"
REVOKE = "mutation($id: ID!){revokePersonalToken(id:$id){id}}"
# Of transactions, under the path of their account.
BESIDE = {"ReconcileAccount", "ListAccountTransactions"}
LIST = "{viewer{personalTokens{id name scopes lastUsedAt}}}"


async def told(call: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


async def token_for(client: Any, ada: Person, *scopes: str, **more: Any) -> tuple[Person, Any]:
    values = {"name": "script", "scopes": [*scopes], **more}
    made = (await GraphQLDoor(client, ada).query(CREATE, i=values))["data"]["createPersonalToken"]
    person = Person(ada.email, made["token"], "", ada.id)
    return person, made["personalToken"]


async def test_a_token_does_what_it_was_given(door: Door, client: Any, ada: Person) -> None:
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    reader, _ = await token_for(client, ada, "accounts:read")
    script = door.as_person(reader)
    assert [one["id"] for one in (await script.call("ListAccounts"))["items"]] == [account["id"]]
    for call, lacks in (
        (script.call("ListTransactions"), ["transactions:read"]),
        (script.call("CreateTransaction", row), ["transactions:read", "transactions:write"]),
        (script.call("UpdateAccount", {"name": "y"}, id=account["id"]), ["accounts:write"]),
        (script.call("GetMe"), ["profile:read"]),
    ):
        refused = await told(call)
        assert (refused.code, refused.details["scopes"]) == ("FORBIDDEN", lacks)
    writer, _ = await token_for(client, ada, "transactions:write")
    made = await door.as_person(writer).call("CreateTransaction", row)
    # To write is to read.
    found = await door.as_person(writer).call("GetTransaction", id=made["id"])
    assert found["amount"] == "-1.00"
    assert (
        await told(door.as_person(writer).call("GetAccount", id=account["id"]))
    ).code == "FORBIDDEN"


async def test_scopes_follow_every_edge(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    reader, _ = await token_for(client, ada, "accounts:read")
    script = GraphQLDoor(client, reader)
    allowed = "{viewer{accounts(first:1){totalCount edges{node{id name balance}}}}}"
    assert (await script.query(allowed))["data"]["viewer"]["accounts"]["totalCount"] == 1
    ways = (
        "{viewer{accounts(first:1){nodes{transactions(first:1){nodes{description}}}}}}",
        "{viewer{accounts(first:1){nodes{transactions(first:1){totalCount}}}}}",
        "{viewer{...V}} fragment V on User{accounts(first:1){nodes{...A}}} fragment A on Account{id transactions(first:1){edges{node{id}}}}",
        "query($no:Boolean=false){viewer{accounts(first:1){nodes{id transactions(first:1)@include(if:$no){nodes{id}}}}}}",
        '{node(id:"ID"){... on Account{name transactions(first:1){nodes{amount}}}}}',
        "{viewer{email}}",
    )  # fmt: skip
    for way in ways:
        refused = await told(script.query(way.replace("ID", account["id"])))
        assert refused.code == "FORBIDDEN", way
    named = '{node(id:"ID"){id ... on Account{name}}}'.replace("ID", account["id"])
    assert (await script.query(named))["data"]["node"]["name"] == "x"


async def test_what_belongs_to_sessions_is_refused_with_every_scope(
    client: Any, ada: Person
) -> None:
    everything = [f"{resource}:write" for resource in sorted(RESOURCES)]
    person, made = await token_for(client, ada, *everything)
    script = GraphQLDoor(client, person)
    documents = [
        MATRIX[name][0]
        for name in (
            "revokeOtherSessions", "changePassword", "requestTakeout", "deleteUser",
            "setUpTwoFactor", "createPersonalToken",
        )
    ]  # fmt: skip
    documents += ["{viewer{sessions{id}}}", LIST, "{viewer{audit(first:1){nodes{at}}}}"]
    documents += [REVOKE.replace("($id: ID!)", "").replace("$id", f'"{made["id"]}"')]
    for document in documents:
        refused = await told(script.query(document))
        assert (refused.code, "sign in" in refused.message) == ("FORBIDDEN", True), document
    with pytest.raises(Refused) as out:
        await RestDoor(client, person).call("Logout")
    assert out.value.code == "FORBIDDEN"
    assert (await script.query("{viewer{id}}"))["data"]["viewer"]["id"] == ada.id


async def test_a_token_ends_at_once_and_by_its_time(client: Any, ada: Person, bob: Person) -> None:
    door = GraphQLDoor(client, ada)
    person, made = await token_for(client, ada, "profile:read")
    script = RestDoor(client, person)
    await script.call("GetMe")
    listed = (await door.query(LIST))["data"]["viewer"]["personalTokens"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert (await told(GraphQLDoor(client, bob).query(REVOKE, id=made["id"]))).code == "NOT_FOUND"
    await door.query(REVOKE, id=made["id"])
    assert (await told(script.call("GetMe"))).status == 401
    assert (await told(door.query(REVOKE, id=made["id"]))).code == "NOT_FOUND"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    short, _ = await token_for(client, ada, "profile:read", expiresAt=soon)
    await RestDoor(client, short).call("GetMe")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        assert (await told(RestDoor(client, short).call("GetMe"))).status == 401
    for forged in ("pt_pat_", "pt_pat_x", short.token[:-1], "pt_pat_" + "ü" * 9, short.token + "x"):
        headers = {"Authorization": f"Bearer {forged}".encode()}
        assert (await client.get("/v1/auth/me", headers=headers)).status_code == 401
    assert (await door.query(LIST))["data"]["viewer"]["personalTokens"][0]["name"] == "script"


async def test_wrong_tokens_are_wrong_fields(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    for values, path in (
        ({"scopes": []}, "scopes"), ({"scopes": ["everything:read"]}, "scopes.0"),
        ({"scopes": ["accounts:delete"]}, "scopes.0"), ({"scopes": ["*"]}, "scopes.0"),
        ({"name": ""}, "name"), ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ):  # fmt: skip
        base = {"name": "x", "scopes": ["accounts:read"]}
        refused = await told(door.query(CREATE, i={**base, **values}))
        assert refused.code == "VALIDATION_ERROR"
        assert next(iter(refused.paths)).endswith(path), refused.paths
    assert PASSWORD


def test_every_operation_has_its_scopes() -> None:
    """By the noun of its module: a new noun is covered when it is written, or is refused."""
    engine, scopes = Engine(), Scopes(schema())
    for row in ENDPOINTS:
        stored = operations()[row.operation]
        needed = scopes.needed(stored.compiled.document, stored.compiled.operation(stored.name))
        noun = row.path.split("/")[1]
        if row.public or row.operation == "DeleteUser":
            assert SESSION in needed, row
            continue
        assert SESSION not in needed, row
        expected = "profile" if noun == "auth" else noun
        expected = "exports" if "export" in row.path else expected
        explains = "explain" in row.path or row.operation in BESIDE
        assert explains or any(one.startswith(f"{expected}:") for one in needed), row
        writes = any(one.endswith(":write") for one in needed)
        assert writes is (row.method != "GET"), row
    for field in MATRIX:
        action = "write" if field in engine.schema.mutation_type.fields else "read"  # type: ignore[union-attr]
        scope = scopes.of_root(field, action)
        assert scope is not None or field in {"viewer", "node", "nodes"}, field
