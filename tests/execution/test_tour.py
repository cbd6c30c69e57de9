"""One life through every documented endpoint, each of its reads asked of both executors."""

from collections import Counter
from typing import Any

import httpx2
import pytest

from app import Running
from graph.engine import Engine
from graph.execution.nodes import is_mutation
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from settings import Settings
from tests.auth.test_passwords import Post
from tests.contract.tour import Tour
from tests.doors import RestDoor
from tests.execution.both import run_both

pytestmark = pytest.mark.anyio


async def test_every_read_of_a_life_has_one_answer(
    client: httpx2.AsyncClient,
    running: Running,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: Counter[str] = Counter()
    alone = Engine.run

    async def run(self: Engine, context: Any, compiled: Any, variables: Any, name: Any = None, **options: Any) -> Any:  # fmt: skip
        if not is_mutation(compiled.operation(name)):
            asked[name] += 1
        # An export is a new file each time, link and all.
        one = alone if name == "Export" else run_both
        return await one(self, context, compiled, variables, name, **options)

    monkeypatch.setattr(Engine, "run", run)
    worker = Worker(running.services.database, running.broker, job_handlers(running.services))
    tour = Tour(RestDoor(client), client, worker.run_due, Post(running, settings.data / "mail").token)  # fmt: skip
    await tour.live("tour.ada.both@example.org", "tour.ben.both@example.org")
    for word in ("Group", "Notification", "Budget", "Template", "Summary", "Breakdown"):
        assert any(word in name for name in asked), (word, asked)
    assert len(asked) > 30, asked
