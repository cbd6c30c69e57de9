"""The whole product against a model in exact arithmetic, through both doors."""

import asyncio
from functools import partial

import httpx2
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from tests.model.machine import Books

pytestmark = [pytest.mark.anyio, pytest.mark.case("X12")]


async def test_random_commands_leave_the_books_that_the_model_expects(
    client: httpx2.AsyncClient, running: Running
) -> None:
    worker = Worker(running.services.database, running.broker, job_handlers(running.services))
    machine = partial(Books, asyncio.get_running_loop(), client, worker.run_due)
    chosen = hypothesis_settings(max_examples=5, stateful_step_count=20, deadline=None)
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)
