"""The product on a Redis Cluster of six nodes: a dead primary ends no session and opens no limit."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr

from app import ROOT, Running, create_app, start
from models.embedded.parts import Endpoints
from models.limits import DatabaseWindows, SharedWindows
from models.stores.addresses import redis_cluster
from models.stores.broker import LocalBroker
from models.stores.limits import RedisWindows, Share
from models.stores.redis import Cache, CacheDown
from models.stores.sessions import AnnouncedSessions, RedisSessions, RememberedSessions
from settings import Settings, SettingsError, load
from tests.conftest import fresh_address
from tests.doors import Person, register
from tests.ops.nodes import Nodes, six_nodes

pytestmark = pytest.mark.anyio
TAGGED = re.compile(rb"pt:\{[^{}]+\}:.+")
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    folder = Path(tempfile.mkdtemp(prefix="pt-nodes-"))
    with six_nodes(folder) as found:
        yield found
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def clustered(
    nodes: Nodes, parts: Endpoints, settings: Settings, running: Running, anyio_backend: str
) -> AsyncIterator[Running]:
    """The product, told of the cluster by a setting and nothing else."""
    told = settings.model_copy(update={"redis_url": SecretStr(nodes.url)})
    process = await start(told, parts)
    yield process
    await process.close()


@pytest.fixture
async def there(clustered: Running, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(clustered.services, settings, clustered)
    transport = httpx2.ASGITransport(app=app, client=(fresh_address(), 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def answers(cache: Cache, nodes: Nodes) -> None:
    """Wait until the cache is there again, all shards of it."""
    for _ in range(400):
        with suppress(CacheDown):
            for tag in "abcdefgh":
                await cache.call(lambda redis, tag=tag: redis.get(f"pt:{{{tag}}}:x"))  # type: ignore[misc]
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"the cache stays away: {nodes.roles()}")


async def traffic(client: httpx2.AsyncClient, person: Person) -> None:
    """What meets every use of the cache: both doors, reads twice, writes, wrong passwords."""
    made = await client.post("/v1/accounts", json=ACCOUNT, headers=person.headers)
    assert made.status_code == 201
    for _ in range(3):
        for path in ("/v1/accounts", "/v1/auth/me", "/v1/transactions", "/v1/categories"):
            read = await client.get(path, headers=person.headers)
            assert read.status_code == 200, path
        query = {"query": "{viewer{id ledgers{edges{node{id name}}}}}"}
        asked = await client.post("/graphql", json=query, headers=person.headers)
        assert asked.status_code == 200
    wrong = await client.post("/v1/auth/login", json={"email": person.email, "password": "x"})
    assert wrong.status_code == 401


@pytest.mark.case("R03")
async def test_every_key_has_the_tag_of_whom_it_belongs_to(
    there: httpx2.AsyncClient, clustered: Running, nodes: Nodes
) -> None:
    ada = await register(there)
    await traffic(there, ada)
    assert clustered.cache is not None
    assert not clustered.cache.down
    keys = nodes.keys()
    assert [key for key in keys if not TAGGED.fullmatch(key)] == []
    kinds = {key.rpartition(b"}:")[2].split(b":")[0] for key in keys}
    assert {b"session", b"user"} <= kinds


def test_no_key_is_written_without_a_tag() -> None:
    written = set()
    for room in ("models", "resolvers", "graph"):
        for path in (ROOT / room).rglob("*.py"):
            written |= set(re.findall(r"[\"']pt:([^\"']*)", path.read_text()))
    # The tag is a variable in braces, or comes with the share; rights are patterns.
    untagged = {one for one in written if not one.startswith(("{{{", "{share.key}", "*"))}
    # One channel, and the key of the probe of a single server.
    assert untagged == {"signals", "probe"}


async def test_keys_of_two_shards_are_refused_together(clustered: Running, nodes: Nodes) -> None:
    assert clustered.cache is not None
    with pytest.raises(CacheDown):
        await clustered.cache.call(lambda redis: redis.mget(["pt:{a}:x", "pt:{b}:x"]))
    await answers(clustered.cache, nodes)


async def test_a_line_that_was_closed_a_moment_ago_is_no_defect_of_ours(
    clustered: Running, nodes: Nodes
) -> None:
    async def write(_: object) -> None:
        # In the words of uvloop, as a drill met them when a primary died.
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    assert clustered.cache is not None
    with pytest.raises(CacheDown):
        await clustered.cache.call(write)
    await answers(clustered.cache, nodes)


@pytest.mark.case("R03")
async def test_a_dead_primary_ends_no_session_and_opens_no_limit(
    nodes: Nodes, clustered: Running, there: httpx2.AsyncClient
) -> None:
    ada, bob = await register(there), await register(there)
    out = await there.post("/v1/auth/logout", headers=bob.headers)
    assert out.status_code == 200
    # Two processes of the fleet count and remember beside the product.
    secret, database = os.urandom(32), DatabaseWindows(clustered.services.database)
    caches = [Cache(url=nodes.url) for _ in range(2)]
    counts = [SharedWindows(RedisWindows(cache), database, processes=2) for cache in caches]
    brokers = [LocalBroker(cache) for cache in caches]
    behind = [RedisSessions(cache, secret) for cache in caches]
    kept = [
        RememberedSessions(AnnouncedSessions(one, broker), broker)
        for one, broker in zip(behind, brokers, strict=True)
    ]
    try:
        for broker in brokers:
            broker.keep()
            await until(lambda broker=broker: broker.stands)
        share, session = Share("{somebody}:user", 30, 3_600), uuid4()
        await kept[0].put(session, b"somebody")
        passed = [(await counts[at % 2].take([share])).admitted for at in range(20)]
        victims = {nodes.primary_of(f"pt:{share.key}")}
        victims |= {nodes.primary_of(f"pt:{{{session}}}:session")}
        await asyncio.sleep(0.2)
        # One after the other: the second goes when the first has been replaced.
        for victim in victims:
            nodes.kill(victim)
            replaced = asyncio.create_task(asyncio.to_thread(nodes.wait))
            for _ in range(10):
                assert (await there.get("/v1/auth/me", headers=ada.headers)).status_code == 200
                assert (await there.get("/v1/auth/me", headers=bob.headers)).status_code == 401
            passed += [(await counts[at % 2].take([share])).admitted for at in range(4)]
            # Back sooner than it is replaced, a node without a disk would come back empty.
            await replaced
            for cache in [*caches, clustered.cache]:
                assert cache is not None
                await answers(cache, nodes)
            nodes.launch(victim)
            await asyncio.to_thread(nodes.wait)
        for at in range(20):
            passed.append((await counts[at % 2].take([share])).admitted)
        # Both processes have told what they let pass meanwhile, and what was counted is still there.
        assert sum(passed) <= share.limit + 1
        stranger = RedisWindows(caches[0])
        seen = (await stranger.take([Share(share.key, 30, 3_600, 0)])).standings[0].used
        assert seen == sum(passed)
        assert await behind[1].get(session) == b"somebody"
        # Signals are heard again wherever their shard is now, and sessions that end do at once.
        for broker in brokers:
            await until(lambda broker=broker: broker.stands)
        await kept[1].deny([session])
        await until(lambda: session not in kept[0]._kept)
        assert await kept[0].get(session) is None
        assert (await there.get("/v1/auth/me", headers=bob.headers)).status_code == 401
    finally:
        for broker in brokers:
            await broker.close()
        for cache in caches:
            await cache.close()


@pytest.mark.parametrize(
    ("url", "nodes", "login"),
    [
        ("redis+cluster://a", (("a", 6379),), (None, None)),
        ("rediss+cluster://u:p%40@a:1,b:2/0", (("a", 1), ("b", 2)), ("u", "p@")),
        ("redis+cluster://:p@[::1]:7000,b", (("::1", 7000), ("b", 6379)), (None, "p")),
    ],
)
def test_the_address_of_a_cluster(
    url: str, nodes: tuple[tuple[str, int], ...], login: tuple[str | None, str | None]
) -> None:
    found = redis_cluster(url)
    assert (found.nodes, (found.username, found.password)) == (nodes, login)
    assert found.tls is url.startswith("rediss")


@pytest.mark.parametrize(
    "url",
    ["redis+cluster://", "redis+cluster://a:x", "redis+cluster://a,,b", "redis+cluster://a/1",
     "redis+cluster://a?b=c", "redis://a:1,b:2", "valkey+cluster://a"],
)  # fmt: skip
def test_wrong_addresses_stop_the_start(clean_settings: pytest.MonkeyPatch, url: str) -> None:
    clean_settings.setenv("POCKETTREND_REDIS_URL", url)
    with pytest.raises(SettingsError, match="POCKETTREND_REDIS_URL: must be redis://"):
        load()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("redis+cluster://127.0.0.1:1,10.0.0.1:2", True),
        ("redis+cluster://127.0.0.1:1,127.0.0.1:2", False),
        ("rediss+cluster://10.0.0.1:2", False),
        ("redis://10.0.0.1:2/0", True),
        ("rediss://10.0.0.1:2/0", False),
    ],
)
def test_a_network_without_tls_deserves_a_word(
    settings: Settings, url: str, *, warned: bool
) -> None:
    told = settings.model_copy(update={"profile": "production", "redis_url": SecretStr(url)})
    assert any("REDIS_URL" in line for line in told.warnings()) is warned
