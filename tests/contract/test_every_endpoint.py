"""All 78 documented operations in one life through each door, and the table of what was seen."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from settings import Settings
from tests.auth.test_passwords import Post
from tests.contract.test_contract import documented
from tests.contract.tour import Tour, table_of
from tests.doors import GraphQLDoor, RestDoor

pytestmark = pytest.mark.anyio

TABLE = Path(__file__).resolve().parents[2] / "docs" / "endpoints.md"


@pytest.fixture
def work(running: Running) -> Worker:
    """The product's worker, run when the tour says so."""
    return Worker(running.services.database, running.broker, job_handlers(running.services))


async def life(
    door: Any, client: httpx2.AsyncClient, work: Worker, settings: Settings, running: Running
) -> Tour:
    """One whole tour."""
    post = Post(running, settings.data / "mail")
    tour = Tour(door, client, work.run_due, post.token)
    word = type(door).__name__.lower()
    await tour.live(f"tour.ada.{word}@example.org", f"tour.ben.{word}@example.org")
    return tour


async def test_all_documented_operations_answer_alike_through_both_doors(
    client: httpx2.AsyncClient, work: Worker, settings: Settings, running: Running
) -> None:
    rest = await life(RestDoor(client), client, work, settings, running)
    graph = await life(GraphQLDoor(client), client, work, settings, running)
    owed = documented()
    assert set(owed) - set(rest.seen) == set()
    for key in owed:
        assert graph.seen[key].data == rest.seen[key].data, key
    assert TABLE.read_text() == table_of(rest.seen, owed), "write the new table to docs"
