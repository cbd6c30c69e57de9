"""A fresh person with a file store of her own, for the tests of this folder."""

from pathlib import Path

import pytest

from graph.context import Services
from models.stores.files import LocalFiles
from tests.imports.world import World


@pytest.fixture
async def world(services: Services, tmp_path: Path) -> World:
    """Somebody new with an empty ledger."""
    made = World(services.database, services.ledgers, LocalFiles(tmp_path / "files"), b"s" * 32)
    await made.person()
    return made
