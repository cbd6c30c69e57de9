"""A real server on a real port, in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.applications import Starlette

from graph.context import Services
from graph.http.process import bind
from graph.http.server import make_server
from tests.live.sockets import Talk, talk


@pytest.fixture(scope="session")
async def address(app: Starlette, anyio_backend: str) -> AsyncIterator[str]:
    """Host and port of the application."""
    server = make_server(app, shutdown_seconds=2, proxies=())
    taken = bind("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    await server.listening.wait()
    yield f"127.0.0.1:{taken.getsockname()[1]}"
    server.should_exit = True
    await serving


Open = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def dial(address: str, services: Services) -> AsyncIterator[Open]:
    """Opens sockets and closes them; then nothing may be left of them."""
    opened: list[Talk] = []

    async def one(path: str = "/graphql", **options: object) -> Talk:
        made = await talk(f"ws://{address}{path}", **options)
        opened.append(made)
        return made

    yield one
    for each in opened:
        await each.close()
    for _ in range(400):
        if services.live.counts() == (0, 0, 0):
            break
        await asyncio.sleep(0.025)
    assert services.live.counts() == (0, 0, 0)
