"""graphql-transport-ws on a real socket: every close code, several operations, who may speak."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graph.context import Services
from models.base import utc_now
from resolvers.sessions import end_sessions
from tests.doors import PASSWORD, GraphQLDoor, Person

pytestmark = pytest.mark.anyio

CHANGES = (
    "subscription($after: String){changes(after:$after){type id version cursor data node{id}}}"
)
INIT = {"type": "connection_init"}
SUBSCRIBE = {"id": "1", "type": "subscribe", "payload": {"query": "subscription{changes{id}}"}}


def init(token: str) -> dict[str, Any]:
    return {**INIT, "payload": {"Authorization": f"bearer {token}"}}


@pytest.mark.case("W01")
@pytest.mark.parametrize("protocol", ["graphql-ws", "mqtt", None])
async def test_only_one_protocol_is_spoken(dial: Any, address: str, protocol: str | None) -> None:
    offered = None if protocol is None else [protocol]
    async with connect(f"ws://{address}/graphql", subprotocols=offered, proxy=None) as connection:
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
    assert closed.value.rcvd.code == 4406


@pytest.mark.case("W02")
async def test_who_says_nothing_is_not_waited_for(dial: Any) -> None:
    assert await (await dial()).end() == (4408, "Connection initialisation timeout")


@pytest.mark.case("W02")
@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([SUBSCRIBE], 4401),
        ([INIT], 4403),
        ([{**INIT, "payload": {"authorization": "Basic eA=="}}], 4403),
        ([init("x")], 4403),
        ([init("TOKEN"), init("TOKEN")], 4429),
        ([init("TOKEN"), SUBSCRIBE, SUBSCRIBE], 4409),
        (["{"], 4400),
        (["[]"], 4400),
        (["7"], 4400),
        (["null"], 4400),
        (['"x"'], 4400),
        (['{"type":"ping","type":"ping"}'], 4400),
        ([b"{}"], 4400),
        ([{}], 4400),
        ([{"type": "start"}], 4400),
        ([{**INIT, "payload": "x"}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "payload": {"query": "{x}"}}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "id": "", "payload": {"query": "{x}"}}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "id": 1, "payload": {"query": "{x}"}}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "id": "1", "payload": None}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "id": "1", "payload": {}}], 4400),
        ([init("TOKEN"), {"type": "subscribe", "id": "1", "payload": {"query": 7}}], 4400),
        (
            [init("TOKEN"), {**SUBSCRIBE, "payload": {"query": "{x}", "variables": []}}],
            4400,
        ),
        ([init("TOKEN"), {"type": "complete"}], 4400),
    ],
    ids=str,
)
async def test_a_wrong_word_closes_with_its_code(
    dial: Any, ada: Person, messages: list[Any], code: int
) -> None:
    talk = await dial()
    for message in messages:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        if isinstance(text, str):
            text = text.replace("TOKEN", ada.token)
        await talk.say(text)
    assert (await talk.end())[0] == code


async def test_pings_are_answered_before_and_after_signing_in(dial: Any, ada: Person) -> None:
    talk = await dial()
    await talk.say({"type": "ping", "payload": {"n": 1}}, {"type": "ping"}, {"type": "pong"})
    assert await talk.several(2) == [{"type": "pong", "payload": {"n": 1}}, {"type": "pong"}]
    await talk.init(ada.token)
    await talk.silence()


async def test_a_bearer_header_signs_in_as_well(dial: Any, ada: Person) -> None:
    talk = await dial(additional_headers=ada.headers)
    await talk.say({**INIT, "payload": None})
    assert await talk.hear() == {"type": "connection_ack"}


async def test_queries_and_mutations_run_over_it_with_their_errors(dial: Any, ada: Person) -> None:
    talk = await (await dial()).init(ada.token)
    await talk.run("{viewer{email}}", "a")
    found, done = await talk.several(2)
    assert found["payload"]["data"] == {"viewer": {"email": ada.email}}
    assert found["payload"]["extensions"]["cost"]["requested"] >= 1
    assert done == {"id": "a", "type": "complete"}
    account = '{name:"A",type:CASH,currency:"EUR"}'
    create = f"mutation{{createAccount(input:{account},idempotencyKey:$k){{account{{id}}}}}}"
    for replayed in (None, True):
        await talk.run(create.replace("mutation{", "mutation($k:String){"), "a", k="k")
        found, _ = await talk.several(2)
        assert found["payload"]["extensions"].get("idempotencyReplayed") is replayed
    for document, code in (
        ("{", "BAD_REQUEST"),
        ("{nothing}", "VALIDATION_ERROR"),
        ("query a{viewer{id}} query b{viewer{id}}", "VALIDATION_ERROR"),
        ("{" + "".join(f"a{n}:viewer{{id}}" for n in range(31)) + "}", "QUERY_TOO_COMPLEX"),
        ('subscription{changes(after:"x"){id}}', "INVALID_CURSOR"),
        ('subscription{groupChanged(groupId:"grp_x"){id}}', "NOT_FOUND"),
        ('subscription{importProgress(importId:"imp_x"){id}}', "NOT_FOUND"),
        ('subscription{transactionChanged(accountId:"acct_x"){id}}', "NOT_FOUND"),
        ('subscription{balanceChanged(accountId:"acct_x"){accountId}}', "NOT_FOUND"),
        ("subscription{changes{id} balanceChanged{accountId}}", "VALIDATION_ERROR"),
    ):
        await talk.run(document, "a")
        error = await talk.hear()
        assert (error["type"], error["id"]) == ("error", "a")
        assert error["payload"][0]["extensions"]["code"] == code, error
    await talk.silence()


async def test_operations_run_side_by_side_and_end_one_by_one(
    dial: Any, ada: Person, client: Any
) -> None:
    talk = await (await dial()).init(ada.token)
    await talk.run(CHANGES, "a")
    await talk.run("subscription{balanceChanged{account{balance}}}", "b")
    await talk.run("{viewer{id}}", "c")
    assert [m["type"] for m in await talk.several(2)] == ["next", "complete"]
    door = GraphQLDoor(client, ada)
    body = {"name": "A", "type": "CASH", "currency": "EUR", "openingBalance": "7"}
    made = await door.call("CreateAccount", body)
    heard = {m["id"]: m["payload"]["data"] for m in await talk.several(2)}
    assert heard["a"]["changes"]["type"] == "account.created"
    assert heard["a"]["changes"]["node"] == {"id": made["id"]}
    assert heard["b"] == {"balanceChanged": {"account": {"balance": "7.00"}}}
    await talk.say({"id": "a", "type": "complete"}, {"id": "unknown", "type": "complete"})
    await talk.silence()
    await door.call("UpdateAccount", {"openingBalance": "8"}, id=made["id"])
    assert (await talk.hear())["id"] == "b"
    await talk.run(CHANGES, "a")
    await talk.silence()


@pytest.mark.case("W08")
async def test_the_twenty_first_operation_is_refused_and_the_others_stay(
    dial: Any, ada: Person
) -> None:
    talk = await (await dial()).init(ada.token)
    for number in range(20):
        await talk.run(CHANGES, str(number))
    await talk.run(CHANGES, "20")
    error = await talk.hear()
    assert (error["id"], error["type"]) == ("20", "error")
    assert error["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    await talk.say({"id": "3", "type": "complete"})
    await talk.run("{viewer{id}}", "20")
    assert [m["type"] for m in await talk.several(2)] == ["next", "complete"]


async def test_operations_on_a_socket_count_as_requests_do(
    dial: Any, ada: Person, client: Any
) -> None:
    async def left() -> int:
        answer = await client.get("/v1/auth/me", headers=ada.headers)
        return int(answer.headers["ratelimit"].partition(";r=")[2].partition(";")[0])

    before = await left()
    talk = await (await dial()).init(ada.token)
    for document in ("{viewer{id}}", "{nothing}", "subscription{changes{id}}"):
        await talk.run(document, document)
    await talk.silence_after(3)
    assert before - await left() == 5, "itself, the connection, and three operations"


@pytest.mark.case("W08")
async def test_a_message_over_64_kib_ends_the_socket(dial: Any, ada: Person) -> None:
    talk = await (await dial()).init(ada.token)
    frame = json.dumps({"type": "ping", "payload": {"x": "y" * 65_600}})
    await talk.say(frame[: 64 * 1024 - 20] + '"}}')
    assert (await talk.hear())["type"] == "pong"
    await talk.say(frame)
    assert (await talk.end())[0] == 1009


@pytest.mark.case("W03")
@pytest.mark.parametrize("path", ["/graphql", "/ws/updates", "/v1/ws/updates"])
@pytest.mark.parametrize("name", ["token", "access_token", "authorization"])
async def test_a_token_in_the_address_is_refused(
    dial: Any, ada: Person, path: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await dial(f"{path}?{name}={ada.token}")
    assert refused.value.response.status_code == 400
    assert ada.token not in refused.value.response.body.decode()
    printed = capfd.readouterr()
    assert ada.token not in printed.out + printed.err


@pytest.mark.case("W07")
@pytest.mark.parametrize("path", ["/graphql", "/ws/updates", "/v1/ws/updates"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost.evil.example", 403),
        ("https://localhost:3000", 403),
        ("http://localhost:3000", 101),
        ("http://127.0.0.1:5173", 101),
    ],
)
async def test_pages_of_foreign_origins_may_not_call(
    dial: Any, path: str, origin: str, status: int
) -> None:
    if status == 101:
        await dial(path, origin=origin)
        return
    with pytest.raises(InvalidStatus) as refused:
        await dial(path, origin=origin)
    assert refused.value.response.status_code == status
    assert b"FORBIDDEN" in refused.value.response.body


@pytest.mark.case("W03")
async def test_an_expired_token_does_not_come_in(
    dial: Any, ada: Person, services: Services
) -> None:
    old = await short_token(services, ada, -5)
    talk = await dial()
    await talk.say(init(old))
    assert (await talk.end())[0] == 4403
    talk = await dial("/ws/updates")
    await talk.say({"type": "auth", "token": old})
    assert (await talk.end())[0] == 4403


async def short_token(services: Services, person: Person, seconds: int) -> str:
    """An access token of a session that ends in some seconds."""
    actor = await services.auth.actor(person.token)
    assert actor.session_id is not None
    issued = utc_now() + timedelta(seconds=seconds - 900)
    return services.auth._tokens.issue(actor.user_id, actor.session_id, issued)


@pytest.mark.case("W04")
@pytest.mark.parametrize("path", ["/graphql", "/ws/updates"])
async def test_when_the_token_is_over_the_socket_is(
    dial: Any, ada: Person, client: Any, services: Services, path: str
) -> None:
    token = await short_token(services, ada, 10)
    talk = await dial(path)
    if path == "/graphql":
        await (await talk.init(token)).run(CHANGES)
        await talk.silence()
    else:
        await talk.say({"type": "auth", "token": token})
        assert (await talk.hear())["type"] == "ready"
    body = {"name": "A", "type": "CASH", "currency": "EUR"}
    await GraphQLDoor(client, ada).call("CreateAccount", body)
    assert "account.created" in json.dumps(await talk.hear())
    if path != "/graphql":
        error = await talk.hear()
        assert (error["type"], error["error"]["code"]) == ("error", "TOKEN_EXPIRED")
    assert await talk.end() == (4403, "The access token is over")


@pytest.mark.case("W05")
@pytest.mark.parametrize("how", ["logout", "revoke", "password", "reuse", "unheard"])
@pytest.mark.parametrize("path", ["/graphql", "/ws/updates"])
async def test_when_the_session_ends_the_socket_does(
    dial: Any, ada: Person, client: Any, services: Services, path: str, how: str
) -> None:
    talk = await dial(path)
    if path == "/graphql":
        await (await talk.init(ada.token)).run(CHANGES)
        await talk.silence()
    else:
        await talk.say({"type": "auth", "token": ada.token})
        assert (await talk.hear())["type"] == "ready"
    await end_session(how, client, ada, services)
    assert await talk.end() == (4403, "The session has ended")


async def end_session(how: str, client: Any, person: Person, services: Services) -> None:
    """Each way in which a session ends."""
    door = GraphQLDoor(client, person)
    if how == "logout":
        await client.post("/v1/auth/logout", headers=person.headers)
    elif how == "unheard":
        # Ended where no signal comes from: the next look finds it.
        actor = await services.auth.actor(person.token)
        await services.sessions._database.change(actor.user_id, lambda tx: _revoke(tx, actor))
    elif how == "reuse":
        for token in (person.refresh_token,) * 2:
            answer = await client.post("/v1/auth/refresh", json={"refreshToken": token})
        child = answer.json()["data"]["refreshToken"]
        await client.post("/v1/auth/refresh", json={"refreshToken": child})
        answer = await client.post("/v1/auth/refresh", json={"refreshToken": person.refresh_token})
        assert answer.status_code == 401
    else:
        login = {"email": person.email, "password": PASSWORD}
        other = (await client.post("/v1/auth/login", json=login)).json()["data"]["accessToken"]
        away = GraphQLDoor(client, Person(person.email, other, "", person.id))
        if how == "revoke":
            await away.query("mutation{revokeOtherSessions{revoked}}")
        else:
            change = f'{{current:"{PASSWORD}",new:"other {PASSWORD}"}}'
            await away.query(f"mutation{{changePassword(input:{change}){{changed}}}}")
    assert door.person is person


async def _revoke(tx: Any, actor: Any) -> Any:
    return await end_sessions(tx, actor, "REVOKED")


async def test_who_signs_out_while_coming_in_does_not_stay(
    dial: Any, ada: Person, client: Any, services: Services
) -> None:
    actor = await services.auth.actor(ada.token)
    await services.sessions._database.change(actor.user_id, lambda tx: _revoke(tx, actor))
    talk = await dial()
    await talk.say(init(ada.token))
    assert (await talk.end())[0] == 4403


@pytest.mark.case("W08")
async def test_a_reader_who_never_reads_is_let_go(
    dial: Any, ada: Person, client: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.http.sockets.STALL_SECONDS", 0.2)
    door = GraphQLDoor(client, ada)
    body = {"name": "A", "type": "CASH", "currency": "EUR"}
    account = (await door.call("CreateAccount", body))["id"]
    row = {"accountId": account, "date": "2026-01-01", "amount": "1", "description": "x" * 200}
    for _ in range(3):
        await door.call("CreateTransactions", transactions=[{**row, "notes": "n" * 1_000}] * 500)
    talk = await dial(max_queue=1, max_size=2**24)
    await talk.init(ada.token)
    for number in range(20):
        await talk.run('subscription{changes(after:"start"){data}}', str(number))
    await until(lambda: services.live.counts()[0] == 1)
    await until(lambda: services.live.counts() == (0, 0, 0))
    heard, (code, _) = await talk.rest()
    assert code in {1006, 1013}
    assert heard < 20_000


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")
