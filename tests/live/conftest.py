"""Sockets that are opened and closed around each test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from graph.context import Services
from tests.live.sockets import Talk, talk

Open = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def dial(address: str, services: Services) -> AsyncIterator[Open]:
    """Opens sockets and closes them; then nothing may be left of them."""
    opened: list[Talk] = []

    async def one(path: str = "/graphql", **options: object) -> Talk:
        made = await talk(f"ws://{address}{path}", **options)
        made.followers = lambda: services.live.counts()[1]
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
