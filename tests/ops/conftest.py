"""What the tests of operation share: a migrated database, an environment without settings."""

import asyncio
import os

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from models.database import connect
from models.embedded.parts import Endpoints
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
def migrated(parts: Endpoints) -> Endpoints:
    """The embedded parts of this process, with all tables."""

    async def prepare() -> None:
        owner = engine(parts, OWNER, parts.owner_password)
        await migrate(owner, app_role=APP)
        await owner.dispose()

    asyncio.run(prepare())
    return parts


@pytest.fixture
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any setting of ours."""
    for name in list(os.environ):
        if name.upper().startswith("POCKETTREND_"):
            monkeypatch.delenv(name)
    return monkeypatch
