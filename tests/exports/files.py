"""Downloading exports through either door: by the path itself, or by the graph's link."""

import csv
import io
from typing import Any
from urllib.parse import urlsplit

import httpx2

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from tests.doors import Door, GraphQLDoor, Refused


async def answer_of(
    door: Door, format: str, *, method: str = "GET", **filters: Any
) -> httpx2.Response:
    """The answer that carries a file."""
    client, headers = door.client, door.headers
    if isinstance(door, GraphQLDoor):
        link = await door.call("Export", format=format.upper(), **filters)
        url = urlsplit(link["downloadUrl"])
        return await client.request(method, f"{url.path}?{url.query}")
    query = {
        name: str(value).lower() if isinstance(value, bool) or name == "paper" else value
        for name, value in filters.items()
    }
    path = f"/v1/analytics/export/{format}"
    return await client.request(method, path, params=query, headers=headers)


async def download(door: Door, format: str, **filters: Any) -> bytes:
    """The file; raises Refused."""
    answer = await answer_of(door, format, **filters)
    if answer.status_code != 200:
        error = answer.json()["error"]
        raise Refused(answer.status_code, error["code"], error["message"], error["details"])
    return answer.content


async def table_of(door: Door, **filters: Any) -> list[dict[str, str]]:
    """The lines of a CSV export."""
    content = await download(door, "csv", **filters)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def drained(running: Running) -> int:
    """Run all jobs that are due; how many there were."""
    services = running.services
    return await Worker(services.database, running.broker, job_handlers(services)).run_due()
