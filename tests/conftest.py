"""Shared fixtures: real parts once a process, one event loop, fresh people for every test."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import pytest
from starlette.applications import Starlette

from app import Running, create_app, migrate_all, start
from graph.context import Services
from graph.engine import Engine
from graph.http.logs import configure_logs
from graph.http.process import bind
from graph.http.server import make_server
from models.embedded.parts import Endpoints, temporary_parts
from settings import Settings
from tests.doors import Door, GraphQLDoor, Person, RestDoor, register
from tests.execution.both import run_both

# A busy machine is no defect of a property.  The same examples run everywhere, so that a change is
# judged by what it changes; `make soak` looks for new ones.
_PROFILE = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, **_PROFILE)
hypothesis.settings.register_profile("soak", max_examples=1_000, print_blob=True, **_PROFILE)
hypothesis.settings.load_profile(os.environ.get("POCKETTREND_EXAMPLES", "same"))

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which executor answers the queries of the tests."""
    parser.addoption(
        "--executor",
        choices=["plan", "reference", "both"],
        default="plan",
        help="run operations by plan, under graphql-core, or ask both and compare their answers",
    )


@pytest.fixture(scope="session", autouse=True)
def executor(request: pytest.FixtureRequest) -> Iterator[None]:
    """The executor that was asked for on the command line."""
    wanted = request.config.getoption("--executor")
    with pytest.MonkeyPatch.context() as patch:
        if wanted == "reference":
            patch.setattr(Engine, "plan", lambda *_: None)
        elif wanted == "both":
            patch.setattr(Engine, "run", run_both)
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for the whole process: the pool of connections belongs to it."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Real bank files beside the project; absent elsewhere, but never in continuous integration."""
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SHARED} is absent although CI=true")
        pytest.skip("the folder with real bank files is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """The product's own log lines: short, and the same as in production."""
    configure_logs(level="warning", style="json", for_good=False)


@pytest.fixture(scope="session")
def parts() -> Iterator[Endpoints]:
    """Real PostgreSQL and Valkey for this process."""
    with temporary_parts() as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a local server whose passwords hash quickly."""
    return Settings(
        data=tmp_path_factory.mktemp("data"),
        argon2_memory_kib=8_192,
        argon2_passes=1,
        public_url="http://testserver",
    )


@pytest.fixture(scope="session")
async def running(
    parts: Endpoints, settings: Settings, anyio_backend: str
) -> AsyncIterator[Running]:
    """A migrated database and all services around it."""
    await migrate_all(settings, parts)
    process = await start(settings, parts)
    yield process
    await process.close()


@pytest.fixture(scope="session")
def services(running: Running) -> Services:
    """The services of this process."""
    return running.services


@pytest.fixture(scope="session")
def app(running: Running, settings: Settings) -> Starlette:
    """The whole application."""
    return create_app(running.services, settings, running)


@pytest.fixture(scope="session")
async def address(app: Starlette, anyio_backend: str) -> AsyncIterator[str]:
    """Host and port of the application, served on a real socket."""
    server = make_server(app, shutdown_seconds=2, proxies=())
    taken = bind("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    await server.listening.wait()
    yield f"127.0.0.1:{taken.getsockname()[1]}"
    server.should_exit = True
    await serving


_ADDRESSES = itertools.count(1)


def fresh_address() -> str:
    """An address that has not spent any limit yet."""
    return str(IPv4Address("10.0.0.0") + next(_ADDRESSES))


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of the application at an address of its own, signed in as nobody."""
    transport = httpx2.ASGITransport(app=app, client=(fresh_address(), 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as found:
        yield found


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """A person who has just registered."""
    return await register(client, name="Ada")


@pytest.fixture
async def bob(client: httpx2.AsyncClient) -> Person:
    """Somebody else."""
    return await register(client, name="Bob")


@pytest.fixture(params=["graphql", "rest"])
def door_kind(request: pytest.FixtureRequest) -> Any:
    """Both doors, one after the other."""
    return {"graphql": GraphQLDoor, "rest": RestDoor}[request.param]


@pytest.fixture
def door(door_kind: type[Door], client: httpx2.AsyncClient, ada: Person) -> Door:
    """One of the doors, entered by Ada."""
    return door_kind(client, ada)
