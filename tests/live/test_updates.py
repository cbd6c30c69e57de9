"""/ws/updates: plain JSON, resumed by cursor, with what others share and take away."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from graph.changes import ChangeCursors
from graph.context import Services
from graph.http import updates_ws
from models.embedded.parts import Endpoints
from models.embedded.postgres import SUPERUSER
from resolvers.feed import Seen
from tests.doors import GraphQLDoor, Person, RestDoor
from tests.live.following import Copy, since
from tests.live.groups import share
from tests.live.sockets import Talk

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
PATHS = ["/ws/updates", "/v1/ws/updates"]


@pytest.fixture
async def root(parts: Endpoints, services: Services) -> Any:
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user=SUPERUSER,
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


async def begin(dial: Any, person: Person, path: str = "/ws/updates", **more: Any) -> Talk:
    """A socket that has said who it is."""
    talk = await dial(path)
    await talk.say({"type": "auth", "token": person.token, **more})
    return talk


async def ready(dial: Any, person: Person, **more: Any) -> tuple[Talk, str]:
    talk = await begin(dial, person, **more)
    message = await talk.hear()
    assert message.keys() == {"type", "cursor"}
    assert message["type"] == "ready"
    return talk, message["cursor"]


@pytest.mark.parametrize("path", PATHS)
async def test_it_tells_what_happens_as_the_contract_has_it(
    dial: Any, client: Any, ada: Person, bob: Person, path: str
) -> None:
    talk = await begin(dial, ada, path)
    assert (await talk.hear())["type"] == "ready"
    await GraphQLDoor(client, bob).call("CreateAccount", CASH)
    door = RestDoor(client, ada)
    account = await door.call("CreateAccount", CASH)
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1.5", "description": "x"}
    made = await door.call("CreateTransaction", row)
    changed = await door.call("UpdateTransaction", {"amount": "-2.5"}, id=made["id"])
    first, second, third = await talk.several(3)
    assert first["type"] == "account.created"
    assert second["type"] == "transaction.created"
    assert third == {
        "type": "transaction.updated",
        "id": made["id"],
        "version": 2,
        "cursor": third["cursor"],
        "at": changed["updatedAt"],
        "actorId": ada.id,
        "groupId": None,
        "data": {name: changed[name] for name in third["data"]},
    }
    assert third["data"]["amount"] == "-2.50"
    assert (await since(door, second["cursor"])) == [third]
    await talk.silence()


async def test_the_token_may_come_as_a_header(dial: Any, client: Any, ada: Person) -> None:
    door = RestDoor(client, ada)
    await door.call("CreateAccount", CASH)
    talk = await dial("/ws/updates?cursor=start&kinds=account", additional_headers=ada.headers)
    start, account = await talk.several(2)
    assert (start["type"], account["type"]) == ("ready", "account.snapshot")
    await talk.say({"type": "auth", "token": ada.token})
    assert (await talk.end())[0] == 4429


@pytest.mark.case("W02")
@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], 4408),
        ([{"type": "subscribe"}], 4401),
        ([{}], 4401),
        ([{"type": "auth"}], 4400),
        ([{"type": "auth", "token": 7}], 4400),
        ([{"type": "auth", "token": "x"}], 4403),
        ([{"type": "auth", "token": "TOKEN"}, {"type": "auth", "token": "TOKEN"}], 4429),
        ([{"type": "auth", "token": "TOKEN"}, {"type": "subscribe"}], 4400),
        (["x"], 4400),
        ([b"x"], 4400),
    ],
    ids=str,
)
async def test_a_wrong_word_closes_with_its_code(
    dial: Any, ada: Person, messages: list[Any], code: int
) -> None:
    talk = await dial("/ws/updates")
    for one in messages:
        named = isinstance(one, dict) and one.get("token") == "TOKEN"
        await talk.say({**one, "token": ada.token} if named else one)
    assert (await talk.end())[0] == code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"cursor": "x"}, "INVALID_CURSOR"),
        ({"cursor": 7}, "VALIDATION_ERROR"),
        ({"kinds": ["nothing"]}, "VALIDATION_ERROR"),
        ({"kinds": "account"}, "VALIDATION_ERROR"),
        ({"kinds": [["account"]]}, "VALIDATION_ERROR"),
    ],
    ids=str,
)
async def test_what_is_wrong_with_the_wish_is_told(
    dial: Any, ada: Person, more: Any, code: str
) -> None:
    talk = await begin(dial, ada, **more)
    message = await talk.hear()
    assert (message["type"], message["error"]["code"]) == ("error", code)
    assert await talk.end() == (4400, code)


async def test_a_cursor_the_feed_does_not_reach_is_told_to_sync_anew(
    dial: Any, ada: Person, services: Services
) -> None:
    actor = await services.auth.actor(ada.token)
    ahead = ChangeCursors(services.cursor_key, actor).seal({actor.ledger_id: Seen(1_000)})
    talk = await begin(dial, ada, cursor=ahead)
    assert (await talk.hear())["type"] == "ready"
    assert (await talk.hear())["error"]["code"] == "GONE"
    assert await talk.end() == (4400, "GONE")


async def test_only_some_kinds(dial: Any, client: Any, ada: Person) -> None:
    talk, _ = await ready(dial, ada, kinds=["category"])
    door = RestDoor(client, ada)
    await door.call("CreateAccount", CASH)
    made = await door.call("CreateCategory", {"name": "x", "kind": "INCOME"})
    assert (await talk.hear())["id"] == made["id"]
    await talk.silence()


@pytest.mark.case("W06")
async def test_a_shared_ledger_arrives_whole_and_goes_at_once(
    dial: Any, client: Any, ada: Person, bob: Person, services: Services, root: Any
) -> None:
    shared = await share(services, root, ada)
    old = await shared.write("old")
    talk, _ = await ready(dial, bob)
    await shared.join(bob)
    # Nothing tells of a membership alone: the next look finds it.
    seen = await talk.hear()
    assert (seen["type"], seen["id"], seen["groupId"]) == ("category.snapshot", old, shared.id)
    new = await shared.write("new")
    heard = await talk.hear()
    assert (heard["type"], heard["id"], heard["data"]["name"]) == ("category.created", new, "new")
    await shared.leave(bob)
    await shared.write("secret")
    gone = await talk.hear()
    assert (gone["type"], gone["id"], gone["data"]) == ("ledger.removed", shared.id, None)
    await shared.write("secret too")
    await talk.silence()
    # The cursor has forgotten it as well, and who comes back gets it whole.
    assert await since(RestDoor(client, bob), gone["cursor"]) == []
    lost = await since(RestDoor(client, bob), heard["cursor"])
    assert [one["type"] for one in lost] == ["ledger.removed"]
    await shared.join(bob)
    again = await since(RestDoor(client, bob), gone["cursor"])
    names = [one["data"]["name"] for one in again]
    assert names == ["old", "new", "secret", "secret too"]
    assert {one["type"] for one in again} == {"category.snapshot"}


async def test_a_group_is_followed_on_its_own(
    dial: Any, client: Any, ada: Person, bob: Person, services: Services, root: Any
) -> None:
    shared = await share(services, root, ada)
    await shared.join(bob)
    document = "subscription($id: ID!){groupChanged(groupId:$id){type id groupId}}"
    talk = await (await dial()).init(bob.token)
    await talk.run(document, id=shared.id)
    await talk.silence()
    await RestDoor(client, bob).call("CreateAccount", CASH)
    made = await shared.write("x")
    told = (await talk.next())["groupChanged"]
    assert told == {"type": "category.created", "id": made, "groupId": shared.id}
    await shared.leave(bob)
    await shared.write("y")
    assert (await talk.next())["groupChanged"]["type"] == "ledger.removed"
    assert (await talk.hear())["type"] == "complete"


@pytest.mark.case("W09")
@pytest.mark.parametrize("seed", range(3))
async def test_killed_and_resumed_under_writes_there_is_no_gap_and_no_repeat(
    dial: Any, client: Any, ada: Person, bob: Person, services: Services, root: Any, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same accidents every time
    door = GraphQLDoor(client, bob)
    shared = await share(services, root, ada)
    await shared.join(bob)
    account = (await door.call("CreateAccount", CASH))["id"]
    begun = (await door.query("{viewer{changeCursor}}"))["data"]["viewer"]["changeCursor"]
    copy = Copy()
    copy.take(await since(door, "start"))
    over = asyncio.Event()

    async def own(number: int) -> None:
        mine = random.Random(seed * 10 + number)  # noqa: S311
        row = {"accountId": account, "date": "2026-01-01", "amount": "1", "description": "x"}
        rounds = 0
        # However slowly the reader comes back, there is something to write while she does.
        while rounds < 12 or kills < 3:
            rounds += 1
            if mine.random() < 0.5:
                await door.call("CreateTransactions", transactions=[row] * mine.randint(1, 9))
            else:
                made = await door.call("CreateTransaction", row)
                await door.call("UpdateTransaction", {"amount": "2"}, id=made["id"])
            # Then slowly: a quick server must not use up the limit of requests meanwhile.
            await asyncio.sleep(mine.random() / 50 if rounds < 12 else 0.2)

    async def others() -> None:
        for number in range(15):
            await shared.write(f"{seed} {number}")
            await asyncio.sleep(0.01)

    async def writing() -> None:
        await asyncio.gather(own(1), own(2), others())
        over.set()

    writers = asyncio.create_task(writing())
    cursor, heard, kills = begun, [], 0
    while True:
        finished = over.is_set()
        talk = await begin(dial, bob, cursor=cursor)
        assert (await talk.hear())["type"] == "ready"
        for _ in range(10_000 if finished else chance.randint(0, 12)):
            await talk.say({"type": "ping"})
            message = await talk.hear()
            while message["type"] != "pong":
                heard.append(message)
                cursor = message["cursor"]
                message = await talk.hear()
            present = (await door.query("{viewer{changeCursor}}"))["data"]["viewer"]["changeCursor"]
            if finished and cursor == present:
                break
            await asyncio.sleep(0.005)
        if finished and cursor == present:
            break
        kills += 1
        if chance.random() < 0.5:
            talk.connection.transport.abort()
        else:
            await talk.close()
    await writers
    assert kills > 2
    told = await since(door, begun, limit=7)
    for books in (None, shared.id):
        mine, theirs = of_books(heard, books), of_books(told, books)
        assert mine == theirs
    assert len(heard) == len(told)
    copy.take(heard)
    whole = Copy()
    whole.take(await since(door, "start"))
    assert copy.objects == whole.objects


def of_books(events: list[Any], group: str | None) -> list[Any]:
    """What happened in one ledger; a cursor also says how far the others were read."""
    return [{**one, "cursor": ""} for one in events if one["groupId"] == group]


async def test_two_sockets_and_http_tell_the_same(dial: Any, client: Any, ada: Person) -> None:
    door = RestDoor(client, ada)
    talk, cursor = await ready(dial, ada)
    graph = await (await dial()).init(ada.token)
    document = "subscription{changes{type id version at actorId groupId cursor data}}"
    await graph.run(document)
    await graph.silence()
    for number in range(3):
        await door.call("CreateAccount", {**CASH, "name": str(number)})
    one = await talk.several(3)
    other = [(await graph.next())["changes"] for _ in range(3)]
    assert one == other == await since(door, cursor)


async def test_a_client_that_hangs_up_leaves_nothing(dial: Any, ada: Person) -> None:
    for _ in range(5):
        talk, _ = await ready(dial, ada, cursor="start")
        talk.connection.transport.abort()
        with pytest.raises(ConnectionClosed):
            await talk.hear()


async def test_who_leaves_in_the_middle_is_no_error_of_ours(
    dial: Any, client: Any, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = RestDoor(client, ada)
    account = (await door.call("CreateAccount", CASH))["id"]
    row = {"accountId": account, "date": "2026-01-05", "amount": "-1.00", "description": "x" * 400}
    for _ in range(4):
        await door.call("CreateTransactions", transactions=[row] * 500)
    masked: list[Exception] = []
    whole = updates_ws.masked

    def note(error: Exception, request_id: str) -> Any:
        masked.append(error)
        return whole(error, request_id)

    monkeypatch.setattr(updates_ws, "masked", note)
    for _ in range(3):
        talk, _ = await ready(dial, ada, cursor="start")
        for _ in range(3):
            await talk.hear()
        talk.connection.transport.abort()
        await asyncio.sleep(0.3)
    assert masked == []
