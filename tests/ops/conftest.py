"""A migrated database of the embedded parts, shared by the tests of operation."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from models.database import connect
from models.embedded.parts import Endpoints, temporary_parts
from models.embedded.postgres import APP, OWNER
from models.migrate import migrate


def engine(endpoints: Endpoints, user: str, password: str) -> AsyncEngine:
    return connect(
        host=endpoints.database_host,
        port=endpoints.database_port,
        name=endpoints.database_name,
        user=user,
        password=password,
        pool_size=5,
    )


@pytest.fixture(scope="session")
def migrated() -> Iterator[Endpoints]:
    """Embedded parts whose database has all tables."""
    with temporary_parts() as endpoints:

        async def prepare() -> None:
            owner = engine(endpoints, OWNER, endpoints.owner_password)
            await migrate(owner, app_role=APP)
            await owner.dispose()

        asyncio.run(prepare())
        yield endpoints


@pytest.fixture
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any setting of ours."""
    for name in list(os.environ):
        if name.upper().startswith("POCKETTREND_"):
            monkeypatch.delenv(name)
    return monkeypatch
