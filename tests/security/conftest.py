"""The application without limits, for tests that ask thousands of questions."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from starlette.applications import Starlette

from app import Running, create_app
from resolvers.limits import Limits
from settings import Settings
from tests.doors import Person, register


@pytest.fixture(scope="session")
def unlimited(running: Running, settings: Settings) -> Starlette:
    """The whole application, counting nothing."""
    off = Limits(None, b"", running.services.auth.family_of, on=False)  # type: ignore[arg-type]
    return create_app(replace(running.services, limits=off), settings)


@pytest.fixture
async def eager(unlimited: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that nobody slows down."""
    transport = httpx2.ASGITransport(app=unlimited)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as found:
        yield found


@pytest.fixture
async def eve(eager: httpx2.AsyncClient) -> Person:
    """Somebody who tries everything."""
    return await register(eager, name="Eve")
