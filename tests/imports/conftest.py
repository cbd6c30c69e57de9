"""One database for the tests of this folder, and a stage for scenes in it."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from models.embedded.parts import Endpoints, temporary_parts
from tests.imports.world import Scene, play_in, prepare_database


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    with temporary_parts() as ends:
        asyncio.run(prepare_database(ends))
        yield ends


@pytest.fixture
def play(endpoints: Endpoints, tmp_path: Path) -> Callable[[Scene], None]:
    """Run a scene: ``play(scene)`` with ``async def scene(world)``."""
    return partial(play_in, endpoints, tmp_path)
